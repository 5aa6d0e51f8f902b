#!/usr/bin/env bash
# test_log_csv.sh - what every epoch measured, as a table: whole after each epoch, and what stands in its place.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$ADAH" synth --out scenes --count 60 --side 32 >/dev/null || exit 1
expect 0 train --data scenes --model m.safetensors --epochs 3 "${quick[@]}" --log-csv log.csv --json
cp stdout record.json
check test "$(wc -l <log.csv)" -eq 4
check grep -q '^epoch,' log.csv
# The numbers are those of the record, column by column, and the rate.
cat >look.py <<'LOOK'
import csv, json, sys
history = json.load(open("record.json"))["history"]
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) == len(history) == 3, rows
for row, epoch in zip(rows, history):
    numbers = {name: value for name, value in epoch.items() if not isinstance(value, dict)}
    numbers.update({"loss_" + name: value for name, value in epoch["loss"].items()})
    assert epoch["loss"], epoch
    assert float(row.pop("learning_rate")) > 0
    assert {name for name in row if row[name] != ""} == set(numbers), (row, numbers)
    assert all(float(row[name]) == float(value) for name, value in numbers.items()), (row, numbers)
LOOK
check python3 look.py log.csv

# A place where nothing can be written is told before anything is learned, and so is one where a table must not be.
expect 1 train --data scenes --model other.safetensors --epochs 3 "${quick[@]}" --log-csv missing/log.csv
stderr_has 'missing/log.csv'
stderr_has 'No such file or directory'
mkdir folder
expect 1 train --data scenes --model other.safetensors --epochs 3 "${quick[@]}" --log-csv folder
stderr_has 'folder'
mkfifo pipe
expect 1 train --data scenes --model other.safetensors --epochs 3 "${quick[@]}" --log-csv pipe
stderr_has 'pipe'
ln -s . here
for place in other.safetensors ./other.safetensors here/other.safetensors "$PWD/other.safetensors.checkpoint"; do
    expect 2 train --data scenes --model other.safetensors --epochs 3 "${quick[@]}" --log-csv "$place"
    stderr_has 'cannot be the model'
done
cp m.safetensors copy.safetensors
expect 1 train --data scenes --model other.safetensors --epochs 3 "${quick[@]}" --log-csv copy.safetensors
stderr_has 'a safetensors file is there'
expect 2 train --data scenes --model copy.safetensors --epochs 3 "${quick[@]}" --log-csv here/copy.safetensors
stderr_has 'cannot be the model'
check cmp m.safetensors copy.safetensors
check test ! -e other.safetensors

# A table of before, whatever is in it, is replaced; neighbours with like names stay.
printf 'epoch,\0\377nothing\n"' >log.csv
echo mine >log.csv.part
expect 0 train --data scenes --model n.safetensors --epochs 3 "${quick[@]}" --log-csv log.csv
check python3 look.py log.csv
check grep -qx mine log.csv.part

# A training that goes on writes the whole table, and one that was finished already, too.
rm log.csv
expect 0 train --data scenes --model n.safetensors --epochs 3 "${quick[@]}" --log-csv log.csv --resume
check python3 look.py log.csv

# When the table can no longer be written the training goes on, and it is told at the end. A training that was over before its folder went is done again.
for _ in {1..50}; do
    rm -rf logs gone late.safetensors*
    mkdir logs
    : >log
    "$ADAH" train --data scenes --model late.safetensors --epochs 9 "${quick[@]}" --log-csv logs/log.csv >stdout 2>log &
    pid=$!
    while ! grep -q '^epoch 1/' log && kill -0 "$pid" 2>/dev/null; do
        sleep 0.02
    done
    mv logs gone
    wait "$pid"
    code=$?
    [ $code = 0 ] || break
done
check test "$code" = 1
check grep -q 'logs/log.csv.*the model is written: late.safetensors' log
check "$ADAH" info --model late.safetensors
finish
