#!/usr/bin/env bash
# test_log_tensorboard.sh - event files for TensorBoard: what is in them, of a training that was killed and went on, too; what stands in their place.
look=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/look_at_events.py
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$ADAH" synth --out scenes --count 60 --side 32 >/dev/null || exit 1
training=(train --data scenes --epochs 4 --checkpoint-seconds 0 "${quick[@]}" --log-tensorboard runs/a --json)
mkdir -p runs/a
echo mine >runs/a/events.out.tfevents.0000000000.foreign # a file of somebody else that is none
expect 0 "${training[@]}" --model whole.safetensors
cp stdout record.json
check python3 "$look" record.json runs/a
rm runs/a/events.out.tfevents.0000000000.foreign

# Killed and continued: all epochs are there once, those of before the kill included.
stop KILL 137 killed.safetensors 2
expect 0 "${training[@]}" --model killed.safetensors --resume
cp stdout resumed.json
check python3 "$look" resumed.json runs/a
# So are those of a training that was finished already.
expect 0 "${training[@]}" --model killed.safetensors --resume
check python3 "$look" resumed.json runs/a

# TensorBoard itself reads the files of all these, and sees each epoch once.
board=
for python in ${ADAH_PYTHON:-python3}; do
    "$python" -c 'import tensorboard' 2>/dev/null && board=$python
done
if [ -n "$board" ]; then
    check "$board" "$look" resumed.json runs/a --tensorboard
else
    echo "LEFT OUT: what TensorBoard itself reads; the Python package tensorboard is not installed"
fi

# A damaged file is seen by the checks above.
newest=$(find runs/a -name 'events.*' | sort | tail -1)
printf X | dd of="$newest" bs=1 seek=150 conv=notrunc 2>/dev/null
check_not python3 "$look" resumed.json runs/a

# What cannot be written is told before anything is learned, and a training that fails leaves no empty file.
echo file >taken
for place in taken taken/runs /dev/null; do
    expect 1 train --data scenes --model other.safetensors --epochs 1 "${quick[@]}" --log-tensorboard "$place"
    stderr_has "${place%/runs}"
done
check grep -qx file taken
expect 2 train --data scenes --model other.safetensors --epochs 1 "${quick[@]}" --log-tensorboard runs/b --similarity labels --set margin=nonsense
check test -z "$(ls runs/b)"
check test ! -e other.safetensors
finish
