"""The mean error of kernel regression on the sphere (docs/theory/learning_curves.md)."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from numpy.polynomial.legendre import leggauss

from nngplab.kernels.duals import DUALS
from nngplab.kernels.objects import Function
from nngplab.kernels.spectra import Spectrum, equivalent_ridge, harmonic_multiplicities, spectrum, zonal_harmonics
from nngplab.kernels.tabulated import hermite_coefficients
from nngplab.theory.eigenframework import PredictedErrors, predicted_errors
from nngplab.theory.identity import Array, Identity, in_float64, numerical, sampled
from nngplab.theory.targets import TargetPower

# Enough for an exponential: the terms beyond are below 1e-20.
_DEGREES = 20
# For means over the law of Marchenko and Pastur.
_GAUSS = leggauss(400)
_EXPONENTIAL = Function(lambda X, Z: np.exp(X @ Z.T))


def _gegenbauer(degree: int, d: int, t: Any) -> Any:
    """Return P_l(t), with P_l(1) = 1."""
    harmonics = zonal_harmonics(np.arccos(np.clip(np.atleast_1d(t), -1, 1)), d, degree)[degree]
    return harmonics / math.sqrt(harmonic_multiplicities(d, degree)[degree])


def _angle_and_degree(rng: np.random.Generator) -> dict[str, float | int]:
    return {"t": rng.uniform(-1, 1), "l": int(rng.integers(0, 6))}


def _mean_over_the_sphere(t: float, l: int) -> float:  # noqa: E741
    """Return E[k(x.z) P_l(a.z)] for t = x.a and k = exp, in three dimensions: around the axis a, and along it."""
    height, weights = leggauss(40)
    around = 2 * np.pi * np.arange(40) / 40
    product = t * height[:, np.newaxis] + math.sqrt(1 - t * t) * np.outer(np.sqrt(1 - height**2), np.cos(around))
    return float((weights / 2) @ (np.exp(product).mean(axis=1) * _gegenbauer(l, 3, height)))


def _eigenvalue(l: int) -> float:  # noqa: E741
    return float(spectrum(_EXPONENTIAL, 3, _DEGREES).eigenvalues[l])


def _expansion(d: int, t: float, multiplicities: bool) -> float:
    found = spectrum(_EXPONENTIAL, d, _DEGREES)
    terms = found.shares if multiplicities else found.eigenvalues
    return float(sum(term * _gegenbauer(degree, d, t)[0] for degree, term in enumerate(terms)))


def _dimension_and_product(rng: np.random.Generator) -> dict[str, float | int]:
    return {"d": int(rng.integers(2, 9)), "t": rng.uniform(-1, 1)}


def _axes(rng: np.random.Generator) -> dict[str, Array | int]:
    """Draw two axes at an angle of at most 30 degrees, and a degree."""
    a = rng.standard_normal(4)
    b = a / np.linalg.norm(a) + 0.25 * rng.uniform(-1, 1, 4)
    return {"a": a / np.linalg.norm(a), "b": b / np.linalg.norm(b), "l": int(rng.integers(1, 3))}


def _products_of_harmonics(rng: np.random.Generator, samples: int, a: Array, b: Array, l: int) -> Array:  # noqa: E741
    X = rng.standard_normal((samples, len(a)))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    products: Array = _gegenbauer(l, len(a), X @ a) * _gegenbauer(l, len(b), X @ b)
    return products


def _covariance(a: Array, b: Array, l: int, power: int) -> float:  # noqa: E741
    return float(_gegenbauer(l, len(a), a @ b)[0] / harmonic_multiplicities(len(a), l)[l] ** power)


def _power_by_integration(l: int, d: int) -> Any:  # noqa: E741
    """Return the power of degree l, an odd number, by integrals over the angle of x to the first axis."""

    def mean(f: Callable[[Any], Any]) -> Any:
        weighted = mpmath.quad(lambda theta: f(theta) * mpmath.sin(theta) ** (d - 2), [0, mpmath.pi / 2, mpmath.pi])
        return weighted / mpmath.quad(lambda theta: mpmath.sin(theta) ** (d - 2), [0, mpmath.pi / 2, mpmath.pi])

    def gegenbauer(x: Any) -> Any:
        return mpmath.gegenbauer(l, mpmath.mpf(d) / 2 - 1, x)

    covariance = mean(lambda theta: mpmath.sin(mpmath.cos(theta)) * gegenbauer(mpmath.cos(theta))) / gegenbauer(1)
    return _multiplicity(l, d) / d * covariance**2


def _multiplicity(degree: int, d: int) -> Any:
    return mpmath.binomial(degree + d - 1, degree) - (mpmath.binomial(degree + d - 3, degree - 2) if degree > 1 else 0)


def _power_by_bessel(l: int, d: int, shift: int) -> Any:  # noqa: E741
    a = mpmath.mpf(d) / 2 - 1
    return _multiplicity(l, d) / d * (mpmath.gamma(a + 1) * 2**a * mpmath.besselj(l + a + shift, 1)) ** 2


def _linear_regression(rng: np.random.Generator) -> dict[str, float | int]:
    """Draw n, d, the ridge and the deviation of the noise, with d / n far enough from 1 for the rule of integration."""
    n = int(rng.integers(20, 400))
    ratio = rng.uniform(0.2, 0.7) ** rng.choice([-1, 1])
    return {"n": n, "d": math.ceil(ratio * n), "delta": rng.uniform(0.1, 2), "sigma": rng.uniform(0.1, 1)}


def _over_marchenko_pastur(f: Callable[[Array], Array], ratio: float) -> float:
    """Return the mean of f over the limit law of the d eigenvalues of the sample covariance, with ratio = d / n."""
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    nodes, weights = _GAUSS
    angle = np.pi / 2 * (1 + nodes)
    s = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    # With the root of (s - low)(high - s) twice: once of the density, once of ds.
    density = ((high - low) / 2 * np.sin(angle)) ** 2 / (2 * np.pi * ratio * s)
    at_zero = max(1 - 1 / ratio, 0) * float(f(np.zeros(1))[0])
    return at_zero + float(np.pi / 2 * weights @ (density * f(s)))


def _test_error_by_law(n: int, d: int, delta: float, sigma: float) -> float:
    a, ratio = d * delta / n, d / n
    bias = _over_marchenko_pastur(lambda s: (a / (s + a)) ** 2, ratio)
    variance = ratio * _over_marchenko_pastur(lambda s: s / (s + a) ** 2, ratio)
    return bias + sigma**2 * (variance + 1)


def _train_error_by_law(n: int, d: int, delta: float, sigma: float) -> float:
    a, ratio = d * delta / n, d / n
    bias = _over_marchenko_pastur(lambda s: s * (a / (s + a)) ** 2, ratio)
    noise = ratio * _over_marchenko_pastur(lambda s: (a / (s + a)) ** 2, ratio) + 1 - ratio
    return bias + sigma**2 * noise


def _predicted(n: int, d: int, delta: float, sigma: float) -> PredictedErrors:
    """Return the predicted errors for a linear target with E[f^2] = 1 and the linear kernel."""
    linear = Spectrum(d, np.array([0, 1 / d]), harmonic_multiplicities(d, 1), 0.0)
    return predicted_errors(linear, TargetPower(np.array([0.0, 1.0]), 0.0), n, ridge=delta, noise=sigma**2)


def _variance_left_out(n: int, d: int, delta: float, sigma: float) -> float:
    """Return (K.5) without its factor."""
    found = _predicted(n, d, delta, sigma)
    return float(found.test_mse * (1 - d * found.learnability[1] ** 2 / n))


def _weights(rng: np.random.Generator) -> dict[str, Array]:
    """Draw the weights of the kernels of ReLU, erf and sine in a sum."""
    return {"c": rng.uniform(0.2, 1, 3)}


def _ridge_by_hermite(c: Array, linear: float) -> float:
    """Return (1 - a_0^2 - linear a_1^2) / a_1^2 for the sum of kernels with the weights c (3,), over its value at 1.

    It is the kernel of three groups of features, so that the squares of their Hermite coefficients add up.
    """
    squares = [hermite_coefficients(DUALS[name].activation, 2, [0.0]) ** 2 for name in ("relu", "erf", "sine")]
    constant, slope = c @ np.array(squares) / c.sum()
    return float((1 - constant - linear * slope) / slope)


def _ridge_by_derivative(c: Array) -> float:
    def kernel(X: Array, Z: Array) -> Array:
        t = np.clip(X @ Z.T, -1, 1)
        total: Array = sum(weight * DUALS[name](t) for weight, name in zip(c, ("relu", "erf", "sine"), strict=True))
        return total

    return equivalent_ridge(Function(kernel))


IDENTITIES = [
    Identity(
        label="K.1",
        statement=r"\mathbb{E}_{\tilde{x}}\left[ k(x^{\mathsf T} \tilde{x}) \, P_l(a^{\mathsf T} \tilde{x}) \right] = "
        r"\lambda_l P_l(a^{\mathsf T} x), \quad \lambda_l = \mathbb{E}_{\tilde{x}}\left[ k(a^{\mathsf T} \tilde{x}) \, "
        r"P_l(a^{\mathsf T} \tilde{x}) \right]",
        false_statement=r"\mathbb{E}_{\tilde{x}}\left[ k(x^{\mathsf T} \tilde{x}) \, P_l(a^{\mathsf T} \tilde{x}) "
        r"\right] = \lambda_l, \quad \lambda_l = \mathbb{E}_{\tilde{x}}\left[ k(a^{\mathsf T} \tilde{x}) \, "
        r"P_l(a^{\mathsf T} \tilde{x}) \right]",
        check=in_float64(
            "product rule on the sphere, $k(t) = e^t$, $d = 3$",
            _angle_and_degree,
            _mean_over_the_sphere,
            lambda t, l: _eigenvalue(l) * float(_gegenbauer(l, 3, t)[0]),  # noqa: E741
            lambda t, l: _eigenvalue(l),  # noqa: ARG005, E741
        ),
    ),
    Identity(
        label="K.2",
        statement=r"k(t) = \sum_{l=0}^{\infty} N_l \lambda_l P_l(t), \quad "
        r"N_l = \binom{l + d - 1}{l} - \binom{l + d - 3}{l - 2}",
        false_statement=r"k(t) = \sum_{l=0}^{\infty} \lambda_l P_l(t)",
        check=in_float64(
            "exponential, $k(t) = e^t$",
            _dimension_and_product,
            lambda d, t: math.exp(t),  # noqa: ARG005
            lambda d, t: _expansion(d, t, multiplicities=True),
            lambda d, t: _expansion(d, t, multiplicities=False),
        ),
    ),
    Identity(
        label="K.3",
        statement=r"\mathbb{E}\left[ P_l(a^{\mathsf T} x) \, P_l(b^{\mathsf T} x) \right] = "
        r"\frac{1}{N_l} P_l(a^{\mathsf T} b)",
        false_statement=r"\mathbb{E}\left[ P_l(a^{\mathsf T} x) \, P_l(b^{\mathsf T} x) \right] = "
        r"\frac{1}{N_l^2} P_l(a^{\mathsf T} b)",
        check=sampled(
            _axes,
            _products_of_harmonics,
            lambda a, b, l: _covariance(a, b, l, 1),  # noqa: E741
            lambda a, b, l: _covariance(a, b, l, 2),  # noqa: E741
        ),
    ),
    Identity(
        label="K.4",
        statement=r"\mathbb{E}[f_l(x)^2] = \frac{N_l}{d} \, \mathbb{E}\left[ \sin(x_1) \, P_l(x_1) \right]^2 = "
        r"\frac{N_l}{d} \left( \Gamma(d / 2) \, 2^{d / 2 - 1} J_{l + d / 2 - 1}(1) \right)^2",
        false_statement=r"\mathbb{E}[f_l(x)^2] = "
        r"\frac{N_l}{d} \left( \Gamma(d / 2) \, 2^{d / 2 - 1} J_{l + d / 2}(1) \right)^2",
        check=numerical(
            _power_by_integration,
            lambda l, d: _power_by_bessel(l, d, 0),  # noqa: E741
            lambda l, d: _power_by_bessel(l, d, 1),  # noqa: E741
            l=3,
            d=5,
        ),
    ),
    Identity(
        label="K.5",
        statement=r"\mathbb{E}[\mathrm{test\ MSE}] \approx \frac{n}{n - \sum_i L_i^2} \left( "
        r"\sum_i (1 - L_i)^2 \, \mathbb{E}[f_i^2] + \sigma^2 \right)",
        false_statement=r"\mathbb{E}[\mathrm{test\ MSE}] \approx \sum_i (1 - L_i)^2 \, \mathbb{E}[f_i^2] + \sigma^2",
        check=in_float64(
            "Marchenko-Pastur law",
            _linear_regression,
            _test_error_by_law,
            lambda **setting: float(_predicted(**setting).test_mse),
            _variance_left_out,
        ),
    ),
    Identity(
        label="K.6",
        statement=r"\mathbb{E}[\mathrm{train\ MSE}] \approx \left( \frac{\delta}{n \kappa} \right)^2 "
        r"\mathbb{E}[\mathrm{test\ MSE}]",
        false_statement=r"\mathbb{E}[\mathrm{train\ MSE}] \approx \frac{\delta}{n \kappa} "
        r"\mathbb{E}[\mathrm{test\ MSE}]",
        check=in_float64(
            "Marchenko-Pastur law",
            _linear_regression,
            _train_error_by_law,
            lambda **setting: float(_predicted(**setting).train_mse),
            lambda **setting: math.sqrt(_predicted(**setting).train_mse * _predicted(**setting).test_mse),
        ),
    ),
    Identity(
        label="K.7",
        statement=r"\frac{k(1) - k(0) - k'(0)}{k'(0)} = \frac{1 - a_0^2 - a_1^2}{a_1^2}",
        false_statement=r"\frac{k(1) - k(0) - k'(0)}{k'(0)} = \frac{1 - a_0^2}{a_1^2}",
        check=in_float64(
            "derivative of an interpolant, sums of the kernels of ReLU, erf and sine",
            _weights,
            _ridge_by_derivative,
            lambda c: _ridge_by_hermite(c, 1),
            lambda c: _ridge_by_hermite(c, 0),
        ),
    ),
]
