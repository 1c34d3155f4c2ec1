"""Autoencoders f(x) = A phi(B x) trained on few images, and their iteration (Problem 4).

With phi = ReLU and no biases, f is homogeneous of degree 1: f(c x) = c f(x) for c >= 0. So f(0) = 0, and Euler's
identity J(x) x = f(x) holds for the Jacobian J(x). If f fits an image z, then c z is a fixed point for every c >= 0,
and J(z) has the eigenvalue 1 along z. So images can only attract directions: closeness is measured by cosines, and z is
an attractor if all other eigenvalues of J(z) are smaller in modulus than 1.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingOutcome, TrainingRun, full_batch, save_torch, train
from nngplab.pipeline.seeds import generator, integer_seed

Array = npt.NDArray[np.float64]

# The first step size, as a share of 2 / curvature_bound.
INITIAL_STEP_SHARE = 0.75
# The largest number of step sizes that are tried, each half of the one before.
MAX_ATTEMPTS = 8
# An output has arrived at an image, or at the span of all images, if its cosine with it is at least this (8 degrees).
ARRIVAL_COSINE = 0.99
# The classes of outputs: see `classify_outputs`.
OUTPUT_CLASSES = ("image", "mixture", "elsewhere", "zero")


@dataclass(frozen=True)
class Attempt:
    """A training run with one step size; its losses are mean squared errors."""

    step_size: float
    run: TrainingRun

    @property
    def final_mse(self) -> float:
        """The last error that is finite; also for a run that overflowed."""
        return next(mse for mse in reversed(self.run.losses) if math.isfinite(mse))


def shuffled_indices(seed: int, images: str, size: int) -> npt.NDArray[np.int64]:
    """Return the indices 0, ..., size - 1 of all "training" or "test" images in random order.

    A network on n images is trained on the first n training images in this order.
    """
    return generator(seed, "attractors", images).permutation(size)


def gaussian_noise(seed: int, name: str, n: int, d: int) -> Array:
    """Return noise (n, d) with independent standard normal entries; the first rows do not depend on n."""
    return generator(seed, "attractors", name).standard_normal((n, d))


def initial_network(d: int, width: int, seed: int) -> OneHiddenLayer:
    """Return a network with d inputs and outputs, in the initial state that is used for any number of images."""
    return OneHiddenLayer(d, width, d, "relu", integer_seed(seed, "attractors", "network"))


def save_network(network: OneHiddenLayer, images: Iterable[int], path: Path) -> None:
    """Write the weights of a network and the indices of its training images."""
    save_torch({"weights": network.state_dict(), "images": [int(image) for image in images]}, path)


def load_network(path: Path) -> tuple[OneHiddenLayer, list[int]]:
    """Read a network and the indices of its training images from a file of `save_network`."""
    saved = torch.load(path, weights_only=True)
    width, d = saved["weights"]["first.weight"].shape
    network = initial_network(d, width, 0)
    network.load_state_dict(saved["weights"])
    return network, saved["images"]


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of Problem 4, 1/2 ||z - f(z)||², summed over the images."""
    return (outputs - targets).square().sum() / 2


@torch.no_grad()
def curvature_bound(network: OneHiddenLayer, Z: Tensor) -> float:
    """Return an upper bound L of the curvature of the loss at a network that fits images Z (n, d).

    The network is assumed to have its present weights, and to fit the images. Then the Hessian equals the Gauss-Newton
    matrix, the square of the map from changes (dA, dB) of the weights to changes dA H + A (D * (dB Z^T)) of the
    outputs. Here H = phi(B Z^T), and D has a one for each unit that is on, else a zero. The norm of the map is at most
    ||H|| ||dA|| + ||A|| ||Z|| ||dB||, so that L = ||H||² + ||A||² ||Z||², with spectral norms.
    """
    return _squared_norm(network.hidden(Z)) + _squared_norm(network.A) * _squared_norm(Z)


def train_autoencoder(network: OneHiddenLayer, Z: Tensor, step_size: float, target: float, max_steps: int) -> Attempt:
    """Train a network in place to map images Z (n, d) to themselves, by gradient descent on `half_squared_error`.

    The run has converged when the mean squared error over all pixels of all images is at most `target`.
    """

    @torch.no_grad()
    def measure() -> dict[str, float]:
        return {"loss": (network(Z) - Z).square().mean().item()}

    optimiser = torch.optim.SGD(network.parameters(), lr=step_size)
    run = train(network, half_squared_error, full_batch(Z, Z), optimiser, max_steps, measure, target=target)
    return Attempt(step_size, run)


def fit_autoencoder(
    Z: Tensor, width: int, seed: int, target: float, max_steps: int, step_size: float | None
) -> tuple[OneHiddenLayer, list[Attempt]]:
    """Train a new network to map images Z (n, d) to themselves; return it with all attempts, the last one its own.

    If `step_size` is None, the first attempt uses INITIAL_STEP_SHARE * 2 / L with L = `curvature_bound` of the initial
    network: gradient descent on a quadratic function of curvature L is stable for step sizes below 2 / L. After an
    attempt that diverges, dies or stalls, the next attempt starts again with half the step size. An attempt that runs
    out of steps is the last one, since smaller steps would need more of them.
    """
    network = initial_network(Z.shape[1], width, seed).to(Z.device)
    eta = step_size or INITIAL_STEP_SHARE * 2 / curvature_bound(network, Z)
    attempts = [train_autoencoder(network, Z, eta, target, max_steps)]
    failures = (TrainingOutcome.DIVERGED, TrainingOutcome.DEAD, TrainingOutcome.STALLED)
    while step_size is None and attempts[-1].run.outcome in failures and len(attempts) < MAX_ATTEMPTS:
        eta /= 2
        network = initial_network(Z.shape[1], width, seed).to(Z.device)
        attempts.append(train_autoencoder(network, Z, eta, target, max_steps))
    return network, attempts


@torch.no_grad()
def iterate_directions(network: OneHiddenLayer, X: Tensor, iterations: Iterable[int]) -> Iterator[tuple[int, Tensor]]:
    """Yield r and vectors along f^r(x) for the rows x of X (n, d), for each r of `iterations` in ascending order.

    Vectors are scaled between iterations, which by homogeneity does not change their directions. The iteration runs in
    the hidden layer, f^r(x) = A (phi B A)^(r-1) phi(B x), which is cheaper for width < d.
    """
    transition = (network.B @ network.A).mT
    hidden, done = network.hidden(X), 1
    for r in sorted(iterations):
        if r == 0:
            yield 0, X
            continue
        while done < r:
            hidden, done = torch.nn.functional.normalize(torch.relu(hidden @ transition)), done + 1
        yield r, network.last(hidden)


def classify_outputs(outputs: Array, Z: Array) -> pd.DataFrame:
    """Compare the directions of outputs (n, d) with those of images Z (m, d).

    Returns:
        A table with the columns nearest (the number of the image with the largest cosine, from 1), cosine (with this
        image), span_cosine (with the span of all images) and outcome: "image" if `cosine` is at least ARRIVAL_COSINE,
        else "mixture" if `span_cosine` is, else "elsewhere". An output of zeros has the outcome "zero", the nearest
        image 0 and the cosines 0.
    """
    norms = np.linalg.norm(outputs, axis=1)
    units = outputs / np.where(norms == 0, 1, norms)[:, None]
    cosines = units @ (Z / np.linalg.norm(Z, axis=1, keepdims=True)).T
    cosine = cosines.max(axis=1)
    span = np.linalg.norm(units @ np.linalg.qr(Z.T)[0], axis=1)
    conditions = [norms == 0, cosine >= ARRIVAL_COSINE, span >= ARRIVAL_COSINE]
    outcome = np.select(conditions, ["zero", "image", "mixture"], "elsewhere")
    nearest = np.where(norms == 0, 0, cosines.argmax(axis=1) + 1)
    return pd.DataFrame({"nearest": nearest, "cosine": cosine, "span_cosine": span, "outcome": outcome})


@torch.no_grad()
def jacobian_eigenvalues(network: OneHiddenLayer, z: Tensor, count: int) -> pd.DataFrame:
    """Return the eigenvalues of largest modulus of the Jacobian J = A D B of a float64 network at an image z (d,).

    The diagonal matrix D has a one for each unit that is on, else a zero. The nonzero eigenvalues of J are those of the
    rows and columns of B A of these units. If w is an eigenvector of this smaller matrix, A w is one of J.

    Returns:
        A table of `count` rows with the columns rank (from 1), real, imaginary, modulus and alignment, which is the
        absolute cosine between the eigenvector and z (0 where the eigenvalue is 0).
    """
    on = network.first(z) > 0
    A = network.A[:, on].numpy()
    values, vectors = np.linalg.eig((network.B[on] @ network.A[:, on]).numpy())
    largest = np.argsort(-np.abs(values), kind="stable")[:count]
    modes = A @ vectors[:, largest]
    modulus = np.abs(values[largest])
    norms = np.where(modulus > 0, np.linalg.norm(modes, axis=0), np.inf)
    table = pd.DataFrame(
        {
            "real": values[largest].real,
            "imaginary": values[largest].imag,
            "modulus": modulus,
            "alignment": np.abs(z.numpy() @ modes) / (np.linalg.norm(z.numpy()) * norms),
        },
        index=range(1, len(largest) + 1),
    )
    return table.reindex(range(1, count + 1), fill_value=0.0).rename_axis("rank").reset_index()


@torch.no_grad()
def jacobian_vector_product(network: OneHiddenLayer, z: Tensor, vector: Tensor) -> Tensor:
    """Return J(z) times a vector (d,), with the Jacobian J(z) = A D B at an image z (d,)."""
    on = network.first(z) > 0
    return network.A[:, on] @ (network.B[on] @ vector)


@torch.no_grad()
def iterate(network: OneHiddenLayer, x: Tensor, times: int) -> Tensor:
    """Return f^times(x) for each row of x (n, d), without any scaling."""
    for _ in range(times):
        x = network(x)
    return x


def _squared_norm(matrix: Tensor) -> float:
    """Return the square of the spectral norm, from the smaller Gram matrix."""
    rows, columns = matrix.shape
    gram = matrix @ matrix.mT if rows < columns else matrix.mT @ matrix
    return float(torch.linalg.eigvalsh(gram)[-1])
