#!/bin/bash
# check-texts.sh - the words of the page: every entry of web/texts.js has one text for each language, with the same {names} in it; every
# key that is used is there; every key that is there is used; and say() is never called with a key that cannot be read here.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
table=web/texts.js
n_languages=$(grep -o '{ tag: "' web/language.js | wc -l)
bad=0
complain() {
    echo "check-texts.sh: $1" >&2
    bad=1
}

# One entry a line: key TAB text TAB text ...; pieces that are joined with + are one text.
entries=$(tr '\n' ' ' <"$table" | sed -E 's/" *\+ *"//g' | grep -oP '(?<=[{,\s/])\w+: \[(\s*"(?:[^"\\]|\\.)*"\s*,?)*\]' |
    sed -E 's/^(\w+): \[ */\1\t/; s/" *, *"/"\t"/g; s/,? *\]$//')
keys=$(cut -f1 <<<"$entries" | sort)
[ "$(wc -l <<<"$keys")" = "$(grep -cE '^    \w+: \[' "$table")" ] || complain "$table: an entry is not of the form  key: [\"text\", \"text\"],"
twice=$(uniq -d <<<"$keys")
[ -z "$twice" ] || complain "$table: more than one entry for $twice"
names_in() { grep -oE '\{\w+\}' <<<"$1" | sort -u; }
while IFS=$'\t' read -r key first others; do
    IFS=$'\t' read -ra rest <<<"$others"
    [ $((1 + ${#rest[@]})) = "$n_languages" ] || complain "$table: $key has $((1 + ${#rest[@]})) texts, expected $n_languages"
    for text in "$first" "${rest[@]}"; do
        [ "$text" != '""' ] || complain "$table: $key has an empty text"
        [ "$(names_in "$text")" = "$(names_in "$first")" ] || complain "$table: $key has other {names} in another language"
    done
done <<<"$entries"

mapfile -t programs < <(find web -name '*.js' ! -name texts.js)
used=$({
    grep -ohP '\bsay\(\s*"\K\w+' "${programs[@]}"
    grep -ohP 'data-say(-[a-z-]+)?="\K\w+' web/*.html
} | sort -u)
missing=$(comm -13 <(sort -u <<<"$keys") <(echo "$used"))
[ -z "$missing" ] || complain "used, but not in $table: $(tr '\n' ' ' <<<"$missing")"
unused=$(comm -23 <(sort -u <<<"$keys") <(echo "$used"))
[ -z "$unused" ] || complain "in $table, but not used: $(tr '\n' ' ' <<<"$unused")"
others=$(grep -nP '\bsay\((?!\s*")' "${programs[@]}" | grep -v '^web/language.js:')
[ -z "$others" ] || complain "say() wants a key in quotes: $others"
[ "$bad" = 0 ] && echo "check-texts.sh: $(wc -l <<<"$keys") texts in $n_languages languages"
exit "$bad"
