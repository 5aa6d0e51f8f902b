# shellcheck shell=bash
# rival.sh - a model of the method is learned, says which method it is of, and can be searched and measured.
set -euo pipefail
"$ADAH" train --data "$SCENES/scenes" --model random.safetensors --method random --weights "$SCENES/model.safetensors" --bits 16 \
    --threads 1 --quiet --set n_side=16 >/dev/null
"$ADAH" info --model random.safetensors | grep -qE '^ *method: random$'
"$ADAH" eval --model random.safetensors --data "$SCENES/scenes" --quiet --threads 1 --json | grep -q '"map_image_to_text"'
