"""Kernel regression and recursive feature machines on the data of the course challenge (Problem 13)."""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.kernels.base import Kernel
from nngplab.kernels.objects import NNGP, NTK, Laplace, as_kernel
from nngplab.pipeline.progress import Progress
from nngplab.problems.challenge import Hyperparameters, Predictor, Samples, rescale_outputs, standardise_targets
from nngplab.problems.challenge_images import averaged_over_flips
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.estimator import KernelRegression, predict_all
from nngplab.regression.feature_machine import RecursiveFeatureMachine
from nngplab.regression.memory import triangle_bytes
from nngplab.regression.training_set import gpu_of

log = logging.getLogger("nngplab.problems.challenge")

Array = npt.NDArray[Any]

# From inputs (n, d) to outputs by ridge.
PathPredictor = Callable[[Array], dict[float, Array]]

KERNELS = ("nngp", "deep_nngp", "ntk", "laplace", "sine", "erf", "linear")

# Up to this relative residual, the outputs for the training samples are those that the equations say.
ACCURATE = 1e-8


def make_kernel(model: str, hyperparameters: Hyperparameters) -> Kernel:
    """Return the kernel with a name in `KERNELS`.

    "nngp" is the NNGP kernel of a ReLU network with one hidden layer, "deep_nngp" that of one with more of them, and
    "ntk" the neural tangent kernel of such a network.

    Args:
        model: the name.
        hyperparameters: for "nngp", `normalize` (without it, the kernel is homogeneous); for "deep_nngp" and "ntk", the
            number of hidden layers `depth`; for "laplace", the rate `L`.
    """
    if model == "nngp":
        return NNGP("relu", normalize=hyperparameters.get("normalize", True))
    if model in ("deep_nngp", "ntk"):
        return (NTK if model == "ntk" else NNGP)("relu", hyperparameters["depth"])
    if model == "laplace":
        return Laplace(bandwidth=1 / hyperparameters["L"])
    return as_kernel(model)


def fit_ridges(
    model: str,
    hyperparameters: Hyperparameters,
    ridges: Iterable[float],
    samples: Samples,
    device: str = "cpu",
    storage: Path | None = None,
    solver: str = "tiled",
) -> PathPredictor:
    """Fit kernel regression with one kernel and several ridges.

    A ridge for which the Gram matrix is singular is left out, with a warning in the log.

    Inputs are divided by their root mean square norm. So ridges and rates mean the same for every data set: the mean
    squared norm of a row is 1, and so is the mean diagonal of each Gram matrix, but for neural tangent kernels. With
    the hyper-parameter `bias`, the inputs get a constant coordinate of 1, which is a bias of the first layer as strong
    as all other inputs together. With `flips`, the inputs are images, and the kernel is its mean over their left-right
    flips.

    Args:
        model: a name in `KERNELS`.
        hyperparameters: `bias`, `flips`, and those of `make_kernel`.
        ridges: the ridges.
        samples: the training samples.
        device: as for `KernelRegression`.
        storage: the file of the factor, in which an interrupted fit is resumed; None for small Gram matrices. It is not
            used on a GPU, or if the disk has too little space for the factor.
        solver: as for `KernelRegression`.

    Returns:
        A function from inputs (n, d) to outputs by ridge.
    """
    scale = np.sqrt(np.mean(np.sum(samples.X**2, axis=1)))

    def scale_inputs(X: Array) -> Array:
        return np.pad(X / scale, [(0, 0), (0, int(hyperparameters.get("bias", False)))], constant_values=1)

    kernel, X = make_kernel(model, hyperparameters), scale_inputs(samples.X)
    if hyperparameters.get("flips"):
        kernel = averaged_over_flips(kernel, X.shape[1])
    storage = _storage_if_possible(storage, len(samples.X), device)
    regression = KernelRegression(kernel, device=device, storage=storage, keep_factor=False, solver=solver)
    y = standardise_targets(samples)
    models, errors = _fit_path(regression, X, y, list(ridges))
    for ridge, error in errors.items():
        log.warning("%s with %s: %s", model, hyperparameters | {"ridge": ridge}, error)

    def predict(X: Array) -> dict[float, Array]:
        if not models:
            return {}
        if X is samples.X and max(fitted.residual_ for fitted in models.values()) < ACCURATE:
            # K a = y - ridge a: no further Gram matrix.
            return {ridge: rescale_outputs(y - ridge * fitted.dual_coef_, samples) for ridge, fitted in models.items()}
        outputs = predict_all(list(models.values()), scale_inputs(X))
        return {ridge: rescale_outputs(of_ridge, samples) for ridge, of_ridge in zip(models, outputs, strict=True)}

    return predict


def _fit_path(
    regression: KernelRegression, X: Array, y: Array, ridges: list[float]
) -> tuple[dict[float, KernelRegression], dict[float, Exception]]:
    """Return the fitted models by ridge, and the errors for ridges with a singular Gram matrix."""
    models: dict[float, KernelRegression] = {}
    errors: dict[float, Exception] = {}
    progress = Progress(len(ridges), "ridge")
    while ridges:
        try:
            for fitted in regression.ridge_path(X, y, tuple(ridges)):
                models[ridges.pop(0)] = fitted
                progress.update(len(models) + len(errors))
        except NotPositiveDefiniteError as error:
            errors[ridges.pop(0)] = error
    return models, errors


def _storage_if_possible(storage: Path | None, n: int, device: str) -> Path | None:
    """Return the file of the factor, or None on a GPU or if the disk has too little space."""
    if storage is None or gpu_of(device):
        return None
    storage.parent.mkdir(parents=True, exist_ok=True)
    # An interrupted job has its file already, under this name and a ridge.
    reserved = sum(512 * file.stat().st_blocks for file in storage.parent.glob(f"{storage.name}*"))
    needed, free = triangle_bytes(n, 8), shutil.disk_usage(storage.parent).free
    if needed < free + reserved:
        return storage
    log.warning(
        "no file for the factor: %s needs %.1f GiB and has %.1f GiB free; if this job is interrupted, it starts again",
        storage.parent,
        needed / 2**30,
        free / 2**30,
    )
    return None


def fit_kernel(
    model: str,
    hyperparameters: Hyperparameters,
    samples: Samples,
    device: str = "cpu",
    storage: Path | None = None,
) -> Predictor:
    """Fit kernel regression with one kernel and one ridge, as `fit_ridges` with `hyperparameters["ridge"]`."""
    ridge = hyperparameters["ridge"]
    predict = fit_ridges(model, hyperparameters, [ridge], samples, device, storage)
    return lambda X: predict(X)[ridge]


def make_feature_machine(hyperparameters: Hyperparameters) -> RecursiveFeatureMachine:
    """Return a recursive feature machine, not yet fitted, with this bandwidth, ridge and number of iterations."""
    return RecursiveFeatureMachine(
        bandwidth=hyperparameters["bandwidth"],
        iterations=hyperparameters["iterations"],
        ridge=hyperparameters["ridge"],
    )


def fit_feature_machine(hyperparameters: Hyperparameters, samples: Samples) -> RecursiveFeatureMachine:
    """Return a recursive feature machine fitted to the standardised targets of the samples."""
    return make_feature_machine(hyperparameters).fit(samples.X, standardise_targets(samples))


def feature_machine_path(hyperparameters: Hyperparameters, samples: Samples) -> Iterator[RecursiveFeatureMachine]:
    """Yield the machines of `fit_feature_machine` after 0, 1, 2, ... iterations."""
    return make_feature_machine(hyperparameters).iteration_path(samples.X, standardise_targets(samples))


def feature_machine_predictor(machine: RecursiveFeatureMachine, samples: Samples) -> Predictor:
    """Return the function from inputs (n, d) to outputs of a machine fitted to the standardised targets of samples."""
    return lambda X: rescale_outputs(machine.predict(X), samples)


def fit_along_direction(direction: Array, hyperparameters: Hyperparameters, samples: Samples) -> Predictor:
    """Fit regression with the Laplace kernel on the coordinate u.x, in units of its standard deviation.

    Args:
        direction: the direction u (d,).
        hyperparameters: the rate `direction_L` of the kernel, and `direction_ridge`.
        samples: the training samples.

    Returns:
        A function from inputs (n, d) to outputs.
    """
    scale = np.std(samples.X @ direction)
    along = (direction / scale)[:, np.newaxis]
    kernel = Laplace(bandwidth=1 / hyperparameters["direction_L"])
    regression = KernelRegression(kernel, hyperparameters["direction_ridge"])
    regression.fit(samples.X @ along, standardise_targets(samples))
    return lambda X: rescale_outputs(regression.predict(X @ along), samples)
