"""The recursion over the layers of wide networks: from covariances of inputs to NNGP and neural tangent kernels."""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.dual import Dual, length_and_cosine, namespace
from nngplab.kernels.parameters import check_integer, check_number

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]


def nngp_entries(
    dual: Dual | Function,
    depth: int,
    c: Array,
    a: Array | None,
    b: Array | None,
    sigma_w: float = 1.0,
    sigma_b: float = 0.0,
) -> Array:
    """Return entries of the NNGP kernel from the inner products of the inputs of its first layer.

    Each of the `depth` hidden layers, and the output, has weights N(0, sigma_w^2 / inputs) and biases N(0, sigma_b^2);
    only the weights of the first layer are not divided by the number of its inputs. So a covariance K becomes
    sigma_w^2 K + sigma_b^2 before each activation and in the end (Lee et al. 2018, "Deep neural networks as Gaussian
    processes", equation 5).

    Args:
        dual: as for `nngplab.kernels.gram.nngp`, but not by name.
        depth: the number of hidden layers.
        c: inner products (n, m), or tensors of PyTorch as all that follows.
        a: those (n,) of each row with itself; None if all are 1.
        b: those (m,) of each column with itself; None likewise.
        sigma_w: the standard deviation of the weights.
        sigma_b: the standard deviation of the biases.
    """
    for _ in range(depth):
        c, a, b = _next_layer(dual, *_dense(c, a, b, sigma_w, sigma_b))
    return _dense(c, a, b, sigma_w, sigma_b)[0]


def ntk_entries(
    dual: Dual, depth: int, c: Array, a: Array | None, b: Array | None, sigma_w: float = 1.0, sigma_b: float = 0.0
) -> Array:
    """Return entries of the neural tangent kernel; the arguments are those of `nngp_entries`.

    The parameters that train are standard normal, and sigma_w and sigma_b stand before them (Jacot, Gabriel and Hongler
    2018, "Neural tangent kernel", whose beta is sigma_b; `parameterization="ntk"` in Neural Tangents).
    """
    c, a, b = _dense(_with_exact_ends(c, a, b), a, b, sigma_w, sigma_b)
    tangent = c
    for _ in range(depth):
        slopes = dual.derivative(c) if a is None or b is None else dual.derivative_moment(c, a[:, None], b)
        c, a, b = _dense(*_next_layer(dual, c, a, b), sigma_w, sigma_b)
        if has_sigmas(sigma_w, sigma_b):
            c, slopes = _with_exact_ends(c, a, b), float(sigma_w) ** 2 * slopes
        tangent = tangent * slopes + c
    return tangent


def has_sigmas(sigma_w: float, sigma_b: float) -> bool:
    """Return whether the weights have another variance than 1, or there are biases."""
    return sigma_w != 1 or sigma_b != 0


def _dense(
    c: Array, a: Array | None, b: Array | None, sigma_w: float, sigma_b: float
) -> tuple[Array, Array | None, Array | None]:
    """Return the covariances and variances behind weights and biases from those before."""
    if not has_sigmas(sigma_w, sigma_b):
        return c, a, b
    if a is None or b is None:
        a = b = namespace(c).ones_like(c[:1, :1].reshape(-1))
    # Plain floats, since a float64 of NumPy would make float64 of float32.
    return tuple(float(sigma_w) ** 2 * K + float(sigma_b) ** 2 for K in (c, a, b))  # type: ignore[return-value]


def _next_layer(
    dual: Dual | Function, c: Array, a: Array | None, b: Array | None
) -> tuple[Array, Array | None, Array | None]:
    """Return the covariances (rows, m) and variances (rows,) and (m,) behind a layer that has c, a and b before it."""
    if a is None or b is None or not isinstance(dual, Dual):
        return dual(c), None, None
    return dual.moment(c, a[:, None], b), dual.moment(a, a, a), dual.moment(b, b, b)


def _with_exact_ends(c: Array, a: Array | None, b: Array | None) -> Array:
    """Return covariances (n, m) where correlations that are 1 or -1 but for rounding are so exactly.

    There, the slopes of activations with a kink change by the root of a change of the correlation.
    """
    xp = namespace(c)
    s, t = (1, c) if a is None or b is None else length_and_cosine(c, a[:, None], b)
    return xp.where(xp.abs(t) >= 1 - 16 * xp.finfo(c.dtype).eps, xp.sign(t) * s, c)


def check_depth(depth: int) -> None:
    """Raise InputError unless the depth is an integer, 1 or above."""
    check_integer("the depth", depth, 1)


def check_sigmas(sigma_w: float, sigma_b: float) -> None:
    """Raise InputError unless sigma_w is a number above 0, and sigma_b one of 0 or above."""
    check_number("sigma_w", sigma_w, above=0)
    check_number("sigma_b", sigma_b)
    if not sigma_b >= 0:
        raise InputError(f"sigma_b is {sigma_b!r}: it must be a finite number, 0 or above")
