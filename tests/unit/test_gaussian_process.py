"""Variances, marginal likelihood and leave-one-out predictions, against scikit-learn's Gaussian process and refits."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel as PeerKernel
from sklearn.metrics.pairwise import rbf_kernel
from threadpoolctl import threadpool_limits

from nngplab import NNGP, NTK, RBF, Function, InputError, KernelRegression, Laplace, Linear
from nngplab.regression import estimator, memory, memory_needed, posterior, solution
from nngplab.regression.memory import triangle_bytes

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(30, 4)), RNG.normal(size=(9, 4))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2, X[:, 2]], axis=1)
WEIGHTS = RNG.uniform(0.1, 3, 30)
KERNELS = [
    NNGP("relu", depth=2),
    NNGP("erf", normalize=False, sigma_w=1.5, sigma_b=0.2),
    NTK("relu"),
    Laplace(3.0),
    RBF(2.0),
    Linear(),
    0.5 * NNGP("erf") + Laplace(3.0) * Linear(),
    Function(rbf_kernel),
]


class OfPeer(PeerKernel):
    """A kernel of this library for scikit-learn's Gaussian process."""

    def __init__(self, kernel):
        self.kernel = kernel

    def __call__(self, X, Y=None):
        return self.kernel(X, X if Y is None else Y)

    def diag(self, X):
        return self.kernel.diag(X)

    def is_stationary(self):
        return False


def peer(kernel, alpha, X=X, y=Y):
    return GaussianProcessRegressor(OfPeer(kernel), alpha=alpha, optimizer=None).fit(X, y)


def close(found, expected, rtol=1e-8, atol=1e-9):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


@hypothesis_settings(max_examples=40)
@given(
    st.sampled_from(KERNELS),
    st.floats(-3, 1),
    st.sampled_from([Y, Y[:, 0], Y[:, :2]]),
    st.none() | st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=30, max_size=30).filter(any),
    st.integers(2, 30),
)
def test_as_the_gaussian_process_of_scikit_learn(kernel, exponent, y, weights, n):
    weights = np.ones(n) if weights is None or not any(weights[:n]) else np.array(weights[:n])
    kept, ridge = weights > 0, 10**exponent
    model = KernelRegression(kernel, ridge).fit(X[:n], y[:n], weights)
    expected = peer(kernel, ridge / weights[kept], X[:n][kept], y[:n][kept])
    for option in ("return_std", "return_cov"):
        for found, wanted in zip(
            model.predict(X_TEST, **{option: True}), expected.predict(X_TEST, **{option: True}), strict=True
        ):
            assert found.shape == wanted.shape
            # Of a variance that is close to 0 only the digits after those of the prior variance are known.
            close(found, wanted, atol=1e-6 if option == "return_std" else 1e-9)
    close(model.log_marginal_likelihood_, expected.log_marginal_likelihood_value_, rtol=1e-9, atol=0)


@pytest.mark.usefixtures("small_tiles")
def test_in_several_tiles_and_blocks(many):
    samples, y, new = many
    model = KernelRegression("erf", 0.1).fit(samples, y)
    expected = peer(NNGP("erf"), 0.1, samples, y)
    close(model.predict(new, return_std=True)[1], expected.predict(new, return_std=True)[1])
    close(model.predict(new, return_cov=True)[1], expected.predict(new, return_cov=True)[1])
    close(model.log_marginal_likelihood_, expected.log_marginal_likelihood_value_, rtol=1e-9, atol=0)


def test_a_single_column_has_the_shape_of_its_predictions():
    model = KernelRegression("erf", 0.1).fit(X, Y[:, :1])
    mean, std = model.predict(X_TEST, return_std=True)
    assert mean.shape == std.shape == (9, 1)
    assert model.predict(X_TEST, return_cov=True)[1].shape == (9, 9, 1)


def test_each_target_with_its_ridge_is_as_if_it_were_alone():
    ridges = np.array([0.5, 0.01, 0.5])
    model = KernelRegression("erf", ridges).fit(X, Y, WEIGHTS)
    alone = [KernelRegression("erf", ridge).fit(X, y, WEIGHTS) for ridge, y in zip(ridges, Y.T, strict=True)]
    for option in ("return_std", "return_cov"):
        found = model.predict(X_TEST, **{option: True})[1]
        close(found, np.stack([one.predict(X_TEST, **{option: True})[1] for one in alone], axis=-1))
    close(model.log_marginal_likelihood_, sum(one.log_marginal_likelihood_ for one in alone), rtol=1e-12)
    close(model.leave_one_out(), np.stack([one.leave_one_out() for one in alone], axis=-1))


def test_without_a_ridge_a_training_sample_has_no_variance():
    model = KernelRegression("laplace").fit(X, Y, WEIGHTS)
    _, std = model.predict(np.vstack([X, X_TEST]), return_std=True)
    assert std[:30].max() < 1e-6 < std[30:].min()
    unweighted = KernelRegression("laplace").fit(X, Y)
    close(model.log_marginal_likelihood_, unweighted.log_marginal_likelihood_, rtol=1e-9)


@pytest.mark.parametrize("options", [{"precision": "single"}, {"precision": "single", "refine": True}])
def test_single_precision(options):
    model = KernelRegression("erf", 0.1, **options).fit(X, Y)
    expected = peer(NNGP("erf"), 0.1)
    close(model.predict(X_TEST, return_std=True)[1] ** 2, expected.predict(X_TEST, return_std=True)[1] ** 2, atol=3e-6)
    close(model.predict(X_TEST, return_cov=True)[1], expected.predict(X_TEST, return_cov=True)[1], atol=3e-6)
    close(model.log_marginal_likelihood_, expected.log_marginal_likelihood_value_, rtol=1e-5)


class TestPrecomputed:
    kernel = NNGP("relu", depth=2)
    model = KernelRegression("precomputed", 0.1).fit(kernel(X), Y, np.where(np.arange(30) % 4, WEIGHTS, 0))
    same = KernelRegression(kernel, 0.1).fit(X, Y, np.where(np.arange(30) % 4, WEIGHTS, 0))
    prior = kernel(X_TEST)

    @pytest.mark.parametrize(
        ("option", "prior"), [("return_std", prior), ("return_std", np.diagonal(prior)), ("return_cov", prior)]
    )
    def test_with_the_gram_matrix_of_the_samples(self, option, prior):
        found = self.model.predict(self.kernel(X_TEST, X), prior_cov=prior, **{option: True})
        close(found[1], self.same.predict(X_TEST, **{option: True})[1])
        close(self.model.log_marginal_likelihood_, self.same.log_marginal_likelihood_, rtol=1e-12)
        close(self.model.leave_one_out(), self.same.leave_one_out())

    @pytest.mark.parametrize(
        ("option", "prior", "message"),
        [
            ("return_std", None, r"no variances without prior_cov: give the Gram matrix \(m, m\)"),
            ("return_std", np.ones(8), r"prior_cov has shape \(8,\): give 9 or 9 x 9 finite numbers"),
            ("return_std", np.full(9, np.nan), "finite numbers"),
            ("return_std", "a", "prior_cov must be real numbers"),
            ("return_cov", np.ones(9), r"prior_cov has shape \(9,\): return_cov needs the Gram matrix \(9, 9\)"),
        ],
    )
    def test_wrong_ones_are_refused(self, option, prior, message):
        with pytest.raises(InputError, match=message):
            self.model.predict(self.kernel(X_TEST, X), prior_cov=prior, **{option: True})

    def test_another_kernel_takes_none(self):
        with pytest.raises(InputError, match="prior_cov is for the kernel 'precomputed' alone"):
            self.same.predict(X_TEST, return_std=True, prior_cov=self.prior)


def test_sparse_samples():
    sparse = np.where(np.abs(X) > 0.5, X, 0)
    expected = KernelRegression("relu", 0.1).fit(sparse, Y)
    model = KernelRegression("relu", 0.1).fit(scipy.sparse.csr_array(sparse), Y)
    for new in (X_TEST, scipy.sparse.csr_array(X_TEST)):
        for option in ("return_std", "return_cov"):
            close(model.predict(new, **{option: True})[1], expected.predict(X_TEST, **{option: True})[1])


def test_tensors():
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(array, dtype=torch.float32) for array in (X, Y, X_TEST)]
    mean, std = KernelRegression("relu", 0.1).fit(*tensors[:2]).predict(tensors[2], return_std=True)
    assert mean.dtype == std.dtype == torch.float32
    close(std.numpy(), KernelRegression("relu", 0.1).fit(X, Y).predict(X_TEST, return_std=True)[1], atol=1e-5)


def test_the_code_for_gpus_on_the_cpu(monkeypatch):
    torch = pytest.importorskip("torch")
    expected = KernelRegression("erf", 0.1).fit(X, Y, WEIGHTS)
    monkeypatch.setattr(estimator, "gpu_of", lambda _: torch.device("cpu"))
    model = pickle.loads(pickle.dumps(KernelRegression("erf", 0.1).fit(X, Y, WEIGHTS)))
    for option in ("return_std", "return_cov"):
        close(model.predict(X_TEST, **{option: True})[1], expected.predict(X_TEST, **{option: True})[1])
    close(model.log_marginal_likelihood_, expected.log_marginal_likelihood_, rtol=1e-10)
    close(model.leave_one_out(), expected.leave_one_out())


@pytest.mark.usefixtures("small_tiles")
def test_the_number_of_threads_changes_nothing(many):
    samples, y, new = many
    found = []
    for threads in (1, 3):
        with threadpool_limits(threads, "blas"):
            model = KernelRegression("erf", [0.1, 0.2, 0.1]).fit(samples, y)
            found.append(
                (
                    model.predict(new, return_std=True)[1],
                    model.predict(new, return_cov=True)[1],
                    *model.leave_one_out(),
                    model.log_marginal_likelihood_,
                )
            )
    for one, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, three)


class TestLeaveOneOut:
    @hypothesis_settings(max_examples=10)
    @given(st.sampled_from(KERNELS), st.floats(-2, 1), st.booleans(), st.integers(0, 29))
    def test_against_leaving_one_out(self, kernel, exponent, weighted, i):
        weights = WEIGHTS if weighted else np.ones(30)
        model = KernelRegression(kernel, 10**exponent).fit(X, Y, weights)
        mean, variance = model.leave_one_out()
        assert mean.shape == variance.shape == Y.shape
        others = np.arange(30) != i
        of_refit, std = clone(model).fit(X[others], Y[others], weights[others]).predict(X[[i]], return_std=True)
        close(mean[[i]], of_refit)
        close(variance[[i]], std**2 + 10**exponent / weights[i])

    def test_a_sample_of_weight_0(self):
        weights = np.where(np.arange(30) % 3, WEIGHTS, 0)
        mean, variance = KernelRegression("erf", 0.1).fit(X, Y[:, 0], weights).leave_one_out()
        kept = weights > 0
        alone = KernelRegression("erf", 0.1).fit(X[kept], Y[kept, 0], weights[kept])
        close(mean[~kept], alone.predict(X[~kept]))
        np.testing.assert_array_equal(variance[~kept], np.inf)
        close((mean[kept], variance[kept]), alone.leave_one_out())

    def test_with_loo_it_needs_no_factor(self):
        model = KernelRegression("erf", 0.1, loo=True, keep_factor=False).fit(X, Y, WEIGHTS)
        mean, variance = model.leave_one_out()
        np.testing.assert_array_equal(Y - mean, Y - (Y - model.loo_residuals_))
        close(variance, KernelRegression("erf", 0.1).fit(X, Y, WEIGHTS).leave_one_out()[1])


class TestTheFactorIsKept:
    def test_up_to_a_size(self, monkeypatch):
        size = triangle_bytes(30, 8)
        for limit, ridge, works in ((size, 0.1, True), (size - 1, 0.1, False), (size, [0.1, 0.2, 0.1], False)):
            monkeypatch.setattr(solution, "KEPT_UP_TO", limit)
            model = KernelRegression("erf", ridge).fit(X, Y)
            if works:
                model.predict(X_TEST, return_std=True)
            else:
                with pytest.raises(InputError, match="was not kept: set keep_factor=True"):
                    model.predict(X_TEST, return_std=True)

    def test_of_a_path_if_all_are(self, monkeypatch):
        monkeypatch.setattr(solution, "KEPT_UP_TO", 2 * triangle_bytes(30, 8))
        for ridges in ([0.1, 0.2], [0.1, 0.2, 0.3]):
            for model in KernelRegression("erf").ridge_path(X, Y, ridges):
                assert len(model._posterior.factors) == (len(ridges) == 2)

    def test_on_request(self, monkeypatch):
        monkeypatch.setattr(solution, "KEPT_UP_TO", 0)
        model = KernelRegression("erf", [0.1, 0.2, 0.1], keep_factor=True).fit(X, Y)
        _, std = pickle.loads(pickle.dumps(model)).predict(X_TEST, return_std=True)
        np.testing.assert_array_equal(std, model.predict(X_TEST, return_std=True)[1])

    def test_a_model_without_it_has_its_likelihood_alone(self):
        model = KernelRegression("erf", 0.1, keep_factor=False).fit(X, Y)
        assert model.log_marginal_likelihood_ == KernelRegression("erf", 0.1).fit(X, Y).log_marginal_likelihood_
        for call in (model.leave_one_out, lambda: model.predict(X_TEST, return_cov=True)):
            with pytest.raises(InputError, match="keep_factor=True") as caught:
                call()
            assert "\n" not in str(caught.value)

    def test_the_memory_of_several_is_checked(self, monkeypatch):
        enough = memory_needed(30, 4) + 100
        monkeypatch.setattr(memory, "available_memory", lambda: enough)
        KernelRegression("erf", [0.1, 0.2, 0.3]).fit(X, Y)
        with pytest.raises(InputError, match="30 samples need"):
            KernelRegression("erf", [0.1, 0.2, 0.3], keep_factor=True).fit(X, Y)

    def test_a_wrong_value(self):
        with pytest.raises(InputError, match="'keep_factor' parameter of KernelRegression must be"):
            KernelRegression(keep_factor="yes").fit(X, Y)


@pytest.mark.usefixtures("small_tiles")
def test_variances_take_less_memory_than_a_gram_matrix(monkeypatch):
    monkeypatch.setattr(posterior, "COLUMNS", 32)
    samples = np.random.default_rng(0).standard_normal((1200, 5))
    model = KernelRegression("erf", 1.0).fit(samples, samples[:, 0])
    tracemalloc.start()
    try:
        with threadpool_limits(2, "blas"):
            model.predict(samples, return_std=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.3 * 8 * 1200**2


@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")
@pytest.mark.parametrize("ridge", [0.0, [0.1, 0.0, 0.1]])
def test_a_singular_matrix_has_none(ridge):
    model = KernelRegression("linear", ridge).fit(X, Y)
    assert model.predict(X_TEST).shape == (9, 3)
    for call in (model.leave_one_out, lambda: model.predict(X_TEST, return_std=True)):
        with pytest.raises(InputError, match=r"there is no variance: the Gram matrix is singular, .*: set a ridge"):
            call()
    assert not hasattr(model, "log_marginal_likelihood_")
    with pytest.raises(AttributeError, match="no log_marginal_likelihood_: the Gram matrix is singular"):
        model.log_marginal_likelihood_  # noqa: B018


def test_both_at_once_are_refused():
    with pytest.raises(InputError, match="at most one of return_std and return_cov can be requested"):
        KernelRegression().fit(X, Y).predict(X_TEST, return_std=True, return_cov=True)


def test_before_the_fit():
    for ask in (
        lambda: KernelRegression().log_marginal_likelihood_,
        KernelRegression().leave_one_out,
        lambda: KernelRegression().predict(X, return_std=True),
    ):
        with pytest.raises(NotFittedError):
            ask()


def test_along_a_path():
    for model in KernelRegression("erf").ridge_path(X, Y, [0.1, 1.0]):
        expected = peer(NNGP("erf"), model.ridge)
        close(model.predict(X_TEST, return_std=True)[1], expected.predict(X_TEST, return_std=True)[1])
        close(model.log_marginal_likelihood_, expected.log_marginal_likelihood_value_, rtol=1e-9)
