"""Problem 9: the dual activation of the cosine, from that of the sine (docs/theory/problem_09.md)."""

from collections.abc import Callable
from typing import Any

import mpmath
import sympy

from nngplab.theory.gaussian_pair import XI, quadrant_mean
from nngplab.theory.identity import Identity, gaussian_mean, numerical, pair_mean, symbolic

# The degrees of the Hermite coefficients that are checked.
_DEGREES = range(9)


def _dual_of_sine(xi: Any) -> Any:
    return mpmath.exp(-1) * mpmath.sinh(xi)


def _mean_of_sines(xi: Any) -> Any:
    return pair_mean(mpmath.sin, mpmath.sin, xi)


def _mean_of_cosines(xi: Any) -> Any:
    return pair_mean(mpmath.cos, mpmath.cos, xi)


def _mean_of_cosine_of_difference(xi: Any) -> Any:
    """Return E[cos(u - v)], where u - v is Gaussian with variance 2 - 2 xi."""
    return gaussian_mean(lambda g: mpmath.cos(mpmath.sqrt(2 - 2 * xi) * g))


def _hermite_coefficient(degree: int) -> Any:
    """Return E[exp(i u) h_n(u)]; mpmath has the physicists' polynomials, H_n(x) = sqrt(2^n n!) h_n(sqrt(2) x)."""

    def h(u: Any) -> Any:
        return mpmath.hermite(degree, u / mpmath.sqrt(2)) / mpmath.sqrt(2**degree * mpmath.factorial(degree))

    return gaussian_mean(lambda u: mpmath.expj(u) * h(u))


def _coefficients(weight: Callable[[int], Any]) -> Callable[[range], list[Any]]:
    """Return the right sides exp(-1/2) i^n / weight(n) for all degrees n."""
    return lambda n: [mpmath.exp(-0.5) * mpmath.mpc(0, 1) ** degree / weight(degree) for degree in n]


def _series(first: int) -> sympy.Expr:
    """Return the sum of every second term of exp(-1) exp(xi), starting with the degree `first`."""
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    n = 2 * k + first
    return sympy.exp(-1) * sympy.summation(XI**n / sympy.factorial(n), (k, 0, sympy.oo))


IDENTITIES = [
    Identity(
        label="9.1",
        statement=r"e^{-1} \sinh(\xi) = \mathbb{E}[\sin(u) \sin(v)]",
        false_statement=r"e^{-1} \sinh(\xi) = \mathbb{E}[\max(0, u) \max(0, v)]",
        check=numerical(
            _dual_of_sine, _mean_of_sines, lambda xi: quadrant_mean(lambda u, v: u * v, xi), xi=(-0.9, 0.9)
        ),
    ),
    Identity(
        label="9.2",
        statement=r"\check{\psi}(\xi) = \mathbb{E}[\cos(u) \cos(v)] = \frac{d}{d \xi} \left( e^{-1} \sinh(\xi) \right) "
        r"= e^{-1} \cosh(\xi)",
        false_statement=r"\check{\psi}(\xi) = \int\limits_0^\xi \, e^{-1} \sinh(t) \, dt",
        check=numerical(
            lambda xi: [_mean_of_cosines(xi), mpmath.diff(_dual_of_sine, xi)],
            lambda xi: 2 * [mpmath.exp(-1) * mpmath.cosh(xi)],
            lambda xi: 2 * [mpmath.quad(_dual_of_sine, [0, xi])],
            xi=(-1, 1),
        ),
    ),
    Identity(
        label="9.3",
        statement=r"\mathbb{E}[\cos(u) \cos(v)] + \mathbb{E}[\sin(u) \sin(v)] = \mathbb{E}[\cos(u - v)] "
        r"= e^{-1 + \xi}",
        false_statement=r"\mathbb{E}[\cos(u) \cos(v)] + \mathbb{E}[\sin(u) \sin(v)] = 1",
        check=numerical(
            lambda xi: [_mean_of_cosines(xi) + _mean_of_sines(xi), _mean_of_cosine_of_difference(xi)],
            lambda xi: 2 * [mpmath.exp(-1 + xi)],
            lambda **_: 2 * [mpmath.mpf(1)],
            xi=(-1, 1),
        ),
    ),
    Identity(
        label="9.4",
        statement=r"e^{-1 + \xi} - e^{-1} \sinh(\xi) = e^{-1} \cosh(\xi)",
        false_statement=r"e^{-1 + \xi} - e^{-1} \sinh(\xi) = e^{-1} (\cosh(\xi) - 1)",
        check=symbolic(
            lambda: (sympy.exp(-1 + XI) - sympy.exp(-1) * sympy.sinh(XI)).rewrite(sympy.exp),
            lambda: sympy.exp(-1) * sympy.cosh(XI).rewrite(sympy.exp),
            lambda: sympy.exp(-1) * (sympy.cosh(XI) - 1).rewrite(sympy.exp),
        ),
    ),
    Identity(
        label="9.5",
        statement=r"\mathbb{E}\left[ e^{\mathrm{i} u} h_n(u) \right] = e^{-1/2} \frac{\mathrm{i}^n}{\sqrt{n!}}",
        false_statement=r"\mathbb{E}\left[ e^{\mathrm{i} u} h_n(u) \right] "
        r"= e^{-1/2} \frac{\mathrm{i}^n}{n!}",
        check=numerical(
            lambda n: [_hermite_coefficient(degree) for degree in n],
            _coefficients(lambda n: mpmath.sqrt(mpmath.factorial(n))),
            _coefficients(mpmath.factorial),
            n=_DEGREES,
        ),
    ),
    Identity(
        label="9.6",
        statement=r"\sum_{n \text{ odd}} \frac{e^{-1}}{n!} \xi^n = e^{-1} \sinh(\xi)",
        false_statement=r"\sum_{n \text{ odd}} \frac{e^{-1}}{n!} \xi^n = e^{-1} \sin(\xi)",
        check=symbolic(
            lambda: _series(first=1),
            lambda: sympy.exp(-1) * sympy.sinh(XI),
            lambda: sympy.exp(-1) * sympy.sin(XI),
        ),
    ),
    Identity(
        label="9.7",
        statement=r"\sum_{n \text{ even}} \frac{e^{-1}}{n!} \xi^n = e^{-1} \cosh(\xi)",
        false_statement=r"\sum_{n \text{ even}} \frac{e^{-1}}{n!} \xi^n = e^{-1} (\cosh(\xi) - 1)",
        check=symbolic(
            lambda: _series(first=0),
            lambda: sympy.exp(-1) * sympy.cosh(XI),
            lambda: sympy.exp(-1) * (sympy.cosh(XI) - 1),
        ),
    ),
    Identity(
        label="9.8",
        statement=r"\check{\psi}(0) = \mathbb{E}[\cos(u)]^2 = e^{-1}",
        false_statement=r"\check{\psi}(0) = e^{-1/2}",
        check=numerical(lambda: gaussian_mean(mpmath.cos) ** 2, lambda: mpmath.exp(-1), lambda: mpmath.exp(-0.5)),
    ),
]
