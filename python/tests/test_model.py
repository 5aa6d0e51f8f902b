"""Training, encoding, evaluation."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import List

import numpy as np
import pytest

import adah
from conftest import QUICK


def test_encode_agrees_with_the_index(model: adah.Model, scenes: adah.Dataset, index: adah.Index) -> None:
    files = [scenes.folder / r.file_name for r in scenes[:5]]
    images = model.encode_images(files)
    texts = model.encode_texts([r.text for r in scenes[:5]])
    assert images.codes.shape == (5, 2) and images.codes.dtype == np.uint8
    assert images.relaxed is not None and images.fine is not None and images.fine.shape == (5, model.n_fine("image"))
    for i in range(5):
        np.testing.assert_array_equal(images.codes[i], index[i].image_code)
        np.testing.assert_array_equal(texts.codes[i], index[i].text_code)
        np.testing.assert_array_equal(images.fine[i], index[i].image_fine)
    np.testing.assert_array_equal(np.packbits(images.relaxed >= 0, axis=1, bitorder="little"), images.codes)
    np.testing.assert_array_equal(model.encode_images(files[2].read_bytes()).codes, images.codes[2:3])
    everything = model.encode_dataset(scenes)
    np.testing.assert_array_equal(everything.image.codes[:5], images.codes)
    np.testing.assert_array_equal(everything.record, np.arange(120))
    assert everything.image.relaxed is None and everything.text.fine is not None


def test_pixels_are_as_good_as_files(model: adah.Model, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 30, 3), np.uint8)
    ppm = tmp_path / "a.ppm"
    ppm.write_bytes(b"P6 30 40 255\n" + pixels.tobytes())
    np.testing.assert_array_equal(model.encode_images(pixels).codes, model.encode_images(ppm).codes)
    np.testing.assert_array_equal(model.encode_images(pixels[:, ::-1][:, ::-1]).codes, model.encode_images([ppm]).codes)
    with pytest.raises(ValueError, match="expected uint8"):
        model.encode_images(pixels.astype(float))


def test_attention(model: adah.Model, scenes: adah.Dataset) -> None:
    if not model.has_attention:
        pytest.skip("the preset has no masks for this backbone")
    (seen,) = model.attend_images(scenes.folder / scenes[0].file_name)
    assert seen.probability.shape == seen.mask.shape
    assert abs(float(seen.probability.sum()) - 1) < 1e-5 and seen.mask.dtype == np.bool_


def test_words_that_nobody_knows(model: adah.Model) -> None:
    with pytest.raises(adah.UnknownWordError):
        model.encode_texts("xyzzy")


def test_threads_share_a_model(model: adah.Model, scenes: adah.Dataset) -> None:
    texts = [r.text for r in scenes]
    wanted = model.encode_texts(texts).codes
    found: List[bool] = []
    threads = [threading.Thread(target=lambda: found.append(bool((model.encode_texts(texts).codes == wanted).all()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_features(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    image, text = rng.normal(size=(2, 60, 12))
    d = adah.Dataset.from_arrays(tmp_path / "d", image=image, text=text, labels=(np.arange(60) % 3).tolist())
    model = adah.train(d, tmp_path / "m.safetensors", method="itq", n_bits=8)
    assert model.n_values("image") == 12 and not model.takes_texts
    both = model.encode_dataset(d, keep_relaxed=True)
    for dtype in (np.float64, np.float32):
        encoded = model.encode_features("image", image.astype(dtype))
        np.testing.assert_array_equal(encoded.codes, both.image.codes)
        np.testing.assert_array_equal(encoded.relaxed, both.image.relaxed)
    np.testing.assert_array_equal(model.encode_features("text", text[3]).codes, both.text.codes[3:4])
    codes = encoded.codes
    del encoded, both, model, d  # arrays keep what they show
    assert codes.sum() >= 0
    codes[0] = 1  # and may be written
    with pytest.raises(adah.MismatchError, match="12 values"):
        adah.Model(tmp_path / "m.safetensors").encode_features("image", np.zeros((2, 13)))
    with pytest.raises(adah.MismatchError):
        adah.Model(tmp_path / "m.safetensors").encode_texts("a boat")
    with pytest.raises(adah.ArgumentError, match="finite"):
        adah.Model(tmp_path / "m.safetensors").encode_features("image", np.full((2, 12), np.nan))


def test_evaluate(model: adah.Model, scenes: adah.Dataset) -> None:
    found = adah.evaluate(model, scenes, k=10)
    assert found["n_queries"] + found["n_queries_without_relevant"] == sum(r.split == "query" for r in scenes)
    assert set(found.mean_average_precision) == {"image_to_text", "text_to_image", "image_to_image", "text_to_text"}
    assert found["image_to_text"]["k"] == 10
    assert 0 < found.mean_average_precision["text_to_image"] <= 1
    assert "map_real" in adah.evaluate(model, scenes, real=True)["image_to_text"]


# ---- training ----


def steps(scenes: adah.Dataset, path: Path, cache: Path, progress: object = None, **more: object) -> adah.Model:
    return adah.train(scenes, path, n_bits=16, n_epochs=2, settings=QUICK, cache_folder=cache, checkpoint_seconds=0,
                      progress=progress, **more)  # type: ignore[arg-type]


def test_progress(scenes: adah.Dataset, cache: Path, tmp_path: Path) -> None:
    seen: List[adah.Progress] = []
    steps(scenes, tmp_path / "m.safetensors", cache, seen.append)
    assert "training" in {event.stage for event in seen}
    assert sum(event.is_result for event in seen) >= 2
    assert not (tmp_path / "m.safetensors.checkpoint").exists()


@pytest.mark.parametrize("how", ["callback", "exception", "signal"])
def test_a_stopped_training_goes_on_to_the_same_bits(scenes: adah.Dataset, cache: Path, tmp_path: Path, how: str) -> None:
    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    steps(scenes, whole, cache)
    n_results = 0

    def stop(event: adah.Progress) -> bool:
        nonlocal n_results
        n_results += event.is_result
        if not n_results:
            return False
        if how == "exception":
            raise ZeroDivisionError("mine")
        if how == "signal":
            os.kill(os.getpid(), signal.SIGINT)
        return how == "callback"

    wanted = {"callback": adah.CancelledError, "exception": ZeroDivisionError, "signal": KeyboardInterrupt}[how]
    with pytest.raises(wanted):
        steps(scenes, cut, cache, stop)
    assert not cut.exists() and Path(f"{cut}.checkpoint").exists()
    steps(scenes, cut, cache, resume=True)
    assert adah.Model(cut).id == adah.Model(whole).id


def test_ctrl_c_without_a_callback(scenes: adah.Dataset, cache: Path, tmp_path: Path) -> None:
    """The signal comes while the library works, and is raised at its next report."""
    path = tmp_path / "m.safetensors"

    def when_there_is_work() -> None:
        while not Path(f"{path}.checkpoint").exists():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=when_there_is_work)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        adah.train(scenes, path, n_bits=16, n_epochs=1000, settings=QUICK, cache_folder=cache, checkpoint_seconds=0)
    thread.join()
    assert Path(f"{path}.checkpoint").exists()


def test_bad_options_are_told(scenes: adah.Dataset, tmp_path: Path) -> None:
    with pytest.raises(adah.ArgumentError, match="13"):
        adah.train(scenes, tmp_path / "m", n_bits=13)
    with pytest.raises(adah.ArgumentError, match="no_such"):
        adah.train(scenes, tmp_path / "m", settings={"no_such": 1})
    assert ("adah" in dict(adah.train_methods())) and ("itq" in dict(adah.train_methods()))


def test_history(model: adah.Model) -> None:
    assert [epoch["epoch"] for epoch in model.history] == [1]


def test_logs(scenes: adah.Dataset, cache: Path, tmp_path: Path) -> None:
    adah.train(scenes, tmp_path / "m.safetensors", n_bits=16, n_epochs=2, settings=QUICK, cache_folder=cache,
               log_csv=tmp_path / "log.csv", log_tensorboard=tmp_path / "runs")
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert len(lines) == 3 and lines[0].startswith("epoch,loss_") and lines[0].endswith("learning_rate")
    assert len(list((tmp_path / "runs").glob("events.out.tfevents.*"))) == 1
    with pytest.raises(adah.ArgumentError, match="cannot be the model"):
        adah.train(scenes, tmp_path / "x.safetensors", log_csv=tmp_path / "x.safetensors")
