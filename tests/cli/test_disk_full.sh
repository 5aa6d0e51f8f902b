#!/usr/bin/env bash
# test_disk_full.sh - no room on the disk: a clear message, exit code 1, what was there before stays, and no
# half-written file is left. A small file system in memory where one can be mounted, and a limit on the size of
# files in any case.
me=$(realpath "${BASH_SOURCE[0]}")
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# In a mount name space of its own, with a disk of 200 KiB at $work/small; nothing to unmount when it ends.
if [ "${1-}" != --mounted ]; then
    mkdir small
    if unshare --mount --map-root-user mount -t tmpfs none small 2>/dev/null; then
        unshare --mount --map-root-user bash -c \
            "mount -t tmpfs -o size=200k none '$work/small' && bash '$me' --mounted '$work/small'"
        check test $? = 0
    else
        echo "SKIPPED: no file system can be mounted here; only the limit on files is tested"
    fi
    make_index
    trap '' XFSZ # a write beyond the limit of 4 KiB then fails with EFBIG
    limited() {
        n_checks=$((n_checks + 1))
        (ulimit -f 4 && exec "$ADAH" "$@") >"$work/stdout" 2>"$work/stderr"
        code=$?
        [ "$code" -eq 1 ] || fail "exit code $code, expected 1: adah $*"
        stderr_has 'cannot write'
    }
    cp model.safetensors kept
    limited train --data scenes --model model.safetensors --epochs 1 --quiet "${quick[@]}"
    check cmp model.safetensors kept
    limited index create --model model.safetensors --data scenes --index new.adah --quiet
    check test ! -e new.adah
    check_no_leftovers .
    finish
fi

small=$2
make_index
full() { # WHAT - the file that the failure names
    local what=$1
    shift
    expect 1 "$@"
    stderr_has "$small/$what.*(No space left|cannot write)"
    check_no_leftovers "$small"
}
head -c 150000 /dev/zero >"$small/filler" # 50 KB are left
full 'model.safetensors' train --data scenes --model "$small/model.safetensors" --epochs 1 --checkpoint-seconds 0 \
    --quiet "${quick[@]}"
check test ! -e "$small/model.safetensors"
rm -f "$small"/model*
head -c 40000 /dev/zero >"$small/filler2"
full scenes.adah index create --model model.safetensors --data scenes --index "$small/scenes.adah" --quiet
check test ! -e "$small/scenes.adah"
rm "$small/filler2"
full scenes synth --out "$small/scenes" --count 200 --side 64
rm -rf "$small/scenes"
cat /dev/zero >"$small/filler" 2>/dev/null # to the last byte
full overlay.png attend --model model.safetensors --image scenes/images/scene-00001.png --out "$small/overlay.png"
check test ! -e "$small/overlay.png"
full codes encode --model model.safetensors --data scenes --out "$small/codes" --quiet
full cache train --data scenes --model other.safetensors --epochs 1 --cache "$small/cache" --quiet "${quick[@]}"
check test ! -e other.safetensors
# Encoding keeps nothing there.
expect 0 encode --model model.safetensors --data scenes --out codes --cache "$small/cache" --quiet

# With room again everything goes through.
rm -rf "${small:?}"/*
expect 0 index create --model model.safetensors --data scenes --index "$small/scenes.adah" --quiet
expect 0 index verify --index "$small/scenes.adah"

# Results that cannot be printed are not a success.
n_checks=$((n_checks + 1))
"$ADAH" search --model model.safetensors --index "$small/scenes.adah" --text red --json >/dev/full 2>stderr
code=$?
[ "$code" -eq 1 ] || fail 'printing to a full device went unnoticed'
finish
