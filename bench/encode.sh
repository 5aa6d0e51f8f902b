#!/usr/bin/env bash
# encode.sh - measures how fast pictures become codes beside PyTorch, ONNX Runtime and OpenVINO (`make bench-encode`) and writes
# docs/measured/speed.md. adah is its command, with an empty cache, and bench_network for the network alone; the others are
# bench_encode_rivals.py with the same model, their codes compared with adah's.
# shellcheck source-path=SCRIPTDIR source=speed.sh disable=SC2154
source "$(dirname "${BASH_SOURCE[0]}")/speed.sh"

packages='torch torchvision onnx onnxruntime openvino numpy pillow opencv-python-headless simplejpeg'
modules='torch onnx onnxruntime openvino numpy PIL'
shared=${ADAH_SHARED:-$here/../shared}
option[data]=$shared/data/flickr8k
option[pictures]=5000
option[camera]=300
option[batches]='1 4 16'
option[backbones]="squeezenet1_1=$shared/weights/squeezenet_v1.1_caffe.safetensors
    mobilenet_v2=$shared/weights/mobilenet_v2_1.0_224.folded.safetensors"
option[engines]='torch torch-compile onnxruntime openvino openvino-bf16'

usage() {
    cat <<END
Usage: bench/encode.sh [OPTIONS]

  --data DIR          a data set of adah's; its first pictures are encoded (default: flickr8k in ADAH_SHARED)
  --pictures N        so many of them (default ${option[pictures]})
  --camera N          so many of them enlarged to 12 megapixels, for the first of the backbones (default ${option[camera]}; 0: none)
  --backbones "NAME=WEIGHTS ..."
                      squeezenet1_1, mobilenet_v2 with their weight files (default: those in ADAH_SHARED)
  --batches "B ..."   sizes that the others choose from, each by a short trial (default ${option[batches]})
  --engines "E ..."   what adah is put beside (default all: ${option[engines]})
END
    common_usage
}

parse_options "$@"
adah=${option[build]}/adah
for program in "$adah" "${option[build]}/bench_network"; do
    [ -x "$program" ] || wrong "$program is not there; \"make bench-encode\" builds it"
done

# A folder with the first N records of the data set.
link_data() {
    mkdir -p "$1"
    head -n "$2" "${option[data]}/metadata.jsonl" >"$1/metadata.jsonl"
    [ -e "$1/images" ] || ln -s "$(realpath "${option[data]}/images")" "$1/images"
}

# encode_files MODEL DATA [SETTING OPTION...] - the command from files; adds a line.
encode_files() {
    local model=$1 data=$2 setting=${3-} seconds
    shift $(($# > 2 ? 3 : 2))
    rm -rf "$running/cache"
    # The clock runs inside the measuring command, which may wait for its turn.
    # shellcheck disable=SC2016
    seconds=$("${measure[@]}" bash -c 'start=$EPOCHREALTIME; "$@" >&2; echo "$start $EPOCHREALTIME"' - "$adah" encode -q --model "$model" \
        --data "$data" --out "$running/codes" --cache "$running/cache" --threads "${option[threads]}" "$@")
    awk -v n="$(wc -l <"$running/codes.ids")" -v t="${option[threads]}" -v s="$setting" '{
        printf "{\"program\":\"adah\",\"from\":\"from files\",\"pictures\":%d,\"threads\":%d,\"setting\":\"%s\",\"seconds\":%.3f,", n, t, s, $2 - $1
        printf "\"pictures_per_second\":%.2f}\n", n / ($2 - $1) }' <<<"$seconds" | tee -a "$lines"
}

# The same without the command's start, as the others are timed.
encode_loaded() {
    GOMP_SPINCOUNT=1000 "${measure[@]}" "${option[build]}/bench_encode" "$1" "$2" 1 "${option[threads]}" |
        sed 's/"name": "encode", "n":/"program":"adah","from":"from files","setting":"without its start","pictures":/
             s/"per_second"/"pictures_per_second"/' | tee -a "$lines"
}

network_alone() {
    GOMP_SPINCOUNT=1000 "${measure[@]}" "${option[build]}/bench_network" "$1" "$2" "$running/codes.ids" "$running/pixels.npy" |
        tee -a "$lines"
}

# rival PYTHON MODEL DATA ENGINE
rival() {
    # OpenVINO has hung now and then, all measured. ONNX Runtime has no switch that holds its own kernels.
    local free=''
    [ -z "${option[isa]}" ] || [ "$4" != onnxruntime ] || free=--not-held
    # shellcheck disable=SC2086
    "${measure[@]}" timeout 900 "$1" "$here/bench/bench_encode_rivals.py" "$2" "$3" "$running/codes" "$running/pixels.npy" "$lines" \
        --engine "$4" --threads "${option[threads]}" --batches "${option[batches]}" $free
}

# run_case NAME BACKBONE WEIGHTS DATA
run_case() {
    local name=$1 model=$running/$2.model data=$4 round interpreter engine
    begin_run "$name" || return 0
    [ -s "$model" ] || "$adah" train -q --data "$running/some" --model "$model" --backbone "$2" --weights "$3" --bits 64 --epochs 3 \
        --cache "$running/cache" --threads "${option[threads]}"
    for ((round = 0; round < option[rounds]; round++)); do
        echo "$name, round $((round + 1)) of ${option[rounds]}" >&2
        encode_files "$model" "$data"
        [ ! -x "${option[build]}/bench_encode" ] || encode_loaded "$model" "$data"
        network_alone "$model" "$data"
        for interpreter in "${python[@]}"; do
            for engine in ${option[engines]}; do
                [ "$interpreter" != /usr/bin/python3 ] || [ "$engine" = torch ] || continue
                [ -z "${option[isa]}" ] || [ "$engine" != openvino-bf16 ] || continue # no --isa has bfloat16
                attempt rival "$interpreter" "$model" "$data" "$engine"
            done
        done
        [ -n "${option[isa]}" ] || encode_files "$model" "$data" bfloat16 --precision bfloat16
    done
    rm -f "$running/pixels.npy"
    end_run
}

run_camera() {
    local first
    read -r first _ <<<"${option[backbones]}"
    "${python[0]}" "$here/bench/camera_photos.py" "${option[data]}" "$running/camera" "${option[camera]}"
    run_case camera "${first%%=*}" "${first#*=}" "$running/camera"
    rm -rf "$running/camera"
}

if [ "${flag[render]}" = 0 ]; then
    find_pythons
    [ -f "${option[data]}/metadata.jsonl" ] || wrong "${option[data]} has no metadata.jsonl; --data names a data set"
    link_data "$running/data" "${option[pictures]}"
    link_data "$running/some" 400
    for backbone in ${option[backbones]}; do
        layers "${backbone%%=*}" 1 --network "${backbone%%=*}" --infer --batch 1 --runs 15
        run_case "${backbone%%=*}" "${backbone%%=*}" "${backbone#*=}" "$running/data"
    done
    if [ "${option[camera]}" != 0 ] && [ "${#python[@]}" != 0 ] && is_wanted camera; then
        run_camera
    fi
fi
render
