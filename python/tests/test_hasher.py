"""The estimator: learns, encodes both kinds, keeps scikit-learn's manners, with that and without."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import adah
from adah import metrics

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 4, 120)
IMAGES, TEXTS = (RNG.normal(size=(4, n))[CLASSES] * 2 + RNG.normal(size=(120, n)) for n in (20, 12))


def test_codes_of_both_kinds(tmp_path: Path) -> None:
    hasher = adah.Hasher(n_bits=16, method="scm-seq").fit(IMAGES[:90], CLASSES[:90], partners=TEXTS[:90])
    codes, partners = hasher.transform(IMAGES[90:]), hasher.transform_partners(TEXTS[90:])
    assert codes.shape == partners.shape == (30, 2) and codes.dtype == np.uint8
    found = metrics.mean_average_precision(codes, hasher.transform_partners(TEXTS[:90]), CLASSES[90:], CLASSES[:90])
    assert found > 0.6  # by chance 0.25 of them are relevant
    hasher.save(tmp_path / "m.safetensors")
    assert (adah.Model(tmp_path / "m.safetensors").encode_features("image", IMAGES[90:]).codes == codes).all()
    hasher.set_params(packed=False)
    assert (hasher.transform(IMAGES[90:]) == np.unpackbits(codes, axis=1, bitorder="little")).all()
    with pytest.raises(ValueError, match="12"):
        hasher.transform_partners(IMAGES)


def test_labels_of_any_form_are_the_same() -> None:
    matrix = (CLASSES[:, None] == np.arange(4)).astype(np.uint8)
    codes = [adah.Hasher(n_bits=8, method="scm-seq").fit(IMAGES, y).transform(IMAGES) for y in (CLASSES, matrix, CLASSES.astype(str))]
    assert (codes[0] == codes[1]).all() and (codes[0] == codes[2]).all()


def test_copies_encode_the_same() -> None:
    hasher = adah.Hasher(n_bits=16).fit(IMAGES)
    codes = hasher.transform(IMAGES)
    for other in (pickle.loads(pickle.dumps(hasher)), copy.deepcopy(hasher)):
        assert (other.transform(IMAGES) == codes).all()
    assert (adah.Hasher(n_bits=16).fit_transform(IMAGES) == codes).all()


def test_parameters() -> None:
    hasher = adah.Hasher(n_bits=16)
    assert hasher.get_params() == {"n_bits": 16, "method": "itq", "n_epochs": None, "settings": None, "seed": 0, "packed": True}
    assert hasher.set_params(seed=3) is hasher and hasher.seed == 3
    with pytest.raises(ValueError, match="no_such"):
        hasher.set_params(no_such=1)
    with pytest.raises(ValueError, match="fit"):
        hasher.transform(IMAGES)
    with pytest.raises(ValueError, match="119"):
        hasher.fit(IMAGES, CLASSES[:119])


def test_without_scikit_learn(tmp_path: Path) -> None:
    """The tests above once more, in a process that cannot import it."""
    if os.environ.get("ADAH_TEST_WITHOUT_SKLEARN"):
        assert "sklearn" not in sys.modules or sys.modules["sklearn"] is None
        return
    program = f"import sys; sys.modules['sklearn'] = None; import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', {__file__!r}]))"
    ran = subprocess.run([sys.executable, "-c", program], env={**os.environ, "ADAH_TEST_WITHOUT_SKLEARN": "1"}, cwd=tmp_path, capture_output=True,
                         text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_estimator_checks() -> None:
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    checks.check_estimator(adah.Hasher(n_bits=8))


def test_in_a_pipeline() -> None:
    pipeline = pytest.importorskip("sklearn.pipeline")
    neighbours, scaling = pytest.importorskip("sklearn.neighbors"), pytest.importorskip("sklearn.preprocessing")
    made = pipeline.make_pipeline(scaling.StandardScaler(), adah.Hasher(n_bits=16, packed=False),
                                  neighbours.KNeighborsClassifier(metric="hamming"))
    assert made.fit(IMAGES[:90], CLASSES[:90]).score(IMAGES[90:], CLASSES[90:]) > 0.8
