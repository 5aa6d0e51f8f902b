#!/usr/bin/env bash
# site.sh OUT - one site of all documents: docs/, the interface in C from the headers, the interface in Python from its docstrings. A warning is an error.
#
# Needs Sphinx with MyST (Debian: python3-sphinx python3-myst-parser python3-cffi python3-numpy) and a library to import the package with, in
# $ADAH_LIBRARY (build/libadah.so). $ADAH_PYTHON: the interpreter. Exit code 77: they are missing.
set -euo pipefail
[ $# -eq 1 ] || {
    echo "usage: site.sh OUT" >&2
    exit 2
}
out=$(realpath -m "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export ADAH_SOURCE_DIR=$PWD ADAH_LIBRARY=${ADAH_LIBRARY:-$PWD/build/libadah.so}
python=
for candidate in ${ADAH_PYTHON:-python3 /usr/bin/python3}; do
    if "$candidate" -c 'import sphinx, myst_parser, cffi, numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || {
    echo "SKIPPED: the site needs Sphinx with MyST (Debian: python3-sphinx python3-myst-parser python3-cffi python3-numpy)"
    exit 77
}
work=$(mktemp -d "${TMPDIR:-/tmp}/adah-site-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/pages" "$work/python"
cp -r python/adah "$work/python/adah"
PYTHONDONTWRITEBYTECODE=1 "$python" python/make_bindings.py include "$work/python/adah/_bindings.py"
"$python" tools/site_pages.py "$work/pages"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$work/python LC_ALL=C.UTF-8 "$python" -m sphinx -q -W --keep-going -b html -d "$work/doctrees" "$work/pages" "$work/html"
mkdir -p "$out"
cp -r "$work/html/." "$out/"
