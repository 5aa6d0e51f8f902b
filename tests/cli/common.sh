# shellcheck shell=bash
# common.sh - for the tests of the command: a folder of its own, running and judging.
#
# $ADAH is the command to test. Every check that fails is told; `finish` makes the exit code of all.
set -u
: "${ADAH:?the path of the command to test}"
work=$(mktemp -d "${TMPDIR:-/tmp}/adah-cli-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export ADAH_CACHE=$work/cache ADAH_WEIGHTS=$work/none LC_ALL=C.UTF-8 OMP_WAIT_POLICY=passive
n_checks=0
n_failed=0

fail() {
    n_failed=$((n_failed + 1))
    echo "FAILED in line ${BASH_LINENO[1]}: $1"
    [ ! -s "$work/stdout" ] || sed 's/^/    stdout: /' "$work/stdout" | head -20
    [ ! -s "$work/stderr" ] || sed 's/^/    stderr: /' "$work/stderr" | head -20
}

# expect CODE ARGUMENTS... - runs adah, expects that exit code; keeps what it printed.
expect() {
    local wanted=$1 got
    shift
    n_checks=$((n_checks + 1))
    "$ADAH" "$@" >"$work/stdout" 2>"$work/stderr"
    got=$?
    [ "$got" -eq "$wanted" ] || fail "exit code $got, expected $wanted: adah $*"
    # Whatever happens, there is a message and it is one of adah's own.
    if [ "$wanted" -ne 0 ] && ! grep -q '^adah' "$work/stderr"; then
        fail "no message: adah $*"
    fi
}

stdout_has() {
    n_checks=$((n_checks + 1))
    grep -qE -- "$1" "$work/stdout" || fail "stdout lacks /$1/"
}

stderr_has() {
    n_checks=$((n_checks + 1))
    grep -qE -- "$1" "$work/stderr" || fail "stderr lacks /$1/"
}

stderr_lacks() {
    n_checks=$((n_checks + 1))
    ! grep -qE -- "$1" "$work/stderr" || fail "stderr has /$1/"
}

# check COMMAND... - any command that must succeed.
check() {
    n_checks=$((n_checks + 1))
    "$@" >"$work/check" 2>&1 || fail "failed: $*: $(head -5 "$work/check")"
}

check_not() {
    n_checks=$((n_checks + 1))
    ! "$@" >"$work/check" 2>&1 || fail "succeeded: $*"
}

# Where python is at hand it is the judge of JSON.
check_json() {
    n_checks=$((n_checks + 1))
    cp "$work/stdout" "$work/json"
    if command -v python3 >/dev/null; then
        python3 -m json.tool "$work/json" >/dev/null 2>&1 || fail "not JSON"
    fi
}

# A training of a second or so: tiny images, short codes, one thread.
quick=(--bits 16 --set n_side=16 --threads 1)

# The scenes that most tests work with, made once.
make_scenes() {
    "$ADAH" synth --out scenes --count 120 --side 32 >/dev/null || exit 1
}

# make_albums - 60 of them as photos of two albums, turn about; photo N: the path of one, from 1.
make_albums() {
    local picture n=0
    make_scenes
    mkdir -p photos/{sea,hill}
    for picture in scenes/images/*; do
        n=$((n + 1))
        [ $n -le 60 ] || break
        cp "$picture" "$(photo $n)"
    done
}
photo() { echo "photos/$([ $(($1 % 2)) = 0 ] && echo hill || echo sea)/$(printf 'photo %02d' "$1").png"; }

make_model() {
    make_scenes
    "$ADAH" train --data scenes --model model.safetensors --epochs 1 --quiet "${quick[@]}" >/dev/null || exit 1
}

make_index() {
    make_model
    "$ADAH" index create --model model.safetensors --data scenes --index scenes.adah --quiet >/dev/null || exit 1
}

training=() # the arguments of a training that is stopped
# begin MODEL EPOCH - starts it and returns when that epoch is over and there is a checkpoint; its process is $pid.
begin() {
    : >log
    "$ADAH" "${training[@]}" --model "$1" --resume >stdout 2>log &
    pid=$!
    while ! { grep -q "^epoch $2/" log && [ -e "$1.checkpoint" ]; } && kill -0 "$pid" 2>/dev/null; do
        sleep 0.02
    done
}

# stop SIGNAL CODE MODEL EPOCH - begins a training and ends it by the signal behind that epoch, with that exit code. One that was
# over before the signal came, as may happen where other work keeps the cores busy, is begun again from where it was.
stop() {
    local signal=$1 wanted=$2 model=$3 epoch=$4 got
    rm -rf before
    mkdir before
    cp "$model.checkpoint" before 2>/dev/null
    for _ in {1..50}; do
        begin "$model" "$epoch"
        kill "-$signal" "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        got=$?
        [ $got = 0 ] && [ -e "$model" ] || break
        rm -f "$model" "$model.checkpoint"
        cp "before/$model.checkpoint" . 2>/dev/null
    done
    check test $got = "$wanted"
}

# No half-written file is left in a folder.
check_no_leftovers() {
    n_checks=$((n_checks + 1))
    local left
    left=$(find "$1" -name '*.tmp-*')
    [ -z "$left" ] || fail "left behind: $left"
}

finish() {
    echo "$n_checks checks, $n_failed failed"
    [ "$n_failed" -eq 0 ] && [ "$n_checks" -gt 0 ]
    exit
}
