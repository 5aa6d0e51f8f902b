#!/usr/bin/env bash
# test_methods.sh - every method of 'adah train --method' makes a model that encodes, searches and measures above chance; what
# does not fit a rival is refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$ADAH" synth --out scenes --count 150 --side 32 >/dev/null || exit 1
common=(--data scenes --bits 16 --threads 1 --quiet --set n_side=32)
# A backbone for all: what adah learned, frozen.
expect 0 train "${common[@]}" --model adah.safetensors --epochs 4
frozen=(train "${common[@]}" --weights adah.safetensors)

# number KEY - the first value of a key in the JSON of stdout.
number() { sed -n "s/.*\"$1\":\\[*\\([0-9.]*\\).*/\\1/p" stdout | head -1; }

# Codes that say nothing measure about the share of relevant pairs: precision at the largest radius.
better_than_chance() {
    local chance
    chance=$(sed 's/"recall_micro".*//; s/.*"precision_micro":\[//; s/\].*//; s/.*,//' stdout)
    for key in map_image_to_text map_text_to_image; do
        n_checks=$((n_checks + 1))
        awk -v x="$(number $key)" -v chance="$chance" 'BEGIN { exit !(chance > 0.05 && x > 1.1 * chance) }' ||
            fail "$1: $key is $(number $key), chance $chance"
    done
}

for method in cca cmfh scm-orth scm-seq stmh seph-km seph-rnd dcmh acmr; do
    model=$method.safetensors
    # So few pairs give a deep one few steps an epoch.
    expect 0 "${frozen[@]}" --model $model --method $method --set finetune=0 --epochs 40 --set rate=1e-3 --set n_image_hidden=256 \
        --set n_text_hidden=256 --set n_batch=16
    stdout_has 'validation mAP'
    expect 0 eval --model $model --data scenes --json --quiet
    stdout_has "\"method\":\"$method\""
    better_than_chance $method
done

# Codes before their signs are taken say more.
expect 0 eval --model acmr.safetensors --data scenes --quiet --real
stdout_has 'real-valued codes by cosine, mAP@all: image to text 0\.[0-9]{4}, text to image 0\.'
expect 0 eval --model seph-km.safetensors --data scenes --quiet --pairs
stdout_has 'one code a pair in the database, mAP@all: image to pair 0\.[0-9]{4}, text to pair 0\.'
expect 0 eval --model acmr.safetensors --data scenes --quiet --real --json
check test "$(grep -o '"map_real":' stdout | wc -l)" = 4
expect 0 eval --model acmr.safetensors --data scenes --queries scenes --quiet --real --report report.html
expect 0 eval --model acmr.safetensors --model dcmh.safetensors --data scenes --quiet --real --json
check_json
expect 2 eval --codes codes --data scenes --real
stderr_has 'need --model'

# Everything behind the training takes a rival for a model as any other: one with kernels, one with hidden layers.
for method in seph-km dcmh; do
    model=$method.safetensors
    expect 0 info --model $model
    stdout_has "^ *method: $method\$"
    expect 0 index create --model $model --data scenes --index scenes.adah --quiet
    expect 0 search --model $model --index scenes.adah --text 'red circle' -k 3
    check test "$(wc -l <stdout)" = 3
    expect 0 search --model $model --index scenes.adah --image scenes/images/scene-00001.png -k 3
    expect 0 eval --model $model --data scenes --quiet --report report.html
    check grep -q "method $method" report.html
    expect 1 attend --model $model --image scenes/images/scene-00001.png --out overlay.png
    stderr_has "method $method, which has no attention"
    # The same again is the same model, and with --resume there is nothing to do.
    again=("${frozen[@]}" --model again.safetensors --method $method --set finetune=0 --epochs 2)
    expect 0 "${again[@]}"
    cp again.safetensors kept
    expect 0 "${again[@]}"
    check cmp kept again.safetensors
    expect 0 "${again[@]}" --resume
    check cmp kept again.safetensors
done

# A deep rival moves a backbone too.
expect 0 train "${common[@]}" --model tuned.safetensors --method acmr --epochs 1 --no-adversary
expect 0 encode --model tuned.safetensors --data scenes --out codes --quiet

# refused SAYS ARGUMENTS...
refused() {
    local says=$1
    shift
    expect 2 "${frozen[@]}" --model new.safetensors "$@"
    stderr_has "$says"
    check test ! -e new.safetensors
}
refused 'unknown method "pca", expected one of adah.*cca' --method pca
refused 'dcmh has none' --method dcmh --no-attention
refused 'dcmh has none' --method dcmh --no-adversary
refused 'dcmh has no attention' --method dcmh --set attention_threshold=0.5
refused 'paper.*not for acmr' --method acmr --preset paper
refused 'pooling.*cca' --method cca --set pooling=attended
refused 'finetune.*cca' --method cca --finetune
refused 'method.*before the settings' --set method=cca
expect 2 train "${common[@]}" --model new.safetensors --method cca
stderr_has 'backbone small would neither learn'
expect 1 "${frozen[@]}" --model new.safetensors --method scm-seq --similarity pairs
stderr_has 'scm-seq.*labels'
check_no_leftovers .
finish
