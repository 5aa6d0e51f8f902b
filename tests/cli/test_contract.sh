#!/usr/bin/env bash
# test_contract.sh - the command's forms that others script against, from generated scenes to overlays.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

expect 0 synth --out scenes --count 120 --side 32
stdout_has '^scenes: 120 scenes$'
check test "$(wc -l <scenes/metadata.jsonl)" = 120

expect 0 train --data scenes --model model.safetensors --epochs 2 "${quick[@]}"
stdout_has '^trained on [0-9]+ pairs .* similarity from labels$'
stdout_has '^model: model.safetensors$'
stderr_has '^epoch 2/2 .*mAP'
check test ! -e model.safetensors.checkpoint
check_no_leftovers .
# The form of every safetensors file: the length of a JSON object, then that object.
n_header=$(od -An -tu8 -N8 model.safetensors)
check test "$(tail -c +9 model.safetensors | head -c 1)" = '{'
check test "$(tail -c +9 model.safetensors | head -c "$n_header" | tr -d ' ' | tail -c 1)" = '}'

# Same seed and threads, same model; other seed, other model.
expect 0 train --data scenes --model again.safetensors --epochs 2 --quiet "${quick[@]}"
stderr_lacks .
check cmp model.safetensors again.safetensors
expect 0 train --data scenes --model other.safetensors --epochs 1 --seed 1 --quiet --json "${quick[@]}"
check_json
check grep -q '"history"' json
check_not cmp -s model.safetensors other.safetensors

for way in --no-attention --no-adversary '--preset paper' '--similarity words' '--similarity pairs' '--language none' \
           '--finetune'; do
    # shellcheck disable=SC2086
    expect 0 train --data scenes --model way.safetensors --epochs 1 --quiet "${quick[@]}" $way
done

expect 0 encode --model model.safetensors --data scenes --out codes
for kind in image text; do
    check test "$(head -c 6 codes.$kind.npy | tail -c 5)" = NUMPY
    check grep -qaF "'shape': (120, 2)" codes.$kind.npy
    check grep -qaF "'descr': '|u1'" codes.$kind.npy
    n_header=$(od -An -tu2 -j8 -N2 --endian=little codes.$kind.npy)
    check test "$(stat -c %s codes.$kind.npy)" = $((10 + n_header + 120 * 2))
done
check test "$(wc -l <codes.ids)" = 120
check test "$(head -1 codes.ids)" = "$(head -1 scenes/metadata.jsonl | sed 's/.*"file_name": "\([^"]*\)".*/\1/')"
expect 0 encode --model model.safetensors --data scenes --out codes2 --threads 1
check cmp codes.image.npy codes2.image.npy
check cmp codes.text.npy codes2.text.npy
expect 0 encode --model model.safetensors --data scenes --out codes2 --cache no-cache --profile
check test ! -e no-cache
check cmp codes.image.npy codes2.image.npy
stdout_has '^[0-9.]+ records a second \(120 in [0-9.]+ s, threads: [0-9]+\)$'
stdout_has '^time: reading [0-9.]+ %, decoding [0-9.]+ %, normalising [0-9.]+ %, network [0-9.]+ %, rest [0-9.]+ %$'
stdout_has '^peak memory: [0-9.]+ MB$'
expect 0 encode --model model.safetensors --data scenes --out codes2 --json --profile
check_json
for key in n n_bits n_skipped n_records n_threads per_second peak_bytes reading decoding normalising network rest; do
    check grep -q "\"$key\": [0-9]" json
done
expect 0 encode --model model.safetensors --data scenes --out codes2 --json
check_json
check_not grep -q profile json

expect 0 index create --model model.safetensors --data scenes --index scenes.adah
stdout_has '^scenes.adah: 120 records$'
expect 0 index verify --index scenes.adah
stdout_has '^scenes.adah: good$'

image=scenes/$(head -1 codes.ids)
expect 0 search --model model.safetensors --index scenes.adah --text 'red cross'
check test "$(wc -l <stdout)" = 10
for query in '--text cross' "--image $image"; do
    for to in image text; do
        # shellcheck disable=SC2086
        expect 0 search --model model.safetensors --index scenes.adah $query --to $to -k 3 --json
        check_json
        check test "$(grep -c '"id": [0-9]' json)" = 3
        for key in distance file_name text labels; do
            check test "$(grep -c "\"$key\":" json)" = 3
        done
        # By distance, nearest first.
        check test "$(grep -o '"distance": [0-9]*' json | sort -nk2 | head -3)" = "$(grep -o '"distance": [0-9]*' json)"
    done
done
# An image of the collection finds itself at distance 0.
expect 0 search --model model.safetensors --index scenes.adah --image "$image" --to image -k 120 --json
stdout_has '"distance": 0,'

expect 0 eval --model model.safetensors --data scenes --json
check_json
for key in map_image_to_text map_text_to_image map_image_to_image map_text_to_text n_queries n_database n_bits; do
    check grep -q "\"$key\": \?[0-9]" json
done
check grep -q '"n_bits": \?16\b' json
cp json by-model
expect 0 eval --codes codes --data scenes --json
for key in map_image_to_text map_text_to_image map_image_to_image map_text_to_text; do
    check test "$(grep -o "\"$key\": \?[0-9.]*" by-model | head -1)" = "$(grep -o "\"$key\": \?[0-9.]*" stdout | head -1)"
done
expect 0 eval --model model.safetensors --data scenes
stdout_has '^image to text +0\.'
expect 0 eval --model model.safetensors --data scenes --split train
"$ADAH" synth --out queries --count 20 --side 32 --seed 7 >stdout
expect 0 eval --model model.safetensors --data scenes --queries queries --json
stdout_has '"n_database": ?102\b'

expect 0 attend --model model.safetensors --image "$image" --out overlay.png
check test "$(head -c 4 overlay.png | tail -c 3)" = PNG

expect 0 info --model model.safetensors
stdout_has '^n_bits: 16$'
expect 0 info --model model.safetensors --json
check_json
expect 0 info --index scenes.adah --json
check_json
check grep -q '"n_records": 120' json
expect 0 info --data scenes
stdout_has '^n_records: 120$'

# Without labels the similarity comes from words, and that is said.
mkdir bare
cp -r scenes/images scenes/masks bare/
sed 's/, "labels": \[[^]]*\]//' scenes/metadata.jsonl >bare/metadata.jsonl
check_not grep -q labels bare/metadata.jsonl
expect 0 train --data bare --model bare.safetensors --epochs 1 --quiet "${quick[@]}"
stdout_has 'similarity from words'
expect 2 train --data bare --model bare.safetensors --epochs 1 --quiet --similarity labels "${quick[@]}"
stderr_has 'no record has labels'
finish
