"""Confidence intervals."""

import math
from collections.abc import Iterable
from typing import Any

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


def compare_with_prediction(predicted: float, values: npt.ArrayLike) -> dict[str, Any]:
    """Compare the predicted mean of some quantity with measured values of it.

    Args:
        predicted: the prediction, which may be infinite.
        values: independent values (n,).

    Returns:
        `measured_mean`, its 95% interval from `measured_low` to `measured_high`, `measured_median`, `draws` (n),
        `difference` (how far the measured mean is above the prediction, relative to the prediction; NaN if that is 0 or
        infinite), `distance` (its absolute value), and whether the interval is `above` or `below` the prediction, or
        has it `inside`.

    >>> compared = compare_with_prediction(2.0, [2.0, 2.2, 2.4])
    >>> round(compared["difference"], 3), compared["inside"]
    (0.1, True)
    """
    values = np.asarray(values, dtype=np.float64)
    mean, (low, high) = float(values.mean()), mean_interval(values)
    difference = mean / predicted - 1 if 0 < predicted < np.inf else np.nan
    return {
        "measured_mean": mean,
        "measured_low": low,
        "measured_high": high,
        "measured_median": float(np.median(values)),
        "draws": len(values),
        "difference": difference,
        "distance": abs(difference),
        "inside": low <= predicted <= high,
        "above": low > predicted,
        "below": high < predicted,
    }


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
