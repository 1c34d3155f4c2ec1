"""The mean error of regression on random features (docs/theory/random_feature_regression.md)."""

import numpy as np
import sympy

from nngplab.theory.identity import Array, Identity, sampled, symbolic

_K, _N, _Q, _Z, _L = sympy.symbols("k n q z L", positive=True)


def _denominator(z: sympy.Expr) -> sympy.Expr:
    return 1 - (_Q * (1 - 2 * z / _K) + z**2 / _K) / (_N * (1 - _Q / _K))


def _term() -> sympy.Expr:
    return (1 - _L) * (1 - _L * (1 - _Z / _K) / (1 - _Q / _K))


def _few_features(rng: np.random.Generator) -> dict[str, int]:
    """Draw n, d and k with k below d, and so far below n that the mean has a small standard error."""
    k = int(rng.integers(2, 4))
    return {"n": k + int(rng.integers(9, 12)), "d": k + int(rng.integers(2, 4)), "k": k}


def _least_squares_errors(rng: np.random.Generator, samples: int, n: int, d: int, k: int) -> Array:
    """Draw test errors (samples,) for the target x_1: the squared distance of the weights from its own."""
    errors = np.empty(samples)
    for start in range(0, samples, 10_000):
        part = slice(start, min(start + 10_000, samples))
        X = rng.standard_normal((part.stop - part.start, n, d))
        B = rng.standard_normal((part.stop - part.start, k, d))
        F = X @ B.swapaxes(1, 2)
        a = np.linalg.solve(F.swapaxes(1, 2) @ F, F.swapaxes(1, 2) @ X[:, :, :1])
        weights = (B.swapaxes(1, 2) @ a)[:, :, 0]
        weights[:, 0] -= 1
        errors[part] = np.sum(weights**2, axis=1)
    return errors


_LEFT_DENOMINATOR = r"1 - \frac{q (1 - 2 z / k) + z^2 / k}{n (1 - q / k)}"

IDENTITIES = [
    Identity(
        label="F.1",
        statement=r"\lim_{k \to \infty} (1 - L) \left( 1 - L \frac{1 - z / k}{1 - q / k} \right) = (1 - L)^2",
        false_statement=r"\lim_{k \to \infty} (1 - L) \left( 1 - L \frac{1 - z / k}{1 - q / k} \right) = 1 - L",
        check=symbolic(
            lambda: sympy.limit(_term(), _K, sympy.oo),
            lambda: (1 - _L) ** 2,
            lambda: 1 - _L,
        ),
    ),
    Identity(
        label="F.2",
        statement=rf"\lim_{{k \to \infty}} \left( {_LEFT_DENOMINATOR} \right) = 1 - \frac{{q}}{{n}}",
        false_statement=rf"\lim_{{k \to \infty}} \left( {_LEFT_DENOMINATOR} \right) = 1 - \frac{{z}}{{n}}",
        check=symbolic(
            lambda: sympy.limit(_denominator(_Z), _K, sympy.oo),
            lambda: 1 - _Q / _N,
            lambda: 1 - _Z / _N,
        ),
    ),
    Identity(
        label="F.3",
        statement=rf"{_LEFT_DENOMINATOR} = 1 - \frac{{k}}{{n}} \quad (z = k)",
        false_statement=rf"{_LEFT_DENOMINATOR} = 1 - \frac{{q}}{{n}} \quad (z = k)",
        check=symbolic(lambda: _denominator(_K), lambda: 1 - _K / _N, lambda: 1 - _Q / _N),
    ),
    Identity(
        label="F.4",
        statement=rf"{_LEFT_DENOMINATOR} = \frac{{(1 - n / k) (1 - q / n)}}{{1 - q / k}} \quad (z = n)",
        false_statement=rf"{_LEFT_DENOMINATOR} = (1 - n / k) (1 - q / n) \quad (z = n)",
        check=symbolic(
            lambda: _denominator(_N),
            lambda: (1 - _N / _K) * (1 - _Q / _N) / (1 - _Q / _K),
            lambda: (1 - _N / _K) * (1 - _Q / _N),
        ),
    ),
    Identity(
        label="F.5",
        statement=r"\mathbb{E}\left[ \frac{\mathrm{test\ MSE}}{\mathbb{E}[f^2]} \right] = "
        r"\left( 1 - \frac{k}{d} \right) \frac{n - 1}{n - k - 1}",
        false_statement=r"\mathbb{E}\left[ \frac{\mathrm{test\ MSE}}{\mathbb{E}[f^2]} \right] = "
        r"\left( 1 - \frac{k}{d} \right)",
        check=sampled(
            _few_features,
            _least_squares_errors,
            lambda n, d, k: (1 - k / d) * (n - 1) / (n - k - 1),
            lambda n, d, k: 1 - k / d,  # noqa: ARG005
        ),
    ),
]
