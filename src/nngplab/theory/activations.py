"""Activations for which equations about a general activation are checked, and their Hermite coefficients."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import sympy

from nngplab.theory.identity import gaussian_mean

X = sympy.Symbol("x", real=True)
# Neither even nor odd, so that all Hermite coefficients are nonzero.
SHIFTED_SINE = sympy.Lambda(X, sympy.sin(X + sympy.Symbol("c", real=True)))
# All polynomials of degree 3 or lower at once.
CUBIC = sympy.Lambda(X, sum(c * X**n for n, c in enumerate(sympy.symbols("c_0:4", real=True))))


def derivative(phi: sympy.Lambda) -> sympy.Lambda:
    """Return the derivative of an activation."""
    return sympy.Lambda(phi.variables, phi.expr.diff(*phi.variables))


def in_mpmath(phi: sympy.Lambda, c: Any) -> Callable[[Any], Any]:
    """Return an activation as a function of mpmath numbers, with this value of its parameter c."""
    function = _lambdified(phi)
    return lambda x: function(x, c)


def hermite(u: Any, count: int, sqrt: Callable[[Any], Any]) -> list[Any]:
    """Return the first `count` normalised Hermite polynomials at u, by their recurrence."""
    unscaled = [u**0, u]
    for n in range(1, count - 1):
        unscaled.append(u * unscaled[n] - n * unscaled[n - 1])
    return [h / sqrt(math.factorial(n)) for n, h in enumerate(unscaled[:count])]


@cache
def hermite_coefficients(phi: sympy.Lambda, c: Any, count: int) -> list[Any]:
    """Return the first Hermite coefficients E[phi(u) h_n(u)], each by an integral; c is the parameter of phi."""
    function = in_mpmath(phi, c)
    products = cache(lambda u: [function(u) * h for h in hermite(u, count, mpmath.sqrt)])
    return [gaussian_mean(lambda u, n=n: products(u)[n]) for n in range(count)]  # type: ignore[misc]


@cache
def _lambdified(phi: sympy.Lambda) -> Callable[[Any, Any], Any]:
    function: Callable[[Any, Any], Any] = sympy.lambdify(
        [*phi.variables, sympy.Symbol("c", real=True)], phi.expr, "mpmath"
    )
    return function
