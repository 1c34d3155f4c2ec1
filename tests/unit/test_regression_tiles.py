"""Kernel regression in several tiles: solutions, residuals and refinement."""

import pickle
from functools import partial

import numpy as np
import pytest
import scipy.linalg
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from nngplab.kernels.gram import nngp
from nngplab.kernels.objects import NNGP, NTK, Laplace, as_kernel
from nngplab.regression import linear_system, refinement
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.linear_system import LinearSystem
from nngplab.regression.memory import PRECISIONS

KERNELS = [
    NNGP("relu", normalize=False),
    NNGP("sine", depth=3),
    NNGP("gelu", depth=2, normalize=False),
    NTK("relu", depth=2),
    NTK("erf", depth=2, normalize=False),
    NNGP("erf") + 0.5 * Laplace(2.0),
    NNGP("relu", normalize=False) * NTK("sine"),
    partial(nngp, dual="relu", normalize=False),
]


@pytest.mark.usefixtures("small_tiles")
class TestTiles:
    @pytest.mark.parametrize("kernel", ["relu", "erf", "laplace", *KERNELS])
    @pytest.mark.parametrize("ridge", [0.0, 0.1])
    def test_many_tiles_against_the_whole_matrix(self, many, kernel, ridge):
        X, y, X_test = many
        gram = as_kernel(kernel)
        a = np.linalg.solve(gram(X, X) + ridge * np.eye(300), y)
        model = KernelRegression(kernel, ridge).fit(X, y)
        np.testing.assert_allclose(model.dual_coef_, a, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(model.predict(X_test), gram(X_test, X) @ a, rtol=1e-8, atol=1e-10)
        assert model.residual_ < 1e-11

    @pytest.mark.parametrize("precision", PRECISIONS)
    def test_the_same_bits_for_any_number_of_threads(self, many, precision):
        X, y, X_test = many
        found = []
        for threads in (1, 2, 5):
            with threadpool_limits(threads, "blas"):
                model = KernelRegression("relu", 1e-3, precision, refine=True, tol=1e-9, loo=True).fit(X, y)
                found.append((model.dual_coef_, model.loo_residuals_, model.predict(X_test), model.residual_))
        for other in found[1:]:
            for one, two in zip(found[0], other, strict=True):
                np.testing.assert_array_equal(one, two)

    def test_samples_of_float32_are_kept(self, many):
        X, y, X_test = many
        X32 = X.astype(np.float32)
        model = KernelRegression("relu").fit(X32, y)
        assert model.X_fit_ is X32
        exact = KernelRegression("relu").fit(X32.astype(float), y)
        np.testing.assert_array_equal(model.predict(X_test), exact.predict(X_test))

    def test_the_residual_of_some_rows_is_about_that_of_all(self, many, monkeypatch):
        X, y, _ = many
        model = KernelRegression("relu", precision="single")
        exact = model.fit(X, y).residual_
        monkeypatch.setattr(linear_system, "EXACT_RESIDUAL_UP_TO", 200)
        monkeypatch.setattr(linear_system, "RESIDUAL_ROWS", 100)
        assert model.fit(X, y).residual_ == pytest.approx(exact, rel=0.3)

    def test_rows_of_extreme_length(self, many):
        X, y, X_test = many
        lengths = np.geomspace(1e-200, 1e200, len(X))[:, np.newaxis]
        model = KernelRegression("erf").fit(X * lengths, y)
        expected = KernelRegression("erf").fit(X, y).predict(X_test)
        np.testing.assert_allclose(model.predict(X_test * 1e-180), expected, rtol=1e-9, atol=1e-12)

    def test_a_zero_row_has_no_direction(self, many):
        X, y, X_test = many
        with pytest.warns(scipy.linalg.LinAlgWarning):
            model = KernelRegression("identity").fit(np.vstack([X, np.zeros((1, 40))]), np.vstack([y, y[:1]]))
        expected = np.linalg.lstsq(X, y)[0]
        np.testing.assert_allclose(model.predict(X_test), X_test @ expected, rtol=1e-7, atol=1e-9)

    def test_it_pickles(self, many):
        X, y, X_test = many
        model = KernelRegression("sine").fit(X, y)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X_test), model.predict(X_test))

    def test_in_a_pipeline(self, many):
        X, y, X_test = many
        model = make_pipeline(StandardScaler(), KernelRegression(Laplace(10.0))).fit(X, y)
        scaler = StandardScaler().fit(X)
        expected = KernelRegression(Laplace(10.0)).fit(scaler.transform(X), y).predict(scaler.transform(X_test))
        np.testing.assert_array_equal(model.predict(X_test), expected)


@pytest.mark.usefixtures("small_tiles")
class TestRefine:
    @pytest.mark.parametrize("ridge", [0.0, 1e-4])
    def test_single_precision_reaches_the_digits_of_double(self, many, ridge):
        X, y, X_test = many
        plain, refined = (
            KernelRegression("relu", ridge, "single", refine=refine, tol=1e-12).fit(X, y) for refine in (False, True)
        )
        double = KernelRegression("relu", ridge).fit(X, y)
        assert refined.residual_ <= 1e-12 < 1e-8 < plain.residual_
        np.testing.assert_allclose(refined.dual_coef_, double.dual_coef_, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(refined.predict(X_test), double.predict(X_test), atol=1e-10)

    @pytest.mark.parametrize(("precision", "products"), [("double", 0), ("single", 1)], ids=["no step", "a plain step"])
    def test_it_takes_the_fewest_products_with_the_gram_matrix(self, many, monkeypatch, precision, products):
        X, y, _ = many
        monkeypatch.setattr(linear_system, "EXACT_RESIDUAL_UP_TO", 200)
        asked = []

        def product(problem, *parameters, real=LinearSystem.product):
            asked.append(parameters)
            return real(problem, *parameters)

        monkeypatch.setattr(LinearSystem, "product", product)
        model = KernelRegression("relu", 0.1, precision, refine=True).fit(X, y)
        assert len(asked) == products
        residual = nngp(X) @ model.dual_coef_ + 0.1 * model.dual_coef_ - y
        assert np.linalg.norm(residual) / np.linalg.norm(y) < 1e-10

    @pytest.mark.skipif(np.finfo(np.longdouble).eps == np.finfo(float).eps, reason="this CPU has no longer floats")
    def test_a_residual_of_large_coefficients_keeps_its_digits(self, many):
        X = 5 + many[0]
        kernel = NNGP("relu")
        system = LinearSystem(kernel, X, kernel.rows(X), X[:, :1], ridge=0.0)
        a = 1e9 * np.random.default_rng(0).standard_normal((300, 2))
        K = system.lower_triangle()
        K = np.tril(K) + np.tril(K, -1).T
        exact = (K.astype(np.longdouble)[:, :, np.newaxis] * a).sum(axis=1)
        error, of_numpy = (np.linalg.norm((found - exact).astype(float)) for found in (system.product(a), K @ a))
        assert 0 < error < of_numpy / 2

    def test_a_step_that_leads_away_is_dropped(self, many, monkeypatch):
        X, y, _ = many
        start = KernelRegression("relu", 1e-4, "single").fit(X, y)

        def too_far(factor, r, real=refinement._apply_factor):
            return 10 * real(factor, r)

        monkeypatch.setattr(refinement, "_apply_factor", too_far)
        assert KernelRegression("relu", 1e-4, "single", refine=True).fit(X, y).residual_ <= 1e-10
        monkeypatch.setattr(refinement, "REFINE_STEPS", 0)
        with pytest.warns(ConvergenceWarning):
            model = KernelRegression("relu", 1e-4, "single", refine=True).fit(X, y)
        np.testing.assert_array_equal(model.dual_coef_, start.dual_coef_)
        assert model.residual_ == pytest.approx(start.residual_, rel=1e-6)

    def test_its_residual_is_the_true_one(self, many):
        X, y, _ = many
        model = KernelRegression("erf", 0.01, "single", refine=True, tol=1e-8).fit(X, y)
        residual = (nngp(X, dual="erf") + 0.01 * np.eye(300)) @ model.dual_coef_ - y
        assert model.residual_ == pytest.approx(np.linalg.norm(residual) / np.linalg.norm(y), rel=1e-4)

    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("ridge", [1e-4, 1e-2, [1e-2, 1e-3, 1.0]])
    @pytest.mark.parametrize("kernel", [NNGP("relu"), NTK("erf", depth=2), NNGP("relu", normalize=False)], ids=repr)
    def test_it_bounds_the_error_of_each_prediction(self, many, kernel, ridge, weighted):
        X, y, X_test = many
        w = np.random.default_rng(0).integers(0, 4, len(X)) / 2 if weighted else None
        exact = KernelRegression(kernel, ridge, refine=True, tol=1e-14).fit(X, y, w)
        single = KernelRegression(kernel, ridge, "single").fit(X, y, w)
        errors = np.abs(kernel(X_test, X) @ (single.dual_coef_ - exact.dual_coef_))
        allowed = single.error_bound_ * np.sqrt(kernel.diag(X_test))[:, np.newaxis]
        assert np.all(errors <= allowed)
        assert np.max(allowed) < 1e-2

    def test_the_bound_is_reached(self):
        """Of one sample whose eigenvalue is the ridge, the error at the sample itself is the bound."""
        model = KernelRegression("relu", ridge=1.0, precision="single").fit([[1.0]], [1 / 3])
        assert abs(model.dual_coef_[0] - 1 / 6) == pytest.approx(model.error_bound_, rel=1e-3)

    def test_without_a_ridge_there_is_no_bound(self, many):
        X, y, _ = many
        assert KernelRegression("relu").fit(X, y).error_bound_ == np.inf
        assert KernelRegression("relu", [0.0, 1.0, 1.0]).fit(X, y).error_bound_ == np.inf

    def test_one_output(self, many):
        X, y, _ = many
        model = KernelRegression("relu", precision="single", refine=True).fit(X, y[:, 0])
        assert model.dual_coef_.shape == (300,)
        assert model.residual_ <= 1e-10

    def test_an_output_of_zeros(self, many):
        X, y, _ = many
        model = KernelRegression("relu", precision="single", refine=True).fit(X, y * [1, 0, 1])
        np.testing.assert_array_equal(model.dual_coef_[:, 1], 0)
        assert model.residual_ <= 1e-10

    def test_a_tolerance_that_is_missed_warns(self, many):
        X, y, _ = many
        with pytest.warns(ConvergenceWarning, match=r"the relative residual stays at \S+, and tol is 1e-30: raise tol"):
            model = KernelRegression("relu", refine=True, tol=1e-30).fit(X, y)
        assert 0 < model.residual_ < 1e-13

    def test_steps_that_run_out_warn_and_keep_the_best(self, many, monkeypatch):
        X, y, _ = many
        monkeypatch.setattr(refinement, "REFINE_STEPS", 1)
        with pytest.warns(ConvergenceWarning):
            model = KernelRegression("relu", precision="single", refine=True, tol=1e-15).fit(X, y)
        assert model.residual_ < KernelRegression("relu", precision="single").fit(X, y).residual_ / 10
