#!/usr/bin/env bash
# encoders.sh - measures the default with the encoders of today, a backbone and a reader of texts at a time;
# docs/measured/encoders.md has what it gave.
#
# A run is one training and one evaluation, one line of the table runs.tsv: data, encoders, bits, seed, label mAP image to text
# and text to image, R@10 of the own partner text to image by the codes and in the fine order, the same image to text. A run that
# has a line is not made again, so an interrupted script goes on where it was. Data is one of the sets of $ADAH_SHARED/data, or
#   five   flickr8k with five captions a photo to learn from, evaluated with the one caption of its metadata.jsonl
#   pairs  the same, --similarity pairs
set -euo pipefail
export LC_ALL=C OMP_WAIT_POLICY=passive

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=${ADAH_SHARED:-$here/../shared}
adah=$here/build/adah
work=$here/results/encoders
sets="labelme8 corel5k flickr8k five pairs" bits="64" seeds="0 1 2" show=0 n_threads=$(nproc)
declare -A weights texts
encoders=()

usage() {
    cat <<END
Usage: bench/encoders.sh --encoders NAME=BACKBONE:WEIGHTS[:[TEXTS][:SETTING]] ... [OPTIONS]

Train and evaluate the default with each of the encoders, and print the table.

  --encoders E ...   a name for the row, a backbone, its weights, the folder of an encoder of texts (without: a bag of words), and
                     a setting such as n_side=320; may be repeated
  --data "D ..."     of labelme8, corel5k, flickr8k, five, pairs (default: all)
  --bits "N ..."     default: $bits
  --seeds "S ..."    default: $seeds
  --adah FILE        the command (default: build/adah)
  --work DIR         where runs.tsv, data and cached maps go (default: results/encoders)
  --threads N        default: one a core
  --show             no runs: only print
END
}

wrong() {
    echo "encoders.sh: $1; --help lists the options" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --show) show=1 && shift && continue ;;
    --encoders | --data | --bits | --seeds | --adah | --work | --threads) [ $# -gt 1 ] || wrong "$1 wants a value" ;;
    *) wrong "unknown option $1" ;;
    esac
    case $1 in
    --encoders)
        name=${2%%=*} rest=${2#*=}
        [[ $2 == *=*:* ]] || wrong "--encoders wants NAME=BACKBONE:WEIGHTS[:[TEXTS][:SETTING]], not '$2'"
        IFS=: read -r backbone file folder setting <<<"$rest"
        [ -f "$file" ] || wrong "there is no file $file"
        encoders+=("$name") weights[$name]="--backbone $backbone --weights $file"
        texts[$name]="${folder:+--text-weights $folder} ${setting:+--set $setting}"
        ;;
    --data) sets=$2 ;;
    --bits) bits=$2 ;;
    --seeds) seeds=$2 ;;
    --adah) adah=$2 ;;
    --work) work=$2 ;;
    --threads) n_threads=$2 ;;
    esac
    shift 2
done
if [ ! -f "$shared/data/flickr8k/captions.jsonl" ]; then
    echo "encoders.sh: SKIPPED: there is no $shared/data/flickr8k/captions.jsonl" >&2
    exit 0
fi
shared=$(cd "$shared" && pwd)
mkdir -p "$work"
table=$work/runs.tsv
touch "$table"

measure() {
    local kind=$1 encoder=$2 n_bits=$3 seed=$4 learn asked similarity=labels name
    grep -qF "$kind	$encoder	$n_bits	$seed	" "$table" && return
    learn=$shared/data/$kind asked=$shared/data/$kind
    case $kind in
    five | pairs)
        python3 "$here/bench/five_captions.py" "$shared/data/flickr8k" "$work/five"
        learn=$work/five asked=$shared/data/flickr8k
        [ "$kind" = five ] || similarity=pairs
        ;;
    esac
    name=$work/$kind.$encoder.$n_bits.$seed
    # shellcheck disable=SC2086 # options are words
    "$adah" train --data "$learn" --model "$name.safetensors" ${weights[$encoder]} ${texts[$encoder]} --seed "$seed" \
        --bits "$n_bits" --similarity $similarity --cache "$work/cache" --threads "$n_threads" --quiet >"$name.log" 2>&1 || {
        tail -3 "$name.log" >&2
        return 1
    }
    "$adah" eval --model "$name.safetensors" --data "$asked" --cache "$work/cache" --threads "$n_threads" --json --quiet >"$name.json"
    python3 - "$name.json" "$kind" "$encoder" "$n_bits" "$seed" <<'END' >>"$table"
import json, sys
r = json.load(open(sys.argv[1]))
own, fine = r["own_partner"], r.get("own_partner_fine")
figure = lambda o, side: "%.4f" % o[side]["recall_at_10"] if o else "-"
print("\t".join(sys.argv[2:6] + ["%.4f" % r["map_image_to_text"], "%.4f" % r["map_text_to_image"],
      figure(own, "text_to_image"), figure(fine, "text_to_image"), figure(own, "image_to_text"), figure(fine, "image_to_text")]))
END
    rm -f "$name.safetensors"
}

if [ "$show" = 0 ]; then
    [ ${#encoders[@]} -gt 0 ] || wrong "no --encoders"
    for seed in $seeds; do for n_bits in $bits; do for kind in $sets; do for encoder in "${encoders[@]}"; do
        measure "$kind" "$encoder" "$n_bits" "$seed"
    done; done; done; done
fi

python3 - "$table" <<'END'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    cells = line.rstrip("\n").split("\t")
    rows.setdefault((cells[0], cells[1], cells[2]), []).append(cells[4:])
print("| data | encoders | bits | seeds | label mAP, image to text | text to image | R@10 text to image, codes | fine order "
      "| R@10 image to text, codes | fine order |")
print("|---|---|---|---|---|---|---|---|---|---|")
def spread(column):
    numbers = [float(x) for x in column if x != "-"]
    if not numbers:
        return "-"
    deviation = " ± %.3f" % statistics.stdev(numbers) if len(numbers) > 1 else ""
    return "%.3f" % statistics.mean(numbers) + deviation
for (kind, encoder, n_bits), seeds in sorted(rows.items(), key=lambda row: (row[0][0], int(row[0][2]), row[0][1])):
    print("| %s | %s | %s | %d | %s |" % (kind, encoder, n_bits, len(seeds), " | ".join(spread(column) for column in zip(*seeds))))
END
