#!/usr/bin/env bash
# test_help.sh - help, usage errors, the manual page and the completions, which all come from the option tables.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

expect 0 --version
stdout_has '^adah [0-9]+\.[0-9]+\.[0-9]+$'
expect 0 --help
mapfile -t commands < <(sed -n 's/^  \([a-z]*\)  *[A-Z].*/\1/p' stdout)
check test "${#commands[@]}" -ge 9
for command in train encode index search eval attend synth info demo; do
    check test "$(printf '%s\n' "${commands[@]}" | grep -cx "$command")" = 1
done

"$ADAH" --describe man >adah.1
"$ADAH" --describe markdown >commands.md
check cmp commands.md "$(dirname "${BASH_SOURCE[0]}")/../../docs/reference/commands.md" # `make documents` writes it
"$ADAH" --describe bash >adah.bash
"$ADAH" --describe fish >adah.fish
"$ADAH" --describe zsh >_adah
for command in "${commands[@]}"; do
    expect 0 "$command" --help
    stdout_has "^Usage: adah $command "
    stdout_has '^Examples?:$'
    stdout_has "^  adah .*$command"
    cp stdout help
    expect 0 "$command" -h
    check cmp stdout help
    expect 2 "$command" --no-such-option
    stderr_has "^adah $command: --no-such-option is not an option"
    stderr_has "adah $command --help"
    # Every option of the help is in the manual page and in every completion.
    check grep -q "^\.SS \"adah $command" adah.1
    sed -n 's/^  \(-., \|    \)--\([a-z-]*\).*/\2/p' help >options
    check test -s options
    while read -r option; do
        check grep -qF -- "--$option" adah.bash
        check grep -qF -- "--${option}[" _adah
        check grep -qF -- "\\-\\-${option//-/\\-}" adah.1
        [ "${#option}" -eq 1 ] || check grep -qE "(seen_subcommand_from $command'.*| )-l $option " adah.fish
    done <options
done

expect 2
stderr_has 'Usage: adah COMMAND' # the overview, on stderr
expect 2 no-such-command
stderr_has '"no-such-command" is not a command'
expect 2 --describe klingon
stderr_has 'klingon'

# Usage errors name the option, what was given and what was expected.
expect 2 train --model m
stderr_has '--data DIR is needed'
expect 2 train --data
stderr_has '--data needs a value'
expect 2 train --data x --model m --epochs many
stderr_has '--epochs is "many", expected a whole number'
expect 2 train --data x --model m --epochs -3
stderr_has '--epochs is "-3", expected a whole number'
expect 2 train --data x --model m --epochs 99999999999999999999
stderr_has '--epochs is "99999999999999999999"'
expect 2 train --data x --model m --checkpoint-seconds nan
stderr_has '--checkpoint-seconds is "nan", expected a number'
expect 2 train --data x --model m surplus
stderr_has 'unexpected "surplus"'
expect 2 search --model m --index i
stderr_has 'one of --text, --image, --record, --id, --code and --features'
expect 2 search --model m --index i --text a --image b
stderr_has 'one of --text, --image, --record, --id, --code and --features'
expect 2 search --model m --index i --text a --to sound
stderr_has '--to is "sound", expected image or text'
expect 2 eval --data d --model m --split best
stderr_has '--split is "best", expected train, query or database'
expect 2 eval --data d
stderr_has 'either --model or --codes'
expect 2 index --index i
stderr_has 'create\|add\|merge\|delete'
expect 2 index dance --index i
stderr_has '"dance"'
expect 2 index create --index i
stderr_has '--model FILE is needed'
expect 2 info
stderr_has 'one of --model, --index, --data and --weights'
expect 2 synth --out s --count 3
stderr_has '--count is 3, expected 10 to'

# The manual page has no faults where there is something to judge it with.
if command -v man >/dev/null; then
    check test -z "$(man --warnings -E UTF-8 -l -Tutf8 -Z ./adah.1 2>&1 >/dev/null)"
fi
if command -v mandoc >/dev/null; then
    check mandoc -T lint -W error ./adah.1
fi

# The completions are good shell and complete.
check bash -n adah.bash
if command -v zsh >/dev/null; then check zsh -n _adah; fi
if command -v fish >/dev/null; then check fish -n adah.fish; fi
completions() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _adah
    echo "${COMPREPLY[*]}"
}
. ./adah.bash
mkdir folder
: >file
check test "$(completions adah tr)" = train
check test "$(completions adah train --mod)" = --model
check test "$(completions adah train --model "fi")" = file
check test "$(completions adah train --data fo)" = folder
check test "$(completions adah search --to '')" = 'image text'
check test "$(completions adah index cr)" = create
check test "$(completions adah train --seed '')" = ''
finish
