#!/usr/bin/env bash
# test_word_order.sh - a list of tags in another order: the same model, the same codes, the same answers.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
mkdir turned
ln -s ../scenes/images turned/images
# Every text of several words ends with its first.
sed -E 's/("text": ")([^" ]+) ([^"]+)"/\1\3 \2"/' scenes/metadata.jsonl >turned/metadata.jsonl
check_not cmp -s scenes/metadata.jsonl turned/metadata.jsonl
for data in scenes turned; do
    expect 0 train --data $data --model $data.safetensors --epochs 2 --quiet --set word_pairs=1 "${quick[@]}"
    expect 0 encode --model scenes.safetensors --data $data --out $data --quiet
done
check cmp scenes.safetensors turned.safetensors
check grep -qE '[a-z]\+[a-z]' scenes.safetensors # pairs are among the words
check cmp scenes.text.npy turned.text.npy
expect 0 index create --model scenes.safetensors --data scenes --index scenes.adah --quiet
for text in 'red circle meadow' 'meadow circle red'; do
    expect 0 search --model scenes.safetensors --index scenes.adah --text "$text" --json
    grep -oE '"(id|distance)": [0-9]+' stdout >"$text"
done
check test "$(wc -l <'red circle meadow')" -gt 10
check cmp 'red circle meadow' 'meadow circle red'
finish
