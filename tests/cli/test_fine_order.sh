#!/usr/bin/env bash
# test_fine_order.sh - vectors beside the codes: encoded, kept by an index, and what a search is ordered by; and indexes without.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
train() { "$ADAH" train --data scenes --epochs 1 --quiet "${quick[@]}" "$@" >/dev/null || exit 1; }
train --model fine.safetensors --set n_fine=40
train --model bits.safetensors
expect 2 train --data scenes --model no.safetensors --set n_fine=12
stderr_has 'n_fine is 12, expected a multiple of 8'
expect 2 train --data scenes --model no.safetensors --set n_fine=1032
stderr_has 'n_fine is 1032, expected 0 to 1024'
expect 2 train --data scenes --model no.safetensors --method dcmh --set n_fine=16
stderr_has 'n_fine is 16, but the method dcmh has no vector'
expect 0 info --model fine.safetensors
stdout_has 'n_fine.* 40$'

# Codes in files; those of a model without vectors leave none from before.
expect 0 encode --model fine.safetensors --data scenes --out codes --json
check test "$(grep -o '"n_[a-z]*_fine": [0-9]*' stdout | tr '\n' ' ')" = '"n_image_fine": 40 "n_text_fine": 40 '
for side in image text; do
    check test "$(head -c 128 codes.$side.fine.npy | grep -aoE "'descr': '\|i1'|\(120, 40\)" | tr -d '\n')" = "'descr': '|i1'(120, 40)"
done
expect 0 eval --data scenes --codes codes
expect 0 encode --model bits.safetensors --data scenes --out codes
check test ! -e codes.image.fine.npy -a ! -e codes.text.fine.npy

# An index of them.
expect 0 index create --model fine.safetensors --data scenes --index fine.adah --quiet
expect 0 index create --model bits.safetensors --data scenes --index bits.adah --quiet
expect 0 index verify --index fine.adah
expect 0 index stats --index fine.adah --json
for number in '"n_image_fine": 40' '"n_text_fine": 40' '"n_image_vectors": 120' '"n_text_vectors": 120' '"fine_bytes": 9600'; do check grep -q "$number" stdout; done
expect 0 index stats --index bits.adah --json
for number in '"n_image_fine": 0' '"n_text_fine": 0' '"n_image_vectors": 0' '"fine_bytes": 0'; do check grep -q "$number" stdout; done

# A picture of the index comes first, and no other one before it: its cosine is 1.
search=(search --model fine.safetensors --index fine.adah)
for i in 00003 00050; do
    expect 0 "${search[@]}" --image scenes/images/scene-$i.png --to image -k 1
    stdout_has "^   0   1\\.0000  images/scene-$i.png"
done
# The order is that of the score, whatever the distances, with every record looked at; with as many candidates as answers these are those by bits.
numbers() { grep -o "\"$1\": [-0-9.e]*" "$2" | cut -d' ' -f2; }
all=(--text 'red cross' --no-words -k 120 --json --candidates 500)
expect 0 "${search[@]}" "${all[@]}"
cp stdout all
check test "$(numbers id all | wc -l)" = 120
check test "$(numbers score all)" = "$(numbers score all | sort -grs)"
check_not test "$(numbers distance all)" = "$(numbers distance all | sort -n)"
# Whoever asks for more has the same answers in front: of 120, tiers of 30, 30 and 60 by distance, each in the order of its scores.
"$ADAH" "${search[@]}" --text 'red cross' --no-words -k 120 --json --order bits >all_by_bits
expect 0 "${search[@]}" --text 'red cross' --no-words -k 120 --json
cp stdout most
check_not test "$(cat most)" = "$(cat all)"
for k in 1 24 30 31 60 100; do
    check test "$("$ADAH" "${search[@]}" --text 'red cross' --no-words -k $k --json | grep '"id"')" = "$(grep '"id"' most | head -$k)"
done
for tier in 1,30 31,60 61,120; do
    check test "$(numbers id most | sed -n ${tier}p | sort)" = "$(numbers id all_by_bits | sed -n ${tier}p | sort)"
    check test "$(numbers score most | sed -n ${tier}p)" = "$(numbers score most | sed -n ${tier}p | sort -grs)"
done
# The first tier is that of the records which may be found: 25 of 100.
seq 0 99 >hundred
"$ADAH" "${search[@]}" --text 'red cross' --no-words -k 25 --json --order bits --only hundred >hundred_by_bits
expect 0 "${search[@]}" --text 'red cross' --no-words -k 100 --json --only hundred
check test "$(numbers id stdout | head -25 | sort)" = "$(numbers id hundred_by_bits | sort)"
check test "$(numbers score stdout | head -25)" = "$(numbers score stdout | head -25 | sort -grs)"
"$ADAH" "${search[@]}" --text 'red cross' --no-words -k 9 --json --order bits >by_bits
check test "$(numbers distance by_bits)" = "$(numbers distance by_bits | sort -n)"
check_not grep -q score by_bits
expect 0 "${search[@]}" --text 'red cross' --no-words -k 9 --json --candidates 9
check test "$(numbers id stdout | sort)" = "$(numbers id by_bits | sort)"
for method in scan tables; do check test "$("$ADAH" "${search[@]}" "${all[@]}" --method $method)" = "$(cat all)"; done
expect 0 "${search[@]}" --text 'red cross' --no-words -k 120 --json --candidates 500 --label 'red cross' --radius 7
check test "$(numbers id stdout | wc -l)" -gt 0
check test "$(grep -c '"id"' stdout)" = "$(grep -c '"red cross"' stdout)"
check test "$(numbers distance stdout | sort -n | tail -1)" -le 7
check test "$(numbers score stdout)" = "$(numbers score stdout | sort -grs)"
# By the vector that the index has; without a vector by distance.
expect 0 search --index fine.adah --id 3 --to image -k 119 --json
check test "$(numbers id stdout | wc -l)" = 119
check test "$(numbers score stdout)" = "$(numbers score stdout | sort -grs)"
expect 0 search --index bits.adah --id 3 --to image -k 119 --json
check_not grep -q score stdout
expect 0 search --index fine.adah --code 00ff --to image --json
check_not grep -q score stdout
expect 2 search --index fine.adah --code 00ff --order fine
stderr_has 'the fine order goes neither with --code'
expect 2 "${search[@]}" --text red --rerank 5 --order fine
expect 2 "${search[@]}" --text red --order bits --candidates 5
stderr_has 'not with --order bits'
expect 2 "${search[@]}" --text red --order best
stderr_has '"best", expected bits or fine'
expect 0 "${search[@]}" --text red --rerank 50 --json
expect 1 search --model bits.safetensors --index bits.adah --text red --order fine
stderr_has 'the index has no vectors'
expect 1 search --index bits.adah --id 3 --candidates 20

# It grows, is compacted, and keeps them; codes alone, from elsewhere, come behind all that have a vector.
expect 0 index add --model fine.safetensors --data scenes --index fine.adah --quiet
expect 0 "${search[@]}" "${all[@]}"
check test "$(cat stdout)" = "$(cat all)"
expect 0 index compact --index fine.adah --quiet
expect 0 "${search[@]}" "${all[@]}"
check test "$(cat stdout)" = "$(cat all)"
expect 0 index export --index fine.adah --side image --out alone.npy
rm alone.npy.ids
expect 0 index import --index fine.adah --image-codes alone.npy --quiet
expect 0 index verify --index fine.adah
expect 0 "${search[@]}" --text 'red cross' --no-words -k 240 --json --candidates 500
check test "$(numbers id stdout | head -120)" = "$(numbers id all)"
check test "$(grep -c '"score": null' stdout)" = 120
expect 0 "${search[@]}" --text 'red cross' --no-words -k 240 --candidates 500
stdout_has '^ +[0-9]+        -  id 120'
expect 0 search --index fine.adah --id 130 --to image -k 5 --json # it has no vector
check_not grep -q score stdout
expect 1 search --index fine.adah --id 130 --to image --order fine
stderr_has 'the query has no vector'
check_no_leftovers .
finish
