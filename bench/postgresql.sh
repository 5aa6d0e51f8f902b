#!/usr/bin/env bash
# postgresql.sh - how long PostgreSQL takes for the nearest ten of N random codes of 64 bits, by the index of the extension and without it, beside the library's
# own scan of as many codes: medians of what is asked one after another, everything in memory. It builds what it needs (a server of its own in a temporary
# folder) and prints a table.
#
#   bench/postgresql.sh [N]        N: 1000000
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
n=${1:-1000000} build=${ADAH_BUILD_DIR:-$here/build}
export ADAH_LIBRARY=${ADAH_LIBRARY:-$build/libadah.so} SHARED_BUFFERS=${SHARED_BUFFERS:-2GB}
SETTINGS="max_parallel_workers_per_gather = 0
jit = off
max_wal_size = 8GB"
# shellcheck source=tests/postgresql/cluster.sh
. "$here/tests/postgresql/cluster.sh"

# The scan of the library: N codes, one thread, one query at a time.
cat >"$work/scan.c" <<'END'
#include <adah/codes.h>
#include <stdio.h>
#include "stopwatch.h"
int main(int argc, char **argv) {
    const size_t n = strtoull(argv[argc - 1], NULL, 10);
    uint8_t *codes = malloc(n * 8);
    uint64_t state = 1, position[10];
    uint32_t distance[10];
    double seconds[101], processor[101];
    adah_status status;
    if (!codes)
        return 1;
    for (size_t i = 0; i < n * 8; i++)
        codes[i] = (uint8_t)((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
    adah_set_threads(1);
    for (size_t i = 0; i < 101; i++) {
        const double start = now();
        const clock_t ticks = clock();
        if (adah_hamming_nearest_k(codes + i * 80, 1, codes, n, 64, 10, position, distance, &status) != ADAH_OK)
            return 1;
        seconds[i] = now() - start;
        processor[i] = (double)(clock() - ticks) / CLOCKS_PER_SEC;
    }
    printf("%.2f | %.2f\n", 1000 * median(seconds, 101), 1000 * median(processor, 101));
}
END
"${CC:-cc}" -O2 -I"$here/include" -I"$here/bench" -o "$work/scan" "$work/scan.c" -L"$work/lib" -ladah -Wl,-rpath,"$work/lib"
library=$("$work/scan" "$n")

sql >/dev/null <<END
CREATE EXTENSION adah;
CREATE TABLE photos (id integer, code hamming_code(64), bits bit(64));
SELECT setseed(.5);
END
random="SELECT i, (random() * 4294967295)::bigint::bit(32) || (random() * 4294967295)::bigint::bit(32) AS bits FROM generate_series(1, $n) i"
sql -c "INSERT INTO photos SELECT i, bits::bit(64)::hamming_code, bits FROM ($random) r" -c "VACUUM ANALYZE photos"
sql -c "COPY (SELECT id, code FROM photos) TO '$work/own/copy' (FORMAT binary)"

# What the server itself says of the statements of a session, but the first SKIP: the median of the milliseconds that they took, and of those of its processor.
times_of() { # SKIP, statements at the input
    { printf '%s\n' "SET client_min_messages = log;" "SET log_statement_stats = on;"; cat; } | sql 2>&1 >/dev/null |
        sed -n 's/^!\t\([0-9.]*\) s user, \([0-9.]*\) s system, \([0-9.]*\) s elapsed$/\1 \2 \3/p' | tail -n +$(($1 + 1)) >"$work/times"
    # shellcheck disable=SC2016
    for column in '$3' '$1 + $2'; do awk "{ print ($column) * 1000 }" "$work/times" | sort -n | awk '{ t[NR] = $1 } END { printf "%.2f ", t[int((NR + 1) / 2)] }'; done |
        sed 's/ / | /; s/ $//'
}
queries() { # TIMES STATEMENT-WITH-QUERY: as many and three to warm up, each with a query of its own
    for ((i = 0; i < $1 + 3; i++)); do
        printf '%s;\n' "${2//QUERY/$(printf '%08x%08x' $((RANDOM * 65536 + RANDOM)) $((RANDOM * 65536 + RANDOM)))}"
    done
}
built=$(echo "CREATE INDEX photos_code ON photos USING adah (code);" | times_of 0)
sql -c "VACUUM ANALYZE photos" -c "CREATE TABLE copied (id integer, code hamming_code(64))"
copied=$(echo "COPY copied FROM '$work/own/copy' (FORMAT binary);" | times_of 0)
sql -c "TRUNCATE copied" -c "CREATE INDEX ON copied USING adah (code)"
copied_with=$(echo "COPY copied FROM '$work/own/copy' (FORMAT binary);" | times_of 0)
by_index=$(queries 101 "SELECT id FROM photos ORDER BY code <~> 'QUERY' LIMIT 10" | times_of 3)
filtered=$(queries 51 "SELECT id FROM photos WHERE id % 100 = 7 ORDER BY code <~> 'QUERY' LIMIT 10" | times_of 3)
ball=$(queries 51 "SELECT id FROM photos WHERE code @~ hamming_ball('QUERY', 12)" | times_of 3)
sql -c "ALTER DATABASE postgres SET enable_indexscan = off"
by_operator=$(queries 5 "SELECT id FROM photos ORDER BY code <~> 'QUERY' LIMIT 10" | times_of 3)
if [ "$(sql -c "SHOW server_version_num")" -ge 140000 ]; then
    by_bits=$(queries 5 "SELECT id FROM photos ORDER BY bit_count(bits # x'QUERY'::bit(64)) LIMIT 10" | times_of 3)
else
    by_bits=$(queries 5 "SELECT id FROM photos ORDER BY length(replace((bits # x'QUERY'::bit(64))::text, '0', '')) LIMIT 10" | times_of 3)
fi
cat <<END
$(sql -c "SHOW server_version"), $n codes of 64 bits, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1 /proc/loadavg) on $(nproc) cores

| what | milliseconds | of the processor |
|---|---|---|
| the library's scan, nearest 10 | $library |
| index, nearest 10 | $by_index |
| index, nearest 10 of a hundredth of the rows | $filtered |
| index, all within 12 bits | $ball |
| sequential, \`ORDER BY code <~> q\` | $by_operator |
| sequential, \`ORDER BY bit_count(bits # q)\` | $by_bits |
| \`CREATE INDEX\` | $built |
| binary \`COPY\` without index | $copied |
| binary \`COPY\` with it | $copied_with |
END
