-- index.sql - the index method: what it finds, when the planner takes it, and that it agrees with its table after every kind of change.
CREATE EXTENSION adah;
CREATE FUNCTION code_of(i integer) RETURNS hamming_code LANGUAGE sql IMMUTABLE AS $$ SELECT substr(md5(i::text), 1, 16)::hamming_code $$;
CREATE TABLE photos (id integer, album integer, code hamming_code(64));
INSERT INTO photos SELECT i, i % 7, code_of(i) FROM generate_series(1, 20000) i;
INSERT INTO photos VALUES (0, 0, NULL);
CREATE INDEX photos_code ON photos USING adah (code);
ANALYZE photos;
SELECT adah_index_check('photos_code');

-- Nearest first; the planner takes the index.
EXPLAIN (COSTS OFF) SELECT id FROM photos ORDER BY code <~> '0123456789abcdef' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM photos WHERE album = 3 ORDER BY code <~> '0123456789abcdef' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM photos WHERE code @~ hamming_ball('0123456789abcdef', 12);
EXPLAIN (COSTS OFF) SELECT count(*) FROM photos;

-- The same as without the index: distances in order, and every row. The n-th distance of both is compared, and the rows with their distances.
CREATE FUNCTION differs(query text) RETURNS TABLE (rows_differ bigint, order_differs bigint) LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    SET LOCAL enable_bitmapscan = off;
    EXECUTE 'CREATE TEMP TABLE by_index ON COMMIT DROP AS SELECT row_number() OVER () AS place, q.* FROM (' || query || ') q';
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_sort = on;
    SET LOCAL enable_indexscan = off;
    EXECUTE 'CREATE TEMP TABLE by_table ON COMMIT DROP AS SELECT row_number() OVER () AS place, q.* FROM (' || query || ') q';
    RETURN QUERY SELECT
        (SELECT count(*) FROM ((SELECT id, d FROM by_index EXCEPT ALL SELECT id, d FROM by_table) UNION ALL
                               (SELECT id, d FROM by_table EXCEPT ALL SELECT id, d FROM by_index)) x),
        (SELECT count(*) FROM by_index i FULL JOIN by_table t USING (place) WHERE i.d IS DISTINCT FROM t.d);
    DROP TABLE by_index, by_table;
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_bitmapscan = on;
END $$;
SELECT * FROM differs($$SELECT id, code <~> '0123456789abcdef' AS d FROM photos WHERE code IS NOT NULL ORDER BY code <~> '0123456789abcdef'$$);
SELECT * FROM differs($$SELECT id, code <~> '0123456789abcdef' AS d FROM photos WHERE code @~ '(0123456789abcdef,24)' ORDER BY code <~> '0123456789abcdef'$$);
SELECT * FROM differs($$SELECT id, code <~> 'ffffffffffffffff' AS d FROM photos
    WHERE code @~ '(0123456789abcdef,28)' AND code @~ '(00000000000000ff,28)' ORDER BY code <~> 'ffffffffffffffff'$$);
SELECT * FROM differs($$SELECT id, 0 AS d FROM photos WHERE code @~ '(0123456789abcdef,24)'$$);
SELECT * FROM differs($$SELECT id, code <~> '0123456789abcdef' AS d FROM photos WHERE code IS NOT NULL AND album = 2
    ORDER BY code <~> '0123456789abcdef', code <~> 'ffffffffffffffff', id$$);
SELECT * FROM differs($$SELECT id, d FROM (SELECT id, (code <~> '0123456789abcdef') * 100 + (code <~> 'ffffffffffffffff') AS d FROM photos WHERE code IS NOT NULL
    ORDER BY code <~> '0123456789abcdef', code <~> 'ffffffffffffffff') x$$);
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM photos ORDER BY code <~> '0123456789abcdef', code <~> 'ffffffffffffffff';
RESET enable_sort;
RESET enable_seqscan;
-- A bitmap of it, alone.
SET enable_seqscan = off;
SET enable_indexscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM photos WHERE code @~ hamming_ball('0123456789abcdef', 24);
SELECT count(*) FROM photos WHERE code @~ hamming_ball('0123456789abcdef', 24);
RESET enable_indexscan;
RESET enable_seqscan;
SELECT count(*) FROM photos WHERE (code <~> '0123456789abcdef') <= 24;

-- Nothing is asked that has an answer; lengths that differ.
SET enable_seqscan = off;
SELECT count(*) FROM photos WHERE code @~ NULL;
SELECT count(*) FROM (SELECT id FROM photos WHERE code @~ '(0123456789abcdef,64)' ORDER BY code <~> NULL) x;
SELECT id FROM photos ORDER BY code <~> '0123' LIMIT 1;
SELECT id FROM photos WHERE code @~ hamming_ball('0123', 1);
-- A row for each of some queries: the index is asked anew.
SELECT q, near.id, near.d FROM unnest(ARRAY[3, 5, 8]) q,
    LATERAL (SELECT id, code <~> code_of(q) AS d FROM photos ORDER BY code <~> code_of(q) LIMIT 1) near ORDER BY q;
RESET enable_seqscan;
-- A cursor that goes on while rows come and go sees what it began with.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM photos ORDER BY code <~> '0123456789abcdef';
MOVE 100 FROM c;
DELETE FROM photos WHERE id > 10000;
INSERT INTO photos SELECT i, 0, code_of(i) FROM generate_series(30001, 31000) i;
MOVE ALL FROM c;
ROLLBACK;

-- Changes.
DELETE FROM photos WHERE id % 3 = 0;
UPDATE photos SET code = code_of(-id) WHERE id % 5 = 0;
SELECT adah_index_check('photos_code');
VACUUM photos;
SELECT adah_index_check('photos_code');
SELECT pg_relation_size('photos_code') AS size \gset
INSERT INTO photos SELECT i, i % 7, code_of(i) FROM generate_series(40001, 45000) i;
SELECT adah_index_check('photos_code'), pg_relation_size('photos_code') - :size AS grew;
SELECT * FROM differs($$SELECT id, code <~> '0123456789abcdef' AS d FROM photos WHERE code IS NOT NULL ORDER BY code <~> '0123456789abcdef'$$);
DELETE FROM photos;
VACUUM photos;
SELECT adah_index_check('photos_code'), count(*) FROM (SELECT 1 FROM photos ORDER BY code <~> '0123456789abcdef' LIMIT 1) x;
INSERT INTO photos SELECT i, i % 7, code_of(i) FROM generate_series(1, 5000) i;
REINDEX INDEX photos_code;
SELECT adah_index_check('photos_code');
REINDEX INDEX CONCURRENTLY photos_code;
SELECT adah_index_check('photos_code');
DROP INDEX photos_code;
CREATE INDEX CONCURRENTLY photos_code ON photos USING adah (code);
SELECT adah_index_check('photos_code');

-- One distance for all rows, more than a list holds: every row comes, once.
CREATE TABLE same (id integer, code hamming_code);
INSERT INTO same SELECT i, CASE WHEN i % 100000 = 7 THEN '0001' ELSE '0f00' END::hamming_code FROM generate_series(1, 300000) i;
CREATE INDEX same_code ON same USING adah (code);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT min(place), d, count(*), count(DISTINCT id) FROM (SELECT id, code <~> '0001' AS d, row_number() OVER (ORDER BY code <~> '0001') AS place FROM same) x GROUP BY d ORDER BY d;
SELECT min(place), d, count(*), count(DISTINCT id) FROM (SELECT id, code <~> '0f00' AS d, row_number() OVER (ORDER BY code <~> '0f00') AS place FROM same) x GROUP BY d ORDER BY d;
RESET enable_sort;
RESET enable_seqscan;
DROP TABLE same;

-- Other indexes: partial, of an expression, of a table that has no rows, unlogged, temporary, of a column that does not say its length.
CREATE INDEX photos_part ON photos USING adah (code) WHERE album = 3;
CREATE INDEX photos_text ON photos USING adah ((substr(md5(id::text), 1, 8)::hamming_code));
SELECT adah_index_check('photos_part'), adah_index_check('photos_text');
EXPLAIN (COSTS OFF) SELECT count(*) FROM photos WHERE album = 3;
CREATE TABLE empty (code hamming_code);
CREATE INDEX empty_code ON empty USING adah (code);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT 1 FROM empty ORDER BY code <~> '01') x;
INSERT INTO empty VALUES (NULL), ('0123'), ('4567');
INSERT INTO empty VALUES ('01');
SELECT code FROM empty ORDER BY code <~> '4566';
RESET enable_seqscan;
CREATE UNLOGGED TABLE loose (code hamming_code(32));
CREATE INDEX loose_code ON loose USING adah (code);
INSERT INTO loose SELECT substr(md5(i::text), 1, 8)::hamming_code FROM generate_series(1, 2000) i;
SELECT adah_index_check('loose_code');
CREATE TEMP TABLE short (code hamming_code(32));
CREATE INDEX short_code ON short USING adah (code);
INSERT INTO short SELECT code FROM loose;
SELECT adah_index_check('short_code');
CREATE TABLE mixed (code hamming_code);
INSERT INTO mixed VALUES ('01'), ('0123');
CREATE INDEX ON mixed USING adah (code);

-- What it is not for.
CREATE UNIQUE INDEX ON photos USING adah (code);
CREATE INDEX ON photos USING adah (code, id);
CREATE INDEX ON photos USING adah (id);
CREATE INDEX ON photos USING adah (code) WITH (fillfactor = 50);
CREATE INDEX photos_id ON photos (id);
SELECT adah_index_check('photos_id');
SELECT adah_index_check('pg_am'::regclass);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'hamming_code_ops' AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'adah');

-- The check finds what does not agree: rows that were added, and taken away, while the index was told not to follow.
CREATE FUNCTION check_of(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN adah_index_check(name::regclass)::text;
EXCEPTION WHEN index_corrupted THEN
    RETURN regexp_replace(SQLERRM, 'row .*:', 'row:');
END $$;
UPDATE pg_index SET indisready = false WHERE indexrelid = 'photos_part'::regclass;
INSERT INTO photos VALUES (-1, 3, code_of(-1));
UPDATE pg_index SET indisready = true WHERE indexrelid = 'photos_part'::regclass;
SELECT check_of('photos_part'), check_of('photos_code');
REINDEX INDEX photos_part;
SELECT check_of('photos_part');
UPDATE pg_index SET indisready = false WHERE indexrelid = 'photos_part'::regclass;
DELETE FROM photos WHERE id = 10;
VACUUM photos;
UPDATE pg_index SET indisready = true WHERE indexrelid = 'photos_part'::regclass;
SELECT check_of('photos_part'), check_of('photos_code');
DROP TABLE photos, empty, loose, mixed, short;
DROP FUNCTION code_of, differs, check_of;
DROP EXTENSION adah;
