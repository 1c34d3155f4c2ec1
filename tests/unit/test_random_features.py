"""Networks with a random first layer, against one net at a time and against their limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngplab.datasets.sine_target import sine_target
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import nngp
from nngplab.networks.random_features import draw_batches, hidden_features, minimum_norm_fit, random_feature_errors
from nngplab.regression.estimator import KernelRegression
from tests.helpers.random_features import DATA, by_hand


def layers(draws, k, seed=0):
    return np.random.default_rng(seed).standard_normal((draws, k, 8))


class TestBatch:
    @pytest.mark.parametrize("k", [1, 3, 9, 10, 11, 40])
    def test_against_one_net_at_a_time(self, k):
        B = layers(6, k)
        train_mse, test_mse = random_feature_errors(DATA.X, DATA.y, DATA.X_test, DATA.y_test, B)
        expected = np.array([by_hand(layer) for layer in B])
        np.testing.assert_allclose(train_mse, expected[:, 0], rtol=1e-9, atol=1e-24)
        np.testing.assert_allclose(test_mse, expected[:, 1], rtol=1e-7)

    def test_wide_nets_fit_exactly(self):
        train_mse, _ = random_feature_errors(DATA.X, DATA.y, DATA.X_test, DATA.y_test, layers(5, 60))
        assert np.all(train_mse < 1e-28)

    def test_the_features_tend_to_the_nngp(self):
        F, F_test = hidden_features(DATA.X, layers(1, 200_000))[0], hidden_features(DATA.X_test, layers(1, 200_000))[0]
        np.testing.assert_allclose(F_test.T @ F, nngp(DATA.X_test, DATA.X), atol=0.02)

    @pytest.mark.parametrize("name", ["erf", "gelu", "step"])
    def test_the_features_of_any_activation_tend_to_its_nngp(self, name):
        B = layers(1, 200_000)
        F, F_test = (hidden_features(X, B, DUALS[name])[0] for X in (DATA.X, DATA.X_test))
        np.testing.assert_allclose(F_test.T @ F, nngp(DATA.X_test, DATA.X, name), atol=0.02)

    def test_the_test_error_tends_to_that_of_the_nngp(self):
        prediction = KernelRegression("relu").fit(DATA.X, DATA.y).predict(DATA.X_test)
        nngp_mse = np.mean((prediction - DATA.y_test) ** 2)
        excess = {}
        for k in (100, 1_000, 100_000):
            _, test_mse = random_feature_errors(DATA.X, DATA.y, DATA.X_test, DATA.y_test, layers(8, k))
            excess[k] = abs(np.median(test_mse) / nngp_mse - 1)
        assert excess[100_000] < 0.01 < excess[100]
        assert excess[1_000] < excess[100]

    def test_many_blocks_of_test_rows(self):
        data = sine_target(10, 8, 3000, seed=4)
        B = layers(3, 5)
        _, whole = random_feature_errors(data.X, data.y, data.X_test, data.y_test, B)
        halves = [
            random_feature_errors(data.X, data.y, data.X_test[half], data.y_test[half], B)[1]
            for half in (slice(1500), slice(1500, None))
        ]
        np.testing.assert_allclose(whole, np.mean(halves, axis=0), rtol=1e-12)


class TestMinimumNorm:
    @pytest.mark.parametrize("shape", [(10, 4), (10, 10), (10, 25)])
    def test_dead_and_repeated_units(self, shape):
        """Rank-deficient features, against the pseudo-inverse."""
        F = hidden_features(DATA.X, layers(4, shape[1]))
        F[:, 1], F[:, 2] = F[:, 0], 0
        a = minimum_norm_fit(F, DATA.y)
        for features, solution in zip(F, a, strict=True):
            np.testing.assert_allclose(solution, np.linalg.pinv(features.T, 1e-12) @ DATA.y, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(a[:, 1], a[:, 0], rtol=1e-9)
        # Exactly 0 but for rounding, which the inverse of the smallest singular value magnifies.
        assert np.all(np.abs(a[:, 2]) < 1e-12 * np.linalg.norm(a, axis=1))

    def test_no_live_unit_at_all(self):
        np.testing.assert_array_equal(minimum_norm_fit(np.zeros((2, 3, 10)), DATA.y), np.zeros((2, 3)))

    def test_gradient_descent_from_zero_tends_to_it(self):
        F = hidden_features(DATA.X, layers(1, 100))
        a, step = np.zeros(100), 1 / np.linalg.norm(F[0], 2) ** 2
        for _ in range(20_000):
            a -= step * F[0] @ (a @ F[0] - DATA.y)
        np.testing.assert_allclose(a, minimum_norm_fit(F, DATA.y)[0], rtol=1e-6, atol=1e-9)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(1, 5000))
def test_batches_hold_each_draw_once_and_are_those_of_all_draws(first, more, k):
    last = first + more
    cut = list(draw_batches(first, last, k))
    assert cut == [batch for batch in draw_batches(0, last, k) if batch[-1] >= first]
    held = [draw for batch in cut for draw in batch]
    assert held == list(range(held[0], held[-1] + 1))
    assert held[0] <= first < held[0] + len(cut[0])
    assert held[-1] - len(cut[0]) < last <= held[-1]
    assert {len(batch) for batch in cut} == {len(next(draw_batches(0, 0, k)))}
    assert all(len(batch) == 1 or len(batch) * k <= 1600 for batch in cut)
