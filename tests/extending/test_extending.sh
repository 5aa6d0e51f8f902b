#!/usr/bin/env bash
# test_extending.sh - adding something to adah touches as few files as docs/inside/extending.md says: one of each is added here.
#
# Each NAME.patch in this folder adds one thing to the source tree, and NAME.sh beside it checks that the thing is there.
#
#   NAME.patch  begins with a line "at most N files: what it adds", and goes on as `git diff` writes it. The patches are applied one after
#               another, in the order of their names, to one copy of the tree, and are built together: two of them may not change the
#               same lines. A patch that no longer applies is made anew: apply it by hand, and put `git diff` behind its first line.
#   NAME.sh     is run by bash in a folder of its own, as a test that succeeds with the patches and fails without them. It has
#                   ADAH      the command, built with all patches without optimisation, or as it is without any
#                   SCENES    a folder with a data set (scenes/), model.safetensors and scenes.adah that ADAH made without the patches
#
# The copy is made of what git knows and of what it does not ignore, so that changes count before they are committed.
set -euo pipefail
: "${ADAH:?the command without the patches}"
ADAH=$(readlink -f "$ADAH")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
if ! git -C "$root" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    echo "SKIPPED: this is no working tree of git"
    exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/adah-extending-XXXXXX")
trap 'rm -rf "$work"' EXIT
export ADAH_CACHE=$work/cache LC_ALL=C.UTF-8 OMP_WAIT_POLICY=passive SCENES=$work/fixture
n_failed=0
fail() {
    echo "FAILED: $1"
    n_failed=$((n_failed + 1))
}

mkdir "$work/source" "$work/fixture"
(cd "$root" && git ls-files -co --exclude-standard --deduplicate -z | while IFS= read -r -d '' file; do
    [ ! -f "$file" ] || printf '%s\0' "$file"
done | xargs -0 cp --parents -t "$work/source")

names=()
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    names+=("$name")
    promised=$(sed -nE '1s/^at most ([0-9]+) files?: .+$/\1/p' "$patch")
    touched=$(grep -cE '^diff --git ' "$patch")
    [ -n "$promised" ] || fail "$name.patch: its first line is not \"at most N files: what it adds\""
    if [ "$touched" -eq 0 ] || [ "$touched" -gt "${promised:-0}" ]; then
        fail "$name.patch: touches $touched files, promised are ${promised:-none}"
    fi
    [ -f "$here/$name.sh" ] || fail "$name.patch: there is no $name.sh that checks it"
    (cd "$work/source" && GIT_CEILING_DIRECTORIES=$work git apply --verbose "$patch") >"$work/log" 2>&1 || {
        cat "$work/log"
        fail "$name.patch does not apply"
    }
done
[ "$n_failed" -eq 0 ] || exit 1

launcher=()
if command -v ccache >/dev/null; then
    export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
fi
build() {
    cmake -S "$work/source" -B "$work/build" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O0 -DBUILD_TESTING=OFF \
        ${CC:+"-DCMAKE_C_COMPILER=$CC"} "${launcher[@]}" && cmake --build "$work/build" --target adah-cli --parallel 2
}
build >"$work/log" 2>&1 || {
    tail -40 "$work/log"
    echo "FAILED: it does not build with all patches"
    exit 1
}

(cd "$SCENES" && "$ADAH" synth --out scenes --count 60 --side 32 &&
    "$ADAH" train --data scenes --model model.safetensors --epochs 1 --quiet --bits 16 --set n_side=16 --threads 1 &&
    "$ADAH" index create --model model.safetensors --data scenes --index scenes.adah --quiet) >/dev/null

# check COMMAND NAME - runs NAME.sh.
check() {
    mkdir "$work/run"
    (cd "$work/run" && ADAH=$1 timeout 300 bash "$here/$2.sh") >"$work/log" 2>&1
    local code=$?
    rm -rf "$work/run"
    return $code
}
for name in "${names[@]}"; do
    if check "$ADAH" "$name"; then
        fail "$name.sh succeeds without $name.patch: it checks nothing"
    elif ! check "$work/build/adah" "$name"; then
        tail -20 "$work/log"
        fail "$name.sh: what $name.patch adds is not there"
    else
        echo "$name: $(sed -n 1p "$here/$name.patch")"
    fi
done
[ "$n_failed" -eq 0 ]
