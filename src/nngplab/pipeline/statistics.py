"""Confidence intervals."""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import scipy.stats


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a mean, by Student's t distribution.

    Args:
        values: independent values (n,). One value alone has the interval from -inf to inf.
        level: the confidence level.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return -np.inf, np.inf
    half = scipy.stats.t.ppf((1 + level) / 2, len(values) - 1) * scipy.stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


def combined_half_width(parts: Iterable[tuple[float, int]], level: float = 0.95) -> float:
    """Return half the width of the confidence interval of an estimate whose error is a sum of independent errors.

    Each error has an interval by Student's t distribution, and the half widths are added in quadrature: Zou and Donner
    2008, "Construction of confidence limits about effect measures: a general approach", Statistics in Medicine 27. An
    interval with the degrees of freedom of Welch and Satterthwaite is too narrow if a part has few of them, as the
    variance over two or three seeds has.

    Args:
        parts: the estimated variance of each error, with its degrees of freedom; one of zero adds nothing.
        level: the confidence level.
    """
    half_widths = [
        scipy.stats.t.ppf((1 + level) / 2, freedom) * variance**0.5 for variance, freedom in parts if variance
    ]
    return math.hypot(*half_widths)


def median_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a median that order statistics give, whatever the distribution.

    The number of values below the median is binomial with probability 1/2. So the r-th smallest and the r-th largest
    value enclose the median with probability 1 - 2 P(Bin(n, 1/2) < r) or more; r is the largest for which this is at
    least `level` (David and Nagaraja, Order Statistics, 3rd edition, section 7.1).

    Args:
        values: independent values (n,). Where no r exists (n < 6 for a level of 0.95), the interval is -inf to inf.
        level: the confidence level.
    """
    values = np.sort(np.asarray(values, dtype=np.float64))
    rank = int(scipy.stats.binom.ppf((1 - level) / 2, len(values), 0.5))
    return (float(values[rank - 1]), float(values[-rank])) if rank else (-np.inf, np.inf)
