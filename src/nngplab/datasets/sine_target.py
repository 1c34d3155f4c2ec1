"""The sine-target data of Problems 11 and 12: inputs on the unit sphere, labelled by the mean sine of coordinates."""

import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.pipeline.files import write_npz

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SineTarget:
    """Training samples X (n, d) with labels y (n,), and test samples X_test (n_test, d) with labels y_test (n_test,).

    `test_norms` (n_test,) are the norms of the test rows as drawn, before they were scaled to unit norm. `seed` and
    `labels_before_normalising` are the arguments of `sine_target` that gave the data.

    >>> sine_target(n=100, d=10, n_test=50, seed=0)
    <SineTarget X: (100, 10), X_test: (50, 10), seed: 0>
    """

    X: Array
    y: Array
    X_test: Array
    y_test: Array
    test_norms: Array
    seed: int
    labels_before_normalising: bool

    def __repr__(self) -> str:
        return f"<SineTarget X: {self.X.shape}, X_test: {self.X_test.shape}, seed: {self.seed}>"


def sine_target(n: int, d: int, n_test: int, seed: int, labels_before_normalising: bool = False) -> SineTarget:
    """Draw the data set of Problems 11 and 12, with the labels f(x) = mean of sin(x_i) over the d coordinates.

    The rows are standard normal, the training rows first, and are then scaled to unit norm. They come from
    `numpy.random.RandomState(seed)`, so they are those after `numpy.random.seed(seed)`. Each label is computed from its
    normalised row.

    Args:
        n: number of training samples.
        d: number of coordinates.
        n_test: number of test samples.
        seed: the seed, as for `numpy.random.seed`, from 0 to 2^32 - 1.
        labels_before_normalising: follow the problem set to the letter, which normalises the test rows only after it
            has labelled them: y_test is computed from the rows as drawn. X, y and X_test do not change. The test labels
            are then about 0.66 sqrt(d) times as large as f of the normalised rows, which the training labels follow.

    >>> data = sine_target(n=100, d=10, n_test=50, seed=0)
    >>> data.X.shape, data.y_test.shape
    ((100, 10), (50,))
    >>> bool(np.allclose(data.y, np.sin(data.X).mean(axis=1)))
    True
    """
    rng = np.random.RandomState(seed)
    raw, raw_test = rng.normal(size=(n, d)), rng.normal(size=(n_test, d))
    test_norms = np.linalg.norm(raw_test, axis=1)
    X, X_test = raw / np.linalg.norm(raw, axis=1, keepdims=True), raw_test / test_norms[:, None]
    y_test = target(raw_test if labels_before_normalising else X_test)
    return SineTarget(X, target(X), X_test, y_test, test_norms, seed, labels_before_normalising)


def target(X: Array) -> Array:
    """Return f(x) = mean of sin(x_i) over the coordinates, for each row x of X (n, d): (n,)."""
    return np.sin(X).mean(axis=1)


def labels_as_drawn(data: SineTarget) -> Array:
    """Return the labels of the test rows by the letter of the problem set, f of the rows as drawn: (n_test,)."""
    return target(data.test_norms[:, None] * data.X_test)


def prediction_errors(prediction: Array, y: Array) -> dict[str, float]:
    """Return the mean squared error of a prediction of test labels y (n_test,), and R² against their variance."""
    test_mse = np.mean((prediction - y) ** 2)
    return {"test_mse": test_mse, "r2": 1 - test_mse / np.var(y)}


def write_sine_target(data: SineTarget, path: Path) -> None:
    """Write a data set to an NPZ file."""
    write_npz(path, **asdict(data))


def read_sine_target(path: Path) -> SineTarget:
    """Read a data set from an NPZ file.

    Raises:
        InputError: if `write_sine_target` did not write the file.
    """
    try:
        with np.load(path) as file:
            before = bool(file["labels_before_normalising"])
            X, y, X_test, y_test, norms = (file[name] for name in ("X", "y", "X_test", "y_test", "test_norms"))
            return SineTarget(X, y, X_test, y_test, norms, int(file["seed"]), before)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is not a sine-target data set ({type(error).__name__}): remove it and run again"
        ) from error
