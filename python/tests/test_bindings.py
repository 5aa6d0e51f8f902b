"""What cffi takes structs for is what the compiler takes them for."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import adah
from adah._native import ffi, lib

INTERFACE = Path(os.environ.get("ADAH_SOURCE_DIR", Path(__file__).parents[2])) / "tests/install/interface.txt"


def test_layouts_are_those_of_the_compiler() -> None:
    lines = INTERFACE.read_text().splitlines()
    n = 0
    for line in lines:
        if match := re.fullmatch(r"(adah_\w+): (\d+) bytes", line):
            assert ffi.sizeof(match[1]) == int(match[2]), line
            n += 1
        elif match := re.fullmatch(r"(adah_\w+)\+(\d+) (\w+)", line):
            assert ffi.offsetof(match[1], match[3]) == int(match[2]), line
        elif match := re.fullmatch(r"(ADAH_\w+) = (-?\d+)", line):
            assert getattr(lib, match[1]) == int(match[2]), line
    assert n >= 25


def test_every_function_is_declared_and_there() -> None:
    names = re.findall(r"^[^(\n]*\b(adah_\w+)\(", INTERFACE.read_text(), re.MULTILINE)
    assert len(names) > 100
    for name in names:
        assert getattr(lib, name)


def test_every_code_has_its_exception() -> None:
    codes = {value: name for name, value in re.findall(r"^(ADAH_ERROR_\w+) = (\d+)$", INTERFACE.read_text(), re.MULTILINE)}
    for value, name in codes.items():
        assert adah._native.ERRORS[int(value)].code == name  # type: ignore[attr-defined]


def test_version() -> None:
    assert adah.__version__ == ffi.string(lib.adah_version()).decode()


def test_an_error_says_what_and_where(tmp_path: Path) -> None:
    with pytest.raises(adah.NotFoundError, match="nowhere.safetensors") as raised:
        adah.Model(tmp_path / "nowhere.safetensors")
    assert raised.value.code == "ADAH_ERROR_NOT_FOUND"
    assert raised.value.system_error == 2
    assert isinstance(raised.value, LookupError)
    (tmp_path / "text.safetensors").write_text("no model")
    with pytest.raises(adah.CorruptError, match="text.safetensors"):
        adah.Model(tmp_path / "text.safetensors")
    with pytest.raises(ValueError, match="NUL"):
        adah.Model("a\0b")
