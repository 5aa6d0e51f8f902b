#!/usr/bin/env bash
# results.sh - measures every method on every data set and writes docs/measured/results.md with its charts (`make results`).
#
# A run is one training: (data set, method or setting, bits, seed). What it gave lies in the folder RESULTS (environment,
# default: results) as one JSON file, published when it is whole; a run whose file is there is not done again, so an
# interrupted script goes on where it was. A run that fails is told on stderr and tried again the next time. The model is
# deleted when it is evaluated. results_table.c reads the files and writes the document; beside it goes results-runs.tsv, a
# line a run, from which the script goes on where the folder is new. Runs of an older program are not told from new ones, but
# the document names the commits: after a change of the methods measure theirs --anew.
set -euo pipefail
export LC_ALL=C OMP_WAIT_POLICY=passive

# ---------------------------------------------------------------- what is measured: edit here

data_sets=(labelme8 corel5k flickr8k wiki)
photo_sets=(labelme8 corel5k flickr8k)
all_bits=(16 32 64)
all_seeds=(0 1 2)
study_bits=32 # of all that is not a comparison of methods

# name | options of `adah train`
methods=(
    "adah |"
    "adah-paper | --preset paper"
    "cca | --method cca"
    "cmfh | --method cmfh"
    "scm-orth | --method scm-orth"
    "scm-seq | --method scm-seq"
    "stmh | --method stmh"
    "seph-km | --method seph-km"
    "seph-rnd | --method seph-rnd"
    "dcmh | --method dcmh"
    "acmr | --method acmr"
)
# The paper's parts, in the preset default and in the preset paper.
ablations=(
    "full | --attention"
    "no attention (the default) |" # below: other options behind a backbone that learns from scratch
    "attention without adversary | --attention --no-adversary"
    "random mask | --attention --set attention_mask=random"
    "soft mask in place of the threshold | --attention --set attention_mask=soft"
    "all positions averaged | --attention --set pooling=all"
)
ablations_paper=(
    "full |"
    "no attention | --no-attention"
    "attention without adversary | --no-adversary"
    "random mask | --set attention_mask=random"
    "soft mask in place of the threshold | --set attention_mask=soft"
    "all positions averaged | --set pooling=all"
)
# Parts the paper does not have, one alone changed in the preset default.
grafts=(
    "the default |"
    "without label classifier | --set classifier_weight=0"
    "without contrastive term | --set contrastive_weight=0"
    "without ranking losses | --set triplet_weight=0"
    "single words, no pairs | --set word_pairs=0"
    "no dropout, no weight decay | --set dropout=0 --set weight_decay=0"
)
# Values the paper leaves open, on the first photo set (docs/method/choices.md).
settings=(
    "the default |"
    "| --set classifier_weight=5"
    "| --attention"
    "| --attention --set attention_retrieval_weight=0"
    "| --attention --set attention_init=1"
    "| --attention --set attention_start=energy"
    "| --attention --set attention_threshold=1"
    "| --attention --set attention_threshold=0.5"
    "| --attention --set attention_threshold=0.3"
    "| --set n_image_hidden=512"
    "| --set margin=0.4"
    "| --set mean_over_active=0"
    "| --attention --set n_warmup_epochs=0"
    "| --set schedule=constant"
    "| --set dropout=0"
    "| --set dropout=0.5"
    "| --set weight_decay=0"
    "| --set weight_decay=2"
    "| --preset paper"
    "| --preset paper --set rate_attention=1e-4"
    "| --preset paper --set rate_attention=1e-4 --set n_warmup_epochs=0"
    "| --preset paper --set rate_attention=1e-3"
    "| --preset paper --set rate_attention=1e-3 --set attention_threshold=0.7"
)
# What the methods' papers print for wiki: name | bits | image to text | text to image | against what: the other view's codes or
# one code a pair
printed=(
    "cmfh | 16 | .213 | .488 | pairs"
    "cmfh | 32 | .226 | .513 | pairs"
    "cmfh | 64 | .236 | .527 | pairs"
    "scm-seq | 16 | .234 | .226 | views"
    "scm-seq | 32 | .241 | .246 | views"
    "scm-seq | 64 | .244 | .248 | views"
    "seph-km | 16 | .279 | .632 | pairs"
    "seph-km | 32 | .296 | .658 | pairs"
    "seph-km | 64 | .306 | .665 | pairs"
)

# ---------------------------------------------------------------- options

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=${ADAH_SHARED:-$here/../shared}
adah=$here/build/adah
table=
data_root=$shared/data
backbone=mobilenet_v2
weights=$shared/weights/mobilenet_v2_1.0_224.folded.safetensors
further=
docs=$here/docs/measured
n_jobs=$(nproc)
only='' bits='' seeds='' names='' groups='' render=0 anew=0

usage() {
    cat <<END
Usage: bench/results.sh [OPTIONS]

Measure all methods on all data sets, then write docs/measured/results.md. What is measured stands at the top of the script.

Options that choose a part of the runs (the document shows all that were ever made):
  --only "DATA ..."     of ${data_sets[*]}
  --bits "N ..."        of ${all_bits[*]}
  --seeds "S ..."       of ${all_seeds[*]}
  --groups "GROUP ..."  of methods ablations ablations-paper grafts settings
  --methods "NAME ..."  rows of the comparison of methods, and nothing else
  --render              no runs: only write the document
  --anew                measure the chosen runs again

Options that change the runs (they are kept apart from others):
  --backbone NAME       of the photo sets (default mobilenet_v2)
  --weights FILE        its weights; "" for none (default: of mobilenet_v2, in \$ADAH_SHARED/weights)
  --options "..."       more options of every training, for trials

Others:
  --data-root DIR       where the data sets lie (default: \$ADAH_SHARED/data, ADAH_SHARED by default ../shared)
  --docs DIR            where results.md goes (default: docs/measured)
  --adah FILE           the command (default: build/adah)
  --table FILE          results_table (default: beside the command)
  --jobs N              trainings at once, each on one thread (default: one a core)
Environment: RESULTS, the folder with what was measured (default: results)
END
}

wrong() {
    echo "results.sh: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --render) render=1 && shift && continue ;;
    --anew) anew=1 && shift && continue ;;
    --only | --bits | --seeds | --groups | --methods | --backbone | --weights | --options | --data-root | --docs | --adah | \
        --table | --jobs) [ $# -gt 1 ] || wrong "$1 wants a value" ;;
    *) wrong "unknown option $1; --help lists them" ;;
    esac
    case $1 in
    --only) only=$2 ;;
    --bits) bits=$2 ;;
    --seeds) seeds=$2 ;;
    --groups) groups=$2 ;;
    --methods) names=$2 ;;
    --backbone) backbone=$2 ;;
    --weights) weights=$2 ;;
    --options) further=$2 ;;
    --data-root) data_root=$2 ;;
    --docs) docs=$2 ;;
    --adah) adah=$2 ;;
    --table) table=$2 ;;
    --jobs) n_jobs=$2 ;;
    esac
    shift 2
done
[[ $n_jobs =~ ^[1-9][0-9]*$ ]] || wrong "--jobs is \"$n_jobs\", expected a number from 1 on"
table=${table:-$(dirname "$adah")/results_table}
for program in "$adah" "$table"; do
    [ -x "$program" ] || wrong "$program is not there; \"make results\" builds it"
done
work=${RESULTS:-$here/results}
mkdir -p "$work/runs" "$docs"
running=$(mktemp -d "$work/running-XXXXXX")
trap 'rm -rf "$running"' EXIT

# What was measured before, elsewhere perhaps: FILE, tab, the run on one line.
known_runs=$docs/results-runs.tsv
[ -f "$known_runs" ] || known_runs=/dev/null
while IFS=$'\t' read -r file line; do
    [ -n "$line" ] && [ ! -s "$work/runs/$file" ] || continue
    printf '%s\n' "$line" >"$running/known" && mv "$running/known" "$work/runs/$file"
done <"$known_runs"

# ---------------------------------------------------------------- the plan, in the order of work

# The fields of every run that the document wants, one array each.
run_group=() run_data=() run_bits=() run_seed=() run_name=() run_options=() run_file=()
declare -A evaluated # files of runs that are measured on the queries, too

# split "NAME | REST" - into `name` and `rest`, without the blanks around
split() {
    [[ $1 =~ ^\ *([^|]*[^| ])?\ *\|\ *(.*)$ ]] || wrong "a row without |: $1"
    name=${BASH_REMATCH[1]} rest=${BASH_REMATCH[2]}
}

# add GROUP DATA BITS SEED "NAME | OPTIONS" [OPTIONS BEFORE]
add() {
    local group=$1 data=$2 n_bits=$3 seed=$4 before=${6-} name rest options file
    split "$5"
    options=$before${before:+${rest:+ }}$rest
    file=$options${further:+ $further}
    file=${file:-default}
    file=${file//[^A-Za-z0-9=.-]/_}
    [ "$data" = wiki ] || file=$backbone-$file
    file=$data-$n_bits-$seed-$file.json
    run_group+=("$group") run_data+=("$data") run_bits+=("$n_bits") run_seed+=("$seed")
    run_name+=("${name:-$options}") run_options+=("$options") run_file+=("$file")
    [ "$group" != methods ] || evaluated[$file]=1
}

# add_methods BITS SEED
add_methods() {
    local data row
    for data in "${data_sets[@]}"; do
        for row in "${methods[@]}"; do add methods "$data" "$1" "$2" "$row"; done
    done
}

# add_study GROUP OPTIONS "DATA ..." ROW... - all seeds
add_study() {
    local group=$1 before=$2 sets seed data row
    read -ra sets <<<"$3"
    shift 3
    for seed in "${all_seeds[@]}"; do
        for data in "${sets[@]}"; do
            for row; do add "$group" "$data" "$study_bits" "$seed" "$row" "$before"; done
        done
    done
}

[ "$backbone" != small ] || ablations[1]="no attention | --no-attention"
for seed in "${all_seeds[@]}"; do add_methods "$study_bits" "$seed"; done
add_study ablations "" "${photo_sets[*]}" "${ablations[@]}"
add_study ablations-paper "--preset paper" "${photo_sets[*]}" "${ablations_paper[@]}"
for seed in "${all_seeds[@]}"; do
    for n in "${all_bits[@]}"; do
        [ "$n" = "$study_bits" ] || add_methods "$n" "$seed"
    done
done
add_study grafts "" "${photo_sets[*]}" "${grafts[@]}"
add_study settings "" "${photo_sets[0]}" "${settings[@]}"

# known "WHAT" "CHOSEN ..." ALL... - a choice of nothing that there is would silently do nothing
known() {
    local what=$1 chosen=$2 one
    shift 2
    for one in $chosen; do
        [[ " $* " == *" $one "* ]] || wrong "$what \"$one\", expected one of $*"
    done
}
known --only "$only" "${data_sets[@]}"
known --bits "$bits" "${all_bits[@]}"
known --seeds "$seeds" "${all_seeds[@]}"
known --groups "$groups" methods ablations ablations-paper grafts settings
method_names=()
for row in "${methods[@]}"; do split "$row" && method_names+=("$name"); done
known --methods "$names" "${method_names[@]}"
[ -z "$names" ] || groups=methods

# is_in "CHOSEN ..." VALUE - nothing chosen is everything
is_in() { [ -z "$1" ] || [[ " $1 " == *" $2 "* ]]; }

# ---------------------------------------------------------------- data

declare -A folder # of a data set; "" where it is not to be had

# find_data DATA - sets its folder; wiki's file is converted once
find_data() {
    local data=$1
    folder[$data]=$data_root/$data
    [ ! -f "$data_root/$data/metadata.jsonl" ] || return 0
    folder[$data]=$work/wiki
    if [ "$data" = wiki ] && [ -f "$data_root/wiki/wikiData.mat" ]; then
        [ ! -d "$work/wiki" ] || return 0
        "$adah" convert --quiet --format mat --from "$data_root/wiki/wikiData.mat" --out "$running/wiki" >/dev/null &&
            mv "$running/wiki" "$work/wiki" && return 0
    fi
    folder[$data]=
    echo "results.sh: no data set in $data_root/$data: its runs are left out" >&2
}

# backbone_options DATA - into the array `given`
backbone_options() {
    given=()
    [ "$1" != wiki ] || return 0
    given+=(--backbone "$backbone")
    [ -z "$weights" ] || given+=(--weights "$weights")
}

# A frozen backbone's feature maps are cached, so that no run's time has them.
make_features() {
    local data=$1 words
    backbone_options "$data"
    read -ra words <<<"$further"
    echo "feature maps of $data" >&2
    "$adah" train --quiet --data "${folder[$data]}" --model "$running/$data" "${given[@]}" "${words[@]}" --epochs 1 >"$running/log" 2>&1 &&
        "$adah" eval --quiet --data "${folder[$data]}" --model "$running/$data" >"$running/log" 2>&1 ||
        echo "results.sh: no feature maps of $data: $(tail -1 "$running/log")" >&2
    rm -f "$running/$data"
}

# ---------------------------------------------------------------- one run

plain() { tr -d '"\\\n'; } # what may stand between quotes in JSON
version=$("$adah" --version | head -1 | plain)
commit=$(git -C "$here" describe --always --dirty 2>/dev/null | plain || true)
machine=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -1 | plain || true)
TIMEFORMAT='%U,%S'

# measure N_RUN - makes a run's file; 1 when that failed, with the reason in the file's .log
measure() {
    local data=${run_data[$1]} n_bits=${run_bits[$1]} seed=${run_seed[$1]} file=${run_file[$1]} words
    local part=$running/${file%.json} also=()
    read -ra words <<<"${run_options[$1]} $further"
    backbone_options "$data"
    # n_fine=0: all bits are about the class, which label mAP asks for, as those of all other methods are.
    { time "$adah" train --quiet --json --threads 1 --data "${folder[$data]}" --model "$part.model" --bits "$n_bits" \
        --set n_fine=0 --seed "$seed" "${given[@]}" "${words[@]}" >"$part.train" 2>"$part.log"; } 2>"$part.seconds" || return 1
    echo null >"$part.eval"
    if [ -n "${evaluated[$file]-}" ]; then
        [[ ${run_options[$1]} != *acmr* ]] || also+=(--real)
        [ "$data" != wiki ] || also+=(--pairs)
        "$adah" eval --quiet --json --threads 1 --data "${folder[$data]}" --model "$part.model" "${also[@]}" >"$part.eval" \
            2>"$part.log" || return 1
    fi
    rm -f "$part.model"
    {
        printf '{"version":"%s","commit":"%s","date":"%s","machine":"%s","cores":%d,\n' "$version" "$commit" "$(date -u +%F)" \
            "${machine:-$(uname -m)}" "$(nproc)"
        printf '"train_seconds":[%s],"train":%s,\n"eval":%s}\n' "$(tail -1 "$part.seconds")" "$(cat "$part.train")" \
            "$(cat "$part.eval")"
    } >"$part.json"
    "$table" --shorten "$part.json" >"$part.run" 2>"$part.log" || return 1
    mv "$part.run" "$work/runs/$file"
}

# ---------------------------------------------------------------- all runs

todo=()
declare -A seen
for i in "${!run_file[@]}"; do
    if is_in "$only" "${run_data[$i]}" && is_in "$bits" "${run_bits[$i]}" && is_in "$seeds" "${run_seed[$i]}" &&
        is_in "$groups" "${run_group[$i]}" && is_in "$names" "${run_name[$i]}" && [ -z "${seen[${run_file[$i]}]-}" ]; then
        seen[${run_file[$i]}]=1
        [ "$render" = 1 ] || { [ "$anew" = 0 ] && [ -s "$work/runs/${run_file[$i]}" ]; } || todo+=("$i")
    fi
done

# Each job is a process group of its own, which ends with the script.
set -m
stop() {
    local group
    trap '' INT TERM
    for group in $(jobs -p); do kill -- "-$group" 2>/dev/null || true; done
    wait
    echo "results.sh: stopped; the next call goes on" >&2
    exit 130
}
trap stop INT TERM

for data in "${data_sets[@]}"; do
    for i in "${todo[@]}"; do
        [ "${run_data[$i]}" = "$data" ] || continue
        find_data "$data"
        [ "$data" = wiki ] || [ -z "${folder[$data]}" ] || make_features "$data"
        break
    done
done

n_started=0
for i in "${todo[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$n_jobs" ]; do wait -n || true; done
    n_started=$((n_started + 1))
    what="${run_data[$i]}, ${run_group[$i]}: ${run_name[$i]}, ${run_bits[$i]} bits, seed ${run_seed[$i]}"
    if [ -z "${folder[${run_data[$i]}]}" ]; then
        echo "$what" >>"$running/failed"
        continue
    fi
    echo "[$n_started/${#todo[@]}] $what" >&2
    {
        trap 'exit 1' TERM
        measure "$i" || {
            echo "results.sh: failed: $what: $(tail -1 "$running/${run_file[$i]%.json}.log")" >&2
            echo "$what" >>"$running/failed"
            rm -f "$running/${run_file[$i]%.json}.model"*
        }
    } &
done
wait

# ---------------------------------------------------------------- the document

{
    printf 'backbone\t%s\n' "$backbone"
    for row in "${printed[@]}"; do
        read -r name _ n _ image_to_text _ text_to_image _ against <<<"$row"
        printf 'printed\twiki\t%s\t%s\t%s\t%s\t%s\n' "$n" "$name" "$image_to_text" "$text_to_image" "$against"
    done
    for i in "${!run_file[@]}"; do
        printf 'run\t%s\t%s\t%s\t%s\t%s\t%s\n' "${run_group[$i]}" "${run_data[$i]}" "${run_bits[$i]}" "${run_name[$i]}" \
            "${run_options[$i]}" "$work/runs/${run_file[$i]}"
    done
} >"$running/plan"
"$table" "$running/plan" "$docs"
{
    cut -f1 "$known_runs"
    printf '%s\n' "${run_file[@]}"
} | sort -u | while read -r file; do
    [ ! -s "$work/runs/$file" ] || printf '%s\t%s\n' "$file" "$("$table" --shorten "$work/runs/$file")"
done >"$running/runs"
mv "$running/runs" "$docs/results-runs.tsv"
if [ -s "$running/failed" ]; then
    echo "results.sh: $(wc -l <"$running/failed") of ${#todo[@]} runs failed; the next call tries them again" >&2
    exit 1
fi
