#!/usr/bin/env bash
# test_unknown_words.sh - words that the model does not know are told, and why a text without any cannot be searched by.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_index
ask=(search --model model.safetensors --index scenes.adah -k 1)
expect 0 "${ask[@]}" --text 'red circle'
stderr_lacks .
expect 0 "${ask[@]}" --text 'lorem red Zebra, zebras and the nilpferd lorem 7'
stderr_has '^adah: unknown to the model and passed over: lorem, Zebra, nilpferd$'
expect 0 "${ask[@]}" --text 'red zebra' --json
stderr_has 'unknown to the model and passed over: zebra'
check_json
# A record's text as the query.
first=$(head -1 scenes/metadata.jsonl | sed 's/.*"file_name": "\([^"]*\)".*/\1/')
cp -r scenes other
sed -i '1s/"text": "/"text": "zebra /' other/metadata.jsonl
expect 0 "${ask[@]}" --data other --record "$first" --by text
stderr_has 'passed over: zebra'
# Without any word that is known there is no answer, and each time another reason.
expect 1 "${ask[@]}" --text 'zebra rhinoceros'
stderr_has "none of its words is in the model's vocabulary"
expect 1 "${ask[@]}" --text 'the of and'
stderr_has '"the of and": its words are stop words'
expect 1 "${ask[@]}" --text '12 3.4'
stderr_has 'numbers in it, but no word'
expect 1 "${ask[@]}" --text "$(head -c 100 /dev/zero | tr '\0' x)"
stderr_has 'too long for words'
for nothing in '' '  ' '?!' '🙂'; do
    expect 1 "${ask[@]}" --text "$nothing"
    stderr_has 'there is no word in it'
done
# Texts of a data set.
sed -i 's/"text": "[^"]*"/"text": "zebra"/' other/metadata.jsonl
expect 0 index create --force --model model.safetensors --data other --index other.adah
stdout_has '^note: 120 of 120 texts have no word that the model knows'
expect 0 encode --model model.safetensors --data other --out codes
stdout_has '^note: 120 of 120 texts have no word'
expect 0 encode --model model.safetensors --data other --out codes --json
stdout_has '"n_texts_unknown": 120'
expect 0 encode --model model.safetensors --data scenes --out codes --json
stdout_has '"n_texts_unknown": 0'
finish
