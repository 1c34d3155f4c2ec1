"""The dual activation of ReLU, which Problems 11 and 12 give without proof (docs/theory/arc_cosine.md)."""

from typing import Any

import mpmath
import numpy as np
import sympy

from nngplab.theory.gaussian_pair import XI, V, quadrant_mean
from nngplab.theory.identity import Array, Identity, normal_density, numerical, sampled, symbolic

_R, _ALPHA, _THETA, _T, _EPSILON = sympy.symbols("r alpha theta t epsilon", positive=True)


def _dual_of_relu(xi: sympy.Expr) -> sympy.Expr:
    return (xi * (sympy.pi - sympy.acos(xi)) + sympy.sqrt(1 - xi**2)) / (2 * sympy.pi)


def _dual_of_step(xi: sympy.Expr) -> sympy.Expr:
    return (sympy.pi - sympy.acos(xi)) / (2 * sympy.pi)


def _by_angle(theta: sympy.Expr) -> sympy.Expr:
    return ((sympy.pi - theta) * sympy.cos(theta) + sympy.sin(theta)) / (2 * sympy.pi)


def _relu_mean(xi: Any) -> Any:
    """Return E[max(0, u) max(0, v)] by its definition."""
    return quadrant_mean(lambda u, v: u * v, xi)


def _inputs(rng: np.random.Generator) -> dict[str, Array]:
    """Draw two inputs in three dimensions with the norms 2 and 3, at a small angle: few of the products are zero."""
    x, z = rng.uniform(0.5, 1, (2, 3))
    return {"x": 2 * x / np.linalg.norm(x), "z": 3 * z / np.linalg.norm(z)}


def _features(rng: np.random.Generator, samples: int, x: Array, z: Array) -> Array:
    """Draw values (samples,) of max(0, w.x) max(0, w.z)."""
    w = rng.standard_normal((samples, len(x)))
    return np.maximum(0, w @ x) * np.maximum(0, w @ z)


def _dual_at_the_angle(x: Array, z: Array) -> float:
    xi = x @ z / (np.linalg.norm(x) * np.linalg.norm(z))
    return float((xi * (np.pi - np.arccos(xi)) + np.sqrt(1 - xi**2)) / (2 * np.pi))


IDENTITIES = [
    Identity(
        label="R.1",
        statement=r"\int\limits_0^\infty \, r^3 e^{-r^2 / 2} dr = 2",
        false_statement=r"\int\limits_0^\infty \, r^3 e^{-r^2 / 2} dr = 1",
        check=symbolic(
            lambda: sympy.integrate(_R**3 * sympy.exp(-(_R**2) / 2), (_R, 0, sympy.oo)),
            lambda: sympy.Integer(2),
            lambda: sympy.Integer(1),
        ),
    ),
    Identity(
        label="R.2",
        statement=r"\int\limits_{\theta - \pi / 2}^{\pi / 2} \cos(\alpha) \cos(\alpha - \theta) \, d\alpha "
        r"= \frac{1}{2} \left( (\pi - \theta) \cos(\theta) + \sin(\theta) \right)",
        false_statement=r"\int\limits_{\theta - \pi / 2}^{\pi / 2} \cos(\alpha) \cos(\alpha - \theta) \, d\alpha "
        r"= \frac{1}{2} \left( \theta \cos(\theta) + \sin(\theta) \right)",
        check=symbolic(
            lambda: sympy.integrate(
                sympy.cos(_ALPHA) * sympy.cos(_ALPHA - _THETA), (_ALPHA, _THETA - sympy.pi / 2, sympy.pi / 2)
            ),
            lambda: ((sympy.pi - _THETA) * sympy.cos(_THETA) + sympy.sin(_THETA)) / 2,
            lambda: (_THETA * sympy.cos(_THETA) + sympy.sin(_THETA)) / 2,
        ),
    ),
    Identity(
        label="R.3",
        statement=r"\mathbb{E}[\max(0, u) \max(0, v)] "
        r"= \frac{1}{2 \pi} \left( (\pi - \theta) \cos(\theta) + \sin(\theta) \right)",
        false_statement=r"\mathbb{E}[\max(0, u) \max(0, v)] "
        r"= \frac{1}{\pi} \left( (\pi - \theta) \cos(\theta) + \sin(\theta) \right)",
        check=numerical(
            lambda theta: _relu_mean(mpmath.cos(theta)),
            lambda theta: ((mpmath.pi - theta) * mpmath.cos(theta) + mpmath.sin(theta)) / (2 * mpmath.pi),
            lambda theta: ((mpmath.pi - theta) * mpmath.cos(theta) + mpmath.sin(theta)) / mpmath.pi,
            theta=(0.5, 2.5),
        ),
    ),
    Identity(
        label="R.4",
        statement=r"\frac{1}{2 \pi} \left( (\pi - \theta) \cos(\theta) + \sin(\theta) \right) "
        r"= \frac{1}{2 \pi} \left( \xi (\pi - \arccos(\xi)) + \sqrt{1 - \xi^2} \right)",
        false_statement=r"\frac{1}{2 \pi} \left( (\pi - \theta) \cos(\theta) + \sin(\theta) \right) "
        r"= \frac{1}{2 \pi} \left( \xi (\pi - \arccos(\xi)) + 1 - \xi^2 \right)",
        check=symbolic(
            lambda: _by_angle(sympy.acos(XI)),
            lambda: _dual_of_relu(XI),
            lambda: (XI * (sympy.pi - sympy.acos(XI)) + 1 - XI**2) / (2 * sympy.pi),
        ),
    ),
    Identity(
        label="R.5",
        statement=r"\check{\phi}(1) = \mathbb{E}[\max(0, u)^2] = \frac{1}{2}",
        false_statement=r"\check{\phi}(1) = \mathbb{E}[u^2]",
        check=symbolic(
            lambda: sympy.integrate(V**2 * normal_density(V), (V, 0, sympy.oo)),
            lambda: sympy.Rational(1, 2),
            lambda: sympy.integrate(V**2 * normal_density(V), (V, -sympy.oo, sympy.oo)),
        ),
    ),
    Identity(
        label="R.6",
        statement=r"\frac{\check{\phi}(\xi)}{\check{\phi}(1)} "
        r"= \frac{1}{\pi} \left( \xi (\pi - \arccos(\xi)) + \sqrt{1 - \xi^2} \right)",
        false_statement=r"\frac{\check{\phi}(\xi)}{\check{\phi}(1)} "
        r"= \frac{1}{\pi} \left( \xi (\pi \arccos(\xi)) + \sqrt{1 - \xi^2} \right)",
        check=numerical(
            lambda xi: _relu_mean(xi) / (mpmath.mpf(1) / 2),
            lambda xi: (xi * (mpmath.pi - mpmath.acos(xi)) + mpmath.sqrt(1 - xi**2)) / mpmath.pi,
            lambda xi: (xi * (mpmath.pi * mpmath.acos(xi)) + mpmath.sqrt(1 - xi**2)) / mpmath.pi,
            xi=(-0.9, 0.9),
        ),
    ),
    Identity(
        label="R.7",
        statement=r"\mathbb{P}(u > 0, v > 0) = \frac{\pi - \arccos(\xi)}{2 \pi}",
        false_statement=r"\mathbb{P}(u > 0, v > 0) = \frac{\arccos(\xi)}{2 \pi}",
        check=numerical(
            lambda xi: quadrant_mean(lambda *_: 1, xi),
            lambda xi: (mpmath.pi - mpmath.acos(xi)) / (2 * mpmath.pi),
            lambda xi: mpmath.acos(xi) / (2 * mpmath.pi),
            xi=(-0.9, 0.9),
        ),
    ),
    Identity(
        label="R.8",
        statement=r"\frac{d}{d \xi} \left( \frac{1}{2 \pi} \left( \xi (\pi - \arccos(\xi)) + \sqrt{1 - \xi^2} \right) "
        r"\right) = \frac{\pi - \arccos(\xi)}{2 \pi}",
        false_statement=r"\frac{d}{d \xi} \left( \frac{1}{2 \pi} \left( \xi (\pi - \arccos(\xi)) + \sqrt{1 - \xi^2} "
        r"\right) \right) = \frac{\pi - \arccos(\xi)}{2 \pi} + \frac{\xi}{2 \pi \sqrt{1 - \xi^2}}",
        check=symbolic(
            lambda: _dual_of_relu(XI).diff(XI),
            lambda: _dual_of_step(XI),
            lambda: _dual_of_step(XI) + XI / (2 * sympy.pi * sympy.sqrt(1 - XI**2)),
        ),
    ),
    Identity(
        label="R.9",
        statement=r"\check{\phi}(\xi) = \int\limits_{-1}^{\xi} \frac{\pi - \arccos(t)}{2 \pi} dt",
        false_statement=r"\check{\phi}(\xi) = \int\limits_{0}^{\xi} \frac{\pi - \arccos(t)}{2 \pi} dt",
        check=symbolic(
            lambda: _dual_of_relu(XI),
            lambda: sympy.integrate(_dual_of_step(_T), (_T, -1, XI)),
            lambda: sympy.integrate(_dual_of_step(_T), (_T, 0, XI)),
        ),
    ),
    Identity(
        label="R.10",
        statement=r"\mathbb{E}_{w \sim \mathcal{N}(\mathbf{0}, I_d)} \left[ \max(0, w^{\mathsf T} x) "
        r"\max(0, w^{\mathsf T} \tilde{x}) \right] = \lVert x \rVert \lVert \tilde{x} \rVert \, "
        r"\check{\phi}\left( \frac{x^{\mathsf T} \tilde{x}}{\lVert x \rVert \lVert \tilde{x} \rVert} \right)",
        false_statement=r"\mathbb{E}_{w \sim \mathcal{N}(\mathbf{0}, I_d)} \left[ \max(0, w^{\mathsf T} x) "
        r"\max(0, w^{\mathsf T} \tilde{x}) \right] "
        r"= \check{\phi}\left( \frac{x^{\mathsf T} \tilde{x}}{\lVert x \rVert \lVert \tilde{x} \rVert} \right)",
        check=sampled(
            _inputs,
            _features,
            lambda x, z: np.linalg.norm(x) * np.linalg.norm(z) * _dual_at_the_angle(x, z),
            _dual_at_the_angle,
        ),
    ),
    Identity(
        label="R.11",
        statement=r"\lim_{\epsilon \to 0} \frac{1}{\epsilon^{3/2}} \left( "
        r"\frac{\check{\phi}(1 - \epsilon)}{\check{\phi}(1)} - 1 + \epsilon \right) = \frac{2 \sqrt{2}}{3 \pi}",
        false_statement=r"\lim_{\epsilon \to 0} \frac{1}{\epsilon^{3/2}} \left( "
        r"\frac{\check{\phi}(1 - \epsilon)}{\check{\phi}(1)} - 1 + \epsilon \right) = 0",
        check=symbolic(
            lambda: sympy.limit(
                (2 * _dual_of_relu(1 - _EPSILON) - 1 + _EPSILON) / _EPSILON ** sympy.Rational(3, 2), _EPSILON, 0
            ),
            lambda: 2 * sympy.sqrt(2) / (3 * sympy.pi),
            lambda: sympy.Integer(0),
        ),
    ),
]
