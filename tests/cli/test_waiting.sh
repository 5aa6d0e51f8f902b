#!/usr/bin/env bash
# test_waiting.sh - a command of long work sets how long its threads spin, unless the user has; a short one sets nothing.
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
unset OMP_WAIT_POLICY GOMP_SPINCOUNT

# What GCC's OpenMP says of it at the last start of the process.
spin_count() { OMP_DISPLAY_ENV=verbose "$@" 2>&1 >/dev/null | sed -n "s/.*GOMP_SPINCOUNT = '\([0-9]*\)'.*/\1/p" | tail -1; }

# check WANTED FOUND WHAT
check() {
    n_checks=$((n_checks + 1))
    [ "$2" = "$1" ] || fail "spins $2 times, expected $1: $3"
}

default=$(spin_count "$ADAH" search --help)
if [ -z "$default" ]; then
    echo "SKIPPED: not GCC's OpenMP"
    exit 77
fi
[ "$default" != 1000 ] || fail "the default is 1000 here, so that nothing can be told"
check 1000 "$(spin_count "$ADAH" train --help)" "train"
check 1000 "$(spin_count "$ADAH" index create --help)" "index create"
check 77 "$(GOMP_SPINCOUNT=77 spin_count "$ADAH" train --help)" "train, where the user has set it"
check 0 "$(OMP_WAIT_POLICY=passive spin_count "$ADAH" train --help)" "train, where the user wants to wait passively"
finish
