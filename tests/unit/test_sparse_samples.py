"""Sparse samples, which stay sparse."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab import NNGP, NTK, RBF, Function, InputError, KernelRegression, Laplace, Linear, nngp
from nngplab.kernels.samples import distances
from nngplab.regression import estimator
from nngplab.regression.storage import FactorFile

KERNELS = [
    NNGP("relu", depth=2),
    NNGP("erf", normalize=False, sigma_w=1.3, sigma_b=0.2),
    NTK("gelu", depth=2),
    Laplace(2.0),
    RBF(2.0),
    Linear(),
    0.5 * NNGP("relu") * Laplace(3.0) + RBF(1.0),
]


def sparse_samples(n, seed=0, d=30, dtype=np.float64):
    return scipy.sparse.random(n, d, 0.2, "csr", dtype, np.random.default_rng(seed))


X, X_TEST = sparse_samples(60), sparse_samples(20, seed=1)
Y = np.stack([X.toarray().sum(axis=1), np.cos(np.arange(60))], axis=1)


def close(found, expected, accuracy=1e-10):
    np.testing.assert_allclose(found, expected, rtol=accuracy, atol=accuracy * np.abs(expected).max())


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_a_kernel_of_sparse_samples_is_that_of_dense_ones(kernel):
    dense, dense_test = X.toarray(), X_TEST.toarray()
    assert kernel.takes_sparse
    for found, expected in (
        (kernel(X), kernel(dense)),
        (kernel(X.tocoo(), X_TEST), kernel(dense, dense_test)),
        (kernel(scipy.sparse.csc_array(X), dense_test), kernel(dense, dense_test)),
        (kernel(dense, X_TEST), kernel(dense, dense_test)),
        (kernel.diag(X), kernel.diag(dense)),
        (kernel(X.astype(np.float32)), kernel(dense).astype(np.float32)),
    ):
        assert isinstance(found, np.ndarray)
        assert found.dtype == expected.dtype
        close(found, expected, 1e-5 if found.dtype == np.float32 else 1e-10)
    close(kernel((X > 0.5).astype(int)), kernel((dense > 0.5).astype(float)))


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.usefixtures("small_tiles")
def test_a_fit_of_sparse_samples_is_that_of_dense_ones(kernel):
    samples = sparse_samples(150)
    y = np.sin(np.arange(150.0))
    for options in ({"ridge": 0.1, "loo": True}, {"ridge": 0.1, "precision": "single", "refine": True}):
        model = KernelRegression(kernel, **options)
        expected = KernelRegression(kernel, **options).fit(samples.toarray(), y)
        for given_as in (samples, scipy.sparse.csc_matrix(samples), scipy.sparse.coo_array(samples)):
            model.fit(given_as, y, sample_weight=np.ones(150))
            assert scipy.sparse.issparse(model.X_fit_)
            close(model.dual_coef_, expected.dual_coef_, 1e-6)
            close(model.predict(X_TEST), expected.predict(X_TEST.toarray()), 1e-8)
        close(model.predict(X_TEST.toarray()), model.predict(X_TEST), 1e-12)
        close(expected.predict(X_TEST), expected.predict(X_TEST.toarray()))
        close(pickle.loads(pickle.dumps(model)).predict(X_TEST), model.predict(X_TEST))
        if model.loo:
            close(model.loo_residuals_, expected.loo_residuals_, 1e-8)


@pytest.mark.parametrize("kernel", [NNGP("relu"), RBF(1.0), Linear() + Laplace(1.0)], ids=repr)
def test_nothing_is_filled(kernel):
    """As a dense array these samples would take 2.4 GB."""
    n, d = 300, 10**6
    rng = np.random.default_rng(0)
    columns, values = rng.integers(0, d, 5 * n), rng.normal(size=5 * n)
    wide = scipy.sparse.csr_matrix((values, columns, np.arange(0, 5 * n + 1, 5)), (n, d))
    tracemalloc.start()
    model = KernelRegression(kernel, ridge=0.1).fit(wide, np.arange(n))
    assert np.isfinite(model.predict(wide[:5])).all()
    assert tracemalloc.get_traced_memory()[1] < 200e6
    tracemalloc.stop()


def test_zero_rows_copies_and_explicit_zeros():
    special = X[:20].tolil()
    special[3], special[5] = 0, special[4]
    special = special.tocsr()
    special.data[:2] = 0  # stays stored
    for kernel in KERNELS:
        close(kernel(special), kernel(special.toarray()))
        close(kernel.diag(special), kernel.diag(special.toarray()))
    with pytest.warns(scipy.linalg.LinAlgWarning, match=r"its sample has the direction of that of row 0\)"):
        KernelRegression().fit(special[4:], np.arange(16.0))


@settings(max_examples=30)
@given(st.floats(-280, 280), st.integers(0, 5))
def test_rows_of_any_size_are_normalised(exponent, seed):
    """Squares of their entries would overflow or vanish."""
    samples = sparse_samples(6, seed)
    scaled = scipy.sparse.diags(10.0 ** np.linspace(-abs(exponent), abs(exponent), 6)).tocsr() @ samples
    rows = NNGP("relu").rows(scaled)
    close(NNGP("relu").tile(rows, rows, None, 0), NNGP("relu")(samples), 1e-12)


@settings(max_examples=30)
@given(st.floats(-12, 0), st.integers(0, 5))
def test_distances_of_rows_that_nearly_agree(exponent, seed):
    A = sparse_samples(5, seed, d=10).toarray() + 0.5
    B = A + 10**exponent * sparse_samples(5, seed + 1, d=10).toarray()
    expected = np.linalg.norm(A[:, None] - B, axis=2)
    np.testing.assert_allclose(distances(scipy.sparse.csr_array(A), scipy.sparse.csr_array(B)), expected, rtol=1e-11)


def test_a_file_is_for_its_samples_alone(tmp_path, monkeypatch):
    close_file = FactorFile.close
    monkeypatch.setattr(FactorFile, "close", lambda self, _: close_file(self, keep=True))  # as if killed
    for samples in (X, 2 * X, X[:, ::-1].tocsr()):
        model = KernelRegression("rbf", 0.1, storage=tmp_path / "factor").fit(samples, Y)
        np.testing.assert_array_equal(model.dual_coef_, KernelRegression("rbf", 0.1).fit(samples, Y).dual_coef_)


def test_along_a_path():
    for model in KernelRegression("rbf").ridge_path(X, Y, [0.1, 1.0]):
        np.testing.assert_array_equal(model.dual_coef_, KernelRegression("rbf", model.ridge).fit(X, Y).dual_coef_)


def test_sparse_targets_are_taken():
    model = KernelRegression("rbf", 0.1).fit(X, scipy.sparse.csr_array(Y))
    np.testing.assert_array_equal(model.dual_coef_, KernelRegression("rbf", 0.1).fit(X, Y).dual_coef_)


def test_what_takes_dense_samples_alone_says_so_in_one_line():
    def own(A, B):
        return A @ B.T

    for use, message in (
        (lambda: KernelRegression(own).fit(X, Y), r"kernel Function\(.*\) takes no sparse samples: give X.toarray\(\)"),
        (lambda: KernelRegression(Linear() + Function(own)).fit(X, Y), "takes no sparse samples"),
        (lambda: KernelRegression(own, 0.1).fit(X.toarray(), Y).predict(X), "takes no sparse samples"),
        (lambda: KernelRegression(device="cuda").fit(X, Y), r"device is 'cuda', and X is sparse: set device to cpu"),
        (lambda: nngp(X), r"dense samples: give X.toarray\(\), or use a kernel object"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            use()
        assert "\n" not in str(caught.value)


def test_the_automatic_device_is_the_cpu(monkeypatch):
    monkeypatch.setattr(estimator, "gpu_of", lambda _: "cuda")
    model = KernelRegression(device="auto", ridge=0.1).fit(X, Y)
    close(model.predict(X_TEST), KernelRegression(ridge=0.1).fit(X, Y).predict(X_TEST))


def test_as_many_features_are_needed():
    for kernel in (NNGP(), RBF(), Linear()):
        with pytest.raises(InputError, match="X has 30, and Z has 29"):
            kernel(X, X_TEST[:, 1:])
    with pytest.raises(ValueError, match="X has 29 features, but KernelRegression is expecting 30"):
        KernelRegression("rbf").fit(X, Y).predict(X_TEST[:, 1:])
