"""Networks of Problem 4 whose iterates are known by construction, and small images."""

import numpy as np
import torch

from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.problems.attractors import initial_network

D = 12


def network(width: int = 20, seed: int = 0, d: int = D, activation: str = "relu") -> OneHiddenLayer:
    return initial_network(d, width, seed, activation).double()


def vectors(n: int, seed: int = 0, d: int = D) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, d)))


def images(n: int, seed: int = 0, d: int = D) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((n, d))).float()


def orthonormal(n: int, seed: int = 0) -> torch.Tensor:
    return torch.linalg.qr(vectors(n, seed).T)[0].T


def with_weights(A, B, activation: str = "relu") -> OneHiddenLayer:
    """The network A phi(B x) with given weights."""
    made = network(width=len(B), d=len(A), activation=activation)
    with torch.no_grad():
        made.A.copy_(torch.as_tensor(A))
        made.B.copy_(torch.as_tensor(B))
    return made


def in_coordinates(Z: torch.Tensor, matrix, activation: str = "relu") -> OneHiddenLayer:
    """A network that maps the coordinates c (m,) along orthonormal images Z (m, d) to phi(matrix c)."""
    return with_weights(Z.T, torch.as_tensor(matrix).double() @ Z, activation)


def winner_takes_all(Z: torch.Tensor, share: float = 0.5) -> OneHiddenLayer:
    """A network whose attractors are known: two orthonormal images, and the larger coordinate grows.

    In the coordinates p, q along the images it maps to relu(p - share q), relu(q - share p), and all else to zero.
    """
    return in_coordinates(Z, [[1, -share], [-share, 1]])


def slow_passage(Z: torch.Tensor, gap: float) -> OneHiddenLayer:
    """A network that leads from the first of two orthonormal images slowly past their mixture to the second.

    Along u = z1 + z2 and v = z1 - z2, the coordinates a, b of an input become a + b, b - gap a, so that t = b / a
    becomes (t - gap) / (1 + t). With gap = 0, the mixture t = 0 is a fixed direction; otherwise, t falls by about gap
    at each iteration near it, until the first unit is inactive.
    """
    return in_coordinates(Z, [[(3 - gap) / 2, -(1 + gap) / 2], [(1 + gap) / 2, (1 + gap) / 2]])
