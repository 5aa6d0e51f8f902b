#!/usr/bin/env bash
# test_links.sh - pictures behind links are served where the index has them, as adah convert and git-annex make them; a request cannot
# name what a link leads to; a folder without the pictures is told.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
if ! command -v curl >/dev/null; then
    echo "SKIPPED: pictures behind links were not tested, missing: curl"
    exit 77
fi
server_pid=
trap '[ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null; wait; rm -rf "$work"' EXIT
make_model

# serve INDEX IMAGES OPTIONS... - sets $url; started again it is another server.
serve() {
    local index=$1 images=$2 i
    shift 2
    if [ -n "$server_pid" ]; then
        kill "$server_pid"
        wait "$server_pid"
    fi
    : >served
    "$ADAH" serve --model model.safetensors --index "$index" --images "$images" --port 0 --log none "$@" >served 2>served.log &
    server_pid=$!
    url=
    for i in {1..2400}; do
        url=$(sed -n 's|^adah: serving .* on \(http://[^ ]*\)/$|\1|p' served)
        [ -z "$url" ] || break
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    [ -n "$url" ] || { cat served.log; fail "the server did not start"; finish; }
}

# answers CODE PATH OPTIONS... - what curl gets.
answers() {
    local wanted=$1 path=$2 got
    shift 2
    n_checks=$((n_checks + 1))
    got=$(curl -s -m 60 -o body -w '%{http_code}' "$@" "$url$path")
    [ "$got" = "$wanted" ] || fail "$path: $got, expected $wanted: $(head -c 300 body)"
}

# is_told - what is said at the start comes after the address.
is_told() {
    local i
    n_checks=$((n_checks + 1))
    for i in {1..2400}; do
        grep -q "$1" served.log && return
        sleep 0.05
    done
    fail "never told: $1"
}

# The folder of pictures is a link.
mkdir converted linked
ln -s ../scenes/images converted/images
cp scenes/metadata.jsonl converted/
expect 0 index create --model model.safetensors --data converted --index converted.adah --quiet
serve converted.adah converted
answers 200 /v1/items/0/picture
check cmp body scenes/images/scene-00001.png
answers 200 /v1/items/0/thumbnail
check test ! -s served.log

# Every picture is a link, one to a file that is none, one to nothing.
mkdir linked/images
for file in scenes/images/*; do ln -s "$PWD/$file" linked/images/; done
cp scenes/metadata.jsonl linked/
expect 0 index create --model model.safetensors --data linked --index linked.adah --quiet
ln -sf /etc/passwd linked/images/scene-00002.png
ln -sf nowhere linked/images/scene-00003.png
cp scenes/images/scene-00001.png secret.png
ln -s ../secret.png linked/secret.png
ln -s .. linked/up
serve linked.adah linked --token secret
answers 200 /v1/items/0/picture
check cmp body scenes/images/scene-00001.png
answers 415 /v1/items/1/picture
check_not grep -q root: body
answers 404 /v1/items/2/picture

# A request that names a link is refused, whatever else the item has.
picture=$(base64 -w0 scenes/images/scene-00004.png)
for name in secret.png up/secret.png images/scene-00005.png; do
    for item in '"text": "red"' "\"text\": \"red\", \"image\": \"$picture\""; do
        answers 400 /v1/items -H 'Authorization: Bearer secret' -H 'Content-Type: application/json' \
            -d "{\"items\": [{\"file_name\": \"$name\", $item}]}"
        check grep -q 'no link leads out' body
    done
done

# Pictures in tar files: in a folder of them, in the one that is the folder; a link to one is followed for what the index has, not for a request.
mkdir shards
tar -cf shards/a.tar -C scenes images metadata.jsonl
cp shards/a.tar outside.tar
ln -s ../outside.tar shards/b.tar
expect 0 index create --model model.safetensors --data shards --index shards.adah --quiet
stdout_has '240 records'
serve shards.adah shards --token secret
for id_and_file in 0/scene-00001.png 126/scene-00007.png; do
    answers 200 "/v1/items/${id_and_file%/*}/picture"
    check cmp body "scenes/images/${id_and_file#*/}"
    answers 200 "/v1/items/${id_and_file%/*}/thumbnail"
done
answers 400 /v1/items -H 'Authorization: Bearer secret' -H 'Content-Type: application/json' -d '{"items": [{"file_name": "b.tar/images/scene-00003.png", "text": "red"}]}'
check grep -q 'no link leads out' body
answers 404 /v1/items -H 'Authorization: Bearer secret' -H 'Content-Type: application/json' -d '{"items": [{"file_name": "a.tar/images/none.png"}]}'
expect 0 index create --model model.safetensors --data shards/a.tar --index shard.adah --quiet
stdout_has '120 records'
serve shard.adah shards/a.tar
answers 200 /v1/items/0/picture
check cmp body scenes/images/scene-00001.png
check test ! -s served.log

# A folder that is not the one: told at the start.
serve converted.adah scenes/images
is_told 'none of the pictures that were looked for is below --images scenes/images, such as "images/scene-'

# A name with a terminal's command in it is told escaped.
mkdir -p escape
cp scenes/images/scene-00001.png "escape/$(printf 'a\033[31mb.png')"
printf '{"file_name": "a\\u001b[31mb.png", "text": "a red circle"}\n' >escape/metadata.jsonl
expect 0 index create --model model.safetensors --data escape --index escape.adah --quiet
serve escape.adah linked
is_told 'such as "a\\u001b\[31mb.png"'
finish
