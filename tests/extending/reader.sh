# shellcheck shell=bash
# reader.sh - a data set of the format is converted, and help and messages name the format.
set -euo pipefail
mkdir source
cp -r "$SCENES/scenes/images" source
names=$(cd source/images && ls | head -2)
for name in $names; do echo "$name round a red ball"; done >source/pairs.txt
"$ADAH" convert --format pairs --from source --out pairs --queries 1 --quiet | grep -q '^pairs: 2 pairs, 1 labels$'
grep -q '"text": *"a red ball"' pairs/metadata.jsonl
"$ADAH" convert --help | grep -q '^  pairs  *an example'
! "$ADAH" convert --format other --from source --out other 2>message
grep -q "mat, coco or pairs$" message
