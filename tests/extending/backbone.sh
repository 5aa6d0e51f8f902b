# shellcheck shell=bash
# backbone.sh - a model learns with the backbone, and messages name it.
set -euo pipefail
train() { "$ADAH" train --data "$SCENES/scenes" --model model.safetensors --epochs 1 --quiet --bits 16 --threads 1 --backbone "$1"; }
train tiny >/dev/null
"$ADAH" info --model model.safetensors | grep -qE '^ *backbone: tiny$'
"$ADAH" attend --model model.safetensors --image "$(find "$SCENES/scenes/images" -name "*.png" | head -1)" --out attended.png
! train huge 2>message
grep -qF 'expected one of small|tiny|squeezenet1_0' message
