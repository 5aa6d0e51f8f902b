#!/usr/bin/env bash
# test_python.sh - the tests of the Python package (python/tests) with the library that was just built, from a copy of the package with bindings made
# from its headers. Then mypy --strict and ruff, where they are installed.
set -euo pipefail
: "${ADAH_LIBRARY:?the library}"
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

case $ADAH_LIBRARY in
*.a)
    echo "SKIPPED: Python loads a shared library, and this one is static"
    exit 77
    ;;
esac
python=
for candidate in ${ADAH_PYTHON:-python3 /usr/bin/python3}; do
    if "$candidate" -c 'import cffi, numpy, pytest' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "SKIPPED: no Python with cffi, numpy and pytest (Debian: python3-cffi python3-numpy python3-pytest)"
    exit 77
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/adah-python-XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -r "$source_dir/python/adah" "$work/adah"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$work ADAH_LIBRARY ADAH_SOURCE_DIR=$source_dir ADAH_CACHE=$work/cache OMP_WAIT_POLICY=passive LC_ALL=C.UTF-8
"$python" "$source_dir/python/make_bindings.py" "$source_dir/include" "$work/adah/_bindings.py"
cd "$work"
"$python" -m pytest -q -p no:cacheprovider --basetemp "$work/pytest" -rs "$source_dir/python/tests"

if "$python" -c 'import mypy' 2>/dev/null; then
    "$python" -m mypy --strict --cache-dir "$work/mypy" adah
else
    echo "LEFT OUT: mypy --strict, which is not installed (Debian: python3-mypy)"
fi
if command -v ruff >/dev/null; then
    ruff check --no-cache --config "$source_dir/python/pyproject.toml" adah
else
    echo "LEFT OUT: ruff, which is not installed"
fi
