"""Expectations by quadrature: kinks found, and bounds of the error that hold for random functions with kinks."""

from functools import partial

import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.kernels.quadrature import MOST_KINKS, find_kinks
from nngplab.kernels.tabulated import dual_and_error, dual_by_quadrature, hermite_coefficients

NEAR_THE_ENDS = [1 - 10.0**-power for power in (1, 2, 4, 8, 12, 15, 16)] + [1.0]
correlations = st.floats(-1, 1) | st.sampled_from([sign * xi for xi in NEAR_THE_ENDS for sign in (-1, 1)])


def both_above(p, q, xi, s):
    """P(u > p, v > q), by Owen's T function (Owen 1956)."""

    def part(h, k):
        if h == 0:
            return np.arctan((1 - xi) / s) / (2 * np.pi) if k == 0 else np.sign(k) / 4
        # (k - xi h) / (h s), without loss near |xi| = 1.
        sign = np.sign(xi) or 1.0
        numerator = (k - sign * h) + sign * (1 - abs(xi)) * h
        return scipy.special.owens_t(h, numerator / (h * s))

    h, k = -p, -q
    halves = (scipy.special.ndtr(h) + scipy.special.ndtr(k)) / 2 - part(h, k) - part(k, h)
    return halves - (0 if h * k > 0 or (h * k == 0 and h + k >= 0) else 0.5)


def product_of_pieces(first, second, xi, s):
    """E[f(u) g(v)] for pieces that are 1, or x - p, above a place p, and 0 below (Rosenbaum 1961)."""
    (p, m), (q, n) = first, second
    above = both_above(p, q, xi, s)
    at_p = scipy.stats.norm.pdf(p) * scipy.special.ndtr((xi * p - q) / s)
    at_q = scipy.stats.norm.pdf(q) * scipy.special.ndtr((xi * q - p) / s)
    u, v = at_p + xi * at_q, at_q + xi * at_p
    uv = xi * above + xi * (p * at_p + q * at_q) + s * scipy.stats.norm.pdf(p) * scipy.stats.norm.pdf((q - xi * p) / s)
    return {(0, 0): above, (1, 0): u - p * above, (0, 1): v - q * above, (1, 1): uv - q * u - p * v + p * q * above}[
        m, n
    ]


pieces = st.lists(
    st.tuples(
        st.floats(-4, 4).filter(lambda place: place == 0 or abs(place) > 1e-3),  # the place
        st.integers(0, 1),  # a jump there, or a kink
        st.sampled_from([-1.0, 1.0]),  # below or above it
        st.integers(-300, 300).map(lambda hundredths: hundredths / 100),  # times
    ),
    min_size=1,
    max_size=5,
).filter(lambda them: np.all(np.diff(sorted(place for place, *_ in them)) > 0.01))


def piecewise(x, pieces):
    return sum((times * np.where(side * (x - p) > 0, (side * (x - p)) ** m, 0) for p, m, side, times in pieces), 0 * x)


class TestTheBound:
    @settings(max_examples=60)
    @given(pieces, st.floats(-0.999, 0.999) | st.sampled_from([1 - 1e-5, 1e-5 - 1, 0.0]), st.booleans())
    def test_random_piecewise_functions(self, pieces, xi, given):
        """With the kinks given or not, the true error is within the bound, and the bound is small."""
        s = np.sqrt((1 - xi) * (1 + xi))
        exact, scale = 0.0, 0.0
        for p, m, side, times in pieces:
            for q, n, other, by in pieces:
                term = product_of_pieces((side * p, m), (other * q, n), side * other * xi, s)
                exact += times * by * term
                scale += abs(times * by) * (1 + abs(p)) * (1 + abs(q))
        value, error = dual_and_error(partial(piecewise, pieces=pieces), xi, [p for p, *_ in pieces] if given else ())
        assert abs(value - exact) <= error + 2e-15 * scale
        assert error <= 1e-12 * (1 + scale)

    @pytest.mark.parametrize(("p", "xi"), [(0.3, 0.5), (-1 / 3, -0.9), (0.7, 1 - 1e-6)])
    def test_a_jump_of_the_second_derivative(self, p, xi):
        """max(x - p, 0)^2, whose kink is hard to see, against an integral in thirty digits."""
        with mpmath.workdps(30):
            t, place = mpmath.mpf(xi), mpmath.mpf(p)
            s = mpmath.sqrt((1 - t) * (1 + t))

            def integrand(u):
                d = t * u - place
                mean = (d**2 + s**2) * mpmath.ncdf(d / s) + d * s * mpmath.npdf(d / s)
                return (u - place) ** 2 * mean * mpmath.npdf(u)

            bends = [place / t + k * s for k in (-8, -3, -1, 0, 1, 3, 8)]
            edges = [place, *sorted(edge for edge in bends if place < edge < 12), 12]
            exact = mpmath.quad(integrand, edges)
        value, error = dual_and_error(lambda x: np.maximum(x - p, 0) ** 2, xi)
        assert abs(value - float(exact)) <= error < 1e-12

    @pytest.mark.parametrize("C", [1, 2, 3, 4, 5, 6])
    def test_growth_beyond_the_reach(self, C):
        """Problem 6: exp(-C^2 + C x) has ever more of its mean square where the panels do not reach."""
        xi = np.array([-1, -0.9, 0, 0.5, 1 - 1e-8, 1])
        values, errors = dual_and_error(lambda x: np.exp(-(C**2) + C * x), xi)
        assert np.all(np.abs(values - np.exp(-(C**2) + C**2 * xi)) <= errors)
        if C > 4:
            with pytest.raises(
                InputError, match=r"dual_by_quadrature: the error of the dual may be .*: .* grows too fast"
            ):
                dual_by_quadrature(lambda x: np.exp(-(C**2) + C * x), xi)

    @pytest.mark.parametrize("rate", [1, 10, 30, 100])
    def test_oscillations(self, rate):
        """E[sin(r u) sin(r v)] = exp(-r^2) sinh(r^2 xi)."""
        xi = np.array([-0.99, 0, 0.5, 1 - 1e-6, 1])
        values, errors = dual_and_error(lambda x: np.sin(rate * x), xi)
        exact = (np.exp(rate**2 * (xi - 1)) - np.exp(-(rate**2) * (xi + 1))) / 2
        assert np.all(np.abs(values - exact) <= errors)

    @pytest.mark.parametrize("rate", [10, 100, 1e3, 1e6])
    def test_a_smooth_function_that_bends_sharply(self, rate):
        """erf(r x), by the closed form at another variance; from some rate on it is a jump to double precision."""
        xi = np.array([-0.99, 0, 0.5, 1 - 1e-6])
        values, errors = dual_and_error(lambda x: scipy.special.erf(rate * x), xi)
        exact = 2 / np.pi * np.arcsin(2 * rate**2 * xi / (1 + 2 * rate**2))
        assert np.all(np.abs(values - exact) <= errors)

    @pytest.mark.parametrize("power", [0.25, 0.5, 1.5])
    def test_a_cusp(self, power):
        """E[|u|^p |v|^p] at xi = 0 and 1; a cusp is worse than a kink, and the bound says so."""

        def absolute_moment(p):
            return 2 ** (p / 2) * scipy.special.gamma((p + 1) / 2) / np.sqrt(np.pi)

        values, errors = dual_and_error(lambda x: np.abs(x) ** power, [0, 1])
        exact = np.array([absolute_moment(power) ** 2, absolute_moment(2 * power)])
        assert np.all(np.abs(values - exact) <= errors)


class TestFindKinks:
    @given(pieces)
    @example([(-1.5, 1, -1.0, 0.01), (-1.484375, 0, -1.0, 0.01)])  # at the ends of a panel
    @example([(0.0, 1, 1.0, 1.0), (0.01171875, 1, 1.0, -1.0), (0.015625, 0, 1.0, 1.0), (0.03125, 1, 1.0, 1.0)])
    def test_none_is_missed_and_none_invented(self, pieces):
        pieces = [piece for piece in pieces if abs(piece[-1]) > 1e-6]
        found = find_kinks(partial(piecewise, pieces=pieces))
        np.testing.assert_allclose(found, sorted(p for p, *_ in pieces), rtol=0, atol=1e-6)

    @pytest.mark.parametrize("name", DUALS)
    def test_the_activations_of_the_library(self, name):
        kinked = {"relu", "leaky_relu", "absolute", "step"}
        found = find_kinks(DUALS[name].plain)
        np.testing.assert_allclose(found, [0.0] if name in kinked else [], rtol=0, atol=1e-14)

    def test_those_that_are_known_are_kept(self):
        assert find_kinks(np.tanh, [0.3, -2]).tolist() == [-2, 0.3]

    @pytest.mark.parametrize(
        "function", [lambda x: np.floor(8 * x), lambda x: np.sin(3e3 * x), lambda x: np.sin(1e9 * x)]
    )
    def test_too_many(self, function):
        with pytest.raises(InputError, match=f"more than {MOST_KINKS} kinks or jumps, or varies too fast, between -"):
            find_kinks(function)

    def test_not_elementwise(self):
        with pytest.raises(InputError, match=r"returns shape \(\) for an array of shape \(\d+,\): it must"):
            find_kinks(np.sum)

    def test_not_finite(self):
        with pytest.raises(InputError, match=r"not finite at -16: it has no expectation"):
            find_kinks(np.log)


class TestDualByQuadrature:
    @settings(max_examples=20)
    @given(xi=correlations)
    def test_a_jump(self, xi):
        """Cho and Saul 2009, degree 0: the step function has the dual (pi - arccos xi) / (2 pi)."""
        np.testing.assert_allclose(
            dual_by_quadrature(lambda x: np.heaviside(x, 0.5), xi), np.arccos(-xi) / (2 * np.pi), rtol=0, atol=1e-14
        )

    @settings(max_examples=20)
    @given(xi=correlations, threshold=st.floats(-2, 2))
    def test_a_kink_anywhere(self, xi, threshold):
        """max(x, h) - max(-x, -h) is x + h: the duals of both sides agree, by E[(phi + psi)(u) (phi + psi)(v)]."""
        both = dual_by_quadrature(lambda x: np.maximum(x, threshold) - np.maximum(-x, -threshold), xi, [threshold])
        np.testing.assert_allclose(both, xi + threshold**2, rtol=0, atol=1e-13)

    def test_a_shifted_relu_at_the_ends(self):
        """E[max(u - h, 0)^2] = (1 + h^2) P(u > h) - h density(h); and u > h excludes -u > h for h > 0."""
        h = 0.7
        exact = (1 + h**2) * scipy.stats.norm.sf(h) - h * scipy.stats.norm.pdf(h)
        values = dual_by_quadrature(lambda x: np.maximum(x - h, 0), [1, -1, 0])
        mean = scipy.stats.norm.pdf(h) - h * scipy.stats.norm.sf(h)
        np.testing.assert_allclose(values, [exact, 0, mean**2], rtol=0, atol=1e-15)

    def test_plain_gauss_hermite_would_be_wrong_in_the_third_digit(self):
        nodes, weights = np.polynomial.hermite_e.hermegauss(100)
        u, v = nodes[:, np.newaxis], 0.5 * nodes[:, np.newaxis] + np.sqrt(0.75) * nodes
        plain = np.sum(np.outer(weights, weights) * np.maximum(u, 0) * np.maximum(v, 0)) / (2 * np.pi)
        value, error = dual_and_error(lambda x: np.maximum(x, 0), 0.5)
        exact = DUALS["relu"](0.5) / 2
        assert 1e-4 < abs(plain / exact - 1) < 1e-2
        assert abs(value - exact) <= error < 1e-12

    def test_the_shape_is_that_of_xi(self):
        assert dual_by_quadrature(np.tanh, np.zeros((2, 3))).shape == (2, 3)
        assert dual_by_quadrature(np.tanh, []).shape == (0,)

    @pytest.mark.parametrize("xi", [1.1, -2, np.nan])
    def test_no_correlation(self, xi):
        with pytest.raises(InputError, match="between -1 and 1"):
            dual_by_quadrature(np.tanh, [0.5, xi])


class TestHermiteCoefficients:
    N = np.arange(30)

    def test_exponential(self):
        """exp(C x - C^2 / 2) generates them: C^n / sqrt(n!)."""
        coefficients = hermite_coefficients(lambda x: np.exp(1.5 * x - 1.125), 30)
        np.testing.assert_allclose(coefficients, 1.5**self.N / np.sqrt(scipy.special.factorial(self.N)), atol=1e-14)

    def test_sine(self):
        """exp(-1/2) (-1)^((n - 1) / 2) / sqrt(n!) for odd n, else 0: the imaginary part at C = i."""
        exact = np.exp(-0.5) * np.array([0, 1, 0, -1])[self.N % 4] / np.sqrt(scipy.special.factorial(self.N))
        np.testing.assert_allclose(hermite_coefficients(np.sin, 30), exact, atol=1e-15)

    def test_step(self):
        """He_(n-1)(0) / sqrt(2 pi n!) for n >= 1, by parts."""
        exact = [0.5] + [
            scipy.special.eval_hermitenorm(n - 1, 0.0) / np.sqrt(2 * np.pi * scipy.special.factorial(n))
            for n in self.N[1:]
        ]
        np.testing.assert_allclose(hermite_coefficients(lambda x: np.heaviside(x, 0.5), 30), exact, atol=1e-14)

    def test_relu(self):
        """He_(n-2)(0) / sqrt(2 pi n!) for n >= 2, by parts twice."""
        exact = [1 / np.sqrt(2 * np.pi), 0.5] + [
            scipy.special.eval_hermitenorm(n - 2, 0.0) / np.sqrt(2 * np.pi * scipy.special.factorial(n))
            for n in self.N[2:]
        ]
        np.testing.assert_allclose(hermite_coefficients(lambda x: np.maximum(x, 0), 30), exact, atol=1e-14)

    @pytest.mark.parametrize("degree", [0, 3, 40])
    def test_the_polynomials_themselves(self, degree):
        """Orthonormal, up to degrees where they oscillate and are huge."""
        x_of_degree = np.polynomial.hermite_e.HermiteE.basis(degree)
        norm = np.sqrt(scipy.special.factorial(degree))
        coefficients = hermite_coefficients(lambda x: x_of_degree(x) / norm, degree + 3)
        np.testing.assert_allclose(coefficients, np.eye(degree + 3)[degree], rtol=0, atol=1e-10)
