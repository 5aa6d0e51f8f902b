#!/usr/bin/env bash
# test_python.sh - the tests of the Python package (python/tests) with the library that was just built, from a copy of the package with bindings made
# from its headers. Then mypy --strict and ruff, where they are installed.
set -euo pipefail
: "${ADAH_LIBRARY:?the library}"
# shellcheck source=tests/python/package_copy.sh
. "$(dirname "${BASH_SOURCE[0]}")/package_copy.sh"
skip_static
find_python pytest
copy_package
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$work ADAH_LIBRARY ADAH_SOURCE_DIR=$source_dir ADAH_CACHE=$work/cache OMP_WAIT_POLICY=passive LC_ALL=C.UTF-8
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
