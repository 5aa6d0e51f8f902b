#!/usr/bin/env bash
# test_written_words.sh - a search by words finds what is written at records: labels, names of files, words that the model does not know.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_index
first=$(head -1 scenes/metadata.jsonl | sed 's/.*"file_name": "\([^"]*\)".*/\1/')
cp -r scenes other
sed -i '1s/"text": "/"text": "xylophones /' other/metadata.jsonl
expect 0 index create --force --model model.safetensors --data other --index other.adah --quiet
expect 0 index verify --index other.adah
ask=(search --model model.safetensors --index other.adah)
# A word that the model does not know, by its stem; without the list, and without such a record, there is no answer.
expect 0 "${ask[@]}" --text xylophone --json
stdout_has "\"file_name\": \"$first\""
stdout_has '"distance": null'
check test "$("$ADAH" "${ask[@]}" --text xylophone --json | jq length)" = 1
expect 1 "${ask[@]}" --text xylophone --no-words
stderr_has "none of its words is in the model's vocabulary"
expect 1 "${ask[@]}" --text zebra
stderr_has "none of its words is in the model's vocabulary"
# With others it comes first.
check test "$("$ADAH" "${ask[@]}" --text 'red xylophone' -k 1 --json 2>/dev/null | jq -r '.[0].words')" != 0
# The name of a file, whole and its number.
name=${first##*/}
check test "$("$ADAH" "${ask[@]}" --text "$name" --json 2>/dev/null | jq -r '.[0].file_name')" = "$first"
check test "$("$ADAH" "${ask[@]}" --text "${name%.*}" --json 2>/dev/null | jq -r '.[0].file_name')" = "$first"
# All that hold both words come before all that do not.
"$ADAH" "${ask[@]}" --text 'red cross' -k 200 --json >all
check test "$(jq -c '[.[].words >= 1]' all)" = "$(jq -c '[.[].words >= 1] | sort | reverse' all)"
check test "$(jq '[.[] | select(.words >= 1)] | length' all)" -gt 0
"$ADAH" "${ask[@]}" --text 'red cross' -k 200 --json --no-words >by_codes
check test "$(jq -c '[.[].distance]' by_codes)" = "$(jq -c '[.[].distance] | sort' by_codes)"
check test "$(jq -c '[.[].id] | sort' by_codes)" = "$(jq -c '[.[].id] | sort' all)"
finish
