"""What most tests work with: scenes and a model of them, made once. Training takes a third of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import adah

QUICK = {"n_side": 16}


@pytest.fixture(scope="session", autouse=True)
def one_thread(tmp_path_factory: Any) -> None:
    adah.set_threads(1)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: Any) -> adah.Dataset:
    return adah.Dataset.synth(tmp_path_factory.mktemp("data") / "scenes", n_scenes=120, n_side=32)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: Any) -> Path:
    return Path(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def model(scenes: adah.Dataset, cache: Path, tmp_path_factory: Any) -> adah.Model:
    return adah.train(scenes, tmp_path_factory.mktemp("model") / "model.safetensors", n_bits=16, n_epochs=1, settings={**QUICK, "n_fine": 8},
                      cache_folder=cache)


@pytest.fixture
def index(model: adah.Model, scenes: adah.Dataset, tmp_path: Path) -> adah.Index:
    return adah.Index.create(tmp_path / "scenes.adah", model, scenes)
