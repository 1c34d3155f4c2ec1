"""Kernel regression against fifty digits, against its peers, and against scikit-learn's contract."""

import pickle
import re
import tracemalloc
from functools import partial

import mpmath
import numpy as np
import pytest
import scipy.linalg
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import sine_target
from nngplab.errors import InputError
from nngplab.kernels.gram import laplace, nngp
from nngplab.kernels.objects import NNGP, NTK, Laplace, as_kernel
from nngplab.regression import cholesky, linear_system, memory, products, refinement, singular, tiles
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.linear_system import LinearSystem
from nngplab.regression.memory import PRECISIONS, memory_needed
from nngplab.regression.singular import condition_number

singular_matrix = pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")


def not_in_single_precision(estimator):
    """A sample's prediction in single precision depends, in its last digits, on those predicted with it.

    The checks ask for seven digits. `test_a_prediction_in_single_precision_depends_on_others_by_rounding` has the bound
    that holds. Whether the order of the samples matters too hangs on the CPU, and on how the check happens to shuffle.
    """
    if estimator.precision == "double" or estimator.refine:
        return {}
    checks = ("check_methods_subset_invariance", "check_methods_sample_order_invariance")
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
    check_estimator(KernelRegression(rbf_kernel))


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

    def test_single_precision_costs_digits_and_says_so(self, data):
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

    def test_a_ridge_mends_it_without_a_warning(self, data, recwarn):
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
            ({"precision": "half"}, "unknown precision 'half': choose one of double, single"),
            ({"ridge": -1.0}, "the ridge is -1.0: it must be a finite number, 0 or above"),
            ({"ridge": np.nan}, "the ridge is nan"),
            ({"kernel": lambda X, _: X}, r"returns shape \(60, 40\) for 60 against 60 samples"),
        ],
    )
    def test_parameters(self, data, parameters, message):
        with pytest.raises(InputError, match=message):
            KernelRegression(**parameters).fit(data.X, data.y)

    def test_samples_of_another_size(self, data):
        with pytest.raises(ValueError, match="expecting 40 features"):
            KernelRegression().fit(data.X, data.y).predict(np.ones((2, 3)))


@pytest.fixture(scope="module")
def many():
    """Samples for several tiles of 64 rows, and three outputs."""
    data = sine_target(300, 40, 150, seed=5)
    y = np.stack([data.y, np.cos(3 * data.y), data.X[:, 0]], axis=1)
    return data.X, y, data.X_test


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "tile_size", lambda _: 64)
    monkeypatch.setattr(products, "ROWS", 50)


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

    @pytest.mark.parametrize("ridge", [1e-4, 1e-2])
    def test_the_residual_bounds_the_error_of_each_prediction(self, many, ridge):
        """By |r| / sqrt(ridge) for a normalised kernel: docs/kernel_regression.md."""
        X, y, X_test = many
        exact = KernelRegression("relu", ridge, refine=True, tol=1e-14).fit(X, y[:, 0])
        single = KernelRegression("relu", ridge, "single").fit(X, y[:, 0])
        errors = np.abs(nngp(X_test, X) @ single.dual_coef_ - exact.predict(X_test))
        bound = single.residual_ * np.linalg.norm(y[:, 0]) / np.sqrt(ridge)
        assert 0 < errors.max() < bound < 1e-2

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


@pytest.mark.usefixtures("small_tiles")
class TestLeaveOneOut:
    @pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-8), ("single", 1e-3)])
    def test_against_leaving_one_out(self, many, precision, tolerance):
        X, y, _ = many
        model = KernelRegression("erf", 0.01, precision, loo=True).fit(X, y)
        for left in (0, 63, 64, 299):
            others = np.arange(300) != left
            prediction = KernelRegression("erf", 0.01).fit(X[others], y[others]).predict(X[[left]])
            np.testing.assert_allclose(model.loo_residuals_[[left]], y[[left]] - prediction, atol=tolerance)

    def test_a_fit_without_it_leaves_none_of_an_earlier_one(self, many):
        X, y, _ = many
        model = KernelRegression("erf", 0.01, loo=True).fit(X, y)
        model.set_params(loo=False).fit(X, y)
        assert not hasattr(model, "loo_residuals_")

    def test_there_is_none_for_a_singular_matrix(self, many):
        X, y, _ = many
        with pytest.raises(InputError, match="is not positive definite"):
            KernelRegression("linear", loo=True).fit(X, y)


@pytest.mark.usefixtures("small_tiles")
class TestRidgePath:
    def test_it_is_a_fit_for_each_ridge(self, many):
        X, y, X_test = many
        ridges = [0.0, 1e-3, 1.0]
        for model, ridge in zip(KernelRegression("relu").ridge_path(X, y, ridges), ridges, strict=True):
            alone = KernelRegression("relu", ridge).fit(X, y)
            assert model.ridge == ridge
            np.testing.assert_array_equal(model.predict(X_test), alone.predict(X_test))
            assert model.residual_ == alone.residual_

    @pytest.mark.parametrize(("free", "times"), [(10**12, 1), (None, 3)], ids=["kept", "no memory to keep it"])
    def test_the_gram_matrix_is_computed_once_where_it_can_be_kept(self, many, monkeypatch, free, times):
        X, y, _ = many
        free = free or memory_needed(300, 40) + 1000
        monkeypatch.setattr(memory, "available_memory", lambda: free)
        monkeypatch.setattr(linear_system, "EXACT_RESIDUAL_UP_TO", 0)
        monkeypatch.setattr(linear_system, "RESIDUAL_ROWS", 1)
        asked = []

        def kernel(A, B):
            asked.append(len(A) > 1)
            return laplace(A, B)

        models = list(KernelRegression(kernel).ridge_path(X, y, [0.1, 0.2, 0.3]))
        assert len(models) == 3
        assert sum(asked) == 15 * times


def peak_memory(function) -> int:
    """The bytes that a call takes at most."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestMemory:
    def test_too_little_is_refused_with_the_way_out(self, data, monkeypatch):
        monkeypatch.setattr(memory, "available_memory", lambda: 100_000)
        with pytest.raises(
            InputError, match=r"^60 samples need 0\.00 GiB of memory in double precision, and 0\.00 GiB "
        ):
            KernelRegression().fit(data.X, data.y)
        with pytest.raises(InputError, match='or precision="single" takes '):
            KernelRegression().fit(data.X, data.y)
        with pytest.raises(InputError, match="or take fewer samples"):
            KernelRegression(precision="single").fit(data.X, data.y)

    @pytest.mark.parametrize("precision", PRECISIONS)
    @pytest.mark.parametrize("loo", [False, True])
    def test_a_fit_takes_what_is_said(self, precision, loo):
        X = np.random.default_rng(0).standard_normal((3000, 20))
        KernelRegression("erf", 1.0).fit(X[:10], X[:10])
        peak = peak_memory(lambda: KernelRegression("erf", 1.0, precision, loo=loo).fit(X, X[:, 0]))
        said = memory_needed(3000, 20, precision, loo, copied=precision == "single")
        assert 0.7 * said < peak < 1.05 * said

    @pytest.mark.parametrize(("ridges", "triangles"), [([1.0], 1), ([1.0, 2.0], 2)])
    def test_a_path_takes_a_second_triangle_only_for_several_ridges(self, ridges, triangles):
        X = np.random.default_rng(0).standard_normal((3000, 20))
        peak = peak_memory(lambda: [None for _ in KernelRegression("erf").ridge_path(X, X[:, 0], ridges)])
        said = memory_needed(3000, 20, copied=False) + (triangles - 1) * 4 * 3000**2
        assert 0.8 * said < peak < 1.15 * said

    def test_many_blocks_of_rows_predict_as_one(self):
        random = np.random.default_rng(0)
        X, X_test, y = (
            random.standard_normal((1100, 6)),
            random.standard_normal((1500, 6)),
            random.standard_normal(1100),
        )
        model = KernelRegression("laplace", ridge=0.1).fit(X, y)
        np.testing.assert_allclose(model.predict(X_test), laplace(X_test, X) @ model.dual_coef_, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("small_tiles")
class TestCheckpoint:
    def test_a_fit_goes_on_after_an_interrupt(self, many, monkeypatch, tmp_path, caplog):
        X, y, _ = many
        model = KernelRegression("relu", checkpoint=tmp_path / "factor")
        calls = iter(range(100))

        def tile(problem, *place, real=LinearSystem.tile):
            if next(calls) == 9:
                raise KeyboardInterrupt
            return real(problem, *place)

        with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
            context.setattr(LinearSystem, "tile", tile)
            model.fit(X, y)
        with caplog.at_level("INFO"):
            model.fit(X, y)
        assert "continues after" in caplog.text
        np.testing.assert_array_equal(model.dual_coef_, KernelRegression("relu").fit(X, y).dual_coef_)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("change", ["samples", "ridge", "precision", "kernel"])
    def test_another_fit_does_not_take_its_tiles(self, many, monkeypatch, tmp_path, change):
        X, y, _ = many
        model = KernelRegression("relu", 0.1, checkpoint=tmp_path / "factor")
        with monkeypatch.context() as context, pytest.raises(ZeroDivisionError):
            context.setattr(cholesky, "_factor_diagonal_tile", lambda tile, _, start: tile if start < 128 else 1 / 0)
            model.fit(X, y)
        others = {
            "ridge": {"ridge": 0.2},
            "precision": {"precision": "single"},
            "kernel": {"kernel": "erf"},
            "samples": {},
        }
        model.set_params(**others[change])
        X = X[::-1] if change == "samples" else X
        model.fit(X, y)
        expected = clone(model).set_params(checkpoint=None).fit(X, y)
        np.testing.assert_array_equal(model.dual_coef_, expected.dual_coef_)

    def test_a_function_is_refused(self, many, tmp_path):
        X, y, _ = many
        with pytest.raises(
            InputError,
            match=r"checkpoint: kernel Function\(.*\) is a function, whose name does not say what it computes",
        ):
            KernelRegression(laplace, checkpoint=tmp_path / "factor").fit(X, y)


def test_the_progress_is_shown_if_asked_for(data, capsys):
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
