"""Identities of the theory, and how they are checked.

The two sides of an identity are computed by different means: the left side from the definition (integral, series,
sampling or automatic differentiation), the right side from the formula. Then the same check is applied to a false right
side, and must reject it. This shows that the check can fail.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
import numpy.typing as npt
import sympy
from sklearn.utils import gen_batches

from nngplab.theory import scope

Array = npt.NDArray[Any]

# Digits of the working precision beyond those that are asked for.
GUARD_DIGITS = 10
# The error of a correct sampled mean exceeds this many standard errors once in 1.7 million cases.
STANDARD_ERRORS = 5
# Draws that are in memory at a time.
BLOCK_SIZE = 100_000
# Number of random arguments for which two sides in float64 are compared.
FLOAT64_CASES = 20
# Number of random arguments for which two sides in mpmath are compared.
MPMATH_CASES = 2


@dataclass(frozen=True)
class CheckSettings:
    """The settings of a check.

    Attributes:
        digits: for mpmath, the number of digits after the decimal point to which both sides must agree.
        samples: for sampling, the number of draws.
        rng: the generator of arguments and samples.
    """

    digits: int
    samples: int
    rng: np.random.Generator


class CheckResult(NamedTuple):
    """The result of a check.

    Attributes:
        method: how the two sides were computed.
        error: the largest absolute difference of the two sides; NaN if a difference is neither found nor excluded.
        tolerance: the largest error that passes.
        false_error: the error of the false right side; infinite if it is not defined.
        scope: what the two sides were compared for, as `nngplab.theory.scope` writes it; empty for two numbers.
    """

    method: str
    error: float
    tolerance: float
    false_error: float
    scope: str

    @property
    def passed(self) -> bool:
        """Whether the identity holds within the tolerance."""
        return self.error <= self.tolerance

    @property
    def false_rejected(self) -> bool:
        """Whether the false variant does not hold within the tolerance."""
        return self.false_error > self.tolerance


Check = Callable[[CheckSettings], CheckResult]


@dataclass(frozen=True)
class Identity:
    r"""A numbered equation of a page of docs/theory.

    Attributes:
        label: its number, such as 7.3 for `\tag{7.3}` on the page.
        statement: its LaTeX without the tag, equal to that on the page up to white space.
        false_statement: LaTeX of a variant with a likely mistake: a wrong sign or factor, a missing term, or a misprint
            of the problem set.
        check: the check of both.
    """

    label: str
    statement: str
    false_statement: str
    check: Check


def symbolic(
    left: Callable[..., sympy.Expr | list[sympy.Expr]],
    right: Callable[..., sympy.Expr | list[sympy.Expr]],
    false_right: Callable[..., sympy.Expr | list[sympy.Expr]],
    **instances: Any,
) -> Check:
    """Return a check by sympy, which must reduce the difference of the two sides to zero.

    The sides may have free symbols, and may be lists. If a difference is not reduced to zero, the error is its largest
    absolute value for random rational numbers between 0 and 1.

    Args:
        left: the left side, a function with the arguments named by `instances`.
        right: the right side.
        false_right: the false right side.
        instances: the case of a more general equation that is checked: functions as sympy.Lambda, indices as ranges,
            or numbers. A symbol that cancels on both sides can be given as well, to be named in the scope.
    """

    def check(settings: CheckSettings) -> CheckResult:
        expected, shown, false = (_as_list(side(**instances)) for side in (left, right, false_right))
        given = [value for value in instances.values() if isinstance(value, sympy.Basic)]
        covered = scope.join(scope.of_instances(instances), scope.of_symbols([*given, *expected, *shown]))
        errors = [_largest_symbolic_error(expected, side, settings) for side in (shown, false)]
        return CheckResult("sympy", errors[0], 0.0, errors[1], covered)

    return check


def _as_list(side: sympy.Expr | list[sympy.Expr]) -> list[sympy.Expr]:
    return side if isinstance(side, list) else [side]


def _largest_symbolic_error(left: list[sympy.Expr], right: list[sympy.Expr], settings: CheckSettings) -> float:
    """Return the largest error of the entries; NaN if one is NaN."""
    return float(np.max([_symbolic_error(a - b, settings) for a, b in zip(left, right, strict=True)]))


def _symbolic_error(difference: sympy.Expr, settings: CheckSettings) -> float:
    reduced = sympy.simplify(difference.rewrite(sympy.erf))
    if reduced == 0:
        return 0.0
    symbols = sorted(reduced.free_symbols, key=str)
    cases = [[sympy.Rational(*_ratio(settings.rng)) for _ in symbols] for _ in range(MPMATH_CASES)]
    values = [
        abs(complex(reduced.evalf(settings.digits, subs=dict(zip(symbols, numbers, strict=True))))) for numbers in cases
    ]
    # If the values are zero but the expression is not, a difference is neither found nor excluded.
    return max(values) if max(values) > 10.0 ** (-settings.digits // 2) else math.nan


def numerical(
    left: Callable[..., Any], right: Callable[..., Any], false_right: Callable[..., Any], **arguments: Any
) -> Check:
    """Return a check by mpmath: the two sides must agree to `settings.digits` digits after the decimal point.

    Args:
        left: the left side, a function with the arguments named by `arguments`, which returns a number or a list.
        right: the right side.
        false_right: the false right side.
        arguments: for each argument, either the open interval of its random rational values, such as `xi=(-1, 1)`, or
            an instance as in `symbolic`.
    """
    ranges = {name: value for name, value in arguments.items() if isinstance(value, tuple)}
    instances = {name: value for name, value in arguments.items() if name not in ranges}

    def check(settings: CheckSettings) -> CheckResult:
        errors, points = [], []
        with mpmath.workdps(settings.digits + GUARD_DIGITS):
            for _ in range(MPMATH_CASES if ranges else 1):
                points.append({name: _rational(settings.rng, *bounds) for name, bounds in ranges.items()})
                numbers = {name: mpmath.mpf(x.numerator) / x.denominator for name, x in points[-1].items()}
                expected = left(**numbers, **instances)
                errors.append(
                    [_mpmath_distance(expected, side(**numbers, **instances)) for side in (right, false_right)]
                )
        error, false_error = map(max, zip(*errors, strict=True))
        covered = scope.join(scope.of_instances(instances), scope.of_points(points))
        return CheckResult(f"mpmath, {settings.digits} digits", error, 10.0**-settings.digits, false_error, covered)

    return check


def in_float64(
    method: str,
    draw_arguments: Callable[[np.random.Generator], dict[str, Any]],
    left: Callable[..., npt.ArrayLike],
    right: Callable[..., npt.ArrayLike],
    false_right: Callable[..., npt.ArrayLike],
    tolerance: float = 1e-10,
) -> Check:
    """Return a check in float64: the two sides, numbers or arrays, must agree for random arguments.

    The difference of sides of different shapes is infinite.

    Args:
        method: how the left side is computed.
        draw_arguments: a function that draws the arguments of the sides, by their names.
        left: the left side.
        right: the right side.
        false_right: the false right side.
        tolerance: the largest absolute error due to rounding, for numbers of order 1.
    """

    def check(settings: CheckSettings) -> CheckResult:
        errors = []
        draws = [draw_arguments(settings.rng) for _ in range(FLOAT64_CASES)]
        for arguments in draws:
            expected = left(**arguments)
            errors.append([_distance(expected, side(**arguments)) for side in (right, false_right)])
        error, false_error = map(max, zip(*errors, strict=True))
        return CheckResult(f"{method}, float64", error, tolerance, false_error, scope.of_draws(draws))

    return check


def sampled(
    draw_arguments: Callable[[np.random.Generator], dict[str, Any]],
    draw_samples: Callable[..., Array],
    right: Callable[..., npt.ArrayLike],
    false_right: Callable[..., npt.ArrayLike],
) -> Check:
    """Return a check by sampling: the mean of independent draws must equal the right side within 5 standard errors.

    For arrays these are the standard errors of the entry with the largest one.

    Args:
        draw_arguments: a function that draws the arguments of the sides, by their names.
        draw_samples: a function of (rng, samples, **arguments) that returns an array with the draws on its first axis.
        right: the expectation, of the shape of one draw.
        false_right: the false right side.
    """

    def check(settings: CheckSettings) -> CheckResult:
        arguments = draw_arguments(settings.rng)
        total = squares = 0.0
        for block in gen_batches(settings.samples, BLOCK_SIZE):
            values = draw_samples(settings.rng, block.stop - block.start, **arguments)
            total, squares = total + values.sum(axis=0), squares + (values**2).sum(axis=0)
        mean = total / settings.samples
        standard_errors = np.sqrt((squares / settings.samples - mean**2) / settings.samples)
        errors = [_distance(mean, side(**arguments)) for side in (right, false_right)]
        method = f"sampling, {settings.samples:,} draws, {STANDARD_ERRORS} standard errors"
        tolerance = STANDARD_ERRORS * float(np.max(standard_errors))
        return CheckResult(method, errors[0], tolerance, errors[1], scope.of_draws([arguments]))

    return check


def gaussian_mean(f: Callable[[Any], Any]) -> Any:
    """Return E[f(u)] for a standard normal u, almost to the working precision of mpmath.

    For an entire function, the trapezoidal rule converges faster than exponentially (Trefethen and Weideman 2014, "The
    exponentially convergent trapezoidal rule"). A function with a kink, or a pole near the real axis, needs another
    rule.

    Args:
        f: an entire function of an mpmath number, which grows at most exponentially, like exp(5 |u|).

    Raises:
        ArithmeticError: if the results for ever smaller steps do not agree.
    """
    return _refine(lambda nodes: mpmath.fsum(weight * f(u) for u, weight in nodes))


def pair_mean(phi: Callable[[Any], Any], psi: Callable[[Any], Any], xi: Any) -> Any:
    """Return E[phi(u) psi(v)] for (u, v) ~ N(0, [[1, xi], [xi, 1]]): with psi = phi, the dual activation by definition.

    It uses v = xi u + sqrt(1 - xi^2) w with independent standard normal u and w. See `gaussian_mean` for the conditions
    on phi and psi, and for errors.
    """
    s = mpmath.sqrt((1 - xi) * (1 + xi))

    def product_rule(nodes: list[tuple[Any, Any]]) -> Any:
        return mpmath.fsum(
            weight * phi(u) * mpmath.fsum(inner * psi(xi * u + s * w) for w, inner in nodes) for u, weight in nodes
        )

    return _refine(product_rule)


def _refine(rule: Callable[[list[tuple[Any, Any]]], Any]) -> Any:
    """Apply a rule to lists of nodes and weights with ever smaller steps, until two results agree; return the last.

    The error of the trapezoidal rule with step 1 / m is about exp(-c m^2). So if the results for m - 1 and m differ by
    delta, the error for m is about delta to the power (m / (m - 1))^2.
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
    """Return the nodes index / parts with their weights; `digits`, the working precision, is a key of the cache."""
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


def _ratio(rng: np.random.Generator) -> tuple[int, int]:
    """Return numerator and denominator of a rational number between 0 and 1."""
    return int(rng.integers(1, 97)), 97


def _rational(rng: np.random.Generator, low: float, high: float) -> Fraction:
    """Return a number between two ends, which are read as decimal numbers."""
    start, end = Fraction(str(low)), Fraction(str(high))
    return start + (end - start) * Fraction(*_ratio(rng))
