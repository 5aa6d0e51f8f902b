#!/usr/bin/env python3
"""make_bindings.py INCLUDE_DIR OUT - writes the declarations of adah.h as a Python module for cffi.

The module is plain Python in cffi's ABI mode: it holds what the headers declare, no machine code, and serves every version of Python. So the
package cannot drift from the headers, and nothing here is repeated by hand. INCLUDE_DIR has the folder `adah` with the headers.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import cffi
from cffi import recompiler

HEADERS = re.compile(r'^#include "(\w+\.h)"', re.MULTILINE)


def declarations(header: str) -> str:
    """What a header declares, without comments, preprocessor lines (but numbers) and inline functions."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", header, flags=re.DOTALL)
    text = re.sub(r"^static inline .*?^}", "", text, flags=re.DOTALL | re.MULTILINE)
    numbers = re.findall(r"^#define (ADAH_\w+) (\d+)\s*$", text, flags=re.MULTILINE)
    text = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ADAH_(BEGIN|END)\s*$", "", text, flags=re.MULTILINE)
    return "".join(f"#define {name} {value}\n" for name, value in numbers) + text


def main(include: Path, out: Path) -> None:
    folder = include / "adah"
    all_of_them = "".join(declarations((folder / name).read_text("utf-8"))
                          for name in HEADERS.findall((folder / "adah.h").read_text("utf-8")))
    ffi = cffi.FFI()
    ffi.cdef(all_of_them)
    ffi.set_source("adah._bindings", None)
    recompiler.make_py_source(ffi, "adah._bindings", str(out))
    version = re.search(r'^#define ADAH_VERSION "([^"]+)"', (folder / "core.h").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    with out.open("a", encoding="utf-8") as file:
        file.write(f"VERSION = {version[1]!r}  # of the headers\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
