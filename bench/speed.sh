# speed.sh - what train.sh and encode.sh share: options, a Python with the rivals, runs kept as JSON lines. They source it.
#
# A run's file is published when it is whole; one that is there is not measured again. docs/measured/speed.md is rendered from
# all that are there.
# shellcheck shell=bash disable=SC2034,SC2154
set -euo pipefail
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
self=$(basename "$0")
declare -A option=([threads]=$(nproc) [rounds]=3 [venv]='' [measure]='' [isa]='' [build]=$here/build [docs]=$here/docs/measured)
declare -A flag=([render]=0 [anew]=0 [debian]=0)

common_usage() {
    cat <<END
  --threads N         of every program (default: one a core)
  --rounds N          how often every program has its turn (default ${option[rounds]})
  --venv DIR          a Python virtual environment with $packages (default: made in RESULTS)
  --debian            Debian's python3-torch too, installed when it is missing; without this only when it is there
  --isa ISA           hold every program to the instructions of sse41, avx2 or avx512, as on a processor that has no more; kept and
                      shown beside what was measured without
  --measure COMMAND   put before each measuring program, to have the machine alone
  --build DIR         where the programs are (default build)
  --docs DIR          where the document goes (default docs/measured)
  --render            no runs: only write the document
  --anew              measure again what was measured
Environment: RESULTS, the folder with what was measured (default: results)
END
}

wrong() {
    echo "$self: $1" >&2
    exit 2
}

# Holds all programs to --isa: oneDNN and adah's own kernels, which obey the same variable (older versions of oneDNN have the second
# name), PyTorch's own kernels and the vectors it compiles, its MKL, the OpenBLAS of NumPy and of adah.
hold_isa() {
    local onednn aten mkl blas needed
    unset ONEDNN_MAX_CPU_ISA DNNL_MAX_CPU_ISA ATEN_CPU_CAPABILITY MKL_ENABLE_INSTRUCTIONS OPENBLAS_CORETYPE
    held=''
    case ${option[isa]} in
    '') return ;;
    sse41) onednn=SSE41 aten=default mkl=SSE4_2 blas=Nehalem needed=sse4_1 ;;
    avx2) onednn=AVX2 aten=avx2 mkl=AVX2 blas=Haswell needed=avx2 ;;
    avx512) onednn=AVX512_CORE aten=avx512 mkl=AVX512 blas=SkylakeX needed=avx512dq ;;
    *) wrong "--isa is \"${option[isa]}\", expected sse41, avx2 or avx512" ;;
    esac
    grep -qw "$needed" /proc/cpuinfo || wrong "--isa ${option[isa]}: this processor has no $needed"
    held="ONEDNN_MAX_CPU_ISA=$onednn DNNL_MAX_CPU_ISA=$onednn ATEN_CPU_CAPABILITY=$aten MKL_ENABLE_INSTRUCTIONS=$mkl OPENBLAS_CORETYPE=$blas"
    # shellcheck disable=SC2086,SC2163
    export $held
}

parse_options() {
    while [ $# -gt 0 ]; do
        local name=${1#--}
        if [ "$1" = --help ]; then
            usage
            exit 0
        elif [[ $1 == --* && -v flag[$name] ]]; then
            flag[$name]=1
            shift
        elif [[ $1 == --* && -v option[$name] ]]; then
            [ $# -gt 1 ] || wrong "$1 wants a value"
            option[$name]=$2
            shift 2
        else
            wrong "unknown option $1; --help lists them"
        fi
    done
    results=${RESULTS:-$here/results}
    work=$results/${self%.sh}
    n_failed=0
    mkdir -p "$work" "${option[docs]}"
    running=$(mktemp -d "$work/running-XXXXXX")
    trap 'rm -rf "$running"' EXIT
    read -ra measure <<<"${option[measure]}"
    export OMP_NUM_THREADS=${option[threads]}
    hold_isa
}

# Sets python to the Pythons that can run the rivals: that of the virtual environment with $packages (their $modules are
# looked for), made when no other was named; Debian's with python3-torch.
find_pythons() {
    python=()
    local venv=${option[venv]:-$results/speed-venv}
    if [ -z "${option[venv]}" ]; then
        # shellcheck disable=SC2086
        {
            [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
            "$venv/bin/pip" install --quiet $packages
        } >"$running/log" 2>&1 || true
    fi
    if "$venv/bin/python" -c "import ${modules// /, }" >>"$running/log" 2>&1; then
        python+=("$venv/bin/python")
    else
        echo "$self: LEFT OUT: $packages of the Python registry: $(tail -1 "$running/log")" >&2
    fi
    [ "${flag[debian]}" = 0 ] || "$here/tools/install-packages.sh" torch
    if /usr/bin/python3 -c 'import torch' 2>"$running/log"; then
        python+=(/usr/bin/python3)
    else
        echo "$self: LEFT OUT: Debian's python3-torch: $(tail -1 "$running/log")" >&2
    fi
}

plain() { tr -d '"\\\n'; } # what may stand between quotes in JSON

file_of() { echo "$work/$1${option[isa]:+-${option[isa]}}.jsonl"; }

# False: the run of this name was measured.
is_wanted() { [ "${flag[anew]}" = 1 ] || [ ! -s "$(file_of "$1")" ]; }

# begin_run NAME - sets file; false: it was measured
begin_run() {
    file=$(file_of "$1")
    lines=$running/$1.jsonl
    is_wanted "$1" || return 1
    local machine
    machine=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -1 | plain || true)
    printf '{"run":"%s","commit":"%s","date":"%s","machine":"%s","cores":%d,"isa":"%s","held":"%s"}\n' "$1" \
        "$(git -C "$here" describe --always --dirty 2>/dev/null | plain)" "$(date -u +%F)" "${machine:-$(uname -m)}" "$(nproc)" \
        "${option[isa]}" "$held" >"$lines"
}

# Runs a measuring program, which adds its lines to $lines; what fails is told and left out.
attempt() {
    if "$@" >"$running/log" 2>&1; then
        tail -1 "$running/log"
    else
        echo "$self: failed: $*: $(tail -1 "$running/log")" >&2
        n_failed=$((n_failed + 1))
    fi
}

end_run() { mv "$lines" "$file"; }

# layers NAME THREADS OPTION... - the table of bench_layers.
layers() {
    local table=$work/layers-$1${option[isa]:+-${option[isa]}}.md threads=$2
    [ "${flag[anew]}" = 1 ] || [ ! -s "$table" ] || return 0
    echo "layers, $1" >&2
    shift 2
    OMP_NUM_THREADS=$threads "${measure[@]}" "${option[build]}/bench_layers" "$@" >"$running/layers.md"
    sed -i "1s/,/${option[isa]:+, held to ${option[isa]}},/" "$running/layers.md"
    mv "$running/layers.md" "$table"
}

render() {
    python3 "$here/bench/speed_table.py" "${option[docs]}/speed.md" "$results"
    [ "$n_failed" = 0 ] || exit 1
}
