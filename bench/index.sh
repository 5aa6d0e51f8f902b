#!/usr/bin/env bash
# index.sh - measures adah's searches beside FAISS's binary indexes and writes docs/measured/search.md (`make bench-index`).
#
# A run is one program on one set of codes; what it measured lies in the folder RESULTS/index (environment, default: results)
# as one file of JSON lines, published when it is whole. A run whose file is there is not done again, so that larger sets can
# be added later. bench_index is there where libfaiss was found when it was built; bench_index_faiss.py runs where a Python
# virtual environment with the newest faiss-cpu is there or can be made. What is missing is told and left out.
set -euo pipefail
# Threads that wait spin for a moment and then sleep. By default they spin on, which beside any other work makes a query of
# FAISS's up to a hundred times slower; asleep at once they take longer to wake than a short search takes.
export LC_ALL=C GOMP_SPINCOUNT=20000

# ---------------------------------------------------------------- options

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$here/build
docs=$here/docs/measured
sizes='100000 1000000' bits='64 128' trained='' n_threads=$(nproc) seconds=0.5 hnsw_max=1000000
measure='' venv='' isa='' render=0 anew=0

usage() {
    cat <<END
Usage: bench/index.sh [OPTIONS]

  --sizes "N ..."     numbers of codes (default "$sizes"); 100000000 takes some hours and 24 GB of memory
  --bits "N ..."      lengths of codes (default "$bits")
  --trained "F ..."   .npy files of a model's codes, in addition to uniform codes; each serves the length it has
  --threads N         of every program (default: one a core)
  --seconds S         how long one measurement goes on (default $seconds)
  --hnsw-max N        the most codes that IndexBinaryHNSW is built for (default $hnsw_max)
  --venv DIR          a Python virtual environment with faiss-cpu and numpy (default: made in RESULTS/index)
  --isa ISA           hold adah and the newest FAISS to the instructions of avx2 or avx512, as on a processor that has no more;
                      what was measured so is kept and shown as codes of a name with ISA behind it
  --measure COMMAND   put before each measuring program, to have the machine alone
  --build DIR         where the programs are (default build)
  --docs DIR          where the document goes (default docs/measured)
  --render            no runs: only write the document
  --anew              measure the chosen sets again
Environment: RESULTS, the folder with what was measured (default: results)
END
}

wrong() {
    echo "index.sh: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --render) render=1 && shift && continue ;;
    --anew) anew=1 && shift && continue ;;
    --sizes | --bits | --trained | --threads | --seconds | --hnsw-max | --venv | --isa | --measure | --build | --docs)
        [ $# -gt 1 ] || wrong "$1 wants a value"
        ;;
    *) wrong "unknown option $1; --help lists them" ;;
    esac
    case $1 in
    --sizes) sizes=$2 ;;
    --bits) bits=$2 ;;
    --trained) trained=$2 ;;
    --threads) n_threads=$2 ;;
    --seconds) seconds=$2 ;;
    --hnsw-max) hnsw_max=$2 ;;
    --venv) venv=$2 ;;
    --isa) isa=$2 ;;
    --measure) measure=$2 ;;
    --build) build=$2 ;;
    --docs) docs=$2 ;;
    esac
    shift 2
done
unset ONEDNN_MAX_CPU_ISA DNNL_MAX_CPU_ISA FAISS_SIMD_LEVEL
case $isa in
'') ;;
avx2) export ONEDNN_MAX_CPU_ISA=AVX2 FAISS_SIMD_LEVEL=AVX2 ;;
avx512) export ONEDNN_MAX_CPU_ISA=AVX512_CORE FAISS_SIMD_LEVEL=AVX512 ;;
*) wrong "--isa is \"$isa\", expected avx2 or avx512" ;;
esac
[ -z "$isa" ] || grep -qw "${isa/avx512/avx512f}" /proc/cpuinfo || wrong "--isa $isa: this processor has no $isa"
for program in bench_index_codes bench_index_table; do
    [ -x "$build/$program" ] || wrong "$build/$program is not there; \"make bench-index\" builds it"
done
work=${RESULTS:-$here/results}/index
mkdir -p "$work" "$docs"
running=$(mktemp -d "$work/running-XXXXXX")
trap 'rm -rf "$running"' EXIT

# ---------------------------------------------------------------- the programs

programs=(bench_index bench_index_faiss.py)
declare -A command
if [ -x "$build/bench_index" ]; then
    command[bench_index]=$build/bench_index
elif [ "$render" = 0 ]; then
    echo "index.sh: LEFT OUT: adah and the installed FAISS: libfaiss was not found when the programs were built" >&2
fi

# The newest faiss-cpu, in an environment of its own.
find_python() {
    if [ -z "$venv" ]; then
        venv=$work/venv
        [ -x "$venv/bin/python" ] || python3 -m venv "$venv" >"$running/log" 2>&1 || return 1
        "$venv/bin/python" -c 'import faiss' 2>/dev/null ||
            "$venv/bin/pip" install --quiet faiss-cpu numpy >"$running/log" 2>&1 || return 1
    fi
    "$venv/bin/python" -c 'import faiss, numpy' >"$running/log" 2>&1
}
if [ "$render" = 0 ]; then
    if find_python; then
        command[bench_index_faiss.py]="$venv/bin/python $here/bench/bench_index_faiss.py"
    else
        echo "index.sh: LEFT OUT: the newest faiss-cpu: $(tail -1 "$running/log")" >&2
    fi
    [ "${#command[@]}" -gt 0 ] || wrong "nothing to measure with"
fi

# ---------------------------------------------------------------- the runs

plain() { tr -d '"\\\n'; } # what may stand between quotes in JSON
commit=$(git -C "$here" describe --always --dirty 2>/dev/null | plain || true)
machine=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -1 | plain || true)

# columns FILE - of a .npy matrix
columns() { head -c 128 "$1" | tr -d '\0' | sed -n "s/.*'shape': ([0-9]*, \([0-9]*\)).*/\1/p"; }

# run_set NAME SOURCE N BITS - the programs one after another on the same codes, which are made when the first one wants them
run_set() {
    local name=$1${isa:+-$isa} source=$2 n=$3 n_bits=$4 program file words
    for program in "${programs[@]}"; do
        file=$work/$name-$n_bits-$n-$program.jsonl
        [ -n "${command[$program]-}" ] || continue
        [ "$anew" = 1 ] || [ ! -s "$file" ] || continue
        if [ ! -f "$running/codes/exact.npy" ]; then
            echo "codes: $name, $n_bits bits, $n" >&2
            "$build/bench_index_codes" "$source" "$n" "$n_bits" "$running/codes"
        fi
        read -ra words <<<"$measure ${command[$program]}"
        printf '{"program":"%s","codes":"%s","commit":"%s","date":"%s","machine":"%s","cores":%d}\n' "$program" "$name" "$commit" \
            "$(date -u +%F)" "${machine:-$(uname -m)}" "$(nproc)" >"$running/run"
        if "${words[@]}" "$running/codes" "$running/lines" --threads "$n_threads" --seconds "$seconds" --hnsw-max "$hnsw_max"; then
            cat "$running/lines" >>"$running/run"
            mv "$running/run" "$file"
        else
            echo "index.sh: failed: $program on $name, $n_bits bits, $n" >&2
            n_failed=$((n_failed + 1))
        fi
    done
    rm -rf "$running/codes"
}

n_failed=0
if [ "$render" = 0 ]; then
    for n in $sizes; do
        for n_bits in $bits; do
            run_set uniform uniform "$n" "$n_bits"
            for source in $trained; do
                [ "$(columns "$source")" != $((n_bits / 8)) ] || run_set "$(basename "$source" .npy)" "$source" "$n" "$n_bits"
            done
        done
    done
fi

# ---------------------------------------------------------------- the document

# By codes, bits, number of codes, program.
mapfile -t runs < <(find "$work" -maxdepth 1 -name '*.jsonl' -printf '%f\n' |
    sed 's/^\(.*\)-\([0-9]*\)-\([0-9]*\)-\(bench_index.*\)$/\1 \2 \3 \4 &/' | sort -k1,1 -k2,2n -k3,3n -k4,4 | cut -d' ' -f5)
[ "${#runs[@]}" -gt 0 ] || wrong "nothing was measured in $work"
"$build/bench_index_table" "$docs" "${runs[@]/#/$work/}"
[ "$n_failed" = 0 ] || exit 1
