#!/usr/bin/env bash
# ablations.sh - the tables of docs/method.md: one setting changed at a time, validation mAP (image to text, text to image).
#
#     bench/ablations.sh ADAH frozen DATA WEIGHTS [SEEDS]     a frozen SqueezeNet v1.1 on photos (docs: labelme8)
#     bench/ablations.sh ADAH scratch DATA [SEEDS]            the small network from scratch (docs: adah synth)
#
# SEEDS: a quoted list, default "0 1 2". Prints a markdown table. A training runs on one thread, as many at once as there are
# cores. What was measured stays in the folder WORK (default: ablations) and is not measured again.
set -euo pipefail
adah=$1 kind=$2 data=$3
work=${WORK:-ablations}
if [ "$kind" = frozen ]; then
    backbone=(--backbone squeezenet1_1 --weights "$4")
    read -ra seeds <<<"${5:-0 1 2}"
else
    backbone=()
    read -ra seeds <<<"${4:-0 1 2}"
fi
mkdir -p "$work"

# The options of a line; "--set" stands before each NAME=VALUE.
common=(
    "" "--no-attention" "--no-adversary"
    "classifier_weight=0" "classifier_weight=5" "attention_retrieval_weight=0"
    "attention_init=1" "attention_start=energy" "pooling=all" "margin=0.4" "mean_over_active=0"
    "n_warmup_epochs=0" "schedule=constant" "dropout=0.3" "quantisation_weight=1"
)
frozen=("attention_threshold=1" "attention_threshold=0.8" "attention_threshold=0.5" "n_image_hidden=512"
    "--preset paper" "--preset paper --no-attention" "--preset paper --no-adversary"
    "--preset paper rate_attention=1e-4" "--preset paper rate_attention=1e-4 n_warmup_epochs=0"
    "--preset paper rate_attention=1e-3" "--preset paper rate_attention=1e-3 attention_threshold=0.7")
scratch=("attention_threshold=0.7" "rate_backbone=3e-4" "rate_backbone=2e-3" "rate_backbone=4e-3" "n_batch=16" "n_batch=64"
    "--preset paper")
[ "$kind" = frozen ] && lines=("${common[@]}" "${frozen[@]}") || lines=("${common[@]}" "${scratch[@]}")

# file_of LINE SEED
file_of() { echo "$work/$kind-$(printf %s "$1" | tr -c 'A-Za-z0-9=.-' _)-$2"; }

# measure LINE SEED - "I>T T>I" of the best epoch into file_of LINE SEED
measure() {
    local options=() word name
    for word in $1; do
        case $word in
        *=*) options+=(--set "$word") ;;
        *) options+=("$word") ;;
        esac
    done
    name=$(file_of "$1" "$2")
    if [ ! -s "$name" ]; then
        OMP_WAIT_POLICY=passive "$adah" train --data "$data" --model "$name.safetensors" "${backbone[@]}" --threads 1 --quiet \
            --seed "$2" "${options[@]}" >"$name.log" 2>&1 || { tail -1 "$name.log" >&2 && return 1; }
        sed -n 's/^best epoch.*image to text \([0-9.]*\), text to image \([0-9.]*\).*/\1 \2/p' "$name.log" >"$name"
        rm -f "$name.safetensors"
    fi
}
n_cores=$(nproc)
for line in "${lines[@]}"; do
    for seed in "${seeds[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$n_cores" ]; do wait -n || true; done
        { measure "$line" "$seed" || echo "failed: $line, seed $seed" >&2; } &
    done
done
wait
echo "| changed | image to text, seeds ${seeds[*]} | text to image | mean of all |"
echo "|---|---|---|---|"
for line in "${lines[@]}"; do
    for seed in "${seeds[@]}"; do
        cat "$(file_of "$line" "$seed")"
    done | awk -v line="${line:-nothing (the default)}" '
        { a = a sprintf(" %.3f", $1); b = b sprintf(" %.3f", $2); sum += $1 + $2; n += 2 }
        END { printf "| %s |%s |%s | %.3f |\n", line, a, b, sum / n }'
done
