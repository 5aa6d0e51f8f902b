#!/usr/bin/env bash
# fuzz.sh - builds the fuzz targets with clang, sanitizers and libFuzzer and runs them one after the other (`make fuzz`).
#
# What they find lies in a folder outside the sources, DIR: inputs that reach something new in DIR/TARGET, from which the next call
# goes on, those that show a fault in DIR/TARGET.faults, what was run in DIR/runs.tsv. A fault ends a run of libFuzzer; the target
# goes on with a new one until its time is over. Exit status 1: there were faults.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${FUZZ_CORPUS:-${XDG_CACHE_HOME:-$HOME/.cache}/adah-fuzz}
build=$here/build-fuzz minutes=10 targets='' minimise=''
faults_max=20 # of a target in one call

all_targets() { for source in "$here"/fuzz/fuzz_*.c; do basename "$source" .c | sed 's/^fuzz_//'; done; }

usage() {
    cat <<END
Usage: tools/fuzz.sh [OPTIONS]

  --targets "T ..."  which (default: all: $(all_targets | xargs))
  --minutes N        how long each runs (default $minutes)
  --corpus DIR       where inputs are kept (default \$FUZZ_CORPUS, else $dir)
  --minimise         no runs: of the inputs of each target a few that reach as much, in DIR/TARGET.minimised; what is worth
                     keeping is copied to fuzz/corpus/TARGET by hand, where it becomes a test
  --build DIR        build here (default build-fuzz)
END
}

wrong() {
    echo "fuzz.sh: $1; --help lists the options" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --minimise) minimise=1 && shift && continue ;;
    --targets | --minutes | --corpus | --build) [ $# -gt 1 ] || wrong "$1 wants a value" ;;
    *) wrong "unknown option $1" ;;
    esac
    case $1 in
    --targets) targets=$2 ;;
    --minutes) minutes=$2 ;;
    --corpus) dir=$2 ;;
    --build) build=$2 ;;
    esac
    shift 2
done
[[ $minutes =~ ^[0-9]+$ ]] || wrong "--minutes $minutes is not a whole number"
read -r -d '' -a target_list <<<"${targets:-$(all_targets)}" || true
for target in "${target_list[@]}"; do
    [ -f "$here/fuzz/fuzz_$target.c" ] || wrong "there is no target $target"
done

mkdir -p "$dir"
{
    cmake -S "$here" -B "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O2 -DADAH_SANITIZE=ON \
        -DADAH_FUZZ=ON -DBUILD_TESTING=OFF
    cmake --build "$build" --parallel "$(nproc)" --target "${target_list[@]/#/fuzz_}"
} >"$dir/build.log" 2>&1 || { tail -30 "$dir/build.log" >&2 && exit 1; }

export ASAN_OPTIONS=quarantine_size_mb=16:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1

# What a target may take, and how long its inputs may be where libFuzzer's own choice is too short: into the array `limits`.
set_limits() {
    limits=(-timeout=60 -malloc_limit_mb=1024)
    case $1 in
    model) limits+=(-rss_limit_mb=4096 -max_len=40000) ;;
    http) limits+=(-rss_limit_mb=1024 -max_len=32768) ;;
    *) limits+=(-rss_limit_mb=4096) ;;
    esac
}

# One run of libFuzzer, of at most so many seconds. Adds a line to runs.tsv: target, when, runs, seconds of processor time, edges,
# inputs, faults.
run() {
    local target=$1 seconds=$2 log=$dir/$1.log status=0 used
    mkdir -p "$dir/$target" "$dir/$target.faults"
    set_limits "$target"
    TIMEFORMAT='%U %S'
    used=$({ time nice -n 10 "$build/fuzz_$target" "${limits[@]}" -max_total_time="$seconds" \
        -print_final_stats=1 -artifact_prefix="$dir/$target.faults/" "$dir/$target" "$here/fuzz/corpus/$target" >"$log" 2>&1; } 2>&1) ||
        status=$?
    awk -v target="$target" -v when="$(date -u +%FT%TZ)" -v used="$used" -v status=$status '
        match($0, /cov: [0-9]+/) { edges = substr($0, RSTART + 5, RLENGTH - 5) }
        match($0, /corp: [0-9]+/) { inputs = substr($0, RSTART + 6, RLENGTH - 6) }
        /^stat::number_of_executed_units:/ { runs = $2 }
        END { split(used, of, " "); print target, when, runs + 0, of[1] + of[2], edges + 0, inputs + 0, status != 0 }' OFS='\t' \
        "$log" >>"$dir/runs.tsv"
    return $status
}

n_faults=0
for target in "${target_list[@]}"; do
    if [ -n "$minimise" ]; then
        mkdir -p "$dir/$target" "$dir/$target.minimised"
        set_limits "$target"
        "$build/fuzz_$target" "${limits[@]}" -set_cover_merge=1 "$dir/$target.minimised" "$dir/$target" \
            "$here/fuzz/corpus/$target" >"$dir/$target.log" 2>&1 || { tail -30 "$dir/$target.log" >&2 && exit 1; }
        echo "$target: $(find "$dir/$target" -type f | wc -l) inputs, $(find "$dir/$target.minimised" -type f | wc -l) in $dir/$target.minimised"
        continue
    fi
    end=$((SECONDS + 60 * minutes)) n=0
    while [ $SECONDS -lt $end ] && [ $n -lt $faults_max ]; do
        run "$target" $((end - SECONDS)) && break
        n=$((n + 1))
        cp "$dir/$target.log" "$dir/$target.faults/log.$(date -u +%FT%TZ)"
        grep -m 1 -E 'this must be true|runtime error:|ERROR:' "$dir/$target.log" | sed "s/^/$target: /" >&2 || true
    done
    n_faults=$((n_faults + n))
done
[ -z "$minimise" ] || exit 0

awk -F '\t' -v targets="${target_list[*]}" '
    { runs[$1] += $3; cpu[$1] += $4; edges[$1] = $5; inputs[$1] = $6; faults[$1] += $7 }
    END {
        printf "%-10s %12s %12s %8s %8s %8s\n", "target", "runs", "CPU minutes", "edges", "inputs", "faults"
        for (i = 1; i <= split(targets, target, " "); i++) {
            t = target[i]
            printf "%-10s %12d %12.1f %8d %8d %8d\n", t, runs[t], cpu[t] / 60, edges[t], inputs[t], faults[t]
        }
    }' "$dir/runs.tsv"
echo "all calls together; inputs, faults and logs are in $dir"
[ $n_faults -eq 0 ]
