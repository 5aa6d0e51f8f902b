#!/usr/bin/env bash
# test_shorten.sh - one training for several lengths: the short model's codes are the first bits of the long one's, and it works
# like any model; lengths that were not trained are refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$ADAH" synth --out scenes --count 40 --side 32 >/dev/null || exit 1
expect 0 train --data scenes --epochs 2 "${quick[@]}" --bits 32 --set nested_bits=8 --set n_bank=32 --model long.safetensors
expect 0 shorten --model long.safetensors --bits 16 --out short.safetensors
stdout_has "16 bits"
for model in long short; do
    expect 0 encode --model $model.safetensors --data scenes --out $model
done
# rows FILE BYTES - a row a line, the first two bytes of each.
rows() { od -An -v -tu1 -j128 -w"$2" "$1" | awk '{ print $1, $2 }'; }
for side in image text; do
    rows long.$side.npy 4 >long.rows
    rows short.$side.npy 2 >short.rows
    check test -s short.rows
    check cmp long.rows short.rows
done
expect 0 eval --model short.safetensors --data scenes --json
stdout_has '"n_bits": ?16'
expect 0 info --model short.safetensors
expect 2 shorten --model long.safetensors --bits 24 --out other.safetensors
stderr_has "codes of 24 bits were not trained: n_bits is 32, nested_bits 8"
expect 2 shorten --model long.safetensors --bits 32 --out other.safetensors
expect 1 shorten --model missing.safetensors --bits 16 --out other.safetensors
stderr_has "missing.safetensors"
check test ! -e other.safetensors
finish
