#!/usr/bin/env bash
# test_exports.sh - the shared library shows what adah.h declares, all of it and nothing else.
set -euo pipefail
headers=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/include/adah
: "${ADAH_LIBRARY:?the library}"
case $ADAH_LIBRARY in
*.a)
    echo "SKIPPED: a static library"
    exit 77
    ;;
esac
shown=$(nm -D --defined-only "$ADAH_LIBRARY" | awk '$2 ~ /[A-Z]/ { print $3 }' | sort)
# Without comments and preprocessor lines, every name before a parenthesis that is no function type.
declared=$(cat "$headers"/*.h | sed -z 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/::g' | sed -e 's://.*$::' -e '/^#/d' -e '/^static inline /d' |
    grep -oE '\badah_[a-z0-9_]+\(' | tr -d '(' | sort -u)
diff <(echo "$declared") <(echo "$shown") || {
    echo "FAILED: < is declared but not in the library, > is in the library but not declared"
    exit 1
}
echo "$(wc -l <<<"$shown") functions"
