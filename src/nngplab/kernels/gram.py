"""Gram matrices: NNGP and neural tangent kernels from dual activations, and the Laplace kernel.

Nothing of size n x m x d ever exists.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.acceleration import MANY, accelerated
from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS
from nngplab.kernels.layers import check_depth, check_sigmas, has_sigmas, nngp_entries, ntk_entries
from nngplab.kernels.parameters import check_boolean, check_number
from nngplab.kernels.samples import check_features, dense_samples, distances, row_blocks, squared_norms

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]


def nngp(
    X: Array,
    Z: Array | None = None,
    dual: str | Dual | Function = "relu",
    normalize: bool = True,
    depth: int = 1,
    sigma_w: float = 1.0,
    sigma_b: float = 0.0,
) -> Array:
    """Return the NNGP Gram matrix of a network with `depth` hidden layers, of X (n, d) against Z (m, d): (n, m).

    For one layer, w ~ N(0, I) and the activation phi of the dual, scaled so that E[phi(u)^2] = 1 for u ~ N(0, 1), the
    entry of the rows x and z is E[phi(w.x) phi(w.z)] (Problems 10 and 11). To each further layer, the matrix so
    far is the covariance of its inputs (Lee et al. 2018, "Deep neural networks as Gaussian processes"). Other variances
    of the weights, and biases, are in `nngplab.kernels.layers.nngp_entries`.

    Args:
        X: rows of floats; their dtype is that of the result.
        Z: further rows; X itself if None.
        dual: a name in `DUALS`, a `Dual`, or (with `normalize` only) an elementwise function of the correlation.
        normalize: scale each row to unit norm first, so that the entry is dual(cosine of x and z). A zero row has no
            direction: its cosine counts as 0 with every row, itself included, as in scikit-learn; the matrix stays
            positive semi-definite. Otherwise the rows are taken as they are; for ReLU the entry is then
            |x| |z| dual(cosine of x and z).
        depth: the number of hidden layers, all with this activation.
        sigma_w: the standard deviation of the weights, in each layer and the output (`NNGP`).
        sigma_b: that of the biases.

    Raises:
        InputError: for an unknown dual, a depth that is no integer from 1, a wrong sigma_w or sigma_b, or, without
            `normalize`, a mere function or a tabulated dual.

    >>> import numpy as np
    >>> X = np.array([[3.0, 4.0], [4.0, 3.0]])
    >>> nngp(X, dual="relu", depth=2).round(4)
    array([[1.    , 0.9646],
           [0.9646, 1.    ]])
    """
    found = dual if callable(dual) else closed_form(dual)
    check_depth(depth)
    check_sigmas(sigma_w, sigma_b)
    if not isinstance(found, Dual) and (not normalize or has_sigmas(sigma_w, sigma_b)):
        raise InputError(
            "nngp: normalize=False, sigma_w and sigma_b need a Dual or its name, since a function of the cosine has no "
            "scale"
        )
    K, a, b = _inner_products(X, Z, normalize)
    if isinstance(found, Dual) and max(K.shape) >= MANY:
        found = accelerated(found)
    for block in row_blocks(*K.shape):
        K[block] = nngp_entries(found, depth, K[block], None if a is None else a[block], b, sigma_w, sigma_b)
    return K


def ntk(
    X: Array,
    Z: Array | None = None,
    dual: str | Dual = "relu",
    normalize: bool = True,
    depth: int = 1,
    sigma_w: float = 1.0,
    sigma_b: float = 0.0,
) -> Array:
    """Return the neural tangent kernel of a network with `depth` hidden layers, of X (n, d) against Z (m, d): (n, m).

    It is what the inner product of the network's gradients at the rows x and z, with respect to all weights, tends to
    as the width k grows. The network is f(x) = a.phi(h_depth) / sqrt(k), with h_1 = W_1 x and h_l = W_l phi(h_(l - 1))
    / sqrt(k), all weights N(0, 1), and phi scaled as in `nngp` (Jacot, Gabriel and Hongler 2018, "Neural tangent
    kernel"). Other variances, and biases, are in `nngplab.kernels.layers.ntk_entries`. For one hidden layer and unit
    rows the kernel is dual(xi) + xi dual.derivative(xi), with xi = x.z.

    Args:
        X: rows of floats; their dtype is that of the result.
        Z: further rows; X itself if None.
        dual: a name in `DUALS`, or a `Dual`.
        normalize: scale each row to unit norm first, as in `nngp`. The kernel itself is not normalised: for ReLU its
            diagonal is then depth + 1.
        depth: the number of hidden layers, all with this activation.
        sigma_w: as in `nngp`.
        sigma_b: as in `nngp`.

    Raises:
        InputError: as `nngp`; for a mere function; and for an activation that jumps, so that its kernel is infinite.

    >>> import numpy as np
    >>> ntk(np.array([[3.0, 4.0], [4.0, 3.0]]), dual="relu").round(4)
    array([[2.    , 1.8357],
           [1.8357, 2.    ]])
    """
    found = differentiable(dual)
    check_depth(depth)
    check_sigmas(sigma_w, sigma_b)
    K, a, b = _inner_products(X, Z, normalize)
    found = accelerated(found) if max(K.shape) >= MANY else found
    for block in row_blocks(*K.shape):
        K[block] = ntk_entries(found, depth, K[block], None if a is None else a[block], b, sigma_w, sigma_b)
    return K


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
    X = dense_samples(X)
    Z = X if Z is None else dense_samples(Z)
    check_number("the rate L of the Laplace kernel", L, above=0)
    check_features(X, Z)
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
    X = dense_samples(X)
    Z = X if Z is None else dense_samples(Z)
    check_features(X, Z)
    return X @ Z.T


def closed_form(name: str) -> Dual:
    """Return the dual in closed form of this name.

    Raises:
        InputError: if there is none.
    """
    if not isinstance(name, str) or name not in DUALS:
        raise InputError(
            f"unknown dual activation {name!r}: choose one of {', '.join(DUALS)}, or make one of your own activation "
            "with dual_of(function), for example dual_of(numpy.tanh)"
        )
    return DUALS[name]


def _inner_products(X: Array, Z: Array | None, normalize: bool) -> tuple[Array, Array | None, Array | None]:
    """Return the covariances of the first layer's inputs (n, m) and their variances (n,), (m,): None if all are 1."""
    check_boolean("normalize", normalize)
    Z = X if Z is None else Z
    same = Z is X
    X, Z = dense_samples(X), dense_samples(Z)
    check_features(X, Z)
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


def _unit_rows(X: Array) -> Array:
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0, norms, 1)
