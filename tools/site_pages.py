#!/usr/bin/env python3
"""site_pages.py OUT - the folder from which tools/site.sh lets Sphinx make the site.

Documents are those of git, as they are, but for links: what they link to and is no document (sources, headers, folders) is copied beside them as a plain file
or becomes a name. The pages of the C interface are the headers themselves, cut at their headlines and with an index of the functions, so that the comments that
are the contract are the only place where it is written. Python's pages are lists of names for Sphinx's autodoc.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
GROUPS = (("Use it", "docs/guide"), ("Look something up", "docs/reference"), ("The method", "docs/method"), ("What was measured", "docs/measured"),
          ("Inside", "docs/inside"))
HEADERS = ("core.h", "codes.h", "data.h", "train.h", "index.h", "eval.h")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
PYTHON = """# Interface in Python

The guide is [](docs/guide/python.md).

```{eval-rst}
.. automodule:: adah
   :no-members:

.. autofunction:: adah.train
.. autofunction:: adah.train_methods
.. autofunction:: adah.evaluate
.. autofunction:: adah.set_threads
.. autofunction:: adah.set_patience
.. autofunction:: adah.dataset_formats
%s
```
"""
CLASSES = ("Dataset", "Record", "Model", "Encoded", "DatasetCodes", "AttentionMap", "Index", "Hits", "IndexRecord", "AddCounts", "SyncCounts", "Evaluation",
           "Progress", "AdahError")
MODULES = ("metrics", "hamming", "losses")


def documents() -> list[Path]:
    return [Path("README.md"), Path("CONTRIBUTING.md"), Path("CHANGELOG.md"),
            *(path.relative_to(SOURCE) for _, folder in GROUPS for path in sorted((SOURCE / folder).glob("*.md")))]


def convert(document: Path, known: set[Path], out: Path) -> None:
    def link(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            return match[0]
        file = Path(os.path.normpath(document.parent / path))
        if file in known:
            return match[0]
        if image or (SOURCE / file).suffix in (".svg", ".png", ".tsv"):
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(SOURCE / file, out / file)
            return match[0]
        return text if text.startswith("`") else f"{text} (`{file}`)"

    lines, fenced = [], False
    for line in (SOURCE / document).read_text("utf-8").splitlines():
        fenced ^= line.lstrip().startswith("```")
        lines.append(line if fenced or line.startswith("    ") else LINK.sub(link, line))
    (out / document).parent.mkdir(parents=True, exist_ok=True)
    (out / document).write_text("\n".join(lines) + "\n", "utf-8")


def header_page(name: str) -> str:
    """A header as a page: its first comment as the text, a section for each of its headlines, the declarations with their comments as code."""
    text = (SOURCE / "include/adah" / name).read_text("utf-8")
    first = re.match(r"/\* \S+ - (.*?)\*/", text, re.DOTALL)
    assert first is not None, name
    about = re.sub(r"\s*\n \* ?", " ", first[1]).strip()
    body = re.sub(r"^#(?:ifndef|define) ADAH_\w+_H\n|^#endif\n?\Z|^ADAH_(?:BEGIN|END)\n", "", text[first.end():], flags=re.MULTILINE)
    page = [f"# `adah/{name}`\n", about + "\n"]
    for i, part in enumerate(re.split(r"^/\* -{3,} (.*?) -*\s*\*/\n|^/\* -{3,} (.*?) \*/\n", body, flags=re.MULTILINE)):
        if part is None:
            continue
        if "\n" not in part and i % 3:
            page.append(f"## {part[:1].upper()}{part[1:]}\n")
        elif part.strip():
            page.append("```c\n" + part.strip("\n") + "\n```\n")
    return "\n".join(page)


def main(out: Path) -> None:
    known = set(documents())
    for document in known:
        convert(document, known, out)
    shutil.copyfile(SOURCE / "docs/site/conf.py", out / "conf.py")
    (out / "files").mkdir()
    (out / "c").mkdir()
    for name in HEADERS:
        (out / "c" / (name[:-2] + "_h.md")).write_text(header_page(name), "utf-8")
    (out / "c/index.md").write_text("# Interface in C\n\n`#include <adah/adah.h>` includes all of these. [What may change](../docs/reference/interface.md) "
                                    "is a page of its own.\n\n```{toctree}\n" + "\n".join(name[:-2] + "_h" for name in HEADERS) + "\n```\n", "utf-8")
    python = "".join(f".. autoclass:: adah.{name}\n   :members:\n" for name in CLASSES)
    python += ".. autoclass:: adah._hasher.Hasher\n   :members: fit, transform, transform_partners, fit_transform, save\n"
    python += "".join(f".. automodule:: adah.{name}\n   :members:\n" for name in MODULES)
    (out / "python.md").write_text(PYTHON % python, "utf-8")
    trees = "".join("```{toctree}\n:caption: " + caption + "\n:maxdepth: 1\n\n" +
                    "\n".join(str(document.with_suffix("")) for document in sorted(known) if str(document.parent) == folder) + "\n```\n\n"
                    for caption, folder in GROUPS)
    (out / "index.md").write_text("# adah\n\nShort binary codes for images and texts: learned, searched and judged. [The first page](README.md) shows what it "
                                  "is.\n\n```{toctree}\n:caption: Interfaces\n:maxdepth: 1\n\nREADME\nc/index\npython\nCHANGELOG\nCONTRIBUTING\n```\n\n" +
                                  trees, "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
