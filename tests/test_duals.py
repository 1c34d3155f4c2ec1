"""Dual activations against their definition, by integration and in fifty digits."""

import mpmath
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.duals import DUALS, dual_by_quadrature
from nngplab.errors import InputError

# In fifty digits, from the literature, in another form than the library's.
EXACT = {
    "identity": lambda t: t,
    "relu": lambda t: (t * (mpmath.pi - mpmath.acos(t)) + mpmath.sqrt(1 - t**2)) / mpmath.pi,
    "sine": lambda t: 2 * mpmath.e / (mpmath.e**2 - 1) * mpmath.sinh(t),
    "cosine": lambda t: mpmath.cosh(t) / mpmath.cosh(1),
    "erf": lambda t: mpmath.asin(2 * t / 3) / mpmath.asin(mpmath.mpf(2) / 3),
    "exponential": lambda t: mpmath.exp(-1 + t),
}
NEAR_THE_ENDS = [1 - 10.0**-power for power in (1, 2, 4, 8, 12, 15, 16)] + [1.0]

correlations = st.floats(-1, 1) | st.sampled_from([sign * xi for xi in NEAR_THE_ENDS for sign in (-1, 1)])


@pytest.mark.parametrize("name", DUALS)
class TestEachDual:
    def test_fifty_digits(self, name):
        xi = np.concatenate([np.linspace(-1, 1, 201), NEAR_THE_ENDS, np.negative(NEAR_THE_ENDS)])
        with mpmath.workdps(50):
            exact = [float(EXACT[name](mpmath.mpf(t))) for t in xi.tolist()]
        np.testing.assert_allclose(DUALS[name](xi), exact, rtol=0, atol=1e-15)

    @settings(max_examples=15, deadline=None)
    @given(xi=correlations)
    def test_the_definition(self, name, xi):
        by_quadrature = dual_by_quadrature(DUALS[name].activation, xi)
        np.testing.assert_allclose(DUALS[name](xi), by_quadrature, rtol=0, atol=2e-14)

    def test_normalised(self, name):
        assert DUALS[name](1.0) == 1

    @pytest.mark.parametrize(("a", "b", "xi"), [(1, 1, 0.3), (0.5, 2, 0.9), (1.7, 0.6, -0.8), (2, 2, 0.0)])
    def test_other_variances(self, name, a, b, xi):
        """Against an adaptive integral over the plane, in quadrants, so that the kink of ReLU is on an edge."""
        dual, c = DUALS[name], xi * np.sqrt(a * b)

        def integrand(v, u):
            density = np.exp(-(b * u**2 - 2 * c * u * v + a * v**2) / (2 * (a * b - c**2)))
            return dual.activation(u) * dual.activation(v) * density / (2 * np.pi * np.sqrt(a * b - c**2))

        halves = [(-16, 0), (0, 16)]
        parts = [scipy.integrate.dblquad(integrand, *u, *v, epsabs=1e-9)[0] for u in halves for v in halves]
        arguments = (np.float64(value) for value in (c, a, b))
        assert dual.moment(*arguments) == pytest.approx(sum(parts), abs=1e-7)

    def test_moment_at_unit_variances_is_the_dual(self, name):
        xi = np.linspace(-1, 1, 41)
        np.testing.assert_allclose(DUALS[name].moment(xi, np.ones(41), np.ones(41)), DUALS[name](xi), rtol=1e-15)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_dtype_is_kept(self, name, dtype):
        xi = np.linspace(-1, 1, 9, dtype=dtype).reshape(3, 3)
        dual = DUALS[name](xi)
        assert dual.dtype == dtype
        assert dual.shape == (3, 3)
        np.testing.assert_allclose(dual, DUALS[name](xi.astype(np.float64)), atol=8 * np.finfo(dtype).eps)

    def test_integers_and_lists(self, name):
        assert DUALS[name](1) == 1
        np.testing.assert_array_equal(DUALS[name]([0, 1]), DUALS[name](np.array([0.0, 1.0])))

    def test_rounding_beyond_one_is_clipped_and_nan_stays(self, name):
        values = DUALS[name](np.array([1 + 1e-15, -1 - 1e-15, np.nan]))
        assert values[0] == 1
        assert values[1] == DUALS[name](-1.0)
        assert np.isnan(values[2])


def test_relu_moment_of_a_vector_without_length():
    zero, one = np.float64(0), np.float64(1)
    assert DUALS["relu"].moment(zero, zero, one) == 0


@pytest.mark.parametrize("name", ["sine", "cosine"])
def test_bounded_activations_do_not_overflow_for_large_variances(name):
    variance = np.float64(1e4)
    bound = 1 / (np.exp(-1) * {"sine": np.sinh, "cosine": np.cosh}[name](1))
    # E[sin(u)^2] tends to 1/2, with u spread over many periods.
    assert DUALS[name].moment(variance, variance, variance) == pytest.approx(bound / 2, rel=1e-12)


class TestQuadrature:
    @settings(max_examples=20, deadline=None)
    @given(xi=correlations)
    def test_a_jump(self, xi):
        """Cho and Saul 2009, degree 0: the step function has the dual (pi - arccos xi) / (2 pi)."""
        np.testing.assert_allclose(
            dual_by_quadrature(lambda x: np.heaviside(x, 0.5), xi), np.arccos(-xi) / (2 * np.pi), rtol=0, atol=1e-14
        )

    @settings(max_examples=20, deadline=None)
    @given(xi=correlations)
    def test_problem_6_with_another_constant(self, xi):
        exact = np.exp(-4 + 4 * xi)
        np.testing.assert_allclose(dual_by_quadrature(lambda x: np.exp(-4 + 2 * x), xi), exact, rtol=0, atol=1e-12)

    @settings(max_examples=20, deadline=None)
    @given(xi=correlations, threshold=st.floats(-2, 2))
    def test_a_kink_anywhere(self, xi, threshold):
        """max(x, h) - max(-x, -h) is x + h: the duals of both sides agree, by E[(phi + psi)(u) (phi + psi)(v)]."""
        both = dual_by_quadrature(lambda x: np.maximum(x, threshold) - np.maximum(-x, -threshold), xi, [threshold])
        np.testing.assert_allclose(both, xi + threshold**2, rtol=0, atol=1e-13)

    def test_a_shifted_relu_at_the_ends(self):
        """E[max(u - h, 0)^2] = (1 + h^2) P(u > h) - h density(h); and u > h excludes -u > h for h > 0."""
        h = 0.7
        exact = (1 + h**2) * scipy.stats.norm.sf(h) - h * scipy.stats.norm.pdf(h)
        values = dual_by_quadrature(lambda x: np.maximum(x - h, 0), [1, -1, 0], kinks=[h])
        mean = scipy.stats.norm.pdf(h) - h * scipy.stats.norm.sf(h)
        np.testing.assert_allclose(values, [exact, 0, mean**2], rtol=0, atol=1e-15)

    def test_two_kinks(self):
        """A clipped ramp, against the integral of P(u > s, v > t) over s and t in [0, 1] (Hoeffding)."""
        xi = 0.6
        normal = scipy.stats.multivariate_normal(cov=[[1, xi], [xi, 1]])
        s, weight = np.polynomial.legendre.leggauss(12)
        s, weight = (s + 1) / 2, weight / 2
        both_above = normal.cdf(-np.stack(np.meshgrid(s, s), axis=-1))
        value = dual_by_quadrature(lambda x: np.clip(x, 0, 1), xi, kinks=[0, 1])
        assert value == pytest.approx(weight @ both_above @ weight, abs=1e-7)

    def test_a_kink_that_is_not_listed_is_an_error_and_no_wrong_digit(self):
        with pytest.raises(InputError, match="list every kink"):
            dual_by_quadrature(lambda x: np.maximum(x - 1, 0), 0.5)

    def test_the_shape_is_that_of_xi(self):
        assert dual_by_quadrature(np.tanh, np.zeros((2, 3))).shape == (2, 3)
        assert dual_by_quadrature(np.tanh, []).shape == (0,)

    @pytest.mark.parametrize("xi", [1.1, -2, np.nan])
    def test_no_correlation(self, xi):
        with pytest.raises(InputError, match="between -1 and 1"):
            dual_by_quadrature(np.tanh, [0.5, xi])
