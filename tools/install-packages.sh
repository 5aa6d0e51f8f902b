#!/bin/sh
# install-packages.sh build|check|python|site|fuzz|bench|torch|demo - sees that the Debian packages for it are there and installs the missing
# ones, as root or through sudo; where neither can be had it prints the line to run and fails.
set -eu

build='gcc libc6-dev make cmake pkgconf libdnnl-dev libvips-dev libjpeg62-turbo-dev librsvg2-dev libexpat1-dev libicu-dev libstemmer-dev
libjansson-dev libxxhash-dev libmatio-dev liblapacke-dev libopenblas-dev libmicrohttpd-dev
libexiv2-dev g++'
case ${1-} in
build) wanted=$build ;;
check)
    wanted="$build g++ clang libomp-dev libcmocka-dev libfaiss-dev chromium chromium-driver firefox-esr curl jq"
    wanted="$wanted gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user" # to test for arm64
    wanted="$wanted python3 python3-cffi python3-numpy python3-pytest python3-mypy python3-sphinx python3-myst-parser python3-pip"
    wanted="$wanted postgresql postgresql-server-dev-all"
    ;;
python) wanted="$build python3-venv python3-cffi python3-numpy python3-pytest" ;;
site) wanted="$build python3-sphinx python3-myst-parser python3-cffi python3-numpy" ;;
fuzz) wanted="$build clang libomp-dev" ;;
bench) wanted="$build g++ libfaiss-dev" ;;
torch) wanted="python3-torch python3-numpy" ;;
demo) wanted="$build openclipart-svg" ;;
*)
    echo "usage: install-packages.sh build|check|python|site|fuzz|bench|torch|demo" >&2
    exit 2
    ;;
esac

# Another system: CMake will say what it misses.
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0

missing=
for package in $wanted; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root='sudo -n'
elif [ -t 0 ] && command -v sudo >/dev/null; then
    as_root=sudo
else
    echo "Packages are missing, and installing them takes root. Run as root:" >&2
    echo "  apt-get update && $install" >&2
    exit 1
fi

echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# The lists may be old or missing: fetch them when a package is not to be had without.
# shellcheck disable=SC2086
$as_root $install || { $as_root apt-get update && $as_root $install; }
