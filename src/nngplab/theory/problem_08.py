"""Problem 8: scaling and convexity of dual activations (docs/theory/problem_08.md)."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import sympy

from nngplab.theory.identity import Identity, gaussian_mean, numerical, pair_mean, symbolic

_U, _W = sympy.symbols("u w", real=True)
_XI, _S, _T = sympy.symbols("xi s t", positive=True)
# The coefficients of a general cubic activation.
_C = sympy.symbols("c0:4", real=True)
_CUBIC = sum(c * _U**n for n, c in enumerate(_C))


def _hermite(u: Any, count: int, sqrt: Callable[[Any], Any]) -> list[Any]:
    """Return the first `count` normalised Hermite polynomials at u, by their recurrence."""
    unscaled = [u**0, u]
    for n in range(1, count - 1):
        unscaled.append(u * unscaled[n] - n * unscaled[n - 1])
    return [h / sqrt(math.factorial(n)) for n, h in enumerate(unscaled[:count])]


def _terms(power: int) -> int:
    """Return the number of terms of a series with coefficients n!^(-power / 2) for the working precision of mpmath."""
    return next(n for n in range(1000) if power * math.lgamma(n + 1) > 2 * mpmath.mp.dps * math.log(10))


def _generating_series(factorial: Callable[[Any], Any]) -> Callable[..., Any]:
    def series(t: Any, u: Any) -> Any:
        return mpmath.fsum(t**n / factorial(n) * h for n, h in enumerate(_hermite(u, _terms(power=1), mpmath.sqrt)))

    return series


def _shifted_sine(c: Any) -> Callable[[Any], Any]:
    """Return an activation that is neither even nor odd, so that all Hermite coefficients are nonzero."""
    return lambda x: mpmath.sin(x + c)


def _dual_of_shifted_sine(xi: Any, c: Any) -> Any:
    """Return the dual of the shifted sine, from those of sine and cosine (Problems 7 and 9)."""
    return (mpmath.cos(c) ** 2 * mpmath.sinh(xi) + mpmath.sin(c) ** 2 * mpmath.cosh(xi)) / mpmath.e


@cache
def _coefficients(c: Any, count: int) -> list[Any]:
    """Return the first Hermite coefficients a_n of the shifted sine, each by an integral."""
    phi = _shifted_sine(c)
    products = cache(lambda u: [phi(u) * h for h in _hermite(u, count, mpmath.sqrt)])
    return [gaussian_mean(lambda u, n=n: products(u)[n]) for n in range(count)]  # type: ignore[misc]


def _dual_by_series(power: int) -> Callable[..., Any]:
    """Return the sum of a_n^power xi^n for the shifted sine, where |a_n| <= 1 / sqrt(n!)."""
    return lambda xi, c: mpmath.polyval([a**power for a in reversed(_coefficients(c, _terms(power=2)))], xi)


def _mean(polynomial: sympy.Expr, *variables: sympy.Symbol) -> sympy.Expr:
    """Return E[polynomial] for independent standard normals, by E[u^p] = (p - 1)!! for even p and 0 for odd p."""
    terms = sympy.Poly(polynomial, *variables).terms()
    return sum(
        coefficient * math.prod(sympy.factorial2(power - 1) for power in powers)
        for powers, coefficient in terms
        if all(power % 2 == 0 for power in powers)
    )


def _pair_mean(phi: sympy.Expr, psi: sympy.Expr) -> sympy.Expr:
    """Return E[phi(u) psi(v)] for polynomials in u, with v = xi u + sqrt(1 - xi^2) w."""
    return _mean(phi * psi.subs(_U, _XI * _U + sympy.sqrt(1 - _XI**2) * _W), _U, _W)


def _mean_of_square(root: Callable[[sympy.Expr], sympy.Expr]) -> sympy.Expr:
    """Return E_c[(E_p[phi(root(xi) c + root(1 - xi) p)])^2] for the cubic, with u for c and w for p."""
    return _mean(_mean(_CUBIC.subs(_U, root(_XI) * _U + root(1 - _XI) * _W), _W) ** 2, _U)


def _products_of_hermite() -> sympy.Expr:
    """Return the sum of E[h_m(u) h_n(v)] s^m t^n over m, n <= 4, which combines 25 equations in one."""
    h = _hermite(_U, 5, sympy.sqrt)
    return _pair_mean(sum(h[m] * _S**m for m in range(5)), sum(h[n] * _T**n for n in range(5)))


def _cubic_series(derivative: Callable[[int], sympy.Expr]) -> sympy.Expr:
    """Return the sum of a_n^2 derivative(n) for the cubic."""
    h = _hermite(_U, 4, sympy.sqrt)
    return sum(_mean(_CUBIC * h[n], _U) ** 2 * derivative(n) for n in range(4))


def _counterexample() -> sympy.Expr:
    h = _hermite(_U, 4, sympy.sqrt)
    return _pair_mean(h[2] + h[3], h[2] + h[3])


def _at_minus_a_half(order: int) -> Callable[[], sympy.Expr]:
    return lambda: sympy.diff(_counterexample(), _XI, order).subs(_XI, -sympy.Rational(1, 2))


IDENTITIES = [
    Identity(
        label="8.1",
        statement=r"\check{\psi}(\xi) = \mathbb{E}[a \phi(u) \, a \phi(v)] = a^2 \check{\phi}(\xi)",
        false_statement=r"\check{\psi}(\xi) = a \check{\phi}(\xi)",
        check=numerical(
            lambda xi, c, a: pair_mean(lambda x: a * mpmath.sin(x + c), lambda x: a * mpmath.sin(x + c), xi),
            lambda xi, c, a: a**2 * _dual_of_shifted_sine(xi, c),
            lambda xi, c, a: a * _dual_of_shifted_sine(xi, c),
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
            lambda: sum((_XI * _S * _T) ** n for n in range(5)),
            lambda: sum(_XI * (_S * _T) ** n for n in range(5)),
        ),
    ),
    Identity(
        label="8.5",
        statement=r"\check{\phi}(\xi) = \sum_{n=0}^{\infty} a_n^2 \, \xi^n, \quad a_n = \mathbb{E}[\phi(u) h_n(u)]",
        false_statement=r"\check{\phi}(\xi) = \sum_{n=0}^{\infty} a_n \, \xi^n, \quad a_n = \mathbb{E}[\phi(u) h_n(u)]",
        check=numerical(
            lambda xi, c: pair_mean(_shifted_sine(c), _shifted_sine(c), xi),
            _dual_by_series(power=2),
            _dual_by_series(power=1),
            xi=(-1, 1),
            c=(0, 1),
        ),
    ),
    Identity(
        label="8.6",
        statement=r"\check{\phi}'(\xi) = \sum_{n=1}^{\infty} n \, a_n^2 \, \xi^{n-1}",
        false_statement=r"\check{\phi}'(\xi) = \sum_{n=1}^{\infty} a_n^2 \, \xi^{n-1}",
        check=symbolic(
            lambda: sympy.diff(_pair_mean(_CUBIC, _CUBIC), _XI),
            lambda: _cubic_series(lambda n: n * _XI ** (n - 1)),
            lambda: _cubic_series(lambda n: _XI ** (n - 1) if n else 0),
        ),
    ),
    Identity(
        label="8.7",
        statement=r"\check{\phi}''(\xi) = \sum_{n=2}^{\infty} n (n - 1) \, a_n^2 \, \xi^{n-2}",
        false_statement=r"\check{\phi}''(\xi) = \sum_{n=2}^{\infty} n^2 \, a_n^2 \, \xi^{n-2}",
        check=symbolic(
            lambda: sympy.diff(_pair_mean(_CUBIC, _CUBIC), _XI, 2),
            lambda: _cubic_series(lambda n: n * (n - 1) * _XI ** (n - 2)),
            lambda: _cubic_series(lambda n: n**2 * _XI ** (n - 2) if n > 1 else 0),
        ),
    ),
    Identity(
        label="8.8",
        statement=r"\mathbb{E}[\phi(u) \phi(v)] = \mathbb{E}_c \left[ \left( \mathbb{E}_p \left[ "
        r"\phi\left( \sqrt{\xi} \, c + \sqrt{1 - \xi} \, p \right) \right] \right)^2 \right]",
        false_statement=r"\mathbb{E}[\phi(u) \phi(v)] = \mathbb{E}_c \left[ \left( \mathbb{E}_p \left[ "
        r"\phi\left( \xi \, c + (1 - \xi) \, p \right) \right] \right)^2 \right]",
        check=symbolic(
            lambda: _pair_mean(_CUBIC, _CUBIC),
            lambda: _mean_of_square(sympy.sqrt),
            lambda: _mean_of_square(lambda share: share),
        ),
    ),
    Identity(
        label="8.9",
        statement=r"\check{\phi}(\xi) = \mathbb{E}[(h_2(u) + h_3(u)) (h_2(v) + h_3(v))] = \xi^2 + \xi^3",
        false_statement=r"\check{\phi}(\xi) = (\xi + \xi^{3/2})^2",
        check=symbolic(_counterexample, lambda: _XI**2 + _XI**3, lambda: (_XI + _XI ** sympy.Rational(3, 2)) ** 2),
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
