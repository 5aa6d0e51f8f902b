"""Indexes: searched and changed, next to plain NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Tuple

import numpy as np
import pytest

import adah


def brute(queries: np.ndarray, codes: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return np.unpackbits(queries[:, None] ^ codes[None], axis=2).sum(axis=2)


@pytest.fixture
def random_index(tmp_path: Path) -> adah.Index:
    codes = np.random.default_rng(3).integers(0, 256, (2, 500, 4), np.uint8)
    index = adah.Index.create(tmp_path / "random.adah", n_bits=32)
    ids = index.add(image=codes[0], text=codes[1], file_names=[f"{i}.jpg" for i in range(500)], texts=["a boat"] * 499 + ["a lake"],
                    labels=[["even" if i % 2 == 0 else "odd"] for i in range(500)])
    np.testing.assert_array_equal(ids, np.arange(500))
    return index


def test_search_is_exact(random_index: adah.Index) -> None:
    queries = np.random.default_rng(4).integers(0, 256, (20, 4), np.uint8)
    codes = np.stack([record.text_code for record in random_index])  # type: ignore[misc]
    distance = brute(queries, codes)
    for method in ("auto", "scan", "tables"):
        for hits, row in zip(random_index.search(queries, to="text", k=25, method=method), distance):
            order = np.argsort(row, kind="stable")[:25]
            np.testing.assert_array_equal(hits.ids, order)
            np.testing.assert_array_equal(hits.distances, row[order])
    for hits, row in zip(random_index.search(queries, to="text", k=None, radius=9), distance):
        np.testing.assert_array_equal(np.sort(hits.ids), np.flatnonzero(row <= 9))
    assert random_index.search(queries[:0]) == []
    np.testing.assert_array_equal(random_index.search(queries[0], to="text")[0].ids, random_index.search(queries, to="text")[0].ids)


def test_filters(random_index: adah.Index) -> None:
    query = random_index[7].image_code
    assert random_index.search(query)[0].ids[0] == 7
    assert random_index.search(query, exclude=7)[0].ids[0] != 7
    assert set(random_index.search(query, only=[3, 4, 5])[0].ids) == {3, 4, 5}
    assert len(random_index.search(query, only=[])[0]) == 0
    assert (random_index.search(query, labels=["odd"], k=500)[0].ids % 2 == 1).all()
    found = random_index.search(query, accept=lambda record: record.id % 10 == 3, k=500)[0].ids
    assert len(found) == 50 and (found % 10 == 3).all()
    with pytest.raises(ZeroDivisionError):
        random_index.search(query, accept=lambda record: 1 / 0)
    with pytest.raises(adah.NotFoundError, match="no such label"):
        random_index.search(query, labels=["no such label"])
    assert random_index.search(query, words=["lake"])[0].ids[0] == 499


def test_a_search_that_cannot_be(random_index: adah.Index, model: adah.Model) -> None:
    with pytest.raises(ValueError, match="expected 32"):
        random_index.search(np.zeros((1, 8), np.uint8))
    with pytest.raises(ValueError, match="expected uint8"):
        random_index.search(np.zeros((1, 4)))
    with pytest.raises(ValueError, match="modality"):
        random_index.search(np.zeros((1, 4), np.uint8), to="sound")
    with pytest.raises(adah.MismatchError, match="the order is fine"):
        random_index.search(np.zeros((1, 4), np.uint8), order="fine")
    with pytest.raises(adah.MismatchError):
        random_index.check_model(model)


def test_changes(random_index: adah.Index) -> None:
    other = adah.Index(random_index.path)
    random_index.delete([3, 4])
    assert len(random_index) == 498 and len(other) == 500
    assert 3 not in random_index and 5 in random_index
    with pytest.raises(adah.NotFoundError):
        random_index[3]
    assert len(other.refresh()) == 498
    new = np.full((1, 4), 9, np.uint8)
    random_index.replace(5, image=new, file_names=["new.jpg"], labels=[["a", "b"]])
    record = random_index[5]
    assert record.file_name == "new.jpg" and record.labels == ("a", "b") and record.text == "" and record.text_code is None
    np.testing.assert_array_equal(record.image_code, new[0])
    np.testing.assert_array_equal(random_index.add(text=new, ids=[1000]), [1000])
    with pytest.raises(adah.ExistsError):
        random_index.add(text=np.vstack([new, new]), ids=[1001, 1000])
    assert 1001 not in random_index
    with pytest.raises(adah.NotFoundError):
        random_index.delete([6, 3])
    assert 6 in random_index
    with pytest.raises(ValueError, match="one length"):
        random_index.add(text=new, file_names=["a", "b"])
    random_index.compact()
    assert len(random_index) == 499 and random_index.stats()["n_deleted"] == 0
    adah.Index.verify(random_index.path)


def test_of_a_model(index: adah.Index, model: adah.Model, scenes: adah.Dataset, tmp_path: Path) -> None:
    assert len(index) == len(scenes) and set(index.labels) == set(scenes.labels)
    index.check_model(model)
    query = model.encode_texts(scenes[0].text)
    fine, bits = index.search(query, k=5)[0], index.search(query, k=5, order="bits")[0]
    assert (np.diff(fine.scores) <= 0).all() and fine.scores[0] != 0
    assert (np.diff(bits.distances.astype(int)) >= 0).all() and not bits.scores.any()
    assert index.record(int(fine.rows[0])).id == fine.ids[0]
    assert len(index.search(query, order="relaxed", k=3)[0]) == 3
    counts = index.add_dataset(model, scenes)
    assert counts.n_added == 0 and counts.n_replaced == len(scenes) == len(index)
    added = index.add(image=model.encode_images(scenes.folder / scenes[0].file_name), text=query, file_names=["again.png"])
    np.testing.assert_array_equal(index[int(added[0])].image_fine, index[0].image_fine)
    with pytest.raises(adah.ExistsError):
        adah.Index.create(index.path, model)
    assert len(adah.Index.create(index.path, model, replace=True)) == 0
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(adah.ExistsError):
        adah.Index.create(tmp_path / "mine.txt", model, scenes)


def test_export(random_index: adah.Index, tmp_path: Path) -> None:
    random_index.export("image", tmp_path / "codes.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "codes.npy")[7], random_index[7].image_code)
    with pytest.raises(ValueError, match="format"):
        random_index.export("image", tmp_path / "x", "csv")


def test_busy(random_index: adah.Index) -> None:
    holder = random_index._writer()
    with pytest.raises(adah.BusyError):
        random_index.delete(1)
    del holder
    random_index.delete(1)


def test_sync(model: adah.Model, scenes: adah.Dataset, cache: Path, tmp_path: Path) -> None:
    folder, path = tmp_path / "photos", tmp_path / "photos.adah"
    folder.mkdir()
    pictures = sorted(scenes.folder.glob("**/*.png"))[:10]
    for picture in pictures:
        (folder / picture.name).write_bytes(picture.read_bytes())

    def sync(**options: Any) -> Tuple[int, int, int, int]:
        c = adah.Index.sync(path, model, folder, cache_folder=cache, **options)
        return c.n_added, c.n_replaced, c.n_deleted, c.n_unchanged

    assert sync(dry_run=True) == (10, 0, 0, 0) and not path.exists()
    assert sync() == (10, 0, 0, 0)
    assert sync() == (0, 0, 0, 10)
    index = adah.Index(path)
    (folder / pictures[0].name).unlink()
    (folder / pictures[1].name).unlink()
    (folder / pictures[2].name).unlink()
    with pytest.raises(adah.ExistsError):
        sync()
    asked: List[Any] = []

    def refuse(*numbers: int) -> Any:
        asked.append(numbers)
        raise KeyError("asked")

    with pytest.raises(KeyError, match="asked"):
        sync(may_delete=refuse)
    assert asked == [(3, 10)] and len(index.refresh()) == 10
    assert sync(may_delete=lambda n, n_all: n < n_all) == (0, 0, 3, 7)
    assert len(index.refresh()) == 7
    with pytest.raises(ValueError, match="source"):
        sync(ignore="nothing")
