#!/usr/bin/env bash
# extras.sh - measures settings that the preset default does not use against that preset, without a look at the queries;
# docs/measured/extras.md has what it gave. results.sh measures what is in the presets.
#
# A run is one training, one line of the table runs.tsv or several: what, data set, seed, options of `adah train`, bits, mAP
# image to text and text to image, processor seconds. A run that has a line is not made again, so an interrupted script goes
# on where it was. What is
#   validation  the mAP of the best epoch on the validation part of the training, by which the training itself chooses that
#               epoch; the final epochs, which come after the choice, are left out;
#   held-out    for the shorter codes of a model, which no training validates: every eighth training record is a query, the
#               others are learned from and are the database.
set -euo pipefail
export LC_ALL=C OMP_WAIT_POLICY=passive

# ---------------------------------------------------------------- what is measured: edit here

default="" # no options: what the rows are compared with
rows=(
    "--set proxy_weight=20 --set proxy_temperature=0.2"
    "--set graded_similarity=1"
    "--set quantisation_weight=1"
    "--set balance_weight=5"
    "--set mining=semi-hard"
    "--set n_bank=1024"
)
alone=("--bits 16" "--bits 32")
nested="--bits 64 --set nested_bits=16" # its first bits are compared with those

# ---------------------------------------------------------------- options

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=${ADAH_SHARED:-$here/../shared}
adah=$here/build/adah
data_root=$shared/data
weights=$shared/weights/mobilenet_v2_1.0_224.folded.safetensors
work=$here/results/extras
only="labelme8 flickr8k" seeds="0 1 2" n_jobs=$(nproc) show=0

usage() {
    cat <<END
Usage: bench/extras.sh [OPTIONS] [ROW...]

Measure settings against the preset default, on frozen MobileNetV2, and print what each gains, seed by seed.
A ROW is options of \`adah train\`, such as "--set n_bank=1024", in place of what stands at the top of the script.

  --only "DATA ..."  data sets (default: $only)
  --seeds "S ..."    default: $seeds
  --adah FILE        the command (default: build/adah); a setting that is no more needs an older one
  --weights FILE     of mobilenet_v2 (default: in \$ADAH_SHARED/weights)
  --data-root DIR    where the data sets lie (default: \$ADAH_SHARED/data, ADAH_SHARED by default ../shared)
  --work DIR         where the table runs.tsv and the cached feature maps go (default: results/extras)
  --jobs N           trainings at once, each on one thread (default: one a core)
  --show             no runs: only print
END
}

wrong() {
    echo "extras.sh: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --show) show=1 && shift && continue ;;
    --only | --seeds | --adah | --weights | --data-root | --work | --jobs) [ $# -gt 1 ] || wrong "$1 wants a value" ;;
    --*\ *) break ;;
    *) wrong "unknown option $1; --help lists them" ;;
    esac
    case $1 in
    --only) only=$2 ;;
    --seeds) seeds=$2 ;;
    --adah) adah=$2 ;;
    --weights) weights=$2 ;;
    --data-root) data_root=$2 ;;
    --work) work=$2 ;;
    --jobs) n_jobs=$2 ;;
    esac
    shift 2
done
[ $# = 0 ] || { rows=("$@") && alone=() && nested=; }
[[ $n_jobs =~ ^[1-9][0-9]*$ ]] || wrong "--jobs is \"$n_jobs\", expected a number from 1 on"
[ -x "$adah" ] || wrong "$adah is not there; \"make\" builds it"
for data in $only; do [ -f "$data_root/$data/metadata.jsonl" ] || wrong "there is no $data_root/$data/metadata.jsonl"; done
mkdir -p "$work"
table=$work/runs.tsv
touch "$table"
running=$(mktemp -d "$work/running-XXXXXX")
trap 'rm -rf "$running"' EXIT

# ---------------------------------------------------------------- one run

# learn FOLDER SEED "OPTIONS" - makes $part.model and $part.json
learn() {
    local words
    read -ra words <<<"$3"
    TIMEFORMAT='%U %S'
    { time "$adah" train --quiet --json --threads 1 --data "$1" --model "$part.model" --seed "$2" --cache "$work/cache" \
        --backbone mobilenet_v2 --weights "$weights" "${words[@]}" >"$part.json" 2>"$part.log"; } 2>"$part.seconds"
}

# add_line WHAT DATA SEED "OPTIONS" BITS FILE FILTER - the filter finds both mAP in a file
add_line() {
    local maps seconds
    maps=$(jq -er "$7 | @tsv" "$6" 2>>"$part.log") || return 1
    seconds=$(awk 'END { printf "%.0f", $1 + $2 }' "$part.seconds")
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "${@:1:5}" "$maps" "$seconds"
}

# validation DATA SEED "OPTIONS"
validation() {
    # shellcheck disable=SC2016 # $best is jq's
    learn "$data_root/$1" "$2" "$3 --set n_final_epochs=0" &&
        add_line validation "$1" "$2" "$3" 32 "$part.json" '.best_epoch as $best | .history[] | select(.epoch == $best) |
            [.validation_map_image_to_text, .validation_map_text_to_image]' >>"$table"
}

# The training records of a data set, an eighth of them as queries.
cut_off() {
    [ ! -d "$work/$1" ] || return 0
    mkdir "$running/$1"
    ln -s "$(cd "$data_root/$1/images" && pwd)" "$running/$1/images"
    jq -c 'select(.split != "query")' "$data_root/$1/metadata.jsonl" |
        awk 'NR % 8 == 0 { sub(/"split":"train"/, "\"split\":\"query\"") } 1' >"$running/$1/metadata.jsonl"
    mv "$running/$1" "$work/$1"
}

# held-out DATA SEED "OPTIONS" - all lengths of a model, then their lines at once
held-out() {
    local bits lengths model=$part.model
    read -r _ bits _ <<<"$3"
    lengths=$bits
    [[ $3 != *nested_bits=16* ]] || lengths="16 32 $bits"
    learn "$work/$1" "$2" "$3" || return 1
    for n in $lengths; do
        [ "$n" = "$bits" ] || { model=$part.short && "$adah" shorten --model "$part.model" --bits "$n" --out "$model"; } || return 1
        [ "$n" != "$bits" ] || model=$part.model
        "$adah" eval --quiet --json --threads 1 --data "$work/$1" --model "$model" --cache "$work/cache" >"$part.eval" &&
            add_line held-out "$1" "$2" "$3" "$n" "$part.eval" '[.map_image_to_text, .map_text_to_image]' >>"$part.lines" || return 1
    done >"$part.log" 2>&1
    cat "$part.lines" >>"$table"
}

# ---------------------------------------------------------------- all runs

# start WHAT DATA SEED "OPTIONS" - when a job is free, in a process group that ends with the script
start() {
    ! cut -f1-4 "$table" | grep -qxF -- "$1"$'\t'"$2"$'\t'"$3"$'\t'"$4" || return 0
    while [ "$(jobs -rp | wc -l)" -ge "$n_jobs" ]; do wait -n || true; done
    n_started=$((n_started + 1))
    echo "$1, $2, seed $3, ${4:-the default}" >&2
    {
        part=$running/$n_started
        "$1" "$2" "$3" "$4" || echo "extras.sh: failed: $1, $2, seed $3, $4: $(tail -1 "$part.log")" >&2
        rm -f "$part".*
    } &
}

set -m
stop() {
    local group
    trap '' INT TERM
    for group in $(jobs -p); do kill -- "-$group" 2>/dev/null || true; done
    wait
    echo "extras.sh: stopped; the next call goes on" >&2
    exit 130
}
trap stop INT TERM

n_started=0
for data in $only; do
    [ "$show" = 0 ] || break
    [ -z "$nested" ] || cut_off "$data"
    for seed in $seeds; do
        for row in "$default" "${rows[@]}"; do start validation "$data" "$seed" "$row"; done
        for row in "${alone[@]}" ${nested:+"$nested"}; do start held-out "$data" "$seed" "$row"; done
    done
done
wait

# ---------------------------------------------------------------- what it gave

# Mean of both directions: a row's gain over what it is compared with (the default, or codes learned at that length alone).
sort "$table" | awk -F'\t' -v seeds="$seeds" '
    { map[$1, $2, $3, $4, $5] = ($6 + $7) / 2; row[$1 FS $2 FS $4 FS $5] = 1 }
    END {
        n_seeds = split(seeds, seed, " ")
        for (key in row) {
            split(key, k, FS)
            base = k[1] == "validation" ? "" : "--bits " k[4]
            n = sum = squares = base_sum = 0
            each = ""
            for (i = 1; i <= n_seeds; i++) {
                if (!((k[1], k[2], seed[i], k[3], k[4]) in map) || !((k[1], k[2], seed[i], base, k[4]) in map)) continue
                gain = map[k[1], k[2], seed[i], k[3], k[4]] - map[k[1], k[2], seed[i], base, k[4]]
                base_sum += map[k[1], k[2], seed[i], base, k[4]]
                n++; sum += gain; squares += gain * gain
                each = each sprintf(" %+.4f", gain)
            }
            if (!n) continue
            variance = n > 1 ? (squares - sum * sum / n) / (n - 1) : 0
            printf "%-10s %-8s %2d bits  %-52s mAP %.4f  gain %+.4f ± %.4f of%s\n", k[1], k[2], k[4], k[3], (base_sum + sum) / n,
                sum / n, sqrt(variance > 0 ? variance : 0), each
        }
    }' | sort
