# shellcheck shell=bash
# kernel.sh - the library has the kernel, and with it a search finds what it found before.
set -euo pipefail
grep -aq 'example-kernel' "$(dirname "$(readlink -f "$ADAH")")"/libadah.so
"$ADAH" search --index "$SCENES/scenes.adah" --id 7 --to image -k 60 --json >scan.json
[ "$(grep -c '"id": ' scan.json)" = 59 ]
