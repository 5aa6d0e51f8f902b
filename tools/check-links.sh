#!/usr/bin/env bash
# check-links.sh - holds the documents and the source together:
#   - a relative link in a document leads to a file or folder that git knows, and its #anchor to a heading of that document;
#   - a link whose text is a name in code signs, [`adah_codes_pack`](../src/codes/codes.c), leads to a file that defines the name;
#   - a path in code signs, `src/paper/attention.c`, exists (NAME stands for any name), and so do every docs/....md that a file of the source
#     names and every test that docs/method/equations.md names;
#   - README.md has fewer than 120 lines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
n_faults=0 n_links=0 n_names=0 n_paths=0
fault() {
    echo "$1" >&2
    n_faults=$((n_faults + 1))
}

# The text of a document without its indented and fenced blocks, where signs stand for themselves.
prose() { awk '/^ *```/ { fenced = !fenced; next } !fenced && !/^    / { print }' "$1"; }

# The anchors of a document, as GitHub makes them of its headings: small letters, blanks as hyphens, other signs left out.
anchors() { sed -n 's/^#\{1,6\} \(.*\)/\1/p' "$1" | sed 's/\[\([^]]*\)\]([^)]*)/\1/g' | tr 'A-Z ' 'a-z-' | LC_ALL=C.UTF-8 sed 's/[^[:alnum:]_-]//g'; }

mapfile -t documents < <(find . -name '*.md' -not -path './build*' -not -path './.git/*' -not -path './results/*' -not -path './demo-output/*' | sed 's|^\./||' | sort)
for document in "${documents[@]}"; do
    folder=$(dirname "$document")
    while IFS=$'\t' read -r text target; do
        case $target in http://* | https://* | mailto:*) continue ;; esac
        n_links=$((n_links + 1))
        path=${target%%#*} anchor=
        [[ $target != *#* ]] || anchor=${target#*#}
        file=$document
        [ -z "$path" ] || file=$folder/$path
        if [ ! -e "$file" ]; then
            fault "$document: the link to $target leads nowhere"
            continue
        fi
        [ -z "$anchor" ] || anchors "$file" | grep -qxF -- "$anchor" || fault "$document: $path has no heading for #$anchor"
        name=$(sed -n 's/^`\([A-Za-z_][A-Za-z0-9_]*\)`$/\1/p' <<<"$text")
        if [ -n "$name" ]; then
            n_names=$((n_names + 1))
            grep -qE "^[A-Za-z#].*\b$name\b *(\(|\[|\{|=|;|$)|^#define $name\b|^\} $name;|^ +$name\b *[,=]" "$file" ||
                fault "$document: $path does not define $name"
        fi
    done < <(prose "$document" | tr '\n' ' ' | grep -oE '\[[^][]*\]\([^()[:space:]]+\)' | sed -E 's/^\[([^][]*)\]\(([^()]+)\)$/\1\t\2/')
    while read -r path; do
        n_paths=$((n_paths + 1))
        [[ $path == *NAME* ]] || [ -e "$path" ] || fault "$document: there is no $path"
    done < <(prose "$document" | grep -oE '`(src|docs|include|cli|server|web|tests|tools|bench|fuzz|packaging|cmake)/[A-Za-z0-9_./-]*`' | tr -d '`' | sort -u)
done

while IFS=: read -r file path; do
    n_paths=$((n_paths + 1))
    [ -e "$path" ] || fault "$file: there is no $path"
done < <(grep -rohE --with-filename '\bdocs/[a-z/-]+\.md' src include cli server web tests bench fuzz packaging cmake tools Makefile CMakeLists.txt \
    --exclude=test_results.sh | sort -u)
while read -r name; do
    compgen -G "tests/*/$name.*" >/dev/null || fault "docs/method/equations.md: there is no test $name"
done < <(grep -oE '\btest_[a-z_]+' docs/method/equations.md | sort -u)
[ "$(wc -l <README.md)" -lt 120 ] || fault "README.md has 120 lines or more"
if [ "$n_links" -eq 0 ] || [ "$n_names" -eq 0 ] || [ "$n_paths" -eq 0 ]; then fault "no links, names or paths found: is this the source tree?"; fi
echo "$n_links links, $n_names names, $n_paths paths, $n_faults faults"
[ "$n_faults" -eq 0 ]
