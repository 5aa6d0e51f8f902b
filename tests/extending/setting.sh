# shellcheck shell=bash
# setting.sh - a training takes the setting, its range is checked, the model keeps it, and a model from before it has its neutral value.
set -euo pipefail
train() { "$ADAH" train --data "$SCENES/scenes" --model model.safetensors --epochs 1 --quiet --bits 16 --set n_side=16 --threads 1 "$@"; }
train --set n_characters_min=3 >/dev/null
"$ADAH" info --model model.safetensors | grep -qE '^ *n_characters_min: 3$'
! train --set n_characters_min=0 2>message
grep -q 'n_characters_min is 0, expected 1 to 100' message
"$ADAH" info --model "$SCENES/model.safetensors" | grep -qE '^ *n_characters_min: 1$'
