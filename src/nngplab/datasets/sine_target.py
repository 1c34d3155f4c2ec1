"""The sine-target data of Problems 11 and 12: Gaussian rows on the unit sphere, labelled by the mean of their sines."""

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
    """Training samples X (n, d), labels y (n,); test samples X_test (n_test, d), labels y_test (n_test,).

    The seed and `labels_before_normalising` say how they were drawn; see `sine_target`.
    """

    X: Array
    y: Array
    X_test: Array
    y_test: Array
    seed: int
    labels_before_normalising: bool


def sine_target(n: int, d: int, n_test: int, seed: int, labels_before_normalising: bool = False) -> SineTarget:
    """Draw the data set of Problems 11 and 12, labelled by f(x) = mean of sin(x_i) over the d coordinates.

    The rows are standard normal, from `numpy.random.RandomState(seed)` (the generator that `numpy.random.seed` sets),
    the training rows first, and are then scaled to unit norm. Each label is computed from its normalised row.

    Args:
        n: number of training samples.
        d: number of coordinates.
        n_test: number of test samples.
        seed: what a student passes to `numpy.random.seed`, from 0 to 2^32 - 1.
        labels_before_normalising: read the sheet to the letter, which normalises the test rows only after it has
            labelled them: y_test is then computed from the rows as drawn. X, y and X_test stay as they are. The test
            labels are then about sqrt(d) times larger than what the training labels teach.
    """
    random = np.random.RandomState(seed)
    raw, raw_test = random.normal(size=(n, d)), random.normal(size=(n_test, d))
    X, X_test = _unit_rows(raw), _unit_rows(raw_test)
    y_test = _label(raw_test if labels_before_normalising else X_test)
    return SineTarget(X, _label(X), X_test, y_test, seed, labels_before_normalising)


def write_sine_target(data: SineTarget, path: Path) -> None:
    """Write a data set to an NPZ file."""
    write_npz(path, **asdict(data))


def read_sine_target(path: Path) -> SineTarget:
    """Read a data set from an NPZ file.

    Raises:
        InputError: if the file is not one that `write_sine_target` wrote.
    """
    try:
        with np.load(path) as file:
            before = bool(file["labels_before_normalising"])
            return SineTarget(file["X"], file["y"], file["X_test"], file["y_test"], int(file["seed"]), before)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no sine-target data set ({type(error).__name__}): remove it, run again") from error


def _unit_rows(X: Array) -> Array:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _label(X: Array) -> Array:
    return np.sin(X).mean(axis=1)
