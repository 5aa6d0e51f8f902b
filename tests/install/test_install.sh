#!/usr/bin/env bash
# test_install.sh - installs into a folder of its own and uses what lies there as others would: the command, a program
# in C and the same in C++ through pkg-config and through CMake, the manual page, the completions.
set -euo pipefail
: "${ADAH_BUILD_DIR:?the build folder to install from}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/adah-install-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'echo "FAILED in line $LINENO: $BASH_COMMAND"' ERR
export ADAH_CACHE=$work/cache
prefix=$work/moved

# Installed to one place and moved to another: nothing inside may point to where it was.
cmake --install "$ADAH_BUILD_DIR" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
mv "$work/prefix" "$prefix"
lib=$(dirname "$(find "$prefix" -name adah.pc)")/..
! grep -rlF "$ADAH_BUILD_DIR" "$prefix" || exit 1

"$prefix/bin/adah" --version
if [ -e "$lib/libadah.so" ]; then
    readelf -d "$lib/libadah.so" | grep -q 'SONAME.*\[libadah\.so\.0\.2\]' # of the minor version, while there is no 1.0
fi
for file in share/man/man1/adah.1 share/bash-completion/completions/adah share/zsh/site-functions/_adah \
            share/fish/vendor_completions.d/adah.fish include/adah/adah.h share/doc/adah/LICENSE; do
    [ -s "$prefix/$file" ]
done
[ "$(cd "$prefix/include/adah" && echo *)" = "$(cd "$here/../../include/adah" && echo *)" ]
[ "$(find "$prefix/include" -type f | wc -l)" -eq 7 ]
if command -v man >/dev/null; then
    [ "$(MANPATH=$prefix/share/man man -w adah)" = "$prefix/share/man/man1/adah.1" ]
fi
bash -n "$prefix/share/bash-completion/completions/adah"

# runs PROGRAM - in an empty folder.
runs() {
    mkdir "$work/run"
    (cd "$work/run" && LD_LIBRARY_PATH=$lib "$1")
    rm -r "$work/run"
}

# The library as a link from elsewhere: what belongs beside it is found where it really lies.
if [ -e "$lib/libadah-pictures.so" ]; then
    mkdir "$work/links"
    ln -s "$(realpath "$lib")"/libadah.so.0.2 "$work/links/"
    LD_LIBRARY_PATH=$work/links "$prefix/bin/adah" synth --out "$work/scenes" --count 10
fi

# What takes long to load waits in plugins. OpenBLAS comes with the first shallow learning; a broken plugin (which hides
# one that the system may have) is told.
if [ -e "$lib/libadah-algebra.so" ]; then
    ! readelf -d "$lib/libadah.so" | grep -E 'NEEDED.*(blas|lapack|matio|vips|rsvg)' || exit 1
    common=(--data "$work/learned" --bits 16 --threads 1 --quiet --set n_side=16)
    "$prefix/bin/adah" synth --out "$work/learned" --count 40 --side 16
    "$prefix/bin/adah" train "${common[@]}" --model "$work/adah.safetensors" --epochs 1
    cca=(train "${common[@]}" --method cca --weights "$work/adah.safetensors" --model "$work/cca.safetensors")
    "$prefix/bin/adah" "${cca[@]}"
    rm "$work/cca.safetensors"
    mv "$lib/libadah-algebra.so" "$work/"
    : >"$lib/libadah-algebra.so"
    ! LD_LIBRARY_PATH=$lib "$prefix/bin/adah" "${cca[@]}" 2>"$work/log" || exit 1
    grep -q 'shallow methods cannot be learned:.*libadah-algebra.so' "$work/log"
    [ ! -e "$work/cca.safetensors" ]
    mv "$work/libadah-algebra.so" "$lib/"
fi

export PKG_CONFIG_PATH=$lib/pkgconfig
[ "adah $(pkg-config --modversion adah)" = "$("$prefix/bin/adah" --version)" ]
read -ra flags <<<"$(pkg-config --cflags --libs adah)"
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -pedantic "$here/example.c" -o "$work/example" "${flags[@]}"
runs "$work/example"

# The program that README.md shows, with the photos that it speaks of.
sed -n '/^```c$/,/^```$/{/^```/d;p}' "$here/../../README.md" >"$work/readme.c"
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -pedantic "$work/readme.c" -o "$work/readme" "${flags[@]}"
mkdir "$work/run"
(
    cd "$work/run"
    "$prefix/bin/adah" synth --out photos --count 40 --side 16
    sed -i '1,20s/"text": *"/&boat lake /' photos/metadata.jsonl
    "$prefix/bin/adah" train --data photos --model photos.safetensors --bits 16 --epochs 1 --threads 1 --quiet --set n_side=16
    "$prefix/bin/adah" index create --model photos.safetensors --data photos --index photos.adah --quiet
    LD_LIBRARY_PATH=$lib "$work/readme" >found
    [ "$(grep -cE '^[0-9]+ bits from record [0-9]+$' found)" = 10 ] && [ "$(wc -l <found)" = 10 ]
    rm photos.adah
    LD_LIBRARY_PATH=$lib "$work/readme" 2>told
    grep -q 'photos.adah' told
)
rm -r "$work/run"

cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="${CC:-cc}" >"$work/log" ||
    { cat "$work/log"; exit 1; }
cmake --build "$work/build" >"$work/log" || { cat "$work/log"; exit 1; }
runs "$work/build/example_c"
runs "$work/build/example_cpp"
