#!/usr/bin/env bash
# test_site.sh - the site of all documents and both interfaces is made without a warning, and has a page of each.
set -euo pipefail
: "${ADAH_LIBRARY:?the library}"
# shellcheck source=tests/python/package_copy.sh
. "$(dirname "${BASH_SOURCE[0]}")/package_copy.sh"
skip_static
work=$(mktemp -d "${TMPDIR:-/tmp}/adah-site-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
export ADAH_LIBRARY
code=0
"$source_dir/tools/site.sh" "$work/site" || code=$?
[ "$code" -eq 0 ] || exit "$code"
n_documents=$(find "$source_dir/docs" -name '*.md' | wc -l)
n_pages=$(find "$work/site/docs" -name '*.html' | wc -l)
[ "$n_pages" -eq "$n_documents" ] || {
    echo "$n_pages pages of $n_documents documents" >&2
    exit 1
}
grep -q 'adah_index_search' "$work/site/c/index_h.html"
grep -q 'mean_average_precision' "$work/site/python.html"
