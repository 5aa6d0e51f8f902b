#!/usr/bin/env bash
# test_bad_images.sh - a folder with images that cannot be read beside odd ones that can: the first are left out and
# counted, or are the end of it with --strict.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_scenes
mkdir photos
cp -r scenes/images scenes/masks photos/
cp scenes/metadata.jsonl photos/
good=$(head -1 scenes/metadata.jsonl | sed 's/.*"file_name": "\([^"]*\)".*/\1/')
record() {
    printf '{"file_name": "%s", "text": "red circle meadow", "labels": ["red circle"], "split": "train"}\n' "$1" \
        >>photos/metadata.jsonl
}

# Read: 16-bit grey, two frames, CMYK, a suffix that lies, a name that is an option of libvips.
printf 'GIF89a\001\000\001\000\200\000\000\377\000\000\000\000\377' >photos/animated.gif
for _ in 1 2; do
    printf '\041\371\004\000\012\000\000\000\054\000\000\000\000\001\000\001\000\000\002\002\104\001\000' \
        >>photos/animated.gif
done
printf '\073' >>photos/animated.gif
tag() { # TAG TYPE COUNT VALUE - an entry of a TIFF directory
    printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x00\\x%02x\\x00\\x00\\x00\\x%02x\\x%02x\\x00\\x00' \
        $(($1 & 255)) $(($1 >> 8)) "$2" "$3" $(($4 & 255)) $(($4 >> 8)))"
}
tiff() { # PHOTOMETRIC N_SAMPLES N_BITS VALUE_OF_BITS - 8 x 8 pixels of noise, not compressed
    printf 'II*\000\010\000\000\000\011\000'
    tag 256 3 1 8
    tag 257 3 1 8
    tag 258 3 "$2" "$4"
    tag 259 3 1 1
    tag 262 3 1 "$1"
    tag 273 4 1 130
    tag 277 3 1 "$2"
    tag 278 3 1 8
    tag 279 4 1 $((64 * $2 * $3 / 8))
    printf '\000\000\000\000'
    printf '\010\000\010\000\010\000\010\000'
    head -c $((64 * $2 * $3 / 8)) /dev/urandom
}
tiff 5 4 8 122 >photos/cmyk.tif # the bits of its samples stand at offset 122
tiff 1 1 16 16 >photos/grey16.tif
cp "photos/$good" photos/actually-a-png.jpg
cp "photos/$good" 'photos/odd name[page=3],ü.png'
for name in grey16.tif animated.gif cmyk.tif actually-a-png.jpg 'odd name[page=3],ü.png'; do
    record "$name"
done
expect 0 train --data photos --model model.safetensors --epochs 1 --quiet --strict "${quick[@]}"
expect 0 encode --model model.safetensors --data photos --out all --strict
stdout_has '^125 pairs'
expect 0 attend --model model.safetensors --image photos/cmyk.tif --out cmyk.png

# Not read: missing, empty, cut off, no image, a folder, too large to decode, damaged within.
: >photos/empty.png
head -c 100 "photos/$good" >photos/truncated.png
echo 'not an image' >photos/text.jpg
mkdir photos/folder.png
{ # a good beginning, but of 65,535 x 65,535 pixels
    tiff 1 1 8 8 | head -c 18
    printf '\377\377\000\000'
    tiff 1 1 8 8 | tail -c +23 | head -c 8
    printf '\377\377\000\000'
    tiff 1 1 8 8 | tail -c +35
} >photos/huge.tif
{
    head -c 60 "photos/$good"
    head -c 200 /dev/zero
    tail -c +261 "photos/$good"
} >photos/damaged.png
bad='missing.png empty.png truncated.png text.jpg folder.png huge.tif damaged.png'
for name in $bad; do
    cp photos/metadata.jsonl kept
    record "$name"
    # Each by itself, so that the first fault is this one.
    expect 1 encode --model model.safetensors --data photos --out strict --strict
    stderr_has "photos/$name: "
    expect 1 train --data photos --model strict.safetensors --epochs 1 --quiet --strict "${quick[@]}"
    stderr_has "photos/$name: "
    expect 1 attend --model model.safetensors --image "photos/$name" --out overlay.png
    stderr_has "photos/$name: "
    check test ! -e overlay.png
    cp kept photos/metadata.jsonl
done
check test ! -e strict.safetensors -a ! -e strict.image.npy
for name in $bad; do
    record "$name"
done
expect 0 train --data photos --model lenient.safetensors --epochs 1 --quiet "${quick[@]}"
stdout_has 'left out 7 records whose image cannot be read, the first: .*photos/missing.png'
# What was left out changed nothing.
check test -s lenient.safetensors
expect 0 encode --model model.safetensors --data photos --out some
stdout_has 'left out 7 records whose image cannot be read, the first: .*photos/missing.png'
stdout_has '^125 pairs'
check cmp all.image.npy some.image.npy
check cmp all.ids some.ids
expect 0 index create --model model.safetensors --data photos --index photos.adah
stdout_has '125 records, 7 left out'
expect 1 index create --model model.safetensors --data photos --index strict.adah --strict
check test ! -e strict.adah
expect 0 eval --model model.safetensors --data photos
expect 0 index create --model model.safetensors --data photos --index again.adah # from the cache, the same
stdout_has '125 records, 7 left out'
check cmp photos.adah again.adah

# Nothing readable at all.
mkdir -p none/images
cp scenes/metadata.jsonl none/
expect 2 train --data none --model none.safetensors --epochs 1 --quiet "${quick[@]}"
stderr_has '0 of [0-9]+ train records have a readable image.*none/images'
check test ! -e none.safetensors
check_no_leftovers .
finish
