#!/usr/bin/env bash
# apart.sh - measures how well codes tell pictures apart and classes as well, on the flickr8k photos with five captions;
# docs/measured/pictures.md has what it gave.
#
# A run is one training and two evaluations, one line of the table runs.tsv: data, seed, options of `adah train`, label mAP image
# to text and text to image, R@10 of the own partner text to image by the codes and in the fine order, the same image to text,
# distinct image codes of the queries. A run that has a line is not made again, so an interrupted script goes on where it was.
# Data is
#   five   five captions a photo to learn from, labels and pairs together
#   one    the same with one caption, that of metadata.jsonl
#   pairs  five captions, --similarity pairs
# Labels are measured with the one caption of metadata.jsonl as the text of every photo (the labels come from the other four), and
# the own partner among the query photos, with that caption.
set -euo pipefail
export LC_ALL=C OMP_WAIT_POLICY=passive

# ---------------------------------------------------------------- what is measured: edit here

shares=(0 0.2 0.5 0.75) # beside the default # of the frontier, data `five`
ablations=(                    # of the default, data `five`
    "--set n_fine=0"
    "--set picture_word_dropout=0"
    "--set picture_dropout=0"
    "--set picture_code_weight=1"
)

# ---------------------------------------------------------------- options

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=${ADAH_SHARED:-$here/../shared}
adah=$here/build/adah
weights=$shared/weights/mobilenet_v2_1.0_224.folded.safetensors
data_root=$shared/data
work=$here/results/apart
seeds="0 1 2" n_jobs=$(nproc) show=0 parts="table frontier ablations"

usage() {
    cat <<END
Usage: bench/apart.sh [OPTIONS]

Measure labels and own partners on flickr8k, 64 bits, frozen MobileNetV2, and print the tables.

  --parts "P ..."    of table, frontier, ablations (default: all)
  --seeds "S ..."    default: $seeds
  --adah FILE        the command (default: build/adah)
  --weights FILE     of mobilenet_v2 (default: in \$ADAH_SHARED/weights)
  --data-root DIR    where the data sets lie (default: \$ADAH_SHARED/data, ADAH_SHARED by default ../shared)
  --work DIR         where runs.tsv, data and cached maps go (default: results/apart)
  --jobs N           trainings at once, each on one thread (default: one a core)
  --show             no runs: only print
END
}

wrong() {
    echo "apart.sh: $1; --help lists the options" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --show) show=1 && shift && continue ;;
    --parts | --seeds | --adah | --weights | --data-root | --work | --jobs) [ $# -gt 1 ] || wrong "$1 wants a value" ;;
    *) wrong "unknown option $1" ;;
    esac
    case $1 in
    --parts) parts=$2 ;;
    --seeds) seeds=$2 ;;
    --adah) adah=$2 ;;
    --weights) weights=$2 ;;
    --data-root) data_root=$2 ;;
    --work) work=$2 ;;
    --jobs) n_jobs=$2 ;;
    esac
    shift 2
done
data=$data_root/flickr8k
if [ ! -f "$data/captions.jsonl" ] || [ ! -f "$weights" ]; then
    echo "apart.sh: SKIPPED: $data/captions.jsonl or $weights is missing" >&2
    exit 0
fi
data=$(cd "$data" && pwd)
mkdir -p "$work"
table=$work/runs.tsv
touch "$table"

# ---------------------------------------------------------------- data

# The train photos with all their captions; the queries keep the one of metadata.jsonl.
python3 "$here/bench/five_captions.py" "$data" "$work/five"

# ---------------------------------------------------------------- runs

measure() {
    local kind=$1 seed=$2 options=$3 from=$work/five similarity=labels name
    grep -qF "$kind	$seed	$options	" "$table" && return
    [ "$kind" != one ] || from=$data
    [ "$kind" != pairs ] || similarity=pairs
    name=$work/$kind.$seed.$(printf '%s' "$options" | cksum | cut -d' ' -f1)
    # shellcheck disable=SC2086 # options are words
    "$adah" train --data "$from" --model "$name.safetensors" --backbone mobilenet_v2 --weights "$weights" --seed "$seed" --bits 64 \
        --cache "$work/cache" --threads 1 --quiet --similarity $similarity $options >"$name.log" 2>&1 || {
        tail -3 "$name.log" >&2
        return 1
    }
    "$adah" eval --model "$name.safetensors" --data "$data" --cache "$work/cache" --threads 1 --json --quiet >"$name.json"
    python3 - "$name.json" "$kind" "$seed" "$options" >"$name.row" <<'END'
import json, sys
r = json.load(open(sys.argv[1]))
own, fine = r["own_partner"], r.get("own_partner_fine")
figure = lambda o, side: "%.4f" % o[side]["recall_at_10"] if o else "-"
print("\t".join(sys.argv[2:5] + ["%.4f" % r["map_image_to_text"], "%.4f" % r["map_text_to_image"],
      figure(own, "text_to_image"), figure(fine, "text_to_image"), figure(own, "image_to_text"), figure(fine, "image_to_text"),
      "%.0f" % r["distinct_codes"]["queries"]["image"]["n_distinct"]]))
END
    cat "$name.row" >>"$table" # one short write
    rm -f "$name.safetensors" "$name.row"
}

if [ "$show" = 0 ]; then
    runs=()
    for seed in $seeds; do
        for part in $parts; do
            case $part in
            table) runs+=("five|$seed|" "one|$seed|" "pairs|$seed|") ;;
            frontier) for share in "${shares[@]}"; do runs+=("five|$seed|--set picture_share=$share"); done ;;
            ablations) for options in "${ablations[@]}"; do runs+=("five|$seed|$options"); done ;;
            *) wrong "there is no part $part" ;;
            esac
        done
    done
    for run in "${runs[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$n_jobs" ]; do wait -n || true; done
        measure "${run%%|*}" "$(cut -d'|' -f2 <<<"$run")" "${run##*|}" &
    done
    wait
fi

python3 - "$table" <<'END'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    cells = line.rstrip("\n").split("\t")
    rows.setdefault((cells[0], cells[2]), []).append(cells[3:])
print("| data | options | seeds | label mAP, image to text | text to image | R@10 text to image, codes | fine order "
      "| R@10 image to text, codes | fine order | distinct codes |")
print("|---|---|---|---|---|---|---|---|---|---|")
def spread(column):
    numbers = [float(x) for x in column if x != "-"]
    if not numbers:
        return "-"
    mean = statistics.mean(numbers)
    shown = ("%.0f" % mean) if mean > 1 else ("%.3f" % mean)
    return shown + (" ± %.3f" % statistics.stdev(numbers) if len(numbers) > 1 and mean <= 1 else "")
for (kind, options), seeds in sorted(rows.items()):
    print("| %s | %s | %d | %s |" % (kind, "`%s`" % options if options else "the default", len(seeds),
                                     " | ".join(spread(column) for column in zip(*seeds))))
END
