# shellcheck shell=bash
# rival.sh - a model of the method is learned, says which method it is of, and can be searched and measured.
set -euo pipefail
"$ADAH" train --data "$SCENES/scenes" --model chance.safetensors --method chance --weights "$SCENES/model.safetensors" --bits 16 \
    --threads 1 --quiet --set n_side=16 >/dev/null
"$ADAH" info --model chance.safetensors | grep -qE '^ *method: chance$'
"$ADAH" eval --model chance.safetensors --data "$SCENES/scenes" --quiet --threads 1 --json | grep -q '"map_image_to_text"'
