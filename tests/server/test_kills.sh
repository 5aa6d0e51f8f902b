#!/usr/bin/env bash
# test_kills.sh - servers and commands that change an index, with syncs that fail, killed KILLS (20) times: see kills.c.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
: "${KILLS_PROGRAM:?the program that kills}" "${DISK_FAULTS:?the library that makes calls fail}"

make_model
mkdir data
"$ADAH" index create --model model.safetensors --data scenes --index data/index.adah --quiet >/dev/null || exit 1
export ASAN_OPTIONS=${ASAN_OPTIONS:-}${ASAN_OPTIONS:+:}verify_asan_link_order=0
n_checks=$((n_checks + 1))
"$KILLS_PROGRAM" "${KILLS:-20}" ${KILLS_SEED:+"$KILLS_SEED"} || fail "something was lost, or let in"
[ "$n_failed" -eq 0 ] || tail -5 log
finish
