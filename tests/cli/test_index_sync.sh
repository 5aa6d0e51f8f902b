#!/usr/bin/env bash
# test_index_sync.sh - adah index sync: what is new, changed, touched and gone; questions, interruptions, other models.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_albums
expect 0 train --data photos --model model.safetensors --epochs 1 --quiet "${quick[@]}"

expect 2 index sync --index i.adah --model model.safetensors
stderr_has -- '--data is needed'
expect 1 index sync --data photos --index i.adah
stderr_has 'not known which model'
expect 0 index sync --data photos --model model.safetensors --index i.adah --dry-run
stdout_has 'would be 60 added, 0 replaced, 0 deleted, 0 unchanged'
check test ! -e i.adah
check test ! -e i.adah.sync
expect 0 index sync --data photos --model model.safetensors --index i.adah --quiet
stdout_has '60 added, 0 replaced, 0 deleted, 0 unchanged'
expect 0 index sync --data photos --index i.adah # the model is known from here on
stdout_has '0 added, 0 replaced, 0 deleted, 60 unchanged'

# The same as what create makes.
expect 0 index create --data photos --model model.safetensors --index c.adah --quiet
for side in image text; do
    expect 0 index export --index i.adah --side $side --out i.npy
    expect 0 index export --index c.adah --side $side --out c.npy
    check cmp i.npy c.npy
done

# New, changed with the old time, touched, moved, gone, captioned.
cp "scenes/images/scene-00070.png" photos/sea/new.png
touch -r "$(photo 2)" time
cp "$(photo 3)" "$(photo 2)"
touch -r time "$(photo 2)"
touch "$(photo 4)"
record() { # NAME - the id of the record with that file name
    "$ADAH" search --model model.safetensors --index i.adah --data photos --record "$1" --by image -k 1 --json |
        tr -d ' \n' | grep -o '"id":[0-9]*' | head -1
}
id=$(record "hill/photo 06.png")
rm "$(photo 5)"
mv "$(photo 6)" photos/hill/moved.png
echo "a zanzibar scene" >"$(photo 7 | sed 's/\.[^.]*$//').txt"
expect 0 index sync --data photos --index i.adah --dry-run --json
check_json
stdout_has '"dry_run": true'
stdout_has '"n_added": 1'
expect 0 index sync --data photos --index i.adah --json
check_json
stdout_has '"n_added": 1'
stdout_has '"n_replaced": 3'
stdout_has '"n_deleted": 1'
stdout_has '"n_unchanged": 56'
expect 0 search --model model.safetensors --index i.adah --text zanzibar -k 1
stdout_has 'photo 07'
expect 0 index verify --index i.adah
expect 0 index sync --data photos --index i.adah --json
stdout_has '"n_unchanged": 60'
check test "$(record hill/moved.png)" = "$id"
# An album that is called otherwise is none that is gone, and has two copies of a picture.
cp photos/hill/moved.png photos/hill/copy.png
expect 0 index sync --data photos --index i.adah
stdout_has '1 added, 0 replaced, 0 deleted, 60 unchanged'
mv photos/hill photos/mountain
expect 0 index sync --data photos --index i.adah </dev/null
stdout_has '0 added, 31 replaced, 0 deleted, 30 unchanged'
check test "$(record mountain/moved.png)" = "$id"
mv photos/mountain photos/hill
rm photos/hill/copy.png
expect 0 index sync --data photos --index i.adah
stdout_has '0 added, 30 replaced, 1 deleted, 30 unchanged'

# A picture that cannot be read any more keeps its record; a new one that cannot is left out, each time.
echo "no picture" >photos/sea/broken.jpg
cp "$(photo 9)" held
echo "cut off" >"$(photo 9)"
for again in 1 2; do
    expect 0 index sync --data photos --index i.adah
    stdout_has '0 added, 0 replaced, 0 deleted, 59 unchanged, 2 left out'
    stdout_has 'broken.jpg'
done
cp held "$(photo 9)"
rm photos/sea/broken.jpg
expect 0 index sync --data photos --index i.adah
stdout_has '0 added, 0 replaced, 0 deleted, 60 unchanged'

# More than a fifth: nothing happens without a yes. (A folder that all pictures are in says nothing, so that those of sea lose their label.)
mv photos/hill .
count() { "$ADAH" index stats --index i.adah --json | grep -o '"n_records": *[0-9]*' | grep -o '[0-9]*$'; }
check test "$(count)" = 60
expect 1 index sync --data photos --index i.adah </dev/null
stderr_has 'more than a fifth'
stderr_has -- '--force'
check test "$(count)" = 60
expect 0 index sync --data photos --index i.adah --dry-run
stdout_has 'would be 0 added, 30 replaced, 30 deleted'
if command -v script >/dev/null; then # a terminal
    n_checks=$((n_checks + 1))
    script -qec "'$ADAH' index sync --data photos --index i.adah" /dev/null <<<n >stdout 2>&1
    stdout_has 'Delete them'
    check test "$(count)" = 60
fi
expect 0 index sync --data photos --index i.adah --force
stdout_has '0 added, 30 replaced, 30 deleted'
mv photos gone
mkdir photos
expect 1 index sync --data photos --index i.adah --force # no disk in the drive is no empty collection
stderr_has 'nor any picture'
rmdir photos
mv gone photos
mv hill photos/
expect 0 index sync --data photos --index i.adah
stdout_has '30 added, 30 replaced, 0 deleted'

# Metadata: a record whose picture is gone goes, too; captions and labels that changed are replaced.
mkdir -p meta/images
cp scenes/images/* meta/images/
head -20 scenes/metadata.jsonl >meta/metadata.jsonl
expect 0 index sync --data meta --model model.safetensors --index m.adah
stdout_has '20 added'
first=$(sed -n 's/.*"file_name": *"\([^"]*\)".*/\1/p;1q' meta/metadata.jsonl)
rm "meta/$first"
sed -i '2s/"text": *"/&kwaakwaa /' meta/metadata.jsonl
expect 0 index sync --data meta --index m.adah
stdout_has '0 added, 1 replaced, 1 deleted, 18 unchanged, 1 left out'
stdout_has 'no such file'
expect 0 search --model model.safetensors --index m.adah --text kwaakwaa -k 1
expect 1 index sync --data meta --index m.adah --strict
stderr_has 'no such file'

# Of arrays nothing is known but what they are: all are encoded, and what is the same stays.
put_vectors() { # N-VALUES
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (80, $1), }"
    for i in $(seq 0 79); do for d in $(seq 0 $(($1 - 1))); do if [ $d = $((i % 4)) ]; then printf '\x01'; else printf '\x00'; fi; done; done
}
mkdir given
put_vectors 4 >given/image.npy
put_vectors 6 >given/text.npy
for i in $(seq 0 79); do echo "{\"file_name\": \"r$i\", \"labels\": [\"c$((i % 4))\"]}"; done >given/metadata.jsonl
expect 0 train --data given --model given.safetensors --epochs 2 --bits 16 --threads 1 --quiet
expect 0 index sync --data given --model given.safetensors --index g.adah
stdout_has '80 added'
sed -i '3s/c2/other/' given/metadata.jsonl
expect 0 index sync --data given --index g.adah
stdout_has '0 added, 1 replaced, 0 deleted, 79 unchanged'

# A folder that cannot be looked into has lost nothing.
mkdir photos/sub
cp scenes/images/scene-00083.png photos/sub/hidden.png
expect 0 index sync --data photos --index i.adah
stdout_has '1 added'
mv photos/sub elsewhere
ln -s sub photos/sub
expect 0 index sync --data photos --index i.adah
stdout_has '0 added, 0 replaced, 0 deleted'
rm photos/sub
expect 0 index sync --data photos --index i.adah
stdout_has '1 deleted'
rm -r elsewhere

# Watching: new folders, files that are moved in and out, links that lead back, an index that lies in the folder itself; until it is told to
# stop.
if [ "$(uname)" = Linux ]; then
    expect 2 index sync --data photos --index i.adah --watch --dry-run
    ln -s . photos/again
    ln -s . photos/and-again
    "$ADAH" index sync --data photos --index photos/i.adah --model model.safetensors --watch --json >told 2>stderr &
    watcher=$!
    trap 'kill -9 $watcher 2>/dev/null; rm -rf "$work"' EXIT
    wait_for() { # PATTERN - in what it tells
        for _ in $(seq 6000); do
            if grep -q "$1" told || ! kill -0 $watcher 2>/dev/null; then break; fi
            sleep 0.05
        done
        check grep -q "$1" told
    }
    wait_for '"n_added": 60'
    mkdir -p photos/new/deep
    cp scenes/images/scene-00080.png photos/new/deep/one.png
    wait_for '"n_added": 1, "n_replaced": 0, "n_deleted": 0, "n_unchanged": 60'
    cp scenes/images/scene-00081.png photos/new/deep/two.png
    wait_for '"n_added": 1, "n_replaced": 0, "n_deleted": 0, "n_unchanged": 61'
    mv photos/new/deep elsewhere
    wait_for '"n_deleted": 2, "n_unchanged": 60'
    mkdir elsewhere/inner
    mv elsewhere photos/back
    wait_for '"n_added": 2, "n_replaced": 0, "n_deleted": 0, "n_unchanged": 60'
    cp scenes/images/scene-00082.png photos/back/inner/three.png
    wait_for '"n_added": 1, "n_replaced": 0, "n_deleted": 0, "n_unchanged": 62'
    # Its own changes of the index are none of the folder: it has told of nothing else.
    check test "$(wc -l <told)" = 6
    cp scenes/images/scene-00084.png photos/i.adah-like.png
    wait_for '"n_added": 1, "n_replaced": 0, "n_deleted": 0, "n_unchanged": 63'
    rm photos/i.adah-like.png
    wait_for '"n_deleted": 1, "n_unchanged": 63'
    kill -TERM $watcher
    wait $watcher
    check test $? = 0
    rm -r photos/i.adah photos/i.adah.sync photos/back photos/new photos/again photos/and-again
    expect 0 index sync --data photos --index i.adah
    "$ADAH" index sync --data photos --index i.adah --watch >told 2>stderr &
    watcher=$!
    wait_for unchanged
    mv photos elsewhere
    wait $watcher # not for ever in a folder that is gone
    check test $? = 1
    stderr_has 'gone'
    mv elsewhere photos
fi

# Another model, and what is no index.
expect 0 train --data photos --model other.safetensors --epochs 2 --quiet "${quick[@]}"
expect 1 index sync --data photos --model other.safetensors --index i.adah
stderr_has 'another model'
echo text >text
expect 1 index sync --data photos --model model.safetensors --index text
check grep -q text text
check_no_leftovers .
finish
