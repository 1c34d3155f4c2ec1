"""Confidence intervals, against SciPy and by their coverage."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nngplab.pipeline.statistics import combined_half_width, mean_interval, median_interval


class TestMean:
    def test_against_scipy(self):
        values = np.random.default_rng(0).normal(size=20)
        expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert mean_interval(values) == pytest.approx(tuple(expected))

    def test_one_value_says_nothing(self):
        assert mean_interval([3.0]) == (-math.inf, math.inf)

    def test_equal_values_have_an_interval_of_width_zero(self):
        assert mean_interval([2.0, 2.0, 2.0]) == (2, 2)


class TestMedian:
    # Ranks as textbooks list them for a level of 95%.
    @pytest.mark.parametrize(("n", "rank"), [(6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (20, 6), (50, 18), (100, 40)])
    def test_tabulated_ranks(self, n, rank):
        values = np.random.default_rng(n).permutation(n) + 1
        assert median_interval(values) == (rank, n + 1 - rank)

    @pytest.mark.parametrize("n", range(1, 6))
    def test_few_values_have_no_finite_interval(self, n):
        assert median_interval(range(n)) == (-math.inf, math.inf)

    @given(st.integers(1, 300), st.floats(0.5, 0.999))
    def test_the_coverage_is_at_least_the_level_and_of_the_next_rank_below_it(self, n, level):
        low, _ = median_interval(np.arange(1, n + 1), level)
        rank = 0 if math.isinf(low) else int(low)

        def coverage(rank: int) -> float:
            return 1 - 2 * sum(math.comb(n, count) for count in range(rank)) / 2**n

        assert coverage(rank) >= level - 1e-9
        assert coverage(rank + 1) < level + 1e-9


class TestCombinedHalfWidth:
    def test_one_error_alone_has_the_interval_of_student(self):
        values = np.array([1.0, 2.0, 4.0, 8.0])
        low, high = mean_interval(values)
        assert combined_half_width([(values.var(ddof=1) / 4, 3)]) == pytest.approx((high - low) / 2)

    def test_without_errors_it_is_zero(self):
        assert combined_half_width([]) == combined_half_width([(0.0, 3)]) == 0

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_it_covers_with_three_seeds(self, share):
        """The error is that of many samples plus that of three seeds, which have this share of the variance."""
        random = np.random.default_rng(1)
        found = []
        for _ in range(4000):
            seeds = np.sqrt(3 * share) * random.standard_normal(3)
            samples = np.sqrt(1 - share) * random.standard_normal()
            half = combined_half_width([(seeds.var(ddof=1) / 3, 2), (1 - share, 1000)])
            found.append(abs(seeds.mean() + samples) <= half)
        assert np.mean(found) > 0.94
