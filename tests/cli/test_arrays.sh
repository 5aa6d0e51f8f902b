#!/usr/bin/env bash
# test_arrays.sh - a data set of arrays alone: trained, evaluated, searched; what does not fit is told.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# put_npy FILE SHAPE <VALUES - float32 array; a value is 0 or 1.
put_npy() {
    local header
    header=$(printf '%-117s' "{'descr': '<f4', 'fortran_order': False, 'shape': ($2), }")
    {
        printf '\x93NUMPY\x01\x00\x76\x00%s\n' "$header"
        while read -r value; do
            if [ "$value" = 1 ]; then printf '\x00\x00\x80\x3f'; else printf '\x00\x00\x00\x00'; fi
        done
    } >"$1"
}

# Record i is of class i % 4; its image is a one-hot vector, its text three tokens of which the last is padding.
mkdir given
for i in $(seq 0 59); do
    split=train
    [ $((i % 6)) != 0 ] || split=query
    echo "{\"file_name\": \"r$i\", \"text\": \"number $i\", \"labels\": [\"c$((i % 4))\"], \"split\": \"$split\"}"
done >given/metadata.jsonl
for i in $(seq 0 59); do for d in 0 1 2 3; do echo $((i % 4 == d)); done; done | put_npy given/image.npy '60, 4'
for i in $(seq 0 59); do
    for d in 0 1 2 3; do echo $((i % 4 == d)); done
    for d in 0 1 2 3; do echo $((d == 0)); done
    for d in 0 1 2 3; do echo 0; done
done | put_npy given/text.npy '60, 3, 4'

tiny=(--bits 16 --set n_image_hidden=32 --set n_text_hidden=32 --set n_text_feature=16 --set n_batch=16 --set rate=0.01
      --set validation_share=0 --threads 1)
expect 0 train --data given --model model.safetensors --epochs 30 --quiet "${tiny[@]}"
expect 0 eval --model model.safetensors --data given --json
check_json
check grep -qE '"map_image_to_text": ?(1|0\.9)' json
check grep -qE '"map_text_to_image": ?(1|0\.9)' json
expect 0 eval --model model.safetensors --data given --report report.html
check grep -q 'number 6' report.html
expect 0 info --model model.safetensors
stdout_has '^image: vector 4$'
stdout_has '^text: tokens 3 4$'

expect 0 index create --model model.safetensors --data given --index given.adah
cp -r given kept
for by in image text; do
    for to in image text; do
        expect 0 search --model model.safetensors --index given.adah --data given --record r6 --by $by --to $to -k 3 --json
        check_json
        check test "$(grep -c '"c2"' json)" = 3 # r6 is of class 2
    done
done
expect 2 search --model model.safetensors --index given.adah --data given --record r99
stderr_has 'no record with the file_name "r99"'
expect 2 search --model model.safetensors --index given.adah --record r6
stderr_has 'belong together'
expect 2 search --model model.safetensors --index given.adah --data given --record r6 --by sound
stderr_has '--by is "sound"'
expect 2 search --model model.safetensors --index given.adah --data given --text r6 --record r6
stderr_has 'one of --text, --image, --record, --id, --code and --features'

# Features of their own: every row is a query, or one of them, or the one that there is. What the data set has, a query can be.
for d in 0 0 1 0; do echo $d; done | put_npy one.npy '4,'
for i in 2 1 3; do for d in 0 1 2 3; do echo $((i == d)); done; done | put_npy rows.npy '3, 4'
expect 0 search --model model.safetensors --index given.adah --features one.npy --by image --to image -k 3 --json
check_json
check test "$(grep -c '"c2"' json)" = 3
cp json one
expect 0 search --model model.safetensors --index given.adah --features rows.npy --by image --to image -k 3 --row 0 --json
check_json
check cmp json one
expect 0 search --model model.safetensors --index given.adah --features rows.npy --by image --to image -k 3 --json
check_json
check test "$(grep -c '"row":' json)" = 3
check test "$(grep -c '"c2"' json)$(grep -c '"c1"' json)$(grep -c '"c3"' json)" = 333
expect 0 search --model model.safetensors --index given.adah --features rows.npy --by image --to image -k 1
check test "$(grep -cx 'row [012]' "$work/stdout")" = 3
expect 0 search --model model.safetensors --index given.adah --features rows.npy --by image --radius 0 -k 1 --only /dev/null
stdout_has '^row 2: nothing found$'
expect 0 search --model model.safetensors --index given.adah --features rows.npy --by image --rerank 10 --label c1 --row 1 -k 2 --json
check_json
check test "$(grep -c '"c1"' json)" = 2
expect 2 search --model model.safetensors --index given.adah --features rows.npy --by image --row 3
stderr_has '--row is "3", expected a number below 3, the rows of rows.npy'
expect 2 search --model model.safetensors --index given.adah --features rows.npy
stderr_has 'takes images and texts as features: say with --by image or --by text which these are'
expect 2 search --model model.safetensors --index given.adah --id 3 --row 3
stderr_has '--row to --features'
expect 2 search --index given.adah --features rows.npy
stderr_has '--model is needed'
expect 1 search --model model.safetensors --index given.adah --features one.npy --by text
stderr_has 'one.npy: shape 4, but the model takes texts given as "tokens 3 4": expected \(3, 4\) or \(n, 3, 4\)'
expect 1 search --model model.safetensors --index given.adah --features none.npy --by text
stderr_has 'none.npy'
expect 0 encode --model model.safetensors --data given --out all --quiet
for side in image text; do
    expect 0 encode --model model.safetensors --features given/$side.npy --side $side --out of-$side --json --quiet
    check_json
    check cmp all.$side.npy of-$side.$side.npy
    check cmp all.$side.fine.npy of-$side.$side.fine.npy
done
check test ! -e of-image.text.npy -a ! -e of-image.ids
expect 2 encode --model model.safetensors --features given/image.npy --data given --out both
stderr_has 'give one of --data and --features'
expect 2 encode --model model.safetensors --data given --side text --out both
stderr_has '--side belongs to --features'
expect 2 encode --model model.safetensors --features given/image.npy --side left --out both
stderr_has '--side is "left"'
expect 2 encode --model model.safetensors --features given/image.npy --out both
stderr_has 'say with --side image or --side text'
rm -f one of-* all.*

# What such a model cannot take, and what such a data set cannot go with.
expect 1 search --model model.safetensors --index given.adah --text 'number 6'
stderr_has 'takes texts given as "tokens 3 4"'
expect 1 search --model model.safetensors --index given.adah --image given/image.npy
stderr_has 'takes images given as "vector 4"'
expect 2 train --data given --model m.safetensors --backbone small
stderr_has 'given/image.npy gives the images as features'
check test ! -e m.safetensors
mv given/text.npy text.npy
expect 1 eval --model model.safetensors --data given
stderr_has 'neither text.npy nor text.safetensors'
sed 1d text.npy >given/text.npy
expect 1 train --data given --model m.safetensors
stderr_has 'given/text.npy: not a .npy file'
head -c 500 text.npy >given/text.npy
expect 1 train --data given --model m.safetensors
stderr_has 'given/text.npy: damaged: shape \(60, 3, 4\)'
for i in $(seq 1 24); do echo 0; done | put_npy given/text.npy '2, 3, 4'
expect 1 train --data given --model m.safetensors
stderr_has 'given/text.npy: 2 rows, expected 60'
check_no_leftovers .
# No room for the second batch of 10,000: the first is in the index, and that is told.
mkdir many
seq 0 10099 | awk '{ printf "{\"file_name\": \"m%d\", \"text\": \"number %d\", \"labels\": [\"c0\"]}\n", $1, $1 }' >many/metadata.jsonl
repeat() { # FILE SHAPE BYTES-OF-A-RECORD - what the 60 have, over and over
    head -c 10 "kept/$1"
    printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (10100, $2), }"
    for _ in $(seq 170); do tail -c +129 "kept/$1"; done | head -c $((10100 * $3))
}
repeat image.npy 4 16 >many/image.npy 2>/dev/null
repeat text.npy '3, 4' 48 >many/text.npy 2>/dev/null
cp given.adah all.adah
expect 0 index add --model model.safetensors --data many --index all.adah --quiet
stdout_has '10100 added, 0 replaced'
n_checks=$((n_checks + 1))
(trap '' XFSZ && ulimit -f $((($(stat -c %s all.adah) - 1) / 1024)) && exec "$ADAH" index add --model model.safetensors --data many \
    --index given.adah --quiet) >"$work/stdout" 2>"$work/stderr"
code=$?
[ "$code" -eq 1 ] || fail "exit code $code, expected 1"
stderr_has 'cannot write: File too large; 10000 of 10100 records are in the index'
expect 0 index stats --index given.adah
stdout_has '^n_records +10060$'
expect 0 index add --model model.safetensors --data many --index given.adah --quiet
stdout_has '100 added, 10000 replaced'
expect 0 index verify --index given.adah
finish
