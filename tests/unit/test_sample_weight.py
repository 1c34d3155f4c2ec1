"""Weights of samples: least squares in which each residual counts by its weight."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import laplacian_kernel

from nngplab import NNGP, KernelRegression, Laplace
from nngplab.regression import estimator, linear_system, predict_all
from nngplab.regression.storage import FactorFile

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(40, 4)), RNG.normal(size=(15, 4))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], axis=1)
WEIGHTS = RNG.uniform(0.1, 3, 40)


@pytest.mark.parametrize("y", [Y, Y[:, 0]])
@pytest.mark.parametrize("weights", [WEIGHTS, 2.5, list(WEIGHTS)])
def test_as_kernel_ridge(y, weights):
    """Of scikit-learn, with its Gram matrix |x - z|_1 as a function."""
    peer = KernelRidge(alpha=0.3, kernel="laplacian", gamma=0.5)
    peer.fit(X, y, np.full(40, weights) if np.isscalar(weights) else np.array(weights))

    def kernel(A, B):
        return laplacian_kernel(A, B, gamma=0.5)

    model = KernelRegression(kernel, ridge=0.3).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(model.predict(X_TEST), peer.predict(X_TEST), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.dual_coef_, peer.dual_coef_, rtol=1e-7, atol=1e-10)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 3), min_size=40, max_size=40).filter(any), st.sampled_from([0.0, 1e-2, 1.0]))
def test_a_weight_is_a_number_of_copies(counts, ridge):
    """Without a ridge, copies make the matrix singular, and the solution is that of least norm; so it is with some."""
    model = KernelRegression("laplace", ridge).fit(X, Y, sample_weight=counts)
    of_copies = KernelRidge(alpha=max(ridge, 1e-11), kernel=lambda x, z: np.exp(-np.linalg.norm(x - z) / 200))
    repeated = np.repeat(np.arange(40), counts)
    expected = of_copies.fit(X[repeated], Y[repeated]).predict(X_TEST)
    np.testing.assert_allclose(model.predict(X_TEST), expected, atol=1e-6 * np.abs(Y).max())


@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize("kernel", ["relu", Laplace(3.0)])
def test_a_sample_of_weight_0_is_left_out(kernel, ridge):
    weights = np.where(np.arange(40) % 3, WEIGHTS, 0)
    kept = weights > 0
    model = KernelRegression(kernel, ridge, loo=True).fit(X, Y, sample_weight=weights)
    without = KernelRegression(kernel, ridge, loo=True).fit(X[kept], Y[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(model.dual_coef_[kept], without.dual_coef_)
    np.testing.assert_array_equal(model.dual_coef_[~kept], 0)
    assert model.residual_ == without.residual_
    np.testing.assert_allclose(model.predict(X_TEST), without.predict(X_TEST), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(model.loo_residuals_[kept], without.loo_residuals_)
    np.testing.assert_allclose(model.loo_residuals_[~kept], Y[~kept] - without.predict(X[~kept]), atol=1e-10)


def test_it_may_be_where_the_kernel_is_not_defined():
    bad = np.vstack([X, np.full((1, 4), 1e200)])
    weights = np.append(WEIGHTS, 0)
    model = KernelRegression("linear", 0.1).fit(bad, np.append(Y[:, 0], 7.0), sample_weight=weights)
    np.testing.assert_allclose(
        model.dual_coef_[:-1], KernelRegression("linear", 0.1).fit(X, Y[:, 0], WEIGHTS).dual_coef_
    )


def test_without_a_ridge_weights_make_no_difference_unless_the_matrix_is_singular():
    weighted = KernelRegression("erf").fit(X, Y, WEIGHTS).predict(X_TEST)
    np.testing.assert_allclose(weighted, KernelRegression("erf").fit(X, Y).predict(X_TEST), rtol=1e-6, atol=1e-8)
    twice = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    with pytest.warns(scipy.linalg.LinAlgWarning, match="least-squares solution of least norm") as caught:
        model = KernelRegression("laplace").fit(twice, [1.0, 4.0, 0.0], sample_weight=[1.0, 2.0, 5.0])
    assert caught[0].filename == __file__
    np.testing.assert_allclose(model.predict(twice), [3.0, 3.0, 0.0], atol=1e-7)  # 3 is the weighted mean of 1 and 4


@pytest.mark.parametrize("ridge", [0.0, 0.2])
def test_the_leave_one_out_residuals_are_those_of_refits(ridge):
    model = KernelRegression("laplace", ridge, loo=True).fit(X, Y, WEIGHTS)
    for i in (0, 7, 39):
        others = np.arange(40) != i
        refitted = clone(model).fit(X[others], Y[others], WEIGHTS[others])
        np.testing.assert_allclose(model.loo_residuals_[i], Y[i] - refitted.predict(X[[i]])[0], rtol=1e-6)


def dense_solution(K, ridge, weights, y):
    return np.linalg.solve(K + np.diag(ridge / weights), y)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("options", [{}, {"refine": True}, {"precision": "single", "refine": True}])
def test_in_several_tiles(many, options, monkeypatch):
    monkeypatch.setattr(linear_system, "EXACT_RESIDUAL_UP_TO", 200)
    X, y, X_test = many
    weights = np.random.default_rng(1).uniform(0.01, 10, len(X))
    model = KernelRegression("relu", 0.1, **options).fit(X, y, weights)
    expected = dense_solution(NNGP("relu")(X), 0.1, weights, y)
    np.testing.assert_allclose(model.dual_coef_, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    assert model.residual_ <= (1e-10 if options else 1e-13)
    shorter = KernelRegression("relu", 0.1, precision="single").fit(X, y, weights)
    assert 1e-9 < shorter.residual_ < 1e-5
    np.testing.assert_allclose(shorter.predict(X_test), model.predict(X_test), atol=1e-4)


def test_on_a_gpu(many, monkeypatch):
    torch = pytest.importorskip("torch")
    X, y, X_test = many
    weights = np.where(np.arange(len(X)) % 5, 1.0 + np.arange(len(X)) % 7, 0)
    for options in ({"ridge": 0.1, "loo": True}, {"ridge": 0.1, "precision": "single", "refine": True}):
        by_tiles = KernelRegression("relu", **options).fit(X, y, weights)
        with monkeypatch.context() as patch:
            patch.setattr(estimator, "gpu_of", lambda _: torch.device("cpu"))
            by_torch = KernelRegression("relu", **options).fit(X, y, weights)
            found = by_torch.predict(X_test)
        np.testing.assert_allclose(found, by_tiles.predict(X_test), atol=1e-8)
        assert by_torch.residual_ < 1e-10
        if by_tiles.loo:
            np.testing.assert_allclose(by_torch.loo_residuals_, by_tiles.loo_residuals_, atol=1e-9)


def test_a_singular_matrix_on_a_gpu(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(estimator, "gpu_of", lambda _: torch.device("cpu"))
    twice = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    with pytest.warns(scipy.linalg.LinAlgWarning, match="pivot of row 2"):
        model = KernelRegression("laplace").fit(twice, [0.0, 1.0, 4.0], sample_weight=[5.0, 1.0, 2.0])
    np.testing.assert_allclose(model.predict(twice), [0.0, 3.0, 3.0], atol=1e-7)


def test_along_a_path():
    models = list(KernelRegression("erf").ridge_path(X, Y, [0.1, 1.0], sample_weight=WEIGHTS))
    for model, predicted in zip(models, predict_all(models, X_TEST), strict=True):
        np.testing.assert_array_equal(model.dual_coef_, clone(model).fit(X, Y, WEIGHTS).dual_coef_)
        np.testing.assert_allclose(predicted, model.predict(X_TEST), rtol=1e-10, atol=1e-13)


def test_a_file_is_for_its_weights_alone(tmp_path, monkeypatch):
    close = FactorFile.close
    monkeypatch.setattr(FactorFile, "close", lambda self, _: close(self, keep=True))  # as if it were killed
    model = KernelRegression("erf", 0.1, storage=tmp_path / "factor")
    for weights in (WEIGHTS, WEIGHTS[::-1], None):
        expected = KernelRegression("erf", 0.1).fit(X, Y, weights).dual_coef_
        for _ in range(2):
            np.testing.assert_array_equal(model.fit(X, Y, weights).dual_coef_, expected)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(40), "(?i)sample.weight"),
        (0.0, "(?i)sample.weight"),
        (np.nan, "sample_weight must be finite"),
        (-WEIGHTS, "(?i)negative"),
        (WEIGHTS[:-1], "sample_weight.shape"),
        (np.full(40, np.nan), "NaN"),
    ],
)
def test_wrong_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        KernelRegression().fit(X, Y, sample_weight=weights)
