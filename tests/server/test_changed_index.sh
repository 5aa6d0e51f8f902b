#!/usr/bin/env bash
# test_changed_index.sh - the file of an index changes under adah serve (change_checks.c) and under the command.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
: "${CHANGE_CHECKS:?the program that asks}"

make_index
cp scenes.adah other.adah
check "$ADAH" index delete --index other.adah --id 3 --id 17 --id 40
check "$ADAH" index compact --index other.adah --quiet
"$ADAH" train --data scenes --epochs 1 --quiet "${quick[@]}" --model stranger.safetensors --seed 7 >/dev/null || exit 1
check "$ADAH" index create --model stranger.safetensors --data scenes --index stranger.adah --quiet
head -c "$(stat -c %s scenes.adah)" /dev/urandom >noise
"$CHANGE_CHECKS" >of-server 2>&1 & # beside what follows: mostly it waits
asker=$!

# The command, while another program copies one index over the other all the time.
cp scenes.adah i.adah
(until [ -e enough ]; do
    cat other.adah >i.adah
    : >i.adah
    cat scenes.adah >i.adah
done) &
changer=$!
"$ADAH" search --index scenes.adah --id 20 --to image --json >of-scenes
"$ADAH" search --index other.adah --id 20 --to image --json >of-other
for _ in $(seq 60); do
    for command in 'search --index i.adah --id 20 --to image --json' 'index verify --index i.adah' 'index stats --index i.adah' \
        'index export --index i.adah --side image --out i.npy'; do
        # shellcheck disable=SC2086
        "$ADAH" $command >answer 2>stderr
        got=$?
        # whatever it met, it was no crash; and an answer is that of one of the two
        n_checks=$((n_checks + 1))
        [ $got -lt 10 ] || fail "exit code $got: adah $command"
        if [ $got -eq 0 ] && [ "${command%% *}" = search ]; then
            n_checks=$((n_checks + 1))
            cmp -s answer of-scenes || cmp -s answer of-other || fail 'a search answers with what is in neither index'
        fi
    done
done
touch enough
wait $changer
n_checks=$((n_checks + 1))
wait $asker || fail "$CHANGE_CHECKS: $(head -5 of-server)"
cat of-server
[ "$n_failed" = 0 ] || tail -20 log
check grep -q 'not ready until there is a good index' log
check grep -q 'a good index again' log
finish
