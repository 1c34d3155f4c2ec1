"""The samples of the course challenge (Problem 13), and the evaluation of models on them.

The models are in `challenge_kernels` and `challenge_networks`, so that neither module depends on the other. All models
are fitted to standardised targets.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]
Hyperparameters = dict[str, Any]
Predictor = Callable[[Array], Array]


@dataclass(frozen=True)
class Samples:
    """Inputs X (n, d) and targets y (n, outputs), float64. For classification (`classes`), targets are one-hot."""

    X: Array
    y: Array
    classes: bool


@dataclass(frozen=True)
class SelectionSamples:
    """The samples for model selection: training and validation."""

    train: Samples
    val: Samples

    def first(self, n: int | None) -> Self:
        """Return these samples with the first n of those for training alone, or with all of them for None."""
        return replace(self, train=replace(self.train, X=self.train.X[:n], y=self.train.y[:n]))

    @property
    def together(self) -> Samples:
        """The training samples, and then those for validation."""
        X, y = (np.concatenate([getattr(self.train, name), getattr(self.val, name)]) for name in ("X", "y"))
        return Samples(X, y, self.train.classes)


def read_selection(path: Path) -> SelectionSamples:
    """Read the training and validation samples from a file of `workflow/scripts/challenge_*_data.py`."""
    with np.load(path) as file:
        return SelectionSamples(_samples(file, "train", file), _samples(file, "val", file))


def read_test(path: Path, selection: Path) -> Samples:
    """Read the test samples, with the shift and scale of the inputs from the file `selection` of the other samples."""
    with np.load(path) as file, np.load(selection) as scaling:
        return _samples(file, "test", scaling)


def _samples(file: Any, split: str, scaling: Any) -> Samples:
    X = (file[f"X_{split}"].astype(np.float64) - scaling["shift"]) / scaling["scale"]
    y, classes = file[f"y_{split}"], int(scaling["classes"])
    return Samples(X, np.eye(classes)[y] if classes else y[:, np.newaxis], bool(classes))


def evaluate(outputs: Array, samples: Samples) -> dict[str, float]:
    """Return the metrics mse, r2 and accuracy of outputs (n, outputs); accuracy is NaN without classes.

    The squared error is averaged over samples and outputs. R² is 1 minus its ratio to the squared error of the mean
    target.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # for outputs of a network that diverged
        mse = np.mean((outputs - samples.y) ** 2)
    right = outputs.argmax(axis=1) == samples.y.argmax(axis=1)
    return {
        "mse": float(mse),
        "r2": float(1 - mse / np.mean((samples.y - samples.y.mean(axis=0)) ** 2)),
        "accuracy": float(right.mean()) if samples.classes else np.nan,
    }


def ranking_metric(samples: Samples) -> str:
    """Return the name of the metric of `evaluate` by which models are ranked: accuracy for classes, else r2."""
    return "accuracy" if samples.classes else "r2"


def evaluate_predictor(predictor: Predictor, selection: SelectionSamples) -> dict[str, dict[str, float]]:
    """Return the metrics of a predictor on the training and on the validation samples."""
    return {split: evaluate(predictor(part.X), part) for split, part in vars(selection).items()}


def candidate_rows(
    model: str, hyperparameters: Hyperparameters, metrics: dict[str, dict[str, float]], outcome: str
) -> list[dict[str, Any]]:
    """Return the rows of one candidate in the table of all candidates, one for each split in `metrics`."""
    candidate = {"model": model, "hyperparameters": json.dumps(hyperparameters)}
    return [{**candidate, "split": split, **values, "outcome": outcome} for split, values in metrics.items()]


class CostMeter:
    """Measures wall-clock seconds, CPU seconds and peak memory of this process, from its creation on."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def table(self, dataset: str, model: str, step: str, fits: int) -> pd.DataFrame:
        """Return a table of one row with the cost until now, of `fits` fits of a model."""
        # In KiB on Linux, in bytes on macOS.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return pd.DataFrame(
            {"dataset": [dataset], "model": model, "step": step, "fits": fits}
            | {"seconds": time.perf_counter() - self.wall, "cpu_seconds": time.process_time() - self.cpu}
            | {"peak_memory_mib": peak / 2**20}
        )


def standardise_targets(samples: Samples) -> Array:
    """Return the targets minus their mean, divided by their standard deviation, (n, outputs)."""
    return (samples.y - samples.y.mean(axis=0)) / _deviation(samples)


def rescale_outputs(outputs: Array, samples: Samples) -> Array:
    """Return outputs (n,) or (n, outputs) for standardised targets in the units of the targets: (n, outputs)."""
    return outputs.reshape(len(outputs), -1) * _deviation(samples) + samples.y.mean(axis=0)


def _deviation(samples: Samples) -> float:
    return float(samples.y.std()) or 1.0
