#!/usr/bin/env bash
# test_timeline.sh - adah serve: items by date, the timeline, and searches that dates, places and folders narrow.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
make_albums
echo '{"date": "2019-06-01T10:00:00", "lat": 48.8584, "lon": 2.2945}' >"$(photo 1 | sed 's/png$/json/')"
echo '{"date": "2019-06-30"}' >"$(photo 3 | sed 's/png$/json/')"
echo '{"date": "2019-07", "lat": -33.86, "lon": 151.21}' >"$(photo 5 | sed 's/png$/json/')"
echo '{"date": "2021"}' >"$(photo 2 | sed 's/png$/json/')"
expect 0 train --data photos --model model.safetensors --epochs 1 --quiet "${quick[@]}"
expect 0 index create --data photos --model model.safetensors --index i.adah --quiet
server=
trap '[ -z "$server" ] || kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT
"$ADAH" serve --port 0 --model model.safetensors --index i.adah --images photos --token secret >started 2>log &
server=$!
for _ in $(seq 6000); do
    if grep -q '^adah: serving' started || ! kill -0 $server 2>/dev/null; then break; fi
    sleep 0.05
done
port=$(sed -n 's|^adah: serving .* on http://127.0.0.1:\([0-9]*\)/$|\1|p' started)
# ask METHOD TARGET BODY - its status in $code, its body in the file reply.
ask() {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf '%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer secret\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$2" "${#3}" "$3" >&3
    tr -d '\r' <&3 >whole
    exec 3>&-
    code=$(head -1 whole | cut -d ' ' -f 2)
    sed '1,/^$/d' whole >reply
}
# get TARGET FILTER - what the filter takes of the answer, which must be good.
get() {
    ask GET "$1" ''
    [ "$code" = 200 ] || echo "$code $(cat reply)"
    jq -c "$2" reply
}
refuses() { # TARGET FIELD WORDS
    ask GET "$1" ''
    check test "$code $(jq -r .error.field reply)" = "400 $2"
    check grep -q "$3" reply
}

check test "$(get /v1/timeline .)" = '{"n_without_date":56,"steps":[{"date":"2019-06","n":2},{"date":"2019-07","n":1},{"date":"2021-01","n":1}]}'
check test "$(get '/v1/timeline?step=year' .steps)" = '[{"date":"2019","n":3},{"date":"2021","n":1}]'
check test "$(get '/v1/timeline?step=day&folder=sea' .steps)" = '[{"date":"2019-06-01","n":1},{"date":"2019-06-30","n":1},{"date":"2019-07-01","n":1}]'
check test "$(get '/v1/timeline?label=hill&after=2020' .)" = '{"n_without_date":0,"steps":[{"date":"2021-01","n":1}]}'

check test "$(get '/v1/items?k=5' '[.n_items, (.items | length), [.items[:4][] | .taken]]')" = '[60,5,["2021","2019-07","2019-06-30","2019-06-01T10:00:00"]]'
check test "$(get '/v1/items?k=2&from=3' '[.items[] | .taken]')" = '["2019-06-01T10:00:00",null]'
check test "$(get '/v1/items?near=48.9,2.3&within=7.5' '[.items[] | [.latitude, .longitude, .has_picture]]')" = '[[48.8584,2.2945,true]]'
check test "$(get '/v1/items?near=48.9,2.3&within=4' .n_items)" = 0
check test "$(get '/v1/items?after=2019-06&before=2019-07&label=sea' .n_items)" = 2
id=$(get '/v1/items?k=1' '.items[0].id')
check test "$(get "/v1/items/$id" .taken)" = '"2021"'

check test "$(get '/v1/search?text=sea&after=2019&k=50' '.hits | length')" = 4
check test "$(get "/v1/search?id=$id&by=image&to=image&before=2020&folder=sea" '[.hits[] | .taken] | sort')" = '["2019-06-01T10:00:00","2019-06-30","2019-07"]'
ask POST /v1/search '{"text": "sea", "near": "-33.9 151.2", "within": 20, "k": 50}'
check test "$(jq -c '[.hits[] | [.taken, .latitude, .longitude]]' reply)" = '[["2019-07",-33.86,151.21]]'

refuses '/v1/search?text=sea&after=2019-02-30' after 'is no date: expected a year'
refuses '/v1/items?before=0000:00:00' before 'is no date'
refuses '/v1/items?after=2019-06-01T10:00%2B02:00' after 'without a zone'
refuses '/v1/timeline?near=north' near 'is no place: expected a latitude'
refuses '/v1/timeline?within=3' within 'goes with near alone'
refuses '/v1/timeline?near=1,1&within=0' within 'expected a number above 0'
refuses '/v1/timeline?near=1,1&within=1.2.3' within 'expected a number above 0'
refuses '/v1/items?folder=sk' folder 'no record of the index lies in it'
refuses '/v1/timeline?label=nobody' label 'no record of the index has it'
refuses '/v1/timeline?step=hour' step 'expected year, month or day'
refuses '/v1/timeline?k=3' k 'not a parameter'

# Items that are sent may have them.
ask POST /v1/items '{"items": [{"text": "sea", "taken": "1999-12-31", "latitude": 1.5, "longitude": -2}, {"text": "sea"}]}'
check test "$code" = 201
check test "$(get '/v1/items?before=2000' '[.items[] | [.taken, .latitude, .longitude]]')" = '[["1999-12-31",1.5,-2]]'
check test "$(get /v1/timeline .n_without_date)" = 57
for wrong in '"taken": "1999-13"' '"taken": 1999' '"latitude": 1.5' '"latitude": 91, "longitude": 0' '"longitude": "1", "latitude": 0'; do
    ask POST /v1/items "{\"items\": [{\"text\": \"sea\", $wrong}]}"
    check test "$code" = 400
    check grep -qE 'items\[0\].(taken|latitude|longitude) is not' reply
done
check test "$(get /v1/items .n_items)" = 62
kill -TERM $server
wait $server
server=
finish
