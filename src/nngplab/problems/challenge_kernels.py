"""Kernel regression and recursive feature machines on the data of the course challenge (Problem 13)."""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.kernels.base import Kernel
from nngplab.kernels.objects import NNGP, Laplace, as_kernel
from nngplab.problems.challenge import Hyperparameters, Predictor, Samples, standardised, unscaled
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.estimator import KernelRegression, gpu_of, predict_all
from nngplab.regression.feature_machine import RecursiveFeatureMachine
from nngplab.regression.memory import triangle_bytes

log = logging.getLogger("nngplab.problems.challenge")

Array = npt.NDArray[Any]

KERNELS = ("nngp", "laplace", "sine", "erf", "linear")


def kernel_of(model: str, hyperparameters: Hyperparameters) -> Kernel:
    """Return the kernel of one of `KERNELS`; "nngp" is that of a ReLU network.

    Args:
        model: its name.
        hyperparameters: `normalize` of "nngp", whose kernel is homogeneous without; `L`, the rate of "laplace".
    """
    if model == "nngp":
        return NNGP("relu", normalize=hyperparameters.get("normalize", True))
    if model == "laplace":
        return Laplace(bandwidth=1 / hyperparameters["L"])
    return as_kernel(model)


def fit_ridges(
    model: str,
    hyperparameters: Hyperparameters,
    ridges: Iterable[float],
    samples: Samples,
    device: str = "cpu",
    checkpoint: Path | None = None,
) -> Callable[[Array], dict[float, Array]]:
    """Return kernel regression with one of `KERNELS` as a function from inputs (n, d) to outputs, ridge by ridge.

    A ridge with which the Gram matrix is singular is left out, with a warning in the log.

    The kernel sees inputs in units of their root mean square norm. So ridges and rates mean the same for every data
    set: the mean squared norm of a row is 1, and with it the mean diagonal of each Gram matrix. With `bias` among the
    hyper-parameters it gets a constant input of 1, which is a bias of the first layer as strong as all other inputs
    together.

    Args:
        model: a name in `KERNELS`.
        hyperparameters: `bias`, and those of `kernel_of`.
        ridges: the ridges.
        samples: the training samples.
        device: as for `KernelRegression`.
        checkpoint: a file from which a factorisation that was killed continues; None for small Gram matrices. It is
            not used on a GPU, nor where the disk has no room for the factor.
    """
    scale = np.sqrt(np.mean(np.sum(samples.X**2, axis=1)))

    def prepared(X: Array) -> Array:
        return np.pad(X / scale, [(0, 0), (0, int(hyperparameters.get("bias", False)))], constant_values=1)

    kernel = kernel_of(model, hyperparameters)
    regression = KernelRegression(kernel, device=device, checkpoint=_usable(checkpoint, len(samples.X), device))
    models: dict[float, KernelRegression] = {}
    left = list(ridges)
    while left:
        try:
            for fitted in regression.ridge_path(prepared(samples.X), standardised(samples), tuple(left)):
                models[left.pop(0)] = fitted
        except NotPositiveDefiniteError as error:
            log.warning("%s with %s: %s", model, hyperparameters | {"ridge": left.pop(0)}, error)

    def outputs(X: Array) -> dict[float, Array]:
        if not models:
            return {}
        predictions = predict_all(list(models.values()), prepared(X))
        return {ridge: unscaled(found, samples) for ridge, found in zip(models, predictions, strict=True)}

    return outputs


def _usable(checkpoint: Path | None, n: int, device: str) -> Path | None:
    """Return the checkpoint, or None where there can be none."""
    if checkpoint is None or gpu_of(device):
        return None
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    needed, free = triangle_bytes(n, 8), shutil.disk_usage(checkpoint.parent).free
    if needed < free:
        return checkpoint
    log.warning(
        "no checkpoint: %s needs %.1f GiB and has %.1f GiB free; if this job is interrupted, it starts again",
        checkpoint.parent,
        needed / 2**30,
        free / 2**30,
    )
    return None


def fit_kernel(
    model: str,
    hyperparameters: Hyperparameters,
    samples: Samples,
    device: str = "cpu",
    checkpoint: Path | None = None,
) -> Predictor:
    """Return `fit_ridges` with one ridge, `hyperparameters["ridge"]`."""
    ridge = hyperparameters["ridge"]
    outputs = fit_ridges(model, hyperparameters, [ridge], samples, device, checkpoint)
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
    return feature_machine(hyperparameters).iteration_path(samples.X, standardised(samples))


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
    kernel = Laplace(bandwidth=1 / hyperparameters["direction_L"])
    regression = KernelRegression(kernel, hyperparameters["direction_ridge"])
    regression.fit(samples.X @ along, standardised(samples))
    return lambda X: unscaled(regression.predict(X @ along), samples)
