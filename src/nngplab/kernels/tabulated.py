"""Duals of activations without a closed form: by quadrature from the definition, and from a table made so."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from numpy.polynomial.chebyshev import chebder, chebval

from nngplab.errors import InputError
from nngplab.kernels.dual import Activation, Array, Dual, namespace
from nngplab.kernels.parameters import check_integer, real_array
from nngplab.kernels.quadrature import expected_products, find_kinks, gaussian_nodes

# Of a dual by quadrature, as a share of its value at one: beyond it, no dual is returned.
_LARGEST_ERROR = 1e-10


def dual_by_quadrature(activation: Activation, xi: npt.ArrayLike, kinks: Sequence[float] = ()) -> Array:
    """Return E[activation(u) activation(v)] for (u, v) ~ N(0, [[1, xi], [xi, 1]]), by quadrature.

    This is the definition itself, of the activation as given, not normalised: for `DUALS[name].activation` it is
    `DUALS[name]`, and dividing by its value at xi = 1 normalises any other. One value takes some ten milliseconds: this
    is for checks and for tables; what `dual_of` returns is fast.

    Args:
        activation: an elementwise function of arrays of any shape.
        xi: correlations in [-1, 1], of any shape.
        kinks: points where the activation or one of its derivatives jumps, as far as they are known; others are found.

    Raises:
        InputError: as `dual_and_error`, and if the error may exceed 1e-10 E[activation(u)^2].

    >>> import numpy as np
    >>> dual_by_quadrature(np.tanh, [0.0, 0.5, 1.0]).round(4)
    array([0.    , 0.1863, 0.3943])
    """
    values, errors = dual_and_error(activation, xi, kinks)
    _check_errors("dual_by_quadrature", errors, float(dual_and_error(activation, 1.0, kinks)[0]))
    return values


def dual_and_error(activation: Activation, xi: npt.ArrayLike, kinks: Sequence[float] = ()) -> tuple[Array, Array]:
    """Return what `dual_by_quadrature` does, however wrong, and a bound of its error, both of the shape of xi.

    Raises:
        InputError: if xi leaves [-1, 1], or if the activation is not elementwise, not finite, or varies too fast for
            its kinks to be found (`nngplab.kernels.quadrature.find_kinks`).

    >>> import numpy as np
    >>> values, errors = dual_and_error(np.tanh, [0.5, 1.0])
    >>> bool(np.all(errors < 1e-12))
    True
    """
    xi = real_array("dual_by_quadrature: each xi", xi).astype(np.float64, copy=False)
    if not np.all(np.abs(xi) <= 1):
        raise InputError("dual_by_quadrature: each xi must be a correlation, between -1 and 1")
    s = np.sqrt((1 - xi) * (1 + xi))
    values, errors = expected_products(activation, xi.ravel(), s.ravel(), find_kinks(activation, kinks))
    return values.reshape(xi.shape), errors.reshape(xi.shape)


def hermite_coefficients(activation: Activation, count: int, kinks: Sequence[float] = ()) -> Array:
    """Return E[activation(u) h_n(u)] for u ~ N(0, 1) and n = 0, ..., count - 1: (count,).

    The h_n are the normalised probabilists' Hermite polynomials. The squares of the coefficients are those of the power
    series of the dual of the activation, as given (Daniely, Frostig and Singer 2016, Lemma 11).

    Args:
        activation: an elementwise function of arrays of any shape.
        count: how many coefficients.
        kinks: as in `dual_by_quadrature`.

    Raises:
        InputError: as `dual_and_error`.

    >>> (hermite_coefficients(lambda u: u**2, 4) ** 2).round(4)  # u^2 = 1 + sqrt(2) h_2(u)
    array([1., 0., 2., 0.])
    """
    check_integer("hermite_coefficients: the count", count, 0)
    points, weights = gaussian_nodes(find_kinks(activation, kinks))
    weighted = weights * activation(points)
    coefficients = np.empty(count)
    before, h = np.zeros_like(points), np.ones_like(points)
    for n in range(count):
        coefficients[n] = np.sum(weighted * h)
        before, h = h, (points * h - math.sqrt(n) * before) / math.sqrt(n + 1)
    return coefficients


def dual_of(
    activation: Activation,
    name: str | None = None,
    derivative: Activation | None = None,
    kinks: Sequence[float] = (),
) -> Dual:
    """Return the dual of any activation, from a table: a second or (with several kinks) some to make it.

    The table is a Chebyshev series in arccos(xi), in which the dual is smooth even where the activation jumps. It is
    checked at points that it was not made from: its error is about 1e-14. A value takes some 0.2 microseconds. The
    table holds at unit variances. `moment` and `derivative_moment` make a further table for another variance, which all
    their arguments must have in common, as in the layers of a kernel with `normalize=True` and a sigma_w or sigma_b.

    Args:
        activation: an elementwise function of arrays of any shape; it need not be scaled.
        name: what to call it; the name of the function if None.
        derivative: the derivative of the activation, which only the NTK needs.
        kinks: as in `dual_by_quadrature`.

    Raises:
        InputError: as `dual_by_quadrature`, and if the activation is zero or the derivative is not its own.

    >>> import numpy as np
    >>> from nngplab import NNGP
    >>> dual = dual_of(np.tanh)
    >>> dual([0.0, 0.5, 1.0]).round(4)
    array([0.    , 0.4726, 1.    ])
    >>> NNGP(dual, depth=2)
    NNGP(depth=2, dual=<Dual tanh>)
    """
    name = getattr(activation, "__name__", "activation") if name is None else name
    table = _tabulated(name, activation, kinks)
    second_moment = float(series(table, np.ones(1))[0])
    if second_moment == 0:
        raise InputError(f"dual_of: the activation {name} is zero everywhere")
    of_all: dict[str, Any] = {"name": name, "second_moment": second_moment, "kinks": tuple(map(float, kinks))}
    moment = partial(tabulated_moment, table=table, function=activation, **of_all)
    if derivative is None:
        return Dual(name, activation, second_moment, moment, partial(_unknown_derivative, name=name))
    of_derivative = _tabulated(f"the derivative of {name}", derivative, kinks)
    _check_derivative(name, table, of_derivative)
    derivative_moment = partial(tabulated_moment, table=of_derivative, function=derivative, **of_all)
    return Dual(name, activation, second_moment, moment, derivative_moment)


def _tabulated(name: str, activation: Activation, kinks: Sequence[float]) -> Array:
    """Return the Chebyshev coefficients of the dual of the activation, as given, in 2 arccos(xi) / pi - 1."""
    found = find_kinks(activation, kinks)
    at_one = float(expected_products(activation, np.ones(1), np.zeros(1), found)[0][0])

    def dual(x: Array) -> Array:
        angles = np.pi / 2 * (1 + x)
        values, errors = expected_products(activation, np.cos(angles), np.sin(angles), found)
        _check_errors(name, errors, at_one)
        return values

    values = dual(np.cos(np.pi * np.arange(17) / 16))
    for degree in (16, 32, 64, 128, 256, 512):
        table: Array = scipy.fft.dct(values, type=1) / degree
        table[[0, -1]] /= 2
        between = np.cos(np.pi * (np.arange(degree) + 0.5) / degree)
        values = np.insert(values, np.arange(1, degree + 1), dual(between))
        error = np.max(np.abs(chebval(between, table) - values[1::2]))
        if error <= 1e-14 * at_one:
            break
    _check_errors(name, error, at_one)
    return table


def series(table: Array, xi: Array) -> Array:
    """Evaluate a table at correlations: a Chebyshev series in 2 arccos(xi) / pi - 1."""
    x = (np.arccos(xi) * (2 / np.pi) - 1).ravel()
    table = table.astype(x.dtype)
    for start in range(0, len(x), 2**13):
        x[start : start + 2**13] = chebval(x[start : start + 2**13], table)
    return x.reshape(xi.shape)


def tabulated_moment(
    c: Array,
    a: Array,
    b: Array,
    name: str,
    table: Array,
    second_moment: float,
    function: Activation,
    kinks: tuple[float, ...],
    series: Callable[[Array, Array], Array] = series,
) -> Array:
    """Return E[phi(u) phi(v)] from the table of an activation, for variances that are all equal."""
    if namespace(c) is not np:
        raise InputError(f"{name} is tabulated, and a table is for NumPy's arrays: set device to cpu")
    if np.all(a == 1) and np.all(b == 1):
        return series(table, c) / second_moment
    variance = np.max(a, initial=0)
    if not (variance > 0 and np.all(a == variance) and np.all(b == variance)):
        raise InputError(f"{name} is tabulated for one variance at a time: normalise the rows (normalize=True)")
    return series(_table_at(name, function, kinks, float(variance)), np.clip(c / variance, -1, 1)) / second_moment


@lru_cache(maxsize=128)
def _table_at(name: str, function: Activation, kinks: tuple[float, ...], variance: float) -> Array:
    """Return the table of a function at another variance: that of x -> function(sqrt(variance) x) at variance 1."""
    scale = math.sqrt(variance)
    return _tabulated(f"{name} at variance {variance:.3g}", lambda x: function(scale * x), [k / scale for k in kinks])


def _unknown_derivative(*_: Array, name: str) -> Array:
    raise InputError(f"the dual of {name} was made without its derivative: give dual_of(..., derivative=...)")


def _check_derivative(name: str, table: Array, of_derivative: Array) -> None:
    """By Price's theorem, d dual / d theta = -sin(theta) dual of the derivative, where xi = cos(theta)."""
    x = np.linspace(-0.8, 0.8, 9)
    slope = chebval(x, chebder(table)) * 2 / np.pi
    expected = -np.cos(np.pi / 2 * x) * chebval(x, of_derivative)
    if not np.allclose(slope, expected, rtol=1e-6, atol=1e-6 * np.max(np.abs(slope))):
        raise InputError(f"dual_of: the derivative given for {name} is not its own (or {name} jumps, and has none)")


def _check_errors(name: str, errors: npt.ArrayLike, at_one: float) -> None:
    largest = np.max(errors, initial=0)
    if not largest <= _LARGEST_ERROR * at_one:
        raise InputError(
            f"{name}: the error of the dual may be {largest:.1e}, its value at 1 being {at_one:.1e}: the activation "
            "grows too fast, or bends too sharply (then list points there among its kinks)"
        )
