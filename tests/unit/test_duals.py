"""Dual activations against their definition, by integration and in fifty digits."""

import functools
import pickle
from functools import partial

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS, exponential, leaky_relu
from nngplab.kernels.polynomials import hermite, monomial
from nngplab.kernels.tabulated import dual_and_error, dual_by_quadrature, dual_of, hermite_coefficients

mp = mpmath.mpf


def of_absolute_value(t):
    return 2 / mpmath.pi * (mpmath.sqrt(1 - t**2) + t * mpmath.asin(t))


def of_gelu(t):
    """As the literature has it (Tsuchida et al. 2021, at unit variances), not scaled."""
    r = mpmath.sqrt(4 - t**2)
    return t / 4 + (t**2 / r + t * mpmath.asin(t / 2) + (1 - t**2) / r) / (2 * mpmath.pi)


# In fifty digits, from the literature, in another form than the library's.
EXACT = {
    "identity": lambda t: t,
    "relu": lambda t: (t * (mpmath.pi - mpmath.acos(t)) + mpmath.sqrt(1 - t**2)) / mpmath.pi,
    "leaky_relu": lambda t: (
        (mp("1.01") ** 2 * t + mp("0.99") ** 2 * of_absolute_value(t)) / (2 * (1 + mp("0.01") ** 2))
    ),
    "absolute": of_absolute_value,
    "step": lambda t: 1 - mpmath.acos(t) / mpmath.pi,
    "sine": lambda t: 2 * mpmath.e / (mpmath.e**2 - 1) * mpmath.sinh(t),
    "cosine": lambda t: mpmath.cosh(t) / mpmath.cosh(1),
    "erf": lambda t: mpmath.asin(2 * t / 3) / mpmath.asin(mp(2) / 3),
    "exponential": lambda t: mpmath.exp(-1 + t),
    "gaussian": lambda t: mpmath.sqrt(mp(5) / (9 - 4 * t**2)),
    "gelu": lambda t: of_gelu(t) / of_gelu(mp(1)),
    "monomial_2": lambda t: (1 + 2 * t**2) / 3,
    "monomial_3": lambda t: (3 * t + 2 * t**3) / 5,
    "hermite_2": lambda t: t**2,
    "hermite_3": lambda t: t**3,
}
FAMILIES = {
    "leaky_relu(0.3)": (leaky_relu(0.3), 0.3),
    "exponential(-2)": (exponential(-2.0), -2.0),
    "monomial(6)": (monomial(6), 6),
    "hermite(5)": (hermite(5), 5),
    "monomial(0)": (monomial(0), 0),
    "hermite(1)": (hermite(1), 1),
}
ALL = {**DUALS, **{name: dual for name, (dual, _) in FAMILIES.items()}}
NEAR_THE_ENDS = [1 - 10.0**-power for power in (1, 2, 4, 8, 12, 15, 16)] + [1.0]
CORRELATIONS = np.concatenate([np.linspace(-1, 1, 201), NEAR_THE_ENDS, np.negative(NEAR_THE_ENDS)])

correlations = st.floats(-1, 1) | st.sampled_from([sign * xi for xi in NEAR_THE_ENDS for sign in (-1, 1)])


@pytest.mark.parametrize("name", DUALS)
class TestEachDual:
    def test_fifty_digits(self, name):
        with mpmath.workdps(50):
            exact = [float(EXACT[name](mp(t))) for t in CORRELATIONS.tolist()]
        np.testing.assert_allclose(DUALS[name](CORRELATIONS), exact, rtol=0, atol=1e-15)

    def test_the_derivative_in_fifty_digits(self, name):
        """The derivative of the exact dual: at the ends too, but where it is infinite there."""
        xi = CORRELATIONS if name != "step" else CORRELATIONS[np.abs(CORRELATIONS) < 1]
        with mpmath.workdps(80):
            # From inside the interval, on which alone the dual is real.
            exact = [float(mpmath.re(slope(EXACT[name], mp(t)))) for t in xi.tolist()]
        np.testing.assert_allclose(DUALS[name].derivative(xi), exact, rtol=2e-15, atol=1e-15)
        if name == "step":
            np.testing.assert_array_equal(DUALS[name].derivative([-1.0, 1.0]), np.inf)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_dtype_is_kept(self, name, dtype):
        xi = np.linspace(-1, 1, 9, dtype=dtype).reshape(3, 3)[:, :2]
        for values, exact in (
            (DUALS[name](xi), DUALS[name](xi.astype(np.float64))),
            (DUALS[name].derivative(xi), DUALS[name].derivative(xi.astype(np.float64))),
        ):
            assert values.dtype == dtype
            assert values.shape == (3, 2)
            np.testing.assert_allclose(values, exact, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)

    def test_integers_and_lists(self, name):
        assert DUALS[name](1) == 1
        np.testing.assert_array_equal(DUALS[name]([0, 1]), DUALS[name](np.array([0.0, 1.0])))

    def test_rounding_beyond_one_is_clipped_and_nan_stays(self, name):
        values = DUALS[name](np.array([1 + 1e-15, -1 - 1e-15, np.nan]))
        assert values[0] == 1
        assert values[1] == DUALS[name](-1.0)
        assert np.isnan(values[2])

    def test_pickles(self, name):
        assert pickle.loads(pickle.dumps(DUALS[name]))(0.3) == DUALS[name](0.3)


def slope(function, t):
    """The derivative, one-sided at the ends of [-1, 1], by the dual's smoothness in arccos(t)."""
    h = mp(10) ** -30
    low, high = max(t - h, mp(-1)), min(t + h, mp(1))
    return (function(high) - function(low)) / (high - low)


@pytest.mark.parametrize("name", ALL)
class TestEachDualAndFamily:
    @settings(max_examples=10)
    @given(xi=correlations)
    def test_the_definition(self, name, xi):
        by_quadrature = dual_by_quadrature(ALL[name].activation, xi)
        np.testing.assert_allclose(ALL[name](xi), by_quadrature, rtol=0, atol=2e-14)

    def test_normalised(self, name):
        assert ALL[name](1.0) == pytest.approx(1, abs=0 if name in DUALS else 1e-15)
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        plain = weights @ ALL[name].plain(nodes) ** 2 / np.sqrt(2 * np.pi)
        assert ALL[name].second_moment == pytest.approx(plain, rel=1e-9)
        np.testing.assert_allclose(ALL[name].activation(nodes) ** 2 * plain, ALL[name].plain(nodes) ** 2, rtol=1e-8)

    def test_a_power_series_with_non_negative_coefficients(self, name):
        """The squares of the Hermite coefficients (Daniely et al. 2016); 120 of them are enough up to |xi| = 0.8."""
        coefficients = hermite_coefficients(ALL[name].activation, 120)
        xi = np.linspace(-0.8, 0.8, 17)
        np.testing.assert_allclose(ALL[name](xi), np.polynomial.polynomial.polyval(xi, coefficients**2), atol=1e-12)

    @settings(max_examples=30)
    @given(st.lists(correlations, min_size=1, max_size=20))
    def test_bounded_by_its_value_at_one_and_convex_from_zero_to_one(self, name, xi):
        values = ALL[name](np.array(xi))
        assert np.all(np.abs(values) <= 1 + 1e-15)
        xi = np.unique(np.abs(xi))
        assert np.all(np.diff(ALL[name](xi)) >= -1e-15)
        slopes = ALL[name].derivative(xi)
        assert np.all(slopes >= 0)
        assert np.all(slopes[1:] >= slopes[:-1] * (1 - 1e-14))

    @pytest.mark.parametrize(("a", "b", "xi"), [(1, 1, 0.3), (0.5, 2, 0.9), (1.7, 0.6, -0.8), (2, 2, 0.0)])
    def test_other_variances(self, name, a, b, xi):
        """The moment is that of phi(sqrt(a) x) and phi(sqrt(b) x) at correlation xi, by polarisation."""
        phi, c = ALL[name].activation, xi * np.sqrt(a * b)

        def scaled(x, sign):
            return phi(np.sqrt(a) * x) + sign * phi(np.sqrt(b) * x)

        # E[(f + g)(u) (f + g)(v)] - E[(f - g)(u) (f - g)(v)] = 2 E[f(u) g(v)] + 2 E[g(u) f(v)]: both alike.
        (plus, plus_error), (minus, minus_error) = (dual_and_error(partial(scaled, sign=sign), xi) for sign in (1, -1))
        moment = ALL[name].moment(*(np.float64(value) for value in (c, a, b)))
        assert abs(moment - (plus - minus) / 4) <= (plus_error + minus_error) / 4
        assert plus_error + minus_error < 1e-7

    @pytest.mark.parametrize(("a", "b", "xi"), [(1, 1, 0.3), (0.5, 2, 0.9), (1.7, 0.6, -0.8), (2, 2, 0.0)])
    def test_the_derivative_is_that_of_the_moment(self, name, a, b, xi):
        """Price's theorem, by central differences."""
        c, h = xi * np.sqrt(a * b), 1e-5
        a, b = np.float64(a), np.float64(b)
        moment = ALL[name].moment
        slope = (
            8 * (moment(c + h, a, b) - moment(c - h, a, b)) - moment(c + 2 * h, a, b) + moment(c - 2 * h, a, b)
        ) / (12 * h)
        assert ALL[name].derivative_moment(np.float64(c), a, b) == pytest.approx(slope, rel=1e-8, abs=1e-9)

    def test_moment_at_unit_variances_is_the_dual(self, name):
        xi = np.linspace(-1, 1, 41)
        np.testing.assert_allclose(ALL[name].moment(xi, np.ones(41), np.ones(41)), ALL[name](xi), rtol=1e-15)


class TestFamilies:
    def test_leaky_relu_joins_relu_absolute_value_and_identity(self):
        xi = np.linspace(-1, 1, 41)
        for slope_below, name in ((0, "relu"), (-1, "absolute"), (1, "identity")):
            np.testing.assert_allclose(leaky_relu(slope_below)(xi), DUALS[name](xi), rtol=0, atol=1e-15)
            np.testing.assert_allclose(leaky_relu(slope_below).derivative(xi), DUALS[name].derivative(xi), atol=1e-15)

    def test_exponential_is_problem_6(self):
        xi = np.linspace(-1, 1, 41)
        np.testing.assert_allclose(exponential(0.7)(xi), np.exp(-0.49 + 0.49 * xi), rtol=1e-15)
        assert exponential(0.7).plain(0.2) == pytest.approx(np.exp(-0.49 + 0.7 * 0.2))

    def test_hermite_is_a_power_of_any_degree(self):
        xi = np.linspace(-1, 1, 41)
        for degree in (0, 1, 7, 40):
            np.testing.assert_allclose(hermite(degree)(xi), xi**degree, rtol=1e-14)
            np.testing.assert_allclose(hermite(degree).derivative(xi), degree * xi ** max(degree - 1, 0), rtol=1e-14)

    def test_a_monomial_is_the_sum_of_its_hermite_polynomials(self):
        coefficients = hermite_coefficients(monomial(5).activation, 7)
        assert coefficients[[1, 3, 5]] ** 2 == pytest.approx([225 / 945, 600 / 945, 120 / 945])
        np.testing.assert_allclose(coefficients[[0, 2, 4, 6]], 0, atol=1e-14)

    @pytest.mark.parametrize("family", [monomial, hermite])
    @pytest.mark.parametrize("degree", [-1, 2.5])
    def test_no_degree(self, family, degree):
        with pytest.raises(InputError, match=f"the degree is {degree}: it must be an integer, 0 or above"):
            family(degree)

    @pytest.mark.parametrize("family", [leaky_relu, exponential])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_no_number(self, family, value):
        with pytest.raises(InputError, match="it must be a finite number"):
            family(value)


@pytest.mark.parametrize("name", ["relu", "step"])
def test_moments_of_a_vector_without_length(name):
    zero, one = np.float64(0), np.float64(1)
    assert DUALS["relu"].moment(zero, zero, one) == 0
    # A unit that sees nothing is at the jump, where it is 1/2: so is its mean product with any other.
    assert DUALS["step"].moment(zero, zero, one) == 0.5


@pytest.mark.parametrize("name", ["sine", "cosine"])
def test_bounded_activations_do_not_overflow_for_large_variances(name):
    variance = np.float64(1e4)
    bound = 1 / (np.exp(-1) * {"sine": np.sinh, "cosine": np.cosh}[name](1))
    # E[sin(u)^2] tends to 1/2, with u spread over many periods.
    assert DUALS[name].moment(variance, variance, variance) == pytest.approx(bound / 2, rel=1e-12)


def softplus(x):
    return np.logaddexp(0, x)


@functools.cache
def softplus_dual():
    """Its table, made once: most tests need no other."""
    return dual_of(softplus)


class TestTabulated:
    """`dual_of` knows nothing of the closed forms that it is compared with."""

    @pytest.mark.parametrize("name", ["relu", "step", "erf", "gelu", "gaussian", "hermite_3", "exponential"])
    def test_against_the_closed_form(self, name):
        table = dual_of(DUALS[name].plain, name)
        xi = np.concatenate([CORRELATIONS, np.random.default_rng(0).uniform(-1, 1, 1000)])
        np.testing.assert_allclose(table(xi), DUALS[name](xi), rtol=0, atol=2e-14)
        assert table.second_moment == pytest.approx(DUALS[name].second_moment, rel=1e-13)
        assert table(1.0) == 1

    def test_the_derivative(self):
        table = dual_of(DUALS["relu"].plain, "relu", lambda x: np.heaviside(x, 0.5))
        np.testing.assert_allclose(table.derivative(CORRELATIONS), DUALS["relu"].derivative(CORRELATIONS), atol=2e-14)

    def test_an_activation_without_closed_form(self):
        dual = softplus_dual()
        xi = np.array([-1, -0.999, -0.5, 0, 0.7, 1 - 1e-9, 1])
        by_quadrature = dual_by_quadrature(softplus, xi)
        np.testing.assert_allclose(dual(xi) * dual.second_moment, by_quadrature, rtol=1e-13)
        assert dual.name == "softplus"
        coefficients = hermite_coefficients(dual.activation, 100)
        np.testing.assert_allclose(dual(0.6), np.polynomial.polynomial.polyval(0.6, coefficients**2), rtol=1e-12)

    def test_several_kinks(self):
        def clipped(x):
            return np.clip(x, -1, 1)

        xi = np.array([-0.9999, -0.5, 0.3, 0.99, 1 - 1e-7])
        dual = dual_of(clipped)
        np.testing.assert_allclose(dual(xi) * dual.second_moment, dual_by_quadrature(clipped, xi), rtol=1e-12)

    def test_single_precision_and_shape(self):
        values = softplus_dual()(np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3))
        assert values.dtype == np.float32
        assert values.shape == (2, 3)

    def test_pickles(self):
        dual = softplus_dual()
        assert pickle.loads(pickle.dumps(dual))(0.3) == dual(0.3)

    def test_different_variances_are_an_error(self):
        with pytest.raises(InputError, match="softplus is tabulated for one variance at a time: normalise the rows"):
            softplus_dual().moment(*np.array([[0.5], [2.0], [3.0]]))

    def test_a_derivative_that_was_not_given(self):
        with pytest.raises(
            InputError, match=r"softplus was made without its derivative: give dual_of\(..., derivative="
        ):
            softplus_dual().derivative(0.5)

    @pytest.mark.parametrize(
        ("activation", "derivative"),
        [(softplus, softplus), (np.tanh, lambda x: 1 - np.tanh(x)), (lambda x: np.sign(x) + x, np.ones_like)],
    )
    def test_a_derivative_of_another_function(self, activation, derivative):
        with pytest.raises(InputError, match="the derivative given for phi is not its own"):
            dual_of(activation, "phi", derivative)

    def test_the_scale_of_the_activation_does_not_matter(self):
        for scale in (1e-9, 1e9):
            dual = dual_of(lambda x, scale=scale: scale * softplus(x), "scaled")
            np.testing.assert_allclose(dual(CORRELATIONS), softplus_dual()(CORRELATIONS), rtol=0, atol=1e-14)
        with pytest.raises(InputError, match=r"tiny: the error of the dual may be .*, its value at 1 being .*e-13"):
            dual_of(lambda x: 1e-6 * np.sin(50 * x), "tiny")

    def test_an_activation_that_is_zero(self):
        with pytest.raises(InputError, match="dual_of: the activation zero is zero everywhere"):
            dual_of(lambda x: 0 * x, "zero")

    def test_an_activation_whose_error_is_too_large(self):
        with pytest.raises(InputError, match="fast: the error of the dual may be"):
            dual_of(lambda x: np.exp(x**2 / 5), "fast")
