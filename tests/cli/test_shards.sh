#!/usr/bin/env bash
# test_shards.sh - a data set encoded in parts by several processes gives, merged, the files that one process writes, byte for byte.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$ADAH" synth --out scenes --count 61 --side 32 >/dev/null
echo junk >scenes/images/scene-00007.png
rm scenes/images/scene-00040.png
"$ADAH" train --data scenes --model m --epochs 1 --bits 16 --set n_fine=16 --quiet >/dev/null 2>&1

expect 0 encode --model m --data scenes --out whole --quiet
expect 0 index create --model m --data scenes --index whole.adah --quiet
stdout_has '59 records, 2 left out'
n_left_out=0
for i in 1 2 3 4; do
    expect 0 encode --model m --data scenes --out part-$i --shard $i/4 --quiet --json
    check_json
    n_left_out=$((n_left_out + $(jq .n_skipped json)))
    expect 0 index create --model m --data scenes --index part-$i.adah --shard $i/4 --quiet
done
check test "$n_left_out" = 2
expect 0 encode --merge --out merged part-{1..4}
stdout_has '^59 rows of 4 parts: merged$'
for what in image.npy text.npy ids image.fine.npy text.fine.npy; do check cmp whole.$what merged.$what; done
expect 0 index merge --index merged.adah part-{1..4}.adah
stdout_has '^merged.adah: 59 records of 4 indexes$'
check cmp whole.adah merged.adah

# Parts that were changed, in any order, with gaps in their ids.
expect 0 index delete --index part-1.adah --id 3
expect 0 index add --model m --data scenes --index part-2.adah --shard 2/4 --quiet
expect 0 index merge --index changed.adah part-{4,2,1,3}.adah
stdout_has '58 records'
expect 0 index verify --index changed.adah
expect 0 search --index changed.adah --id 57 --to image --json -k 100
check test "$(grep -c '"id"' stdout)" = 57

# What does not fit together leaves everything as it is.
cp merged.adah before.adah
expect 1 index merge --index merged.adah part-1.adah part-2.adah
stderr_has 'fewer than half: it stays as it is'
expect 1 index merge --index new.adah part-1.adah whole.adah
stderr_has 'whole.adah: "images/scene-00001.png" is in an index before it'
expect 1 index merge --index new.adah part-1.adah m
stderr_has 'm: not an adah index'
"$ADAH" train --data scenes --model other --epochs 1 --bits 16 --seed 1 --set n_fine=16 --quiet >/dev/null 2>&1
expect 0 index create --model other --data scenes --index other.adah --quiet
expect 1 index merge --index new.adah part-1.adah other.adah
stderr_has 'other.adah: made by another model than part-1.adah'
expect 2 index merge --index new.adah
stderr_has 'the indexes to merge are needed'
check test ! -e new.adah
check cmp before.adah merged.adah
for i in 1 2; do for what in image.npy text.npy ids text.fine.npy; do cp part-$i.$what poor-$i.$what; done; done
rm poor-2.text.fine.npy
expect 1 encode --merge --out merged poor-1 poor-2
stderr_has 'poor-2.text.fine.npy: there is no such file'
check cmp whole.image.fine.npy merged.image.fine.npy
rm part-2.ids
expect 1 encode --merge --out merged part-{1..4}
stderr_has 'part-2.ids: there is no such file, but there is part-1.ids'
head -3 part-1.ids >part-2.ids
expect 1 encode --merge --out merged part-{1..4}
stderr_has 'part-2.ids: 3 rows, expected'
cp whole.image.npy part-2.image.npy
expect 1 encode --merge --out merged part-{1..4}
expect 1 encode --merge --out merged nobody
stderr_has 'nobody: there are no files of codes'
check cmp whole.image.npy merged.image.npy
check_no_leftovers .

# Wrong options.
for shard in 0/4 5/4 4 /4 1/ 1/4x -1/4 1/4/4 ''; do
    expect 2 encode --model m --data scenes --out y --shard "$shard"
    stderr_has 'expected I/N'
done
expect 2 encode --model m --data scenes --out y --shard 80/80
stderr_has 'shard 80 of 80 has none of the 61 records'
expect 2 index sync --data scenes --model m --index y.adah --shard 1/2
stderr_has 'shard belongs to create and add'
expect 2 encode --merge --out y
expect 2 encode --merge --model m --out y part-1
expect 2 encode --model m --data scenes --out y part-1
stderr_has 'unexpected "part-1"'
expect 2 encode --data scenes --out y
stderr_has 'model FILE is needed'
finish
