"""Kernel regression and recursive feature machines on the data of the course challenge (sheet, Problem 13)."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.gram import Kernel, nngp
from nngplab.problems.challenge import Hyperparameters, Predictor, Samples, standardised, unscaled
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.estimator import KernelRegression, ridge_path
from nngplab.regression.feature_machine import RecursiveFeatureMachine, iteration_path

log = logging.getLogger("nngplab.problems.challenge")

Array = npt.NDArray[Any]

KERNELS = ("nngp", "laplace", "sine", "erf", "linear")


def fit_ridges(
    model: str, hyperparameters: Hyperparameters, ridges: Iterable[float], samples: Samples, device: str = "cpu"
) -> Callable[[Array], dict[float, Array]]:
    """Return kernel regression with one of `KERNELS` as a function from inputs (n, d) to outputs, ridge by ridge.

    A ridge with which the Gram matrix is singular is left out, with a warning in the log.

    The kernel sees inputs in units of their root mean square norm. So ridges and rates mean the same for every data
    set: the mean squared norm of a row is 1, and with it the mean diagonal of each Gram matrix. The "nngp" is that of a
    ReLU network. With `bias`, it gets a constant input of 1, which is a bias of the first layer as strong as all other
    inputs together; with `normalize`, rows are scaled to unit norm, else the kernel is homogeneous, and computed on the
    CPU whatever the `device` for the others (see `KernelRegression`).
    """
    scale = np.sqrt(np.mean(np.sum(samples.X**2, axis=1)))
    homogeneous = partial(nngp, dual="relu", normalize=False)
    kernel: str | Kernel = model
    if model == "nngp":
        kernel = "relu" if hyperparameters.get("normalize", True) else homogeneous

    def prepared(X: Array) -> Array:
        return np.pad(X / scale, [(0, 0), (0, int(hyperparameters.get("bias", False)))], constant_values=1)

    left, solutions = list(ridges), {}
    regression = KernelRegression(
        kernel, L=hyperparameters.get("L", 0.0), device="cpu" if kernel is homogeneous else device
    )
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


def fit_kernel(model: str, hyperparameters: Hyperparameters, samples: Samples, device: str = "cpu") -> Predictor:
    """Return `fit_ridges` with one ridge, `hyperparameters["ridge"]`."""
    ridge = hyperparameters["ridge"]
    outputs = fit_ridges(model, hyperparameters, [ridge], samples, device)
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
