#!/usr/bin/env bash
# test_plain_folder.sh - a folder of pictures without metadata on its whole way: found, learned from, searched, measured.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
mkdir -p Pictures/2019/{"red circles",sea} Pictures/.trash
n=0
for picture in scenes/images/*; do
    n=$((n + 1))
    album=$([ $((n % 2)) = 0 ] && echo "red circles" || echo sea)
    cp "$picture" "Pictures/2019/$album/IMG_$(printf %04d $n).${picture##*.}"
done
second="2019/red circles/IMG_0002.png"
first=$(cd Pictures && find . -name 'IMG_0001.*' | sed 's,^\./,,')
cp "Pictures/$first" Pictures/.trash/
echo "a zanzibar scene" >"Pictures/${first%.*}.txt"
echo film >Pictures/film.mov

expect 0 info --data Pictures
stdout_has '^n_records: 120$'
stdout_has '^n_labels: 2$'
stdout_has '    sidecars: 1$'
stdout_has '    folders: 119$'
stdout_has '    folders: 120$'
stdout_has '    text \(folders\): red circles$'
stdout_has 'film.mov'
expect 0 info --data Pictures --json
check_json
check test "$(grep -c '"file_name"' stdout)" = 3
expect 0 info --data Pictures --ignore folders
stdout_has '^n_labels: 0$'
stdout_has '^n_texts_empty: 119$'
expect 2 info --data Pictures --ignore albums
stderr_has 'expected metadata, sidecars, pictures, names or folders'

expect 0 train --data Pictures --model m.safetensors --epochs 2 --quiet "${quick[@]}"
stdout_has 'the 120 pictures'
stdout_has 'similarity from labels'
expect 0 index create --model m.safetensors --data Pictures --index i.adah --quiet
stdout_has '120 records'
expect 0 search --model m.safetensors --index i.adah --text zanzibar -k 1
stdout_has "$first"
expect 0 eval --model m.safetensors --data Pictures --quiet
stdout_has 'queries'
expect 0 encode --model m.safetensors --data Pictures --out codes --quiet
check test "$(wc -l <codes.ids)" = 120
expect 0 search --model m.safetensors --index i.adah --data Pictures --record "$second" --by text -k 1
stdout_has "red circles"

# What is passed over, by name and with why: files when the folder is read, pictures when they are decoded.
cp Pictures/film.mov "Pictures/2019/sea/broken.jpg"
touch Pictures/raw.cr2
expect 0 index create --model m.safetensors --data Pictures --index j.adah --quiet --left-out out.txt
check grep -q '^Pictures/film.mov: no picture' out.txt
check grep -q '^Pictures/raw.cr2: raw camera data' out.txt
check grep -q '^Pictures/2019/sea/broken.jpg: ' out.txt
check test "$(wc -l <out.txt)" = 3
rm Pictures/2019/sea/broken.jpg Pictures/raw.cr2
printf '{"file_name": "a.jpg"}\n{"text": "b"}\nc\n' >scenes/metadata.jsonl
expect 0 info --data scenes --left-out out.txt
check test "$(cut -d: -f2 out.txt | tr '\n' ' ')" = "2 3 "
expect 1 info --data scenes --left-out no/folder/out.txt
stderr_has 'no/folder/out.txt: No such file'

# Nothing to learn by: told, with what could be done.
expect 2 train --data Pictures --model n.safetensors --ignore folders --ignore sidecars --quiet "${quick[@]}"
stderr_has 'put them into folders'
check test ! -e n.safetensors
check_no_leftovers .
finish
