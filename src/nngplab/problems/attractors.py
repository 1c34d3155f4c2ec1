"""Autoencoders f(x) = A phi(B x) trained on few images, as maps to iterate (Problem 4).

With phi = ReLU and no biases, f is 1-homogeneous: f(c x) = c f(x) for c >= 0. So f(0) = 0, Euler's identity
J(x) x = f(x) holds with the Jacobian J(x), and a fitted image z is no lonely fixed point: c z is one for every c >= 0,
and J(z) has the eigenvalue 1 along z. Images therefore attract directions: distance to them is measured by cosines, and
z attracts if the other eigenvalues of J(z) are smaller in modulus than that along z.
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

# The first step size that is tried, as a share of 2 / curvature_bound.
FIRST_SHARE = 0.75
# Step sizes tried before giving up, each half of the one before.
ATTEMPTS = 8
# An output whose cosine with an image, or with the span of all, is at least this has arrived there: within 8 degrees.
ARRIVED = 0.99
# Where an output can be, seen from the training images: `destinations`.
OUTCOMES = ("image", "mixture", "elsewhere", "zero")


@dataclass(frozen=True)
class Attempt:
    """A training with one step size; its losses are mean squared errors."""

    step_size: float
    training: TrainingRun

    @property
    def final_mse(self) -> float:
        """The last finite error: also of a training that overflowed."""
        return next(mse for mse in reversed(self.training.losses) if math.isfinite(mse))


def shuffled(seed: int, images: str, size: int) -> npt.NDArray[np.int64]:
    """Return the numbers of all `images` ("training" or "test"), `size` of them, in random order.

    A network on n images is trained on the first n training images.
    """
    return generator(seed, "attractors", images).permutation(size)


def standard_normal(seed: int, name: str, n: int, d: int) -> Array:
    """Return noise (n, d) with independent standard normal entries; the first rows do not depend on n."""
    return generator(seed, "attractors", name).standard_normal((n, d))


def new_network(d: int, width: int, seed: int) -> OneHiddenLayer:
    """Return the network d - width - d in PyTorch's default initialisation: the same one for any number of images."""
    return OneHiddenLayer(d, width, d, "relu", integer_seed(seed, "attractors", "network"))


def save_network(network: OneHiddenLayer, images: Iterable[int], path: Path) -> None:
    """Write the weights of a network and the numbers of the images that it was trained on."""
    save_torch({"weights": network.state_dict(), "images": [int(image) for image in images]}, path)


def load_network(path: Path) -> tuple[OneHiddenLayer, list[int]]:
    """Read what `save_network` wrote."""
    saved = torch.load(path, weights_only=True)
    width, d = saved["weights"]["first.weight"].shape
    network = new_network(d, width, 0)
    network.load_state_dict(saved["weights"])
    return network, saved["images"]


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of the sheet, 1/2 ||z - f(z)||², summed over the images."""
    return (outputs - targets).square().sum() / 2


@torch.no_grad()
def curvature_bound(network: OneHiddenLayer, Z: Tensor) -> float:
    """Return a bound L of the curvature of `loss` where images Z (n, d) are fitted, with the network's present weights.

    There the Hessian is that of Gauss and Newton: the square of the map from changes (dA, dB) of the weights to changes
    dA H + A (D * (dB Z^T)) of the outputs, with H = phi(B Z^T) and D the zeros and ones of the units that are off and
    on. Its norm is at most ||H|| ||dA|| + ||A|| ||Z|| ||dB||, whence L = ||H||² + ||A||² ||Z||² with spectral norms.
    """
    return _squared_norm(network.hidden(Z)) + _squared_norm(network.A) * _squared_norm(Z)


def descend(network: OneHiddenLayer, Z: Tensor, step_size: float, target: float, max_steps: int) -> Attempt:
    """Train a network, in place, to autoencode images Z (n, d) by plain gradient descent on `loss`.

    It has converged when the mean squared error over all pixels of all images is at most `target`.
    """

    @torch.no_grad()
    def measure() -> dict[str, float]:
        return {"loss": (network(Z) - Z).square().mean().item()}

    optimiser = torch.optim.SGD(network.parameters(), lr=step_size)
    return Attempt(step_size, train(network, loss, full_batch(Z, Z), optimiser, max_steps, measure, target=target))


def fit(
    Z: Tensor, width: int, seed: int, target: float, max_steps: int, step_size: float | None
) -> tuple[OneHiddenLayer, list[Attempt]]:
    """Train a new network to autoencode images Z (n, d); return it and every attempt at it, the last one its own.

    With `step_size` None, the first attempt takes FIRST_SHARE * 2 / L with L = `curvature_bound` at the start: gradient
    descent on a quadratic of curvature L endures steps below 2 / L. Each attempt that diverges, dies or stalls is
    followed by one from the start with half the step size. Running out of steps is not: smaller ones would need more.
    """
    network = new_network(Z.shape[1], width, seed).to(Z.device)
    eta = step_size or FIRST_SHARE * 2 / curvature_bound(network, Z)
    attempts = [descend(network, Z, eta, target, max_steps)]
    failures = (TrainingOutcome.DIVERGED, TrainingOutcome.DEAD, TrainingOutcome.STALLED)
    while step_size is None and attempts[-1].training.outcome in failures and len(attempts) < ATTEMPTS:
        eta /= 2
        network = new_network(Z.shape[1], width, seed).to(Z.device)
        attempts.append(descend(network, Z, eta, target, max_steps))
    return network, attempts


@torch.no_grad()
def directions(network: OneHiddenLayer, X: Tensor, iterations: Iterable[int]) -> Iterator[tuple[int, Tensor]]:
    """Yield r and the direction of f^r(x) for each row x of X (n, d), for each r of `iterations`, upwards.

    Rows are scaled between iterations, which by homogeneity changes no direction. Iterating in the hidden layer,
    f^r(x) = A (phi B A)^(r-1) phi(B x), takes a d / width-th of the work.
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


def destinations(outputs: Array, Z: Array) -> pd.DataFrame:
    """Say where outputs (n, d) are, seen from images Z (m, d) and up to a positive factor.

    Returns:
        Columns nearest (the image with the largest cosine, from 1; 0 for an output of zeros), cosine (with it),
        span_cosine (with the span of all images) and outcome: "image" if `cosine` is at least ARRIVED, else "mixture"
        if `span_cosine` is, else "elsewhere"; "zero" for an output of zeros, whose cosines are 0.
    """
    norms = np.linalg.norm(outputs, axis=1)
    units = outputs / np.where(norms == 0, 1, norms)[:, None]
    cosines = units @ (Z / np.linalg.norm(Z, axis=1, keepdims=True)).T
    cosine = cosines.max(axis=1)
    span = np.linalg.norm(units @ np.linalg.qr(Z.T)[0], axis=1)
    outcome = np.select([norms == 0, cosine >= ARRIVED, span >= ARRIVED], ["zero", "image", "mixture"], "elsewhere")
    nearest = np.where(norms == 0, 0, cosines.argmax(axis=1) + 1)
    return pd.DataFrame({"nearest": nearest, "cosine": cosine, "span_cosine": span, "outcome": outcome})


@torch.no_grad()
def leading_eigenvalues(network: OneHiddenLayer, z: Tensor, count: int) -> pd.DataFrame:
    """Return the eigenvalues of largest modulus of the Jacobian J = A D B of a float64 network at an image z (d,).

    D has a one for each unit that is on. The eigenvalues of J other than 0 are those of the rows and columns of B A
    that belong to these units; an eigenvector w of that small matrix gives A w for J.

    Returns:
        `count` rows with columns rank (from 1), real, imaginary, modulus and alignment, the |cosine| between the
        eigenvector and z (0 where the eigenvalue is).
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
def jacobian_times(network: OneHiddenLayer, z: Tensor, direction: Tensor) -> Tensor:
    """Return J(z) times a direction (d,), for the Jacobian J(z) = A D B at an image z (d,)."""
    on = network.first(z) > 0
    return network.A[:, on] @ (network.B[on] @ direction)


@torch.no_grad()
def iterate(network: OneHiddenLayer, x: Tensor, times: int) -> Tensor:
    """Return f^times(x) for each row of x (n, d), as it is."""
    for _ in range(times):
        x = network(x)
    return x


def _squared_norm(matrix: Tensor) -> float:
    """The square of the spectral norm, from the smaller Gram matrix."""
    rows, columns = matrix.shape
    gram = matrix @ matrix.mT if rows < columns else matrix.mT @ matrix
    return float(torch.linalg.eigvalsh(gram)[-1])
