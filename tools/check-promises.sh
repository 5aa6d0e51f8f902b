#!/usr/bin/env bash
# check-promises.sh - holds docs/inside/promises.md and the documents together. Every row there names a document, a phrase of it,
# and the test that holds the promise: the phrase must stand in the document and the test in its file. And every sentence of
# the documents and of adah.h that says "never" or "always" must be the phrase of a row or stand in the list below the
# table, of those that tell how something is computed or was measured.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
list=docs/inside/promises.md
n_faults=0 n_rows=0
fault() {
    echo "$1" >&2
    n_faults=$((n_faults + 1))
}

# A document as one line: no line breaks, no signs of a comment, single spaces.
flat() { sed 's|^ *\*/*||; s|^> ||; s|^- ||; s|^/\*||' "$1" | tr '\n' ' ' | tr -s ' '; }

declare -A text=() known=()
text_of() {
    [ -n "${text[$1]-}" ] || { [ -f "$1" ] && text[$1]=$(flat "$1"); } || text[$1]=" "
}

# | "phrase" | document | file: test |
while IFS='|' read -r _ phrase document tests _; do
    phrase=${phrase# } phrase=${phrase% } document=${document// /}
    case $phrase in '' | promise | ---*) continue ;; esac
    n_rows=$((n_rows + 1))
    text_of "$document"
    case ${text[$document]} in
    *"$phrase"*) known[$document]+=$phrase$'\n' ;;
    *) fault "$list: \"$phrase\" is not in $document" ;;
    esac
    [ -n "${tests// /}" ] || fault "$list: \"$phrase\" has no test"
    while IFS=: read -r file name; do
        file=${file// /} name=${name#"${name%%[![:space:]]*}"} name=${name%"${name##*[![:space:]]}"}
        [ -f "$file" ] || { fault "$list: there is no $file"; continue; }
        if [ -z "$name" ] || ! grep -qF -- "$name" "$file"; then fault "$list: $file has no \"$name\""; fi
    done < <(tr ';' '\n' <<<"$tests")
done < <(sed -n '/^|/p' "$list")
[ "$n_rows" -gt 0 ] || fault "$list: no rows"

# - document: sentence
while IFS= read -r line; do
    line=${line#- } document=${line%%: *}
    text_of "$document"
    case ${text[$document]} in
    *"${line#*: }"*) known[$document]+=${line#*: }$'\n' ;;
    *) fault "$list: \"${line#*: }\" is not in $document" ;;
    esac
done < <(sed -n 's/^- \([a-zA-Z/.-]*: .*\)/\1/p' "$list")

for document in README.md $(find docs -name "*.md" | sort) include/adah/*.h; do
    [ "$document" != "$list" ] || continue
    text_of "$document"
    while IFS= read -r sentence; do
        is_known=
        while IFS= read -r phrase; do
            [ -n "$phrase" ] || continue
            case $sentence in *"$phrase"*) is_known=1 ;; esac
            case $phrase in *"$sentence"*) is_known=1 ;; esac
        done <<<"${known[$document]-}"
        [ -n "$is_known" ] || fault "$document: \"$sentence\" is neither a promise with a test nor in the list of $list"
    done < <(sed 's/[.;:] /&\n/g' <<<"${text[$document]}" | sed 's/^ *//; s/ *$//' | grep -iE '\b(never|always)\b')
done
echo "$n_rows promises, $n_faults faults"
[ "$n_faults" -eq 0 ]
