"""What follows from homogeneity at the training images of an autoencoder f(x) = A phi(B x) of Problem 4.

With phi = ReLU and no biases, f(c x) = c f(x) for c >= 0. The derivative in c at c = 1 is Euler's identity
J(x) x = f(x). So if f fits an image z exactly, z is an eigenvector of J(z) with the eigenvalue 1. If it fits up to an
error e = f(z) - z, then for each eigenvalue lambda of J(z) with the left eigenvector w

    lambda w·z = w·J(z) z = w·(z + e), so that lambda = 1 + w·e / w·z.

For tanh and sine none of this holds: the eigenvalues of J(z) can be anything.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs
from torch import Tensor

from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.problems.attractors_jacobian import jacobian_vector_product, slopes

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

# The factors c for which f(c z) / c is compared with f(z).
SCALES = (0.5, 2.0, 10.0)
# The eigenvalue nearest to this is computed: J(z) - I can be singular, but J(z) minus this hardly is.
_SHIFT = 1 + 1e-9
# The matrices of up to this many active units are decomposed as a whole; ARPACK needs more rows than that.
_SMALL = 16


@dataclass(frozen=True)
class NearestEigenvalue:
    """The eigenvalue of a Jacobian J that is nearest to 1.

    Attributes:
        value: the eigenvalue.
        right: its eigenvector (d,).
        left: its left eigenvector w (d,), with w J = value w.
    """

    value: complex
    right: Complex
    left: Complex


@torch.no_grad()
def nearest_eigenvalue(network: OneHiddenLayer, x: Tensor, product: Tensor | None = None) -> NearestEigenvalue:
    """Return the eigenvalue nearest to 1 of the Jacobian of a float64 network at an input x (d,).

    The eigenvalue 0 that J has only because there are fewer active units than inputs does not count. The others are
    eigenvalues of the matrix D B A of the active units (see `attractors_jacobian`). The nearest one is
    computed by Arnoldi iteration (ARPACK) on the inverse of this matrix minus about the identity.

    Args:
        network: the network.
        x: the input.
        product: B A (k, k), if it is known.
    """
    weights = slopes(network, x)
    active = weights != 0
    if not active.any():
        # The Jacobian is 0, and every vector is an eigenvector.
        return NearestEigenvalue(0, x.numpy().astype(np.complex128), x.numpy().astype(np.complex128))
    product = network.B @ network.A if product is None else product
    matrix = (weights[active, None] * product[active][:, active]).numpy()
    value, right, left = _nearest(matrix)
    A, DB = network.A[:, active].numpy(), (weights[active, None] * network.B[active]).numpy()
    return NearestEigenvalue(value, A @ right, left @ DB)


def _nearest(matrix: Array) -> tuple[complex, Complex, Complex]:
    """Return the eigenvalue of a matrix (m, m) nearest to 1, its eigenvector and its left eigenvector, (m,) each."""
    if len(matrix) <= _SMALL:
        (value, right), (other, left) = (_decomposed(one) for one in (matrix, matrix.T))
    else:
        factors = lu_factor(matrix - _SHIFT * np.eye(len(matrix)))
        value, right = _iterated(matrix, lambda vector: lu_solve(factors, vector))
        other, left = _iterated(matrix.T, lambda vector: lu_solve(factors, vector, trans=1))
    # Of a pair of conjugate eigenvalues, the transposed matrix may have given the other one.
    return value, right, left.conj() if value.imag * other.imag < 0 else left


def _decomposed(matrix: Array) -> tuple[complex, Complex]:
    values, vectors = np.linalg.eig(matrix)
    place = int(np.argmin(np.abs(values - _SHIFT)))
    return complex(values[place]), vectors[:, place].astype(np.complex128)


def _iterated(matrix: Array, solve: Callable[[Array], Array]) -> tuple[complex, Complex]:
    # Without a start vector, ARPACK draws one, and the last digits differ between runs.
    start = np.random.default_rng(0).standard_normal(len(matrix))
    inverse = LinearOperator(matrix.shape, matvec=solve, dtype=np.float64)
    try:
        values, vectors = eigs(matrix, k=1, sigma=_SHIFT, OPinv=inverse, v0=start)
    except ArpackError:
        return _decomposed(matrix)
    return complex(values[0]), vectors[:, 0]


@torch.no_grad()
def describe_homogeneity(network: OneHiddenLayer, Z: Tensor) -> pd.DataFrame:
    """Return what homogeneity predicts at the training images Z (n, d) of a float64 network, and what is there.

    Returns:
        A row for each image, with the columns image (its number, from 1), relative_error (||f(z) - z|| / ||z||), euler
        (||J(z) z - f(z)|| / ||z||), scaled (the largest ||f(c z) / c - f(z)|| / ||z|| for c in SCALES),
        smallest_scale and largest_scale (of SCALES), real and imaginary (of the eigenvalue of J(z) nearest to 1),
        distance (of it from 1), degrees (the angle between its eigenvector and the image) and predicted_distance
        (|w·e / w·z|). The measured values are NaN if the weights have overflowed.
    """
    product = network.B @ network.A
    rows = [_relations(network, z) | _eigenvalue(network, z, product) for z in Z]
    table = pd.DataFrame(rows).assign(smallest_scale=min(SCALES), largest_scale=max(SCALES))
    table.insert(0, "image", range(1, len(Z) + 1))
    return table


def _relations(network: OneHiddenLayer, z: Tensor) -> dict[str, float]:
    output = network(z)
    differences = {
        "relative_error": [output - z],
        "euler": [jacobian_vector_product(network, z, z) - output],
        "scaled": [network(c * z) / c - output for c in SCALES],
    }
    # An empty cell stands for infinity and for no number.
    largest = {name: max(float(part.norm() / z.norm()) for part in parts) for name, parts in differences.items()}
    return {name: value if math.isfinite(value) else math.nan for name, value in largest.items()}


def _eigenvalue(network: OneHiddenLayer, z: Tensor, product: Tensor) -> dict[str, float]:
    error = (network(z) - z).numpy()
    if not (np.isfinite(error).all() and torch.isfinite(product).all()):
        return dict.fromkeys(("real", "imaginary", "distance", "degrees", "predicted_distance"), math.nan)
    found = nearest_eigenvalue(network, z, product)
    return {
        "real": found.value.real,
        "imaginary": found.value.imag,
        "distance": abs(found.value - 1),
        "degrees": _degrees(found.right, z.numpy()),
        "predicted_distance": _ratio(complex(found.left @ error), complex(found.left @ z.numpy())),
    }


def _degrees(vector: Complex, x: Array) -> float:
    """Return the angle between the lines through two vectors (d,)."""
    lengths = float(np.linalg.norm(vector) * np.linalg.norm(x))
    return float(np.degrees(np.arccos(min(1.0, _ratio(complex(vector @ x), lengths)))))


def _ratio(numerator: complex, denominator: complex) -> float:
    return float(abs(numerator) / abs(denominator)) if denominator else math.nan
