"""Data sets: read, written from arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import adah


def test_records(scenes: adah.Dataset) -> None:
    assert len(scenes) == 120 == len(list(scenes))
    assert scenes[0].file_name == "images/scene-00001.png"
    assert scenes[-1] == scenes[119] and scenes[1:3] == [scenes[1], scenes[2]]
    assert scenes[5].row == 5 and scenes[5].line == 6
    assert {r.split for r in scenes} == {"train", "query"}
    with pytest.raises(IndexError):
        scenes[120]
    matrix = scenes.label_matrix()
    assert matrix.shape == (120, len(scenes.labels))
    for i, record in enumerate(scenes):
        assert tuple(np.array(scenes.labels)[matrix[i]]) == record.labels
    assert len(scenes.split_checksum) == 32


def test_bad_records_are_counted_or_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "a boat"}\nno record\n')
    assert adah.Dataset(tmp_path).n_skipped == 1
    assert "2" in adah.Dataset(tmp_path).reasons
    with pytest.raises(adah.FormatError):
        adah.Dataset(tmp_path, strict=True)


def test_from_arrays(tmp_path: Path) -> None:
    image, text = np.random.default_rng(0).normal(size=(2, 6, 10))
    d = adah.Dataset.from_arrays(tmp_path / "d", image=image, text=text, texts=["a", "ü", ["c", "d"], "e", "f", "g"],
                                 labels=np.arange(6) % 2, splits=["query"] + ["train"] * 5)
    assert [r.text for r in d] == ["a", "ü", "c\nd", "e", "f", "g"]
    assert d.labels == ("0", "1") and d[0].split == "query" and d[2].file_name == "2"
    np.testing.assert_array_equal(np.load(d.folder / "image.npy"), image.astype(np.float32))
    with pytest.raises(FileExistsError):
        adah.Dataset.from_arrays(tmp_path / "d", image=image)
    with pytest.raises(ValueError, match="different lengths"):
        adah.Dataset.from_arrays(tmp_path / "e", image=image, texts=["a"])


def test_convert(tmp_path: Path) -> None:
    assert {"mirflickr", "nus-wide", "iapr", "coco", "mat"} <= {name for name, _ in adah.dataset_formats()}
    with pytest.raises(adah.AdahError, match="nowhere"):
        adah.Dataset.convert("iapr", tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(adah.ArgumentError):
        adah.Dataset.convert("no format", tmp_path, tmp_path / "out")
