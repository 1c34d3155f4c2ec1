"""Gram matrices: NNGP and neural tangent kernels from dual activations, and the Laplace kernel.

Nothing of size n x m x d ever exists.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS

Array = npt.NDArray[Any]
Kernel = Callable[[Array, Array], Array]

# So many numbers, with what an activation's dual makes of them on the way, stay in a core's second-level cache.
_IN_CACHE = 2**16


def nngp(
    X: Array,
    Z: Array | None = None,
    dual: str | Dual | Callable[[Array], Array] = "relu",
    normalize: bool = True,
    depth: int = 1,
) -> Array:
    """Return the NNGP Gram matrix of a network with `depth` hidden layers, of X (n, d) against Z (m, d): (n, m).

    For one layer, w ~ N(0, I) and the activation phi of the dual, scaled so that E[phi(u)^2] = 1 for u ~ N(0, 1), the
    entry of the rows x and z is E[phi(w.x) phi(w.z)] (sheet, Problems 10 and 11). To each further layer, the matrix so
    far is the covariance of its inputs (Lee et al. 2018, "Deep neural networks as Gaussian processes"; no biases).

    Args:
        X: rows of floats; their dtype is that of the result.
        Z: further rows; X itself if None.
        dual: a name in `DUALS`, a `Dual`, or (with `normalize` only) an elementwise function of the correlation.
        normalize: scale each row to unit norm first, so that the entry is dual(cosine of x and z). A zero row has no
            direction: its cosine counts as 0 with every row, itself included, as in scikit-learn; the matrix stays
            positive semi-definite. Otherwise the rows are taken as they are; for ReLU the entry is then
            |x| |z| dual(cosine of x and z).
        depth: the number of hidden layers, all with this activation.

    Raises:
        InputError: for an unknown dual, a depth that is no integer from 1, or, without `normalize`, a mere function or
            a tabulated dual.
    """
    dual = _dual(dual)
    if not (normalize or isinstance(dual, Dual)):
        raise InputError("nngp: normalize=False needs a Dual or its name, since a function of the cosine has no scale")
    _check_depth(depth)
    K, a, b = _inner_products(X, Z, normalize)
    for block in row_blocks(*K.shape):
        layer = (K[block], None if a is None else a[block], b)
        for _ in range(depth):
            layer = _next_layer(dual, *layer)
        K[block] = layer[0]
    return K


def ntk(X: Array, Z: Array | None = None, dual: str | Dual = "relu", normalize: bool = True, depth: int = 1) -> Array:
    """Return the neural tangent kernel of a network with `depth` hidden layers, of X (n, d) against Z (m, d): (n, m).

    It is what the inner product of the network's gradients at the rows x and z, with respect to all weights, tends to
    as the width k grows. The network is f(x) = a.phi(h_depth) / sqrt(k), with h_1 = W_1 x and h_l = W_l phi(h_(l - 1))
    / sqrt(k), all weights N(0, 1), no biases, and phi scaled as in `nngp` (Jacot, Gabriel and Hongler 2018, "Neural
    tangent kernel"). For one hidden layer and unit rows it is dual(xi) + xi dual.derivative(xi), with xi = x.z.

    Args:
        X: rows of floats; their dtype is that of the result.
        Z: further rows; X itself if None.
        dual: a name in `DUALS`, or a `Dual`.
        normalize: scale each row to unit norm first, as in `nngp`. The kernel itself is not normalised: for ReLU its
            diagonal is then depth + 1.
        depth: the number of hidden layers, all with this activation.

    Raises:
        InputError: as `nngp`; for a mere function; and for an activation that jumps, so that its kernel is infinite.
    """
    known = _dual(dual)
    if not isinstance(known, Dual):
        raise InputError("ntk: it needs a Dual or its name, since a function of the cosine says nothing of gradients")
    if not np.isfinite(known.derivative(1.0)):
        raise InputError(f"ntk: the activation {known.name} jumps, so its neural tangent kernel is infinite")
    _check_depth(depth)
    K, a, b = _inner_products(X, Z, normalize)
    for block in row_blocks(*K.shape):
        layer = (K[block], None if a is None else a[block], b)
        tangent = K[block].copy()
        for _ in range(depth):
            tangent *= _slopes(known, *layer)
            layer = _next_layer(known, *layer)
            tangent += layer[0]
        K[block] = tangent
    return K


def laplace(X: Array, Z: Array | None = None, L: float = 1 / 200) -> Array:
    """Return the Laplace Gram matrix exp(-L |x - z|) of X (n, d) against Z (m, d), X itself if None: (n, m)."""
    X = _rows(X)
    Z = X if Z is None else _rows(Z)
    K = distances(X, Z)
    K *= -L
    return np.exp(K, out=K)


def linear(X: Array, Z: Array | None = None) -> Array:
    """Return the Gram matrix of inner products of X (n, d) with Z (m, d), X itself if None: (n, m)."""
    return X @ (X if Z is None else Z).T


def kernel_function(kernel: str | Dual | Kernel, L: float = 1 / 200) -> Kernel:
    """Return the function (X, Z) -> Gram that a name stands for; another function stands for itself.

    The names are those of `DUALS` (the normalised NNGP kernel), "laplace" (with the rate L) and "linear"; a `Dual`
    stands for its normalised NNGP kernel.

    Raises:
        InputError: for any other name.
    """
    if isinstance(kernel, Dual):
        return partial(nngp, dual=kernel)
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


@dataclass(frozen=True)
class Rows:
    """Samples with what a kernel needs of each many times; a slice of them is again `Rows`.

    Attributes:
        values: the samples (n, d).
        scales: one over their Euclidean norms (n,), 1 for a zero row; None where the kernel has no use for them.
    """

    values: Array
    scales: Array | None = None

    def __getitem__(self, part: slice) -> "Rows":
        return Rows(self.values[part], None if self.scales is None else self.scales[part])

    def __len__(self) -> int:
        return len(self.values)


class TileKernel:
    """A kernel for the Gram matrices of many small blocks of the same samples, whose scales it computes only once.

    Args:
        kernel: as for `kernel_function`, whose Gram matrix this is but for rounding.
        L: the rate of the Laplace kernel.
    """

    def __init__(self, kernel: str | Dual | Kernel, L: float = 1 / 200) -> None:
        self._gram = kernel_function(kernel, L)
        self._dual = DUALS.get(kernel) if isinstance(kernel, str) else kernel if isinstance(kernel, Dual) else None

    def rows(self, X: Array) -> Rows:
        """Return the samples X (n, d) as this kernel takes them."""
        if self._dual is None:
            return Rows(X)
        with np.errstate(over="ignore", under="ignore"):
            squares = _squared_norms(X)
        limits = np.finfo(X.dtype)
        if np.any((squares < limits.tiny / limits.eps) | (squares > limits.max * limits.eps)):
            # Products of such rows overflow or lose digits. To divide a row by a power of two costs none.
            X = np.ldexp(X, -np.frexp(np.abs(X).max(axis=1, keepdims=True))[1])
            squares = _squared_norms(X)
        return Rows(X, 1 / np.sqrt(np.where(squares > 0, squares, 1)))

    def __call__(self, A: Rows, B: Rows, out: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of n rows against m, in their dtype; in the array `out` if it is given.

        Raises:
            InputError: if a function returns a matrix of another shape.
        """
        if self._dual is None or A.scales is None or B.scales is None:
            K = np.asarray(self._gram(A.values, B.values))
            if K.shape != (len(A), len(B)):
                raise InputError(f"the kernel returns shape {K.shape} for {len(A)} against {len(B)} samples")
            # A function may return what is its own, in any order and type.
            out = np.empty(K.shape, A.values.dtype) if out is None else out
            out[:] = K
            return out
        K = np.matmul(A.values, B.values.T, out=out)
        for block in row_blocks(len(A), len(B), _IN_CACHE):
            K[block] *= A.scales[block, np.newaxis]
            K[block] *= B.scales
            if A is B:
                diagonal = np.arange(len(A))[block]
                K[diagonal, diagonal] = A.values[block].any(axis=1)
            K[block] = self._dual(K[block])
        return K


def row_blocks(rows: int, columns: int, numbers: int = 2**20) -> Iterator[slice]:
    """Cut `rows` rows of `columns` numbers each into blocks of about so many `numbers`, at least one row each."""
    step = max(1, numbers // max(1, columns))
    return (slice(start, start + step) for start in range(0, rows, step))


def _dual(dual: str | Dual | Callable[[Array], Array]) -> Dual | Callable[[Array], Array]:
    if callable(dual):
        return dual
    if dual not in DUALS:
        raise InputError(f"unknown dual activation {dual!r}: choose one of {', '.join(DUALS)}, or give a function")
    return DUALS[dual]


def _check_depth(depth: int) -> None:
    if depth != int(depth) or depth < 1:
        raise InputError(f"the depth is {depth!r}: it must be an integer, 1 or above")


def _inner_products(X: Array, Z: Array | None, normalize: bool) -> tuple[Array, Array | None, Array | None]:
    """Return the covariances of the first layer's inputs (n, m) and their variances (n,), (m,): None if all are 1."""
    Z = X if Z is None else Z
    same = Z is X
    X, Z = _rows(X), _rows(Z)
    if normalize:
        X = _unit_rows(X)
        Z = X if same else _unit_rows(Z)
        K = X @ Z.T
        if same:
            np.fill_diagonal(K, X.any(axis=1))
        return K, None, None
    K, a, b = X @ Z.T, _squared_norms(X), _squared_norms(Z)
    if same:
        np.fill_diagonal(K, a)
    return K, a, b


def _next_layer(
    dual: Dual | Callable[[Array], Array], c: Array, a: Array | None, b: Array | None
) -> tuple[Array, Array | None, Array | None]:
    """Return the covariances (rows, m) and variances (rows,) and (m,) behind a layer that has c, a and b before it."""
    if a is None or b is None or not isinstance(dual, Dual):
        return dual(c), None, None
    return dual.moment(c, a[:, np.newaxis], b), dual.moment(a, a, a), dual.moment(b, b, b)


def _slopes(dual: Dual, c: Array, a: Array | None, b: Array | None) -> Array:
    return dual.derivative(c) if a is None or b is None else dual.derivative_moment(c, a[:, np.newaxis], b)


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


def distances(X: Array, Z: Array) -> Array:
    """Return |x - z| for each row of the floats X (n, d) and of Z (m, d): (n, m); equal rows have the distance 0.

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
