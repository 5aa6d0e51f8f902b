#!/usr/bin/env bash
# test_demo.sh - the demo on generated scenes: every step is told as a command, the last ones included, and all that it names is there.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

expect 0 demo --out out --scenes --limit 120 --epochs 1
for step in synth train eval 'index create' 'search' attend; do
    check grep -qF "\$ $ADAH $step --" stdout
done
check test "$(grep -cF "\$ $ADAH search " stdout)" = 6
for made in model.safetensors index.adah report.html attended.png scenes/metadata.jsonl; do
    check test -s "out/$made"
done
check test "$(grep -c '&ldquo;red disc&rdquo;' out/report.html)" = 1

# The command that opens the page is one that serves.
page=$(grep -F "  $ADAH serve " stdout | sed 's/^ *//')
check test -n "$page"
check test "$page" = "$ADAH serve --model out/model.safetensors --index out/index.adah --images out/scenes"
$page --port 0 >served 2>served.log &
server=$!
for ((i = 0; i < 2400; i++)); do
    grep -qE 'http://[^ ]+' served && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
done
check grep -qE 'http://[^ ]+' served
kill "$server" 2>/dev/null
wait "$server"

# A network that is none is refused before anything is learned.
echo nothing >none.pth
expect 1 demo --out other --scenes --limit 120 --weights none.pth
stderr_has 'none\.pth'
check test ! -e other/model.safetensors
expect 1 demo --out other --scenes --limit 120 --weights absent.pth
stderr_has 'absent\.pth'
finish
