"""The means with which the equations on the duals are checked are what they say."""

import mpmath
import numpy as np
import pytest
import scipy.stats
import sympy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nngplab.kernels.tabulated import dual_by_quadrature
from nngplab.theory.gaussian_pair import XI, U, V, density, density_given_v, mean, mean_given_v, quadrant_mean

correlations = st.floats(-0.95, 0.95)
numbers = st.floats(-3, 3)


class TestDensities:
    @settings(max_examples=25)
    @given(u=numbers, v=numbers, xi=st.floats(0.01, 0.95))
    def test_of_the_pair(self, u, v, xi):
        expected = scipy.stats.multivariate_normal(cov=[[1, xi], [xi, 1]]).pdf([u, v])
        assert float(density().subs({U: u, V: v, XI: xi})) == pytest.approx(expected, rel=1e-9, abs=1e-300)

    @settings(max_examples=25)
    @given(u=numbers, v=numbers, xi=st.floats(0.01, 0.95))
    def test_of_one_given_the_other(self, u, v, xi):
        expected = scipy.stats.norm(xi * v, np.sqrt(1 - xi**2)).pdf(u)
        assert float(density_given_v().subs({U: u, V: v, XI: xi})) == pytest.approx(expected, rel=1e-9, abs=1e-300)


class TestSymbolicMeans:
    """Against the moments of a Gaussian pair by Isserlis's formula."""

    @pytest.mark.parametrize(
        ("f", "expected"), [(V**4, 3), (U**2 * V**2, 1 + 2 * XI**2), (U**3 * V, 3 * XI), (U * V**2, 0)]
    )
    def test_moments(self, f, expected):
        assert sympy.simplify(mean(f) - expected) == 0

    def test_a_conditional_second_moment(self):
        assert sympy.simplify(mean_given_v(U**2) - (XI**2 * V**2 + 1 - XI**2)) == 0


class TestQuadrantMean:
    @settings(max_examples=10)
    @given(xi=correlations)
    def test_the_probability_of_the_quadrant(self, xi):
        expected = scipy.stats.multivariate_normal(cov=[[1, xi], [xi, 1]]).cdf([0, 0])
        assert float(quadrant_mean(lambda *_: 1, mpmath.mpf(xi))) == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize("digits", [15, 30])
    def test_a_first_moment(self, digits):
        """E[u; u > 0, v > 0] = (1 + xi) / (2 sqrt(2 pi)), by integration by parts."""
        with mpmath.workdps(digits):
            xi = mpmath.mpf(-3) / 7
            expected = (1 + xi) / (2 * mpmath.sqrt(2 * mpmath.pi))
            assert abs(quadrant_mean(lambda u, _: u, xi) - expected) < mpmath.mpf(10) ** (2 - digits)


@settings(max_examples=15)
@given(coefficients=st.lists(numbers, min_size=2, max_size=5))
@example(coefficients=[0.0, 5e-324])  # the smallest number: all values are multiples of it
def test_the_dual_of_any_polynomial_commutes_with_differentiation(coefficients):
    """(6.11): the dual is a polynomial of the same degree, so a few of its values determine its derivative."""
    phi = np.polynomial.Polynomial(coefficients)
    xi = np.linspace(-0.8, 0.8, len(coefficients))
    dual = np.polynomial.Polynomial.fit(xi, dual_by_quadrature(phi, xi), deg=phi.degree())
    scale = 1 + dual(1)
    np.testing.assert_allclose(dual.deriv()(xi), dual_by_quadrature(phi.deriv(), xi), rtol=1e-9, atol=1e-9 * scale)


@settings(max_examples=25)
@given(parts=st.lists(st.floats(-2, 2), min_size=4, max_size=4), xi=correlations)
def test_the_mean_of_exponentials_for_any_complex_constants(parts, xi):
    """(7.4), against a Gauss-Hermite rule."""
    C1, C2 = complex(*parts[:2]), complex(*parts[2:])
    x, weight = np.polynomial.hermite_e.hermegauss(60)
    v = xi * x[:, np.newaxis] + np.sqrt(1 - xi**2) * x
    mean_by_rule = (weight * np.exp(C1 * x)) @ np.exp(C2 * v) @ weight / (2 * np.pi)
    expected = np.exp((C1**2 + C2**2 + 2 * C1 * C2 * xi) / 2)
    assert mean_by_rule == pytest.approx(expected, rel=1e-9, abs=1e-9)
