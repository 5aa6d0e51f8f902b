# shellcheck shell=bash
# http_parameter.sh - with skip=2 a search gives the third hit and those after it; the limits hold, and /openapi.json tells of it.
set -euo pipefail
"$ADAH" serve --model "$SCENES/model.safetensors" --index "$SCENES/scenes.adah" --port 0 --log none >started 2>stderr &
server=$!
trap 'kill $server; wait $server' EXIT
for _ in $(seq 2400); do
    if grep -q '^adah: serving' started || ! kill -0 $server 2>/dev/null; then break; fi
    sleep 0.05
done
port=$(sed -n 's|^adah: serving .*:\([0-9]*\)/$|\1|p' started)

# get TARGET - the answer with its head.
get() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
    cat <&3
    exec 3>&-
}
ids() { grep -oE '\{"id": [0-9]+' | tr -dc '0-9\n'; }
all=$(get '/v1/search?text=red&k=5' | ids)
rest=$(get '/v1/search?text=red&k=3&skip=2' | ids)
[ "$(wc -l <<<"$all")" = 5 ] && [ "$rest" = "$(tail -3 <<<"$all")" ]
get '/v1/search?text=red&skip=1001' | grep -q 'skip is \\"1001\\", expected a whole number from 0 to 1000'
[ "$(get /openapi.json | grep -c '"name": "skip"')" = 2 ]
