#!/usr/bin/env bash
# test_upload.sh - adah serve --keep-pictures: pictures are added to the folder and the index, never over another file, and adah index sync agrees; then
# what is there twice, and what a code rests on.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
make_albums
server=
trap '[ -z "$server" ] || kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT
"$ADAH" train --data photos --model model.safetensors --epochs 1 --quiet --set n_side=16 --set n_fine=24 --bits 16 --no-attention --threads 1 >/dev/null || exit 1
"$ADAH" index sync --model model.safetensors --data photos --index photos.adah --quiet >/dev/null || exit 1

serve() {
    : >started
    "$ADAH" serve --model model.safetensors --index photos.adah --images photos --token secret --port 0 --log none "$@" >started 2>log &
    server=$!
    for _ in $(seq 6000); do
        if grep -q '^adah: serving' started || ! kill -0 $server 2>/dev/null; then break; fi
        sleep 0.05
    done
    port=$(sed -n 's|^adah: serving .* on http://127.0.0.1:\([0-9]*\)/$|\1|p' started)
}
stop() {
    kill $server
    wait $server
    server=
}
# ask METHOD TARGET TYPE FILE [HEADER] - the status is $got, the body in `reply`.
ask() {
    got=
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return
    printf '%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer secret\r\nContent-Type: %s\r\n%sContent-Length: %s\r\n\r\n' \
        "$1" "$2" "$3" "${5:+$5$'\r\n'}" "$(stat -c %s "$4")" >&3
    cat "$4" >&3
    cat <&3 >whole
    exec 3>&-
    got=$(head -1 whole | cut -d' ' -f2)
    sed '1,/^\r$/d' whole >reply
}
add() { ask POST "/v1/pictures?name=$1" "${3:-image/png}" "$2"; } # NAME FILE [TYPE]
is() { # STATUS [PATTERN]
    n_checks=$((n_checks + 1))
    [[ $got = $1 ]] && grep -qE -- "${2:-.}" reply || fail "answered $got, expected $1 and /${2-}/: $(head -c 300 reply)"
}
new() { printf 'scenes/images/scene-%05d.png' "$1"; } # one that is not in the folder

# Without the option nothing is added, and the option wants what it needs.
serve
add a.png "$(new 70)"
is 403 keep-pictures
stop
expect 2 serve --model model.safetensors --index photos.adah --images photos --keep-pictures --port 0
stderr_has 'give --token-file and --images'
expect 2 serve --model model.safetensors --index photos.adah --images scenes --token secret --keep-pictures --port 0
stderr_has 'scenes has files that list its pictures'
# Whatever lists the pictures would not know of another one: a table of other programs, a COCO file, metadata in folders, rows of an array.
for how in csv coco folders rows; do
    mkdir "of-$how" "of-$how/train"
    cp scenes/images/scene-0000[0-4].png "of-$how/train"
done
{ echo image,caption; for i in 0 1 2 3 4; do echo "train/scene-0000$i.png,a picture"; done; } >of-csv/captions.csv
coco=
for i in 0 1 2 3 4; do coco="$coco${coco:+, }{\"id\": $i, \"file_name\": \"scene-0000$i.png\"}"; done
echo "{\"images\": [$coco], \"annotations\": [{\"id\": 1, \"image_id\": 2, \"caption\": \"a picture\"}]}" >of-coco/captions.json
for i in 0 1 2 3 4; do echo "{\"file_name\": \"scene-0000$i.png\", \"text\": \"a picture\"}"; done >of-folders/train/metadata.jsonl
printf "\x93NUMPY\x01\x00\x76\x00%-117s\n%64s" "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }" '' >of-rows/image.npy
for how in csv coco folders rows; do
    expect 2 serve --model model.safetensors --index photos.adah --images "of-$how" --token secret --keep-pictures --port 0
    stderr_has "of-$how has files that list its pictures"
done

serve --keep-pictures
ls photos >before
add new.png "$(new 70)"
is 201 '"id": 60, "file_name": "new.png", "n_records": 61'
check cmp photos/new.png "$(new 70)"
ask GET "/v1/items/60/picture" text/plain /dev/null
check cmp reply "$(new 70)"
# It is found at once, by itself.
ask POST '/v1/search?to=image&k=1' image/png "$(new 70)"
is 200 '"id": 60, "distance": 0'
# The same picture by that name is there; another one gets a number. Neither touches the file.
add new.png "$(new 70)"
is 409 'there already, as new.png'
add new.png "$(new 71)"
is 201 '"file_name": "new-2.png"'
check cmp photos/new.png "$(new 70)"
check cmp photos/new-2.png "$(new 71)"
# Names lead nowhere else, are not hidden and have an extension of what the file is.
add '../../..%5C.hidden%0A%3F.txt' "$(new 72)"
is 201 '"file_name": "hidden__.txt.png"'
add '' "$(new 73)"
is 201 '"file_name": "picture.png"'
long=$(printf 'x%.0s' {1..400})
add "$long.png" "$(new 74)"
is 201 "\"file_name\": \"x{200}.png\""
# The name of a record whose file is gone is not given to another picture.
rm photos/new-2.png
add new.png "$(new 78)"
is 201 '"file_name": "new-3.png"'
cp "$(new 71)" photos/new-2.png
# A link that somebody put there is not followed.
ln -s "$work/elsewhere" photos/link.png
add link.png "$(new 75)"
is 201 '"file_name": "link-2.png"'
check_not test -e elsewhere
rm photos/link.png
# What is no picture, or broken, leaves nothing behind.
ls -A photos >between
echo 'no picture' >no.png
add no.png no.png
is 415
head -c 300 "$(new 76)" >cut.png
add cut.png cut.png
is "4??"
check test "$(ls -A photos)" = "$(cat between)"
: >empty
add e.png empty
is "4??"
# Asked twice with a key, it is added once.
ask POST '/v1/pictures?name=key.png' image/png "$(new 77)" 'Idempotency-Key: one'
is 201 '"file_name": "key.png"'
cp reply first
ask POST '/v1/pictures?name=key.png' image/png "$(new 77)" 'Idempotency-Key: one'
is 201
check cmp reply first
check test ! -e photos/key-2.png
# Where the folder takes nothing, the index takes nothing either.
if [ "$(id -u)" != 0 ]; then
    chmod a-w photos
    add never.png "$(new 79)"
    is 500 no_permission
    chmod u+w photos
fi

# What is there twice.
cp "photos/new.png" before.png
ask GET '/v1/duplicates?k=5' text/plain /dev/null
is 200 '"n_groups": [0-9]+, "n_images": [0-9]+, "groups": \['
n=$(grep -o '"n_groups": [0-9]*' reply | cut -d' ' -f2)
add again.png "$(new 70)"
is 201 '"file_name": "again.png"'
ask GET '/v1/duplicates?k=100' text/plain /dev/null
is 200 '"file_name": "again.png"'
check test "$(grep -o '"n_groups": [0-9]*' reply | cut -d' ' -f2)" -ge "$n"
# What the code rests on, of a model without masks: shares that sum to 1, or the picture.
ask POST /v1/attention image/png "$(new 70)"
is 409 evidence
ask POST /v1/evidence image/png "$(new 70)"
is 200 '"n_height": 8, "n_width": 8'
sum=$(grep -o '"probability": \[[^]]*' reply | tr ',[' '\n\n' | awk '/^ *[0-9.e-]+$/ { sum += $1; n++ } END { printf "%d %.3f", n, sum }')
check test "$sum" = '64 1.000'
ask POST /v1/evidence image/png "$(new 70)" 'Accept: image/png'
check test "$got" = 200
check test "$(head -c 4 reply | tail -c 3)" = PNG
stop

# A sync finds each once.
n=$(find photos -type f | wc -l)
expect 0 index sync --data photos --index photos.adah --json --quiet
check test "$(grep -oE '"n_(added|deleted)": [0-9]+' stdout | tr '\n' ' ')" = '"n_added": 0 "n_deleted": 0 '
expect 0 index stats --index photos.adah --json
stdout_has "\"n_records\": $n,"
expect 0 index duplicates --index photos.adah
stdout_has 'again.png'
expect 0 attend --model model.safetensors --image photos/new.png --out evidence.png --evidence
check test "$(head -c 4 evidence.png | tail -c 3)" = PNG
expect 1 attend --model model.safetensors --image photos/new.png --out no-mask.png
finish
