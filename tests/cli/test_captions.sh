#!/usr/bin/env bash
# test_captions.sh - several texts an image on their whole way: data set, training, resuming, codes, index, search, evaluation.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
for name in list lines one joined; do
    mkdir $name
    ln -s ../scenes/images $name/images
done
cp scenes/metadata.jsonl one/
# Three captions of each: the scene's own, its beginning, and two words of its own.
sed -E 's/"text": "([^ "]*) ?([^"]*)"/"text": ["\1 \2", "picture of \1", "zanzibar scene"]/' scenes/metadata.jsonl >list/metadata.jsonl
while IFS= read -r line; do
    for text in '"\1 \2"' '"picture of \1"' '"zanzibar scene"'; do
        printf '%s\n' "$line" | sed -E "s/\"text\": \"([^ \"]*) ?([^\"]*)\"/\"text\": $text/"
    done
done <scenes/metadata.jsonl >lines/metadata.jsonl
check test "$(wc -l <lines/metadata.jsonl)" -eq 360
# One file with labels, masks and splits, another with the captions, one behind the other.
{
    sed -E 's/"text": ".*", "labels"/"labels"/' scenes/metadata.jsonl
    sed -E 's/, "labels": .*/}/; s/"text"/"captions"/' list/metadata.jsonl
} >joined/metadata.jsonl
check test "$(grep -c '"text"' joined/metadata.jsonl)" = 0
check test "$(grep -c '"captions"' joined/metadata.jsonl)" = 120

expect 0 info --data list
stdout_has '^n_records: 120$'
stdout_has '^n_texts: 360$'
stdout_has '^n_bad_records: 0$'
expect 0 info --data lines
stdout_has '^n_records: 120$'
stdout_has '^n_texts: 360$'
stdout_has '240 lines name a file again'

# A list is the same as lines, and as captions from another file; one text is another training.
for name in list lines joined; do
    expect 0 train --data $name --model $name.safetensors --epochs 3 --quiet "${quick[@]}"
done
check cmp list.safetensors lines.safetensors
check cmp list.safetensors joined.safetensors
expect 0 train --data one --model one.safetensors --epochs 3 --quiet "${quick[@]}"
check_not cmp -s list.safetensors one.safetensors

# Where the texts of a record are others, a finished training is no other's.
cp list.safetensors again.safetensors
expect 0 train --data lines --model again.safetensors --epochs 3 --quiet --resume "${quick[@]}"
check cmp list.safetensors again.safetensors
mkdir other
ln -s ../scenes/images other/images
sed -E 's/"text": \["([^"]*)", "([^"]*)", /"text": ["\2", "\1 \2", /' list/metadata.jsonl >other/metadata.jsonl
expect 0 train --data other --model again.safetensors --epochs 3 --quiet --resume "${quick[@]}"
check_not cmp -s list.safetensors again.safetensors

# Codes go by all texts; the index keeps them.
expect 0 encode --model list.safetensors --data list --out list-codes --quiet
expect 0 encode --model list.safetensors --data lines --out lines-codes --quiet
check cmp list-codes.text.npy lines-codes.text.npy
check test "$(wc -l <lines-codes.ids)" -eq 120
expect 0 index create --model list.safetensors --data lines --index lines.adah --quiet
stdout_has '^lines.adah: 120 records$'
expect 0 index add --model list.safetensors --data list --index lines.adah --quiet
stdout_has '0 added, 120 replaced'
expect 0 search --model list.safetensors --index lines.adah --text 'zanzibar' -k 2
stdout_has '"[^"]*" \(and 2 more\)'
expect 0 search --model list.safetensors --index lines.adah --text 'zanzibar' -k 2 --json
stdout_has 'picture of [^"]*\\nzanzibar scene'
check_json
expect 0 eval --model list.safetensors --data lines --quiet
stdout_has 'queries'
# Keys by name, in every command that reads a data set.
mkdir -p named
ln -s ../scenes/images named/images
sed -E 's/"text": /"words": /; s/"labels": /"kinds": /; s/"file_name": "/"photo": ".\/\//' scenes/metadata.jsonl >named/metadata.jsonl
named=(--data named --file-key photo --text-key words --label-key kinds)
expect 1 info --data named
stderr_has 'keys passed over: .*"photo"'
expect 0 info "${named[@]}"
stdout_has '^n_records: 120$'
stdout_has '^n_texts_empty: 0$'
expect 0 train "${named[@]}" --model named.safetensors --epochs 3 --quiet "${quick[@]}"
check cmp named.safetensors one.safetensors
expect 0 encode --model one.safetensors "${named[@]}" --out named-codes --quiet
expect 0 index create --model one.safetensors "${named[@]}" --index named.adah --quiet
expect 0 eval --model one.safetensors "${named[@]}" --quiet
expect 0 search --model one.safetensors --index named.adah "${named[@]}" --record "$(head -1 named-codes.ids)" --by text -k 1
expect 1 info --data named --file-key photo --text-key wrods
stderr_has 'no record has anything under the chosen key "wrods"'

finish
