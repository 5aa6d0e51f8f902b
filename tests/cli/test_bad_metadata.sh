#!/usr/bin/env bash
# test_bad_metadata.sh - metadata files with faults: a bad record is left out and counted, or is the end with
# --strict; the message names the line.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
n_good=$(wc -l <scenes/metadata.jsonl)
good=$(head -1 scenes/metadata.jsonl | sed 's/.*"file_name": "\([^"]*\)".*/\1/')
cp scenes/metadata.jsonl kept
other_split=database

# with LINE... - the good records, then these.
with() {
    cp kept scenes/metadata.jsonl
    printf '%b\n' "$@" >>scenes/metadata.jsonl
}
# bad_line PATTERN LINE - one bad line behind the good ones.
bad_line() {
    with "$2"
    expect 0 info --data scenes
    stdout_has "^n_records: $n_good\$"
    stdout_has '^n_bad_records: 1$'
    stdout_has "^first_bad: scenes/metadata.jsonl:$((n_good + 1)): .*$1"
    expect 1 train --data scenes --model strict.safetensors --epochs 1 --quiet --strict "${quick[@]}"
    stderr_has "scenes/metadata.jsonl:$((n_good + 1)): .*$1"
    check test ! -e strict.safetensors
}
bad_line 'broken JSON' '{"file_name": "images/a.png", "text": "cut'
bad_line 'broken JSON' 'nonsense'
bad_line 'object' '["images/a.png", "a list"]'
bad_line 'file_name' '{"text": "no file name"}'
bad_line 'file_name is not a string' '{"file_name": 7, "text": "x"}'
bad_line 'text is not a string' '{"file_name": "images/a.png", "text": 5}'
bad_line 'text 2 is not a string' '{"file_name": "images/a.png", "text": ["x", {}]}'
bad_line 'labels is not a list' '{"file_name": "images/a.png", "text": "x", "labels": {"a": 5}}'
bad_line 'label 2 is neither a string nor a number' '{"file_name": "images/a.png", "text": "x", "labels": ["cat", ["dog"]]}'
bad_line 'split' '{"file_name": "images/a.png", "text": "x", "split": "fold"}'
bad_line "\"$good\" was seen before, in line 1, in another split" "{\"file_name\": \"$good\", \"text\": \"x\", \"split\": \"$other_split\"}"
bad_line 'invalid UTF-8; .*iconv' '{"file_name": "images/a.png", "text": "caf\0351"}'
bad_line 'NUL' '{"file_name": "images/a.png", "text": "nul \\u0000"}'
for path in ../outside.png images/../../outside.png /etc/hostname ''; do
    bad_line file_name "{\"file_name\": \"$path\", \"text\": \"leaves the folder\"}"
done

# Several at once: counted, the first told, and the training goes on without them.
with nonsense '{"file_name": 7}' '{"file_name": "../a.png", "text": "x"}' \
    "{\"file_name\": \"$good\", \"text\": \"x\", \"split\": \"$other_split\"}"
expect 0 train --data scenes --model model.safetensors --epochs 1 --quiet "${quick[@]}"
stdout_has "^left out 4 bad records, the first: scenes/metadata.jsonl:$((n_good + 1)): "
cp kept scenes/metadata.jsonl
expect 0 train --data scenes --model clean.safetensors --epochs 1 --quiet "${quick[@]}"
with nonsense
expect 0 index create --model model.safetensors --data scenes --index scenes.adah
stdout_has "$n_good records, 1 left out"
expect 1 index create --model model.safetensors --data scenes --index strict.adah --strict
check test ! -e strict.adah
expect 0 encode --model model.safetensors --data scenes --out codes
stdout_has 'left out 1 bad record'

# What a symbolic link leads to is no image because the link says so.
ln -s /etc/hostname scenes/images/link.png
with '{"file_name": "images/link.png", "text": "x"}'
expect 0 encode --model model.safetensors --data scenes --out codes
stdout_has 'left out 1 record'

# Texts: empty, one unknown word, in other scripts, very long, full of control characters.
long=$(head -c 200000 /dev/zero | tr '\0' 'x')
{
    cat kept
    for i in 1 2 3 4 5 6; do
        cp "scenes/$good" "scenes/images/extra-$i.png"
    done
    printf '{"file_name": "images/extra-1.png", "text": ""}\n'
    printf '{"file_name": "images/extra-2.png"}\n'
    printf '{"file_name": "images/extra-3.png", "text": "xyzzyplugh", "labels": ["alone"]}\n'
    printf '{"file_name": "images/extra-4.png", "text": "湖の上の赤い舟 ทะเลสาบ", "labels": []}\n'
    printf '{"file_name": "images/extra-5.png", "text": "%s"}\n' "$long"
    printf '{"file_name": "images/extra-6.png", "text": "\\u0001\\u0007\\t\\n"}\n'
} >scenes/metadata.jsonl
expect 0 train --data scenes --model texts.safetensors --epochs 1 --quiet --strict "${quick[@]}"
stdout_has '^trained on'
expect 0 eval --model texts.safetensors --data scenes --split train
expect 0 encode --model texts.safetensors --data scenes --out codes --strict
stdout_has "^$((n_good + 6)) pairs"

# Labels: every one with one member alone.
mkdir lone
cp -r scenes/images scenes/masks lone/
awk '{ sub(/"labels": \[[^]]*\]/, "\"labels\": [\"only " NR "\"]"); print }' kept >lone/metadata.jsonl
expect 0 info --data lone
stdout_has "^n_labels: $n_good\$"
expect 0 train --data lone --model lone.safetensors --epochs 1 --quiet --strict "${quick[@]}"
# No query has a relevant item: said, and no number is made up.
expect 0 eval --model lone.safetensors --data lone
stdout_has '^0 queries'

# No text with a word at all.
mkdir mute
cp -r scenes/images scenes/masks mute/
sed 's/"text": "[^"]*"/"text": ""/' kept >mute/metadata.jsonl
expect 2 train --data mute --model mute.safetensors --epochs 1 --quiet "${quick[@]}"
stderr_has 'no word occurs'

# No metadata, none good, empty, a folder that is not there, a file for a folder.
mkdir empty
expect 1 info --data empty
stderr_has 'empty.*metadata.jsonl'
: >empty/metadata.jsonl
expect 1 info --data empty
stderr_has 'empty/metadata.jsonl: no records'
printf 'nonsense\nmore nonsense\n' >empty/metadata.jsonl
expect 1 info --data empty
stderr_has 'empty/metadata.jsonl:1: .*none of the 2 records is good'
expect 1 info --data nowhere
stderr_has nowhere
expect 1 info --data kept
stderr_has kept

# The same records as CSV; a row that is too short.
mkdir csv
cp -r scenes/images scenes/masks csv/
{
    echo 'file_name,text,labels,split'
    sed 's/.*"file_name": "\([^"]*\)", "text": "\([^"]*\)", "labels": \["\([^"]*\)".*"split": "\([^"]*\)".*/\1,"\2",\3,\4/' kept
} >csv/metadata.csv
expect 0 info --data csv
stdout_has "^n_records: $n_good\$"
stdout_has '^n_bad_records: 0$'
expect 0 train --data csv --model csv.safetensors --epochs 1 --quiet --strict "${quick[@]}"
echo 'images/extra-1.png,too short' >>csv/metadata.csv
expect 0 info --data csv
stdout_has "^first_bad: csv/metadata.csv:$((n_good + 2)): 2 fields, expected 4"
check_no_leftovers .
finish
