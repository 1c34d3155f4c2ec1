"""The samples of the course challenge (sheet, Problem 13), and how its models are measured on them.

The models are in `challenge_kernels` and `challenge_networks`, so that neither kind depends on the code of the other.
Each is fitted to the targets less their mean, in units of their standard deviation.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]
Hyperparameters = dict[str, Any]
Predictor = Callable[[Array], Array]


@dataclass(frozen=True)
class Samples:
    """Inputs X (n, d) and targets y (n, outputs), float64; one-hot targets where `classes`."""

    X: Array
    y: Array
    classes: bool


@dataclass(frozen=True)
class Selection:
    """All that a choice between models may see: the training and the validation samples."""

    train: Samples
    val: Samples


def read_selection(path: Path) -> Selection:
    """Read the samples for training and validation, as `workflow/scripts/challenge_*_data.py` write them."""
    with np.load(path) as file:
        return Selection(_samples(file, "train", file), _samples(file, "val", file))


def read_test(path: Path, selection: Path) -> Samples:
    """Read the test samples, shifted and scaled as the training samples are, which `selection` holds."""
    with np.load(path) as file, np.load(selection) as scaling:
        return _samples(file, "test", scaling)


def _samples(file: Any, split: str, scaling: Any) -> Samples:
    X = (file[f"X_{split}"].astype(np.float64) - scaling["shift"]) / scaling["scale"]
    y, classes = file[f"y_{split}"], int(scaling["classes"])
    return Samples(X, np.eye(classes)[y] if classes else y[:, np.newaxis], bool(classes))


def errors(outputs: Array, samples: Samples) -> dict[str, float]:
    """Return mse, r2 and, for classes, accuracy (else NaN) of outputs (n, outputs).

    The squared error is averaged over the outputs too; R² is one minus its ratio to that of predicting the mean.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # the outputs of a network that diverged
        mse = np.mean((outputs - samples.y) ** 2)
    right = outputs.argmax(axis=1) == samples.y.argmax(axis=1)
    return {
        "mse": float(mse),
        "r2": float(1 - mse / np.mean((samples.y - samples.y.mean(axis=0)) ** 2)),
        "accuracy": float(right.mean()) if samples.classes else np.nan,
    }


def score(samples: Samples) -> str:
    """Return by which of `errors` models are ranked: the accuracy of classes, else R²."""
    return "accuracy" if samples.classes else "r2"


def measure(predictor: Predictor, selection: Selection) -> dict[str, dict[str, float]]:
    """Return the errors of a predictor on the training and on the validation samples."""
    return {split: errors(predictor(part.X), part) for split, part in vars(selection).items()}


def candidate_rows(
    model: str, hyperparameters: Hyperparameters, measured: dict[str, dict[str, float]], outcome: str
) -> list[dict[str, Any]]:
    """Return the rows of one candidate in the table of all: one for each split that was measured."""
    named = {"model": model, "hyperparameters": json.dumps(hyperparameters)}
    return [{**named, "split": split, **values, "outcome": outcome} for split, values in measured.items()]


class Cost:
    """What a job costs, from here on: seconds on the wall clock and of the processor, and peak memory."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def table(self, dataset: str, model: str, step: str, fits: int) -> pd.DataFrame:
        """Return one row: what this process has needed for so many fits of a model."""
        # In KiB, but on macOS in bytes.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return pd.DataFrame(
            {"dataset": [dataset], "model": model, "step": step, "fits": fits}
            | {"seconds": time.perf_counter() - self.wall, "cpu_seconds": time.process_time() - self.cpu}
            | {"peak_memory_mib": peak / 2**20}
        )


def standardised(samples: Samples) -> Array:
    """Return the targets less their mean, in units of their standard deviation, (n, outputs)."""
    return (samples.y - samples.y.mean(axis=0)) / _deviation(samples)


def unscaled(outputs: Array, samples: Samples) -> Array:
    """Return outputs that fit `standardised` targets, (n,) or (n, outputs), as they fit the targets: (n, outputs)."""
    return outputs.reshape(len(outputs), -1) * _deviation(samples) + samples.y.mean(axis=0)


def _deviation(samples: Samples) -> float:
    return float(samples.y.std()) or 1.0
