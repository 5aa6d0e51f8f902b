#!/usr/bin/env bash
# test_hostile.sh - adah serve under attack for HOSTILE_SECONDS (10), see hostile.c. What it says goes to the file
# HOSTILE_REPORT, too, when that is given. Long, and judging time: HOSTILE_SECONDS=600 HOSTILE_BOMBERS=3 HOSTILE_PATIENCE=2000.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
: "${HOSTILE:?the program that attacks}"

make_scenes
"$ADAH" train --data scenes --model attention.safetensors --attention --seed 1 --epochs 1 --quiet "${quick[@]}" \
    >/dev/null || exit 1
"$ADAH" index create --model attention.safetensors --data scenes --index attention.adah --quiet >/dev/null || exit 1
n_checks=$((n_checks + 1))
# Other work may run beside this one: it judges what is answered, and time only when asked to.
export HOSTILE_PATIENCE=${HOSTILE_PATIENCE:-120000}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:quarantine_size_mb=16}
"$HOSTILE" | tee "${HOSTILE_REPORT:-/dev/null}"
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "the server did not hold"
check_not grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' log
[ "$n_failed" -eq 0 ] || grep -E -A40 'ERROR: |runtime error:|WARNING' log | grep -v " 127.0.0.1 " | head -200
finish
