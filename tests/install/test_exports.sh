#!/usr/bin/env bash
# test_exports.sh - the interface is what tests/install/interface.txt says: every function with its parameters, every struct with its size and the
# places of its fields, every constant. And the shared library shows what the headers declare, all of it and nothing else.
#
# UPDATE=1 writes the list anew; docs/reference/interface.md says which changes a version may make.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
include=$here/../../include
list=$here/interface.txt
: "${ADAH_LIBRARY:?the library}"
work=$(mktemp -d "${TMPDIR:-/tmp}/adah-exports-XXXXXX")
trap 'rm -rf "$work"' EXIT

# Without comments, preprocessor lines and inline functions.
declarations=$(cat "$include"/adah/*.h | sed -z 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/::g' |
    sed -e 's://.*$::' -e '/^#/d' -e '/^static inline /,/^}/d')

# One a line, as "adah_code adah_model_open(const char *path, adah_model **model, adah_status *status);".
functions() {
    tr '\n' ' ' <<<"$declarations" | tr -s ' ' | sed 's/[;{}] */&\n/g' | grep -E '^[^(]*\badah_[a-z0-9_]+\(' | grep -v '^typedef' | sed 's/ $//' | sort
}

# What a compiler makes of the headers, from the debugging information: "STRUCT: SIZE bytes", "STRUCT+PLACE FIELD", "CONSTANT = VALUE".
layouts() {
    printf '#include <adah/adah.h>\n' >"$work/all.c"
    "${CC:-cc}" -std=c11 -gdwarf-4 -fno-eliminate-unused-debug-types -I"$include" -c "$work/all.c" -o "$work/all.o"
    readelf --debug-dump=info "$work/all.o" | awk '
        function flush() {
            if (tag == "structure_type") {
                is_ours = name ~ /^adah_/ && size != ""
                if (is_ours) print (struct = name) ": " size " bytes"
            } else if (tag == "member" && is_ours) {
                printf "%s+%04d %s\n", struct, place, name
            } else if (tag == "enumerator" && name ~ /^ADAH_/) {
                print name " = " value
            }
            tag = name = size = place = value = ""
        }
        /Abbrev Number/ { flush(); if (match($0, /DW_TAG_[a-z_]+/)) tag = substr($0, RSTART + 7, RLENGTH - 7) }
        /DW_AT_name/ { name = $NF }
        /DW_AT_byte_size/ { size = $NF }
        /DW_AT_data_member_location/ { place = $NF }
        /DW_AT_const_value/ { value = $NF }
        END { flush() }' | sort
}

{ functions; echo; layouts; } >"$work/interface.txt"
if [ -n "${UPDATE-}" ]; then
    cp "$work/interface.txt" "$list"
fi
diff -u "$list" "$work/interface.txt" || {
    cat <<END
FAILED: the interface is another than tests/install/interface.txt says (-: it was, +: it is).
Not meant? Programs that were built before would break: take the change back. Meant? docs/reference/interface.md says what this version may
change, and what to do then: a new size for a struct of options in src/base/sized_options.c, a line in CHANGELOG.md, the version in core.h. Then
    UPDATE=1 ADAH_LIBRARY=$ADAH_LIBRARY bash tests/install/test_exports.sh
writes the list anew.
END
    exit 1
}

case $ADAH_LIBRARY in
*.a)
    echo "SKIPPED: a static library shows everything"
    exit 77
    ;;
esac
shown=$(nm -D --defined-only "$ADAH_LIBRARY" | awk '$2 ~ /[A-Z]/ { print $3 }' | sort)
declared=$(functions | grep -oE '\badah_[a-z0-9_]+\(' | tr -d '(' | sort -u)
diff <(echo "$declared") <(echo "$shown") || {
    echo "FAILED: < is declared but not in the library, > is in the library but not declared"
    exit 1
}
echo "$(wc -l <<<"$shown") functions, $(grep -c ' bytes$' "$list") structs"
