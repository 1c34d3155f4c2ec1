"""Problem 10: mean and covariance of (w.x, w.z) for a Gaussian w (docs/theory/problem_10.md)."""

from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import mpmath
import numpy as np
import sympy

from nngplab.theory.identity import Array, Identity, gaussian_mean, normal_density, numerical, sampled, symbolic

_X, _Z, _W = (sympy.symbols(f"{name}1:4", real=True) for name in "xzw")


def _inputs(rng: np.random.Generator) -> dict[str, Array]:
    """Draw two inputs with the same random dimension and different norms."""
    d = int(rng.integers(2, 6))
    return {"x": rng.standard_normal(d), "z": 1.5 * rng.standard_normal(d)}


def _inputs_with_sums(rng: np.random.Generator) -> dict[str, Array]:
    """Draw inputs whose coordinates do not add up to about zero, so that few samples refuse their sums as means."""
    return {name: v + np.copysign(1, v.sum()) for name, v in _inputs(rng).items()}


def _unit_inputs(rng: np.random.Generator) -> dict[str, Array]:
    """Draw unit vectors x and z at an angle of up to 65 degrees, so that few samples refuse a correlation of zero."""
    x, z = (v / np.linalg.norm(v) for v in _inputs(rng).values())
    return {"x": x, "z": (x + 0.9 * z) / np.linalg.norm(x + 0.9 * z)}


def _pairs(rng: np.random.Generator, samples: int, x: Array, z: Array) -> Array:
    """Draw values (samples, 2) of (u, v)."""
    w = rng.standard_normal((samples, len(x)))
    return np.stack([w @ x, w @ z], axis=1)


def _products(rng: np.random.Generator, samples: int, x: Array, z: Array) -> Array:
    """Draw values (samples, 2, 2) of the matrix (u, v)(u, v)^T."""
    pairs = _pairs(rng, samples, x, z)
    return pairs[:, :, np.newaxis] * pairs[:, np.newaxis, :]


def _covariance(x: Array, z: Array) -> Array:
    return np.array([[x @ x, x @ z], [x @ z, z @ z]])


def _dot(a: Any, b: Any) -> Any:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _gram(a: Any, b: Any) -> sympy.Matrix:
    return sympy.Matrix([[_dot(a, a), _dot(a, b)], [_dot(a, b), _dot(b, b)]])


def _mean_of_product(d: int) -> sympy.Expr:
    """Return E[uv], with each E[w_i w_j] by integrals of the density."""

    def moment(i: int, j: int) -> sympy.Expr:
        factors = [sympy.integrate(w * normal_density(w), (w, -sympy.oo, sympy.oo)) for w in (_W[i], _W[j])]
        square = sympy.integrate(_W[i] ** 2 * normal_density(_W[i]), (_W[i], -sympy.oo, sympy.oo))
        return square if i == j else factors[0] * factors[1]

    return sum(_X[i] * _Z[j] * moment(i, j) for i, j in product(range(d), repeat=2))


def _characteristic_function(s: Any, t: Any, x1: Any, x2: Any, z1: Any, z2: Any) -> Any:
    """Return E[exp(i(su + tv))] in two dimensions, by an integral over each coordinate of w."""
    c = [s * x1 + t * z1, s * x2 + t * z2]
    return mpmath.fprod(gaussian_mean(lambda w, c_j=c_j: mpmath.expj(c_j * w)) for c_j in c)  # type: ignore[misc]


def _gaussian(cross: int) -> Callable[..., Any]:
    """Return the function exp(-(s^2 x.x + cross * s t x.z + t^2 z.z) / 2) of the coordinates of x and z."""

    def function(s: Any, t: Any, x1: Any, x2: Any, z1: Any, z2: Any) -> Any:
        form = s**2 * (x1**2 + x2**2) + cross * s * t * (x1 * z1 + x2 * z2) + t**2 * (z1**2 + z2**2)
        return mpmath.exp(-form / 2)

    return function


IDENTITIES = [
    Identity(
        label="10.1",
        statement=r"\mathbb{E}[(u, v)] = \left( \sum_{i=1}^{d} \mathbb{E}[w_i] \, x_i, \; "
        r"\sum_{i=1}^{d} \mathbb{E}[w_i] \, \tilde{x}_i \right) = (0, 0)",
        false_statement=r"\mathbb{E}[(u, v)] = \left( \sum_{i=1}^{d} x_i, \; \sum_{i=1}^{d} \tilde{x}_i \right)",
        check=sampled(_inputs_with_sums, _pairs, lambda **_: np.zeros(2), lambda x, z: np.array([x.sum(), z.sum()])),
    ),
    Identity(
        label="10.2",
        statement=r"\mathbb{E}[u v] = \sum_{i=1}^{d} \sum_{j=1}^{d} x_i \tilde{x}_j \, \mathbb{E}[w_i w_j] "
        r"= x^{\mathsf T} \tilde{x}",
        false_statement=r"\mathbb{E}[u v] = \left( \sum_i x_i \right) \left( \sum_j \tilde{x}_j \right)",
        check=symbolic(
            _mean_of_product, lambda d: _dot(_X[:d], _Z[:d]), lambda d: sum(_X[:d]) * sum(_Z[:d]), d=len(_X)
        ),
    ),
    Identity(
        label="10.3",
        statement=r"\mathrm{Cov}((u, v)) = \begin{bmatrix} x^{\mathsf T} x & x^{\mathsf T} \tilde{x} \\ "
        r"x^{\mathsf T} \tilde{x} & \tilde{x}^{\mathsf T} \tilde{x} \end{bmatrix} = \Lambda",
        false_statement=r"\mathrm{Cov}((u, v)) = x^{\mathsf T} \tilde{x}",
        check=sampled(_inputs, _products, _covariance, lambda x, z: x @ z),
    ),
    Identity(
        label="10.4",
        statement=r"\mathbb{E}\left[ e^{\mathrm{i} (s u + t v)} \right] = \prod_{j=1}^{d} "
        r"\mathbb{E}\left[ e^{\mathrm{i} c_j w_j} \right] = \exp\left( -\frac{1}{2} "
        r"\begin{bmatrix} s & t \end{bmatrix} \Lambda \begin{bmatrix} s \\ t \end{bmatrix} \right)",
        false_statement=r"\mathbb{E}\left[ e^{\mathrm{i} (s u + t v)} \right] = \exp\left( -\frac{1}{2} "
        r"(s^2 x^{\mathsf T} x + s t \, x^{\mathsf T} \tilde{x} + t^2 \tilde{x}^{\mathsf T} \tilde{x}) \right)",
        check=numerical(
            _characteristic_function,
            _gaussian(cross=2),
            _gaussian(cross=1),
            **dict.fromkeys(("s", "t", "x1", "x2", "z1", "z2"), (-2, 2)),
        ),
    ),
    Identity(
        label="10.5",
        statement=r"\mathrm{Cov}((u, v)) = \begin{bmatrix} 1 & \xi \\ \xi & 1 \end{bmatrix}",
        false_statement=r"\mathrm{Cov}((u, v)) = \begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix}",
        check=sampled(
            _unit_inputs,
            _products,
            lambda x, z: np.array([[1, x @ z], [x @ z, 1]]),
            lambda **_: np.eye(2),
        ),
    ),
    Identity(
        label="10.6",
        statement=r"\det \Lambda = {\lVert x \rVert}^2 {\lVert \tilde{x} \rVert}^2 - (x^{\mathsf T} \tilde{x})^2 "
        r"= \sum_{i < j} (x_i \tilde{x}_j - x_j \tilde{x}_i)^2",
        false_statement=r"\det \Lambda = {\lVert x \rVert}^2 {\lVert \tilde{x} \rVert}^2 + (x^{\mathsf T} \tilde{x})^2",
        check=symbolic(
            lambda d: _gram(_X[:d], _Z[:d]).det(),
            lambda d: sum((_X[i] * _Z[j] - _X[j] * _Z[i]) ** 2 for i, j in combinations(range(d), 2)),
            lambda d: _dot(_X[:d], _X[:d]) * _dot(_Z[:d], _Z[:d]) + _dot(_X[:d], _Z[:d]) ** 2,
            d=len(_X),
        ),
    ),
]
