#!/usr/bin/env bash
# train.sh - measures adah's training step beside PyTorch's on the processor (`make bench-train`) and writes
# docs/measured/speed.md. bench_train.c says which steps, bench_train_torch.py how PyTorch does them; both start from the same
# parameters and the same batch, and it is checked that their losses are equal.
# shellcheck source-path=SCRIPTDIR source=speed.sh disable=SC2154
source "$(dirname "${BASH_SOURCE[0]}")/speed.sh"

packages='torch numpy'
modules=$packages
flag[check]=0
option[cases]='vgg16 frozen frozen-default small'

usage() {
    cat <<END
Usage: bench/train.sh [OPTIONS]

  --cases "C ..."     of vgg16 frozen frozen-default small (default: all); docs/measured/speed.md says what they are;
                      with vgg16 its layers too
  --check             only see that both compute the same
END
    common_usage
}

parse_options "$@"
bench_train=${option[build]}/bench_train
[ -x "$bench_train" ] || wrong "$bench_train is not there; \"make bench-train\" builds it"

# adah as its command runs: threads that wait sleep soon.
adah_step() { GOMP_SPINCOUNT=1000 "${measure[@]}" "$bench_train" "$@"; }

# torch_step PYTHON FOLDER OUT ...
torch_step() {
    local interpreter=$1
    shift
    "${measure[@]}" "$interpreter" "$here/bench/bench_train_torch.py" "$@" --threads "${option[threads]}"
}

# What PyTorch is tried with: options of a setting joined by commas.
settings_of() {
    case $1 in
    vgg16) echo '--format=default --format=channels_last' ;;
    small) echo '--format=default --format=channels_last --format=channels_last,--compile' ;;
    *) echo '--format=default --compile' ;;
    esac
}

run_case() {
    local name=$1 interpreter setting round
    begin_run "$name" || [ "${flag[check]}" = 1 ] || return 0
    adah_step "$name" --dump "$running/$name"
    for interpreter in "${python[@]}"; do
        echo "check: $name, $interpreter" >&2
        attempt torch_step "$interpreter" "$running/$name" "$lines" --check
    done
    for ((round = 0; round < option[rounds] && !flag[check]; round++)); do
        echo "$name, round $((round + 1)) of ${option[rounds]}" >&2
        adah_step "$name" | tee -a "$lines"
        for interpreter in "${python[@]}"; do
            for setting in $(settings_of "$name"); do
                # shellcheck disable=SC2086
                attempt torch_step "$interpreter" "$running/$name" "$lines" ${setting//,/ }
            done
        done
    done
    rm -r "${running:?}/$name"
    [ "${flag[check]}" = 1 ] || end_run
}

# VGG-16's layers as adah runs them, beside bare oneDNN primitives and beside bfloat16, which no --isa has.
run_primitives() {
    local round setting settings=('' --bf16)
    [ -z "${option[isa]}" ] || settings=('')
    begin_run primitives || return 0
    for ((round = 0; round < option[rounds]; round++)); do
        "${measure[@]}" "${option[build]}/bench_primitives" --batch 32 --runs 3 --json | tee -a "$lines"
        "${measure[@]}" "${option[build]}/bench_layers" --json | tee -a "$lines"
        for setting in "${settings[@]}"; do
            # shellcheck disable=SC2086
            "${measure[@]}" "${option[build]}/bench_layers" --infer --json $setting | tee -a "$lines"
        done
    done
    end_run
}

if [ "${flag[render]}" = 0 ] && [ "${flag[check]}" = 0 ] && [[ " ${option[cases]} " == *' vgg16 '* ]]; then
    layers vgg16 "${option[threads]}" --network vgg16
    run_primitives
fi
if [ "${flag[render]}" = 0 ]; then
    find_pythons
    for name in ${option[cases]}; do
        run_case "$name"
    done
fi
[ "${flag[check]}" = 1 ] || render
[ "$n_failed" = 0 ] || exit 1
