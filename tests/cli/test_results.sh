#!/usr/bin/env bash
# test_results.sh - bench/results.sh: it measures, goes on where it was, tells what failed, and the document has it all.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
script=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/bench/results.sh
table=${ADAH_BUILD_DIR:-.}/results_table
if [ ! -x "$table" ]; then
    echo "results_table is not built (ADAH_BENCH=ON builds it): skipped"
    exit 77
fi

mkdir data
"$ADAH" synth --out data/labelme8 --count 80 --side 32 >/dev/null || exit 1
export RESULTS=$work/results

# results CODE ARGUMENTS... - a trial of one epoch
results() {
    local wanted=$1 got
    shift
    n_checks=$((n_checks + 1))
    "$script" --adah "$ADAH" --table "$table" --data-root data --docs docs --backbone small --weights "" \
        --options "--epochs 1 --set n_side=16" "$@" >stdout 2>stderr
    got=$?
    [ "$got" -eq "$wanted" ] || fail "exit code $got, expected $wanted: results.sh $*"
    cp docs/results.md stdout 2>/dev/null
}

# Nothing was measured yet.
results 0 --render
stdout_has '^\*\*0 of [0-9]+ runs have been made'
stdout_lacks '^\|' # no table without a row

# Two methods, two seeds at 32 bits.
results 0 --only labelme8 --bits 32 --seeds "0 1" --methods "adah acmr"
stdout_has '^\*\*4 of [0-9]+ runs have been made'
stdout_has '^\| adah \| (\*\*)?\.[0-9]{3} ± \.[0-9]{3}(\*\*)? \(2 of 3\) \|'
stdout_has '^\| acmr, real-valued, by cosine \| \.[0-9]{3} ± '
stdout_has '^The own partner among the first 10 '
check test "$(grep -cE '^\| adah \|' docs/results.md)" = 2
stdout_has '^\| labelme8 \| [0-9]+ \| [0-9]+ \| [0-9]+ \| [0-9]+ \| [0-9]+ \| [0-9a-f]{32} \|$'
stdout_lacks '^\| (cca|seph-km) \|' # no row without a figure
stdout_lacks '^### Parts' # nothing to compare the default with
stderr_has '^\[4/4\] '
check grep -q '<rect .*fill="#2f6fb3"' docs/results-labelme8.svg
file=$(find results/runs -name 'labelme8-32-0-small-*acmr*')
check test -s "$file"

# The mean is that of the two runs, in other words.
if command -v python3 >/dev/null; then
    cat >mean.py <<'PYTHON'
import glob, json, re, statistics
maps = [json.load(open(f))["eval"]["map_text_to_image"] for f in glob.glob("results/runs/*acmr*")]
row = next(line for line in open("docs/results.md") if line.startswith("| acmr |")).replace("*", "").split("|")
mean, deviation = map(float, re.match(r" (\S+) ± (\S+) \(2 of 3\)", row[3]).groups())
assert len(maps) == 2 and abs(mean - statistics.mean(maps)) < 6e-4, (mean, maps)
assert abs(deviation - statistics.stdev(maps)) < 6e-4, (deviation, maps)
recalls = [json.load(open(f))["eval"]["own_partner"]["text_to_image"]["recall_at_10"] for f in glob.glob("results/runs/*acmr*")]
row = [line for line in open("docs/results.md") if line.startswith("| acmr |")][1].replace("*", "").split("|")
mean = float(row[3].split()[0])
assert len(recalls) == 2 and abs(mean - statistics.mean(recalls)) < 6e-4, (mean, recalls)
PYTHON
    check python3 mean.py
fi

# What is there is not measured again, what is gone is. The lines beside the document stand for files.
rm "$file"
results 0 --only labelme8 --bits 32 --seeds "0 1" --methods "adah acmr"
stderr_lacks '^\[1/1\]'
rm "$file"
sed -i "/^$(basename "$file")/d" docs/results-runs.tsv
results 0 --only labelme8 --bits 32 --seeds "0 1" --methods "adah acmr"
stderr_has '^\[1/1\] labelme8, methods: acmr, 32 bits, seed 0'
cp docs/results.md before.md
mv results/runs elsewhere
results 0 --render
check cmp docs/results.md before.md
for run in elsewhere/*; do check cmp "$run" "results/runs/$(basename "$run")"; done
results 0 --only labelme8 --bits 32 --seeds 0 --methods acmr --anew
stderr_has '^\[1/1\] labelme8, methods: acmr, 32 bits, seed 0'
stdout_has '^\*\*4 of [0-9]+ runs have been made'

# A study has validation figures alone.
results 0 --only labelme8 --seeds 0 --groups ablations-paper
# shellcheck disable=SC2016
stdout_has '^\| random mask, `--preset paper --set attention_mask=random` \| (\*\*)?\.[0-9]{3}'
check grep -q '"eval":null' "$(find results/runs -name '*random*')"

# A shallow method wants a frozen backbone: the run fails, the others go on, and the next call tries again.
results 1 --only labelme8 --bits 16 --seeds 0 --methods "cca dcmh"
stderr_has '^results.sh: failed: labelme8, methods: cca, 16 bits, seed 0: adah: backbone'
stderr_has '^results.sh: 1 of 2 runs failed'
stdout_has '^\| dcmh \| (\*\*)?\.[0-9]{3}'
results 1 --only labelme8 --bits 16 --seeds 0 --methods "cca dcmh"
stderr_has '^\[1/1\] '

# A data set that is not there, a name that is none.
results 1 --only corel5k --bits 16 --seeds 0 --methods adah
stderr_has '^results.sh: no data set in data/corel5k'
results 2 --only corel
stderr_has '^results.sh: --only "corel", expected one of labelme8'
results 2 --bits
stderr_has '^results.sh: --bits wants a value'

# A damaged file is named.
echo '{' >"$file"
results 1 --render
stderr_has 'results_table: .*labelme8-32-0-small-.*acmr.*, line [0-9]+: '
rm "$file"
results 0 --render

# Stopped, it takes its trainings with it.
n_before=$(find results/runs -name '*.json' | wc -l)
"$script" --adah "$ADAH" --table "$table" --data-root data --docs docs --backbone small --weights "" --jobs 1 \
    --options "--epochs 90000 --set n_side=16" --only labelme8 --seeds 0 --methods adah >stdout 2>stderr &
job=$!
for _ in $(seq 1200); do
    if [ -n "$(find results -name '*.train' | head -1)" ] || ! kill -0 "$job" 2>/dev/null; then break; fi
    sleep 0.1
done
kill "$job"
wait "$job"
check test $? -eq 130
stderr_has 'stopped; the next call goes on'
check test "$(find results/runs -name '*.json' | wc -l)" -eq "$n_before"
check test -z "$(find results -name 'running-*')"
finish
