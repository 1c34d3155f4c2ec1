"""Samples of kernels: matrices of NumPy, or sparse ones of SciPy in CSR format, and what kernels compute from them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from nngplab.errors import InputError
from nngplab.kernels.parameters import real_array

Array = npt.NDArray[Any]

# So many entries, with what is made of them on the way, stay in the second-level cache of a core.
ENTRIES_IN_CACHE = 2**16


def row_blocks(rows: int, columns: int, numbers: int = 2**20) -> Iterator[slice]:
    """Cut `rows` rows of `columns` numbers each into blocks of about so many `numbers`, at least one row each."""
    step = max(1, numbers // max(1, columns))
    return (slice(start, start + step) for start in range(0, rows, step))


def dense_samples(X: npt.ArrayLike) -> Array:
    """Return samples as a matrix of floats; InputError unless they are a matrix, and not a sparse one."""
    if scipy.sparse.issparse(X):
        raise InputError("this takes dense samples: give X.toarray(), or use a kernel object, such as NNGP('relu')")
    X = real_array("the samples of a kernel", X)
    if X.ndim != 2:
        raise InputError(f"a kernel takes matrices whose rows are samples; got an array of shape {X.shape}")
    return X


def samples(X: Any) -> Any:
    """Return samples as a matrix of floats, in CSR format if they are sparse; InputError unless they are a matrix."""
    if not scipy.sparse.issparse(X):
        return dense_samples(X)
    values = real_array("the samples of a kernel", X.tocsr().data)
    return X.tocsr().astype(values.dtype, copy=False)


def check_features(X: Array, Z: Array) -> None:
    """Raise InputError unless the samples X (n, d) and Z (m, d) have as many features."""
    if X.shape[1] != Z.shape[1]:
        raise InputError(f"a kernel takes samples of as many features: X has {X.shape[1]}, and Z has {Z.shape[1]}")


def squared_norms(X: Any) -> Array:
    """Return the squared Euclidean norm of each row of X (n, d): (n,)."""
    if scipy.sparse.issparse(X):
        return np.asarray(X.multiply(X).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", X, X)


def are_nonzero(X: Any) -> Array:
    """Return for each row of X (n, d) whether it has an entry that is not 0: (n,)."""
    return np.asarray((X != 0).sum(axis=1)).ravel() > 0 if scipy.sparse.issparse(X) else X.any(axis=1)


def scaled_by_powers_of_two(X: Any) -> Any:
    """Return X (n, d) with each row divided by a power of two, so that its largest entries are from 0.5 to 1."""
    if not scipy.sparse.issparse(X):
        return np.ldexp(X, -np.frexp(np.abs(X).max(axis=1, keepdims=True))[1])
    largest = abs(X).max(axis=1).toarray().ravel()
    scaled = X.copy()
    scaled.data = np.ldexp(X.data, np.repeat(-np.frexp(largest)[1], np.diff(X.indptr)))
    return scaled


def distances(X: Any, Z: Any) -> Array:
    """Return |x - z| for each row of the floats X (n, d) and of Z (m, d): (n, m); equal rows have the distance 0.

    Norms and products give |x - z|^2 with an error of a few roundings of |x|^2 + |z|^2. That is bad where the distance
    is small beside the norms, so the origin is moved to the mean first, and pairs still close are subtracted singly.
    Sparse rows stay where they are, since moving them would fill them.
    """
    sparse = scipy.sparse.issparse(X)
    if not sparse:
        origin = Z.mean(axis=0)
        X, Z = X - origin, Z - origin
    x_squared, z_squared = squared_norms(X), squared_norms(Z)
    D: Array = (X @ Z.T).toarray() if sparse else X @ Z.T
    for block in row_blocks(D.shape[0], D.shape[1], ENTRIES_IN_CACHE):
        size = x_squared[block, np.newaxis] + z_squared
        D[block] *= -2
        D[block] += size
        i, j = np.nonzero(D[block] <= 1e-3 * size)
        np.sqrt(np.maximum(D[block], 0, out=D[block]), out=D[block])
        for pairs in row_blocks(len(i), 256 if sparse else X.shape[1]):
            rows, columns = i[pairs] + block.start, j[pairs]
            apart = X[rows] - Z[columns]
            D[rows, columns] = np.sqrt(squared_norms(apart)) if sparse else np.linalg.norm(apart, axis=1)
    return D
