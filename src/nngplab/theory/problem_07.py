"""Problem 7: the dual activation of the sine (docs/theory/problem_07.md)."""

from collections.abc import Callable
from typing import Any

import mpmath
import sympy

from nngplab.theory.gaussian_pair import XI, U, V
from nngplab.theory.identity import Identity, gaussian_mean, numerical, pair_mean, symbolic

_C1, _C2 = sympy.symbols("C_1 C_2")
# Real and imaginary parts of complex C_1 and C_2.
_PARTS = dict.fromkeys(("re1", "im1", "re2", "im2"), (-1, 1))


def _sum_of_exponentials(x: sympy.Expr) -> sympy.Expr:
    return sympy.exp(sympy.I * x) + sympy.exp(-sympy.I * x)


def _difference_of_exponentials(x: sympy.Expr) -> sympy.Expr:
    return sympy.exp(sympy.I * x) - sympy.exp(-sympy.I * x)


def _mean_of_exponentials(xi: Any, re1: Any, im1: Any, re2: Any, im2: Any) -> Any:
    C1, C2 = mpmath.mpc(re1, im1), mpmath.mpc(re2, im2)
    return pair_mean(lambda u: mpmath.exp(C1 * u), lambda v: mpmath.exp(C2 * v), xi)


def _exponential_of_form(cross: int) -> Callable[..., Any]:
    """Return the function exp((C_1^2 + C_2^2 + cross C_1 C_2 xi) / 2)."""

    def function(xi: Any, re1: Any, im1: Any, re2: Any, im2: Any) -> Any:
        C1, C2 = mpmath.mpc(re1, im1), mpmath.mpc(re2, im2)
        return mpmath.exp((C1**2 + C2**2 + cross * C1 * C2 * xi) / 2)

    return function


def _means_of_phases(sign: int) -> Callable[[Any], list[Any]]:
    """Return the function with the values E[exp(i (u + sign v))] and E[exp(-i (u + sign v))]."""

    def mean(xi: Any, i: int) -> Any:
        return pair_mean(lambda u: mpmath.expj(i * u), lambda v: mpmath.expj(i * sign * v), xi)

    return lambda xi: [mean(xi, 1), mean(xi, -1)]


def _means_of_one_phase(sigma: Any) -> list[Any]:
    """Return E[exp(i g)] and E[exp(-i g)] for g of standard deviation sigma."""
    return [gaussian_mean(lambda u: mpmath.expj(sigma * u)), gaussian_mean(lambda u: mpmath.expj(-sigma * u))]


IDENTITIES = [
    Identity(
        label="7.1",
        statement=r"\sin(x) = \frac{1}{2 \mathrm{i}} \left( e^{\mathrm{i} x} - e^{-\mathrm{i} x} \right)",
        false_statement=r"\sin(x) = \frac{1}{2} \left( e^{\mathrm{i} x} - e^{-\mathrm{i} x} \right)",
        check=symbolic(
            lambda: sympy.sin(U).rewrite(sympy.exp),
            lambda: _difference_of_exponentials(U) / (2 * sympy.I),
            lambda: _difference_of_exponentials(U) / 2,
        ),
    ),
    Identity(
        label="7.2",
        statement=r"\sin(u) \sin(v) = -\frac{1}{4} \left( e^{\mathrm{i} (u + v)} + e^{-\mathrm{i} (u + v)} "
        r"- e^{\mathrm{i} (u - v)} - e^{-\mathrm{i} (u - v)} \right)",
        false_statement=r"\sin(u) \sin(v) = \frac{1}{4} \left( e^{\mathrm{i} (u + v)} + e^{-\mathrm{i} (u + v)} "
        r"- e^{\mathrm{i} (u - v)} - e^{-\mathrm{i} (u - v)} \right)",
        check=symbolic(
            lambda: (sympy.sin(U) * sympy.sin(V)).rewrite(sympy.exp),
            lambda: -(_sum_of_exponentials(U + V) - _sum_of_exponentials(U - V)) / 4,
            lambda: (_sum_of_exponentials(U + V) - _sum_of_exponentials(U - V)) / 4,
        ),
    ),
    Identity(
        label="7.3",
        statement=r"\frac{C_1^2 (1 - \xi^2)}{2} + \frac{(C_1 \xi + C_2)^2}{2} "
        r"= \frac{C_1^2 + C_2^2 + 2 C_1 C_2 \xi}{2}",
        false_statement=r"\frac{C_1^2 (1 - \xi^2)}{2} + \frac{(C_1 \xi + C_2)^2}{2} "
        r"= \frac{C_1^2 + C_2^2 + C_1 C_2 \xi}{2}",
        check=symbolic(
            lambda: _C1**2 * (1 - XI**2) / 2 + (_C1 * XI + _C2) ** 2 / 2,
            lambda: (_C1**2 + _C2**2 + 2 * _C1 * _C2 * XI) / 2,
            lambda: (_C1**2 + _C2**2 + _C1 * _C2 * XI) / 2,
        ),
    ),
    Identity(
        label="7.4",
        statement=r"\frac{1}{2 \pi \sqrt{1 - \xi^2}} \int_{\mathbb{R}} \int_{\mathbb{R}} "
        r"e^{C_1 u} e^{C_2 v} e^{-(u^2 + v^2 - 2 u v \xi) / (2 (1 - \xi^2))} du \, dv "
        r"= e^{(C_1^2 + C_2^2 + 2 C_1 C_2 \xi) / 2}",
        false_statement=r"\frac{1}{2 \pi \sqrt{1 - \xi^2}} \int_{\mathbb{R}} \int_{\mathbb{R}} "
        r"e^{C_1 u} e^{C_2 v} e^{-(u^2 + v^2 - 2 u v \xi) / (2 (1 - \xi^2))} du \, dv "
        r"= e^{(C_1^2 + C_2^2) / 2}",
        check=numerical(
            _mean_of_exponentials,
            _exponential_of_form(cross=2),
            _exponential_of_form(cross=0),
            xi=(-1, 1),
            **_PARTS,
        ),
    ),
    Identity(
        label="7.5",
        statement=r"\mathbb{E}\left[ e^{\pm \mathrm{i} (u + v)} \right] = e^{-1 - \xi}",
        false_statement=r"\mathbb{E}\left[ e^{\pm \mathrm{i} (u + v)} \right] = e^{1 + \xi}",
        check=numerical(
            _means_of_phases(1), lambda xi: 2 * [mpmath.exp(-1 - xi)], lambda xi: 2 * [mpmath.exp(1 + xi)], xi=(-1, 1)
        ),
    ),
    Identity(
        label="7.6",
        statement=r"\mathbb{E}\left[ e^{\pm \mathrm{i} (u - v)} \right] = e^{-1 + \xi}",
        false_statement=r"\mathbb{E}\left[ e^{\pm \mathrm{i} (u - v)} \right] = e^{-1 - \xi}",
        check=numerical(
            _means_of_phases(-1), lambda xi: 2 * [mpmath.exp(-1 + xi)], lambda xi: 2 * [mpmath.exp(-1 - xi)], xi=(-1, 1)
        ),
    ),
    Identity(
        label="7.7",
        statement=r"-\frac{1}{4} \left( 2 e^{-1 - \xi} - 2 e^{-1 + \xi} \right) "
        r"= e^{-1} \, \frac{e^{\xi} - e^{-\xi}}{2} = e^{-1} \sinh(\xi)",
        false_statement=r"-\frac{1}{4} \left( e^{-1 - \xi} - e^{-1 + \xi} \right) = e^{-1} \sinh(\xi)",
        check=symbolic(
            lambda: sympy.exp(-1) * sympy.sinh(XI).rewrite(sympy.exp),
            lambda: -(2 * sympy.exp(-1 - XI) - 2 * sympy.exp(-1 + XI)) / 4,
            lambda: -(sympy.exp(-1 - XI) - sympy.exp(-1 + XI)) / 4,
        ),
    ),
    Identity(
        label="7.8",
        statement=r"\check{\phi}(\xi) = \mathbb{E}[\sin(u) \sin(v)] = e^{-1} \sinh(\xi)",
        false_statement=r"\check{\phi}(\xi) = e^{-1} \sin(\xi)",
        check=numerical(
            lambda xi: pair_mean(mpmath.sin, mpmath.sin, xi),
            lambda xi: mpmath.exp(-1) * mpmath.sinh(xi),
            lambda xi: mpmath.exp(-1) * mpmath.sin(xi),
            xi=(-1, 1),
        ),
    ),
    Identity(
        label="7.9",
        statement=r"\mathbb{E}\left[ e^{\pm \mathrm{i} g} \right] = e^{-\sigma^2 / 2}",
        false_statement=r"\mathbb{E}\left[ e^{\pm \mathrm{i} g} \right] = e^{\sigma^2 / 2}",
        check=numerical(
            _means_of_one_phase,
            lambda sigma: 2 * [mpmath.exp(-(sigma**2) / 2)],
            lambda sigma: 2 * [mpmath.exp(sigma**2 / 2)],
            sigma=(0, 2),
        ),
    ),
    Identity(
        label="7.10",
        statement=r"\sin(u) \sin(v) = \frac{1}{2} \left( \cos(u - v) - \cos(u + v) \right)",
        false_statement=r"\sin(u) \sin(v) = \frac{1}{2} \left( \cos(u + v) - \cos(u - v) \right)",
        check=symbolic(
            lambda: sympy.sin(U) * sympy.sin(V),
            lambda: (sympy.cos(U - V) - sympy.cos(U + V)) / 2,
            lambda: (sympy.cos(U + V) - sympy.cos(U - V)) / 2,
        ),
    ),
    Identity(
        label="7.11",
        statement=r"\mathbb{E}[\sin(u)^2] = e^{-1} \sinh(1) = \frac{e^2 - 1}{2 e^2}",
        false_statement=r"\mathbb{E}[\sin(u)^2] = \frac{e^2 - 1}{2 e}",
        check=numerical(
            lambda: [gaussian_mean(lambda u: mpmath.sin(u) ** 2), mpmath.exp(-1) * mpmath.sinh(1)],
            lambda: 2 * [(mpmath.e**2 - 1) / (2 * mpmath.e**2)],
            lambda: 2 * [(mpmath.e**2 - 1) / (2 * mpmath.e)],
        ),
    ),
    Identity(
        label="7.12",
        statement=r"\frac{e^{-1} \sinh(\xi)}{e^{-1} \sinh(1)} = \frac{2 e}{e^2 - 1} \sinh(\xi)",
        false_statement=r"\frac{e^{-1} \sinh(\xi)}{e^{-1} \sinh(1)} = \frac{2 e^2}{e^2 - 1} \sinh(\xi)",
        check=symbolic(
            lambda: (sympy.sinh(XI) / sympy.sinh(1)).rewrite(sympy.exp),
            lambda: 2 * sympy.E / (sympy.E**2 - 1) * sympy.sinh(XI).rewrite(sympy.exp),
            lambda: 2 * sympy.E**2 / (sympy.E**2 - 1) * sympy.sinh(XI).rewrite(sympy.exp),
        ),
    ),
]
