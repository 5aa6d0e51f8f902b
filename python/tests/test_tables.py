"""Tables of other programs, in and out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import adah


def rows(dataset: adah.Dataset) -> list:
    return [(r.file_name, r.text, r.labels, r.split) for r in dataset]


def test_by_parquet(scenes: adah.Dataset, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(scenes.to_arrow(), tmp_path / "scenes.parquet")
    back = adah.Dataset.from_table(tmp_path / "scenes.parquet", tmp_path / "back")
    assert rows(back) == rows(scenes) and back.split_checksum == scenes.split_checksum


def test_by_pandas(scenes: adah.Dataset, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = scenes.to_pandas().rename(columns={"text": "said", "labels": "classes"})
    assert rows(adah.Dataset.from_table(frame, tmp_path / "back", text="said", labels="classes")) == rows(scenes)
    with pytest.raises(ValueError, match="no column 'nothing': it has file_name, said"):
        adah.Dataset.from_table(frame, tmp_path / "other", text="nothing")
    with pytest.raises(FileExistsError):
        adah.Dataset.from_table(frame, tmp_path / "back")


def test_vectors(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    image, text = np.random.default_rng(0).normal(size=(2, 6, 10)).astype(np.float32)
    table = pa.table({"image": image.tolist(), "of_text": text.tolist(), "caption": list("abcdef"), "label": [0, 1, 0, 1, 0, 1]})
    d = adah.Dataset.from_table(table, tmp_path / "d", text_vectors="of_text")
    assert [r.text for r in d] == list("abcdef") and d.labels == ("0", "1")
    assert (np.load(tmp_path / "d/image.npy") == image).all() and (np.load(tmp_path / "d/text.npy") == text).all()


def test_pictures_as_bytes(scenes: adah.Dataset, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pictures = [(scenes.folder / r.file_name).read_bytes() for r in scenes[:5]]
    d = adah.Dataset.from_table(pa.table({"image": pictures, "text": [r.text for r in scenes[:5]]}), tmp_path / "d")
    assert [r.file_name for r in d][:2] == ["images/000000.png", "images/000001.png"]
    assert [(d.folder / r.file_name).read_bytes() for r in d] == pictures
    for name in ("../out.png", "/tmp/out.png"):
        shutil.rmtree(tmp_path / "e", ignore_errors=True)
        with pytest.raises(ValueError, match="below the folder"):
            adah.Dataset.from_table(pa.table({"image": pictures[:1], "file_name": [name]}), tmp_path / "e")
    assert not (tmp_path / "out.png").exists()


def test_by_hugging_face(scenes: adah.Dataset, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    made = scenes.to_huggingface()
    assert made.num_rows == len(scenes) and isinstance(made.features["image"], datasets.Image)
    parts = datasets.DatasetDict({"train": made.select(range(100)).remove_columns(["split", "file_name"]),
                                  "test": made.select(range(100, 120)).remove_columns(["split", "file_name"])})
    back = adah.Dataset.from_table(parts, tmp_path / "back")
    assert [(r.text, r.labels) for r in back] == [(r.text, r.labels) for r in scenes]
    assert [r.split for r in back] == ["train"] * 100 + ["query"] * 20
    assert all((back.folder / a.file_name).read_bytes() == (scenes.folder / b.file_name).read_bytes() for a, b in zip(back, scenes))
    classes = datasets.Dataset.from_dict({"file_name": ["a", "b"], "label": [1, 0]},
                                         features=datasets.Features({"file_name": datasets.Value("string"),
                                                                     "label": datasets.ClassLabel(names=["boat", "tree"])}))
    assert [r.labels for r in adah.Dataset.from_table(classes, tmp_path / "classes")] == [("tree",), ("boat",)]


def test_hits_and_evaluations(index: adah.Index, model: adah.Model, scenes: adah.Dataset) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    hits = index.search(model.encode_texts(scenes[0].text), to="image", k=5)[0]
    frame = hits.to_pandas()
    assert frame["id"].tolist() == hits.ids.tolist() and frame["distance"].tolist() == hits.distances.tolist()
    assert hits.to_arrow().column("row").to_pylist() == hits.rows.tolist()
    found = adah.evaluate(model, scenes)
    assert found.to_pandas().loc["image_to_text", "map"] == found["image_to_text"]["map"]


def test_latex(model: adah.Model, scenes: adah.Dataset) -> None:
    found = adah.evaluate(model, scenes, k=20)
    lines = found.to_latex(digits=3).splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrr}" and lines[2] == r" & mAP & mAP, tie-aware & mAP@20 & NDCG@20 \\"
    assert lines[4].startswith(rf"image $\to$ text & {found['image_to_text']['map']:.3f} & ")
    with pytest.raises(ValueError, match="no_such"):
        found.to_latex(["no_such"])


def test_other_things_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no table"):
        adah.Dataset.from_table(3, tmp_path / "d")


def test_keys_and_sources(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("pic,words,kind\na.png,a boat,x\n")
    d = adah.Dataset(tmp_path, file_key="pic", text_keys="words", label_keys=["kind"])
    assert rows(d) == [("a.png", "a boat", ("x",), "train")]
    with pytest.raises(adah.AdahError, match="no_such"):
        adah.Dataset(tmp_path, file_key="pic", text_keys=["no_such"])
    with pytest.raises(ValueError, match="no source"):
        adah.Dataset(tmp_path, ignore="no_such")


def test_sources_that_are_ignored(scenes: adah.Dataset, tmp_path: Path) -> None:
    for folder in ("boats", "trees"):
        (tmp_path / folder).mkdir()
        shutil.copy(scenes.folder / scenes[0].file_name, tmp_path / folder / "red.png")
    (tmp_path / "boats/red.png.txt").write_text("a red boat")
    assert adah.Dataset(tmp_path)[0].text == "a red boat"
    assert adah.Dataset(tmp_path, ignore=["sidecars"])[0].text == "red"
    assert adah.Dataset(tmp_path)[0].labels == ("boats",) and adah.Dataset(tmp_path, ignore="folders")[0].labels == ()


def test_a_backbone_learns_from_a_layer_on(scenes: adah.Dataset, tmp_path: Path) -> None:
    with pytest.raises(adah.AdahError):
        adah.train(scenes, tmp_path / "m", finetune="no_such_layer", n_bits=16)
