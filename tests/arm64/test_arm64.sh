#!/usr/bin/env bash
# test_arm64.sh - what arm64 has of its own, compiled for it and run under qemu's user emulation: the NEON kernels of the Hamming
# distance and the scan, the plain Winograd kernels and the vector loops of the losses, each against its definition by the
# property tests that other processors run too. Skipped where the cross compiler or qemu is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
compiler=aarch64-linux-gnu-gcc
for program in $compiler qemu-aarch64; do
    if ! command -v "$program" >/dev/null; then
        echo "SKIPPED: NOTHING WAS TESTED FOR ARM64: $program is missing"
        echo "(Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"
        exit 77
    fi
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$here"
compile=("$compiler" -std=c11 -O2 -fopenmp -Wall -Wextra -Werror -Iinclude -Isrc -Itests -Itests/arm64)

# All of the library that needs no other library, so that it compiles for arm64 whether or not a test runs it.
for source in src/{base,codes,settings,backbones,paper,learn,files,rivals,input}/*.c src/nn/*/*.c; do
    [ "$source" = src/nn/onednn/nn_onednn.c ] || "${compile[@]}" -c "$source" -o "$folder/$(basename "$source" .c).o"
done
aarch64-linux-gnu-ar rcs "$folder/library.a" "$folder"/*.o

tests='test_hamming test_scan test_winograd_plain test_terms test_objective'
for test in $tests; do
    "${compile[@]}" tests/*/"$test".c "$folder/library.a" -lm -o "$folder/$test"
done
for test in $tests; do
    OMP_WAIT_POLICY=passive qemu-aarch64 -L /usr/aarch64-linux-gnu "$folder/$test" >"$folder/$test.log" 2>&1 || {
        echo "FAILED: $test on arm64" >&2
        cat "$folder/$test.log" >&2
        exit 1
    }
    echo "$test: $(grep -c '^ok ' "$folder/$test.log") tests passed on arm64"
done
