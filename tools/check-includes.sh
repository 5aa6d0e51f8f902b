#!/usr/bin/env bash
# check-includes.sh - keeps the house in order: which module may include which, no files in a circle, who may see oneDNN and OpenBLAS,
# no file name twice, no long file without a reason.
#
#   base <- plugins, nn, codes, text;  codes <- index, eval;  plugins <- data;  text <- backbones;  index sees how data splits words
#   nn <- settings <- files <- backbones <- paper <- input <- rivals <- learn <- api
#   src/methods.c, the table, sees what its rows name; programs and server use adah.h alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
n_faults=0
fault() {
    echo "$1" >&2
    n_faults=$((n_faults + 1))
}

declare -A may=(
    [base]="base"
    [nn]="base nn"
    [plugins]="base plugins adah/adah.h"
    [codes]="base codes"
    [index]="base codes index data/word_splitter.h data/string_table.h"
    [eval]="base codes eval"
    [data]="base plugins data"
    [text]="base text"
    [settings]="base nn settings"
    [files]="base nn plugins settings files"
    [backbones]="base nn text settings files backbones"
    [paper]="base nn settings backbones paper"
    [input]="base nn data settings files backbones paper input"
    [rivals]="base nn plugins settings backbones paper/network.h input/pair_set.h rivals"
    [learn]="base nn settings files backbones paper input rivals learn"
    [methods.c]="settings/method.h paper/network.h learn/batch_loss.h"
    [api]="base nn codes index eval data settings files backbones paper rivals input learn api"
)

n_includes=0
for file in src/*.[ch] src/*/*.[ch] src/*/*/*.[ch]; do
    module=${file#src/}
    module=${module%%/*}
    if [ -z "${may[$module]-}" ]; then
        fault "$file: src/$module is a module that this script does not know"
        continue
    fi
    while read -r header; do
        n_includes=$((n_includes + 1))
        case " ${may[$module]} " in
        *" ${header%%/*} "* | *" $header "*) ;;
        *) fault "$file: includes \"$header\"; src/$module may include ${may[$module]}" ;;
        esac
    done < <(sed -n 's/^#include "\(.*\)"$/\1/p' "$file")
done
[ "$n_includes" -gt 0 ] || fault "no includes found: is this the source tree?"

# Files do not include each other in a circle. A .c and its .h count as one, and so do headers without a .c of their own whose names go
# on from that of another (graph_internal.h: graph).
owner_of() {
    local unit=$1
    while [ ! -f "$unit.c" ] && [[ ${unit##*/} == *_* ]] && [ -f "${unit%_*}.h" ]; do
        unit=${unit%_*}
    done
    echo "$unit"
}
declare -A owner
while IFS= read -r file; do
    unit=${file%.?}
    owner[$unit]=$(owner_of "$unit")
done < <(find src -name '*.[ch]')
circles=$(grep -rHoP '^#include "\K.*(?=\.h"$)' src --include='*.[ch]' | while IFS=: read -r file header; do
    from=${owner[${file%.?}]} to=${owner[src/$header]-}
    [ -z "$to" ] || [ "$from" = "$to" ] || echo "$from $to"
done | tsort 2>&1 >/dev/null) || true
[ -z "$circles" ] || fault "files that include each other in a circle:
$circles"

for file in cli/*.[ch] server/*.[ch]; do
    folder=${file%%/*}
    while read -r header; do
        case $folder/$header in
        cli/serve.h) ;; # the server's door
        *) [ -f "$folder/$header" ] || fault "$file: includes \"$header\"; programs include <adah/adah.h> and their own" ;;
        esac
    done < <(sed -n 's/^#include "\(.*\)"$/\1/p' "$file")
done

while read -r n_lines file; do
    if [ "$n_lines" -gt 600 ] && ! sed '/\*\//q' "$file" | grep -qi 'long because'; then
        fault "$file: $n_lines lines, and its first comment does not say what it is long because of; at most 600"
    fi
done < <(find src cli server -name '*.[ch]' -exec wc -l {} + | grep -v ' total$')

while read -r file; do
    case $file in
    src/nn/onednn/nn_onednn.c | src/nn/onednn/onednn_versions.h) ;;
    bench/bench_primitives.c) ;; # measures oneDNN itself
    *) fault "$file: includes a oneDNN header; only src/nn/onednn/nn_onednn.c and its onednn_versions.h may" ;;
    esac
done < <(grep -rlE '^#include [<"](dnnl|oneapi)' src cli server include tests bench fuzz --include='*.[ch]')

while read -r file; do
    [ "$file" = src/plugins/algebra/algebra_table.c ] ||
        fault "$file: includes a BLAS or LAPACK header; only src/plugins/algebra/algebra_table.c may"
done < <(grep -rlE '^#include [<"](cblas|lapacke|f77blas)' src cli server include tests bench fuzz --include='*.[ch]')

while read -r name; do
    fault "$name: a file name that is there more than once"
done < <(find src cli server web tests bench fuzz tools \( -path fuzz/corpus -o -path tests/files/old_models -o -path tests/backbones/text_encoders \) -prune -o -type f -printf '%f\n' |
    sort | uniq -d)

[ "$n_faults" -eq 0 ] || exit 1
echo "$n_includes includes in order"
