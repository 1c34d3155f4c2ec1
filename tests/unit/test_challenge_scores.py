"""Problem 13: the intervals of the test scores, and the places of the selected hyperparameters in their grids."""

import numpy as np
import pytest
import scipy.stats

from nngplab.problems.challenge_edges import find_place
from nngplab.problems.challenge_scores import comparison_rows, mean_difference, score_outputs, score_rows


def draw_outputs(seeds: int = 1, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Targets with heavy tails, and outputs whose errors grow with them."""
    random = np.random.default_rng(1)
    y = random.standard_t(5, size=(n, 1))
    return y + 0.3 * y * (1 + 0.3 * random.standard_normal((seeds, n, 1))), y


class TestSamples:
    def test_the_standard_error_of_r2_is_that_of_the_bootstrap(self):
        """The bootstrap draws the rows of the numerator and of the denominator together."""
        outputs, y = draw_outputs()
        rows = np.random.default_rng(2).integers(0, len(y), (4000, len(y)))
        losses, targets = ((outputs[0] - y) ** 2)[rows, 0], y[rows, 0]
        drawn = 1 - losses.mean(axis=1) / targets.var(axis=1)
        (row,) = score_rows({"model": score_outputs(outputs, y, "r2")})
        assert row["sample_se"] == pytest.approx(drawn.std(), rel=0.1)
        numerator_alone = (losses.mean(axis=1) / y.var()).std()
        assert abs(numerator_alone - drawn.std()) > 0.2 * drawn.std()

    def test_differences_of_accuracy_are_paired(self):
        random = np.random.default_rng(0)
        y = np.eye(3)[random.integers(0, 3, 200)]
        models = [score_outputs((y + noise * random.standard_normal(y.shape))[None], y, "accuracy") for noise in (1, 2)]
        row = next(iter(comparison_rows(dict(zip("ab", models, strict=True)), {"a": 0, "b": 0})))
        right = [model.influences + model.value for model in models]
        expected = scipy.stats.ttest_rel(*right).confidence_interval(0.95)
        assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))

    def test_mcnemars_test_counts_what_only_one_classifies_correctly(self):
        y = np.eye(2)[[0, 0, 0, 0, 0, 1, 1, 1]]
        first, second = np.eye(2)[[0, 0, 0, 0, 0, 0, 1, 1]], np.eye(2)[[1, 1, 1, 1, 0, 1, 0, 1]]
        models = {"a": score_outputs(first[None], y, "accuracy"), "b": score_outputs(second[None], y, "accuracy")}
        rows = {row["model"]: row for row in comparison_rows(models, {"a": 0, "b": 0})}
        assert (rows["a"]["only_model"], rows["a"]["only_other"]) == (5, 1)
        assert (rows["b"]["only_model"], rows["b"]["only_other"]) == (1, 5)
        # Both tails: 0, 1, 5 or 6 of six.
        assert rows["a"]["p_value"] == rows["b"]["p_value"] == pytest.approx((1 + 6 + 6 + 1) / 2**6)
        same = next(comparison_rows({"a": models["a"], "b": models["a"]}, {"a": 0, "b": 0}))
        assert (same["only_model"], same["only_other"], same["p_value"]) == (0, 0, 1.0)

    def test_without_classes_there_is_no_mcnemars_test(self):
        outputs, y = draw_outputs()
        row = next(comparison_rows(dict.fromkeys("ab", score_outputs(outputs, y, "r2")), {"a": 0, "b": 0}))
        assert (row["only_model"], row["only_other"], row["p_value"]) == (None, None, None)


class TestSeeds:
    def test_the_half_widths_of_samples_and_seeds_are_added_in_quadrature(self):
        outputs, y = draw_outputs(seeds=3)
        (row,) = score_rows({"network": score_outputs(outputs * [[[0.8]], [[1.0]], [[1.2]]], y, "r2", random=True)})
        half_widths = scipy.stats.t.ppf(0.975, [len(y) - 1, 2]) * [row["sample_se"], row["seed_se"]]
        assert row["high"] - row["value"] == pytest.approx(np.linalg.norm(half_widths))

    @pytest.mark.parametrize(("seeds", "failed", "edges", "conclusive"), [(2, 0, 0, True), (1, 0, 0, False)])
    def test_a_conclusion_needs_two_seeds(self, seeds, failed, edges, conclusive):
        self.check(seeds, failed, edges, conclusive)

    @pytest.mark.parametrize(("failed", "edges"), [(1, 0), (0, 1)])
    def test_a_conclusion_needs_that_none_fails_and_none_is_at_an_edge(self, failed, edges):
        self.check(3, failed, edges, conclusive=False)

    def check(self, seeds: int, failed: int, edges: int, conclusive: bool) -> None:
        outputs, y = draw_outputs(seeds)
        network = score_outputs(outputs, y, "r2", failed, random=True)
        models = {"network": network, "nngp": score_outputs(outputs[:1], y, "r2")}
        rows = list(comparison_rows(models, {"network": edges, "nngp": 0}))
        assert [row["conclusive"] for row in rows] == [conclusive, conclusive]


def test_the_interval_of_a_difference_of_means_is_that_of_welch():
    random = np.random.default_rng(0)
    first, second = random.standard_normal(5), 3 * random.standard_normal(50)
    expected = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    row = mean_difference(first, second)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert mean_difference(first[:1], second)["high"] == np.inf


def test_without_variance_the_interval_is_a_point():
    assert mean_difference(np.ones(3), np.zeros(4)) == {"difference": 1, "low": 1, "high": 1}


@pytest.mark.parametrize(
    ("name", "value", "tried", "place"),
    [
        ("learning_rate", 0.1, [0.01, 0.1], "highest"),
        ("learning_rate", 0.01, [0.01, 0.1], "lowest"),
        ("learning_rate", 0.1, [0.01, 0.1, 1.0], "inside"),
        ("learning_rate", 0.1, [0.1], "fixed"),
        ("ridge", 0.0, [0.0, 0.1], "boundary"),
        ("ridge", 0.01, [0.01, 0.1], "lowest"),
        ("weight_decay", 0.0, [0.0, 1.0], "boundary"),
        ("depth", 1, [1, 3], "boundary"),
        ("depth", 2, [2, 3], "lowest"),
        ("normalize", True, [False, True], "all"),
        ("normalize", True, [True], "fixed"),
        ("zca", None, [0.1, 1.0], "boundary"),
        ("zca", None, [None], "fixed"),
        ("zca", 1.0, [0.1, 1.0], "highest"),
        ("epochs", 1, [1, 2], "inside"),
        ("epochs", 2, [1, 2], "last"),
        ("epochs", 1, [1], "last"),
        ("iterations", 5, [1, 2, 3, 4, 5], "last"),
    ],
)
def test_the_place_of_a_value_in_its_grid(name, value, tried, place):
    assert find_place(name, value, tried) == place
