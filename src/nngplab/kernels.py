"""Gram matrices: NNGP kernels from dual activations, and the Laplace kernel. Nothing of size n x m x d ever exists."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.duals import DUALS, Dual
from nngplab.errors import InputError

Array = npt.NDArray[Any]
Kernel = Callable[[Array, Array], Array]


def nngp(
    X: Array, Z: Array | None = None, dual: str | Dual | Callable[[Array], Array] = "relu", normalize: bool = True
) -> Array:
    """Return the NNGP Gram matrix of a network with one hidden layer, of X (n, d) against Z (m, d): (n, m).

    For w ~ N(0, I) and the activation phi of the dual, scaled so that E[phi(u)^2] = 1 for u ~ N(0, 1), the entry of
    the rows x and z is E[phi(w.x) phi(w.z)] (sheet, Problems 10 and 11).

    Args:
        X: rows of floats; their dtype is that of the result.
        Z: further rows; X itself if None.
        dual: a name in `DUALS`, a `Dual`, or (with `normalize` only) an elementwise function of the correlation.
        normalize: scale each row to unit norm first, so that the entry is dual(cosine of x and z). A zero row has no
            direction: its cosine counts as 0 with every row, itself included, as in scikit-learn; the matrix stays
            positive semi-definite. Otherwise the rows are taken as they are; for ReLU the entry is then
            |x| |z| dual(cosine of x and z).

    Raises:
        InputError: for an unknown dual, or a mere function without `normalize`.
    """
    dual = _dual(dual)
    Z = X if Z is None else Z
    same = Z is X
    X, Z = _rows(X), _rows(Z)
    if normalize:
        X = _unit_rows(X)
        Z = X if same else _unit_rows(Z)
        K = X @ Z.T
        if same:
            np.fill_diagonal(K, X.any(axis=1))
        for block in row_blocks(*K.shape):
            K[block] = dual(K[block])
        return K
    if not isinstance(dual, Dual):
        raise InputError("nngp: normalize=False needs a Dual or its name, since a function of the cosine has no scale")
    K = X @ Z.T
    x_squared, z_squared = _squared_norms(X), _squared_norms(Z)
    for block in row_blocks(*K.shape):
        K[block] = dual.moment(K[block], x_squared[block, np.newaxis], z_squared)
    return K


def laplace(X: Array, Z: Array | None = None, L: float = 1 / 200) -> Array:
    """Return the Laplace Gram matrix exp(-L |x - z|) of X (n, d) against Z (m, d), X itself if None: (n, m)."""
    X = _rows(X)
    Z = X if Z is None else _rows(Z)
    K = _distances(X, Z)
    K *= -L
    return np.exp(K, out=K)


def linear(X: Array, Z: Array | None = None) -> Array:
    """Return the Gram matrix of inner products of X (n, d) with Z (m, d), X itself if None: (n, m)."""
    return X @ (X if Z is None else Z).T


def kernel_function(kernel: str | Kernel, L: float = 1 / 200) -> Kernel:
    """Return the function (X, Z) -> Gram that a name stands for; a function stands for itself.

    The names are those of `DUALS` (the normalised NNGP kernel), "laplace" (with the rate L) and "linear".

    Raises:
        InputError: for any other name.
    """
    if callable(kernel):
        return kernel
    if kernel == "laplace":
        return partial(laplace, L=L)
    if kernel == "linear":
        return linear
    if kernel in DUALS:
        return partial(nngp, dual=kernel)
    raise InputError(
        f"unknown kernel {kernel!r}: choose one of {', '.join([*DUALS, 'laplace', 'linear'])}, or a function"
    )


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Cut `rows` rows of `columns` numbers each into blocks of about a million numbers, at least one row each."""
    step = max(1, 2**20 // max(1, columns))
    return (slice(start, start + step) for start in range(0, rows, step))


def _dual(dual: str | Dual | Callable[[Array], Array]) -> Dual | Callable[[Array], Array]:
    if callable(dual):
        return dual
    if dual not in DUALS:
        raise InputError(f"unknown dual activation {dual!r}: choose one of {', '.join(DUALS)}, or give a function")
    return DUALS[dual]


def _rows(X: npt.ArrayLike) -> Array:
    X = np.asarray(X)
    if X.ndim != 2:
        raise InputError(f"a kernel takes matrices whose rows are samples; got an array of shape {X.shape}")
    return X if np.issubdtype(X.dtype, np.floating) else X.astype(np.float64)


def _unit_rows(X: Array) -> Array:
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0, norms, 1)


def _squared_norms(X: Array) -> Array:
    return np.einsum("ij,ij->i", X, X)


def _distances(X: Array, Z: Array) -> Array:
    """Return |x - z| for each row of X (n, d) and of Z (m, d): (n, m).

    Norms and products give |x - z|^2 with an error of a few roundings of |x|^2 + |z|^2. That is bad where the distance
    is small beside the norms, so the origin is moved to the mean first, and pairs still close are subtracted singly.
    """
    origin = Z.mean(axis=0)
    X, Z = X - origin, Z - origin
    x_squared, z_squared = _squared_norms(X), _squared_norms(Z)
    D = X @ Z.T
    for block in row_blocks(*D.shape):
        size = x_squared[block, np.newaxis] + z_squared
        D[block] *= -2
        D[block] += size
        i, j = np.nonzero(D[block] <= 1e-3 * size)
        np.sqrt(np.maximum(D[block], 0, out=D[block]), out=D[block])
        for pairs in row_blocks(len(i), X.shape[1]):
            D[i[pairs] + block.start, j[pairs]] = np.linalg.norm(X[i[pairs] + block.start] - Z[j[pairs]], axis=1)
    return D
