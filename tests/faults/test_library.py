"""Wrong arguments of the library: each is refused by name, in one line."""

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics.pairwise import rbf_kernel

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS, exponential, leaky_relu
from nngplab.kernels.gram import laplace, linear, nngp, ntk
from nngplab.kernels.objects import NNGP, NTK, Function, Laplace, Linear
from nngplab.kernels.polynomials import hermite, monomial
from nngplab.kernels.tabulated import dual_by_quadrature, dual_of, hermite_coefficients
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.feature_machine import RecursiveFeatureMachine

X = np.random.default_rng(0).standard_normal((30, 30))
Y = X[:, 0].copy()


def refused(call, *words, error=InputError):
    """Check that a call raises an error in one line that has these words, and gives no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as caught:
            call()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def with_value(value):
    """A kernel with one wrong entry."""

    def kernel(A, B):
        K = A @ B.T
        K[-1, 0] = value
        return K

    return kernel


def writes(A, B):
    A *= 2
    return A @ B.T


def writes_through_a_view(A, B):
    B.T[:] = 0
    return A @ B.T


def writes_by_a_ufunc(A, B):
    np.multiply(A, 2, out=A)
    return A @ B.T


KERNELS = [
    (with_value(np.nan), "returns nan"),
    (with_value(np.inf), "returns inf"),
    (with_value(-np.inf), "returns -inf"),
    (writes, "changes its arguments: let it change a copy"),
    (writes_through_a_view, "changes its arguments"),
    (writes_by_a_ufunc, "changes its arguments"),
    (lambda A, _: A[:, :2], "returns shape (30, 2) for 30 against 30 samples"),
    (lambda *_: 1.0, "returns shape ()"),
    (lambda *_: None, "returns entries of type object"),
    (lambda A, B: (A @ B.T)[:, :, None], "returns shape (30, 30, 1)"),
    (lambda A, B: (A @ B.T).astype(complex), "returns entries of type complex128"),
    (lambda A, B: (A @ B.T).astype(object), "returns entries of type object"),
    (lambda A, B: (A @ B.T).astype(str), "returns entries of type <U"),
    (lambda A, B: np.ma.masked_less(A @ B.T, 0), "returns masked entries"),
    (lambda A, B: scipy.sparse.csr_array(A @ B.T), "returns entries of type object"),
    (lambda A, B: A @ (B * np.arange(30)).T + 3 * A[:, :1], "is not symmetric"),
    (lambda A, _: A, "is not symmetric"),
    (lambda A, B: -A @ B.T, "the function is not a kernel"),
]


@pytest.mark.parametrize(("function", "message"), KERNELS)
@pytest.mark.parametrize("made", [lambda kernel: kernel, lambda kernel: Function(kernel) + 2 * NNGP("erf")])
def test_a_wrong_kernel(function, message, made):
    before = X.copy()
    refused(lambda: KernelRegression(made(function)).fit(X, Y), "kernel", message)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("function", [function for function, _ in KERNELS[:15]])
def test_a_kernel_that_goes_wrong_after_the_fit(function):
    right = [True]

    def kernel(A, B):
        return rbf_kernel(A, B) if right else function(A, B)

    model = KernelRegression(kernel).fit(X, Y)
    right.clear()
    refused(lambda: model.predict(X), "kernel Function(function=")


@pytest.mark.parametrize(
    "function",
    [
        lambda A, B: np.asfortranarray(rbf_kernel(A, B)),
        lambda A, B: pd.DataFrame(rbf_kernel(A, B)),
        lambda A, B: torch.from_numpy(rbf_kernel(A, B)),
        lambda A, B: rbf_kernel(A, B).astype(np.float32),
        lambda A, B: np.ma.array(rbf_kernel(A, B)),
        lambda A, B: rbf_kernel(A, B).tolist(),
        lambda A, B: (A[:, None] == B).all(axis=2),
        lambda A, B: (A[:, None] == B).all(axis=2).astype(int),
    ],
)
def test_real_numbers_of_any_kind_are_taken(function):
    model = KernelRegression(function, ridge=0.1).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()


def test_an_error_of_a_kernel_is_raised_with_the_name_of_the_kernel():
    def kernel(_, __):
        raise LookupError("no table")

    with pytest.raises(LookupError, match="no table") as caught:
        KernelRegression(kernel).fit(X, Y)
    assert "raised by kernel Function(function=" in caught.value.__notes__[0]


@pytest.mark.parametrize("kernel", ["linear", Laplace(1.0), NNGP("relu", normalize=False), NTK("erf", normalize=False)])
def test_samples_whose_kernel_overflows(kernel):
    refused(lambda: KernelRegression(kernel).fit(X * 1e300, Y), "kernel", "scale the samples")


@pytest.mark.parametrize(("precision", "size"), [("double", 1e300), ("single", 1e40)])
def test_targets_that_overflow(precision, size):
    refused(
        lambda: KernelRegression(precision=precision).fit(X, Y * size), "the solution overflows", "scale the targets"
    )


WRONG_ARRAYS = [
    np.where(X > 2, np.nan, X),
    np.where(X > 2, np.inf, X),
    X.astype(complex),
    X.astype(str) + "a",
    X[0],
    X[:0],
    X[:, :0],
    X[None],
    scipy.sparse.csr_array(X > 0) * 1j,
    [["a", "b"]] * 30,
    [[1, 2], [3]],
    None,
    "X",
    3.0,
]


@pytest.mark.parametrize("wrong", WRONG_ARRAYS, ids=range(len(WRONG_ARRAYS)))
def test_wrong_samples(wrong):
    """The messages are those of scikit-learn."""
    model = KernelRegression("relu", ridge=0.1).fit(X, Y)
    for call in (lambda: model.predict(wrong), lambda: KernelRegression().fit(wrong, Y)):
        with pytest.raises((ValueError, TypeError)) as caught:
            call()
        assert "internal" not in str(caught.value)
    with pytest.raises((ValueError, TypeError)):
        list(model.ridge_path(wrong, Y, [1.0]))


@pytest.mark.parametrize(
    "wrong", [Y[:5], Y * np.nan, Y * np.inf, Y.astype(complex), Y[:, None, None], ["a"] * 30, None]
)
def test_wrong_targets(wrong):
    with pytest.raises((ValueError, TypeError)):
        KernelRegression("relu").fit(X, wrong)


@pytest.mark.parametrize("n", [1, 2])
def test_few_samples(n):
    model = KernelRegression("relu").fit(X[:n], Y[:n])
    np.testing.assert_allclose(model.predict(X[:n]), Y[:n])


def test_a_fit_that_fails_leaves_no_model():
    model = KernelRegression("relu").fit(X, Y)
    for parameters, data in (({"kernel": with_value(np.nan)}, X), ({"ridge": "0"}, X), ({}, X[:, :3] * np.nan)):
        model.set_params(kernel="relu", ridge=0.0).fit(X, Y)
        with pytest.raises((InputError, TypeError, ValueError)):
            model.set_params(**parameters).fit(data, Y)
        if parameters.get("ridge") is None:
            with pytest.raises(NotFittedError):
                model.predict(X)


PARAMETERS = {
    "ridge": ["0", None, [], -1.0, np.nan, np.inf, 1j, np.array([1.0, 2.0]), Fraction(1, 2)],
    "precision": ["half", None, 1, ["double"], np.float64],
    "tol": ["1", None, -1, np.nan, [1e-3]],
    "refine": ["yes", None, 2, []],
    "loo": ["yes", None, 2],
    "storage": [3, ["a"], b"a"],
    "verbose": ["yes", None],
    "device": [None, 0, "gpu", "cuda:x", "", torch.device("cpu")],
    "kernel": [None, 3, ["relu"], "rellu", b"relu"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in PARAMETERS.items() for value in values])
def test_a_wrong_parameter_of_the_estimator(name, value):
    model = KernelRegression(**{name: value})
    shown = repr(value) if isinstance(value, str) else ""
    refused(lambda: model.fit(X, Y), name, shown)
    refused(lambda: next(model.ridge_path(X, Y, [1.0])) if name != "ridge" else model.fit(X, Y), name)


@pytest.mark.parametrize("ridge", [1, True, np.float32(0.5), np.int64(1), np.float64(0.5)])
def test_numbers_of_any_kind(ridge, tmp_path):
    model = KernelRegression("relu", ridge, storage=tmp_path / "factor").fit(X, Y)
    expected = KernelRegression("relu", float(ridge)).fit(X, Y)
    np.testing.assert_array_equal(model.dual_coef_, expected.dual_coef_)
    refine, precision = np.bool(True), np.str_("single")
    assert KernelRegression("relu", ridge, precision, refine=refine).fit(X, Y).residual_ <= 1e-10


@pytest.mark.parametrize("parameters", [{"kernel": "linear"}, {"kernel": "relu", "refine": True, "tol": 1e-30}])
def test_a_warning_names_the_line_of_the_user(parameters):
    with pytest.warns((ConvergenceWarning, LinAlgWarning)) as caught:
        KernelRegression(**parameters).fit(X[:, :20], Y)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_wrong_ridge_of_a_path():
    refused(lambda: list(KernelRegression().ridge_path(X, Y, [1.0, "2"])), "'ridge'", "'2'")


NUMBERS = {
    "rate L": lambda value: laplace(X, L=value),
    "bandwidth": lambda value: Laplace(value)(X),
    "the bandwidth": lambda value: RecursiveFeatureMachine(bandwidth=value).fit(X, Y),
    "the factor of a kernel": lambda value: KernelRegression(value * Linear()).fit(X, Y),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, 0.0, -1.0, np.nan, np.inf, -np.inf, True])
def test_a_wrong_number_above_0(name, value):
    refused(lambda: NUMBERS[name](value), name, repr(value), "it must be a finite number above 0")


INTEGERS = {
    "the depth": [
        lambda v: nngp(X, depth=v),
        lambda v: ntk(X, depth=v),
        lambda v: KernelRegression(NNGP(depth=v)).fit(X, Y),
    ],
    "monomial: the degree": [monomial],
    "hermite: the degree": [hermite],
    "the count": [lambda v: hermite_coefficients(np.tanh, v)],
    "the number of iterations": [lambda v: RecursiveFeatureMachine(iterations=v).fit(X, Y)],
}


@pytest.mark.parametrize("name", INTEGERS)
@given(st.floats() | st.text() | st.none() | st.booleans() | st.integers(max_value=-1) | st.lists(st.integers()))
def test_what_is_no_integer(name, value):
    for call in INTEGERS[name]:
        refused(lambda call=call: call(value), name, repr(value)[:8], "must be an integer")


@given(
    st.text() | st.none() | st.lists(st.floats(0, 1)) | st.sampled_from([np.nan, np.inf, -np.inf, 1j, True, 10**400])
)
def test_what_is_no_number(value):
    calls = {"leaky_relu: the slope": leaky_relu, "exponential: C": exponential, "bandwidth": lambda v: Laplace(v)(X)}
    for name, call in calls.items():
        refused(lambda call=call: call(value), name, repr(value)[:8], "must be a finite number")


@pytest.mark.parametrize("value", ["a", 1j, None, [[1], [1, 2]], np.array([1j])])
@pytest.mark.parametrize(
    "call",
    [
        DUALS["relu"],
        DUALS["sine"].derivative,
        linear,
        nngp,
        laplace,
        Laplace().diag,
        lambda value: dual_by_quadrature(np.tanh, value),
        lambda value: dual_of(np.tanh, kinks=value if value is not None else [None]),
    ],
)
def test_what_is_no_array_of_numbers(call, value):
    refused(lambda: call(value), "real numbers" if value is not None else "")


@pytest.mark.parametrize("kernel", [linear, nngp, ntk, laplace, Linear(), NNGP(), Laplace()])
def test_samples_of_two_lengths(kernel):
    refused(lambda: kernel(X, X[:, :3]), "X has 30, and Z has 3")


def test_other_wrong_parameters_of_kernels():
    refused(lambda: nngp(X, normalize="no"), "normalize", "'no'")
    refused(lambda: KernelRegression(NNGP(normalize=2)).fit(X, Y), "normalize", "2")
    for wrong in (["relu"], 3, None, {}):
        refused(lambda wrong=wrong: nngp(X, dual=wrong), repr(wrong))
        refused(lambda wrong=wrong: NTK(wrong)(X), repr(wrong))
        refused(lambda wrong=wrong: KernelRegression(NNGP(wrong)).fit(X, Y), repr(wrong))
    refused(lambda: RecursiveFeatureMachine(centre="no").fit(X, Y), "centre", "'no'")
