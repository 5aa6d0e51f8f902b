#!/usr/bin/env bash
# test_convert_formats.sh - adah convert: what it prints, its exit codes, and that its folders are data sets.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# MIRFLICKR-25K in small: 30 pictures, of which the scenes give the pixels.
make_scenes
mkdir -p m/doc m/meta/tags annotations
printf 'red 40\nblue 30\n' >m/doc/common_tags.txt
for i in $(seq 30); do
    cp "scenes/images/scene-$(printf %05d "$i").png" "m/im$i.jpg"
    printf '%s\r\n' "$([ $((i % 2)) = 0 ] && echo red || echo blue)" >"m/meta/tags/tags$i.txt"
done
seq 1 2 28 >annotations/flower.txt
seq 2 2 28 >annotations/sky.txt

expect 0 convert --format mirflickr --from m --from annotations --out set --queries 5 --train 20 --quiet
stdout_has '^set: 28 pairs, 2 labels$'
stdout_has '^left out: 2 without a label or a text$'
stderr_lacks .
check test "$(wc -l <set/metadata.jsonl)" = 28
check test "$(grep -c '"split": "query"' set/metadata.jsonl)" = 5
check test "$(grep -c '"split": "train"' set/metadata.jsonl)" = 20
check test "$(grep -c '"split": "database"' set/metadata.jsonl)" = 3
check grep -qx '{"file_name": "images/im1.jpg", "text": "blue", "labels": \["flower"\], "split": "[a-z]*"}' set/metadata.jsonl
check test -L set/images
check_no_leftovers set
expect 0 info --data set
stdout_has '^n_records: 28$'
expect 0 train --data set --model model.safetensors --epochs 1 --quiet "${quick[@]}"
stdout_has '^trained on [0-9]+ pairs'
check test "$(ls m | wc -l)" = 32 # the source is as it was

# Again elsewhere: the same; another seed: another split.
expect 0 convert --format mirflickr --from m --from annotations --out again --queries 5 --train 20 --quiet
check cmp set/metadata.jsonl again/metadata.jsonl
expect 0 convert --format mirflickr --from m --from annotations --out other --queries 5 --train 20 --seed 1 --quiet
check_not cmp -s set/metadata.jsonl other/metadata.jsonl

# Pictures that are not there are told.
mkdir empty
expect 1 convert --format mirflickr --from m --from annotations --images empty --out pictureless --quiet
stderr_has 'none of the 28 pictures is there'
check test ! -e pictureless/metadata.jsonl
expect 0 convert --format mirflickr --from m --from annotations --images empty --without-pictures --out pictureless --quiet
stdout_has '^missing: the pictures of 28 pairs$'

# What is wrong with the files: exit code 1, the place, and no data set.
expect 2 convert --format mirflickr --from m --from annotations --out set --quiet
stderr_has 'set/metadata.jsonl: a data set is there already'
echo 31 >>annotations/sky.txt
expect 1 convert --format mirflickr --from m --from annotations --out bad --quiet
stderr_has 'annotations/sky.txt:15: found "31", expected the number of a picture, 1 to 30'
check test ! -e bad/metadata.jsonl
expect 1 convert --format coco --from m --out bad
stderr_has 'm/annotations: cannot be listed'
expect 1 convert --format mat --from m/im1.jpg --out bad
stderr_has 'm/im1.jpg: not a .mat file'
expect 1 convert --format nus-wide --from nowhere --out bad
stderr_has 'nowhere/ImageList'
expect 2 convert --format iapr --from m --from m --out bad
stderr_has '2 sources, expected at most 1'

# What is wrong with the command: exit code 2.
expect 2 convert --format cifar --from m --out bad
stderr_has 'cifar.*expected.*mirflickr'
expect 2 convert --format iapr --out bad
stderr_has '--from PATH is needed'
expect 2 convert --format iapr --from m
stderr_has '--out DIR is needed'
expect 2 convert --format mirflickr --from m --out bad --queries 5 --query-share 0.5
stderr_has 'either --queries or --query-share'
expect 2 convert --format mirflickr --from m --out bad --side 64
stderr_has '--side and --limit are for --format openclipart'
expect 2 convert --format mirflickr --from m --out bad --concepts 10
stderr_has '--concepts is for --format nus-wide'
expect 2 convert --from m --out bad --queries 5
stderr_has 'not for drawings'
check test ! -e bad
finish
