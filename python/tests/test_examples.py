"""The examples run, and print what they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
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
