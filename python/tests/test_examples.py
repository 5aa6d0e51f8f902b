"""The examples run, as programs and as notebooks, and print what they promise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).parents[1]
EXAMPLES = PYTHON / "examples"
WANTED = {
    "own_photos.py": ["finds", "bits  images/", "mAP image_to_text"],
    "own_network.py": ["own network", "10 nearest", "itq:", "scm-seq:"],
    "vectors_to_bits.py": ["recall_at_10", "own image among the first 10", "bytes in the index"],
}


def test_all_are_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(WANTED)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_example(name: str, tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, EXAMPLES / name], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    for line in WANTED[name]:
        assert line in ran.stdout, ran.stdout


def test_notebooks_are_the_programs() -> None:
    made = subprocess.run([sys.executable, PYTHON / "make_notebooks.py", "--check"], capture_output=True, text=True, timeout=600)
    assert made.returncode == 0, made.stdout + made.stderr
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == {Path(name).stem for name in WANTED}


@pytest.mark.parametrize("name", sorted(WANTED))
def test_notebook(name: str, tmp_path: Path) -> None:
    """By Jupyter's client where that is installed, else its cells as one program."""
    path = (EXAMPLES / name).with_suffix(".ipynb")
    try:
        import ipykernel  # noqa: F401
        import nbclient
        import nbformat
    except ImportError:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        program = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=600)
        assert ran.returncode == 0, ran.stderr
        said = ran.stdout
    else:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
        said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    for line in WANTED[name]:
        assert line in said, said
