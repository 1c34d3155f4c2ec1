"""Confidence intervals."""

import numpy as np
import numpy.typing as npt
import scipy.stats


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a mean, by Student's t distribution.

    Args:
        values: independent values (n,), with n at least 2.
        level: the confidence level.
    """
    values = np.asarray(values, dtype=np.float64)
    low, high = scipy.stats.t.interval(level, len(values) - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    return float(low), float(high)
