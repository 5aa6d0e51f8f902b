#!/usr/bin/env python3
"""make_notebooks.py [--check] - makes the notebooks of examples/ from the programs there, so that they cannot differ.

A program's first text becomes the cell at the top; what stands between empty lines at the outermost level becomes a cell each, and all imports
become one. --check: tells which notebook is not what its program would give, and exits with 1.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any, Dict, List

EXAMPLES = Path(__file__).parent / "examples"


def cell(kind: str, number: int, source: str) -> Dict[str, Any]:
    of_code: Dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, **of_code, "source": source.splitlines(keepends=True)}


def pieces(program: str) -> List[str]:
    """The code behind the first text, cut at empty lines between statements of the outermost level."""
    lines = program.splitlines()
    statements = ast.parse(program).body[1:]
    found: List[str] = []
    first = statements[0].lineno if statements else 0
    for statement, following in zip(statements, [*statements[1:], None]):
        end = statement.end_lineno or statement.lineno
        between = lines[end:following.lineno - 1] if following else []
        imports = (ast.Import, ast.ImportFrom)
        if following is None or ("" in between and not (isinstance(statement, imports) and isinstance(following, imports))):
            found.append("\n".join(lines[first - 1:end]))
            # A comment right above the next statement belongs to it.
            first = end + len(between) - between[::-1].index("") + 1 if following else first
    return found


def notebook(path: Path) -> str:
    program = path.read_text("utf-8")
    title, _, rest = (ast.get_docstring(ast.parse(program)) or "").partition("\n")
    what, _, _ = title.partition(": python3 ")
    text = f"# {what}\n\nThe same as the program `{path.name}`, from which this notebook is made.\n\n{rest.strip()}".rstrip()
    code = pieces(program)
    if "sys.argv" in program:
        code.insert(0, f"import sys\n\nsys.argv = [{path.name!r}]  # and arguments, as on the command line")
    cells = [cell("markdown", 0, text), *(cell("code", i + 1, source) for i, source in enumerate(code))]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    n_different = 0
    for path in sorted(EXAMPLES.glob("*.py")):
        out, made = path.with_suffix(".ipynb"), notebook(path)
        if "--check" not in sys.argv:
            out.write_text(made, "utf-8")
        elif not out.exists() or out.read_text("utf-8") != made:
            print(f"{out} is not what {path.name} gives: run make_notebooks.py")
            n_different += 1
    return 1 if n_different else 0


if __name__ == "__main__":
    sys.exit(main())
