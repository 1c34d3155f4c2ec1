"""Problem 6: the dual activation of an exponential (docs/theory/problem_06.md)."""

from collections.abc import Callable
from typing import Any

import mpmath
import sympy

from nngplab.theory.activations import CUBIC, SHIFTED_SINE, X, derivative, hermite, hermite_coefficients, in_mpmath
from nngplab.theory.gaussian_pair import XI, U, V, mean, mean_given_v, polynomial_pair_mean
from nngplab.theory.identity import Identity, normal_density, numerical, pair_mean, symbolic

_C, _T = sympy.symbols("C t", real=True)
# The degrees of the Hermite polynomials that are checked.
_DEGREES = range(9)
_DUAL = sympy.exp(-(_C**2) + _C**2 * XI)


def _phi(x: Any, C: Any) -> Any:
    return mpmath.exp(-(C**2) + C * x)


def _phi_of_v(C: sympy.Expr) -> sympy.Expr:
    return sympy.exp(-(C**2) + C * V)


# By sympy, from the activation as the problem set gives it.
_derivative_of_phi = sympy.lambdify((V, _C), _phi_of_v(_C).diff(V), "mpmath")


def _mean_of_product(phi: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def by_quadrature(xi: Any, C: Any) -> Any:
        return pair_mean(lambda x: phi(x, C), lambda x: phi(x, C), xi)

    return by_quadrature


def _weighted_hermite(n: range) -> list[sympy.Expr]:
    """Return gamma(x) h_n(x) for all degrees."""
    return [normal_density(X) * h for h in hermite(X, n.stop, sympy.sqrt)[n.start :]]


def _next_weighted_hermite(factor: Callable[[int], sympy.Expr]) -> Callable[[range], list[sympy.Expr]]:
    """Return factor(n) gamma(x) h_{n+1}(x) for all degrees."""
    return lambda n: [
        factor(degree) * h for degree, h in zip(n, _weighted_hermite(range(n.start + 1, n.stop + 1)), strict=True)
    ]


def _half_coefficients(f: Callable[[Any], Any], n: range) -> list[Any]:
    """Return the integrals of f h_n gamma over the positive half-line for all degrees."""
    reach = mpmath.sqrt(2 * mpmath.mp.dps * mpmath.log(10)) + 5

    def integrand(x: Any, degree: int) -> Any:
        return f(x) * hermite(x, n.stop, mpmath.sqrt)[degree] * mpmath.npdf(x)

    return [
        mpmath.quad(lambda x, degree=degree: integrand(x, degree), [0, reach / 2, reach], method="gauss-legendre")
        for degree in n
    ]


def _half_coefficients_of_next(f: Callable[[Any], Any], n: range, start: Any) -> list[Any]:
    """Return sqrt(n + 1) times the integrals of (f - start) h_{n+1} gamma over the positive half-line."""
    following = _half_coefficients(lambda x: f(x) - start, range(n.start + 1, n.stop + 1))
    return [mpmath.sqrt(degree + 1) * value for degree, value in zip(n, following, strict=True)]


def _coefficients_of_derivative(factor: Callable[[int], Any]) -> Callable[..., list[Any]]:
    """Return the right side of (6.10), with the factor of each degree, for all degrees."""

    def right(c: Any, phi: sympy.Lambda, n: range) -> list[Any]:
        return [factor(degree) * hermite_coefficients(phi, c, n.stop + 1)[degree + 1] for degree in n]

    return right


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
        statement=r"\int\limits_t^\infty x \, \gamma(x) \, dx = \gamma(t)",
        false_statement=r"\int\limits_t^\infty x \, \gamma(x) \, dx = t \, \gamma(t)",
        check=symbolic(
            lambda: sympy.integrate(X * normal_density(X), (X, _T, sympy.oo)),
            lambda: normal_density(_T),
            lambda: _T * normal_density(_T),
        ),
    ),
    Identity(
        label="6.8",
        statement=r"\frac{d}{d x} \left( \gamma(x) h_n(x) \right) = -\sqrt{n + 1} \, \gamma(x) h_{n+1}(x)",
        false_statement=r"\frac{d}{d x} \left( \gamma(x) h_n(x) \right) = -\sqrt{n} \, \gamma(x) h_{n+1}(x)",
        check=symbolic(
            lambda n: [weighted.diff(X) for weighted in _weighted_hermite(n)],
            _next_weighted_hermite(lambda degree: -sympy.sqrt(degree + 1)),
            _next_weighted_hermite(lambda degree: -sympy.sqrt(degree)),
            n=_DEGREES,
        ),
    ),
    Identity(
        label="6.9",
        statement=r"\sqrt{n + 1} \int\limits_0^\infty (\phi(x) - \phi(0)) \, h_{n+1}(x) \, \gamma(x) \, dx "
        r"= \int\limits_0^\infty \phi'(t) \, h_n(t) \, \gamma(t) \, dt",
        false_statement=r"\sqrt{n + 1} \int\limits_0^\infty \phi(x) \, h_{n+1}(x) \, \gamma(x) \, dx "
        r"= \int\limits_0^\infty \phi'(t) \, h_n(t) \, \gamma(t) \, dt",
        check=numerical(
            lambda c, phi, n: _half_coefficients(in_mpmath(derivative(phi), c), n),
            lambda c, phi, n: _half_coefficients_of_next(in_mpmath(phi, c), n, start=in_mpmath(phi, c)(0)),
            lambda c, phi, n: _half_coefficients_of_next(in_mpmath(phi, c), n, start=0),
            phi=SHIFTED_SINE,
            n=_DEGREES,
            c=(0, 1),
        ),
    ),
    Identity(
        label="6.10",
        statement=r"\mathbb{E}[\phi'(u) h_n(u)] = \sqrt{n + 1} \, \mathbb{E}[\phi(u) h_{n+1}(u)]",
        false_statement=r"\mathbb{E}[\phi'(u) h_n(u)] = \mathbb{E}[\phi(u) h_{n+1}(u)]",
        check=numerical(
            lambda c, phi, n: hermite_coefficients(derivative(phi), c, n.stop),
            _coefficients_of_derivative(lambda degree: mpmath.sqrt(degree + 1)),
            _coefficients_of_derivative(lambda _: 1),
            phi=SHIFTED_SINE,
            n=_DEGREES,
            c=(0, 1),
        ),
    ),
    Identity(
        label="6.11",
        statement=r"\frac{d}{d \xi} \mathbb{E}[\phi(u) \phi(v)] = \mathbb{E}[\phi'(u) \phi'(v)]",
        false_statement=r"\frac{d}{d \xi} \mathbb{E}[\phi(u) \phi(v)] = \mathbb{E}[\phi'(u) \phi(v)]",
        check=symbolic(
            lambda phi: polynomial_pair_mean(phi, phi).diff(XI),
            lambda phi: polynomial_pair_mean(derivative(phi), derivative(phi)),
            lambda phi: polynomial_pair_mean(derivative(phi), phi),
            phi=CUBIC,
        ),
    ),
    Identity(
        label="6.12",
        statement=r"\mathbb{E}[\phi'(u) \phi'(v)] = C^2 \, \mathbb{E}[\phi(u) \phi(v)] = C^2 \check{\phi}(\xi)",
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
        label="6.13",
        statement=r"\check{\phi}(1) = \mathbb{E}[\phi(u)^2] = e^{-2 C^2} \, \mathbb{E}[e^{2 C u}] = 1",
        false_statement=r"\check{\phi}(1) = \mathbb{E}[\phi(u)]^2",
        check=symbolic(
            lambda C: mean(_phi_of_v(C) ** 2),
            lambda C: sympy.Integer(1),  # noqa: ARG005
            lambda C: mean(_phi_of_v(C)) ** 2,
            C=_C,
        ),
    ),
    Identity(
        label="6.14",
        statement=r"y' = C^2 y, \quad y(1) = 1 \quad \Longrightarrow \quad y(\xi) = e^{-C^2 + C^2 \xi}",
        false_statement=r"y' = C^2 y, \quad y(1) = 1 \quad \Longrightarrow \quad y(\xi) = e^{C^2 \xi}",
        check=symbolic(_solution, lambda: _DUAL, lambda: sympy.exp(_C**2 * XI)),
    ),
]
