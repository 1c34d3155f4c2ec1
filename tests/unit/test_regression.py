"""Kernel regression against fifty digits, against its peers, and against scikit-learn's contract."""

import re

import mpmath
import numpy as np
import pytest
import scipy.linalg
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from nngplab.datasets.sine_target import sine_target
from nngplab.errors import InputError
from nngplab.kernels.gram import laplace, nngp
from nngplab.kernels.objects import Laplace
from nngplab.regression import singular
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.singular import condition_number

singular_matrix = pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")


def not_in_single_precision(estimator):
    """A sample's prediction in single precision depends, in its last digits, on those predicted with it.

    The checks ask for seven digits. `test_a_prediction_in_single_precision_depends_on_others_by_rounding` has the bound
    that holds. Whether the order of the samples matters too hangs on the CPU, and on how the check happens to shuffle.
    """
    if estimator.precision == "double" or estimator.refine:
        return {}
    checks = (
        "check_methods_subset_invariance",
        "check_methods_sample_order_invariance",
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    )
    return dict.fromkeys(checks, "the check asks for seven digits")


@singular_matrix
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        KernelRegression(),
        KernelRegression("laplace"),
        KernelRegression("linear"),
        KernelRegression("erf", ridge=1e-3, precision="single"),
        KernelRegression("erf", ridge=1e-3, precision="single", refine=True),
    ],
    expected_failed_checks=not_in_single_precision,
)
def test_scikit_learn(estimator, check):
    check(estimator)


@singular_matrix
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_with_a_function():
    """One test, for the name of one for each check would hold the function's address, another in each process."""
    # scikit-learn 1.6 checks this also for estimators whose tags exclude sparse samples.
    failing = {"check_sample_weight_equivalence_on_sparse_data": "a function takes no sparse samples"}
    check_estimator(KernelRegression(rbf_kernel), expected_failed_checks=failing)


@pytest.fixture(scope="module")
def data():
    return sine_target(60, 40, 30, seed=3)


DUALS_IN_FIFTY_DIGITS = {
    "relu": lambda t: (t * (mpmath.pi - mpmath.acos(t)) + mpmath.sqrt(1 - t**2)) / mpmath.pi,
    "sine": lambda t: mpmath.sinh(t) / mpmath.sinh(1),
    "erf": lambda t: mpmath.asin(2 * t / 3) / mpmath.asin(mpmath.mpf(2) / 3),
    # On the unit sphere |x - z|^2 is 2 - 2 t.
    "laplace": lambda t: mpmath.exp(-mpmath.sqrt(2 - 2 * t) / 200),
}


@pytest.mark.parametrize("kernel", DUALS_IN_FIFTY_DIGITS)
def test_the_test_error_in_fifty_digits(kernel):
    """The whole of Problem 11, from the numbers drawn to the MSE, with nothing of the library's."""
    n, d, n_test = 20, 15, 8
    data = sine_target(n, d, n_test, seed=88)
    random = np.random.RandomState(88)
    with mpmath.workdps(50):
        drawn = [[mpmath.mpf(x) for x in row] for row in random.normal(size=(n + n_test, d)).tolist()]
        X = [[x / mpmath.norm(row) for x in row] for row in drawn]
        y = [mpmath.fsum(mpmath.sin(x) for x in row) / d for row in X]
        dual = DUALS_IN_FIFTY_DIGITS[kernel]

        def gram(rows):
            cosines = [[min(mpmath.fdot(x, z), mpmath.mpf(1)) for z in X[:n]] for x in rows]
            return mpmath.matrix([[dual(t) for t in row] for row in cosines])

        a = mpmath.lu_solve(gram(X[:n]), mpmath.matrix(y[:n]))
        errors = gram(X[n:]) * a - mpmath.matrix(y[n:])
        exact = float(mpmath.fsum(error**2 for error in errors) / n_test)
    prediction = KernelRegression(kernel).fit(data.X, data.y).predict(data.X_test)
    assert np.mean((prediction - data.y_test) ** 2) == pytest.approx(exact, rel=1e-10)


class TestFit:
    @pytest.mark.parametrize("kernel", ["relu", "sine", "erf", "laplace", "exponential", rbf_kernel])
    def test_fits_exactly(self, data, kernel):
        model = KernelRegression(kernel).fit(data.X, data.y)
        np.testing.assert_allclose(model.predict(data.X), data.y, rtol=1e-8, atol=1e-12)
        assert model.residual_ < 1e-11

    def test_against_the_solve_function(self, data):
        a = np.linalg.solve(nngp(data.X, dual="erf"), data.y)
        model = KernelRegression("erf").fit(data.X, data.y)
        np.testing.assert_allclose(model.dual_coef_, a, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(model.predict(data.X_test), nngp(data.X_test, data.X, "erf") @ a, rtol=1e-10)

    @pytest.mark.parametrize("ridge", [1e-3, 2.0])
    def test_a_ridge_against_scikit_learn(self, data, ridge):
        y = np.stack([data.y, np.cos(data.y), data.y**2], axis=1)
        peer = KernelRidge(kernel=lambda x, z: nngp(x[None], z[None]).item(), alpha=ridge).fit(data.X, y)
        model = KernelRegression("relu", ridge=ridge).fit(data.X, y)
        np.testing.assert_allclose(model.predict(data.X_test), peer.predict(data.X_test), rtol=1e-10, atol=1e-13)
        assert model.residual_ < 1e-13

    def test_the_bandwidth_of_the_laplace_kernel(self, data):
        model, same = KernelRegression(Laplace(1 / 0.7)), KernelRegression(lambda X, Z: laplace(X, Z, L=0.7))
        predictions = [m.fit(data.X, data.y).predict(data.X_test) for m in (model, same)]
        np.testing.assert_array_equal(*predictions)
        assert not np.allclose(predictions[0], KernelRegression("laplace").fit(data.X, data.y).predict(data.X_test))

    def test_many_outputs_are_solved_each_by_itself(self, data):
        y = np.stack([data.y, data.y**2], axis=1)
        model = KernelRegression("sine").fit(data.X, y)
        assert model.dual_coef_.shape == (60, 2)
        for column in range(2):
            alone = KernelRegression("sine").fit(data.X, y[:, column]).predict(data.X_test)
            np.testing.assert_allclose(model.predict(data.X_test)[:, column], alone, rtol=1e-10, atol=1e-14)

    def test_the_residual_is_what_it_says(self, data):
        model = KernelRegression("relu", ridge=0.1, precision="single").fit(data.X, data.y)
        residual = (nngp(data.X) + 0.1 * np.eye(60)) @ model.dual_coef_ - data.y
        assert model.residual_ == pytest.approx(np.linalg.norm(residual) / np.linalg.norm(data.y), rel=1e-6)

    def test_single_precision_costs_digits_and_reports_it(self, data):
        single, double = (KernelRegression("relu", precision=p).fit(data.X, data.y) for p in ("single", "double"))
        assert double.residual_ < 1e-12 < 1e-8 < single.residual_ < 1e-4
        np.testing.assert_allclose(single.predict(data.X_test), double.predict(data.X_test), atol=1e-5)

    @pytest.mark.parametrize("chosen", [slice(7), slice(None, None, -1), [29, 3, 17]])
    def test_a_prediction_in_single_precision_depends_on_others_by_rounding(self, data, chosen):
        model = KernelRegression("erf", ridge=1e-3, precision="single").fit(data.X, data.y)
        # The entries of the Gram matrix are 1 at most, and off by a few units of rounding.
        bound = 4 * np.finfo(np.float32).eps * np.abs(model.dual_coef_).sum()
        together = model.predict(data.X_test)
        assert bound < 1e-3 * np.abs(together).max()
        np.testing.assert_allclose(model.predict(data.X_test[chosen]), together[chosen], rtol=0, atol=bound)

    def test_the_precision_is_that_of_the_gram_matrix(self, data):
        asked = []

        def kernel(X, Z):
            asked.append(X.dtype)
            return nngp(X, Z)

        KernelRegression(kernel, precision="single").fit(data.X, data.y)
        assert asked == [np.float32, np.float64], "single for the solution, double for its residual"

    def test_a_target_of_zero(self, data):
        model = KernelRegression("relu").fit(data.X, np.zeros(60))
        assert model.residual_ == 0
        np.testing.assert_array_equal(model.predict(data.X_test), 0)

    def test_the_arguments_are_left_alone(self, data):
        K, X, y = nngp(data.X), data.X.copy(), data.y.copy()
        before = K.copy()
        KernelRegression(lambda *_: K, ridge=0.5).fit(data.X, data.y)  # of 60 samples there is one tile
        np.testing.assert_array_equal(K, before)
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.y, y)

    def test_in_scikit_learns_tools(self, data):
        search = GridSearchCV(KernelRegression("relu"), {"ridge": [0.0, 1.0], "kernel": ["relu", "erf"]}, cv=3)
        search.fit(data.X, data.y)
        assert search.best_params_["ridge"] == 0
        assert clone(KernelRegression(Laplace(3.0))).kernel == Laplace(3.0)

    def test_predicting_before_fitting(self, data):
        with pytest.raises(NotFittedError):
            KernelRegression().predict(data.X)


class TestSingular:
    def test_one_sample_twice_with_two_labels_gets_their_mean(self, data):
        X, y = np.vstack([data.X, 2 * data.X[:1]]), np.append(data.y, data.y[0] + 1)
        with pytest.warns(
            scipy.linalg.LinAlgWarning, match="n_samples = 61, .* has only 60 eigenvalues above rounding"
        ):
            model = KernelRegression("relu").fit(X, y)
        np.testing.assert_allclose(model.predict(X[[0, -1]]), data.y[0] + 0.5, rtol=1e-8)
        assert model.residual_ == pytest.approx(np.sqrt(0.5) / np.linalg.norm(y), rel=1e-8)

    def test_the_same_sample_with_the_same_label_changes_nothing(self, data):
        X, y = np.vstack([data.X, data.X[:1]]), np.append(data.y, data.y[0])
        with pytest.warns(scipy.linalg.LinAlgWarning, match="remove samples that the kernel cannot tell apart"):
            model = KernelRegression("erf").fit(X, y)
        alone = KernelRegression("erf").fit(data.X, data.y)
        np.testing.assert_allclose(model.predict(data.X_test), alone.predict(data.X_test), rtol=1e-8)
        assert model.dual_coef_[0] == pytest.approx(model.dual_coef_[-1], rel=1e-6), "the norm is least when shared"

    def test_more_samples_than_features_is_least_squares(self, data):
        with pytest.warns(scipy.linalg.LinAlgWarning, match="only 40 eigenvalues"):
            model = KernelRegression("linear").fit(data.X, data.y)
        weights = np.linalg.lstsq(data.X, data.y)[0]
        np.testing.assert_allclose(model.predict(data.X_test), data.X_test @ weights, rtol=1e-8, atol=1e-12)

    def test_the_limit_of_a_small_ridge(self, data):
        X, y = np.vstack([data.X, data.X[:5]]), np.append(data.y, np.arange(5.0))
        with pytest.warns(scipy.linalg.LinAlgWarning):
            limit = KernelRegression("relu").fit(X, y)
        near = KernelRegression("relu", ridge=1e-8).fit(X, y)
        np.testing.assert_allclose(near.predict(data.X_test), limit.predict(data.X_test), rtol=1e-4, atol=1e-6)

    def test_with_a_ridge_there_is_no_warning(self, data, recwarn):
        X, y = np.vstack([data.X, data.X]), np.append(data.y, data.y)
        KernelRegression("relu", ridge=1e-6).fit(X, y)
        assert not recwarn.list

    def test_too_many_rows_for_eigenvectors(self, data, monkeypatch):
        monkeypatch.setattr(singular, "EIGENVECTORS_UP_TO", 60)
        X, y = np.vstack([data.X, data.X[:1]]), np.append(data.y, 1)
        with pytest.raises(
            InputError,
            match=r"is not positive definite, the pivot of row 60 is \S+ \(its sample has the direction of that of "
            r"row 0\): remove samples .*, or set a ridge",
        ) as caught:
            KernelRegression("relu").fit(X, y)
        # What is left of a diagonal of 1 is rounding, which the order of BLAS's sums decides: often exactly 0.
        pivot = float(re.search(r"row 60 is (\S+)", str(caught.value))[1])
        assert abs(pivot) < 100 * np.finfo(float).eps

    def test_the_misprint_in_the_problem_set_is_no_kernel(self, data):
        def printed(X, Z):
            xi = np.clip(X @ Z.T, -1, 1)
            return (xi * (np.pi * np.arccos(xi)) + np.sqrt(1 - xi**2)) / np.pi

        with pytest.raises(
            InputError, match=r"has the negative eigenvalue -\S+ \(the pivot of row 0 is 0\): the function is no"
        ):
            KernelRegression(printed).fit(data.X, data.y)


class TestBadInput:
    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"kernel": "rellu"}, "unknown kernel 'rellu': choose one of identity, relu, "),
            ({"precision": "half"}, "'precision' parameter of KernelRegression must be a str .* Got 'half' instead"),
            ({"ridge": -1.0}, r"'ridge' parameter of .* in the range \[0.0, inf\) or an array-like. Got -1.0"),
            ({"ridge": np.nan}, "'ridge' parameter .* Got nan instead"),
            ({"kernel": lambda X, _: X}, r"returns shape \(60, 40\) for 60 against 60 samples"),
        ],
    )
    def test_parameters(self, data, parameters, message):
        with pytest.raises(InputError, match=message):
            KernelRegression(**parameters).fit(data.X, data.y)

    def test_samples_of_another_size(self, data):
        with pytest.raises(ValueError, match="expecting 40 features"):
            KernelRegression().fit(data.X, data.y).predict(np.ones((2, 3)))


def test_the_progress_is_shown_on_request(data, capsys):
    KernelRegression("erf").fit(data.X, data.y)
    assert not capsys.readouterr().err
    KernelRegression("erf", verbose=True).fit(data.X, data.y)
    assert "factorising 60 rows: 100%" in capsys.readouterr().err


class TestConditionNumber:
    def test_against_numpy(self, data):
        assert condition_number(nngp(data.X)) == pytest.approx(np.linalg.cond(nngp(data.X)), rel=1e-9)

    def test_negative_eigenvalues_count_by_their_size(self):
        assert condition_number(np.diag([2.0, -8.0, 4.0])) == 4

    def test_singular(self):
        assert condition_number(np.zeros((2, 2))) == np.inf
