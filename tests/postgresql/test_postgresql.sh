#!/usr/bin/env bash
# test_postgresql.sh - the PostgreSQL extension: what its SQL prints (postgresql/sql beside postgresql/expected; UPDATE=1 writes the latter), and random changes
# of tables with codes of many lengths, after which an index gives the rows and the order that a table gives.
set -euo pipefail
# shellcheck source=tests/postgresql/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"

n_failed=0
for name in code index; do
    PGOPTIONS='--client-min-messages=warning' "$bin/psql" -X -a -q <"$source_dir/postgresql/sql/$name.sql" >"$work/$name.out" 2>&1 || true
    if [ -n "${UPDATE-}" ]; then cp "$work/$name.out" "$source_dir/postgresql/expected/$name.out"; fi
    diff -u "$source_dir/postgresql/expected/$name.out" "$work/$name.out" || { echo "FAILED: postgresql/sql/$name.sql prints something else"; n_failed=1; }
done
[ $n_failed = 0 ] || exit 1

# ---------------------------------------------------------------- the guide's line that loads what adah encode writes

sql -c 'CREATE EXTENSION adah' -c 'CREATE TABLE photos (file text PRIMARY KEY, album integer, code hamming_code(64))'
printf 'a.jpg\nb c.jpg\n' >"$work/photos-codes.ids"
{ head -c 128 /dev/zero && printf '\001\200\000\000\377\000\000\012abcdefgh'; } >"$work/photos-codes.image.npy"
load=$(sed -n '/^    n=\$(wc/,/^$/p' "$source_dir/docs/guide/postgresql.md" | sed "s|psql -c|$bin/psql -X -q -c|")
(cd "$work" && eval "$load")
[ "$(sql -c "SELECT string_agg(file || ' ' || code, ',' ORDER BY file) FROM photos")" = "a.jpg 01800000ff00000a,b c.jpg 6162636465666768" ] || { echo "FAILED: $load"; exit 1; }

# ---------------------------------------------------------------- random changes

sql >/dev/null <<'END'
-- A code of n bytes: that of one of some centres with a few random bytes, so that there are near ones and many ties.
CREATE FUNCTION random_code(n integer) RETURNS hamming_code LANGUAGE plpgsql AS $$
DECLARE
    code bytea := substr(decode(repeat(md5(floor(random() * 5)::text), 8), 'hex'), 1, n);
BEGIN
    FOR i IN 1 .. floor(random() * 3) LOOP
        code := set_byte(code, floor(random() * n)::integer, floor(random() * 256)::integer);
    END LOOP;
    RETURN code;
END $$;
-- The answers of an index and of the table itself.
CREATE FUNCTION compare(name text, query hamming_code, radius integer, k integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text;
    statement text;
    answers text[];
    plan text;
BEGIN
    FOREACH part IN ARRAY ARRAY[
        format('SELECT id, code <~> %L AS d FROM %I WHERE code IS NOT NULL ORDER BY code <~> %L', query, name, query),
        format('SELECT id, code <~> %L AS d FROM %I WHERE code IS NOT NULL AND id %% 3 = 1 ORDER BY code <~> %L FETCH FIRST %s ROWS WITH TIES', query, name, query, k),
        format('SELECT id, 0 AS d FROM %I WHERE code @~ hamming_ball(%L, %s)', name, query, radius),
        format('SELECT id, code <~> %L AS d FROM %I WHERE code @~ hamming_ball(%L, %s) ORDER BY code <~> %L', query, name, query, radius, query)
    ] LOOP
        statement := format('SELECT string_agg(d::text, '','' ORDER BY place) || ''|'' || string_agg(id || '':'' || d, '','' ORDER BY id, d)
                             FROM (SELECT row_number() OVER () AS place, * FROM (%s) x) y', part);
        answers := '{}';
        FOR by_index IN 0 .. 1 LOOP
            PERFORM set_config('enable_seqscan', CASE by_index WHEN 1 THEN 'off' ELSE 'on' END, true),
                set_config('enable_sort', CASE by_index WHEN 1 THEN 'off' ELSE 'on' END, true),
                set_config('enable_indexscan', CASE by_index WHEN 1 THEN 'on' ELSE 'off' END, true),
                set_config('enable_bitmapscan', 'off', true);
            EXECUTE 'EXPLAIN ' || part INTO plan;
            EXECUTE 'EXPLAIN (FORMAT json) ' || part INTO plan;
            IF (plan LIKE '%Index Scan%') <> (by_index = 1) THEN
                RAISE EXCEPTION 'the index was to be % in % and the plan is %', CASE by_index WHEN 1 THEN 'used' ELSE 'left alone' END, part, plan;
            END IF;
            EXECUTE statement INTO plan;
            answers := answers || coalesce(plan, '');
        END LOOP;
        IF answers[1] <> answers[2] THEN
            RAISE EXCEPTION '%: by the table %, by the index %', part, answers[1], answers[2];
        END IF;
    END LOOP;
END $$;
END
for n_bits in 8 24 64 136 1024; do
    bytes=$((n_bits / 8))
    table=t$n_bits
    sql >/dev/null <<END
SELECT setseed(.$n_bits);
CREATE TABLE $table (id serial, code hamming_code($n_bits));
INSERT INTO $table (code) SELECT random_code($bytes) FROM generate_series(1, 1000);
CREATE INDEX ${table}_code ON $table USING adah (code);
END
    for round in 1 2 3 4; do
        sql >/dev/null <<END
SELECT setseed(.$round$n_bits);
DELETE FROM $table WHERE random() < .2;
UPDATE $table SET code = random_code($bytes) WHERE random() < .2;
UPDATE $table SET code = NULL WHERE random() < .02;
UPDATE $table SET id = id + 1000000 WHERE random() < .1;
BEGIN;
INSERT INTO $table (code) SELECT random_code($bytes) FROM generate_series(1, 100);
ROLLBACK;
SELECT CASE WHEN $round % 2 = 1 THEN 'VACUUM $table' ELSE 'ANALYZE $table' END \gexec
INSERT INTO $table (code) SELECT random_code($bytes) FROM generate_series(1, 400);
SELECT adah_index_check('${table}_code');
SELECT compare('$table', random_code($bytes), ($n_bits * random() * .6)::integer, 1 + (random() * 300)::integer) FROM generate_series(1, 3);
END
    done
done
echo "5 lengths, 4 rounds of changes each: the index and the table give the same answers"

# ---------------------------------------------------------------- readers while others write

# Half of the rows never change; what a query of one moment finds by the index is what it finds in the table at that moment.
sql >/dev/null <<'END'
CREATE TABLE busy (id serial PRIMARY KEY, code hamming_code(64));
INSERT INTO busy (code) SELECT random_code(8) FROM generate_series(1, 4000);
CREATE INDEX busy_code ON busy USING adah (code);
END
touch "$work/writing"
write() { # SEED
    local n=0
    while [ -e "$work/writing" ]; do
        n=$((n + 1))
        sql >/dev/null <<END
SELECT setseed(($1 * 1000 + $n % 1000) / 10000.);
INSERT INTO busy (code) SELECT random_code(8) FROM generate_series(1, 50);
UPDATE busy SET code = random_code(8) WHERE id % 2 = 1 AND id % 64 = floor(random() * 64);
DELETE FROM busy WHERE id > 4000 AND random() < .3;
END
    done
}
sweep() { while [ -e "$work/writing" ]; do sql -c 'VACUUM busy'; done; }
write 1 2>"$work/write1.log" & writers=$!
write 2 2>"$work/write2.log" & writers+=" $!"
sweep 2>"$work/sweep.log" & writers+=" $!"
for i in {1..25}; do
    sql >"$work/answer" <<END
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT setseed(.0$i);
SELECT compare('busy', random_code(8), 20, 50);
COMMIT;
END
done
rm "$work/writing"
# shellcheck disable=SC2086
for pid in $writers; do wait "$pid" || { echo "FAILED: a writer"; exit 1; }; done
grep -v deadlock "$work"/write?.log "$work/sweep.log" | grep ERROR && { echo "FAILED: a writer met an error"; exit 1; }
[ "$(sql -c "SELECT adah_index_check('busy_code') = (SELECT count(code) FROM busy)")" = t ] || { echo "FAILED: the index of a busy table"; exit 1; }
echo "25 snapshots of a busy table: the index and the table give the same answers"
