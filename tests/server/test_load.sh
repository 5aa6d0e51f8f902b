#!/usr/bin/env bash
# test_load.sh - adah serve while work is under way that does not end, see load_checks.c.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
: "${LOAD_CHECKS:?the program that asks}" "${HOLD_LIBRARY:?what is loaded before the server}"

make_index
mkdir hold
cp scenes/images/scene-00004.png scenes/held-1.png
cp scenes.adah held-2.adah
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0:quarantine_size_mb=16
check env HOLD="$PWD/hold" LD_PRELOAD="$HOLD_LIBRARY" "$LOAD_CHECKS"
[ ! -s check ] || cat check
[ "$n_failed" = 0 ] || tail -20 log
check_not grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' log
# Nothing was half written by the servers that were stopped.
check "$ADAH" index stats --index scenes.adah
finish
