#!/usr/bin/env bash
# test_serve.sh - adah serve: makes models and an index, then http_checks asks over real sockets.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
: "${HTTP_CHECKS:?the program that asks}"

make_index
train() { "$ADAH" train --data scenes --epochs 1 --quiet "${quick[@]}" "$@" >/dev/null || exit 1; }
train --model attention.safetensors --attention --seed 1
train --model plain.safetensors --no-attention
for name in attention plain; do
    "$ADAH" index create --model $name.safetensors --data scenes --index $name.adah --quiet >/dev/null || exit 1
done
check "$HTTP_CHECKS"
[ ! -s check ] || cat check
[ "$n_failed" = 0 ] || tail -5 log
# The log is one line a request, without what was searched for.
check grep -qE '^[0-9T:.-]+Z 127\.0\.0\.1 GET /v1/search 200 [0-9]+ [0-9.]+$' log
check_not grep -q 'zzyzx' log
check grep -q '{"time": "[^"]*", "client": "127.0.0.1", "method": "GET", "path": "/v1/search", "status": 200, ' log
finish
