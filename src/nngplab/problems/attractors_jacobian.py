"""The Jacobian J(x) = A D B of an autoencoder f(x) = A phi(B x) of Problem 4, with D = diag(phi'(B x)).

The eigenvalues of J other than 0 are those of the smaller matrix M = D B A of the units with phi' not 0: if
M u = lambda u, then A u is an eigenvector of J, and if w M = lambda w, then w D B is a left eigenvector of J.

With phi = ReLU, f is homogeneous of degree 1: f(c x) = c f(x) for c >= 0. So f(0) = 0, and Euler's identity
J(x) x = f(x) holds.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from nngplab.networks.fully_connected import ACTIVATIONS, OneHiddenLayer

Array = npt.NDArray[np.float64]

# An eigenvalue is slow if its modulus is at least this: ten iterations leave less than a thousandth of all other parts.
SLOW = 0.5


def slopes(network: OneHiddenLayer, x: Tensor) -> Tensor:
    """Return phi'(B x) for an input x (d,) or for each row of inputs (n, d): (k,) or (n, k)."""
    preactivations = network.first(x).detach().requires_grad_()
    with torch.enable_grad():
        (gradients,) = torch.autograd.grad(ACTIVATIONS[network.activation](preactivations).sum(), preactivations)
    return gradients


@torch.no_grad()
def jacobian_vector_product(network: OneHiddenLayer, x: Tensor, vector: Tensor) -> Tensor:
    """Return the product of the Jacobian of a network at an input x (d,) with a vector (d,)."""
    return network.A @ (slopes(network, x) * (network.B @ vector))


@torch.no_grad()
def jacobian_eigenvalues(network: OneHiddenLayer, x: Tensor, count: int) -> pd.DataFrame:
    """Return the eigenvalues of largest modulus of the Jacobian of a float64 network at an input x (d,).

    Returns:
        A table of `count` rows with the columns rank (from 1), real, imaginary, modulus, alignment, which is the
        absolute cosine between the eigenvector and x (0 where the eigenvalue is 0), and degrees, its angle.
    """
    A, DB = _active_part(network, x)
    values, vectors = np.linalg.eig(DB @ A)
    largest = np.argsort(-np.abs(values), kind="stable")[:count]
    modes = A @ vectors[:, largest]
    modulus = np.abs(values[largest])
    norms = np.where(modulus > 0, np.linalg.norm(modes, axis=0), np.inf)
    table = pd.DataFrame(
        {
            "real": values[largest].real,
            "imaginary": values[largest].imag,
            "modulus": modulus,
            "alignment": np.abs(x.numpy() @ modes) / (np.linalg.norm(x.numpy()) * norms),
        },
        index=range(1, len(largest) + 1),
    ).reindex(range(1, count + 1), fill_value=0.0)
    table["degrees"] = np.degrees(np.arccos(table["alignment"].clip(upper=1)))
    return table.rename_axis("rank").reset_index()


@torch.no_grad()
def slow_part(network: OneHiddenLayer, x: Tensor, vector: Tensor, times: int) -> tuple[int, Array, Array]:
    """Return what J(x)^times keeps of a vector (d,) in the slow directions: the eigenvectors with modulus >= SLOW.

    The part along the eigenvector A u is given by its left eigenvector w D B, with w u = 1: it is A u (w D B vector),
    an oblique projection, since J is not symmetric and its eigenvectors are not orthogonal. It is multiplied by the
    eigenvalue at each iteration.

    Returns:
        The number of slow directions, J^times of the oblique projection (d,), and the orthogonal projection of the
        vector to the same directions (d,).
    """
    A, DB = _active_part(network, x)
    values, vectors = np.linalg.eig(DB @ A)
    slow = np.abs(values) >= SLOW
    modes = A @ vectors[:, slow]
    # The rows of the inverse are the left eigenvectors w. J (A u) = lambda (A u) accounts for the first iteration.
    shares = np.linalg.inv(vectors)[slow] @ (DB @ vector.numpy())
    oblique = (modes @ (values[slow] ** (times - 1) * shares)).real
    basis = _span(np.hstack([modes.real, modes.imag]))
    return int(slow.sum()), oblique, basis @ (basis.T @ vector.numpy())


def _span(columns: Array) -> Array:
    """Return an orthonormal basis of the span of columns (d, m), which can depend on each other linearly."""
    U, singular_values, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(U[:, singular_values > 1e-10 * singular_values.max(initial=0)])


def _active_part(network: OneHiddenLayer, x: Tensor) -> tuple[Array, Array]:
    """Return A (d, m) and D B (m, d) for the m units with phi'(B x) not 0."""
    weights = slopes(network, x)
    active = weights != 0
    return network.A[:, active].numpy(), (weights[active, None] * network.B[active]).numpy()
