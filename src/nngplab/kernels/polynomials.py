"""Duals of polynomial activations, in closed form."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import scipy.special

from nngplab.kernels.dual import Array, Dual, Moment, namespace
from nngplab.kernels.parameters import check_integer


def _monomial(x: Array, degree: int) -> Array:
    return x**degree


def _monomial_moment(c: Array, a: Array, b: Array, odd: bool, coefficients: tuple[float, ...]) -> Array:
    return _paired(c, a * b, odd, coefficients)


def monomial(degree: int) -> Dual:
    """Return the dual of x^degree, by Isserlis 1918 (Wick's theorem). E[x^(2 degree)] is (2 degree - 1)!!.

    Raises:
        InputError: if the degree is no integer, 0 or above.

    >>> monomial(2)([0.0, 0.5, 1.0]).round(4)  # (1 + 2 xi^2) / 3
    array([0.3333, 0.5   , 1.    ])
    """
    check_integer("monomial: the degree", degree, 0)
    second_moment = math.prod(range(1, 2 * degree, 2))
    return Dual(
        f"monomial_{degree}",
        partial(_monomial, degree=degree),
        float(second_moment),
        _with_pairings(_monomial_moment, degree, Fraction(1, second_moment)),
        # Of degree 0, the derivative is 0 and the degree of what it is multiplied by does not matter.
        _with_pairings(_monomial_moment, max(degree - 1, 0), Fraction(degree**2, second_moment)),
        {2: "square", 3: "cube"}.get(degree, ""),
        {2: r"\frac{1 + 2 \xi^2}{3}", 3: r"\frac{3 \xi + 2 \xi^3}{5}"}.get(degree, ""),
    )


def _hermite(x: Array, degree: int) -> Array:
    return scipy.special.eval_hermitenorm(degree, x) / math.sqrt(math.factorial(degree))


def _hermite_moment(c: Array, a: Array, b: Array, odd: bool, coefficients: tuple[float, ...]) -> Array:
    return _paired(c, (a - 1) * (b - 1), odd, coefficients)


def hermite(degree: int) -> Dual:
    """Return the dual of the normalised probabilists' Hermite polynomial He_n(x) / sqrt(n!), which is xi^n.

    Other variances enter by He_n(g x) = sum over i of n! / (i! (n - 2i)! 2^i) (g^2 - 1)^i g^(n - 2i) He_(n - 2i)(x).
    O'Donnell 2014, "Analysis of Boolean functions", section 11.2.

    Raises:
        InputError: if the degree is no integer, 0 or above.

    >>> hermite(3)([0.0, 0.5, 1.0])  # xi^3
    array([0.   , 0.125, 1.   ])
    """
    check_integer("hermite: the degree", degree, 0)
    return Dual(
        f"hermite_{degree}",
        partial(_hermite, degree=degree),
        1.0,
        _with_pairings(_hermite_moment, degree, Fraction(1, math.factorial(degree))),
        # The derivative of He_n is n He_(n-1).
        _with_pairings(_hermite_moment, max(degree - 1, 0), Fraction(degree**2, math.factorial(degree))),
        f"Hermite {degree}",
        rf"\xi^{{{degree}}}",
    )


def _with_pairings(moment: Callable[..., Array], degree: int, factor: Fraction) -> Moment:
    """Return a moment for which `degree` copies of u and of v are paired, times a factor.

    Its coefficients are the numbers of ways to do so with i pairs within each, and degree - 2i pairs between them.
    """
    ways = (
        Fraction(math.factorial(degree) ** 2, math.factorial(i) ** 2 * 4**i * math.factorial(degree - 2 * i))
        for i in range(degree // 2 + 1)
    )
    return partial(moment, odd=degree % 2 == 1, coefficients=tuple(float(number * factor) for number in ways))


def _paired(c: Array, within: Array, odd: bool, coefficients: tuple[float, ...]) -> Array:
    """Sum coefficients[i] within^i c^(degree - 2i) over i, the numbers of pairs.

    A pair between contributes c, the two pairs within u and within v together `within`.
    """
    xp = namespace(c)
    total, power, square = xp.zeros_like(c * within), xp.ones_like(within), c * c
    for coefficient in coefficients:
        total = total * square + coefficient * power
        power = power * within
    return total * c if odd else total
