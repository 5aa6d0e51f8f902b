#!/usr/bin/env bash
# test_collapsed.sh - 'train' and 'index create' say so when codes do not tell images apart, and only then.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
train() { expect 0 train --data scenes --epochs 1 --quiet --set n_side=16 --threads 1 "$@"; }
note='^note: [0-9]+ images share [0-9]+ codes?: answers of equal distance come in the order of ids'
silent() { check_not grep -q '^note:' stdout; }

# 120 images on 8 bits: what is said is what a count of the codes finds.
train --model short.safetensors --bits 8
stdout_has "$note; try 'adah train' with --bits 128 or --set n_fine=128 --set picture_share=0.5\$"
expect 0 encode --model short.safetensors --data scenes --out short
bytes() { tail -c 120 short.image.npy | od -An -v -tx1 -w1; }
n_codes=$(bytes | sort -u | wc -l)
check test "$n_codes" -lt 60
expect 0 index create --model short.safetensors --data scenes --index short.adah --quiet
stdout_has "^note: 120 images share $n_codes codes?: "
train --model json.safetensors --bits 8 --json
check grep -qE '"distinct_codes": ?\{"n_items": ?[0-9]+, ?"image": ?\{"n_distinct": ?[0-9]+, ?"n_most": ?[0-9]+\}, ?"text": ?\{' stdout
check_not grep -q 'note:' stdout

# Adding is no time to choose another model.
expect 0 index add --model short.safetensors --data scenes --index short.adah --quiet
silent

# Codes that differ, and equal codes that the fine order puts in order.
train --model long.safetensors --bits 1024
silent
expect 0 index create --model long.safetensors --data scenes --index long.adah --quiet
silent
train --model fine.safetensors --bits 8 --set n_fine=16
silent
expect 0 index create --model fine.safetensors --data scenes --index fine.adah --quiet
silent

# What is tried already is not proposed.
"$ADAH" synth --out alike --count 10 --side 32 >/dev/null || exit 1
picture=$(cd alike && ls images/* | head -1)
: >alike/metadata.jsonl
for i in $(seq 300); do
    cp "alike/$picture" "alike/images/$i.png"
    printf '{"file_name": "images/%s.png", "text": "a scene", "labels": ["scene"]}\n' "$i" >>alike/metadata.jsonl
done
expect 0 index create --model long.safetensors --data alike --index alike.adah --quiet
stdout_has "^note: 300 images share 1 code: .* with --set n_fine=128 --set picture_share=0.5\$"
train --model apart.safetensors --bits 128 --set n_fine=16 --set picture_share=0.5 --no-attention
expect 0 index create --model apart.safetensors --data alike --index apart.adah --quiet
stdout_has '^note: 300 images share 1 code: answers of equal distance come in the order of ids$'

# Without --bits the length follows from the number of records; the preset of the paper keeps its own.
expect 0 train --data scenes --epochs 1 --quiet --set n_side=16 --threads 1 --model any.safetensors
expect 0 info --model any.safetensors
stdout_has 'n_bits.* 128$'
expect 0 train --data scenes --epochs 1 --quiet --set n_side=16 --threads 1 --model paper.safetensors --preset paper
expect 0 info --model paper.safetensors
stdout_has 'n_bits.* 32$'
check_no_leftovers .
finish
