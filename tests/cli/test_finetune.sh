#!/usr/bin/env bash
# test_finetune.sh - a backbone that learns from a layer on: what goes into that layer is computed once and kept apart from other maps, what
# comes before it stays as it was to the bit, and the model is the same however it came about.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
: "${WEIGHTS_OF:?the program weights_of}"
"$ADAH" synth --out scenes --count 60 --side 32 >/dev/null || exit 1
check "$WEIGHTS_OF" squeezenet1_1 64 squeezenet.safetensors
base=(train --data scenes --backbone squeezenet1_1 --weights squeezenet.safetensors --bits 16 --threads 1 --set n_side=64
    --set n_batch=16 --set validation_share=0)
n_epochs=3
training=("${base[@]}" --epochs "$n_epochs" --checkpoint-seconds 0 --finetune=features.11)

# facts - of every file in the cache: who wrote it and when.
facts() { find cache elsewhere -name '*.images' -printf '%p %i %T@\n' 2>/dev/null | sort; }

# made N - the last command made N files of maps or pixels, and left the others as they were.
facts >facts.before
made() {
    facts >facts.after
    check test "$(comm -13 facts.before facts.after | wc -l)" = "$1"
    check test "$(comm -23 facts.before facts.after | wc -l)" = 0
    mv facts.after facts.before
}

# learned_from MODEL WEIGHTS PATTERN - all tensors whose names match have changed, and no other.
learned_from() {
    "$WEIGHTS_OF" --compare "$2" "$1" >compared
    check_not grep -q '^absent ' compared
    check_not grep -qE "^same image\\.backbone\\.($3)\\." compared
    check grep -qE "^changed image\\.backbone\\.($3)\\." compared
    grep -vE "^(same|changed) image\\.backbone\\.($3)\\." compared >others
    check grep -q '^same ' others
    check_not grep -q '^changed ' others
}

# ---- the maps at a cut have a file of their own
expect 0 "${base[@]}" --epochs 1 --model frozen.safetensors
made 1
"$WEIGHTS_OF" --compare squeezenet.safetensors frozen.safetensors >compared
check grep -q ^same compared
check_not grep -q ^changed compared
expect 0 "${training[@]}" --model whole.safetensors
made 1
learned_from whole.safetensors squeezenet.safetensors 'features\.1[12]\..*'
expect 0 "${base[@]}" --epochs 1 --finetune=last --model last.safetensors
made 1
learned_from last.safetensors squeezenet.safetensors 'features\.12\..*'
expect 0 "${base[@]}" --epochs 1 --finetune --model all.safetensors
made 1

# ---- the same cut, by whatever name, takes what is there, and the model is the same with and without it
expect 0 "${training[@]}" --model again.safetensors
made 0
check cmp whole.safetensors again.safetensors
training[-1]=--finetune=features.11.squeeze
expect 0 "${training[@]}" --model again.safetensors
made 0
check cmp whole.safetensors again.safetensors
expect 0 "${base[@]}" --epochs "$n_epochs" --set finetune=1 --set finetune_from=features.11 --model set.safetensors
made 0
learned_from set.safetensors squeezenet.safetensors 'features\.1[12]\..*'
expect 0 "${training[@]}" --model again.safetensors --cache elsewhere
made 1
check cmp whole.safetensors again.safetensors
# One that is damaged is made again.
for file in elsewhere/*.images; do printf 'x' | dd of="$file" bs=1 seek=5000 conv=notrunc status=none; done

facts | grep -v ^elsewhere/ >facts.before
expect 0 "${training[@]}" --model again.safetensors --cache elsewhere
made 1
check cmp whole.safetensors again.safetensors
# Other weights have other maps, where they differ before the cut.
expect 0 "${base[@]}" --weights last.safetensors --epochs 1 --finetune=last --model other.safetensors
made 0
expect 0 "${base[@]}" --weights all.safetensors --epochs 1 --finetune=last --model other.safetensors
made 1
learned_from other.safetensors all.safetensors 'features\.12\..*'

# ---- stopped and resumed
for epoch in $(seq $((n_epochs - 1))); do
    stop KILL 137 killed.safetensors "$epoch"
    check test ! -e killed.safetensors
done
expect 0 "${training[@]}" --model killed.safetensors --resume
stderr_lacks '^epoch 1/'
check cmp whole.safetensors killed.safetensors
stop TERM 130 mixed.safetensors 1
expect 1 "${training[@]}" --model mixed.safetensors --resume --finetune=last
stderr_has 'mixed.safetensors.checkpoint'

# ---- what lies behind it may learn before it does
training+=(--epochs 40 --set n_finetune_after=39)
stop KILL 137 late.safetensors 1
"$WEIGHTS_OF" --compare squeezenet.safetensors late.safetensors.checkpoint >compared
check grep -qE '^same image\.backbone\.features\.12\.' compared
check_not grep -q ^changed compared
expect 0 "${training[@]}" --model late.safetensors --resume
learned_from late.safetensors squeezenet.safetensors 'features\.1[12]\..*'
expect 0 "${training[@]}" --model again.safetensors
check cmp late.safetensors again.safetensors
expect 2 "${base[@]}" --set n_finetune_after=1 --model new.safetensors
stderr_has 'n_finetune_after is 1, but the backbone does not learn \(finetune is 0\)$'

# ---- a picture goes through all of the network to what training saw of it
expect 0 encode --model whole.safetensors --data scenes --out by-map --profile
stdout_has ' decoding 0.0 %'
expect 0 encode --model whole.safetensors --data scenes --out by-picture --profile --cache nothing
check_not grep -q ' decoding 0.0 %' stdout
for kind in image text; do check cmp by-map.$kind.npy by-picture.$kind.npy; done
for cache in cache nothing; do
    expect 0 eval --model whole.safetensors --data scenes --cache $cache --real --json --quiet
    sed 's/"seconds[^,}]*//g' stdout >$cache.json
done
check grep -q map_real cache.json
check cmp cache.json nothing.json
expect 0 index create --model whole.safetensors --data scenes --index scenes.adah --quiet
for i in 3 41; do
    image=$(sed -n ${i}p by-map.ids)
    expect 0 search --model whole.safetensors --index scenes.adah --image "scenes/$image" --to image -k 60 --json
    check test "$(grep -A1 '"distance": 0,' stdout | grep -cF "\"$image\"")" = 1
done
expect 0 info --model whole.safetensors
stdout_has '^ *finetune_from: features.11.squeeze$'

# ---- names that are none
for from in features.99 features.11.expand1x1 layer4 ''; do
    expect 2 "${base[@]}" --finetune=features.99 --model new.safetensors --set "finetune_from=$from"
    stderr_has 'expected all, last, or a layer of features\.0, .*features\.6\.squeeze, .*features\.12\.expand1x1$'
    check test ! -e new.safetensors
done
expect 2 train --data scenes --finetune=last --model new.safetensors
stderr_has 'finetune_from is "last", of backbone small expected all; it learns as a whole$'

# ---- a transformer
check "$WEIGHTS_OF" vit_s_16 32 vit.safetensors
vit=(train --data scenes --backbone vit_s_16 --weights vit.safetensors --bits 16 --threads 1 --set n_side=32 --epochs 1)
expect 0 "${vit[@]}" --finetune=last --model vit-last.safetensors
made 1
learned_from vit-last.safetensors vit.safetensors 'blocks\.11\..*|norm'
expect 0 encode --model vit-last.safetensors --data scenes --out by-map --profile
stdout_has ' decoding 0.0 %'
expect 0 encode --model vit-last.safetensors --data scenes --out by-picture --cache nothing
check cmp by-map.image.npy by-picture.image.npy
expect 2 "${vit[@]}" --finetune=blocks.12 --model new.safetensors
stderr_has 'expected all, last, or a layer of patch, blocks\.0, .*blocks\.11$'
check_no_leftovers .
finish
