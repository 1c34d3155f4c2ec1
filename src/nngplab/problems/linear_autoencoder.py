"""Gradient descent on the linear autoencoder f(x) = A B x from A = 0 (Problem 3), solved: it moves two numbers.

The loss is c ||z - A B z||² with a scale c (`scale`). Write h = B⁽⁰⁾ z. By the update rules of Problem 1, with z for
both the sample and its label, induction over the steps t gives

    A⁽ᵗ⁾ = α z hᵀ,   B⁽ᵗ⁾ = B⁽⁰⁾ + γ h zᵀ,   B⁽ᵗ⁾ z = β h with β = 1 + γ ||z||²,   z - A⁽ᵗ⁾ B⁽ᵗ⁾ z = ε z,

where ε = 1 - α β ||h||², and a step of size η adds 2 c η ε β to α and 2 c η ε ||z||² α to γ. All of training happens in
these two numbers, whatever the width, and every output is a multiple of z:

    f(x) = α (hᵀ B⁽⁰⁾ x + γ ||h||² zᵀ x) z.
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

Array = npt.NDArray[np.float64]
Loss = Callable[[Tensor, Tensor], Tensor]

# The ways to write the squared error of one sample with d coordinates, each with its scale c. The sheet has "half".
CONVENTIONS: dict[str, Callable[[int], float]] = {
    "half": lambda d: 0.5,  # noqa: ARG005
    "sum": lambda d: 1.0,  # noqa: ARG005
    "mean": lambda d: 1 / d,
}


def scale(convention: str, d: int) -> float:
    """Return the scale c of the loss c ||z - f(z)||² for z in d dimensions."""
    if convention not in CONVENTIONS:
        raise InputError(f"unknown convention {convention!r} of the loss: choose one of {', '.join(CONVENTIONS)}")
    return CONVENTIONS[convention](d)


def squared_error(c: float) -> Loss:
    """Return the loss c ||outputs - targets||²."""
    return lambda outputs, targets: c * (outputs - targets).square().sum()


def network_from_zero(B: Array) -> OneHiddenLayer:
    """Return f(x) = A B x in float64 with A = 0 (d, k) and a copy of the given B (k, d)."""
    k, d = B.shape
    network = OneHiddenLayer(d, k, d, "identity", seed=0, dtype=torch.float64)
    with torch.no_grad():
        network.A.zero_()
        network.B.copy_(torch.from_numpy(B))
    return network


@dataclass(frozen=True)
class FromZero:
    """Gradient descent on c ||z - A B z||² from A = 0 and a given B, in its two numbers.

    Attributes:
        z: the sample, (d,).
        B: the first layer at the start, (k, d).
        c: the scale of the loss.
    """

    z: Array
    B: Array
    c: float

    @property
    def h(self) -> Array:
        """The hidden layer at the start, (k,)."""
        return self.B @ self.z

    def after(self, steps: int, eta: float) -> tuple[float, float]:
        """Return α and γ after some steps of size eta. A descent that diverges ends in infinity or NaN."""
        zz, hh = float(self.z @ self.z), float(self.h @ self.h)
        alpha = gamma = 0.0
        for _ in range(steps):
            beta = 1 + gamma * zz
            push = 2 * self.c * eta * (1 - alpha * beta * hh)
            alpha, gamma = alpha + push * beta, gamma + push * zz * alpha
        return alpha, gamma

    def constants(self, X: Array, alpha: float, gamma: float) -> Array:
        """Return the constant that each row x of X (n, d) makes of z: f(x) = constant · z. Shape (n,)."""
        h = self.h
        return alpha * (X @ (self.B.T @ h) + gamma * (h @ h) * (X @ self.z))

    def curvature(self, alpha: float, gamma: float) -> float:
        """Return the largest eigenvalue of the Hessian of the loss at α and γ.

        Along dA = z uᵀ / ||z|| and dB = v zᵀ / ||z||, with p = β ||h|| and q = ||z||² α ||h||, the second derivative
        of the loss is 2 c ((p u + q v)² - 2 ε ||z||² u v) for u and v along h, and -4 c ε ||z||² u·v for u and v
        across it. In the other directions it is 2 c p² or 0.
        """
        zz, norm = float(self.z @ self.z), float(np.linalg.norm(self.h))
        beta = 1 + gamma * zz
        p, q = beta * norm, zz * alpha * norm
        missing = (1 - alpha * beta * norm**2) * zz
        along = (p**2 + q**2) / 2 + math.hypot((p**2 - q**2) / 2, p * q - missing)
        return 2 * self.c * max(along, abs(missing))

    @property
    def small_step_curvature(self) -> float:
        """The curvature of the minimum in which infinitely small steps end.

        There p q = ||z||², and small steps leave p² - q² as it was at the start, ||h||²: the curvature is
        2 c (p² + q²) = 2 c sqrt(||h||⁴ + 4 ||z||⁴).
        """
        return 2 * self.c * math.hypot(float(self.h @ self.h), 2 * float(self.z @ self.z))

    @property
    def largest_stable_step(self) -> float:
        """The step size from which on no minimum of the loss is stable, 1 / (2 c ||z||²).

        At a minimum, A B z = z, the curvature is 2 c (||B z||² + ||z||² ||A||²), with the spectral norm of A. As
        ||z|| = ||A B z|| <= ||A|| ||B z||, that is at least 4 c ||z||²; and a minimum is stable for steps up to
        2 / curvature.
        """
        return 1 / (2 * self.c * float(self.z @ self.z))


def curvature(network: OneHiddenLayer, loss: Loss, inputs: Tensor, targets: Tensor, lowest: bool = False) -> float:
    """Return the largest (or lowest) eigenvalue of the Hessian of a loss in all weights of a float64 network.

    By Lanczos iteration (ARPACK) on Hessian-vector products: the Hessian itself is never formed.
    """
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    at = torch.cat([weight.flatten() for weight in weights.values()])

    def value(vector: Tensor) -> Tensor:
        parts = vector.split([weight.numel() for weight in weights.values()])
        shaped = {name: part.view_as(weights[name]) for name, part in zip(weights, parts, strict=True)}
        return loss(torch.func.functional_call(network, shaped, (inputs,)), targets)

    # The Hessian is symmetric: a vector times it is it times the vector.
    times_hessian = torch.func.vjp(torch.func.grad(value), at)[1]

    def product(direction: Array) -> Array:
        moved: Tensor = times_hessian(torch.from_numpy(direction.ravel()))[0]
        return moved.numpy()

    # ARPACK draws its own start unless it is given one.
    start = np.random.default_rng(0).standard_normal(len(at))
    hessian = LinearOperator((len(at), len(at)), matvec=product, dtype=np.float64)
    return float(eigsh(hessian, k=1, which="SA" if lowest else "LA", v0=start, return_eigenvectors=False)[0])
