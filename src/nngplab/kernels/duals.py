"""Dual activations: what the covariance of two Gaussians becomes behind an activation.

For an activation phi and (u, v) ~ N(0, [[1, xi], [xi, 1]]), the dual activation is dual(xi) = E[phi(u) phi(v)]
(Daniely, Frostig and Singer 2016, "Toward deeper understanding of neural networks"; sheet, Problems 5 to 9). `DUALS`
has those with a closed form by name; `leaky_relu`, `exponential`, `monomial` and `hermite` make further ones, and
`dual_of` makes one from any activation, by quadrature.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.special
from numpy.polynomial.chebyshev import chebder, chebval

from nngplab.errors import InputError
from nngplab.kernels.quadrature import expected_products, find_kinks, gaussian_nodes

Array = npt.NDArray[Any]
Activation = Callable[[Array], Array]
Moment = Callable[[Array, Array, Array], Array]

# Of a dual by quadrature, as a share of its value at one: beyond it, no dual is returned.
_LARGEST_ERROR = 1e-10


@dataclass(frozen=True)
class Dual:
    """The dual of an activation that is scaled so that E[phi(u)^2] = 1 for u ~ N(0, 1): its dual has dual(1) = 1.

    Attributes:
        name: the name of the activation.
        plain: the activation as it is usually written, not scaled; elementwise.
        second_moment: E[plain(u)^2] for u ~ N(0, 1): phi is plain / sqrt(second_moment).
        moment: moment(c, a, b) = E[phi(u) phi(v)] for (u, v) ~ N(0, [[a, c], [c, b]]), with the scaled phi;
            elementwise, c, a and b broadcast against each other.
        derivative_moment: E[phi'(u) phi'(v)], likewise. It is the derivative of `moment` with respect to c (Price 1958,
            "A useful theorem for nonlinear devices having Gaussian inputs").
    """

    name: str
    plain: Activation
    second_moment: float
    moment: Moment
    derivative_moment: Moment

    def activation(self, x: Array) -> Array:
        """Return phi(x), scaled; elementwise."""
        return self.plain(x) / math.sqrt(self.second_moment)

    def __call__(self, xi: npt.ArrayLike) -> Array:
        """Return the dual at the correlations xi, elementwise, in the dtype of xi (float64 for integers).

        Of a tensor of PyTorch it is a tensor on the same device, unless the dual is from a table.

        Rounding takes the product of two unit vectors outside [-1, 1], so xi is clipped to that interval. The absolute
        error is a few units of rounding, at the ends of the interval too.
        """
        return self._at_unit_variance(self.moment, xi)

    def derivative(self, xi: npt.ArrayLike) -> Array:
        """Return E[phi'(u) phi'(v)] at the correlations xi, as `__call__` does: the derivative of the dual.

        It is not scaled again, so that its value at 1 is E[phi'(u)^2], which is infinite where phi jumps.
        """
        return self._at_unit_variance(self.derivative_moment, xi)

    @staticmethod
    def _at_unit_variance(moment: Moment, xi: Any) -> Array:
        xp = _namespace(xi)
        if xp is np:
            xi = np.asarray(xi)
            xi = xi if np.issubdtype(xi.dtype, np.floating) else xi.astype(np.float64)
        one = xp.ones((), dtype=xi.dtype, device=xi.device)
        return moment(xp.clip(xi, -one, one), one, one)


def _namespace(x: Any) -> Any:
    """Return the module whose functions take x: torch for its tensors, and otherwise NumPy, in the names of both."""
    return sys.modules["torch"] if type(x).__module__ == "torch" else np


def _length_and_cosine(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Return sqrt(a b) and the correlation c / sqrt(a b), which counts as 0 where a or b is 0."""
    xp = _namespace(c)
    if np.ndim(a) == 0 == np.ndim(b) and a == 1 == b:
        return a, xp.clip(c, -1, 1)
    # Of the same vector the correlation is 1 to the last bit: near 1, some duals change by the root of a change.
    s = xp.where(a == b, a, xp.sqrt(a) * xp.sqrt(b))
    return s, xp.clip(c / xp.where(s > 0, s, 1), -1, 1)


def _identity(x: Array) -> Array:
    return x


def _identity_moment(c: Array, a: Array, b: Array) -> Array:
    """Problem 5."""
    xp = _namespace(c)
    return c * xp.ones_like(a * b)


def _identity_derivative(c: Array, a: Array, b: Array) -> Array:
    return np.ones_like(c * a * b)


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _relu_moment(c: Array, a: Array, b: Array) -> Array:
    """Cho and Saul 2009, "Kernel methods for deep learning", arc-cosine kernel of degree 1; Problem 11 mended.

    pi - arccos(t) is arccos(-t) and 1 - t^2 is (1 - t)(1 + t): neither loses digits near |t| = 1. There the two terms
    cancel to first order in sqrt(1 - t), so both must be of the very same t.
    """
    xp = _namespace(c)
    s, t = _length_and_cosine(c, a, b)
    return s * (t * xp.arccos(-t) + xp.sqrt((1 - t) * (1 + t))) / math.pi


def _step(x: Array) -> Array:
    return np.heaviside(x, 0.5)


def _step_moment(c: Array, a: Array, b: Array) -> Array:
    """Cho and Saul 2009, degree 0 (Sheppard 1899); scaled, the step is the derivative of the scaled ReLU."""
    xp = _namespace(c)
    _, t = _length_and_cosine(c, a, b)
    return xp.arccos(-t) / math.pi


def _step_derivative(c: Array, a: Array, b: Array) -> Array:
    """The derivative is a delta function: twice the density of (u, v) at the origin, infinite at c^2 = a b."""
    s, t = _length_and_cosine(c, a, b)
    with np.errstate(divide="ignore"):
        return 1 / (np.pi * s * np.sqrt((1 - t) * (1 + t)))


def _leaky_relu(x: Array, slope: float) -> Array:
    return np.where(x > 0, x, slope * x)


def _leaky_relu_moment(c: Array, a: Array, b: Array, share: float) -> Array:
    """As (1 + slope) x / 2 + (1 - slope) |x| / 2, whose parts are odd and even: uncorrelated. |x| as for the ReLU."""
    xp = _namespace(c)
    s, t = _length_and_cosine(c, a, b)
    of_absolute_value = s * (t * xp.arcsin(t) + xp.sqrt((1 - t) * (1 + t))) * 2 / math.pi
    return c + share * (of_absolute_value - c)


def _leaky_relu_derivative(c: Array, a: Array, b: Array, share: float) -> Array:
    _, t = _length_and_cosine(c, a, b)
    return 1 - share * np.arccos(t) * 2 / np.pi


def leaky_relu(slope: float = 0.01) -> Dual:
    """Return the dual of max(x, 0) + slope min(x, 0). Slope 0 is the ReLU, -1 the absolute value, 1 the identity.

    Tsuchida, Roosta-Khorasani and Gallagher 2018, "Invariance of weight distributions in rectified MLPs".

    Raises:
        InputError: if the slope is not finite.
    """
    _check_finite("leaky_relu: the slope", slope)
    # Of E[phi(u)^2], what |x| contributes; the identity contributes the rest.
    share = (1 - slope) ** 2 / (2 * (1 + slope**2))
    return Dual(
        "leaky_relu",
        partial(_leaky_relu, slope=slope),
        (1 + slope**2) / 2,
        partial(_leaky_relu_moment, share=share),
        partial(_leaky_relu_derivative, share=share),
    )


# E[sin(u)^2] = exp(-1) sinh(1) and E[cos(u)^2] = exp(-1) cosh(1) for u ~ N(0, 1).
_SINE_SECOND_MOMENT = -math.expm1(-2) / 2
_COSINE_SECOND_MOMENT = (1 + math.exp(-2)) / 2


def _sine_moment(c: Array, a: Array, b: Array) -> Array:
    """exp(-(a + b) / 2) sinh(c), over its value at one (Problem 7); as |c| <= (a + b) / 2, nothing here overflows."""
    xp = _namespace(c)
    return xp.sign(c) * xp.exp(xp.abs(c) - (a + b) / 2) * (xp.expm1(-2 * xp.abs(c)) / math.expm1(-2))


def _sine_derivative(c: Array, a: Array, b: Array) -> Array:
    return _cosine_moment(c, a, b) * (_COSINE_SECOND_MOMENT / _SINE_SECOND_MOMENT)


def _cosine_moment(c: Array, a: Array, b: Array) -> Array:
    """exp(-(a + b) / 2) cosh(c) over its value at one (Problem 9), in the same form as the sine."""
    xp = _namespace(c)
    return xp.exp(xp.abs(c) - (a + b) / 2) * ((1 + xp.exp(-2 * xp.abs(c))) / (1 + math.exp(-2)))


def _cosine_derivative(c: Array, a: Array, b: Array) -> Array:
    return _sine_moment(c, a, b) * (_SINE_SECOND_MOMENT / _COSINE_SECOND_MOMENT)


def _erf_moment(c: Array, a: Array, b: Array) -> Array:
    """Williams 1997, "Computing with infinite networks"; Problem 11."""
    xp = _namespace(c)
    return xp.arcsin(2 * c / xp.sqrt((1 + 2 * a) * (1 + 2 * b))) / float(np.arcsin(2 / 3))


def _erf_derivative(c: Array, a: Array, b: Array) -> Array:
    return 2 / (np.sqrt(_determinant(c, a, b, 2)) * math.asin(2 / 3))


def _determinant(c: Array, a: Array, b: Array, rate: float) -> Array:
    """Return the determinant of I + rate [[a, c], [c, b]]: (1 + rate a)(1 + rate b) - (rate c)^2."""
    xp = _namespace(c)
    return 1 + rate * (a + b) + rate**2 * xp.clip(a * b - c * c, 0, None)


def _exponential(x: Array, C: float) -> Array:
    return np.exp(C * x - C**2)


def _exponential_moment(c: Array, a: Array, b: Array, C: float) -> Array:
    xp = _namespace(c)
    return xp.exp(C**2 * (c + (a + b) / 2 - 2))


def _exponential_derivative(c: Array, a: Array, b: Array, C: float) -> Array:
    return C**2 * _exponential_moment(c, a, b, C)


def exponential(C: float = 1.0) -> Dual:
    """Return the dual of exp(-C^2 + C x), which is exp(-C^2 + C^2 xi) (Problem 6).

    Raises:
        InputError: if C is not finite.
    """
    _check_finite("exponential: C", C)
    parts = (partial(part, C=C) for part in (_exponential_moment, _exponential_derivative))
    return Dual("exponential", partial(_exponential, C=C), 1.0, *parts)


def _gaussian(x: Array) -> Array:
    return np.exp(-(x**2))


def _gaussian_moment(c: Array, a: Array, b: Array) -> Array:
    """E[exp(-|z|^2)] = det(I + 2 Cov(z))^(-1/2) of a Gaussian z (Williams 1997), here z = (u, v)."""
    xp = _namespace(c)
    return math.sqrt(5) / xp.sqrt(_determinant(c, a, b, 2))


def _gaussian_derivative(c: Array, a: Array, b: Array) -> Array:
    return math.sqrt(5) * 4 * c / _determinant(c, a, b, 2) ** 1.5


def _gelu(x: Array) -> Array:
    return x * scipy.special.ndtr(x)


def _gelu_moment(c: Array, a: Array, b: Array) -> Array:
    """Tsuchida, Pearce, van der Heide, Roosta and Gallagher 2021, "Avoiding kernel fixed points".

    From E[u g(u, v)] = a E[dg/du] + c E[dg/dv] (Stein's lemma), applied to u and then to v.
    """
    return _gelu_product(c, a, b) / _GELU_SECOND_MOMENT


def _gelu_product(c: Array, a: Array, b: Array) -> Array:
    densities = _product_of_densities(c, a, b)
    return c * _product_of_distributions(c, a, b) + densities * (a * b + c**2 * (1 / (1 + a) + 1 / (1 + b) - 1))


def _gelu_derivative(c: Array, a: Array, b: Array) -> Array:
    """The derivative is Phi(x) + x Phi'(x): the product has four terms, each by Stein's lemma."""
    mixed = c * (1 / (1 + a) + 1 / (1 + b) + 1 / _determinant(c, a, b, 1))
    product = _product_of_distributions(c, a, b) + _product_of_densities(c, a, b) * mixed
    return product / _GELU_SECOND_MOMENT


def _product_of_distributions(c: Array, a: Array, b: Array) -> Array:
    """E[Phi(u) Phi(v)] of the standard normal distribution function Phi, as of erf(x) = 2 Phi(sqrt(2) x) - 1."""
    xp = _namespace(c)
    return 0.25 + xp.arcsin(c / xp.sqrt((1 + a) * (1 + b))) / (2 * math.pi)


def _product_of_densities(c: Array, a: Array, b: Array) -> Array:
    xp = _namespace(c)
    return 1 / (2 * math.pi * xp.sqrt(_determinant(c, a, b, 1)))


_GELU_SECOND_MOMENT = float(_gelu_product(*np.ones((3, 1)))[0])


def _monomial(x: Array, degree: int) -> Array:
    return x**degree


def _monomial_moment(c: Array, a: Array, b: Array, degree: int, factor: Fraction) -> Array:
    return _paired(degree, c, a * b, factor)


def monomial(degree: int) -> Dual:
    """Return the dual of x^degree, by Isserlis 1918 (Wick's theorem). E[x^(2 degree)] is (2 degree - 1)!!.

    Raises:
        InputError: if the degree is no integer, 0 or above.
    """
    _check_degree("monomial", degree)
    second_moment = math.prod(range(1, 2 * degree, 2))
    return Dual(
        f"monomial_{degree}",
        partial(_monomial, degree=degree),
        float(second_moment),
        partial(_monomial_moment, degree=degree, factor=Fraction(1, second_moment)),
        # Of degree 0, the derivative is 0 and the degree of what it is multiplied by does not matter.
        partial(_monomial_moment, degree=max(degree - 1, 0), factor=Fraction(degree**2, second_moment)),
    )


def _hermite(x: Array, degree: int) -> Array:
    return scipy.special.eval_hermitenorm(degree, x) / math.sqrt(math.factorial(degree))


def _hermite_moment(c: Array, a: Array, b: Array, degree: int, factor: Fraction) -> Array:
    return _paired(degree, c, (a - 1) * (b - 1), factor)


def hermite(degree: int) -> Dual:
    """Return the dual of the normalised probabilists' Hermite polynomial He_n(x) / sqrt(n!), which is xi^n.

    Other variances enter by He_n(g x) = sum over i of n! / (i! (n - 2i)! 2^i) (g^2 - 1)^i g^(n - 2i) He_(n - 2i)(x).
    O'Donnell 2014, "Analysis of Boolean functions", section 11.2.

    Raises:
        InputError: if the degree is no integer, 0 or above.
    """
    _check_degree("hermite", degree)
    return Dual(
        f"hermite_{degree}",
        partial(_hermite, degree=degree),
        1.0,
        partial(_hermite_moment, degree=degree, factor=Fraction(1, math.factorial(degree))),
        # The derivative of He_n is n He_(n-1).
        partial(_hermite_moment, degree=max(degree - 1, 0), factor=Fraction(degree**2, math.factorial(degree))),
    )


def _paired(degree: int, c: Array, within: Array, factor: Fraction) -> Array:
    """Sum over the ways to pair `degree` copies of u and of v: i pairs within each, degree - 2i pairs between them.

    A pair between contributes c, the two pairs within u and within v together `within`.
    """
    xp = _namespace(c)
    total = xp.zeros_like(c * within)
    for i in range(degree // 2 + 1):
        ways = Fraction(math.factorial(degree) ** 2, math.factorial(i) ** 2 * 4**i * math.factorial(degree - 2 * i))
        total = total + float(ways * factor) * within**i * c ** (degree - 2 * i)
    return total


def _check_finite(what: str, value: float) -> None:
    if not math.isfinite(value):
        raise InputError(f"{what} is {value!r}: it must be a finite number")


def _check_degree(what: str, degree: int) -> None:
    if degree != int(degree) or degree < 0:
        raise InputError(f"{what}: the degree is {degree!r}: it must be an integer, 0 or above")


DUALS: dict[str, Dual] = {
    dual.name: dual
    for dual in (
        Dual("identity", _identity, 1.0, _identity_moment, _identity_derivative),
        Dual("relu", _relu, 0.5, _relu_moment, _step_moment),
        leaky_relu(),
        replace(leaky_relu(-1), name="absolute", plain=np.abs),
        Dual("step", _step, 0.5, _step_moment, _step_derivative),
        Dual("sine", np.sin, _SINE_SECOND_MOMENT, _sine_moment, _sine_derivative),
        Dual("cosine", np.cos, _COSINE_SECOND_MOMENT, _cosine_moment, _cosine_derivative),
        Dual("erf", scipy.special.erf, 2 / math.pi * math.asin(2 / 3), _erf_moment, _erf_derivative),
        exponential(),
        Dual("gaussian", _gaussian, 1 / math.sqrt(5), _gaussian_moment, _gaussian_derivative),
        Dual("gelu", _gelu, _GELU_SECOND_MOMENT, _gelu_moment, _gelu_derivative),
        monomial(2),
        monomial(3),
        hermite(2),
        hermite(3),
    )
}


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
    """
    values, errors = dual_and_error(activation, xi, kinks)
    _check_errors("dual_by_quadrature", errors, float(dual_and_error(activation, 1.0, kinks)[0]))
    return values


def dual_and_error(activation: Activation, xi: npt.ArrayLike, kinks: Sequence[float] = ()) -> tuple[Array, Array]:
    """Return what `dual_by_quadrature` does, however wrong, and a bound of its error, both of the shape of xi.

    Raises:
        InputError: if xi leaves [-1, 1], or if the activation is not elementwise, not finite, or varies too fast for
            its kinks to be found (`nngplab.kernels.quadrature.find_kinks`).
    """
    xi = np.asarray(xi, dtype=np.float64)
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
    """
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
    table holds at unit variances, so `moment` and `derivative_moment` take no others.

    Args:
        activation: an elementwise function of arrays of any shape; it need not be scaled.
        name: what to call it; the name of the function if None.
        derivative: the derivative of the activation, which only the NTK needs.
        kinks: as in `dual_by_quadrature`.

    Raises:
        InputError: as `dual_by_quadrature`, and if the activation is zero or the derivative is not its own.
    """
    name = getattr(activation, "__name__", "activation") if name is None else name
    table = _tabulated(name, activation, kinks)
    second_moment = float(_series(table, np.ones(1))[0])
    if second_moment == 0:
        raise InputError(f"dual_of: the activation {name} is zero everywhere")
    moment = partial(_tabulated_moment, name=name, table=table, second_moment=second_moment)
    if derivative is None:
        return Dual(name, activation, second_moment, moment, partial(_unknown_derivative, name=name))
    of_derivative = _tabulated(f"the derivative of {name}", derivative, kinks)
    _check_derivative(name, table, of_derivative)
    derivative_moment = partial(_tabulated_moment, name=name, table=of_derivative, second_moment=second_moment)
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


def _series(table: Array, xi: Array) -> Array:
    """Evaluate a table at correlations, in pieces that stay near the processor."""
    x = (np.arccos(xi) * (2 / np.pi) - 1).ravel()
    table = table.astype(x.dtype)
    for start in range(0, len(x), 2**13):
        x[start : start + 2**13] = chebval(x[start : start + 2**13], table)
    return x.reshape(xi.shape)


def _tabulated_moment(c: Array, a: Array, b: Array, name: str, table: Array, second_moment: float) -> Array:
    if _namespace(c) is not np:
        raise InputError(f"{name} is tabulated, and a table is for NumPy's arrays: set device to cpu")
    if not (np.all(a == 1) and np.all(b == 1)):
        raise InputError(f"{name} is tabulated for unit variances only: normalise the rows (normalize=True)")
    return _series(table, c) / second_moment


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
