"""Problem 8: scaling and convexity of dual activations (docs/theory/problem_08.md)."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import mpmath
import sympy

from nngplab.theory.activations import CUBIC, SHIFTED_SINE, X, hermite, hermite_coefficients, in_mpmath
from nngplab.theory.gaussian_pair import XI, U, V, polynomial_mean, polynomial_pair_mean
from nngplab.theory.identity import Identity, numerical, pair_mean, symbolic

# The degrees of the Hermite polynomials that are checked.
_DEGREES = range(5)
_COUNTEREXAMPLE = sympy.Lambda(X, sum(hermite(X, 4, sympy.sqrt)[2:]))


def _terms(power: int) -> int:
    """Return the number of terms of a series with coefficients n!^(-power / 2) for the working precision of mpmath."""
    return next(n for n in range(1000) if power * math.lgamma(n + 1) > 2 * mpmath.mp.dps * math.log(10))


def _generating_series(factorial: Callable[[Any], Any]) -> Callable[..., Any]:
    def series(t: Any, u: Any) -> Any:
        return mpmath.fsum(t**n / factorial(n) * h for n, h in enumerate(hermite(u, _terms(power=1), mpmath.sqrt)))

    return series


def _dual_by_definition(xi: Any, c: Any, phi: sympy.Lambda, a: Any = 1) -> Any:
    """Return the dual of a phi by its definition; c is the parameter of phi."""
    function = in_mpmath(phi, c)
    return pair_mean(lambda x: a * function(x), lambda x: a * function(x), xi)


def _dual_by_series(power: int) -> Callable[..., Any]:
    """Return the sum of a_n^power xi^n, for coefficients |a_n| <= 1 / sqrt(n!) like those of the shifted sine."""

    def series(xi: Any, c: Any, phi: sympy.Lambda) -> Any:
        return mpmath.polyval([a**power for a in reversed(hermite_coefficients(phi, c, _terms(power=2)))], xi)

    return series


def _mean_of_square(root: Callable[[sympy.Expr], sympy.Expr]) -> Callable[[sympy.Lambda], sympy.Expr]:
    """Return E_c[(E_p[phi(root(xi) c + root(1 - xi) p)])^2] for a polynomial, with u for c and v for p."""
    return lambda phi: polynomial_mean(polynomial_mean(phi(root(XI) * U + root(1 - XI) * V), V) ** 2, U)


def _products_of_hermite(m: range, n: range) -> list[sympy.Expr]:
    """Return E[h_m(u) h_n(v)] for all pairs of degrees."""
    h = [sympy.Lambda(X, polynomial) for polynomial in hermite(X, max(m.stop, n.stop), sympy.sqrt)]
    return [polynomial_pair_mean(h[i], h[j]) for i, j in product(m, n)]


def _diagonal(power: Callable[[int], sympy.Expr]) -> Callable[[range, range], list[sympy.Expr]]:
    """Return power(n) delta_{mn} for all pairs of degrees."""
    return lambda m, n: [power(j) if i == j else sympy.Integer(0) for i, j in product(m, n)]


def _series(factor: Callable[[int], sympy.Expr]) -> Callable[[sympy.Lambda], sympy.Expr]:
    """Return the sum of a_n^2 factor(n) for a polynomial."""

    def series(phi: sympy.Lambda) -> sympy.Expr:
        count = sympy.degree(phi.expr, X) + 1
        return sum(
            polynomial_mean(phi.expr * h, X) ** 2 * factor(n) for n, h in enumerate(hermite(X, count, sympy.sqrt))
        )

    return series


def _at_minus_a_half(order: int) -> Callable[[], sympy.Expr]:
    dual = polynomial_pair_mean(_COUNTEREXAMPLE, _COUNTEREXAMPLE)
    return lambda: sympy.diff(dual, XI, order).subs(XI, -sympy.Rational(1, 2))


IDENTITIES = [
    Identity(
        label="8.1",
        statement=r"\check{\psi}(\xi) = \mathbb{E}[a \phi(u) \, a \phi(v)] = a^2 \check{\phi}(\xi)",
        false_statement=r"\check{\psi}(\xi) = a \check{\phi}(\xi)",
        check=numerical(
            _dual_by_definition,
            lambda xi, c, phi, a: a**2 * _dual_by_series(power=2)(xi, c, phi),
            lambda xi, c, phi, a: a * _dual_by_series(power=2)(xi, c, phi),
            phi=SHIFTED_SINE,
            xi=(-1, 1),
            c=(0, 1),
            a=(-3, 3),
        ),
    ),
    Identity(
        label="8.2",
        statement=r"e^{t u - t^2 / 2} = \sum_{n=0}^{\infty} \frac{t^n}{\sqrt{n!}} h_n(u)",
        false_statement=r"e^{t u - t^2 / 2} = \sum_{n=0}^{\infty} \frac{t^n}{n!} h_n(u)",
        check=numerical(
            lambda t, u: mpmath.exp(t * u - t**2 / 2),
            _generating_series(lambda n: mpmath.sqrt(mpmath.factorial(n))),
            _generating_series(mpmath.factorial),
            t=(-1, 1),
            u=(-2, 2),
        ),
    ),
    Identity(
        label="8.3",
        statement=r"\mathbb{E}\left[ e^{s u - s^2 / 2} \, e^{t v - t^2 / 2} \right] = e^{s t \xi}",
        false_statement=r"\mathbb{E}\left[ e^{s u - s^2 / 2} \, e^{t v - t^2 / 2} \right] = e^{s t}",
        check=numerical(
            lambda xi, s, t: pair_mean(
                lambda u: mpmath.exp(s * u - s**2 / 2), lambda v: mpmath.exp(t * v - t**2 / 2), xi
            ),
            lambda xi, s, t: mpmath.exp(s * t * xi),
            lambda xi, s, t: mpmath.exp(s * t),  # noqa: ARG005
            xi=(-1, 1),
            s=(-1, 1),
            t=(-1, 1),
        ),
    ),
    Identity(
        label="8.4",
        statement=r"\mathbb{E}[h_m(u) h_n(v)] = \xi^n \delta_{m n}",
        false_statement=r"\mathbb{E}[h_m(u) h_n(v)] = \xi \, \delta_{m n}",
        check=symbolic(
            _products_of_hermite,
            _diagonal(lambda degree: XI**degree),
            _diagonal(lambda _: XI),
            m=_DEGREES,
            n=_DEGREES,
        ),
    ),
    Identity(
        label="8.5",
        statement=r"\check{\phi}(\xi) = \sum_{n=0}^{\infty} a_n^2 \, \xi^n, \quad a_n = \mathbb{E}[\phi(u) h_n(u)]",
        false_statement=r"\check{\phi}(\xi) = \sum_{n=0}^{\infty} a_n \, \xi^n, \quad a_n = \mathbb{E}[\phi(u) h_n(u)]",
        check=numerical(
            _dual_by_definition,
            _dual_by_series(power=2),
            _dual_by_series(power=1),
            phi=SHIFTED_SINE,
            xi=(-1, 1),
            c=(0, 1),
        ),
    ),
    Identity(
        label="8.6",
        statement=r"\check{\phi}'(\xi) = \sum_{n=1}^{\infty} n \, a_n^2 \, \xi^{n-1}",
        false_statement=r"\check{\phi}'(\xi) = \sum_{n=1}^{\infty} a_n^2 \, \xi^{n-1}",
        check=symbolic(
            lambda phi: polynomial_pair_mean(phi, phi).diff(XI),
            _series(lambda n: n * XI ** (n - 1)),
            _series(lambda n: XI ** (n - 1) if n else 0),
            phi=CUBIC,
        ),
    ),
    Identity(
        label="8.7",
        statement=r"\check{\phi}''(\xi) = \sum_{n=2}^{\infty} n (n - 1) \, a_n^2 \, \xi^{n-2}",
        false_statement=r"\check{\phi}''(\xi) = \sum_{n=2}^{\infty} n^2 \, a_n^2 \, \xi^{n-2}",
        check=symbolic(
            lambda phi: polynomial_pair_mean(phi, phi).diff(XI, 2),
            _series(lambda n: n * (n - 1) * XI ** (n - 2)),
            _series(lambda n: n**2 * XI ** (n - 2) if n > 1 else 0),
            phi=CUBIC,
        ),
    ),
    Identity(
        label="8.8",
        statement=r"\mathbb{E}[\phi(u) \phi(v)] = \mathbb{E}_c \left[ \left( \mathbb{E}_p \left[ "
        r"\phi\left( \sqrt{\xi} \, c + \sqrt{1 - \xi} \, p \right) \right] \right)^2 \right]",
        false_statement=r"\mathbb{E}[\phi(u) \phi(v)] = \mathbb{E}_c \left[ \left( \mathbb{E}_p \left[ "
        r"\phi\left( \xi \, c + (1 - \xi) \, p \right) \right] \right)^2 \right]",
        check=symbolic(
            lambda phi: polynomial_pair_mean(phi, phi),
            _mean_of_square(sympy.sqrt),
            _mean_of_square(lambda share: share),
            phi=CUBIC,
        ),
    ),
    Identity(
        label="8.9",
        statement=r"\check{\phi}(\xi) = \mathbb{E}[(h_2(u) + h_3(u)) (h_2(v) + h_3(v))] = \xi^2 + \xi^3",
        false_statement=r"\check{\phi}(\xi) = (\xi + \xi^{3/2})^2",
        check=symbolic(
            lambda: polynomial_pair_mean(_COUNTEREXAMPLE, _COUNTEREXAMPLE),
            lambda: XI**2 + XI**3,
            lambda: (XI + XI ** sympy.Rational(3, 2)) ** 2,
        ),
    ),
    Identity(
        label="8.10",
        statement=r"\check{\phi}'\left( -\frac{1}{2} \right) = 2 \left( -\frac{1}{2} \right) "
        r"+ 3 \left( -\frac{1}{2} \right)^2 = -\frac{1}{4}",
        false_statement=r"\check{\phi}'\left( -\frac{1}{2} \right) = \frac{1}{4}",
        check=symbolic(_at_minus_a_half(order=1), lambda: -sympy.Rational(1, 4), lambda: sympy.Rational(1, 4)),
    ),
    Identity(
        label="8.11",
        statement=r"\check{\phi}''\left( -\frac{1}{2} \right) = 2 + 6 \left( -\frac{1}{2} \right) = -1",
        false_statement=r"\check{\phi}''\left( -\frac{1}{2} \right) = 1",
        check=symbolic(_at_minus_a_half(order=2), lambda: -sympy.Integer(1), lambda: sympy.Integer(1)),
    ),
]
