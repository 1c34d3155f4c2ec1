"""Eigenvalues of kernels on the sphere: in thirty digits, for any dimension, and as the expansion of the kernel."""

import functools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS, leaky_relu
from nngplab.kernels.objects import NNGP, NTK, Function, Linear
from nngplab.kernels.radial import RBF, Laplace
from nngplab.kernels.spectra import (
    default_degrees,
    equivalent_ridge,
    harmonic_multiplicities,
    on_the_sphere,
    spectrum,
    zonal_coefficients,
    zonal_harmonics,
)
from nngplab.kernels.tabulated import dual_of, hermite_coefficients
from tests.unit.test_duals import EXACT

mp = mpmath.mpf
DIGITS = 30
DIMENSIONS = [2, 3, 10, 200, 3072]
DEGREES = [0, 1, 2, 3, 6]


def relu_ntk(t, depth):
    """By the recursion of Jacot, Gabriel and Hongler 2018, with the dual of ReLU and that of its derivative."""
    tangent = t
    for _ in range(depth):
        slope = EXACT["step"](t)
        t = EXACT["relu"](t)
        tangent = tangent * slope + t
    return tangent


def composed(name, depth):
    return lambda t: functools.reduce(lambda value, _: EXACT[name](value), range(depth), t)


def laplace(t, bandwidth):
    return mpmath.exp(-mpmath.sqrt(2 * (1 - t)) / mp(bandwidth))


# Kernels, and what they are between unit vectors with the product t.
KERNELS = {
    **{name: (NNGP(name), EXACT[name]) for name in DUALS},
    "relu, depth 3": (NNGP("relu", depth=3), composed("relu", 3)),
    "erf, depth 3": (NNGP("erf", depth=3), composed("erf", 3)),
    "ntk": (NTK(), functools.partial(relu_ntk, depth=1)),
    "ntk, depth 3": (NTK(depth=3), functools.partial(relu_ntk, depth=3)),
    **{
        f"laplace, {bandwidth}": (Laplace(bandwidth), functools.partial(laplace, bandwidth=bandwidth))
        for bandwidth in (200.0, 1.0, 0.1)
    },
    "rbf": (RBF(0.5), lambda t: mpmath.exp(-4 * (1 - t))),
    "linear": (Linear(), lambda t: t),
}


@functools.cache
def rule(d):
    """Products t, and the weights of E[f(t) P_l(t)] for each degree l, in thirty digits."""
    with mpmath.workdps(DIGITS):
        reach = mpmath.pi / 2 if d == 2 else min(mpmath.pi / 2, mpmath.acos(mpmath.exp(mp(-90) / (d - 2))))
        nodes = mpmath.calculus.quadrature.GaussLegendre(mpmath.mp).calc_nodes(4, mpmath.mp.prec)
        half = reach / 4
        x = [(2 * panel - 3) * half + half * node for panel in range(4) for node, _ in nodes]
        density = [w * mpmath.cos(value) ** (d - 2) for value, w in zip(x, [w for _, w in nodes] * 4, strict=True)]
        total = mpmath.fsum(density)
        t = [-mpmath.sin(value) for value in x]
        weights = {
            degree: [w / total * gegenbauer(degree, d, value) for w, value in zip(density, t, strict=True)]
            for degree in DEGREES
        }
    return t, weights


def gegenbauer(degree, d, t):
    """By the explicit sum over powers, with the value 1 at 1 (DLMF 18.5.10), and the cosine for d = 2."""
    if d == 2:
        return mpmath.cos(degree * mpmath.acos(t))
    a = mp(d - 2) / 2
    terms = (
        (-1) ** k
        * mpmath.rf(a, degree - k)
        / (mpmath.factorial(k) * mpmath.factorial(degree - 2 * k))
        * (2 * t) ** (degree - 2 * k)
        for k in range(degree // 2 + 1)
    )
    return mpmath.fsum(terms) * mpmath.factorial(degree) / mpmath.rf(2 * a, degree)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("d", DIMENSIONS)
def test_thirty_digits(name, d):
    """The eigenvalues, and the sum of those of each degree that has not more than 1e8."""
    kernel, exact = KERNELS[name]
    found = spectrum(kernel, d, degrees=max(DEGREES))
    with mpmath.workdps(DIGITS):
        t, weights = rule(d)
        values = [exact(each) for each in t]
        at_one = float(exact(mp(1)))
        expected = np.array([float(mpmath.fdot(values, weights[degree])) for degree in DEGREES])
    multiplicities = found.multiplicities[DEGREES]
    np.testing.assert_allclose(found.eigenvalues[DEGREES], expected, rtol=0, atol=1e-14 * at_one)
    few = multiplicities <= 1e8
    np.testing.assert_allclose(
        found.shares[DEGREES][few], (multiplicities * expected)[few], rtol=0, atol=1e-12 * at_one
    )


class TestExpansion:
    @settings(max_examples=25)
    @given(
        kernel=st.sampled_from(["relu", "erf", "sine", "gelu"]).flatmap(
            lambda name: st.integers(1, 4).map(lambda depth: NNGP(name, depth=depth))
        )
        | st.floats(0.3, 300).map(Laplace)
        | st.floats(-1, 1).map(lambda slope: NTK(leaky_relu(slope), depth=2)),
        d=st.integers(2, 5000),
    )
    def test_the_eigenvalues_are_not_negative_and_add_up_to_the_kernel_at_one(self, kernel, d):
        found = spectrum(kernel, d)
        at_one = float(kernel.diag(np.eye(1, d))[0])
        assert np.all(found.eigenvalues >= 0)
        assert found.tail >= 0
        assert found.shares.sum() + found.tail == pytest.approx(at_one, rel=1e-11)

    @settings(max_examples=15)
    @given(
        kernel=st.sampled_from([NNGP("erf"), NNGP("sine", depth=2), NNGP("cosine"), RBF(1.0), Linear()]),
        # With more harmonics of degree 60, the rounding of their sum shows at the angle 0.
        d=st.integers(2, 6),
        theta=st.floats(0, math.pi),
    )
    def test_the_expansion_is_the_kernel(self, kernel, d, theta):
        found = spectrum(kernel, d, degrees=60)
        angle = np.array([theta])
        harmonics = zonal_harmonics(angle, d, 60)[:, 0] * np.sqrt(found.multiplicities)
        assert found.eigenvalues @ harmonics == pytest.approx(on_the_sphere(kernel, d)(angle)[0], abs=1e-11)

    def test_the_error_of_the_expansion_is_at_most_the_tail(self):
        found = spectrum("relu", 4, degrees=50)
        theta = np.linspace(0, math.pi, 30)
        values = (found.eigenvalues * np.sqrt(found.multiplicities)) @ zonal_harmonics(theta, 4, 50)
        errors = np.abs(values - on_the_sphere("relu", 4)(theta))
        # The harmonics that are left out add up at an angle of 0, and those of even degrees alone at pi.
        np.testing.assert_allclose(errors[[0, -1]], found.tail, rtol=1e-6)
        assert np.all(errors[1:-1] < found.tail)

    def test_for_a_large_dimension_the_shares_are_the_squares_of_hermite_coefficients(self):
        found = spectrum("relu", 20_000, degrees=2)
        expected = hermite_coefficients(DUALS["relu"].activation, 3, [0.0]) ** 2
        np.testing.assert_allclose(found.shares, expected, rtol=3e-4)

    def test_the_empirical_eigenvalues(self):
        """Of the Gram matrix of points of a regular polygon, over their number: the discrete Fourier transform."""
        angles = 2 * np.pi * np.arange(64) / 64
        K = NNGP("sine")(np.stack([np.cos(angles), np.sin(angles)], axis=1))
        empirical = np.sort(np.linalg.eigvalsh(K) / 64)[::-1]
        found = spectrum("sine", 2, degrees=20)
        np.testing.assert_allclose(empirical[:8], np.repeat(found.eigenvalues[1:9:2], 2), atol=1e-15)


class TestHarmonics:
    @pytest.mark.parametrize("d", [2, 3, 7, 200])
    def test_they_are_orthonormal(self, d):
        products = [zonal_coefficients(lambda theta, i=i: zonal_harmonics(theta, d, 8)[i], d, 8) for i in range(9)]
        np.testing.assert_allclose(products, np.eye(9), atol=1e-13)

    @pytest.mark.parametrize("d", [2, 3, 7, 200])
    def test_at_an_angle_of_0_they_are_the_roots_of_the_multiplicities(self, d):
        squares = zonal_harmonics(np.zeros(1), d, 4)[:, 0] ** 2
        np.testing.assert_allclose(squares, harmonic_multiplicities(d, 4), rtol=1e-13)

    def test_multiplicities(self):
        np.testing.assert_array_equal(harmonic_multiplicities(2, 3), [1, 2, 2, 2])
        np.testing.assert_array_equal(harmonic_multiplicities(200, 2), [1, 200, 200 * 201 // 2 - 1])

    def test_the_last_degree(self):
        assert all(harmonic_multiplicities(d, default_degrees(d))[-1] <= 1e8 for d in (2, 3, 200, 3072, 10**5))


class TestKernels:
    def test_an_activation_of_ones_own(self):
        own, closed = spectrum(dual_of(np.sin), 50), spectrum("sine", 50)
        np.testing.assert_allclose(own.shares, closed.shares, atol=1e-12)

    @settings(max_examples=3)  # a dual takes seconds
    @given(
        kink=st.integers(-12, 12).map(lambda eighths: eighths / 8),
        jump=st.sampled_from([0.0, 1.0, -0.5]),
        before=st.sampled_from([-1.0, 0.0, 2.0]),
        after=st.sampled_from([-0.5, 0.25, 1.0]),
    )
    def test_any_activation_with_a_kink_or_a_jump(self, kink, jump, before, after):
        """Whatever activation has a dual, the pipeline predicts its errors."""
        kernel = NNGP(dual_of(lambda x: np.where(x < kink, before * (x - kink), after * (x - kink) + jump)))
        for d in (2, 30, 200):
            found = spectrum(kernel, d)
            assert np.all(found.eigenvalues >= 0)
            assert found.shares.sum() + found.tail == pytest.approx(1, rel=1e-11)
        assert equivalent_ridge(kernel) >= 0

    def test_sums_products_and_multiples(self):
        found = spectrum(0.5 * (Linear() + Linear() * Linear()), 3, degrees=4)
        np.testing.assert_allclose(found.shares, [1 / 6, 1 / 2, 1 / 3, 0, 0], atol=1e-14)
        assert found.tail == 0

    def test_a_kernel_that_depends_on_the_number_of_features(self):
        kernel = Function(lambda X, Z: (X @ Z.T) / X.shape[1])
        assert spectrum(kernel, 4).shares[1] == pytest.approx(1 / 4)

    def test_rows_without_normalising_and_biases(self):
        normalised = spectrum(NNGP("erf", sigma_w=1.3, sigma_b=0.4), 20)
        found = spectrum(NNGP("erf", normalize=False, sigma_w=1.3, sigma_b=0.4), 20)
        np.testing.assert_allclose(found.shares, normalised.shares, atol=1e-13)


class TestEquivalentRidge:
    @pytest.mark.parametrize("name", ["relu", "sine", "erf", "gelu", "exponential", "leaky_relu", "monomial_3"])
    def test_from_the_hermite_coefficients(self, name):
        a = hermite_coefficients(DUALS[name].activation, 2, [0.0])
        assert equivalent_ridge(name) == pytest.approx((1 - a[0] ** 2 - a[1] ** 2) / a[1] ** 2, rel=1e-12)

    def test_of_laplace(self):
        """k(0) = exp(-sqrt(2) / b), and k'(0) is k(0) / (sqrt(2) b)."""
        at_zero = math.exp(-math.sqrt(2) / 200)
        slope = at_zero / (math.sqrt(2) * 200)
        assert equivalent_ridge(Laplace(200.0)) == pytest.approx((1 - at_zero - slope) / slope, rel=1e-10)

    @pytest.mark.parametrize("kernel", ["linear", "identity", Linear() * 3.0])
    def test_a_linear_kernel_has_none(self, kernel):
        assert equivalent_ridge(kernel) == 0

    @pytest.mark.parametrize("kernel", ["cosine", "gaussian", "hermite_2", "monomial_2"])
    def test_without_a_linear_part_it_is_infinite(self, kernel):
        assert equivalent_ridge(kernel) == math.inf

    def test_of_an_activation_of_ones_own_without_its_derivative(self):
        assert equivalent_ridge(dual_of(np.sin)) == pytest.approx(equivalent_ridge("sine"), rel=1e-10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("relu", 1), "the dimension d is 1: it must be an integer, 2 or above"),
        (("relu", 2.5), "the dimension d is 2.5: it must be an integer, 2 or above"),
        (("relu", 3, -1), "the last degree is -1: it must be an integer, 0 or above"),
        (("tanh", 3), "unknown kernel 'tanh'"),
        (("precomputed", 3), "a precomputed Gram matrix has no spectrum"),
        ((Function(lambda X, Z: X[:, :1] @ Z[:, :1].T), 3), "depends on more than the angle"),
        ((Function(lambda X, Z: 0 * X @ Z.T), 3), "it must be above 0"),
        ((Function(lambda X, Z: np.log(X @ Z.T)), 3), "is not finite between unit vectors at the angle"),
        (
            (Function(lambda X, Z: 1 - (X @ Z.T) ** 2 / 2), 3),
            "is not positive semi-definite on the sphere of dimension 3",
        ),
        ((RBF(1e-5), 3), "varies too fast"),
    ],
)
def test_bad_input(arguments, message):
    with np.errstate(all="ignore"), pytest.raises(InputError, match=message) as error:
        spectrum(*arguments)
    assert "\n" not in str(error.value)
