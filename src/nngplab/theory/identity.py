"""An identity of the theory and the ways to check one.

The two sides of an identity are computed by different means: the left one from the definition, by integral, series,
sampling or automatic differentiation, the right one from the formula. A deliberately false right side then goes
through the very same check, which must refuse it: a check that accepts everything would show nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

Array = npt.NDArray[Any]

# Digits carried beyond those that are asked for.
GUARD_DIGITS = 10
# A correct sampled mean misses by more than this many standard errors once in 1.7 million times.
STANDARD_ERRORS = 5
# Draws held in memory at a time.
BLOCK = 100_000
# Random shapes or parameters at which two sides in float64 are compared.
FLOAT64_SETTINGS = 20
# Random parameters at which two sides in mpmath are compared.
MPMATH_SETTINGS = 2


@dataclass(frozen=True)
class Effort:
    """How far a check goes.

    Attributes:
        digits: decimal digits after the point to which both sides must agree where mpmath computes them.
        samples: number of draws of a sampled mean.
        random: where parameters and samples are drawn from.
    """

    digits: int
    samples: int
    random: np.random.Generator


class Outcome(NamedTuple):
    """What a check found.

    Attributes:
        method: how the two sides were computed.
        error: the largest absolute difference of the two sides; NaN where no difference was found nor excluded.
        tolerance: the largest error that passes.
        false_error: the same difference for the false right side; infinite where it is not even defined.
    """

    method: str
    error: float
    tolerance: float
    false_error: float

    @property
    def passed(self) -> bool:
        """The identity holds within the tolerance."""
        return self.error <= self.tolerance

    @property
    def false_refused(self) -> bool:
        """The false variant does not."""
        return self.false_error > self.tolerance


Check = Callable[[Effort], Outcome]


@dataclass(frozen=True)
class Identity:
    r"""A numbered equation of a page of docs/theory.

    Attributes:
        label: its number, as in `\tag{7.3}` on the page.
        statement: its LaTeX, as on the page up to white space, without the tag.
        false_statement: LaTeX of a variant with a likely mistake: a sign, a factor, a term left out, or a misprint
            of the sheet.
        check: compares both with the definition.
    """

    label: str
    statement: str
    false_statement: str
    check: Check


def symbolic(
    left: Callable[[], sympy.Expr], right: Callable[[], sympy.Expr], false_right: Callable[[], sympy.Expr]
) -> Check:
    """Check by sympy, which must reduce the difference of the two sides to zero.

    The sides may have free symbols, which stand for numbers between 0 and 1 at least. The error of a difference that
    is not reduced to zero is its largest absolute value at some random rational numbers.
    """

    def check(effort: Effort) -> Outcome:
        expected = left()
        errors = [_symbolic_error(expected - side(), effort) for side in (right, false_right)]
        return Outcome("sympy", errors[0], 0.0, errors[1])

    return check


def _symbolic_error(difference: sympy.Expr, effort: Effort) -> float:
    reduced = sympy.simplify(difference.rewrite(sympy.erf))
    if reduced == 0:
        return 0.0
    symbols = sorted(reduced.free_symbols, key=str)
    settings = [[sympy.Rational(*_ratio(effort.random)) for _ in symbols] for _ in range(MPMATH_SETTINGS)]
    values = [
        abs(complex(reduced.evalf(effort.digits, subs=dict(zip(symbols, numbers, strict=True)))))
        for numbers in settings
    ]
    # A difference that is zero at these numbers but not reduced to zero is neither shown nor refuted.
    return max(values) if max(values) > 10.0 ** (-effort.digits // 2) else math.nan


def numerical(
    left: Callable[..., Any], right: Callable[..., Any], false_right: Callable[..., Any], **ranges: tuple[float, float]
) -> Check:
    """Check by mpmath: the two sides agree to the asked number of digits after the point, at random rational numbers.

    The sides are functions of mpmath numbers by name, or of nothing, and return a number or a list of numbers. The
    range of a name is the open interval that its number is drawn from, such as `xi=(-1, 1)`.
    """

    def check(effort: Effort) -> Outcome:
        errors = []
        with mpmath.workdps(effort.digits + GUARD_DIGITS):
            for _ in range(MPMATH_SETTINGS if ranges else 1):
                numbers = {name: _rational(effort.random, *bounds) for name, bounds in ranges.items()}
                expected = left(**numbers)
                errors.append([_mpmath_distance(expected, side(**numbers)) for side in (right, false_right)])
        error, false_error = map(max, zip(*errors, strict=True))
        return Outcome(f"mpmath, {effort.digits} digits", error, 10.0**-effort.digits, false_error)

    return check


def in_float64(
    method: str,
    setting: Callable[[np.random.Generator], tuple[Any, ...]],
    left: Callable[..., npt.ArrayLike],
    right: Callable[..., npt.ArrayLike],
    false_right: Callable[..., npt.ArrayLike],
    tolerance: float = 1e-10,
) -> Check:
    """Check in float64: the two sides, numbers or arrays, agree at random settings of their arguments.

    Sides of different shapes differ by infinity.

    Args:
        method: how the left side is computed.
        setting: draws the arguments of the sides.
        left: the left side.
        right: the right side.
        false_right: the false right side.
        tolerance: the largest absolute error that rounding explains, for numbers of the size of one.
    """

    def check(effort: Effort) -> Outcome:
        errors = []
        for _ in range(FLOAT64_SETTINGS):
            arguments = setting(effort.random)
            expected = left(*arguments)
            errors.append([_distance(expected, side(*arguments)) for side in (right, false_right)])
        error, false_error = map(max, zip(*errors, strict=True))
        return Outcome(f"{method}, float64", error, tolerance, false_error)

    return check


def sampled(
    setting: Callable[[np.random.Generator], tuple[Any, ...]],
    draws: Callable[..., Array],
    right: Callable[..., npt.ArrayLike],
    false_right: Callable[..., npt.ArrayLike],
) -> Check:
    """Check by sampling: the mean over independent draws is the right side, within five standard errors.

    Args:
        setting: draws the arguments of the sides.
        draws: draws(random, samples, *arguments) returns an array whose first axis counts the samples.
        right: the expectation, of the shape of one draw.
        false_right: a false one.
    """

    def check(effort: Effort) -> Outcome:
        arguments = setting(effort.random)
        total = squares = 0.0
        for start in range(0, effort.samples, BLOCK):
            values = draws(effort.random, min(BLOCK, effort.samples - start), *arguments)
            total, squares = total + values.sum(axis=0), squares + (values**2).sum(axis=0)
        mean = total / effort.samples
        standard_errors = np.sqrt((squares / effort.samples - mean**2) / effort.samples)
        errors = [_distance(mean, side(*arguments)) for side in (right, false_right)]
        method = f"sampling, {effort.samples:,} draws, {STANDARD_ERRORS} standard errors"
        return Outcome(method, errors[0], STANDARD_ERRORS * float(np.max(standard_errors)), errors[1])

    return check


def gaussian_mean(f: Callable[[Any], Any]) -> Any:
    """Return E[f(u)] for a standard normal u, to almost the precision of mpmath.

    The trapezoidal rule converges faster than exponentially for an entire function (Trefethen and Weideman 2014, "The
    exponentially convergent trapezoidal rule"). One with a kink or a pole near the real axis needs another rule.

    Args:
        f: an entire function of an mpmath number, of exponential growth at most, like exp(5 |u|).

    Raises:
        ArithmeticError: if finer and finer steps do not agree.
    """
    return _refined(lambda nodes: mpmath.fsum(weight * f(u) for u, weight in nodes))


def pair_mean(phi: Callable[[Any], Any], psi: Callable[[Any], Any], xi: Any) -> Any:
    """Return E[phi(u) psi(v)] for (u, v) ~ N(0, [[1, xi], [xi, 1]]): with psi = phi, the dual activation by definition.

    Of v = xi u + sqrt(1 - xi^2) w with independent standard normals u and w; see `gaussian_mean` for the functions
    that it takes and for what it raises.
    """
    s = mpmath.sqrt((1 - xi) * (1 + xi))

    def product_rule(nodes: list[tuple[Any, Any]]) -> Any:
        return mpmath.fsum(
            weight * phi(u) * mpmath.fsum(inner * psi(xi * u + s * w) for w, inner in nodes) for u, weight in nodes
        )

    return _refined(product_rule)


def _refined(rule: Callable[[list[tuple[Any, Any]]], Any]) -> Any:
    """Return what a rule gives on finer and finer nodes, each with its weight, once two results agree.

    The error of the trapezoidal rule with the step 1 / m is about exp(-c m^2): if m - 1 to m changes the result by
    delta, the error left is about delta to the power (m / (m - 1))^2.
    """
    digits = mpmath.mp.dps
    reach = math.sqrt(2 * digits * math.log(10)) + 5
    last = mpmath.inf
    for parts in range(1, 9):
        result = rule(_nodes(digits, math.ceil(reach * parts), parts))
        if parts > 1 and abs(result - last) < mpmath.mpf(10) ** (-digits * (1 - 1 / parts) ** 2):
            return result
        last = result
    raise ArithmeticError("the trapezoidal rule does not converge: is the function entire?")


@cache
def _nodes(digits: int, count: int, parts: int) -> list[tuple[Any, Any]]:  # noqa: ARG001
    """Return the nodes index / parts with their weights; `digits`, the present precision, tells them apart."""
    points = [mpmath.mpf(index) / parts for index in range(-count, count + 1)]
    return [(point, mpmath.npdf(point) / parts) for point in points]


def normal_density(u: sympy.Expr) -> sympy.Expr:
    """Return the standard normal density as a sympy expression."""
    return sympy.exp(-(u**2) / 2) / sympy.sqrt(2 * sympy.pi)


def _distance(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    if np.shape(a) != np.shape(b):
        return math.inf
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))))


def _mpmath_distance(a: Any, b: Any) -> float:
    if isinstance(a, list):
        return max(_mpmath_distance(*pair) for pair in zip(a, b, strict=True))
    return float(abs(a - b))


def _ratio(random: np.random.Generator) -> tuple[int, int]:
    """Return numerator and denominator of a rational number between 0 and 1."""
    return int(random.integers(1, 97)), 97


def _rational(random: np.random.Generator, low: float, high: float) -> Any:
    numerator, denominator = _ratio(random)
    return low + (high - low) * mpmath.mpf(numerator) / denominator
