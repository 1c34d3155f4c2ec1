"""The kernel "precomputed", RBF, and what short names of kernels say."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import kernels as peers
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, cross_val_predict

from nngplab import NNGP, NTK, RBF, InputError, KernelClassifier, KernelRegression, Laplace
from nngplab.kernels import as_kernel
from nngplab.regression import estimator

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(60, 4)), RNG.normal(size=(15, 4))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], axis=1)
KERNEL = NNGP("erf", depth=2)
K, K_TEST = KERNEL(X), KERNEL(X_TEST, X)


def close(found, expected, accuracy=1e-9):
    np.testing.assert_allclose(found, expected, rtol=accuracy, atol=accuracy * np.abs(expected).max())


@pytest.mark.parametrize(
    "options", [{}, {"ridge": 0.1, "loo": True}, {"ridge": 0.1, "precision": "single", "refine": True}]
)
def test_it_is_the_kernel_it_was_computed_with(options):
    model = KernelRegression("precomputed", **options).fit(K, Y)
    expected = KernelRegression(KERNEL, **options).fit(X, Y)
    close(model.predict(K_TEST), expected.predict(X_TEST))
    close(pickle.loads(pickle.dumps(model)).predict(K_TEST), model.predict(K_TEST))
    assert model.residual_ < 1e-9
    if model.loo:
        close(model.loo_residuals_, expected.loo_residuals_)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("options", [{"refine": True}, {"precision": "single", "refine": True}])
def test_in_several_tiles_with_weights(many, options):
    X, y, X_test = many
    weights = np.where(np.arange(len(X)) % 3, 1.0 + np.arange(len(X)) % 5, 0)
    model = KernelRegression("precomputed", 0.1, **options).fit(KERNEL(X), y, weights)
    expected = KernelRegression(KERNEL, 0.1, **options).fit(X, y, weights)
    assert model.residual_ <= 1e-10
    close(model.predict(KERNEL(X_test, X)), expected.predict(X_test), 1e-7)


def test_on_a_gpu(monkeypatch):
    torch = pytest.importorskip("torch")
    weights = np.arange(60.0) % 4
    expected = KernelRegression("precomputed", 0.1).fit(K, Y, weights).predict(K_TEST)
    monkeypatch.setattr(estimator, "gpu_of", lambda _: torch.device("cpu"))
    close(KernelRegression("precomputed", 0.1).fit(K, Y, weights).predict(K_TEST), expected)


def test_cross_validation_slices_both_axes():
    for model, direct, y in (
        (KernelRegression("precomputed", 0.1), KernelRegression(KERNEL, 0.1), Y),
        (KernelClassifier("precomputed", 0.1), KernelClassifier(KERNEL, 0.1), Y[:, 0] > 0),
    ):
        close(cross_val_predict(model, K, y, cv=3) * 1.0, cross_val_predict(direct, X, y, cv=3) * 1.0)
        found = GridSearchCV(model, {"ridge": [0.1, 10.0]}, cv=3).fit(K, y)
        assert found.best_params_ == GridSearchCV(direct, {"ridge": [0.1, 10.0]}, cv=3).fit(X, y).best_params_


def test_a_singular_matrix_has_the_solution_of_least_norm():
    twice = np.ix_([0, 1, 1], [0, 1, 1])
    with pytest.warns(scipy.linalg.LinAlgWarning, match=r"the pivot of row 2 is \S+: taking"):
        model = KernelRegression("precomputed").fit(K[twice], [1.0, 2.0, 4.0])
    close(model.predict(K[twice]), np.array([1.0, 3.0, 3.0]))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (K[:, :50], r"needs a square Gram matrix of the training samples; got shape \(60, 50\)"),
        (np.triu(K), r"needs a symmetric Gram matrix: entry \(0, 1\) is 0.\d+, and entry \(1, 0\) is 0$"),
        (scipy.sparse.csr_array(K), r"a dense Gram matrix, not a sparse one: give K.toarray\(\)"),
        (K - 3 * np.eye(60), "has the negative eigenvalue"),
    ],
)
def test_a_wrong_gram_matrix_is_refused_in_one_line(matrix, message):
    with pytest.raises(InputError, match=message) as caught:
        KernelRegression("precomputed").fit(matrix, Y)
    assert "\n" not in str(caught.value)


def test_predictions_need_all_columns():
    model = KernelRegression("precomputed").fit(K, Y)
    with pytest.raises(ValueError, match="X has 50 features, but KernelRegression is expecting 60"):
        model.predict(K_TEST[:, :50])


@settings(max_examples=30)
@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.sampled_from([np.float64, np.float32]))
def test_rbf_is_that_of_the_peers(bandwidth, far, dtype):
    A, B = (X + far).astype(dtype), (X_TEST + far).astype(dtype)
    accuracy = 1e-9 if dtype == np.float64 else 2e-3
    kernel = RBF(bandwidth)
    exact = peers.RBF(bandwidth)
    for found, expected in (
        (kernel(A, B), exact(A.astype(float), B.astype(float))),
        (kernel(A), exact(A.astype(float))),
        (kernel.diag(A), np.ones(60)),
        (kernel.tile(kernel.rows(A)[5:9], kernel.rows(A), None, 5), kernel(A)[5:9]),
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=accuracy)
        assert found.dtype == dtype


def test_rbf_has_the_predictions_of_kernel_ridge():
    gamma = 1 / X.shape[1]
    peer = KernelRidge(alpha=0.1, kernel="rbf", gamma=gamma).fit(X, Y)
    model = KernelRegression(RBF(bandwidth=(1 / (2 * gamma)) ** 0.5), ridge=0.1).fit(X, Y)
    close(model.predict(X_TEST), peer.predict(X_TEST))


def test_rbf_of_tensors_is_that_of_arrays():
    torch = pytest.importorskip("torch")
    from nngplab.regression.gpu import on_device

    kernel = RBF(1.5)
    rows = kernel.rows(X)
    tensors = on_device(rows, torch.device("cpu"))
    np.testing.assert_allclose(kernel.tile(tensors, tensors, None, 0).numpy(), kernel(X), atol=1e-13)


@pytest.mark.parametrize("kernel", [RBF(1e-200), RBF(1e200)])
def test_rbf_at_extreme_bandwidths(kernel):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(kernel(X), np.eye(60) if kernel.bandwidth < 1 else np.ones((60, 60)))


@pytest.mark.parametrize(("name", "kernel"), [("ntk", NTK()), ("rbf", RBF()), ("laplace", Laplace())])
def test_names(name, kernel):
    assert as_kernel(kernel) is kernel
    assert as_kernel(name) == kernel
    close(
        KernelRegression(name, 0.1).fit(X, Y).predict(X_TEST), KernelRegression(kernel, 0.1).fit(X, Y).predict(X_TEST)
    )


def swish(x):
    return x / (1 + np.exp(-x))


DEPTH, OWN = r"NNGP\('relu', depth=3\)", r"NNGP\(dual_of\("


@pytest.mark.parametrize(
    ("kernel", "hints"),
    [
        ("relu3", (DEPTH, OWN, "relu", "precomputed")),
        ("tanh", (DEPTH, OWN)),
        ("nngp", (DEPTH, OWN)),
        ("RBF", (DEPTH, OWN, "rbf")),
        (NNGP, (DEPTH,)),
        (3, (DEPTH,)),
        (np.tanh, (OWN, "does not take two arrays")),
        (swish, (OWN, "does not take two arrays")),
        (NNGP("tanh"), (r"dual_of\(numpy.tanh\)", "unknown dual activation 'tanh'")),
        (NNGP(swish), (r"dual_of\(function\)",)),
        (RBF(0), ("the bandwidth is 0: it must be a finite number above 0",)),
    ],
)
@pytest.mark.parametrize("model", [KernelRegression, KernelClassifier])
def test_a_wrong_kernel_is_told_what_there_is(model, kernel, hints):
    for hint in hints:
        with pytest.raises(InputError, match=hint) as caught:
            model(kernel).fit(X, np.arange(60) % 2)
        assert "\n" not in str(caught.value)
