"""Predicted errors: closed forms of linear regression, limits, equations for random spectra, and regressions."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.kernels.objects import NNGP, as_kernel
from nngplab.kernels.spectra import Spectrum, harmonic_multiplicities, spectrum
from nngplab.networks.random_features import random_feature_errors
from nngplab.theory.eigenframework import predicted_errors
from nngplab.theory.targets import TargetPower, sine_target_power

LINEAR = spectrum("linear", 50, degrees=2)
OF_DEGREE_1 = TargetPower(np.array([0.0, 1.0, 0.0]), 0.0)

positive = st.floats(0.01, 1)
spectra = st.tuples(st.integers(2, 300), st.lists(positive, min_size=1, max_size=5), st.floats(0, 1)).map(
    lambda drawn: Spectrum(
        drawn[0],
        np.array(drawn[1]) / harmonic_multiplicities(drawn[0], len(drawn[1]) - 1),
        harmonic_multiplicities(drawn[0], len(drawn[1]) - 1),
        drawn[2] * (drawn[2] > 0.01),
    )
)
counts = st.integers(1, 3000)
ridges = st.sampled_from([0.0, 1e-6, 1e-2, 10.0])


def target_of(found, tail=0.1):
    """As much power in each degree."""
    return TargetPower(np.ones(len(found.eigenvalues)), tail)


class TestLinearRegression:
    @pytest.mark.parametrize("n", [1, 20, 49])
    def test_of_minimum_norm(self, n):
        """A random subspace of n of 50 dimensions; the noise as in Hastie et al. 2022, "Surprises", Theorem 1."""
        found = predicted_errors(LINEAR, OF_DEGREE_1, n, noise=0.3)
        assert found.test_mse == pytest.approx(1 - n / 50 + 0.3 / (1 - n / 50), rel=1e-12)
        assert found.train_mse == 0
        np.testing.assert_allclose(found.learnability, [0, n / 50, 0], rtol=1e-12)

    @pytest.mark.parametrize("n", [51, 200, 10_000])
    def test_of_least_squares(self, n):
        found = predicted_errors(LINEAR, OF_DEGREE_1, n, noise=0.3)
        assert found.test_mse == pytest.approx(0.3 / (1 - 50 / n), rel=1e-12)
        assert found.train_mse == pytest.approx(0.3 * (1 - 50 / n), rel=1e-12)
        assert found.kappa == 0

    @pytest.mark.parametrize("n", [10, 50, 400])
    @pytest.mark.parametrize("ridge", [1e-3, 0.1, 2.0])
    def test_with_a_ridge(self, n, ridge):
        """By the Stieltjes transform m of the Marchenko-Pastur law (Dobriban and Wager 2018, Theorem 2.1)."""
        ratio, penalty, noise = 50 / n, 50 * ridge / n, 0.3

        def m(a):
            b = 1 - ratio + a
            return (-b + np.sqrt(b * b + 4 * ratio * a)) / (2 * ratio * a)

        slope = -np.imag(m(penalty + 1e-30j)) / 1e-30
        expected = penalty**2 * slope + noise * ratio * (m(penalty) - penalty * slope) + noise
        assert predicted_errors(LINEAR, OF_DEGREE_1, n, ridge=ridge, noise=noise).test_mse == pytest.approx(
            expected, rel=1e-9
        )

    @pytest.mark.parametrize(("n", "k"), [(30, 1), (30, 20), (30, 29), (200, 30)])
    def test_on_fewer_random_projections_than_samples(self, n, k):
        """The best of k projections leaves 1 - k / d of the target, which is noise to their regression."""
        found = predicted_errors(LINEAR, OF_DEGREE_1, n, features=k)
        assert found.test_mse == pytest.approx((1 - k / 50) / (1 - k / n), rel=1e-12)
        assert found.train_mse == pytest.approx((1 - k / 50) * (1 - k / n), rel=1e-12)

    def test_on_as_many_random_projections_as_dimensions_or_more(self):
        assert predicted_errors(LINEAR, OF_DEGREE_1, 70, features=60).test_mse == pytest.approx(0, abs=1e-12)


class TestLimits:
    RELU = spectrum("relu", 200)
    SINE = sine_target_power(200, RELU.degrees)

    def test_many_features(self):
        for ridge in (0.0, 0.1):
            found = predicted_errors(self.RELU, self.SINE, 100, features=1e9, ridge=ridge)
            expected = predicted_errors(self.RELU, self.SINE, 100, ridge=ridge)
            assert found.test_mse == pytest.approx(expected.test_mse, rel=1e-6)
            assert found.train_mse == pytest.approx(expected.train_mse, rel=1e-6)

    def test_a_ridge_that_goes_to_zero(self):
        for k in (20, 99, 101, 500, math.inf):
            found = predicted_errors(self.RELU, self.SINE, 100, features=k, ridge=1e-13)
            assert found.test_mse == pytest.approx(
                predicted_errors(self.RELU, self.SINE, 100, features=k).test_mse, rel=1e-6
            )

    def test_few_samples(self):
        assert predicted_errors(self.RELU, self.SINE, 1e-9).test_mse == pytest.approx(self.SINE.total, rel=1e-6)

    def test_many_samples(self):
        found = predicted_errors(spectrum("relu", 5, degrees=6), sine_target_power(5, 6), 1e9, noise=0.2)
        assert found.test_mse == pytest.approx(0.2, rel=1e-3)

    def test_as_many_features_as_samples(self):
        assert predicted_errors(self.RELU, self.SINE, 100, features=100).test_mse == math.inf
        assert math.isfinite(predicted_errors(self.RELU, self.SINE, 100, features=100, ridge=1e-9).test_mse)
        assert predicted_errors(LINEAR, OF_DEGREE_1, 50, noise=0.1).test_mse == math.inf

    def test_a_tail_acts_as_a_ridge(self):
        short = Spectrum(200, self.RELU.eigenvalues[:3], self.RELU.multiplicities[:3], self.RELU.shares[3:].sum())
        target = TargetPower(self.SINE.power[:3], self.SINE.power[3:].sum())
        found = predicted_errors(short, target, 100, ridge=self.RELU.tail)
        assert found.test_mse == pytest.approx(predicted_errors(self.RELU, self.SINE, 100).test_mse, rel=1e-5)

    def test_a_linear_ridge_predicts_almost_the_same(self):
        """The samples of Problem 11 are almost orthogonal: degrees of 2 and above are a ridge."""
        linear = Spectrum(200, self.RELU.eigenvalues[:2], self.RELU.multiplicities[:2], 1 - self.RELU.shares[:2].sum())
        target = TargetPower(self.SINE.power[:2], self.SINE.total - self.SINE.power[:2].sum())
        found = predicted_errors(linear, target, 100)
        assert found.test_mse == pytest.approx(predicted_errors(self.RELU, self.SINE, 100).test_mse, rel=0.01)


class TestEquations:
    @settings(max_examples=60)
    @given(found=spectra, n=counts, k=counts | st.just(math.inf), ridge=ridges)
    def test_kappa(self, found, n, k, ridge):
        kappa = float(predicted_errors(found, target_of(found), n, k, ridge).kappa)
        if kappa == 0:
            assert found.tail == 0 == ridge
            assert found.multiplicities.sum() <= min(n, k)
            return
        z = found.multiplicities @ (found.eigenvalues / (found.eigenvalues + kappa)) + found.tail / kappa
        assert z <= min(n, k) * (1 + 1e-9)
        scale = n * kappa if ridge else min(n, k)
        left = (n - z) * (1 - z / k) * kappa if ridge else z - min(n, k)
        assert left == pytest.approx(ridge, abs=1e-9 * scale)

    @settings(max_examples=60)
    @given(found=spectra, n=counts, k=counts | st.just(math.inf), ridge=ridges, noise=st.sampled_from([0.0, 1.0]))
    def test_what_holds_for_any_spectrum(self, found, n, k, ridge, noise):
        target = target_of(found)
        errors = predicted_errors(found, target, n, k, ridge, noise)
        assert noise + target.tail <= errors.test_mse * (1 + 1e-9)
        assert 0 <= errors.train_mse <= errors.test_mse
        assert errors.train_mse <= (target.total + noise) * (1 + 1e-9)
        assert np.all((errors.learnability >= 0) & (errors.learnability <= 1))

    @settings(max_examples=30)
    @given(found=spectra, n=counts, k=counts, ridge=ridges, factor=st.floats(1e-3, 1e3))
    def test_a_multiple_of_kernel_and_ridge_changes_nothing(self, found, n, k, ridge, factor):
        if n == k:
            return
        scaled = Spectrum(found.d, factor * found.eigenvalues, found.multiplicities, factor * found.tail)
        once = predicted_errors(found, target_of(found), n, k, ridge)
        again = predicted_errors(scaled, target_of(found), n, k, factor * ridge)
        np.testing.assert_allclose(again.test_mse, once.test_mse, rtol=1e-8)
        np.testing.assert_allclose(again.kappa, factor * once.kappa, rtol=1e-8)

    @settings(max_examples=20)
    @given(found=spectra, n=counts, ridge=ridges)
    def test_the_kernel_needs_no_features(self, found, n, ridge):
        """(n - z) kappa = ridge, as in the eigenlearning framework, with the error in its form."""
        errors = predicted_errors(found, target_of(found), n, ridge=ridge, noise=1.0)
        L = errors.learnability
        q = found.multiplicities @ L**2
        if q < n * (1 - 1e-6):
            expected = (np.sum((1 - L) ** 2) + 0.1 + 1) / (1 - q / n)
            assert errors.test_mse == pytest.approx(expected, rel=1e-6)


class TestRegressions:
    """Against small regressions on data drawn anew; the intervals are four standard errors, and 3% for small n."""

    D, N = 20, 40
    TARGET = sine_target_power(D, 4)

    def draw(self, rng, rows):
        X = rng.standard_normal((rows, self.D))
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        return X, np.sin(X).mean(axis=1)

    def check(self, values, predicted):
        values = np.array(values)
        assert abs(values.mean() - predicted) < 4 * values.std() / math.sqrt(len(values)) + 0.03 * predicted + 1e-20

    @pytest.mark.parametrize(("kernel", "ridge"), [("relu", 0.0), ("erf", 0.3), ("laplace", 0.0), (NNGP(depth=3), 0.1)])
    def test_of_a_kernel(self, kernel, ridge):
        k, rng, noise = as_kernel(kernel), np.random.default_rng(1), 1e-3
        test, train = [], []
        for _ in range(100):
            (X, y), (X_test, y_test) = self.draw(rng, self.N), self.draw(rng, 400)
            y = y + math.sqrt(noise) * rng.standard_normal(self.N)
            K = k(X)
            a = np.linalg.solve(K + ridge * np.eye(self.N), y)
            test.append(np.mean((k(X_test, X) @ a - y_test) ** 2) + noise)
            train.append(np.mean((K @ a - y) ** 2))
        found = predicted_errors(spectrum(kernel, self.D, 4), self.TARGET, self.N, ridge=ridge, noise=noise)
        self.check(test, found.test_mse)
        self.check(train, found.train_mse)

    @pytest.mark.parametrize("k", [10, 25, 80])
    def test_of_random_features(self, k):
        rng = np.random.default_rng(2)
        errors = []
        for _ in range(150):
            B = rng.standard_normal((1, k, self.D))
            errors.append(random_feature_errors(*self.draw(rng, self.N), *self.draw(rng, 200), B, DUALS["erf"]))
        found = predicted_errors(spectrum("erf", self.D, 4), self.TARGET, self.N, k)
        self.check([test[0] for _, test in errors], found.test_mse)
        self.check([train[0] for train, _ in errors], found.train_mse)


class TestSineTarget:
    @pytest.mark.parametrize("d", [2, 3, 10, 200, 3072])
    def test_the_power_of_each_degree(self, d):
        """By the expansion of a plane wave in Bessel functions (DLMF 10.23.9)."""
        found = sine_target_power(d, 5)
        with mpmath.workdps(30):
            a = mpmath.mpf(d) / 2 - 1
            waves = [mpmath.gamma(a + 1) * 2**a * mpmath.besselj(degree + a, 1) for degree in range(6)]
            expected = [
                float(N * wave**2 / d) * (degree % 2)
                for degree, (N, wave) in enumerate(zip(harmonic_multiplicities(d, 5).tolist(), waves, strict=True))
            ]
            total = float((1 - mpmath.hyp0f1(mpmath.mpf(d) / 2, -1)) / 2 / d)
        np.testing.assert_allclose(found.power, expected, rtol=1e-12, atol=1e-15 * total)
        assert found.total == pytest.approx(total, rel=1e-13)

    @pytest.mark.parametrize("degrees", [0, 1, 9])
    def test_the_tail_is_what_is_left(self, degrees):
        found, all_degrees = sine_target_power(4, degrees), sine_target_power(4, 20)
        assert found.tail == pytest.approx(all_degrees.power[degrees + 1 :].sum(), abs=1e-15)
        assert all_degrees.tail == 0

    def test_the_samples_have_it(self):
        X = np.random.default_rng(0).standard_normal((100_000, 3))
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        f = np.sin(X).mean(axis=1)
        # The harmonics of degree 1 are the coordinates.
        linear = np.sum(np.mean(f[:, np.newaxis] * math.sqrt(3) * X, axis=0) ** 2)
        found = sine_target_power(3, 5)
        np.testing.assert_allclose([linear, np.mean(f**2)], [found.power[1], found.total], rtol=0.02)


def test_the_settings_broadcast():
    found = predicted_errors(LINEAR, OF_DEGREE_1, [[10], [20]], features=[5, 60, math.inf], ridge=0.1)
    assert found.test_mse.shape == found.train_mse.shape == found.kappa.shape == (2, 3)
    assert found.learnability.shape == (2, 3, 3)
    assert found.test_mse[1, 1] == predicted_errors(LINEAR, OF_DEGREE_1, 20, 60, 0.1).test_mse


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0: it must be above 0"),
        ({"n": [10, -1]}, "n is -1: it must be above 0"),
        ({"n": "many"}, "n must be real numbers"),
        ({"n": math.inf}, "n, ridge and noise must be finite"),
        ({"features": 0}, "features is 0: it must be above 0"),
        ({"features": math.nan}, "features is nan"),
        ({"ridge": -1e-3}, "ridge is -0.001: it must be 0 or above"),
        ({"noise": -1}, "noise is -1: it must be 0 or above"),
        ({"n": [1, 2], "features": [1, 2, 3]}, "they must broadcast"),
        ({"target": TargetPower(np.ones(2), 0.0)}, "give both the same degrees"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message) as error:
        predicted_errors(**{"spectrum": LINEAR, "target": OF_DEGREE_1, "n": 10, **arguments})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("arguments", [(1, 3), (2.5, 3), (3, -1)])
def test_bad_input_for_the_sine_target(arguments):
    with pytest.raises(InputError, match="it must be an integer"):
        sine_target_power(*arguments)
