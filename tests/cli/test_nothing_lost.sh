#!/usr/bin/env bash
# test_nothing_lost.sh - nothing good is replaced by nothing: pictures that are not there, a data set that shrank, the wrong path.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_index
n_all=$(wc -l <scenes/metadata.jsonl)
first=$(head -1 scenes/metadata.jsonl | sed 's/.*"file_name": "\([^"]*\)".*/\1/')
expect 0 encode --model model.safetensors --data scenes --out codes --quiet
expect 0 eval --model model.safetensors --data scenes --quiet --report report.html
cp scenes.adah index.kept
for file in codes.image.npy codes.text.npy codes.ids model.safetensors report.html; do cp "$file" "$file.kept"; done

# same FILE... - they are as they were.
same() {
    local file
    for file in "$@"; do check cmp "$file" "$file.kept"; done
}

# same_index - it holds what it held, whatever a writer that did nothing has left in its head.
same_index() {
    expect 0 index verify --index scenes.adah
    expect 0 index export --index scenes.adah --side text --out now.npy
    expect 0 index export --index index.kept --side text --out before.npy
    check cmp now.npy before.npy
    expect 0 search --model model.safetensors --index scenes.adah --text red -k 200 --json
    cp stdout now.json
    expect 0 search --model model.safetensors --index index.kept --text red -k 200 --json
    check cmp now.json stdout
}

# The disk of the pictures is not mounted: every command fails, tells the first reason and leaves what is there.
mkdir off
cp scenes/metadata.jsonl off/
for action in create add; do
    expect 1 index $action --model model.safetensors --data off --index scenes.adah
    stderr_has "none of the $n_all records has an image that can be read; the first: off/$first: cannot open: No such file"
    same_index
done
cp index.kept scenes.adah
expect 1 index create --force --model model.safetensors --data off --index scenes.adah
check cmp scenes.adah index.kept
expect 1 index create --model model.safetensors --data off --index new.adah
check test ! -e new.adah
expect 1 encode --model model.safetensors --data off --out codes
stderr_has "off/$first: .*No such file"
same codes.image.npy codes.text.npy codes.ids
expect 1 eval --model model.safetensors --data off --report report.html
stderr_has "off/$first: .*No such file"
same report.html
expect 1 eval --model model.safetensors --data scenes --queries off
stderr_has "off/$first: .*No such file"
expect 1 eval --model model.safetensors --data off --queries scenes
stderr_has "off/$first: .*No such file"
expect 2 train --data off --model model.safetensors --epochs 1 --quiet "${quick[@]}"
stderr_has "the first fault: off/$first: .*No such file"
same model.safetensors
check_no_leftovers .

# The same where pictures are there and none is one, and where no record is good.
mkdir -p web/images
sed 's/.*"file_name": "\([^"]*\)".*/\1/' scenes/metadata.jsonl | while read -r name; do echo '<html>404</html>' >"web/$name"; done
cp scenes/metadata.jsonl web/
expect 1 index create --model model.safetensors --data web --index scenes.adah
stderr_has "web/$first: not an image"
mkdir bad
sed 's/"text"/"file_name": 7, "text"/' scenes/metadata.jsonl >bad/metadata.jsonl
for action in create add; do
    expect 1 index $action --model model.safetensors --data bad --index scenes.adah
    stderr_has "bad/metadata.jsonl:1: .*none of the $n_all records is good"
done
same_index
cp index.kept scenes.adah

# Fewer than half of the records: refused, with or without the pictures; --force replaces; half is enough.
ln -s ../scenes/images off/images
head -59 scenes/metadata.jsonl >off/metadata.jsonl
expect 1 index create --model model.safetensors --data off --index scenes.adah
stderr_has 'has 120 records, the new one would have 59, fewer than half.*--force'
check cmp scenes.adah index.kept
mkdir -p half/images
cp scenes/metadata.jsonl half/
ls scenes/images | head -59 | while read -r name; do cp "scenes/images/$name" half/images/; done
expect 1 index create --model model.safetensors --data half --index scenes.adah
stderr_has 'has 120 records, the new one would have 59, fewer than half.*--force'
check cmp scenes.adah index.kept
expect 0 index create --force --model model.safetensors --data half --index scenes.adah
stdout_has '^scenes.adah: 59 records, 61 left out'
stdout_has 'and 58 more'
cp index.kept scenes.adah
head -60 scenes/metadata.jsonl >off/metadata.jsonl
expect 0 index create --model model.safetensors --data off --index scenes.adah
stdout_has '^scenes.adah: 60 records$'

# What is deleted does not count; a damaged index may be made anew; another file is not taken for one.
cp index.kept scenes.adah
seq 0 99 >gone
expect 0 index delete --index scenes.adah --ids gone
head -11 scenes/metadata.jsonl >off/metadata.jsonl
expect 0 index create --model model.safetensors --data off --index scenes.adah
head -c 20000 index.kept >scenes.adah
printf 'xxxx' | dd of=scenes.adah bs=1 seek=16 conv=notrunc 2>/dev/null
expect 0 index create --model model.safetensors --data off --index scenes.adah
: >empty.adah
expect 0 index create --model model.safetensors --data off --index empty.adah
for file in model.safetensors codes.ids; do
    expect 1 index create --model model.safetensors --data off --index "$file"
    stderr_has "$file: the file that is there is not an adah index.*--force"
    same "$file"
done

# Another command's file in the place of an index or a model, a pipe, and links: what is there stays.
cp index.kept scenes.adah
expect 1 index export --index scenes.adah --side image --out scenes.adah
stderr_has 'scenes.adah: an adah index is there'
check cmp scenes.adah index.kept
for format in npy faiss-flat faiss-ivf; do
    expect 1 index export --index scenes.adah --side image --format $format --out model.safetensors
    stderr_has 'model.safetensors: a safetensors file is there'
    same model.safetensors
done
expect 1 eval --model model.safetensors --data scenes --quiet --report scenes.adah
stderr_has 'scenes.adah: an adah index is there'
check cmp scenes.adah index.kept
# Before the work: nothing of the training or the encoding was begun.
expect 1 train --data scenes --model scenes.adah --backbone small
stderr_has 'scenes.adah: an adah index is there'
check_not grep -q epoch stdout stderr
check test ! -e scenes.adah.checkpoint
mkfifo pipe
expect 1 index export --index scenes.adah --side image --out pipe
stderr_has 'pipe: not a regular file'
expect 1 index create --force --model model.safetensors --data scenes --index pipe
stderr_has 'pipe: not a regular file'
check test -p pipe
ln -s scenes.adah link.adah
expect 0 index create --model model.safetensors --data scenes --index link.adah
check test -L link.adah
expect 0 index verify --index scenes.adah
ln -s off/nowhere lost.adah
expect 1 index create --model model.safetensors --data scenes --index lost.adah
stderr_has 'lost.adah: cannot follow the link'
check test -L lost.adah

# Codes of nothing are not imported; where there was no index there is none.
python3 -c 'import sys' 2>/dev/null && {
    python3 - <<'PYTHON'
head = "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 2), }"
head += " " * (118 - len(head) - 1) + "\n"
open("none.npy", "wb").write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
PYTHON
    cp index.kept scenes.adah
    for index in scenes.adah imported.adah; do
        expect 1 index import --index $index --image-codes none.npy
        stderr_has 'none.npy: there is no code in it'
    done
    same_index
    check test ! -e imported.adah
}
check_no_leftovers .

# eval: how many were left out, in text, JSON and report; the checksum is another one.
cp -r scenes some
for name in $(grep '"query"' some/metadata.jsonl | head -2 | sed 's/.*"file_name": "\([^"]*\)".*/\1/'); do : >"some/$name"; done
echo '{"file_name": "images/x.png", "split": "fold"}' >>some/metadata.jsonl
n_queries=$(grep -c '"query"' scenes/metadata.jsonl)
expect 0 eval --model model.safetensors --data some --quiet --report some.html
stdout_has "^$((n_queries - 2)) queries"
stdout_has '^left out: 2 queries and 0 records of the database, whose image cannot be read:$'
stdout_has '^    some/images/.*: empty'
stdout_has '^left out: 1 bad record:$'
check grep -q 'queries left out, whose image cannot be read, 2; bad records left out 1' some.html
expect 0 eval --model model.safetensors --data some --quiet --json
stdout_has '"n_queries_left_out": ?2'
check_json
checksum=$(sed 's/.*"split_checksum": *"\([^"]*\)".*/\1/' stdout)
expect 0 eval --model model.safetensors --data scenes --quiet --json
stdout_has '"n_queries_left_out": ?0'
check test "$checksum" != "$(sed 's/.*"split_checksum": *"\([^"]*\)".*/\1/' stdout)"
expect 0 eval --model model.safetensors --model model.safetensors --data some --quiet
stdout_has '^left out: 2 queries'
expect 0 encode --model model.safetensors --data some --out some --quiet --json
stdout_has '"n_skipped": 2'
stdout_has 'some/images/.*: empty'
expect 0 eval --codes some --data scenes
stdout_has '^left out: 2 queries and 0 records of the database, which have no code$'

# All queries are missing, the database is not.
for name in $(grep '"query"' some/metadata.jsonl | sed 's/.*"file_name": "\([^"]*\)".*/\1/'); do : >"some/$name"; done
expect 1 eval --model model.safetensors --data some --quiet
stderr_has "none of the $n_queries queries has an image that can be read; the first of those left out: some/images/.*: empty"
finish
