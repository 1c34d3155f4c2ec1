"""The models of the course challenge (sheet, Problem 13): fitted to training samples, measured on others.

Every model is fitted to the targets less their mean, in units of their standard deviation.
"""

import json
import logging
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nngplab.cholesky import NotPositiveDefiniteError
from nngplab.errors import InputError
from nngplab.feature_machine import RecursiveFeatureMachine, iteration_path
from nngplab.kernels import Kernel, nngp
from nngplab.regression import KernelRegression, ridge_path

log = logging.getLogger("nngplab.challenge")

Array = npt.NDArray[Any]
Hyperparameters = dict[str, Any]
Predictor = Callable[[Array], Array]

PLAIN_KERNELS = ("sine", "erf", "linear")
KERNELS = ("nngp", "laplace", *PLAIN_KERNELS)


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


def fit_ridges(
    model: str, hyperparameters: Hyperparameters, ridges: Iterable[float], samples: Samples
) -> Callable[[Array], dict[float, Array]]:
    """Return kernel regression with one of `KERNELS` as a function from inputs (n, d) to outputs, ridge by ridge.

    A ridge with which the Gram matrix is singular is left out, with a warning in the log.

    The kernel sees inputs in units of their root mean square norm. So ridges and rates mean the same for every data
    set: the mean squared norm of a row is 1, and with it the mean diagonal of each Gram matrix. The "nngp" is that of a
    ReLU network. With `bias`, it gets a constant input of 1, which is a bias of the first layer as strong as all other
    inputs together; with `normalize`, rows are scaled to unit norm, else the kernel is homogeneous.
    """
    scale = np.sqrt(np.mean(np.sum(samples.X**2, axis=1)))
    homogeneous = partial(nngp, dual="relu", normalize=False)
    kernel: str | Kernel = model
    if model == "nngp":
        kernel = "relu" if hyperparameters.get("normalize", True) else homogeneous

    def prepared(X: Array) -> Array:
        return np.pad(X / scale, [(0, 0), (0, int(hyperparameters.get("bias", False)))], constant_values=1)

    left, solutions = list(ridges), {}
    regression = KernelRegression(kernel, L=hyperparameters.get("L", 0.0))
    while left:
        try:
            for fitted in ridge_path(regression, prepared(samples.X), standardised(samples), tuple(left)):
                regression = fitted
                solutions[left.pop(0)] = fitted.dual_coef_
        except InputError as error:
            if not isinstance(error.__context__, NotPositiveDefiniteError):
                raise
            log.warning("%s with %s: %s", model, hyperparameters | {"ridge": left.pop(0)}, error)

    def outputs(X: Array) -> dict[float, Array]:
        if not solutions:
            return {}
        # Side by side, so that the kernel is computed once for all ridges.
        regression.dual_coef_ = np.hstack(list(solutions.values()))
        parts = np.hsplit(regression.predict(prepared(X)), len(solutions))
        return {ridge: unscaled(part, samples) for ridge, part in zip(solutions, parts, strict=True)}

    return outputs


def fit_kernel(model: str, hyperparameters: Hyperparameters, samples: Samples) -> Predictor:
    """Return `fit_ridges` with one ridge, `hyperparameters["ridge"]`."""
    ridge = hyperparameters["ridge"]
    outputs = fit_ridges(model, hyperparameters, [ridge], samples)
    return lambda X: outputs(X)[ridge]


def feature_machine(hyperparameters: Hyperparameters) -> RecursiveFeatureMachine:
    """Return the recursive feature machine, not yet fitted, of this bandwidth, ridge and number of iterations."""
    return RecursiveFeatureMachine(
        bandwidth=hyperparameters["bandwidth"],
        iterations=hyperparameters["iterations"],
        ridge=hyperparameters["ridge"],
    )


def fit_feature_machine(hyperparameters: Hyperparameters, samples: Samples) -> RecursiveFeatureMachine:
    """Return `feature_machine`, fitted to the samples."""
    return feature_machine(hyperparameters).fit(samples.X, standardised(samples))


def feature_machine_path(hyperparameters: Hyperparameters, samples: Samples) -> Iterator[RecursiveFeatureMachine]:
    """Yield feature machines fitted with 0, 1, 2, ... iterations, up to those of `feature_machine`."""
    return iteration_path(feature_machine(hyperparameters), samples.X, standardised(samples))


def machine_predictor(machine: RecursiveFeatureMachine, samples: Samples) -> Predictor:
    """Return the function from inputs (n, d) to outputs of a machine that `fit_feature_machine` fitted to samples."""
    return lambda X: unscaled(machine.predict(X), samples)


def fit_along(direction: Array, hyperparameters: Hyperparameters, samples: Samples) -> Predictor:
    """Return regression with the Laplace kernel on one coordinate, u.x in units of its standard deviation.

    Args:
        direction: u (d,).
        hyperparameters: with `direction_L`, the rate of the kernel, and `direction_ridge`.
        samples: the samples.
    """
    scale = np.std(samples.X @ direction)
    along = (direction / scale)[:, np.newaxis]
    regression = KernelRegression("laplace", ridge=hyperparameters["direction_ridge"], L=hyperparameters["direction_L"])
    regression.fit(samples.X @ along, standardised(samples))
    return lambda X: unscaled(regression.predict(X @ along), samples)


def standardised(samples: Samples) -> Array:
    """Return the targets less their mean, in units of their standard deviation, (n, outputs)."""
    return (samples.y - samples.y.mean(axis=0)) / _deviation(samples)


def unscaled(outputs: Array, samples: Samples) -> Array:
    """Return outputs that fit `standardised` targets, (n,) or (n, outputs), as they fit the targets: (n, outputs)."""
    return outputs.reshape(len(outputs), -1) * _deviation(samples) + samples.y.mean(axis=0)


def _deviation(samples: Samples) -> float:
    return float(samples.y.std()) or 1.0
