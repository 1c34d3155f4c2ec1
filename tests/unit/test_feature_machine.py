"""Recursive feature machines against finite differences, laws that hold for all data, and scikit-learn's contract."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from nngplab.datasets.challenge import draw_stand_in
from nngplab.errors import InputError
from nngplab.kernels.gram import laplace, row_blocks
from nngplab.kernels.objects import Laplace
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.feature_machine import (
    RecursiveFeatureMachine,
    laplace_gradient_outer_product,
    leading_direction,
)


@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [RecursiveFeatureMachine(), RecursiveFeatureMachine(bandwidth=1.0, iterations=1, ridge=1e-3, centre=False)]
)
def test_scikit_learn(estimator, check):
    check(estimator)


def samples(seed: int = 0, n: int = 30, d: int = 4, outputs: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return X (n, d) and smooth targets y (n, outputs)."""
    random = np.random.default_rng(seed)
    X, U = random.standard_normal((n, d)), random.standard_normal((d, outputs))
    return X, np.sin(X @ U)


def by_differences(predict, X: np.ndarray, centre: bool, h: float = 1e-5) -> np.ndarray:
    """Return the average gradient outer product of a function (n, d) -> (n, outputs), by central differences.

    At a kink like that of exp(-|x|) at 0 a central difference is the mean of the slopes on both sides.
    """
    steps = h * np.eye(X.shape[1])
    gradients = np.stack([(predict(X + step) - predict(X - step)) / (2 * h) for step in steps], axis=-1)
    if centre:
        gradients = gradients - gradients.mean(axis=0)
    return np.einsum("noi,noj->ij", gradients, gradients) / len(X)


class TestGradients:
    @pytest.mark.parametrize("centre", [True, False])
    @pytest.mark.parametrize("outputs", [1, 3])
    def test_against_differences(self, centre, outputs):
        X, a = samples(outputs=outputs)
        products = laplace_gradient_outer_product(X, a, 2.5, centre)
        expected = by_differences(lambda Z: laplace(Z, X, 1 / 2.5) @ a, X, centre)
        np.testing.assert_allclose(products, expected, rtol=1e-6, atol=1e-7)

    def test_one_output_may_be_a_vector(self):
        X, a = samples(outputs=1)
        np.testing.assert_array_equal(
            laplace_gradient_outer_product(X, a[:, 0], 2.0), laplace_gradient_outer_product(X, a, 2.0)
        )

    def test_a_sample_that_is_there_twice(self):
        """Both terms have their kink at both samples."""
        X, a = samples()
        X = np.vstack([X, X[:1]])
        a = np.vstack([a, a[1:2]])
        products = laplace_gradient_outer_product(X, a, 2.0)
        np.testing.assert_allclose(
            products, by_differences(lambda Z: laplace(Z, X, 0.5) @ a, X, centre=False), rtol=1e-6, atol=1e-7
        )

    def test_many_blocks_are_as_one(self, monkeypatch):
        X, a = samples()
        whole = laplace_gradient_outer_product(X, a, 2.0, centre=True)
        monkeypatch.setattr(
            "nngplab.regression.feature_machine.row_blocks",
            lambda n, _: (slice(start, start + 7) for start in range(0, n, 7)),
        )
        np.testing.assert_allclose(laplace_gradient_outer_product(X, a, 2.0, centre=True), whole, rtol=1e-12)

    def test_no_array_of_samples_times_samples(self):
        X, a = samples(n=3000, d=20, outputs=1)
        assert len(list(row_blocks(3000, 3000))) > 5
        tracemalloc.start()
        try:
            laplace_gradient_outer_product(X, a, 2.0)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 3000 * 3000 * 8


class TestFit:
    def test_without_iterations_it_is_kernel_regression(self):
        X, y = samples()
        model = RecursiveFeatureMachine(bandwidth=3.0, iterations=0, ridge=0.1).fit(X, y)
        same = KernelRegression(Laplace(3.0), ridge=0.1).fit(X, y)
        np.testing.assert_array_equal(model.predict(X + 0.1), same.predict(X + 0.1))
        np.testing.assert_array_equal(model.feature_matrix_, np.eye(4))

    @pytest.mark.parametrize("centre", [True, False])
    def test_each_iteration_learns_from_the_gradients_of_the_predictor_before(self, centre):
        X, y = samples()
        models = [RecursiveFeatureMachine(2.0, t, ridge=1e-3, centre=centre).fit(X, y) for t in range(4)]
        for before, after in pairwise(models):
            products = by_differences(before.predict, X, centre)
            M = after.feature_matrix_
            np.testing.assert_allclose(M, products * 4 / np.trace(products), rtol=1e-5, atol=1e-6)

    def test_the_predictor_is_that_of_its_matrix(self):
        """K from M itself, not from its root."""
        X, y = samples()
        model = RecursiveFeatureMachine(2.0, 2, ridge=0.1).fit(X, y)

        def gram(X, Z):
            differences = X[:, None] - Z
            return np.exp(-np.sqrt(np.einsum("ijk,kl,ijl->ij", differences, model.feature_matrix_, differences)) / 2)

        expected = gram(X + 0.1, X) @ np.linalg.solve(gram(X, X) + 0.1 * np.eye(30), y)
        np.testing.assert_allclose(model.predict(X + 0.1), expected, rtol=1e-9)

    def test_the_matrix_is_a_metric_of_the_trace_of_the_identity(self):
        X, y = samples()
        M = RecursiveFeatureMachine(iterations=3).fit(X, y).feature_matrix_
        np.testing.assert_array_equal(M, M.T)
        assert np.trace(M) == pytest.approx(4, rel=1e-12)
        assert np.linalg.eigvalsh(M)[0] > -1e-12

    def test_it_finds_the_direction_of_the_stand_in_and_predicts_by_it(self):
        course, u = draw_stand_in(88)
        X, y = course.X_train[:2000], course.y_train[:2000]
        model = RecursiveFeatureMachine(iterations=3).fit(X, y)
        assert abs(model.leading_direction_ @ u) > 0.999
        assert model.score(course.X_val, course.y_val) > 0.99
        assert KernelRegression("relu").fit(X, y).score(course.X_val, course.y_val) < 0.7

    def test_a_target_of_zero_leaves_the_identity(self):
        X, _ = samples()
        model = RecursiveFeatureMachine().fit(X, np.zeros(30))
        np.testing.assert_array_equal(model.feature_matrix_, np.eye(4))
        np.testing.assert_array_equal(model.predict(X), 0)


class TestIterationPath:
    @pytest.mark.parametrize("outputs", [1, 2])
    def test_each_is_as_if_fitted_by_itself(self, outputs):
        X, y = samples(outputs=outputs)
        y = y if outputs > 1 else y[:, 0]
        path = list(RecursiveFeatureMachine(2.0, 3, ridge=1e-3).iteration_path(X, y))
        assert [model.iterations for model in path] == [0, 1, 2, 3]
        for model in path:
            alone = RecursiveFeatureMachine(2.0, model.iterations, ridge=1e-3).fit(X, y)
            np.testing.assert_array_equal(model.feature_matrix_, alone.feature_matrix_)
            np.testing.assert_array_equal(model.leading_direction_, alone.leading_direction_)
            np.testing.assert_array_equal(model.predict(X + 0.1), alone.predict(X + 0.1))

    def test_the_model_itself_is_left_alone(self):
        model = RecursiveFeatureMachine(iterations=1)
        list(model.iteration_path(*samples()))
        assert model.iterations == 1
        assert not hasattr(model, "feature_matrix_")


# A ridge keeps rounding from being magnified, so that laws of exact numbers can be seen.
def learnt(X, y) -> RecursiveFeatureMachine:
    return RecursiveFeatureMachine(bandwidth=2.0, iterations=2, ridge=0.01).fit(X, y)


seeds = st.integers(0, 2**31)


class TestLaws:
    @settings(max_examples=25)
    @given(seeds, seeds)
    def test_the_axes_do_not_matter(self, seed, other):
        """Rotations, reflections and shifts of the samples turn M with them, and change no prediction."""
        random = np.random.default_rng(other)
        Q = np.linalg.qr(random.standard_normal((4, 4)))[0]
        shift = random.standard_normal(4)
        X, y = samples(seed)
        here, there = learnt(X, y), learnt(X @ Q + shift, y)
        np.testing.assert_allclose(there.feature_matrix_, Q.T @ here.feature_matrix_ @ Q, atol=1e-6)
        Z = random.standard_normal((5, 4))
        np.testing.assert_allclose(there.predict(Z @ Q + shift), here.predict(Z), atol=1e-6)

    @settings(max_examples=25)
    @given(seeds, st.floats(1e-6, 1e6))
    def test_the_unit_of_the_target_does_not_matter(self, seed, unit):
        X, y = samples(seed)
        here, there = learnt(X, y), learnt(X, unit * y)
        np.testing.assert_allclose(there.feature_matrix_, here.feature_matrix_, atol=1e-8)
        np.testing.assert_allclose(there.predict(X) / unit, here.predict(X), atol=1e-8)

    @settings(max_examples=25)
    @given(seeds)
    def test_an_output_twice_is_as_once(self, seed):
        X, y = samples(seed)
        np.testing.assert_allclose(
            learnt(X, np.hstack([y, y])).feature_matrix_, learnt(X, y).feature_matrix_, atol=1e-9
        )


class TestLeadingDirection:
    def test_against_a_matrix_of_known_eigenvectors(self):
        Q = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
        v = leading_direction(Q @ np.diag([1.0, 7.0, 2.0, 3.0, 0.0]) @ Q.T)
        assert abs(v @ Q[:, 1]) == pytest.approx(1, rel=1e-12)
        assert np.linalg.norm(v) == pytest.approx(1, rel=1e-12)

    @given(st.lists(st.floats(-1, 1), min_size=2, max_size=6).filter(lambda v: max(map(abs, v)) > 1e-3))
    def test_its_largest_component_is_positive(self, v):
        found = leading_direction(np.outer(v, v))
        assert found[np.argmax(np.abs(found))] > 0

    def test_that_of_the_machine_is_that_of_its_matrix(self):
        model = RecursiveFeatureMachine().fit(*samples())
        np.testing.assert_array_equal(model.leading_direction_, leading_direction(model.feature_matrix_))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bandwidth": 0.0}, "the bandwidth is 0.0: it must be a finite number above 0"),
        ({"bandwidth": np.nan}, "the bandwidth is nan"),
        ({"iterations": -1}, "the number of iterations is -1: it must be an integer, 0 or above"),
        ({"iterations": 1.5}, "the number of iterations is 1.5"),
        ({"ridge": -1.0}, r"'ridge' parameter of KernelRegression must be a float .* or an array-like. Got -1.0"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(InputError, match=message):
        RecursiveFeatureMachine(**parameters).fit(*samples())
    with pytest.raises(InputError, match=message):
        next(RecursiveFeatureMachine(**parameters).iteration_path(*samples()))
