"""The linear autoencoder f(x) = A B x from A = 0 (Problem 3): gradient descent on it reduces to two numbers.

The loss is c ||z - A B z||² with a factor c (`loss_factor`). Let h = B⁽⁰⁾ z. By the update rules of Problem 1, with z
for both the sample and its label, induction over the steps t gives

    A⁽ᵗ⁾ = α z hᵀ,   B⁽ᵗ⁾ = B⁽⁰⁾ + γ h zᵀ,   B⁽ᵗ⁾ z = β h with β = 1 + γ ||z||²,   z - A⁽ᵗ⁾ B⁽ᵗ⁾ z = ε z,

where ε = 1 - α β ||h||². A step of size η adds 2 c η ε β to α and 2 c η ε ||z||² α to γ. So two numbers describe the
whole training run, for any width, and each output is a multiple of z:

    f(x) = α (hᵀ B⁽⁰⁾ x + γ ||h||² zᵀ x) z.

Which runs converge depends on ||h||² / ||z||² and 2 c η ||z||² alone: see `nngplab.problems.linear_autoencoder_map`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from nngplab.errors import InputError
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import Loss, TrainingRun, full_batch, train

Array = npt.NDArray[np.float64]

# The conventions for the squared error of one sample with d coordinates, each with its factor c. The problem set uses
# "half".
CONVENTIONS: dict[str, Callable[[int], float]] = {
    "half": lambda d: 0.5,  # noqa: ARG005
    "sum": lambda d: 1.0,  # noqa: ARG005
    "mean": lambda d: 1 / d,
}


def loss_factor(convention: str, d: int) -> float:
    """Return the factor c of the loss c ||z - f(z)||² for z in d dimensions.

    Raises:
        InputError: if the convention is not a key of `CONVENTIONS`.
    """
    if convention not in CONVENTIONS:
        raise InputError(f"unknown convention {convention!r} of the loss: choose one of {', '.join(CONVENTIONS)}")
    return CONVENTIONS[convention](d)


def squared_error(c: float) -> Loss:
    """Return the loss c ||outputs - targets||²."""
    return lambda outputs, targets: c * (outputs - targets).square().sum()


def network_with_zero_A(B: Array) -> OneHiddenLayer:
    """Return the network f(x) = A B x in float64 with A = 0 (d, k) and a copy of B (k, d)."""
    k, d = B.shape
    network = OneHiddenLayer(d, k, d, "identity", seed=0, dtype=torch.float64)
    with torch.no_grad():
        network.A.zero_()
        network.B.copy_(torch.from_numpy(B))
    return network


@dataclass(frozen=True)
class ReducedDynamics:
    """Gradient descent on c ||z - A B z||² from A = 0 and a given B, described by the two numbers α and γ.

    Attributes:
        z: the sample (d,).
        B: the initial first layer (k, d).
        c: the factor of the loss.
    """

    z: Array
    B: Array
    c: float

    @property
    def h(self) -> Array:
        """The initial hidden layer for the sample, (k,)."""
        return self.B @ self.z

    @property
    def rho(self) -> float:
        """The number ρ = ||h||² / ||z||² from which the map of `linear_autoencoder_map` starts."""
        return float(self.h @ self.h) / float(self.z @ self.z)

    def relative_step(self, eta: float) -> float:
        """Return s = 2 c η ||z||², the step size divided by `largest_stable_step`."""
        return 2 * self.c * eta * float(self.z @ self.z)

    def after(self, steps: int, eta: float) -> tuple[float, float]:
        """Return α and γ after some steps of size eta; infinity or NaN if gradient descent diverges."""
        zz, hh = float(self.z @ self.z), float(self.h @ self.h)
        alpha = gamma = 0.0
        for _ in range(steps):
            beta = 1 + gamma * zz
            step = 2 * self.c * eta * (1 - alpha * beta * hh)
            alpha, gamma = alpha + step * beta, gamma + step * zz * alpha
        return alpha, gamma

    def constants(self, X: Array, alpha: float, gamma: float) -> Array:
        """Return the constants (n,) of the outputs f(x) = constant · z for the rows x of X (n, d)."""
        h = self.h
        return alpha * (X @ (self.B.T @ h) + gamma * (h @ h) * (X @ self.z))

    def curvature(self, alpha: float, gamma: float) -> float:
        """Return the largest eigenvalue of the Hessian of the loss at α and γ.

        Let p = β ||h|| and q = ||z||² α ||h||. Along dA = z uᵀ / ||z|| and dB = v zᵀ / ||z||, the second derivative of
        the loss is 2 c ((p u + q v)² - 2 ε ||z||² u v) for u and v parallel to h, and -4 c ε ||z||² u·v for u and v
        orthogonal to h. In all other directions it is 2 c p² or 0.
        """
        zz, norm = float(self.z @ self.z), float(np.linalg.norm(self.h))
        beta = 1 + gamma * zz
        p, q = beta * norm, zz * alpha * norm
        missing = (1 - alpha * beta * norm**2) * zz
        along = (p**2 + q**2) / 2 + math.hypot((p**2 - q**2) / 2, p * q - missing)
        return 2 * self.c * max(along, abs(missing))

    @property
    def small_step_curvature(self) -> float:
        """The curvature of the minimum that gradient descent reaches with infinitely small steps.

        There p q = ||z||². Small steps do not change p² - q², which is ||h||² at the start. So the curvature is
        2 c (p² + q²) = 2 c sqrt(||h||⁴ + 4 ||z||⁴).
        """
        return 2 * self.c * math.hypot(float(self.h @ self.h), 2 * float(self.z @ self.z))

    @property
    def largest_stable_step(self) -> float:
        """The step size from which no minimum of the loss is stable, 1 / (2 c ||z||²).

        At a minimum, where A B z = z, the curvature is 2 c (||B z||² + ||z||² ||A||²), with the spectral norm of A.
        Since ||z|| = ||A B z|| <= ||A|| ||B z||, the curvature is at least 4 c ||z||². A minimum is stable for step
        sizes up to 2 / curvature.
        """
        return 1 / (2 * self.c * float(self.z @ self.z))


def train_autoencoder(
    dynamics: ReducedDynamics, eta: float, steps: int, relative_target: float | None = None
) -> tuple[OneHiddenLayer, TrainingRun]:
    """Train the network of `dynamics` by gradient descent, for all steps unless it diverges.

    Args:
        dynamics: the sample, the initial first layer and the factor of the loss.
        eta: the step size.
        steps: the number of steps.
        relative_target: the run has converged if the last loss is at most this times the initial loss.
    """
    network, loss = network_with_zero_A(dynamics.B), squared_error(dynamics.c)
    sample = torch.from_numpy(dynamics.z)[None]

    @torch.no_grad()
    def measure() -> dict[str, float]:
        return {"loss": loss(network(sample), sample).item()}

    target = None if relative_target is None else relative_target * measure()["loss"]
    optimiser = torch.optim.SGD(network.parameters(), lr=eta)
    batches = full_batch(sample, sample)
    run = train(network, loss, batches, optimiser, steps, measure, target=target, stop_at_target=False)
    return network, run


def draw_sample_and_layer(d: int, k: int, seed: int) -> tuple[Array, Array]:
    """Return the sample z (d,) and the first layer B (k, d) of a run of Problem 3b."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(d), rng.standard_normal((k, d)) / math.sqrt(k)


def train_in_plane(dynamics: ReducedDynamics, eta: float, steps: int) -> Array:
    """Train the network of `dynamics`; return its b and a of `linear_autoencoder_map.plane_step`.

    Returns:
        b and a after 0, 1, 2, ... steps, (steps + 1, 2), fewer if the run diverges or stalls.
    """
    network, loss = network_with_zero_A(dynamics.B), squared_error(dynamics.c)
    sample, h = torch.from_numpy(dynamics.z)[None], torch.from_numpy(dynamics.h)
    scale = math.sqrt(2 * dynamics.c * eta) / float(h.norm())

    @torch.no_grad()
    def measure() -> dict[str, float]:
        b, a = scale * h @ network.B @ sample[0], scale * sample[0] @ network.A @ h
        return {"loss": loss(network(sample), sample).item(), "b": b.item(), "a": a.item()}

    optimiser = torch.optim.SGD(network.parameters(), lr=eta)
    run = train(network, loss, full_batch(sample, sample), optimiser, steps, measure)
    return np.array([[measured["b"], measured["a"]] for measured in run.history])


def hessian_eigenvalue(
    network: OneHiddenLayer, loss: Loss, inputs: Tensor, targets: Tensor, smallest: bool = False
) -> float:
    """Return the largest (or smallest) eigenvalue of the Hessian of a loss in all weights of a float64 network.

    It is computed by Lanczos iteration (ARPACK) from Hessian-vector products, without the Hessian itself.
    """
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    flat_weights = torch.cat([weight.flatten() for weight in weights.values()])

    def loss_at(vector: Tensor) -> Tensor:
        parts = vector.split([weight.numel() for weight in weights.values()])
        shaped = {name: part.view_as(weights[name]) for name, part in zip(weights, parts, strict=True)}
        return loss(torch.func.functional_call(network, shaped, (inputs,)), targets)

    # The Hessian is symmetric, so vector-Hessian products are Hessian-vector products.
    vector_hessian_product = torch.func.vjp(torch.func.grad(loss_at), flat_weights)[1]

    def hessian_vector_product(vector: Array) -> Array:
        product: Tensor = vector_hessian_product(torch.from_numpy(vector.ravel()))[0]
        return product.numpy()

    # Without a start vector, ARPACK draws one, and the last digits differ between runs.
    start = np.random.default_rng(0).standard_normal(len(flat_weights))
    hessian = LinearOperator((len(start), len(start)), matvec=hessian_vector_product, dtype=np.float64)
    return float(eigsh(hessian, k=1, which="SA" if smallest else "LA", v0=start, return_eigenvectors=False)[0])
