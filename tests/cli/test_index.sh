#!/usr/bin/env bash
# test_index.sh - a collection that lives: adding, replacing, deleting, filters, compaction, exchange, and what is refused.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_index
search=(search --model model.safetensors --index scenes.adah)
first=images/scene-00001.png

# The same answers by every method and after every change that leaves the records.
answers() { "$ADAH" "${search[@]}" --text 'red cross' -k 20 --json "$@"; }
answers >before
for method in auto scan tables; do check test "$(answers --method $method)" = "$(cat before)"; done
expect 0 index search --model model.safetensors --index scenes.adah --text 'red cross' -k 20 --json
check test "$(cat stdout)" = "$(cat before)"
expect 0 index add --model model.safetensors --data scenes --index scenes.adah --quiet
stdout_has '^scenes.adah: 0 added, 120 replaced$'
check test "$(answers)" = "$(cat before)"
expect 0 index stats --index scenes.adah --json
check_json
check grep -q '"n_records": 120' json
check grep -q '"n_deleted": 120' json
expect 0 index compact --index scenes.adah --quiet
stdout_has '^scenes.adah: 120 records$'
check test "$(answers)" = "$(cat before)"
expect 0 index stats --index scenes.adah
stdout_has '^n_deleted +0$'
expect 0 index verify --index scenes.adah
check_no_leftovers .

# More records, then fewer.
"$ADAH" synth --out more --count 30 --side 32 --seed 3 >/dev/null
mkdir more/images2 && mv more/images/* more/images2/ && sed -i 's,"images/,"images2/,' more/metadata.jsonl
expect 0 index add --model model.safetensors --data more --index scenes.adah
stdout_has '^scenes.adah: 30 added, 0 replaced$'
expect 0 search --index scenes.adah --id 120 --to image -k 200 --json
check test "$(grep -c '"id"' stdout)" = 149 # all but itself
expect 0 index delete --index scenes.adah --id 5 --id 7 --file-name "$first"
stdout_has '^scenes.adah: 3 deleted, 147 records left$'
printf '8\n9\n' >ids
expect 0 index delete --index scenes.adah --ids ids
stdout_has '2 deleted, 145 records left'
"$ADAH" "${search[@]}" --text red -k 200 --json >all
check test "$(grep -c '"id"' all)" = 145
for id in 0 5 7 8 9; do check_not grep -q "\"id\": $id," all; done
expect 1 search --index scenes.adah --id 5
stderr_has 'no record with the id 5'
expect 1 index delete --index scenes.adah --id 5
stderr_has 'no record with id 5'
printf '10\nten\n' >ids
expect 2 index delete --index scenes.adah --ids ids
stderr_has 'ids:2: "ten", expected an id'
expect 1 index delete --index scenes.adah --ids scenes # a folder
stderr_has 'scenes: cannot read: Is a directory'
expect 2 index delete --index scenes.adah --ids /dev/zero
stderr_has '/dev/zero:1: .*expected an id'
expect 1 index delete --index scenes.adah --id 11 --file-name nobody.png
stderr_has 'nobody.png'
expect 0 index verify --index scenes.adah
check test "$("$ADAH" "${search[@]}" --text red -k 200 --json)" = "$(cat all)" # a batch that fails changes nothing

# Filters.
expect 0 "${search[@]}" --text red -k 200 --label 'red cross' --json
check test "$(grep -c '"id"' stdout)" -gt 0
check test "$(grep -c '"id"' stdout)" = "$(grep -c '"red cross"' stdout)"
expect 2 "${search[@]}" --text red --label purple
stderr_has 'label "purple": no record of the index has it'
printf '3\n\n4\n5\n140\n' >only
expect 0 "${search[@]}" --text red -k 200 --only only --json
check test "$(grep -o '"id": [0-9]*' stdout | sort)" = "$(printf '"id": 140\n"id": 3\n"id": 4')"
expect 0 "${search[@]}" --text red -k 200 --radius 0 --json
check_not grep -q '"distance": [1-9]' stdout
expect 0 "${search[@]}" --text red -k 3 --rerank 50 --json
check_json
check test "$(grep -c '"score"' json)" = 3
expect 0 "${search[@]}" --text red --cut-off --json
check_json
expect 2 "${search[@]}" --text red --method guess
stderr_has '"guess", expected auto, scan or tables'
expect 2 search --index scenes.adah --text red
stderr_has '--model is needed'
expect 2 search --index scenes.adah --id 3 --rerank 9
expect 2 search --index scenes.adah --code 12
stderr_has 'expected 4 hexadecimal digits'
expect 0 search --index scenes.adah --code 00ff --to image -k 1

# Exchange: what comes back finds the same codes.
expect 0 index compact --index scenes.adah --quiet
code=$("$ADAH" search --index scenes.adah --code 0000 --to image -k 145 --json | grep -o '"\(id\|distance\)": [0-9]*')
for format in npy faiss-flat faiss-ivf; do
    expect 0 index export --index scenes.adah --side image --format $format --out codes.$format
    expect 0 index import --index new.$format --image-codes codes.$format --model model.safetensors --quiet
    stdout_has "^new.$format: 145 added$"
    expect 0 index verify --index new.$format
    check test "$("$ADAH" search --index new.$format --code 0000 --to image -k 145 --json | grep -o '"\(id\|distance\)": [0-9]*')" = "$code"
    expect 0 search --model model.safetensors --index new.$format --text red
done
expect 0 index export --index scenes.adah --side text --out texts.npy
expect 0 index import --index both.adah --image-codes codes.npy --text-codes texts.npy --quiet
expect 0 search --index both.adah --id 3 --to text -k 1
expect 1 search --model model.safetensors --index both.adah --text red # no model was named
stderr_has 'unknown model'
expect 1 index import --index both.adah --image-codes codes.npy # the ids are there
stderr_has 'id 1 is taken'
expect 1 index import --index new.npy --image-codes scenes/metadata.jsonl
stderr_has 'scenes/metadata.jsonl'
expect 1 index export --index new.npy --side text --out nothing.npy
stderr_has 'no codes of texts'
expect 1 index import --index none.adah --image-codes codes.npy --text-codes scenes/metadata.jsonl # nothing stays behind
check test ! -e none.adah
expect 2 search --index new.npy --id -3
expect 2 search --index new.npy --id ' -3'
expect 2 index export --index new.npy --side sound --out nothing.npy
expect 2 index export --index new.npy --side image --format csv --out nothing
stderr_has '"csv", expected npy'
expect 2 index import --index new.npy
expect 2 index delete --index new.npy
expect 2 index stats verify --index new.npy
check_no_leftovers .
# While another process writes, changes wait. One that cannot wait says who has the index.
if command -v flock >/dev/null; then
    flock -n scenes.adah sh -c 'touch held; until [ -e go ]; do sleep 0.02; done' &
    holder=$!
    until [ -e held ]; do sleep 0.02; done
    expect 1 index compact --index scenes.adah --wait 0 --quiet
    stderr_has 'another writer has the index open'
    expect 1 index delete --index scenes.adah --id 12 --wait 0.01
    stderr_has 'another writer has the index open'
    "$ADAH" index compact --index scenes.adah --wait 3600 --quiet >waited 2>&1 &
    compaction=$!
    "$ADAH" index delete --index scenes.adah --id 12 --wait 3600 >waited2 2>&1 &
    deletion=$!
    expect 1 index compact --index scenes.adah --wait 0 --quiet
    check kill -0 $compaction
    check kill -0 $deletion
    touch go
    check wait $holder
    wait $compaction
    check test $? = 0
    wait $deletion
    check test $? = 0
    expect 0 index verify --index scenes.adah
else
    echo "SKIPPED: no flock to hold an index with"
fi
finish
