"""Dual activations in closed form: what the covariance of two Gaussians becomes behind an activation.

For an activation phi and (u, v) ~ N(0, [[1, xi], [xi, 1]]), the dual activation is dual(xi) = E[phi(u) phi(v)]
(Daniely, Frostig and Singer 2016, "Toward deeper understanding of neural networks"; Problems 5 to 9). `DUALS` has those
with a closed form by name; `leaky_relu`, `exponential`, `monomial` and `hermite` make further ones, and
`nngplab.kernels.tabulated.dual_of` makes one from any activation, by quadrature.
"""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import scipy.special

from nngplab.kernels.dual import Array, Dual, length_and_cosine, namespace
from nngplab.kernels.parameters import check_number
from nngplab.kernels.polynomials import hermite, monomial


def _identity(x: Array) -> Array:
    return x


def _identity_moment(c: Array, a: Array, b: Array) -> Array:
    """Problem 5."""
    xp = namespace(c)
    return c * xp.ones_like(a * b)


def _identity_derivative(c: Array, a: Array, b: Array) -> Array:
    return namespace(c).ones_like(c * a * b)


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _relu_moment(c: Array, a: Array, b: Array) -> Array:
    """Cho and Saul 2009, "Kernel methods for deep learning", arc-cosine kernel of degree 1; Problem 11 mended.

    pi - arccos(t) is arccos(-t) and 1 - t^2 is (1 - t)(1 + t): neither loses digits near |t| = 1. There the two terms
    cancel to first order in sqrt(1 - t), so both must be of the very same t.
    """
    xp = namespace(c)
    s, t = length_and_cosine(c, a, b)
    return s * (t * xp.arccos(-t) + xp.sqrt((1 - t) * (1 + t))) / math.pi


def _step(x: Array) -> Array:
    return np.heaviside(x, 0.5)


def _step_moment(c: Array, a: Array, b: Array) -> Array:
    """Cho and Saul 2009, degree 0 (Sheppard 1899); scaled, the step is the derivative of the scaled ReLU."""
    xp = namespace(c)
    _, t = length_and_cosine(c, a, b)
    return xp.arccos(-t) / math.pi


def _step_derivative(c: Array, a: Array, b: Array) -> Array:
    """The derivative is a delta function: twice the density of (u, v) at the origin, infinite at c^2 = a b."""
    xp = namespace(c)
    s, t = length_and_cosine(c, a, b)
    root = xp.sqrt((1 - t) * (1 + t)) * s * math.pi
    return xp.where(root > 0, 1 / xp.where(root > 0, root, 1), math.inf)


def _leaky_relu(x: Array, slope: float) -> Array:
    return np.where(x > 0, x, slope * x)


def _leaky_relu_moment(c: Array, a: Array, b: Array, share: float) -> Array:
    """As (1 + slope) x / 2 + (1 - slope) |x| / 2, whose parts are odd and even: uncorrelated. |x| as for the ReLU."""
    xp = namespace(c)
    s, t = length_and_cosine(c, a, b)
    of_absolute_value = s * (t * xp.arcsin(t) + xp.sqrt((1 - t) * (1 + t))) * 2 / math.pi
    return c + share * (of_absolute_value - c)


def _leaky_relu_derivative(c: Array, a: Array, b: Array, share: float) -> Array:
    _, t = length_and_cosine(c, a, b)
    return 1 - share * namespace(c).arccos(t) * 2 / math.pi


_ABSOLUTE = r"\frac{2}{\pi} \left( \xi \, \arcsin\, \xi + \sqrt{1 - \xi^2} \right)"


def leaky_relu(slope: float = 0.01) -> Dual:
    """Return the dual of max(x, 0) + slope min(x, 0). Slope 0 is the ReLU, -1 the absolute value, 1 the identity.

    Tsuchida, Roosta-Khorasani and Gallagher 2018, "Invariance of weight distributions in rectified MLPs".

    Raises:
        InputError: if the slope is not finite.

    >>> leaky_relu(0.1)([-1.0, 0.0, 1.0]).round(4)
    array([-0.198 ,  0.2553,  1.    ])
    """
    check_number("leaky_relu: the slope", slope)
    # Of E[phi(u)^2], what |x| contributes; the identity contributes the rest.
    share = (1 - slope) ** 2 / (2 * (1 + slope**2))
    return Dual(
        "leaky_relu",
        partial(_leaky_relu, slope=slope),
        (1 + slope**2) / 2,
        partial(_leaky_relu_moment, share=share),
        partial(_leaky_relu_derivative, share=share),
        "leaky ReLU",
        rf"(1 - q) \, \xi + q \cdot {_ABSOLUTE}, \quad"
        rf" q = \frac{{(1 - \alpha)^2}}{{2 (1 + \alpha^2)}}, \quad \alpha = {slope:g}",
    )


# E[sin(u)^2] = exp(-1) sinh(1) and E[cos(u)^2] = exp(-1) cosh(1) for u ~ N(0, 1).
_SINE_SECOND_MOMENT = -math.expm1(-2) / 2
_COSINE_SECOND_MOMENT = (1 + math.exp(-2)) / 2
# By the exponential of NumPy, whose last digit depends on the version and the CPU, so that the dual is 1 at 1.
_COSINE_SCALE = 1 + float(np.exp(-2.0))


def _sine_moment(c: Array, a: Array, b: Array) -> Array:
    """exp(-(a + b) / 2) sinh(c), over its value at one (Problem 7); as |c| <= (a + b) / 2, nothing here overflows."""
    xp = namespace(c)
    return xp.sign(c) * xp.exp(xp.abs(c) - (a + b) / 2) * (xp.expm1(-2 * xp.abs(c)) / math.expm1(-2))


def _sine_derivative(c: Array, a: Array, b: Array) -> Array:
    return _cosine_moment(c, a, b) * (_COSINE_SECOND_MOMENT / _SINE_SECOND_MOMENT)


def _cosine_moment(c: Array, a: Array, b: Array) -> Array:
    """exp(-(a + b) / 2) cosh(c) over its value at one (Problem 9), in the same form as the sine."""
    xp = namespace(c)
    return xp.exp(xp.abs(c) - (a + b) / 2) * ((1 + xp.exp(-2 * xp.abs(c))) / _COSINE_SCALE)


def _cosine_derivative(c: Array, a: Array, b: Array) -> Array:
    return _sine_moment(c, a, b) * (_SINE_SECOND_MOMENT / _COSINE_SECOND_MOMENT)


def _erf_moment(c: Array, a: Array, b: Array) -> Array:
    """Williams 1997, "Computing with infinite networks"; Problem 11."""
    xp = namespace(c)
    return xp.arcsin(2 * c / xp.sqrt((1 + 2 * a) * (1 + 2 * b))) / float(np.arcsin(2 / 3))


def _erf_derivative(c: Array, a: Array, b: Array) -> Array:
    return 2 / (namespace(c).sqrt(_determinant(c, a, b, 2)) * math.asin(2 / 3))


def _determinant(c: Array, a: Array, b: Array, rate: float) -> Array:
    """Return the determinant of I + rate [[a, c], [c, b]]: (1 + rate a)(1 + rate b) - (rate c)^2."""
    xp = namespace(c)
    return 1 + rate * (a + b) + rate**2 * xp.clip(a * b - c * c, 0, None)


def _exponential(x: Array, C: float) -> Array:
    return np.exp(C * x - C**2)


def _exponential_moment(c: Array, a: Array, b: Array, C: float) -> Array:
    xp = namespace(c)
    return xp.exp(C**2 * (c + (a + b) / 2 - 2))


def _exponential_derivative(c: Array, a: Array, b: Array, C: float) -> Array:
    return C**2 * _exponential_moment(c, a, b, C)


def exponential(C: float = 1.0) -> Dual:
    """Return the dual of exp(-C^2 + C x), which is exp(-C^2 + C^2 xi) (Problem 6).

    Raises:
        InputError: if C is not finite.

    >>> exponential(2.0)([0.0, 0.5, 1.0]).round(4)  # exp(-4 + 4 xi)
    array([0.0183, 0.1353, 1.    ])
    """
    check_number("exponential: C", C)
    exponent = r"\xi - 1" if C == 1 else rf"{C * C:g} (\xi - 1)"
    return Dual(
        "exponential",
        partial(_exponential, C=C),
        1.0,
        partial(_exponential_moment, C=C),
        partial(_exponential_derivative, C=C),
        formula=f"e^{{{exponent}}}",
        colour="#ca9161",
    )


def _gaussian(x: Array) -> Array:
    return np.exp(-(x**2))


def _gaussian_moment(c: Array, a: Array, b: Array) -> Array:
    """E[exp(-|z|^2)] = det(I + 2 Cov(z))^(-1/2) of a Gaussian z (Williams 1997), here z = (u, v)."""
    xp = namespace(c)
    return math.sqrt(5) / xp.sqrt(_determinant(c, a, b, 2))


def _gaussian_derivative(c: Array, a: Array, b: Array) -> Array:
    determinant = _determinant(c, a, b, 2)
    return math.sqrt(5) * 4 * c / (determinant * namespace(c).sqrt(determinant))


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
    xp = namespace(c)
    return 0.25 + xp.arcsin(c / xp.sqrt((1 + a) * (1 + b))) / (2 * math.pi)


def _product_of_densities(c: Array, a: Array, b: Array) -> Array:
    xp = namespace(c)
    return 1 / (2 * math.pi * xp.sqrt(_determinant(c, a, b, 1)))


_GELU_SECOND_MOMENT = float(_gelu_product(*np.ones((3, 1)))[0])


# A further closed form is one more entry here: kernels, figures, the report and the docs take it from here.
DUALS: dict[str, Dual] = {
    dual.name: dual
    for dual in (
        Dual("identity", _identity, 1.0, _identity_moment, _identity_derivative, formula=r"\xi"),
        Dual(
            "relu",
            _relu,
            0.5,
            _relu_moment,
            _step_moment,
            "ReLU",
            r"\frac{1}{\pi} \left( \xi \, (\pi - \arccos\, \xi) + \sqrt{1 - \xi^2} \right)",
            "#0173b2",
        ),
        leaky_relu(),
        replace(leaky_relu(-1), name="absolute", plain=np.abs, label="absolute value", formula=_ABSOLUTE),
        Dual("step", _step, 0.5, _step_moment, _step_derivative, formula=r"1 - \frac{\arccos\, \xi}{\pi}"),
        Dual(
            "sine",
            np.sin,
            _SINE_SECOND_MOMENT,
            _sine_moment,
            _sine_derivative,
            formula=r"\frac{\sinh\, \xi}{\sinh\, 1} = \frac{2e}{e^2 - 1} \sinh\, \xi",
            colour="#de8f05",
        ),
        Dual(
            "cosine",
            np.cos,
            _COSINE_SECOND_MOMENT,
            _cosine_moment,
            _cosine_derivative,
            formula=r"\frac{\cosh\, \xi}{\cosh\, 1}",
            colour="#cc78bc",
        ),
        Dual(
            "erf",
            scipy.special.erf,
            2 / math.pi * math.asin(2 / 3),
            _erf_moment,
            _erf_derivative,
            formula=r"\frac{\arcsin\, (2 \xi / 3)}{\arcsin\, (2 / 3)}",
            colour="#029e73",
        ),
        exponential(),
        Dual(
            "gaussian",
            _gaussian,
            1 / math.sqrt(5),
            _gaussian_moment,
            _gaussian_derivative,
            "Gaussian",
            r"\sqrt{\frac{5}{9 - 4 \xi^2}}",
        ),
        Dual(
            "gelu",
            _gelu,
            _GELU_SECOND_MOMENT,
            _gelu_moment,
            _gelu_derivative,
            "GELU",
            r"\frac{\pi \xi / 2 + \xi \, \arcsin\, (\xi / 2) + 1 / \sqrt{4 - \xi^2}}{2 \pi / 3 + 1 / \sqrt{3}}",
        ),
        monomial(2),
        monomial(3),
        hermite(2),
        hermite(3),
    )
}
