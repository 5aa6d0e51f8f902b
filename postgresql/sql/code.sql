-- code.sql - the type hamming_code: text, length, casts, distance, grouping.
CREATE EXTENSION adah;
SELECT 'a10f'::hamming_code, '\xA10F'::hamming_code, adah_hamming_bits('a10f');
SELECT ''::hamming_code;
SELECT 'a1f'::hamming_code;
SELECT 'a1fg'::hamming_code;
SELECT repeat('00', 129)::hamming_code;
SELECT adah_hamming_bits(repeat('00', 128)::hamming_code);

-- Lengths.
CREATE TABLE t (id integer, code hamming_code(16));
\d t
INSERT INTO t VALUES (1, 'a10f'), (2, 'a10e'), (3, NULL), (4, 'a10f');
INSERT INTO t VALUES (5, 'a1');
INSERT INTO t VALUES (5, '\xa1'::bytea);
SELECT 'a1'::hamming_code(16);
CREATE TABLE wrong (code hamming_code(12));
CREATE TABLE wrong (code hamming_code(2048));
CREATE TABLE wrong (code hamming_code(8, 8));

-- Casts. Bit i of a code is character i of a bit string, get_bit(code::bytea, i) and bit i & 7 of byte i >> 3.
SELECT '01'::hamming_code::bit(8), '0180'::hamming_code::bit(16), B'1000000000000001'::hamming_code, '\x0180'::bytea::hamming_code::bytea;
SELECT bool_and(get_bit(code::bytea, i) = get_bit(code::bit(16), i)) FROM t, generate_series(0, 15) i WHERE code IS NOT NULL;
SELECT bool_and(code::bit(16)::hamming_code = code AND code::bytea::hamming_code = code) FROM t;
SELECT 'a10f'::hamming_code::bit(8);
SELECT 'a10f'::hamming_code::bit;
SELECT B'101'::hamming_code;
SELECT ''::bytea::hamming_code;
SELECT hamming_code_to_bit('a10f');
-- Every byte is turned around once and back.
SELECT count(*), bool_and(byte::hamming_code::bit(8) = reverse(get_byte(byte, 0)::bit(8)::text)::bit(8))
FROM (SELECT decode(lpad(to_hex(i), 2, '0'), 'hex') AS byte FROM generate_series(0, 255) i) bytes;

-- Distance.
SELECT 'a10f'::hamming_code <~> 'a10e', adah_hamming_distance('ffff', '0000'), '00'::hamming_code <~> NULL;
SELECT 'a10f'::hamming_code <~> 'a1';
SELECT count(*), bool_and(length(replace((a.code::bit(24) # b.code::bit(24))::text, '0', '')) = (a.code <~> b.code))
FROM (SELECT substr(md5(i::text), 1, 6)::hamming_code AS code FROM generate_series(1, 40) i) a,
     (SELECT substr(md5(i::text), 1, 6)::hamming_code AS code FROM generate_series(41, 80) i) b;

-- Balls.
SELECT 'a10f'::hamming_code @~ hamming_ball('a10e', 1), 'a10f'::hamming_code @~ '(a10e,0)', hamming_ball('a10e', 3);
SELECT 'a10f'::hamming_code @~ hamming_ball('a1', 1);
SELECT hamming_ball('a1', -1);
SELECT '(a1,-1)'::hamming_ball;
SELECT '(a1 1)'::hamming_ball;
SELECT '(xy,1)'::hamming_ball;
SELECT '(a1,99999999999)'::hamming_ball;

-- Grouping, sorting, joining.
SELECT code, count(*) FROM t GROUP BY code ORDER BY code;
SELECT count(DISTINCT code) FROM t;
SET enable_hashagg = off;
SELECT code, count(*) FROM t GROUP BY code ORDER BY code;
RESET enable_hashagg;
SELECT a.id, b.id FROM t a JOIN t b USING (code) WHERE a.id < b.id;
SELECT c FROM (VALUES ('b0'::hamming_code), ('a1ff'), ('a1'), ('a100')) v(c) ORDER BY c DESC;
SELECT 'a1'::hamming_code = 'a100', 'a1'::hamming_code <> 'a100', 'a1'::hamming_code < 'a100', 'a1'::hamming_code >= 'a100',
    'a1'::hamming_code <= 'a1', 'a1'::hamming_code > 'a0ff';
CREATE INDEX ON t USING btree (code);
CREATE INDEX ON t USING hash (code);
SET enable_seqscan = off;
SELECT id FROM t WHERE code = 'a10e';
RESET enable_seqscan;

-- Bytes in a row: one more than the code has.
SELECT max(pg_column_size(code)) FROM t;
-- A binary copy comes back as it was; one of another length is refused.
COPY t TO STDOUT;
SELECT hamming_code_send(code) FROM t WHERE id = 1;
DROP TABLE t;
DROP EXTENSION adah;
