#!/usr/bin/env bash
# test_collection.sh - adah serve --data: a folder alone becomes a collection that is served, and is brought up to date at the next start.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
make_albums
server=
trap '[ -z "$server" ] || kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT

# serve ARGUMENTS... - starts a server and waits until it is ready, or has ended.
serve() {
    : >started
    "$ADAH" serve --port 0 "$@" >started 2>log &
    server=$!
    wait_for '^adah: serving' started
    port=$(sed -n 's|^adah: serving .* on http://127.0.0.1:\([0-9]*\)/$|\1|p' started)
}
# wait_for PATTERN FILE - until the server has written that, or has ended.
wait_for() {
    for _ in $(seq 6000); do
        if grep -q -- "$1" "$2" || ! kill -0 $server 2>/dev/null; then break; fi
        sleep 0.05
    done
}
get() {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$1" >&3
    cat <&3 >reply
    exec 3>&-
    head -1 reply | grep -q ' 200 '
}
stop() {
    kill "$1" $server
    wait $server
    code=$?
    server=
}
learning=(--set n_side=16 --set n_bits=16 --epochs 2)
export ADAH_WEIGHTS=$work/nets

# The first start: learns, indexes, serves.
serve --data photos "${learning[@]}"
check grep -q 'making ready, which can be watched on http' log
check grep -q 'epoch 2/2' log
check grep -q '60 added' log
check grep -q 'learns from scratch, .* in .*/nets)$' log
check get '/v1/search?text=sea&k=3'
check grep -q '"file_name": "sea/photo' reply
id=$(grep -o '"hits": \[{"id": [0-9]*' reply | grep -o '[0-9]*$')
check get "/v1/items/$id/thumbnail" # --images is the folder
check get /
check grep -q 'app.js' reply
check get /v1/progress
check grep -q '"is_ready": true' reply
stop -TERM
check test "$code" = 0
place=$(sed -n 's/^adah: what is made of photos is kept in //p' log)
check test "${place#"$work"/cache/collections/photos-}" != "$place"
check test -s "$place/model.safetensors"
check test -s "$place/index.adah"
model=$(cksum "$place/model.safetensors")

# The next start: nothing is learned, what has changed is brought in while it is served.
cp scenes/images/scene-00070.png "photos/hill/zanzibar.png"
rm "$(photo 1)"
serve --data photos
wait_for '1 added' log
check grep -q '1 added, 0 replaced, 1 deleted, 59 unchanged' log
check_not grep -q 'epoch' log
for _ in $(seq 600); do # seen within a second or so
    get '/v1/search?text=zanzibar&k=1' && grep -q zanzibar.png reply && break
    sleep 0.1
done
check grep -q 'hill/zanzibar.png' reply
stop -TERM
check test "$(cksum "$place/model.safetensors")" = "$model"

# A folder that seems to have lost much is served as it was, and told.
mv photos/hill .
serve --data photos
wait_for 'more than a fifth' log
check grep -q 'more than a fifth' log
check get '/v1/search?text=zanzibar&k=1'
check grep -q 'zanzibar.png' reply
stop -TERM
mv hill photos/

# Watched: what is put into the folder is found soon.
serve --data photos --watch
for _ in $(seq 1200); do # the index is up to date and the folder watched
    get /v1/progress && grep -q 'waiting for changes' reply && break
    sleep 0.1
done
check grep -q '"is_working": false, "stage": "waiting for changes"' reply
mkdir photos/hill/new
cp scenes/images/scene-00071.png photos/hill/new/kwaakwaa.png
for _ in $(seq 1200); do
    get '/v1/search?text=kwaakwaa&k=1' && grep -q kwaakwaa.png reply && break
    sleep 0.1
done
check grep -q 'hill/new/kwaakwaa.png' reply
stop -TERM
check test "$code" = 0
rm -r photos/hill/new

# A model of one's own has an index of its own.
expect 0 train --data photos --model own.safetensors --epochs 1 --quiet "${quick[@]}"
serve --data photos --model own.safetensors
check grep -q '60 added' log
check get '/v1/search?text=sea&k=3'
stop -INT
check test "$code" = 0
check test "$(find "$place" -name 'index*.adah' | wc -l)" = 2

# Which model that is, is told where options ask for another; an index without its model is of no use, and is told before anything is learned.
serve --data photos "${learning[@]}"
check grep -q 'model.safetensors is served as it was learned; remove it to learn anew$' log
stop -TERM
expect 1 serve --port 0 --data photos --model new.safetensors
stderr_has 'new.safetensors: there is no such model; to have it made there, say by --index'
cp "$place/index.adah" other.adah
expect 1 serve --port 0 --data photos --model new.safetensors --index other.adah "${learning[@]}"
stderr_has 'other.adah: this index is there, but not its model'
check test ! -e new.safetensors
check cmp "$place/index.adah" other.adah

# Killed while it learns, the next start goes on.
rm -r "$place"
"$ADAH" serve --port 0 --data photos --set n_side=16 --set n_bits=16 --set checkpoint=0 >started 2>log &
wait $! # an unknown setting ends it, and says why
check test $? = 2
check grep -q '^adah: .*checkpoint' log
"$ADAH" serve --port 0 --data photos --set n_side=16 --set n_bits=16 --epochs 400 >started 2>log &
server=$!
wait_for 'epoch 1/' log
check grep -q 'epoch 1/' log
kill -9 $server
wait $server
serve --data photos --set n_side=16 --set n_bits=16 --epochs 2
check get '/v1/search?text=sea&k=3'
stop -TERM

# Of two first starts one waits; where the other is killed, it goes on with what that one had done.
rm -r "$place"
"$ADAH" serve --port 0 --data photos --set n_side=16 --set n_bits=16 --epochs 100000 >started-first 2>log-first &
first=$!
server=$first
wait_for 'epoch 1/' log-first
"$ADAH" serve --port 0 --data photos --set n_side=16 --set n_bits=16 --epochs 2 >started 2>log &
server=$!
wait_for 'waiting for it' log
check grep -q 'another process makes a model or an index in' log
check_not grep -q 'epoch' log
kill -9 $first
wait $first
wait_for '^adah: serving' started
check grep -q '60 added' log
check test -s "$place/model.safetensors"
stop -TERM
check test "$code" = 0

# A place that cannot be opened is told, and not waited for.
if [ "$(id -u)" != 0 ]; then
    chmod a-r "$place"
    expect 1 serve --port 0 --data photos --set n_side=16 --set n_bits=16 --epochs 2
    stderr_has 'cannot be opened to lock it'
    chmod a+r "$place"
fi

# A start that comes to nothing leaves nothing in the cache.
mkdir nothing
expect 1 serve --port 0 --data nothing
stderr_has 'nor any picture'
check_not compgen -G "$work/cache/collections/nothing-*"

# Published networks that are kept in the folder for them are found: the first by name, and an encoder of texts.
mkdir nets
echo none >nets/a.txt
check "$WEIGHTS_OF" squeezenet1_1 64 nets/b.safetensors
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cp -r "$tests/backbones/text_encoders/plain" nets/words
cp "$tests/text/tokenizers/$(grep -o '"tokenizer": *"[^"]*"' nets/words/golden.json | cut -d'"' -f4).json" nets/words/tokenizer.json
rm -r "$place"
serve --data photos --set n_side=64 --set n_bits=16 --epochs 1
check grep -q 'pictures are seen through squeezenet1_1 (.*/nets/b.safetensors)$' log
check grep -q 'texts are read by the encoder in .*/nets/words$' log
check_not grep -q 'from scratch' log
check get '/v1/search?text=sea&k=3'
stop -TERM
expect 0 info --model "$place/model.safetensors"
stdout_has '^ *backbone: squeezenet1_1$'
rm -r nets

# A model that is removed is learned anew, and the index with it.
rm "$place/model.safetensors"
serve --data photos --set n_side=16 --set n_bits=16 --epochs 2 --set seed=5
check grep -q '60 added' log
check get '/v1/search?text=sea&k=3'
stop -TERM
check test "$code" = 0

# What does not go together.
expect 2 serve --index i.adah
stderr_has -- '--data'
expect 2 serve --model own.safetensors --index i.adah --epochs 3
stderr_has 'go with --data'
expect 1 serve --data nowhere
stderr_has 'nowhere: not a data set'
check_no_leftovers .
finish
