#!/usr/bin/env bash
# test_marks.sh - adah search --like and --unlike: the marked are left out, they go with every query and alone, and what is refused.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
"$ADAH" train --data scenes --model model.safetensors --epochs 1 --quiet --set n_fine=40 "${quick[@]}" >/dev/null || exit 1
"$ADAH" index create --model model.safetensors --data scenes --index scenes.adah --quiet >/dev/null || exit 1
model=(search --model model.safetensors --index scenes.adah)
alone=(search --index scenes.adah)
ids() { grep -o '"id": [0-9]*' stdout | cut -d' ' -f2; }

# Alone, one that is liked is the record itself; without a model.
expect 0 "${alone[@]}" --id 5 --to image --order bits -k 200 --json
ids >own
expect 0 "${alone[@]}" --like 5 --order bits -k 200 --json
check test "$(ids)" = "$(cat own)"
expect 0 "${alone[@]}" --like 5 --like 9 --unlike 30 -k 200 --json
check test "$(ids | wc -l)" = 117
check_not grep -qE '"id": (5|9|30),' stdout
grep -q '"score"' stdout || fail "no fine order"
# With words, a picture, a record, a code; and for texts.
for query in "--text red" "--image scenes/images/scene-00003.png --to image" "--record images/scene-00003.png --data scenes" "--id 3" "--code 0f0f"; do
    # shellcheck disable=SC2086
    expect 0 "${model[@]}" $query --like 5 --unlike 30 -k 200 --json
    check_not grep -qE '"id": (5|30),' stdout
done
expect 0 "${model[@]}" --text 'red' --like 5 --to text -k 3
# What was liked has a say: the answers are not those of the words alone.
expect 0 "${model[@]}" --text 'red' --no-words -k 20 --json
ids >plain
expect 0 "${model[@]}" --text 'red' --no-words --unlike "$(head -1 plain)" --like "$(tail -1 plain)" -k 20 --json
check_not test "$(ids)" = "$(sed -e 1d -e '$d' plain)"
# Words that nobody knows, and a record that is liked.
expect 0 "${model[@]}" --text 'zzyzx' --like 5 -k 3
expect 1 "${model[@]}" --text 'zzyzx' --unlike 5 -k 3
stderr_has 'zzyzx'

expect 2 "${alone[@]}" --unlike 5
stderr_has 'or --like alone'
expect 2 "${alone[@]}" --like five
stderr_has -- '--like is "five"'
expect 2 "${alone[@]}" --like 5 --unlike 5
stderr_has '5 is marked twice'
expect 1 "${alone[@]}" --like 5 --unlike 7777
stderr_has 'no record with the id 7777'
expect 2 "${model[@]}" --text red --like 5 --rerank 20
stderr_has 'neither with --features nor with --rerank'
finish
