#!/usr/bin/env bash
# test_tar_shards.sh - tar files of samples, as webdataset has them, on their whole way: found, learned from, searched, kept in step.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
mkdir shards sample
n=0
for picture in scenes/images/*; do
    n=$((n + 1))
    key=$(printf %06d $n)
    cp "$picture" "sample/$key.${picture##*.}"
    echo "a scene of $([ $((n % 2)) = 0 ] && echo circles || echo squares)" >"sample/$key.txt"
    echo $((n % 2)) >"sample/$key.cls"
done
tar -cf shards/set-000000.tar -C sample $(cd sample && ls | head -180)
tar -cf shards/set-000001.tar -C sample $(cd sample && ls | tail -n +181)

expect 0 info --data shards
stdout_has '^n_records: 120$'
stdout_has '^n_labels: 2$'
stdout_has '    sidecars: 120$'
stdout_has 'tar files, whose members are as files in a folder: 2'
expect 0 train --data shards --model m.safetensors --epochs 2 --quiet "${quick[@]}"
expect 0 eval --model m.safetensors --data shards --quiet
expect 0 encode --model m.safetensors --data shards --out codes --quiet
check test "$(wc -l <codes.ids)" = 120
expect 0 index sync --model m.safetensors --data shards --index i.adah
stdout_has '120 added'
expect 0 search --model m.safetensors --index i.adah --image shards/set-000000.tar/000002.png -k 3
stdout_has 'set-00000[01].tar/'
# The codes are those of the same pictures as files.
expect 0 encode --model m.safetensors --data sample --out files --quiet
check cmp codes.image.npy files.image.npy

# The same again is the same; a tar file that was written anew is compared by its pictures.
expect 0 index sync --data shards --index i.adah
stdout_has '0 added, 0 replaced, 0 deleted, 120 unchanged'
cp sample/000004.png sample/000002.png
mkdir again
tar -cf again/set-000000.tar -C sample $(cd sample && ls | head -180)
mv again/set-000000.tar shards/set-000000.tar
expect 0 index sync --data shards --index i.adah
stdout_has '0 added, 1 replaced, 0 deleted, 119 unchanged'
expect 0 encode --model m.safetensors --data sample --out files --quiet
expect 0 encode --model m.safetensors --data shards --out codes --quiet
check cmp codes.image.npy files.image.npy # not out of the cache of what it was before
tar -cf shards/set-000002.tar -C sample 000001.png
expect 0 index sync --data shards --index i.adah
stdout_has '1 added'
# What is taken out of a tar file, or a tar file that is gone, is gone from the index, too.
tar -cf again/set-000000.tar -C sample $(cd sample && ls | head -180 | grep -v 000005)
mv again/set-000000.tar shards/set-000000.tar
expect 0 index sync --data shards --index i.adah
stdout_has '0 added, 0 replaced, 1 deleted, 120 unchanged'
expect 2 index sync --watch --data shards/set-000000.tar --index i.adah
stderr_has 'only a folder can be watched'

# Arrays are not read out of a tar file, which is told with the way out.
mkdir np
expect 0 encode --model m.safetensors --data sample --out np/vectors --quiet
mv np/vectors.image.npy np/image.npy
tar -cf np.tar -C np image.npy
expect 1 info --data np.tar
stderr_has 'np.tar/image.npy: lies in a tar file, .*; unpack the tar file'

# What leads out is told; what may not be read is told and left out as a folder is.
mkdir -p odd/a
cp sample/000001.png odd
tar -P -cf odd/up.tar -C sample --transform 's|^000003|../000003|;s|^000007|a/../000007|' 000003.png 000007.png 000009.png
expect 0 info --data odd
stdout_has '^n_records: 2$'
stdout_has 'up.tar/../000003.png: left out'
ln -s nowhere odd/link.tar
expect 0 info --data odd
stdout_has 'link.tar'
if [ "$(id -u)" != 0 ] || setpriv --bounding-set -dac_override,-dac_read_search true; then
    cp odd/up.tar odd/closed.tar
    chmod 0 odd/closed.tar
    as_anyone=()
    [ "$(id -u)" != 0 ] || as_anyone=(setpriv --bounding-set -dac_override,-dac_read_search)
    check "${as_anyone[@]}" "$ADAH" info --data odd
    cp "$work/check" "$work/stdout"
    stdout_has '^n_records: 2$'
    stdout_has 'closed.tar: cannot open'
else
    echo "SKIPPED: a tar file that may not be read (needs setpriv where root runs the test)"
fi

# One that is cut off gives what is whole, and says so; with --strict it is an error.
truncate -s 20000 shards/set-000002.tar
head -c 100000 shards/set-000001.tar >shards/cut.tar
expect 0 info --data shards
stdout_has 'cut.tar: the tar file is damaged or cut off'
# What stands behind the cut is not gone: nobody can look there.
cp shards/set-000001.tar whole.tar
head -c 100000 whole.tar >shards/set-000001.tar
expect 0 index sync --data shards --index i.adah
stdout_has ' 0 deleted'
mv whole.tar shards/set-000001.tar
expect 1 index create --model m.safetensors --data shards --index s.adah --strict --quiet
stderr_has 'cut off'

# What is compressed is refused with the way out, as the argument and in the folder.
mkdir packed
gzip -c shards/set-000001.tar >packed/a.tar.gz
expect 1 info --data packed/a.tar.gz
stderr_has 'gunzip -k'
expect 1 info --data packed
stderr_has 'a.tar.gz is an archive that is compressed; unpack it'
expect 0 info --data shards/set-000001.tar
check_no_leftovers .
finish
