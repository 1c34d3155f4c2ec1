"""Test scores of the course challenge (Problem 13) and their differences, with 95% confidence intervals.

An interval covers two sources of chance. One is the draw of the test samples, which give the numerator and the
denominator of R²: the delta method takes both into account. The other is the seed of a training. The training samples
are fixed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.stats

from nngplab.pipeline.statistics import combined_half_width

Array = npt.NDArray[Any]

LEVEL = 0.95
# Digits after the point of scores and their differences. Models with equal outputs differ by rounding errors only.
DIGITS = 12
# The kernels have no seed: fitted again, they give the same outputs.
RANDOM_MODELS = ("network",)


@dataclass(frozen=True)
class TestScores:
    """The scores of one model on the test samples.

    Attributes:
        by_seed: the score of each training (seeds,).
        influences: how much each test sample moves the mean of these scores (n,), with mean 0. The variance of their
            mean is that of the score over draws of the test samples, to first order.
        failed: the number of trainings that diverged, which are not in `by_seed`.
        random: whether the score depends on a seed.
        right: which test samples the first training classifies correctly (n,); None for R².
    """

    __test__ = False  # the class is no test of pytest

    by_seed: Array
    influences: Array
    failed: int = 0
    random: bool = False
    right: Array | None = None

    @property
    def value(self) -> float:
        """The mean of the scores over the seeds."""
        return float(self.by_seed.mean())

    @property
    def seed_variance(self) -> float | None:
        """The variance of `value` over draws of the seeds; None if a single seed leaves it unknown."""
        if not self.random:
            return 0.0
        return float(self.by_seed.var(ddof=1) / len(self.by_seed)) if len(self.by_seed) > 1 else None

    @property
    def reliable(self) -> bool:
        """Whether no training diverged, and the variance over seeds is known."""
        return not self.failed and self.seed_variance is not None


def score_outputs(outputs: Array, y: Array, score: str, failed: int = 0, random: bool = False) -> TestScores:
    """Return the scores of a model.

    Args:
        outputs: the outputs for the test samples of each training (seeds, n, outputs).
        y: the targets (n, outputs).
        score: "r2" or "accuracy".
        failed: as in `TestScores`.
        random: as in `TestScores`.
    """
    if score == "accuracy":
        right = outputs.argmax(axis=2) == y.argmax(axis=1)
        return TestScores(right.mean(axis=1), right.mean(axis=0) - right.mean(), failed, random, right[0])
    losses = ((outputs - y) ** 2).mean(axis=2)
    spread = ((y - y.mean(axis=0)) ** 2).mean(axis=1)
    # The derivative of 1 - mean(loss) / mean(spread) by the weights of the samples.
    influences = (losses.mean() / spread.mean() * spread - losses.mean(axis=0)) / spread.mean()
    return TestScores(1 - losses.mean(axis=1) / spread.mean(), influences, failed, random)


def mcnemar(first: Array | None, second: Array | None) -> dict[str, Any]:
    """Compare two classifiers by McNemar's exact test, on the samples that only one of them classifies correctly.

    If both are equally accurate, either is as likely to be the one. So the number of such samples that are those of the
    first is binomial with probability 1/2: McNemar 1947, "Note on the sampling error of the difference between
    correlated proportions or percentages", Psychometrika 12.

    Args:
        first: which samples the first classifies correctly (n,).
        second: the same of the second.

    Returns:
        The numbers of samples of `only_model`, the first, and `only_other`, and the two-sided `p_value`; each is None
        without classes.
    """
    if first is None or second is None:
        return {"only_model": None, "only_other": None, "p_value": None}
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differing = only_first + only_second
    p_value = float(scipy.stats.binomtest(only_first, differing).pvalue) if differing else 1.0
    return {"only_model": only_first, "only_other": only_second, "p_value": p_value}


def mean_difference(first: Array, second: Array) -> dict[str, float]:
    """Return the difference of the means of two independent samples, with the interval of Welch as `low` and `high`.

    With fewer than two values in a sample, the interval is infinite.
    """
    value = float(first.mean() - second.mean()) if len(first) and len(second) else np.nan
    if min(len(first), len(second)) < 2:
        return {"difference": value, "low": -np.inf, "high": np.inf}
    if np.ptp(first) == np.ptp(second) == 0:
        return {"difference": value, "low": value, "high": value}
    found = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(LEVEL)
    return {"difference": value, "low": float(found.low), "high": float(found.high)}


def _errors_and_interval(value: float, influences: Array, models: Iterable[TestScores]) -> dict[str, Any]:
    """Return the standard errors and the interval of a score, or of the difference of two."""
    models = list(models)
    sample = float(influences.var(ddof=1) / len(influences))
    seeds = [(model.seed_variance, len(model.by_seed) - 1) for model in models]
    known = [(variance, freedom) for variance, freedom in seeds if variance is not None]
    half = combined_half_width([(sample, len(influences) - 1), *known], LEVEL)
    seed_se = np.sqrt(sum(variance for variance, _ in known)) if len(known) == len(models) else None
    ends = {"low": round(value - half, DIGITS), "high": round(value + half, DIGITS)}
    return {**ends, "sample_se": np.sqrt(sample), "seed_se": seed_se}


def score_rows(models: Mapping[str, TestScores]) -> Iterator[dict[str, Any]]:
    """Yield a row for each model: its score, the interval, and the standard errors by the samples and by the seeds."""
    for name, model in models.items():
        seeds = {"seeds": len(model.by_seed), "failed": model.failed}
        spread = {"lowest": model.by_seed.min(), "highest": model.by_seed.max()}
        errors = _errors_and_interval(model.value, model.influences, [model])
        yield {"model": name, "value": model.value, **errors, **seeds, **spread}


def comparison_rows(models: Mapping[str, TestScores], edges: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Yield a row for each ordered pair of models: the difference of their scores, paired by the test samples.

    For accuracy, there is McNemar's test of the first training of each (`mcnemar`).

    The column `conclusive` says whether the difference tells more than which of two candidates is better: no
    hyperparameter of the two models is at an edge of its grid, no training failed, and the intervals cover the seeds.

    Args:
        models: the scores of each model.
        edges: the number of hyperparameters of each model at an edge.
    """
    for (name, model), (other_name, other) in permutations(models.items(), 2):
        value = round(model.value - other.value, DIGITS)
        errors = _errors_and_interval(value, model.influences - other.influences, [model, other])
        at_edge = edges[name] + edges[other_name]
        conclusive = at_edge == 0 and model.reliable and other.reliable
        row = {"model": name, "other": other_name, "difference": value, **errors}
        yield row | mcnemar(model.right, other.right) | {"edges": at_edge, "conclusive": conclusive}


def range_row(along: Mapping[str, Array], errors: Mapping[str, Array]) -> dict[str, Any]:
    """Return how the error on test samples depends on whether these are in the range of the training samples.

    Args:
        along: the coordinates along the learned direction of the samples "train" and "test".
        errors: the squared error of each sample of "val" (m,) and "test" (n,).

    Returns:
        Numbers of test samples, mean squared errors, and three differences of these with their intervals: of the test
        samples outside the range and inside (`excess`), of all test samples and the validation samples (`gap`), and of
        the test samples inside the range and the validation samples (`rest`).
    """
    test, val = errors["test"], errors["val"]
    outside = (along["test"] < along["train"].min()) | (along["test"] > along["train"].max())
    parts = {"val": val, "test": test, "inside": test[~outside], "outside": test[outside]}
    differences = {
        "excess": mean_difference(parts["outside"], parts["inside"]),
        "gap": mean_difference(test, val),
        "rest": mean_difference(parts["inside"], val),
    }
    return {
        "n_test": len(test),
        "n_outside": int(outside.sum()),
        "share_outside": outside.mean(),
        **{f"mse_{name}": part.mean() if len(part) else np.nan for name, part in parts.items()},
        "error_share_outside": parts["outside"].sum() / test.sum() if test.sum() > 0 else 0.0,
        **{f"{name}_{key}": value for name, row in differences.items() for key, value in row.items()},
    }
