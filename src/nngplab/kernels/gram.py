"""Gram matrices: NNGP and neural tangent kernels from dual activations, and the Laplace kernel.

Nothing of size n x m x d ever exists.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.dual import Dual, length_and_cosine, namespace
from nngplab.kernels.duals import DUALS
from nngplab.kernels.parameters import check_boolean, check_integer, check_number, real_array

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]


def nngp(
    X: Array,
    Z: Array | None = None,
    dual: str | Dual | Function = "relu",
    normalize: bool = True,
    depth: int = 1,
) -> Array:
    """Return the NNGP Gram matrix of a network with `depth` hidden layers, of X (n, d) against Z (m, d): (n, m).

    For one layer, w ~ N(0, I) and the activation phi of the dual, scaled so that E[phi(u)^2] = 1 for u ~ N(0, 1), the
    entry of the rows x and z is E[phi(w.x) phi(w.z)] (Problems 10 and 11). To each further layer, the matrix so
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

    >>> import numpy as np
    >>> nngp(np.array([[3.0, 4.0], [4.0, 3.0]]), dual="relu", depth=2).round(4)
    array([[1.    , 0.9646],
           [0.9646, 1.    ]])
    """
    found = dual if callable(dual) else closed_form(dual)
    if not (normalize or isinstance(found, Dual)):
        raise InputError("nngp: normalize=False needs a Dual or its name, since a function of the cosine has no scale")
    check_depth(depth)
    K, a, b = _inner_products(X, Z, normalize)
    for block in row_blocks(*K.shape):
        K[block] = nngp_entries(found, depth, K[block], None if a is None else a[block], b)
    return K


def nngp_entries(dual: Dual | Function, depth: int, c: Array, a: Array | None, b: Array | None) -> Array:
    """Return entries of the NNGP kernel from the covariances of the inputs of its first layer.

    Args:
        dual: as for `nngp`, but not by name.
        depth: the number of hidden layers.
        c: covariances (n, m), or tensors of PyTorch as all that follows.
        a: variances (n,) of the rows; None if all variances are 1.
        b: variances (m,) of the columns; None likewise.
    """
    for _ in range(depth):
        c, a, b = _next_layer(dual, c, a, b)
    return c


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

    >>> import numpy as np
    >>> ntk(np.array([[3.0, 4.0], [4.0, 3.0]]), dual="relu").round(4)
    array([[2.    , 1.8357],
           [1.8357, 2.    ]])
    """
    found = differentiable(dual)
    check_depth(depth)
    K, a, b = _inner_products(X, Z, normalize)
    for block in row_blocks(*K.shape):
        K[block] = ntk_entries(found, depth, K[block], None if a is None else a[block], b)
    return K


def ntk_entries(dual: Dual, depth: int, c: Array, a: Array | None, b: Array | None) -> Array:
    """Return entries of the neural tangent kernel; the arguments are those of `nngp_entries`."""
    c = _with_exact_ends(c, a, b)
    tangent = c
    for _ in range(depth):
        slopes = dual.derivative(c) if a is None or b is None else dual.derivative_moment(c, a[:, None], b)
        c, a, b = _next_layer(dual, c, a, b)
        tangent = tangent * slopes + c
    return tangent


def _with_exact_ends(c: Array, a: Array | None, b: Array | None) -> Array:
    """Return covariances (n, m) where correlations that are 1 or -1 but for rounding are so exactly.

    There, the slopes of activations with a kink change by the root of a change of the correlation.
    """
    xp = namespace(c)
    s, t = (1, c) if a is None or b is None else length_and_cosine(c, a[:, None], b)
    return xp.where(xp.abs(t) >= 1 - 16 * xp.finfo(c.dtype).eps, xp.sign(t) * s, c)


def differentiable(dual: str | Dual) -> Dual:
    """Return the dual of a name, or itself, if it has a neural tangent kernel.

    Raises:
        InputError: for an unknown name, a mere function, and an activation that jumps.
    """
    found = dual if callable(dual) else closed_form(dual)
    if not isinstance(found, Dual):
        raise InputError("ntk: it needs a Dual or its name, since a function of the cosine says nothing of gradients")
    if not np.isfinite(found.derivative(1.0)):
        raise InputError(f"ntk: the activation {found.name} jumps, so its neural tangent kernel is infinite")
    return found


def laplace(X: Array, Z: Array | None = None, L: float = 1 / 200) -> Array:
    """Return the Laplace Gram matrix exp(-L |x - z|) of X (n, d) against Z (m, d), X itself if None: (n, m).

    >>> import numpy as np
    >>> laplace(np.zeros((1, 3)), np.ones((2, 3)), L=0.5).round(4)
    array([[0.4206, 0.4206]])
    """
    X = matrix_of_rows(X)
    Z = X if Z is None else matrix_of_rows(Z)
    check_number("the rate L of the Laplace kernel", L, above=0)
    _check_features(X, Z)
    K = distances(X, Z)
    K *= -L
    return np.exp(K, out=K)


def linear(X: Array, Z: Array | None = None) -> Array:
    """Return the Gram matrix of inner products of X (n, d) with Z (m, d), X itself if None: (n, m).

    >>> import numpy as np
    >>> linear(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[ 5., 11.],
           [11., 25.]])
    """
    X = matrix_of_rows(X)
    Z = X if Z is None else matrix_of_rows(Z)
    _check_features(X, Z)
    return X @ Z.T


def row_blocks(rows: int, columns: int, numbers: int = 2**20) -> Iterator[slice]:
    """Cut `rows` rows of `columns` numbers each into blocks of about so many `numbers`, at least one row each."""
    step = max(1, numbers // max(1, columns))
    return (slice(start, start + step) for start in range(0, rows, step))


def closed_form(name: str) -> Dual:
    """Return the dual in closed form of this name.

    Raises:
        InputError: if there is none.
    """
    if not isinstance(name, str) or name not in DUALS:
        raise InputError(f"unknown dual activation {name!r}: choose one of {', '.join(DUALS)}, or give a function")
    return DUALS[name]


def check_depth(depth: int) -> None:
    """Raise InputError unless the depth is an integer, 1 or above."""
    check_integer("the depth", depth, 1)


def _inner_products(X: Array, Z: Array | None, normalize: bool) -> tuple[Array, Array | None, Array | None]:
    """Return the covariances of the first layer's inputs (n, m) and their variances (n,), (m,): None if all are 1."""
    check_boolean("normalize", normalize)
    Z = X if Z is None else Z
    same = Z is X
    X, Z = matrix_of_rows(X), matrix_of_rows(Z)
    _check_features(X, Z)
    if normalize:
        X = _unit_rows(X)
        Z = X if same else _unit_rows(Z)
        K = X @ Z.T
        if same:
            np.fill_diagonal(K, X.any(axis=1))
        return K, None, None
    K, a, b = X @ Z.T, squared_norms(X), squared_norms(Z)
    if same:
        np.fill_diagonal(K, a)
    return K, a, b


def _next_layer(
    dual: Dual | Function, c: Array, a: Array | None, b: Array | None
) -> tuple[Array, Array | None, Array | None]:
    """Return the covariances (rows, m) and variances (rows,) and (m,) behind a layer that has c, a and b before it."""
    if a is None or b is None or not isinstance(dual, Dual):
        return dual(c), None, None
    return dual.moment(c, a[:, None], b), dual.moment(a, a, a), dual.moment(b, b, b)


def matrix_of_rows(X: npt.ArrayLike) -> Array:
    """Return samples as a matrix of floats; InputError unless they are a matrix."""
    X = real_array("the samples of a kernel", X)
    if X.ndim != 2:
        raise InputError(f"a kernel takes matrices whose rows are samples; got an array of shape {X.shape}")
    return X


def _check_features(X: Array, Z: Array) -> None:
    if X.shape[1] != Z.shape[1]:
        raise InputError(f"a kernel takes samples of as many features: X has {X.shape[1]}, and Z has {Z.shape[1]}")


def _unit_rows(X: Array) -> Array:
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0, norms, 1)


def squared_norms(X: Array) -> Array:
    """Return the squared Euclidean norm of each row of X (n, d): (n,)."""
    return np.einsum("ij,ij->i", X, X)


def distances(X: Array, Z: Array) -> Array:
    """Return |x - z| for each row of the floats X (n, d) and of Z (m, d): (n, m); equal rows have the distance 0.

    Norms and products give |x - z|^2 with an error of a few roundings of |x|^2 + |z|^2. That is bad where the distance
    is small beside the norms, so the origin is moved to the mean first, and pairs still close are subtracted singly.
    """
    origin = Z.mean(axis=0)
    X, Z = X - origin, Z - origin
    x_squared, z_squared = squared_norms(X), squared_norms(Z)
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
