"""Problem 6: the dual activation of an exponential (docs/theory/problem_06.md)."""

from collections.abc import Callable
from typing import Any

import mpmath
import sympy

from nngplab.theory.gaussian_pair import XI, U, V, density, mean, mean_given_v
from nngplab.theory.identity import Identity, normal_density, numerical, pair_mean, symbolic

_C = sympy.Symbol("C", positive=True)
_PHI_OF_V = sympy.exp(-(_C**2) + _C * V)
_DUAL = sympy.exp(-(_C**2) + _C**2 * XI)


def _phi(x: Any, C: Any) -> Any:
    return mpmath.exp(-(C**2) + C * x)


# By sympy, from the activation as the problem set gives it.
_derivative_of_phi = sympy.lambdify((V, _C), _PHI_OF_V.diff(V), "mpmath")


def _mean_of_product(phi: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def by_quadrature(xi: Any, C: Any) -> Any:
        return pair_mean(lambda x: phi(x, C), lambda x: phi(x, C), xi)

    return by_quadrature


def _polynomial(x: sympy.Expr) -> sympy.Expr:
    """Return an activation that is neither odd nor even, for the rule of differentiation."""
    return x + x**2


def _square_in_u() -> sympy.Expr:
    variance = 1 - XI**2
    return -((U - XI * V - _C * variance) ** 2) / (2 * variance) + _C**2 * variance / 2


def _solution() -> sympy.Expr:
    y = sympy.Function("y")
    equation = sympy.Eq(y(XI).diff(XI), _C**2 * y(XI))
    return sympy.dsolve(equation, y(XI), ics={y(1): 1}).rhs


IDENTITIES = [
    Identity(
        label="6.1",
        statement=r"C u - \frac{(u - \xi v)^2}{2 (1 - \xi^2)} = -\frac{(u - \xi v - C (1 - \xi^2))^2}{2 (1 - \xi^2)} "
        r"+ C \xi v + \frac{C^2 (1 - \xi^2)}{2}",
        false_statement=r"C u - \frac{(u - \xi v)^2}{2 (1 - \xi^2)} = -\frac{(u - \xi v - C (1 - \xi^2))^2}"
        r"{2 (1 - \xi^2)} + \frac{C^2 (1 - \xi^2)}{2}",
        check=symbolic(
            lambda: _C * U - (U - XI * V) ** 2 / (2 * (1 - XI**2)),
            lambda: _square_in_u() + _C * XI * V,
            _square_in_u,
        ),
    ),
    Identity(
        label="6.2",
        statement=r"\int_{\mathbb{R}} e^{C u} \frac{1}{\sqrt{2 \pi (1 - \xi^2)}} "
        r"e^{-(u - \xi v)^2 / (2 (1 - \xi^2))} du = e^{C \xi v + C^2 (1 - \xi^2) / 2}",
        false_statement=r"\int_{\mathbb{R}} e^{C u} \frac{1}{\sqrt{2 \pi (1 - \xi^2)}} "
        r"e^{-(u - \xi v)^2 / (2 (1 - \xi^2))} du = e^{C \xi v + C^2 / 2}",
        check=symbolic(
            lambda: mean_given_v(sympy.exp(_C * U)),
            lambda: sympy.exp(_C * XI * V + _C**2 * (1 - XI**2) / 2),
            lambda: sympy.exp(_C * XI * V + _C**2 / 2),
        ),
    ),
    Identity(
        label="6.3",
        statement=r"C (1 + \xi) v - \frac{v^2}{2} = -\frac{(v - C (1 + \xi))^2}{2} + \frac{C^2 (1 + \xi)^2}{2}",
        false_statement=r"C (1 + \xi) v - \frac{v^2}{2} = -\frac{(v - C (1 + \xi))^2}{2} + C^2 (1 + \xi)^2",
        check=symbolic(
            lambda: _C * (1 + XI) * V - V**2 / 2,
            lambda: -((V - _C * (1 + XI)) ** 2) / 2 + _C**2 * (1 + XI) ** 2 / 2,
            lambda: -((V - _C * (1 + XI)) ** 2) / 2 + _C**2 * (1 + XI) ** 2,
        ),
    ),
    Identity(
        label="6.4",
        statement=r"\int_{\mathbb{R}} e^{C (1 + \xi) v} \frac{1}{\sqrt{2 \pi}} e^{-v^2 / 2} dv "
        r"= e^{C^2 (1 + \xi)^2 / 2}",
        false_statement=r"\int_{\mathbb{R}} e^{C (1 + \xi) v} \frac{1}{\sqrt{2 \pi}} e^{-v^2 / 2} dv "
        r"= e^{C^2 (1 + \xi)^2}",
        check=symbolic(
            lambda: sympy.integrate(sympy.exp(_C * (1 + XI) * V) * normal_density(V), (V, -sympy.oo, sympy.oo)),
            lambda: sympy.exp(_C**2 * (1 + XI) ** 2 / 2),
            lambda: sympy.exp(_C**2 * (1 + XI) ** 2),
        ),
    ),
    Identity(
        label="6.5",
        statement=r"-2 C^2 + \frac{C^2 (1 - \xi^2)}{2} + \frac{C^2 (1 + \xi)^2}{2} = -C^2 + C^2 \xi",
        false_statement=r"-C^2 + \frac{C^2 (1 - \xi^2)}{2} + \frac{C^2 (1 + \xi)^2}{2} = -C^2 + C^2 \xi",
        check=symbolic(
            lambda: -(_C**2) + _C**2 * XI,
            lambda: -2 * _C**2 + _C**2 * (1 - XI**2) / 2 + _C**2 * (1 + XI) ** 2 / 2,
            lambda: -(_C**2) + _C**2 * (1 - XI**2) / 2 + _C**2 * (1 + XI) ** 2 / 2,
        ),
    ),
    Identity(
        label="6.6",
        statement=r"\frac{1}{2 \pi \sqrt{1 - \xi^2}} \int_{\mathbb{R}} \int_{\mathbb{R}} "
        r"e^{-C^2 + C u} e^{-C^2 + C v} e^{-(u^2 + v^2 - 2 u v \xi) / (2 (1 - \xi^2))} du \, dv "
        r"= e^{-C^2 + C^2 \xi}",
        false_statement=r"\frac{1}{2 \pi \sqrt{1 - \xi^2}} \int_{\mathbb{R}} \int_{\mathbb{R}} "
        r"e^{-C^2 + C u} e^{-C^2 + C v} e^{-(u^2 + v^2 - 2 u v \xi) / (2 (1 - \xi^2))} du \, dv "
        r"= e^{-C^2 + C \xi}",
        check=numerical(
            _mean_of_product(_phi),
            lambda xi, C: mpmath.exp(-(C**2) + C**2 * xi),
            lambda xi, C: mpmath.exp(-(C**2) + C * xi),
            xi=(-1, 1),
            C=(-2, 2),
        ),
    ),
    Identity(
        label="6.7",
        statement=r"\frac{\partial}{\partial \xi} p_\xi(u, v) "
        r"= \frac{\partial^2}{\partial u \, \partial v} p_\xi(u, v)",
        false_statement=r"\frac{\partial}{\partial \xi} p_\xi(u, v) = \frac{1}{2} "
        r"\frac{\partial^2}{\partial u \, \partial v} p_\xi(u, v)",
        check=symbolic(lambda: density().diff(XI), lambda: density().diff(U, V), lambda: density().diff(U, V) / 2),
    ),
    Identity(
        label="6.8",
        statement=r"\frac{d}{d \xi} \mathbb{E}[\phi(u) \phi(v)] = \mathbb{E}[\phi'(u) \phi'(v)]",
        false_statement=r"\frac{d}{d \xi} \mathbb{E}[\phi(u) \phi(v)] = \mathbb{E}[\phi'(u) \phi(v)]",
        check=symbolic(
            lambda: mean(_polynomial(U) * _polynomial(V)).diff(XI),
            lambda: mean(_polynomial(U).diff(U) * _polynomial(V).diff(V)),
            lambda: mean(_polynomial(U).diff(U) * _polynomial(V)),
        ),
    ),
    Identity(
        label="6.9",
        statement=r"\mathbb{E}[\phi'(u) \phi'(v)] = C^2 \check{\phi}(\xi) = C^2 e^{-C^2 + C^2 \xi}",
        false_statement=r"\mathbb{E}[\phi'(u) \phi'(v)] = C \check{\phi}(\xi)",
        check=numerical(
            _mean_of_product(_derivative_of_phi),
            lambda xi, C: C**2 * mpmath.exp(-(C**2) + C**2 * xi),
            lambda xi, C: C * mpmath.exp(-(C**2) + C**2 * xi),
            xi=(-1, 1),
            C=(-2, 2),
        ),
    ),
    Identity(
        label="6.10",
        statement=r"\check{\phi}(1) = \mathbb{E}[\phi(u)^2] = e^{-2 C^2} \, \mathbb{E}[e^{2 C u}] = 1",
        false_statement=r"\check{\phi}(1) = \mathbb{E}[\phi(u)]^2",
        check=symbolic(
            lambda: mean(_PHI_OF_V**2),
            lambda: sympy.Integer(1),
            lambda: mean(_PHI_OF_V) ** 2,
        ),
    ),
    Identity(
        label="6.11",
        statement=r"y' = C^2 y, \quad y(1) = 1 \quad \Longrightarrow \quad y(\xi) = e^{-C^2 + C^2 \xi}",
        false_statement=r"y' = C^2 y, \quad y(1) = 1 \quad \Longrightarrow \quad y(\xi) = e^{C^2 \xi}",
        check=symbolic(_solution, lambda: _DUAL, lambda: sympy.exp(_C**2 * XI)),
    ),
]
