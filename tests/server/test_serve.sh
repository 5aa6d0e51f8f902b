#!/usr/bin/env bash
# test_serve.sh - adah serve: makes models and an index, then http_checks asks over real sockets.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
: "${HTTP_CHECKS:?the program that asks}"

make_index
train() { "$ADAH" train --data scenes --epochs 1 --quiet "${quick[@]}" "$@" >/dev/null || exit 1; }
train --model attention.safetensors --attention --seed 1
train --model plain.safetensors --no-attention
train --model fine.safetensors --set n_fine=24
for name in attention plain fine; do
    "$ADAH" index create --model $name.safetensors --data scenes --index $name.adah --quiet >/dev/null || exit 1
done
# One of features: record i of 80 is of class i % 4, which is all that its vectors say.
mkdir given
put_vectors() { # N-VALUES
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (80, $1), }"
    for i in $(seq 0 79); do for d in $(seq 0 $(($1 - 1))); do if [ $d = $((i % 4)) ]; then printf '\x01'; else printf '\x00'; fi; done; done
}
put_vectors 4 >given/image.npy
put_vectors 6 >given/text.npy
for i in $(seq 0 79); do echo "{\"file_name\": \"r$i\", \"labels\": [\"c$((i % 4))\"]}"; done >given/metadata.jsonl
"$ADAH" train --data given --model given.safetensors --epochs 10 --bits 16 --threads 1 --quiet >/dev/null || exit 1
"$ADAH" index create --model given.safetensors --data given --index given.adah --quiet >/dev/null || exit 1
check "$HTTP_CHECKS"
[ ! -s check ] || cat check
[ "$n_failed" = 0 ] || tail -5 log
# The log is one line a request, without what was searched for.
check grep -qE '^[0-9T:.-]+Z 127\.0\.0\.1 GET /v1/search 200 [0-9]+ [0-9.]+$' log
check_not grep -q 'zzyzx' log
check_not env LC_ALL=C grep -aqP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' log
check grep -q '{"time": "[^"]*", "client": "127.0.0.1", "method": "GET", "path": "/v1/search", "status": 200, ' log

# HTTPS, where there is something to ask with.
if command -v openssl >/dev/null && command -v curl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1 || exit 1
    echo secret-token >token
    : >started
    "$ADAH" serve --model model.safetensors --index scenes.adah --port 0 --tls-cert cert.pem --tls-key key.pem --token-file token \
        --log none >started 2>stderr &
    server=$!
    for _ in $(seq 2400); do
        if grep -q '^adah: serving' started || ! kill -0 $server 2>/dev/null; then break; fi
        sleep 0.05
    done
    address=$(sed -n 's|^adah: serving scenes.adah on \(https://127.0.0.1:[0-9]*/\)$|\1|p' started)
    check curl -sS --fail --cacert cert.pem -o found "${address}v1/search?text=red&k=1"
    check grep -q '"hits": \[{"id"' found
    check curl -sS --fail --cacert cert.pem -X POST -H 'Authorization: Bearer secret-token' "${address}v1/reload"
    check_not curl -sS --fail "http://${address#https://}healthz"
    # A client that speaks nothing newer than 1.1 is hung up on.
    hello() { echo | openssl s_client -connect "${address#https://}" "$@" -cipher 'ALL:@SECLEVEL=0' >hello 2>&1 && grep -q '^New, TLS' hello; }
    address=${address%/}
    check hello -tls1_3
    check hello -tls1_2
    check_not hello -tls1_1
    check grep -qiE 'unexpected eof|alert' hello
    check_not hello -tls1
    check grep -qiE 'unexpected eof|alert' hello
    kill $server
    check wait $server
fi
finish
