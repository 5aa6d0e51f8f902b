#!/usr/bin/env bash
# test_random_calls.sh - the Python package is called 10,000 times at random, with right and wrong arguments, while AddressSanitizer and
# UndefinedBehaviorSanitizer look: no fault, no memory of the library lost, no reference left. For a library that was built with them.
set -euo pipefail
: "${ADAH_LIBRARY:?the library}"
# shellcheck source=tests/python/package_copy.sh
. "$(dirname "${BASH_SOURCE[0]}")/package_copy.sh"
skip_static
sanitizer=$(ldd "$ADAH_LIBRARY" | sed -n 's/.*libasan[^ ]* => \([^ ]*\).*/\1/p')
if [ -z "$sanitizer" ]; then
    echo "SKIPPED: the library was built without a shared AddressSanitizer, which Python could load first"
    exit 77
fi
find_python
copy_package
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$work ADAH_LIBRARY ADAH_CACHE=$work/cache TMPDIR=$work OMP_NUM_THREADS=1 LC_ALL=C.UTF-8
# The interpreter itself keeps memory to its end, so the leaks that are reported are looked through for the library's.
ASAN_OPTIONS=detect_leaks=1:exitcode=0:log_path=$work/report:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1 \
    PYTHONMALLOC=malloc LD_PRELOAD=$sanitizer "$python" "$source_dir/tests/python/random_calls.py" "${1:-10000}" "${2:-1}" >"$work/said" 2>&1 &&
    rc=0 || rc=$?
tail -n 20 "$work/said"
"$python" - "$work" "$rc" <<'LOOK'
import pathlib, sys

work, rc = pathlib.Path(sys.argv[1]), int(sys.argv[2])
reports = [path.read_text(errors="replace") for path in work.glob("report.*")]
leaks = [leak for report in reports for leak in report.split("\n\n") if "leak of" in leak]
lost = [leak for leak in leaks if "libadah" in leak]
faults = [report for report in reports if "ERROR: AddressSanitizer" in report]
for what in (lost + faults)[:3]:
    print(what[:4000])
print(f"exit code {rc}, {len(faults)} faults, {len(lost)} pieces of memory lost by the library, {len(leaks)} kept by all")
sys.exit(1 if rc or lost or faults or "calls," not in (work / "said").read_text() else 0)
LOOK
