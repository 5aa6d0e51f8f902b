#!/usr/bin/env bash
# test_joint.sh - features of a joint encoder make an index at once: without labels, pairs or metadata, by random, itq and none; words of the
# same space find images, the fine order is the encoder's own, and what does not go together is told.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# vectors SALT - 120 rows of 16 whole numbers: row i is about i % 12 and i itself, with noise and a shift that differ by the salt.
vectors() {
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|i1', 'fortran_order': False, 'shape': (120, 16), }"
    awk -v salt="$1" 'BEGIN {
        for (i = 0; i < 120; i++)
            for (d = 0; d < 16; d++) {
                own = (i * 7919 + d * 104729 + i * d * 31) % 41 - 20
                noise = (i * 613 + d * 997 + salt * 389 + i * d * salt * 17) % 5 - 2
                printf "%02x\n", 256 + own + noise + (d % 12 == i % 12) * 20 + (d % 2 == salt % 2) * 10
            }
    }' | sed 's/.*\(..\)$/\\x\1/' | tr -d '\n' | xargs -0 printf '%b'
}
mkdir joint
vectors 1 >joint/image.npy
vectors 2 >joint/text.npy
check test "$(stat -c %s joint/image.npy)" = $((128 + 1920))

for method in random itq none; do
    expect 0 train --data joint --model $method.safetensors --method $method --quiet
    stdout_has 'there are no metadata: the records are the rows of image.npy'
    expect 0 info --model $method.safetensors
    stdout_has '^image: vector 16$'
    stdout_has '^text: vector 16$'
    stdout_has '^ *n_fine: 16$'
    stdout_has '^n_bits: 16$'
    expect 0 train --data joint --model again.safetensors --method $method --quiet --threads 2
    check cmp $method.safetensors again.safetensors
    expect 0 index create --model $method.safetensors --data joint --index $method.adah --quiet
    # Nine texts of twelve have their own image first, by the cosine of all 16 values (one of 120 by chance).
    expect 0 search --model $method.safetensors --index $method.adah --features joint/text.npy --by text -k 1 --json
    check_json
    n_own=$(grep -E '"(row|id)":' json | paste - - | awk '{ gsub(",", ""); n += $2 == $4 } END { print n }')
    check test "$n_own" -ge 90
    expect 0 search --index $method.adah --id 17 --to image -k 3 --json
    check_json
done
check_not cmp -s itq.safetensors random.safetensors
expect 0 train --data joint --model seed.safetensors --method itq --seed 5 --quiet
check_not cmp -s itq.safetensors seed.safetensors

# Images alone: an index of images, which vectors of texts may ask all the same.
mkdir images
cp joint/image.npy images
expect 0 train --data images --model images.safetensors --method itq --quiet
expect 0 index create --model images.safetensors --data images --index images.adah --quiet
expect 0 index stats --index images.adah
stdout_has '^n_image_codes +120$'
stdout_has '^n_text_codes +0$'
expect 0 search --model images.safetensors --index images.adah --features joint/text.npy --row 7 --by text -k 10 --candidates 120 --json
check_json
check grep -q '"id": 7,' json
expect 0 encode --model images.safetensors --data images --out codes --quiet
stdout_has '120 images, 16 bits: codes.image.npy, codes.ids'
check test ! -e codes.text.npy -a ! -e codes.text.fine.npy
expect 1 eval --model images.safetensors --data images --quiet
stderr_has 'images: there are codes of images alone; an evaluation asks for those of texts, too'
expect 1 eval --model images.safetensors --data images --quiet --report report.html
expect 0 index add --model itq.safetensors --data images --index itq.adah --quiet

# Metadata as ever: file names, texts to show and labels to measure by.
cp -r joint named
for i in $(seq 0 119); do
    echo "{\"file_name\": \"p$i.jpg\", \"text\": \"number $i\", \"labels\": [\"c$((i % 12))\"], \"split\": \"$([ $((i % 6)) = 5 ] && echo query || echo train)\"}"
done >named/metadata.jsonl
expect 0 train --data named --model named.safetensors --method itq --bits 8 --set n_fine=8 --quiet
expect 0 eval --model named.safetensors --data named --json --quiet
check_json
expect 0 index create --model named.safetensors --data named --index named.adah --quiet
expect 0 search --model named.safetensors --index named.adah --features joint/image.npy --row 4 --by image --to image -k 1
stdout_has 'p4.jpg'

# What does not go together.
expect 2 train --data named --model m.safetensors --method itq --bits 24 --set n_fine=24
stderr_has 'n_fine is 24, expected at most 16'
expect 2 train --data joint --model m.safetensors --method none --bits 24
stderr_has 'none: 24 bits, expected at most 16'
expect 0 train --data joint --model wide.safetensors --method random --bits 40 --quiet
expect 2 train --data joint --model m.safetensors --method cca --set n_fine=8
stderr_has 'the method cca has no vector for the fine order'
expect 2 train --data joint --model m.safetensors --method itq --attention
stderr_has 'attention is asked for, but the method itq has none'
make_scenes
expect 2 train --data scenes --model m.safetensors --method itq
stderr_has 'method itq: it is for features of an encoder that puts images and texts into one space, and scenes has neither image.npy'
cp -r joint uneven
for i in $(seq 120); do printf '\x01\x02'; done | cat <(printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (120, 2), }") - >uneven/text.npy
expect 1 train --data uneven --model m.safetensors --method random
stderr_has 'images are vectors of 16 values and texts of 2, but this method is for an encoder that puts both into one space'
head -c 300 joint/image.npy >uneven/image.npy
expect 1 train --data uneven --model m.safetensors --method random
stderr_has 'uneven/image.npy: damaged'
mkdir empty
expect 1 train --data empty --model m.safetensors --method random
stderr_has 'neither metadata.jsonl nor metadata.csv is there, nor image.npy'
check test ! -e m.safetensors
check_no_leftovers .
finish
