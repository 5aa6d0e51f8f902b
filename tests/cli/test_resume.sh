#!/usr/bin/env bash
# test_resume.sh - training that is killed or interrupted goes on with --resume to the same model, byte for byte.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$ADAH" synth --out scenes --count 60 --side 32 >/dev/null || exit 1
n_epochs=4
# Several steps an epoch, the adversary's turns among them; the last epoch is the model.
training=(train --data scenes --epochs "$n_epochs" --checkpoint-seconds 0 "${quick[@]}" --set n_batch=16
    --set n_warmup_epochs=1 --set validation_share=0 --set augment_crop=0.3 --set augment_flip=1)
expect 0 "${training[@]}" --model whole.safetensors
stderr_has "^epoch $n_epochs/$n_epochs "

# Killed behind every epoch in turn, each time continued.
for epoch in $(seq $((n_epochs - 1))); do
    stop KILL 137 killed.safetensors "$epoch"
    check test ! -e killed.safetensors
    check test -e killed.safetensors.checkpoint
    # It went on from where it was and did not begin again.
    [ "$epoch" -eq 1 ] || check_not grep -q '^epoch 1/' log
done
expect 0 "${training[@]}" --model killed.safetensors --resume
stderr_has "^epoch $n_epochs/$n_epochs "
check cmp whole.safetensors killed.safetensors
check test ! -e killed.safetensors.checkpoint

# Killed at moments that nobody chose, writing included.
for tenths in 2 5 3; do
    "$ADAH" "${training[@]}" --model random.safetensors --resume --quiet >stdout 2>log &
    pid=$!
    sleep "0.$tenths"
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
done
expect 0 "${training[@]}" --model random.safetensors --resume --quiet
check cmp whole.safetensors random.safetensors

# Ctrl-C: told, exit code 130, continued.
for signal in INT TERM; do
    stop $signal 130 interrupted-$signal.safetensors 2
    check grep -q "^adah: .*stopped.*resume continues from interrupted-$signal.safetensors.checkpoint" log
    check test ! -e interrupted-$signal.safetensors
    check test -e interrupted-$signal.safetensors.checkpoint
    expect 0 "${training[@]}" --model interrupted-$signal.safetensors --resume
    stderr_lacks '^epoch [12]/'
    check cmp whole.safetensors interrupted-$signal.safetensors
done

# Finished already: nothing to do, and the same model stays.
expect 0 "${training[@]}" --model whole.safetensors --resume
stderr_lacks '^epoch'
stdout_has '^trained on'
check cmp whole.safetensors killed.safetensors

# A checkpoint of another training is refused, not mixed in.
stop KILL 137 mixed.safetensors 1
expect 1 "${training[@]}" --model mixed.safetensors --resume --seed 9
stderr_has 'mixed.safetensors.checkpoint'
sed -i '1,20s/"labels": \[/&"new", /' scenes/metadata.jsonl
expect 1 "${training[@]}" --model mixed.safetensors --resume
stderr_has 'mixed.safetensors.checkpoint'
# Without --resume it begins anew.
expect 0 "${training[@]}" --model mixed.safetensors
stderr_has '^epoch 1/'

# Two threads, and the best epoch by validation in place of the last: the same from run to run, and over a kill.
training+=(--threads 2 --set validation_share=0.2)
expect 0 "${training[@]}" --model two.safetensors --quiet
stop KILL 137 two-killed.safetensors 2
expect 0 "${training[@]}" --model two-killed.safetensors --resume --quiet
check cmp two.safetensors two-killed.safetensors
finish
