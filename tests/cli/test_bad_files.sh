#!/usr/bin/env bash
# test_bad_files.sh - models, indexes and code files that are foreign, damaged or belong to something else.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_index
expect 0 encode --model model.safetensors --data scenes --out codes --quiet

size_of() { stat -c %s "$1"; }
# flip FILE OFFSET - turns a byte over.
flip() {
    local old
    old=$(od -An -tu1 -j"$2" -N1 "$1")
    printf '%b' "\\x$(printf %02x $((old ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Models: every command that takes one says what is wrong with it.
bad_model() { # PATTERN - of bad.safetensors
    for command in 'info' "search --index scenes.adah --text red" "encode --data scenes --out new" \
        "index create --data scenes --index new.adah" "eval --data scenes" \
        "attend --image scenes/images/scene-00001.png --out new.png"; do
        # shellcheck disable=SC2086
        expect 1 $command --model bad.safetensors
        stderr_has "bad.safetensors: .*$1"
    done
    check test -z "$(find . -name 'new*')"
}
bad_model 'cannot open'
: >bad.safetensors
bad_model 'safetensors'
echo 'just a text that is long enough to have a header' >bad.safetensors
bad_model 'safetensors'
cp scenes.adah bad.safetensors
bad_model 'safetensors'
# A safetensors file that is none of adah's: one tensor of four bytes.
{
    printf '\100\000\000\000\000\000\000\000'
    printf '%-64s' '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    printf '\000\000\000\000'
} >bad.safetensors
bad_model 'adah'
n=$(size_of model.safetensors)
n_header=$(od -An -tu8 -N8 model.safetensors | tr -d ' ')
for at in 4 100 $((n_header / 2)) $((n_header + 8)) $((n / 2)) $((n - 1)); do
    head -c "$at" model.safetensors >bad.safetensors
    expect 1 info --model bad.safetensors
    stderr_has 'bad.safetensors: '
done
for at in 0 7 8 20 $((n_header / 2)) $((n_header + 7)) $((n_header + 8)) $((n / 2)) $((n - 1)); do
    cp model.safetensors bad.safetensors
    flip bad.safetensors "$at"
    expect 1 info --model bad.safetensors
    stderr_has 'bad.safetensors: '
done
bad_model 'damaged'
cp model.safetensors bad.safetensors
printf x >>bad.safetensors
expect 1 info --model bad.safetensors
stderr_has 'bad.safetensors: '

# Indexes.
n=$(size_of scenes.adah)
bad_index() { # PATTERN - of bad.adah
    expect 1 search --model model.safetensors --index bad.adah --text red
    stderr_has "bad.adah.*$1"
    expect 1 info --index bad.adah
    stderr_has "bad.adah.*$1"
}
bad_index 'cannot open'
: >bad.adah
bad_index ''
cp model.safetensors bad.adah
bad_index 'not an adah index'
for at in 7 63 100 $((n / 2)) $((n - 1)); do
    head -c "$at" scenes.adah >bad.adah
    bad_index ''
done
cp scenes.adah bad.adah
flip bad.adah 8 # the version
bad_index ''
for at in 0 12 16 40 56 70 4100 $((n / 4)) $((n / 2)) $((n * 3 / 4)) $((n - 1)); do
    cp scenes.adah bad.adah
    flip bad.adah "$at"
    expect 1 index verify --index bad.adah
    stderr_has 'bad.adah'
    # A search may not see it, but ends in order whatever it meets.
    n_checks=$((n_checks + 1))
    "$ADAH" search --model model.safetensors --index bad.adah --text red -k 120 >stdout 2>stderr
    code=$?
    [ "$code" -le 1 ] || fail "search ended with $code on an index damaged at $at"
done

# What does not belong together: another model's index, another data set's codes, codes of other lengths.
expect 0 train --data scenes --model other.safetensors --epochs 1 --seed 5 --quiet "${quick[@]}"
expect 1 search --model other.safetensors --index scenes.adah --text red
stderr_has 'made by another model'
"$ADAH" synth --out words --count 60 --side 32 --seed 3 >stdout
sed -i 's/"text": "/&alpha beta gamma /' words/metadata.jsonl
expect 0 train --data words --model vocabulary.safetensors --epochs 1 --quiet "${quick[@]}"
expect 1 search --model vocabulary.safetensors --index scenes.adah --text alpha
stderr_has 'made by another model'
expect 1 eval --codes codes --data words
stderr_has 'codes.ids:[0-9]+: .*is not in words'
for kind in image text; do
    cp codes.image.npy bad.image.npy
    cp codes.text.npy bad.text.npy
    cp codes.ids bad.ids
    head -c -1 codes.$kind.npy >bad.$kind.npy
    expect 1 eval --codes bad --data scenes
    stderr_has "bad.$kind.npy"
    echo 'no numbers' >bad.$kind.npy
    expect 1 eval --codes bad --data scenes
    stderr_has "bad.$kind.npy"
done
cp codes.text.npy bad.text.npy
head -n -1 codes.ids >bad.ids
expect 1 eval --codes bad --data scenes
stderr_has 'bad.ids: 119 lines, expected 120'
sed 's/^/x/' codes.ids >bad.ids
expect 1 eval --codes bad --data scenes
stderr_has 'bad.ids:1: "x'
expect 0 train --data scenes --model longer.safetensors --epochs 1 --quiet --threads 1 --set n_side=16 --bits 24
expect 0 encode --model longer.safetensors --data scenes --out longer --quiet
cp codes.ids bad.ids
cp longer.text.npy bad.text.npy
expect 1 eval --codes bad --data scenes
stderr_has '120 x 2, .* 120 x 3, expected the same'
expect 1 eval --codes codes --query-codes longer --data scenes
stderr_has '(16|24) bits?.*(16|24)'

# A damaged checkpoint is told, not continued from; a cache that is damaged is done without, and made again by a training.
echo nonsense >resumed.safetensors.checkpoint
expect 1 train --data scenes --model resumed.safetensors --epochs 1 --resume --quiet "${quick[@]}"
stderr_has 'resumed.safetensors.checkpoint'
check test ! -e resumed.safetensors
for file in "$ADAH_CACHE"/*; do
    [ ! -f "$file" ] || cp "$file" "$file.kept"
    [ ! -f "$file" ] || flip "$file" $(($(size_of "$file") / 2))
done
expect 0 encode --model model.safetensors --data scenes --out again --quiet
check cmp codes.image.npy again.image.npy
expect 0 train --data scenes --model again.safetensors --epochs 1 --quiet "${quick[@]}"
n_made=0
for file in "$ADAH_CACHE"/*.kept; do
    ! cmp -s "$file" "${file%.kept}" || n_made=$((n_made + 1))
done
check test "$n_made" = 1
check_no_leftovers .
finish
