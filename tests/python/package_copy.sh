# package_copy.sh - what the tests of the Python package share: an interpreter with the packages that are needed, and a copy of the package with
# bindings made from the headers.
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

skip_static() {
    case $ADAH_LIBRARY in
    *.a)
        echo "SKIPPED: Python loads a shared library, and this one is static"
        exit 77
        ;;
    esac
}

# find_python PACKAGE... - sets `python` to one that has these, cffi and numpy; else the test is skipped.
find_python() {
    local candidate packages=(cffi numpy "$@")
    for candidate in ${ADAH_PYTHON:-python3 /usr/bin/python3}; do
        python=$candidate
        if "$python" -c "import $(IFS=, && echo "${packages[*]}")" 2>/dev/null; then
            return
        fi
    done
    echo "SKIPPED: no Python with ${packages[*]} (Debian:${packages[*]/#/ python3-})"
    exit 77
}

# copy_package - into `work`, a new folder that goes when the test ends.
copy_package() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/adah-python-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    cp -r "$source_dir/python/adah" "$work/adah"
    PYTHONDONTWRITEBYTECODE=1 "$python" "$source_dir/python/make_bindings.py" "$source_dir/include" "$work/adah/_bindings.py"
}
