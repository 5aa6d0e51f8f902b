#!/usr/bin/env bash
# test_log_csv.sh - what every epoch measured, as a table.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$ADAH" synth --out scenes --count 60 --side 32 >/dev/null || exit 1
expect 0 train --data scenes --model m.safetensors --epochs 3 "${quick[@]}" --log-csv log.csv --json
cp stdout record.json
check test "$(wc -l <log.csv)" -eq 4
check test ! -e log.csv.part
check grep -q '^epoch,' log.csv
# The numbers are those of the record, column by column.
python3 - <<'LOOK' || fail "the table is not the record"
import csv, json
history = json.load(open("record.json"))["history"]
rows = list(csv.DictReader(open("log.csv")))
assert len(rows) == len(history) == 3, rows
for row, epoch in zip(rows, history):
    numbers = {name: value for name, value in epoch.items() if not isinstance(value, (dict, list))}
    assert {name for name in row if row[name] != ""} == set(numbers), (row, numbers)
    assert all(float(row[name]) == float(value) for name, value in numbers.items()), (row, numbers)
LOOK
# A place where nothing can be written is told before anything is learned.
expect 1 train --data scenes --model other.safetensors --epochs 3 "${quick[@]}" --log-csv missing/log.csv
stderr_has 'missing/log.csv: No such file or directory'
check test ! -e other.safetensors
finish
