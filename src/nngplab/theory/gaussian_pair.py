"""Expectations over the Gaussian pair (u, v) ~ N(0, [[1, xi], [xi, 1]]) of the dual activation.

They complement `identity.pair_mean`: for symbolic expressions, and for activations with kinks.
"""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import sympy

from nngplab.theory.identity import normal_density

U, V = sympy.symbols("u v", real=True)
XI = sympy.Symbol("xi", real=True)
# sympy does not infer that 1 - xi^2 is positive. So its root is a symbol of its own, until the integrals are computed.
_S = sympy.Symbol("s", positive=True)
_ROOT = sympy.sqrt(1 - XI**2)


def density() -> sympy.Expr:
    """Return the density of (u, v) at (U, V), as Problem 6 gives it."""
    return sympy.exp(-(U**2 + V**2 - 2 * U * V * XI) / (2 * (1 - XI**2))) / (2 * sympy.pi * _ROOT)


def density_given_v() -> sympy.Expr:
    """Return the density of u at U given v = V, which is that of N(xi V, 1 - xi^2)."""
    return _DENSITY_GIVEN_V.subs(_S, _ROOT)


def mean_given_v(f: sympy.Expr) -> sympy.Expr:
    """Return E[f | v = V] for an expression f in U and V, by the integral over U."""
    return _mean_given_v(f).subs(_S, _ROOT)


def mean(f: sympy.Expr) -> sympy.Expr:
    """Return E[f] for an expression f in U and V, by the integral over U and then that over V."""
    return _over_the_line(_mean_given_v(f) * normal_density(V), V).subs(_S, _ROOT)


def polynomial_mean(polynomial: sympy.Expr, *variables: sympy.Symbol) -> sympy.Expr:
    """Return E[polynomial] for independent standard normals, by E[u^p] = (p - 1)!! for even p and 0 for odd p."""
    terms = sympy.Poly(polynomial, *variables).terms()
    return sum(
        coefficient * math.prod(sympy.factorial2(power - 1) for power in powers)
        for powers, coefficient in terms
        if all(power % 2 == 0 for power in powers)
    )


def polynomial_pair_mean(phi: sympy.Lambda, psi: sympy.Lambda) -> sympy.Expr:
    """Return E[phi(u) psi(v)] for polynomials, with v = xi u + sqrt(1 - xi^2) w and independent u and w."""
    return polynomial_mean(phi(U) * psi(XI * U + _ROOT * V), U, V)


def quadrant_mean(f: Callable[[Any, Any], Any], xi: Any) -> Any:
    """Return E[f(u, v); u > 0, v > 0] in mpmath, for activations that are zero on negative numbers.

    Gauss-Legendre rules converge fast on the quadrant, where ReLU and the step function are smooth. The integral ends
    where the density is negligible at the working precision.

    Args:
        f: a smooth function of two positive numbers, of polynomial growth.
        xi: a correlation with |xi| < 1. Near 1 the density is a narrow ridge, and the rule needs many nodes.
    """
    variance = (1 - xi) * (1 + xi)
    reach = mpmath.sqrt(2 * mpmath.mp.dps * mpmath.log(10)) + 2

    def integrand(u: Any, v: Any) -> Any:
        return f(u, v) * mpmath.exp(-(u**2 + v**2 - 2 * xi * u * v) / (2 * variance))

    total = mpmath.quad(integrand, [0, reach], [0, reach], method="gauss-legendre")
    return total / (2 * mpmath.pi * mpmath.sqrt(variance))


_DENSITY_GIVEN_V = sympy.exp(-((U - XI * V) ** 2) / (2 * _S**2)) / (_S * sympy.sqrt(2 * sympy.pi))


def _mean_given_v(f: sympy.Expr) -> sympy.Expr:
    return sympy.simplify(_over_the_line(f * _DENSITY_GIVEN_V, U))


def _over_the_line(f: sympy.Expr, variable: sympy.Symbol) -> sympy.Expr:
    return sympy.integrate(f, (variable, -sympy.oo, sympy.oo))
