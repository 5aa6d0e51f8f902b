#!/usr/bin/env bash
# test_bad_values.sh - options and queries that cannot be worked with; an odd one that can.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_index
cp model.safetensors kept
train() {
    local wanted=$1
    shift
    expect "$wanted" train --data scenes --model new.safetensors --epochs 1 --quiet "${quick[@]}" "$@"
    [ "$wanted" -eq 0 ] || check test ! -e new.safetensors
}

for q in 0 7 4096 1032 -8 12; do
    expect 2 train --data scenes --model model.safetensors --epochs 1 --bits "$q"
    stderr_has "(--|n_)bits .*$q"
done
check cmp model.safetensors kept # a refused training leaves the model that is there alone
for q in 8 1024; do
    train 0 --bits "$q"
    expect 0 info --model new.safetensors
    stdout_has "^n_bits: $q\$"
    rm new.safetensors
done

train 0 --set n_batch=4096 # larger than the set
rm new.safetensors
train 0 --set n_batch=2
rm new.safetensors
train 2 --set n_batch=1
stderr_has 'n_batch is 1, expected 2 to 4096'
train 2 --set margin=much
stderr_has 'margin.*"?much'
train 2 --set no_such_value=1
stderr_has 'no_such_value'
train 2 --set margin
stderr_has 'margin'
train 2 --epochs 0
stderr_has '--epochs is 0, expected 1 to'
train 2 --preset best
stderr_has '"best".*default.*paper'
train 2 --backbone resnet
stderr_has '"resnet".*squeezenet1_1'
train 2 --similarity taste
stderr_has '"?taste.*labels'
train 2 --language klingon
stderr_has 'klingon'
train 2 --threads 5000
stderr_has '--threads is 5000, expected 0 to 4096'
train 2 --backbone vgg16
stderr_has 'n_side is 16, vgg16 needs at least 32'
for name in squeezenet1_1 vgg16 vgg19 cnn_f; do
    train 2 --backbone "$name" --set n_side=64
    stderr_has "backbone $name needs its pre-trained weights"
done
train 2 --attention --no-attention
stderr_has 'give either --attention or --no-attention'
train 2 --no-attention --set attention_threshold=2
stderr_has '"attention_threshold=2": there is no attention it could change'
train 2 --no-attention --no-adversary
stderr_has 'without attention there is none'
train 1 --backbone squeezenet1_1 --set n_side=64 --weights nowhere.safetensors
stderr_has 'nowhere.safetensors: cannot open'
train 1 --backbone squeezenet1_1 --set n_side=64 --weights scenes/metadata.jsonl
stderr_has 'scenes/metadata.jsonl'
train 1 --backbone squeezenet1_1 --set n_side=64 --weights model.safetensors # a safetensors file, but no SqueezeNet
stderr_has 'squeezenet1_1: .*model.safetensors.*features'
train 1 --backbone vgg16 --set n_side=64 --weights model.safetensors
stderr_has 'vgg16: '
{
    printf 'MATLAB 5.0 MAT-file'
    head -c 300 /dev/zero
} >no.mat
train 1 --backbone cnn_f --set n_side=64 --weights no.mat
stderr_has 'no.mat: '
train 2 --backbone cnn_f --set n_side=64 --set augment_flip=1
stderr_has 'augment_flip need a backbone that learns'
train 1 --model nowhere/new.safetensors --data nowhere
stderr_has nowhere
expect 1 train --data scenes --model no/such/folder/new.safetensors --epochs 1 --quiet "${quick[@]}"
stderr_has 'no/such/folder/new.safetensors'
expect 1 train --data scenes --model scenes --epochs 1 --quiet "${quick[@]}" # a folder in the model's place
stderr_has 'scenes: '
expect 2 train --data scenes --model new.safetensors --epochs 1 --quiet "${quick[@]}" --set finetune=0
stderr_has 'would neither learn'

# Queries.
search=(search --model model.safetensors --index scenes.adah)
expect 1 "${search[@]}" --text xyzzyplugh
stderr_has 'xyzzyplugh.*vocabulary|vocabulary.*xyzzyplugh'
expect 1 "${search[@]}" --text ''
stderr_has 'no word'
expect 2 "${search[@]}" --text $'\377\376 red'
stderr_has UTF-8
expect 0 "${search[@]}" --text 'red xyzzyplugh' # one word it knows is enough
expect 0 "${search[@]}" --text "$(head -c 100000 /dev/zero | tr '\0' 'x') red"
expect 1 "${search[@]}" --image nowhere.png
stderr_has 'nowhere.png: cannot open'
expect 1 "${search[@]}" --image scenes/metadata.jsonl
stderr_has 'scenes/metadata.jsonl: not an image'
expect 2 "${search[@]}" --text red -k 0
stderr_has 'k is 0, expected 1 to'
expect 0 "${search[@]}" --text red -k 100000
check test "$(wc -l <stdout)" = 120
expect 1 attend --model model.safetensors --image nowhere.png --out overlay.png
stderr_has 'nowhere.png: cannot open'
expect 1 attend --model model.safetensors --image scenes/images/scene-00001.png --out no/such/folder/overlay.png
stderr_has 'no/such/folder/overlay.png'
expect 1 encode --model model.safetensors --data scenes --out no/such/folder/codes
stderr_has 'no/such/folder/codes'
expect 1 index create --model model.safetensors --data scenes --index no/such/folder/scenes.adah
stderr_has 'no/such/folder/scenes.adah'
expect 1 synth --out scenes/metadata.jsonl
stderr_has 'scenes/metadata.jsonl'
expect 1 convert --from nowhere --out clipart
stderr_has nowhere
expect 1 eval --codes nowhere --data scenes
stderr_has 'nowhere.image.npy'
expect 0 search --model model.safetensors --index scenes.adah --text red # all is still as it was
check cmp model.safetensors kept
check_no_leftovers .
finish
