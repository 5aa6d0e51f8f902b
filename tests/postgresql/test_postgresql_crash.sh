#!/usr/bin/env bash
# test_postgresql_crash.sh - kills all processes of a server while it inserts, deletes and vacuums, PG_KILLS times (3; 20 and more for a long run): afterwards
# index and table agree, and every row that was acknowledged is there. Then a standby that followed all of it is promoted, and agrees as well.
#
# wal_consistency_checking makes recovery and the standby compare every page with what it should be after each record of the log.
set -euo pipefail
SETTINGS="wal_consistency_checking = 'generic'
wal_level = replica
max_wal_senders = 4
checkpoint_timeout = 30s"
# shellcheck source=tests/postgresql/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
fail() {
    echo "FAILED: $*"
    tail -30 "$work/own/log"
    exit 1
}

# Rows with an odd id stay; the others come and go. An unlogged table loses its rows in a crash, and its index must know.
sql >/dev/null <<'END'
CREATE EXTENSION adah;
CREATE TABLE busy (id bigserial PRIMARY KEY, code hamming_code(64));
CREATE INDEX busy_code ON busy USING adah (code);
CREATE UNLOGGED TABLE loose (code hamming_code(64));
CREATE INDEX loose_code ON loose USING adah (code);
CREATE FUNCTION random_code() RETURNS hamming_code LANGUAGE sql VOLATILE AS $$ SELECT substr(md5(random()::text), 1, 16)::hamming_code $$;
END
acknowledged=$work/acknowledged
: >"$acknowledged"
: >"$work/vacuumed"
write() {
    while sql -c "INSERT INTO busy (code) SELECT random_code() FROM generate_series(1, 1 + (random() * 300)::integer) RETURNING id" >>"$acknowledged"; do
        sql -c "DELETE FROM busy WHERE id % 2 = 0 AND random() < .5" -c "INSERT INTO loose SELECT random_code() FROM generate_series(1, 20)" || break
    done 2>/dev/null
}
sweep() { while sql -c 'VACUUM busy' 2>/dev/null; do echo >>"$work/vacuumed"; done; }
lines() { wc -l <"$1"; }

# Until so many more rows are acknowledged and a vacuum was done.
wait_for_work() { # ROWS
    local rows vacuums
    rows=$(($(lines "$acknowledged") + $1)) vacuums=$(($(lines "$work/vacuumed") + 1))
    for _ in {1..6000}; do
        if [ "$(lines "$acknowledged")" -ge "$rows" ] && [ "$(lines "$work/vacuumed")" -ge "$vacuums" ]; then return 0; fi
        sleep 0.05
    done
    fail "no work is done"
}

agrees() {
    [ "$(sql "$@" -c "SELECT adah_index_check('busy_code') = (SELECT count(*) FROM busy)")" = t ] || fail "index and table disagree"
    # The scan itself, over all rows and for the nearest.
    [ "$(sql "$@" -c "SET enable_seqscan = off" -c "SET enable_sort = off" \
        -c "SELECT count(*) FROM (SELECT id FROM busy ORDER BY code <~> '0123456789abcdef') x")" = "$(sql "$@" -c "SELECT count(*) FROM busy")" ] ||
        fail "the index lacks rows"
    sort -n "$acknowledged" | awk '$1 % 2' >"$work/odd"
    sql "$@" -c "SELECT id FROM busy WHERE id % 2 = 1 ORDER BY id" >"$work/there"
    [ "$(sort "$work/odd" "$work/there" "$work/there" | uniq -u | wc -l)" = 0 ] || fail "an acknowledged row is lost"
}

kills=${PG_KILLS:-3}
for _ in $(seq "$kills"); do
    write & workers=$!
    write & workers+=" $!"
    sweep & workers+=" $!"
    wait_for_work $((RANDOM % 1500))
    pid=$(server_pid)
    kill -STOP "$pid" # or a process that it starts now would survive, and wait for ever for a lock of a dead one
    # shellcheck disable=SC2046,SC2086
    processes="$pid $(cat /proc/$pid/task/$pid/children)"
    # shellcheck disable=SC2086
    kill -9 $processes 2>/dev/null || true
    # shellcheck disable=SC2086
    wait $workers || true
    for process in $processes; do
        while kill -0 "$process" 2>/dev/null; do sleep 0.05; done
    done
    start_server
    agrees
    [ "$(sql -c "SELECT adah_index_check('loose_code') || ' ' || (SELECT count(*) FROM loose)")" = "0 0" ] || fail "the unlogged table"
done
[ "$(lines "$acknowledged")" -gt 0 ] || fail "nothing was written"
echo "$kills kills: index and table agree, and $(lines "$acknowledged") acknowledged rows are accounted for"

"${as[@]}" "$bin/pg_basebackup" -D "$work/own/standby" -R -X stream -c fast --no-sync >/dev/null
printf 'port = 5433\nhot_standby = on\n' >>"$work/own/standby/postgresql.conf"
"${as[@]}" "$bin/pg_ctl" -D "$work/own/standby" -l "$work/own/standby.log" -w -t 300 start >/dev/null || fail "the standby does not start"
write & workers=$!
sweep & workers+=" $!"
wait_for_work 3000
"${as[@]}" "$bin/pg_ctl" -D "$work/own/data" -m fast -w -t 300 stop >/dev/null # which hands on all that was logged
# shellcheck disable=SC2086
wait $workers || true
near="SELECT count(*) FROM (SELECT id FROM busy ORDER BY code <~> '0123456789abcdef') x"
"${as[@]}" "$bin/pg_ctl" -D "$work/own/standby" -w -t 300 promote >/dev/null || { cat "$work/own/standby.log"; fail "the standby is not promoted"; }
agrees -p 5433
[ "$(sql -p 5433 -c "$near")" -gt 0 ] || fail "the standby is empty"
"${as[@]}" "$bin/pg_ctl" -D "$work/own/standby" -m fast -w stop >/dev/null
echo "a standby that was promoted agrees as well"
