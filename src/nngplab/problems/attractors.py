"""Autoencoders f(x) = A phi(B x) that are trained on a few images (Problem 4).

The problem set does not name phi. The answers are about phi = ReLU, and tanh and sine stand beside it. What iteration
makes of inputs is in `attractors_limits`, and the Jacobian in `attractors_jacobian`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
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


def initial_network(d: int, width: int, seed: int, activation: str = "relu") -> OneHiddenLayer:
    """Return a network with d inputs and outputs, with the initial weights that all networks of Problem 4 share."""
    return OneHiddenLayer(d, width, d, activation, integer_seed(seed, "attractors", "network"))


def save_network(network: OneHiddenLayer, images: Iterable[int], path: Path) -> None:
    """Write the weights and the activation of a network, and the indices of its training images."""
    content = {"weights": network.state_dict(), "activation": network.activation}
    save_torch(content | {"images": [int(image) for image in images]}, path)


def load_network(path: Path) -> tuple[OneHiddenLayer, list[int]]:
    """Read a network and the indices of its training images from a file of `save_network`."""
    saved = torch.load(path, weights_only=True)
    width, d = saved["weights"]["first.weight"].shape
    network = initial_network(d, width, 0, saved["activation"])
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
    outputs. Here H = phi(B Z^T) and D = phi'(B Z^T), whose entries are at most 1 in modulus for ReLU, tanh and sine.
    The norm of the map is at most ||H|| ||dA|| + ||A|| ||Z|| ||dB||, so that L = ||H||² + ||A||² ||Z||², with spectral
    norms.
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
    Z: Tensor,
    width: int,
    seed: int,
    target: float,
    max_steps: int,
    step_size: float | None,
    activation: str = "relu",
) -> tuple[OneHiddenLayer, list[Attempt]]:
    """Train a new network to map images Z (n, d) to themselves; return it with all attempts, the last one its own.

    If `step_size` is None, the first attempt uses INITIAL_STEP_SHARE * 2 / L with L = `curvature_bound` of the initial
    network: gradient descent on a quadratic function of curvature L is stable for step sizes below 2 / L. After an
    attempt that diverges, dies or stalls, the next attempt starts again with half the step size. An attempt that runs
    out of steps is the last one, since smaller steps would need more of them.
    """
    network = initial_network(Z.shape[1], width, seed, activation).to(Z.device)
    eta = step_size or INITIAL_STEP_SHARE * 2 / curvature_bound(network, Z)
    attempts = [train_autoencoder(network, Z, eta, target, max_steps)]
    failures = (TrainingOutcome.DIVERGED, TrainingOutcome.DEAD, TrainingOutcome.STALLED)
    while step_size is None and attempts[-1].run.outcome in failures and len(attempts) < MAX_ATTEMPTS:
        eta /= 2
        network = initial_network(Z.shape[1], width, seed, activation).to(Z.device)
        attempts.append(train_autoencoder(network, Z, eta, target, max_steps))
    return network, attempts


def _squared_norm(matrix: Tensor) -> float:
    """Return the square of the spectral norm, from the smaller Gram matrix."""
    rows, columns = matrix.shape
    gram = matrix @ matrix.mT if rows < columns else matrix.mT @ matrix
    return float(torch.linalg.eigvalsh(gram)[-1])
