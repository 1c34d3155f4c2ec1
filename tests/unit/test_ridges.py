"""A ridge for each target."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from nngplab import InputError, KernelRegression
from nngplab.regression import estimator, memory, predict_all
from nngplab.regression.linear_system import LinearSystem

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(50, 4)), RNG.normal(size=(15, 4))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2, X[:, 2], np.cos(X[:, 3])], axis=1)
RIDGES = np.array([0.5, 0.01, 0.5, 0.0])


@pytest.fixture
def tiles_computed(monkeypatch):
    """Count the tiles of Gram matrices, and the factorisations."""
    counts = {"tiles": 0, "factorisations": 0}
    gram, factorise = LinearSystem._gram, LinearSystem.factorise

    def counting_gram(self, *arguments):
        counts["tiles"] += len(arguments) == 3
        return gram(self, *arguments)

    def counting_factorise(self, *arguments):
        counts["factorisations"] += 1
        return factorise(self, *arguments)

    monkeypatch.setattr(LinearSystem, "_gram", counting_gram)
    monkeypatch.setattr(LinearSystem, "factorise", counting_factorise)
    return counts


def test_as_kernel_ridge():
    alpha = np.where(RIDGES > 0, RIDGES, 0.1)
    peer = KernelRidge(alpha=alpha, kernel="rbf").fit(X, Y)
    model = KernelRegression(rbf_kernel, ridge=alpha).fit(X, Y)
    np.testing.assert_allclose(model.predict(X_TEST), peer.predict(X_TEST), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", [{"loo": True}, {"precision": "single", "refine": True, "tol": 1e-8}])
def test_each_target_is_as_if_it_were_alone(options, tiles_computed):
    model = KernelRegression("laplace", ridge=RIDGES, **options).fit(X, Y)
    assert tiles_computed == {"tiles": 1, "factorisations": 3}, "three distinct ridges, and one Gram matrix"
    for column, ridge in enumerate(RIDGES):
        alone = KernelRegression("laplace", ridge=ridge, **options).fit(X, Y[:, column])
        np.testing.assert_allclose(model.dual_coef_[:, column], alone.dual_coef_, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(model.predict(X_TEST)[:, column], alone.predict(X_TEST), rtol=1e-9, atol=1e-9)
        if "loo" in options:
            np.testing.assert_allclose(model.loo_residuals_[:, column], alone.loo_residuals_, rtol=1e-7)
    assert hasattr(model, "loo_residuals_") == ("loo" in options)


def test_the_residual_is_that_of_all_targets():
    model = KernelRegression("laplace", ridge=RIDGES, precision="single").fit(X, Y)
    K = np.exp(-np.linalg.norm(X[:, None] - X, axis=2) / 200)
    difference = K @ model.dual_coef_ + RIDGES * model.dual_coef_ - Y
    np.testing.assert_allclose(model.residual_, np.linalg.norm(difference) / np.linalg.norm(Y), rtol=1e-6)


@pytest.mark.parametrize("ridge", [[0.3], np.full(4, 0.3), (0.3, 0.3, 0.3, 0.3), np.float32(0.3)])
def test_equal_ridges_take_one_factorisation(ridge, tiles_computed):
    model = KernelRegression(ridge=ridge).fit(X, Y)
    assert tiles_computed == {"tiles": 1, "factorisations": 1}
    expected = KernelRegression(ridge=float(np.ravel(ridge)[0])).fit(X, Y)
    np.testing.assert_array_equal(model.dual_coef_, expected.dual_coef_)


def test_little_memory_computes_the_gram_matrix_for_each_ridge(tiles_computed, monkeypatch):
    enough = memory.memory_needed(50, 4) + 100
    monkeypatch.setattr(memory, "available_memory", lambda: enough)
    KernelRegression(ridge=RIDGES + 1).fit(X, Y)
    assert tiles_computed == {"tiles": 3, "factorisations": 3}


def test_weights_and_ridges_together():
    weights = np.where(np.arange(50) % 4, RNG.uniform(0.5, 2, 50), 0)
    model = KernelRegression("erf", ridge=RIDGES + 0.1, loo=True).fit(X, Y, weights)
    for column, ridge in enumerate(RIDGES + 0.1):
        alone = KernelRegression("erf", ridge=ridge, loo=True).fit(X, Y[:, column], weights)
        np.testing.assert_allclose(model.dual_coef_[:, column], alone.dual_coef_, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(model.loo_residuals_[:, column], alone.loo_residuals_, rtol=1e-8)


def test_a_path_of_arrays(tiles_computed):
    ridges = [0.2, RIDGES + 0.1, [0.4]]
    models = list(KernelRegression("erf").ridge_path(X, Y, ridges))
    assert tiles_computed == {"tiles": 1, "factorisations": 1 + 3 + 1}
    for model, predicted in zip(models, predict_all(models, X_TEST), strict=True):
        np.testing.assert_array_equal(model.dual_coef_, clone(model).fit(X, Y).dual_coef_)
        np.testing.assert_allclose(predicted, model.predict(X_TEST), rtol=1e-10, atol=1e-13)


def test_each_ridge_has_a_file(tmp_path, monkeypatch):
    names = []
    file = estimator.solve.__globals__["FactorFile"]

    def named(path, *rest):
        names.append(path.name)
        return file(path, *rest)

    monkeypatch.setitem(estimator.solve.__globals__, "FactorFile", named)
    model = KernelRegression("erf", ridge=RIDGES[:3], storage=tmp_path / "factor").fit(X, Y[:, :3])
    assert names == ["factor_0.01", "factor_0.5"]
    assert list(tmp_path.iterdir()) == []
    names.clear()
    list(model.ridge_path(X, Y[:, :3], [0.1, RIDGES[:3]]))
    assert names == ["factor_0.1", "factor_0.01", "factor_0.5"]


def test_on_a_gpu(monkeypatch):
    torch = pytest.importorskip("torch")
    expected = KernelRegression("erf", ridge=RIDGES + 0.1, loo=True).fit(X, Y)
    monkeypatch.setattr(estimator, "gpu_of", lambda _: torch.device("cpu"))
    model = KernelRegression("erf", ridge=RIDGES + 0.1, loo=True).fit(X, Y)
    np.testing.assert_allclose(model.dual_coef_, expected.dual_coef_, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(model.loo_residuals_, expected.loo_residuals_, rtol=1e-9)


@pytest.mark.parametrize(
    ("ridge", "message"),
    [
        ([0.1, 0.2], r"the ridge has shape \(2,\), and y has 4 target"),
        ([[0.1] * 4], r"the ridge has shape \(1, 4\)"),
        ([0.1, 0.2, -0.3, 0.4], "the ridge is -0.3 for a target: it must be a finite number, 0 or above"),
        ([0.1, 0.2, np.nan, 0.4], "the ridge is nan for a target"),
        ([0.1, 0.2, np.inf, 0.4], "the ridge is inf for a target"),
        (["a", "b", "c", "d"], "the ridge must be real numbers"),
        (-1.0, "'ridge' parameter of KernelRegression must be"),
        ("small", "'ridge' parameter of KernelRegression must be"),
    ],
)
def test_wrong_ridges_are_refused_in_one_line(ridge, message):
    with pytest.raises(InputError, match=message) as caught:
        KernelRegression(ridge=ridge).fit(X, Y)
    assert "\n" not in str(caught.value)
