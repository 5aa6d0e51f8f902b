#!/usr/bin/env bash
# test_taken.sh - when and where pictures were taken: told by info, kept in the index, asked for by search, kept up to date by sync.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_albums

# takeout N TIMESTAMP LATITUDE LONGITUDE - what Google's Takeout writes beside photo N.
takeout() {
    printf '{"photoTakenTime": {"timestamp": "%s"}, "geoData": {"latitude": %s, "longitude": %s}}' "$2" "$3" "$4" >"$(photo "$1").json"
}
takeout 1 1559413807 48.8584 2.2945  # 2019-06-01 18:30:07
takeout 3 1561939199 48.8600 2.3270  # 2019-06-30 23:59:59, 2.4 km away
takeout 5 1561939200 41.8902 12.4922 # 2019-07-01 00:00:00
takeout 7 1577836799 0.0 0.0         # 2019-12-31 23:59:59
takeout 9 1577836800 0.0 0.0         # 2020-01-01 00:00:00
takeout 11 nonsense 1e99 7
echo '{"date": "2018"}' >"$(photo 2 | sed 's/png$/json/')"

expect 0 info --data photos
stdout_has '^  dates:'
stdout_has '^    sidecars: 6$'
stdout_has '^  n_dates: 6'
stdout_has '^  n_places: 3'
stdout_has '^  first_date: 2018$'
stdout_has '^  last_date: 2020-01-01T00:00:00\+00:00$'
expect 0 info --data photos --json
check_json
check test "$(jq -c '[.sources.dates.sidecars, .sources.places.sidecars, .taken.n_dates, .taken.first_date]' stdout)" = '[6,3,6,"2018"]'
expect 0 info --data photos --ignore sidecars --json
check test "$(jq -c '.taken' stdout)" = '{"n_dates":0,"n_places":0}'

expect 0 train --data photos --model model.safetensors --epochs 1 --quiet "${quick[@]}"
expect 0 index sync --data photos --model model.safetensors --index i.adah --quiet
expect 0 index verify --index i.adah
query=scenes/images/scene-00003.png
# found OPTIONS... - the numbers of the photos that a search by a picture finds with these options.
found() {
    "$ADAH" search --model model.safetensors --index i.adah --image $query --to image -k 100 --json "$@" 2>stderr |
        jq -r '.[].file_name' | grep -o '[0-9][0-9]' | sort -n | tr '\n' ' '
}
check test "$(found | wc -w)" = 60
check test "$(found --after 2019-06 --before 2020)" = '01 03 05 07 '
check test "$(found --after 2019-06-01T18:30:07 --before 2019-07)" = '01 03 '
check test "$(found --after 2019-06-01T18:30:08 --before 2019-07-01)" = '03 '
check test "$(found --before 2019)" = '02 '
check test "$(found --after 2018)" = '01 02 03 05 07 09 '
check test "$(found --after 2021)" = ''
check test "$(found --near 48.8584,2.2945)" = '01 03 '
check test "$(found --near 48.8584,2.2945 --within 1)" = '01 '
check test "$(found --near 48.8584,2.2945 --within 1200 --after 2019-06-30)" = '03 05 '
check test "$(found --folder sea | wc -w)" = 30
check test "$(found --folder sea --after 2018)" = '01 03 05 07 09 '
check test "$(found --folder hill/ --after 2018)" = '02 '
# Exact together with k and with words, and told.
expect 0 search --model model.safetensors --index i.adah --image $query --to image -k 3 --after 2018 --json
check test "$(jq length stdout)" = 3
expect 0 search --model model.safetensors --index i.adah --text 'photo sea' --before 2019-06-02 --after 2019 --json
check test "$(jq -c '[.[] | [.taken, .latitude, .longitude]]' stdout)" = '[["2019-06-01T18:30:07+00:00",48.8584,2.2945]]'
expect 0 search --model model.safetensors --index i.adah --image $query --to image -k 100 --json
check test "$(jq '[.[] | select(has("taken"))] | length' stdout)" = 6

# What is not understood is said.
ask=(search --model model.safetensors --index i.adah --text sea)
expect 2 "${ask[@]}" --after 2019-13
stderr_has '--after: "2019-13" is no date: expected a year, a month, a day or a time, as 2019'
expect 2 "${ask[@]}" --before 'last year'
stderr_has '--before: "last year" is no date'
expect 2 "${ask[@]}" --after 2019-06-01T10:00Z
stderr_has '--after: expected a date without a zone'
expect 2 "${ask[@]}" --near Paris
stderr_has '--near: "Paris" is no place: expected a latitude from -90 to 90'
expect 2 "${ask[@]}" --near 91,0
stderr_has '"91,0" is no place'
expect 2 "${ask[@]}" --within 5
stderr_has '--within: it goes with --near'
expect 2 "${ask[@]}" --near 1,1 --within 0
expect 2 "${ask[@]}" --folder sky
stderr_has 'folder "sky": no record of the index lies in it'

# A date that comes, changes or goes replaces its record, without another picture being encoded.
takeout 1 1559413808 48.8584 2.2945
takeout 13 1500000000 0 0
rm "$(photo 9).json"
expect 0 index sync --data photos --index i.adah
stdout_has '0 added, 3 replaced, 0 deleted, 57 unchanged'
check test "$(found --after 2017)" = '01 02 03 05 07 13 '
check test "$(found --after 2019-06-01T18:30:08 --before 2019-06-02)" = '01 '
expect 0 index compact --index i.adah
check test "$(found --after 2017)" = '01 02 03 05 07 13 '
expect 0 index sync --data photos --index i.adah
stdout_has '0 added, 0 replaced, 0 deleted, 60 unchanged'

# Metadata tell them by keys; what is no date is told and costs no record.
head -4 scenes/metadata.jsonl | sed -e '1s/}$/, "date": "1999-12-31"}/' -e '2s/}$/, "taken": "a while ago", "lat": 200, "lon": 0}/' >scenes/head
cp -r scenes dated
mv dated/head dated/metadata.jsonl
expect 0 info --data dated
stdout_has '^n_records: 4'
stdout_has '^    metadata: 1$'
stdout_has 'dates that are not understood .*: 1; the first: "a while ago" in line 2 of dated/metadata.jsonl'
stdout_has 'places that are not understood .*: 1; the first: "200" in line 2 of dated/metadata.jsonl'
finish
