# shellcheck shell=bash
# cluster.sh - for the tests of the PostgreSQL extension: builds it in a copy, and starts a server of its own in a temporary folder, which knows the
# extension there. Nothing is installed. It ends with the test.
#
# PostgreSQL refuses to run as root: then everything of the server runs as the user nobody.
set -euo pipefail
: "${ADAH_LIBRARY:?the library}"
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

skip() {
    echo "SKIPPED: the PostgreSQL extension: $*"
    exit 77
}
case $ADAH_LIBRARY in *.a) skip "it is tested with the shared library" ;; esac
PG_CONFIG=${PG_CONFIG:-pg_config}
command -v "$PG_CONFIG" >/dev/null || skip "there is no pg_config (Debian: postgresql-server-dev-all)"
bin=$("$PG_CONFIG" --bindir)
[ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] || skip "PostgreSQL's headers are missing (Debian: postgresql-server-dev-all)"
[ -f "$("$PG_CONFIG" --pgxs)" ] || skip "PGXS is missing (Debian: postgresql-server-dev-all)"
for program in initdb pg_ctl postgres psql; do
    [ -x "$bin/$program" ] || skip "$bin/$program is missing (Debian: postgresql)"
done
as=()
if [ "$(id -u)" = 0 ]; then
    command -v setpriv >/dev/null || skip "PostgreSQL does not run as root, and setpriv is missing (Debian: util-linux)"
    as=(setpriv "--reuid=nobody" "--regid=$(id -g nobody)" --clear-groups)
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/adah-pg-XXXXXX")
server_pid() { head -1 "$work/data/postmaster.pid" 2>/dev/null || true; }
end() {
    local pid
    pid=$(server_pid)
    [ -z "$pid" ] || "${as[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || kill -9 "$pid" 2>/dev/null || true
    [ ! -f "$work/own/standby/postmaster.pid" ] || "${as[@]}" "$bin/pg_ctl" -D "$work/own/standby" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap end EXIT
chmod 755 "$work"
if [ ${#as[@]} -gt 0 ] && ! "${as[@]}" test -r "$work/."; then # a folder above it is closed to others
    rm -rf "$work"
    work=$(mktemp -d /tmp/adah-pg-XXXXXX)
    chmod 755 "$work"
fi
mkdir "$work/own" "$work/dest" # what the server may write, and what it only reads
[ ${#as[@]} = 0 ] || chown nobody "$work/own"
mkdir "$work/lib"
cp "$(readlink -f "$ADAH_LIBRARY")" "$work/lib/"
library=$(basename "$(readlink -f "$ADAH_LIBRARY")")
ln -s "$library" "$work/lib/libadah.so"
soname=$(objdump -p "$work/lib/$library" | sed -n 's/^ *SONAME *//p')
ln -sf "$library" "$work/lib/$soname"
cp -r "$source_dir/postgresql" "$work/build"
strict=-Werror
case $("${CC:-cc}" --version) in *clang*) strict= ;; esac # PostgreSQL's headers and options are made for gcc
make -s -C "$work/build" PG_CONFIG="$PG_CONFIG" CC="${CC:-cc}" with_llvm=no COPT="$strict" ADAH_CFLAGS="-I$source_dir/include" \
    ADAH_LIBS="-L$work/lib -ladah -Wl,-rpath,$work/lib" >"$work/make.log" 2>&1 || { cat "$work/make.log"; exit 1; }
make -s -C "$work/build" PG_CONFIG="$PG_CONFIG" with_llvm=no DESTDIR="$work/dest" install >"$work/make.log" 2>&1 || { cat "$work/make.log"; exit 1; }

export PGHOST=$work/own PGUSER=postgres PGDATABASE=postgres LC_ALL=C.UTF-8 PGOPTIONS='' OMP_WAIT_POLICY=passive
cd "$work/own"
ln -s own/data "$work/data"
"${as[@]}" "$bin/initdb" -D "$work/own/data" -U postgres -A trust -E UTF8 --no-sync >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log"; exit 1; }
# Where extensions lie: Debian's servers have extension_destdir, PostgreSQL 18 has paths.
if "${as[@]}" "$bin/postgres" -D "$work/own/data" -C extension_destdir >/dev/null 2>&1; then
    where="extension_destdir = '$work/dest'"
elif "${as[@]}" "$bin/postgres" -D "$work/own/data" -C extension_control_path >/dev/null 2>&1; then
    where="extension_control_path = '$work/dest$("$PG_CONFIG" --sharedir):\$system'
dynamic_library_path = '$work/dest$("$PG_CONFIG" --pkglibdir):\$libdir'"
else
    skip "this server cannot take an extension from a folder of a test (it is neither Debian's nor version 18)"
fi
cat >>"$work/own/data/postgresql.conf" <<END
$where
listen_addresses = ''
unix_socket_directories = '$work/own'
fsync = ${FSYNC:-off}
shared_buffers = ${SHARED_BUFFERS:-16MB}
max_wal_size = 256MB
autovacuum = off
logging_collector = off
log_min_messages = warning
${SETTINGS-}
END

start_server() { "${as[@]}" "$bin/pg_ctl" -D "$work/own/data" -l "$work/own/log" -w -t 300 start >/dev/null || { tail -20 "$work/own/log"; exit 1; }; }
sql() { "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
start_server
