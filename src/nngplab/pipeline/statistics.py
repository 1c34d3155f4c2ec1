"""Means with their uncertainty."""

import numpy as np
import numpy.typing as npt
import scipy.stats


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of Student's t for the mean of independent values, of which there are at least two."""
    values = np.asarray(values, dtype=np.float64)
    half = scipy.stats.t.ppf((1 + level) / 2, len(values) - 1) * scipy.stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)
