# shellcheck shell=bash
# loss.sh - the loss has a weight and is told in the record of a training; with a weight the training gives another model.
set -euo pipefail
train() {
    "$ADAH" train --data "$SCENES/scenes" --model "$1" --epochs 2 --quiet --bits 16 --set n_side=16 --threads 1 --set decorrelation_weight="$2"
}
train without.safetensors 0 >/dev/null
train with.safetensors 10 >/dev/null
"$ADAH" info --model with.safetensors --json | grep -q '"decorrelation": *[0-9]'
id() { "$ADAH" info --model "$1" | sed -n 's/^id: //p'; }
[ "$(id without.safetensors)" != "$(id with.safetensors)" ]
