"""Learning to hash with scikit-learn's manners. The class works without scikit-learn, and is one of its estimators where it is installed."""

from __future__ import annotations

import importlib
import inspect
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from adah import _native as native
from adah._data import Dataset
from adah._model import Model, train
from adah._native import Path_, ProgressFunction


class _Parameters:
    """What an estimator has by scikit-learn's manners, where that is not installed."""

    def get_params(self, deep: bool = True) -> Dict[str, Any]:
        return {name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"}

    def set_params(self, **parameters: Any) -> Any:
        for name, value in parameters.items():
            if name not in self.get_params():
                raise ValueError(f"{name!r} is no parameter, expected one of {', '.join(self.get_params())}")
            setattr(self, name, value)
        return self

    def fit_transform(self, X: Any, y: Any = None, **more: Any) -> Any:
        return self.fit(X, y, **more).transform(X)  # type: ignore[attr-defined]


try:
    _base = importlib.import_module("sklearn.base")
    _validation: Any = importlib.import_module("sklearn.utils.validation")
    _Estimator: Any = type("_Estimator", (_base.TransformerMixin, _base.BaseEstimator), {})
except ImportError:
    _validation = None
    _Estimator = _Parameters


class Hasher(_Estimator):  # type: ignore[misc]
    """Codes of vectors, as an estimator.

        hasher = adah.Hasher(n_bits=32, method="itq").fit(X)
        codes = hasher.transform(X)                                    # (n, n_bits / 8) uint8

        hasher = adah.Hasher(n_bits=32, method="scm-seq").fit(images, y=classes, partners=texts)
        hasher.transform(images), hasher.transform_partners(texts)

    n_bits: of a code, a multiple of 8. method: "itq" or "random", which need neither labels nor partners, or one of `adah.train_methods()`; of
    itq, random and the other closed forms codes have at most as many bits as vectors have values. n_epochs, settings: as of `adah.train`. seed:
    of all randomness. packed: `transform` gives packed codes, or one value of 0 or 1 for each bit, (n, n_bits) uint8.

    After `fit`, `model_` is the `adah.Model`; `save` writes it as a file."""

    def __init__(self, n_bits: int = 64, method: str = "itq", n_epochs: Optional[int] = None, settings: Optional[Mapping[str, Any]] = None,
                 seed: int = 0, packed: bool = True):
        self.n_bits = n_bits
        self.method = method
        self.n_epochs = n_epochs
        self.settings = settings
        self.seed = seed
        self.packed = packed

    def fit(self, X: Any, y: Any = None, *, partners: Any = None, progress: Union[bool, ProgressFunction, None] = None) -> "Hasher":
        """X: (n, D) vectors. y: classes (n), or a matrix (n, n_labels) of 0 and 1: what shares one is alike. partners: (n, E) vectors of the other
        kind, row by row; without them, X stands for both."""
        X = self._checked(X, first=True)
        if partners is not None:
            partners = _plain_array(partners, "partners")
            if len(partners) != len(X):
                raise ValueError(f"{len(partners)} partners for {len(X)} vectors, expected one for each")
        labels: Any = None
        if y is not None:
            y = native.as_array(y)
            if len(y) != len(X):
                raise ValueError(f"{len(y)} labels for {len(X)} vectors, expected one for each")
            labels = [[str(c) for c in np.flatnonzero(row)] for row in y] if y.ndim == 2 else [str(c) for c in y]
        with tempfile.TemporaryDirectory(prefix="adah-") as folder:
            data = Dataset.from_arrays(Path(folder) / "data", image=X, text=X if partners is None else partners, labels=labels)
            path = Path(folder) / "model.safetensors"
            train(data, path, method=self.method, n_bits=self.n_bits, n_epochs=self.n_epochs, settings=self.settings, seed=self.seed,
                  progress=progress)
            self.model_file_ = path.read_bytes()
            self.model_ = Model(path)
        self.n_partner_features_in_ = X.shape[1] if partners is None else partners.shape[1]
        return self

    def transform(self, X: Any) -> NDArray[np.uint8]:
        """Codes (n, n_bits / 8) of vectors (n, D); (n, n_bits) of 0 and 1 unless packed."""
        self._check_fitted()
        return self._codes("image", self._checked(X, first=False))

    def transform_partners(self, partners: Any) -> NDArray[np.uint8]:
        """The same of vectors (n, E) of the other kind."""
        self._check_fitted()
        array = _plain_array(partners, "partners")
        if array.shape[1] != self.n_partner_features_in_:
            raise ValueError(f"partners have {array.shape[1]} values, expected {self.n_partner_features_in_}")
        return self._codes("text", array)

    def save(self, path: Path_) -> None:
        """Writes the model as a file, for `adah.Model` and the command."""
        self._check_fitted()
        with tempfile.NamedTemporaryFile(dir=Path(path).parent, delete=False) as file:
            file.write(self.model_file_)
        os.replace(file.name, path)

    def _codes(self, modality: str, array: NDArray[Any]) -> NDArray[np.uint8]:
        codes = self.model_.encode_features(modality, array).codes
        return codes if self.packed else np.unpackbits(codes, axis=1, bitorder="little")

    def _check_fitted(self) -> None:
        if _validation is not None:
            _validation.check_is_fitted(self)
        elif not hasattr(self, "model_"):
            raise ValueError("this Hasher is not fitted yet: call fit first")

    def _checked(self, X: Any, first: bool) -> NDArray[Any]:
        if _validation is not None and hasattr(_validation, "validate_data"):
            array: NDArray[Any] = _validation.validate_data(self, X, dtype=np.float32, reset=first, ensure_min_samples=2 if first else 1,
                                                          ensure_min_features=2 if first else 1)
            return array
        array = _plain_array(X, "X")
        if first:
            if min(array.shape) < 2:
                raise ValueError(f"X has {len(array)} sample(s) and {array.shape[1]} feature(s), expected 2 or more of both")
            self.n_features_in_ = array.shape[1]
        elif array.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {array.shape[1]} features, but Hasher is expecting {self.n_features_in_} features as input")
        return array

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    # A model in memory is made again from its file, so that an estimator can be pickled and copied.

    def __getstate__(self) -> Dict[str, Any]:
        base: Any = super()
        state = dict(base.__getstate__() if hasattr(_Estimator, "__getstate__") else self.__dict__)
        state.pop("model_", None)
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        base: Any = super()
        if hasattr(_Estimator, "__setstate__"):
            base.__setstate__(state)
        else:
            self.__dict__.update(state)
        if "model_file_" in state:
            with tempfile.TemporaryDirectory(prefix="adah-") as folder:
                path = Path(folder) / "model.safetensors"
                path.write_bytes(self.model_file_)
                self.model_ = Model(path)


def _plain_array(value: Any, name: str) -> NDArray[Any]:
    array = np.asarray(native.as_array(value), np.float32)
    shape: Tuple[int, ...] = array.shape
    if array.ndim != 2:
        raise ValueError(f"{name} has the shape {shape}, expected (n, n_values)")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity")
    return array
