"""The dual activation of erf, which Problem 11 gives without proof (docs/theory/arcsine.md)."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import scipy.special
import sympy

from nngplab.theory.gaussian_pair import XI
from nngplab.theory.identity import Array, Identity, gaussian_mean, in_float64, numerical, pair_mean, sampled, symbolic

_X, _Z = sympy.symbols("x z", real=True)
_T = sympy.Symbol("t", positive=True)
_LAMBDA = sympy.Matrix([[1, XI], [XI, 1]])
_NOISE_DENSITY = sympy.exp(-(_Z**2)) / sympy.sqrt(sympy.pi)
# Number of nodes of the Gauss-Hermite rule, enough to integrate erf up to rounding for variances up to 2.
_NODES = 120


def _dual(xi: Any) -> Any:
    return 2 / mpmath.pi * mpmath.asin(2 * xi / 3)


def _mean_of_product(xi: Any) -> Any:
    """Return E[erf(u) E[erf(v) | u]], with the inner mean by (E.8), for v = xi u + sqrt(1 - xi^2) w."""
    return gaussian_mean(lambda u: mpmath.erf(u) * mpmath.erf(xi * u / mpmath.sqrt(3 - 2 * xi**2)))


def _products_of_signs(rng: np.random.Generator, samples: int, rho: float) -> Array:
    """Draw values (samples,) of sign(p) sign(q)."""
    return np.prod(np.sign(rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], samples)), axis=1)


def _variances_and_covariance(rng: np.random.Generator) -> dict[str, float]:
    a, b = rng.uniform(0.5, 2, 2)
    return {"a": a, "b": b, "c": rng.uniform(-1, 1) * np.sqrt(a * b)}


def _mean_by_gauss_hermite(a: float, b: float, c: float) -> float:
    """Return E[erf(p) erf(q)] by a product rule, where q is c / a p plus an independent Gaussian."""
    x, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    weight /= weight.sum()
    p = np.sqrt(a) * x
    q = c / a * p[:, np.newaxis] + np.sqrt(b - c**2 / a) * x
    return float((weight * scipy.special.erf(p)) @ scipy.special.erf(q) @ weight)


def _williams(scale: Callable[[float], float]) -> Callable[[float, float, float], float]:
    return lambda a, b, c: float(2 / np.pi * np.arcsin(2 * c / scale((1 + 2 * a) * (1 + 2 * b))))


IDENTITIES = [
    Identity(
        label="E.1",
        statement=r"\mathrm{erf}'(x) = \frac{2}{\sqrt{\pi}} e^{-x^2}",
        false_statement=r"\mathrm{erf}'(x) = \frac{1}{\sqrt{2 \pi}} e^{-x^2 / 2}",
        check=symbolic(
            lambda: sympy.integrate(2 / sympy.sqrt(sympy.pi) * sympy.exp(-(_T**2)), (_T, 0, _X)).diff(_X),
            lambda: 2 / sympy.sqrt(sympy.pi) * sympy.exp(-(_X**2)),
            lambda: sympy.exp(-(_X**2) / 2) / sympy.sqrt(2 * sympy.pi),
        ),
    ),
    Identity(
        label="E.2",
        statement=r"\det(\Lambda) \det(\Lambda^{-1} + 2 I) = 9 - 4 \xi^2",
        false_statement=r"\det(\Lambda) \det(\Lambda^{-1} + 2 I) = 9 - \xi^2",
        check=symbolic(
            lambda: _LAMBDA.det() * (_LAMBDA.inv() + 2 * sympy.eye(2)).det(),
            lambda: 9 - 4 * XI**2,
            lambda: 9 - XI**2,
        ),
    ),
    Identity(
        label="E.3",
        statement=r"\mathbb{E}[\phi'(u) \phi'(v)] = \frac{4}{\pi} \mathbb{E}\left[ e^{-u^2 - v^2} \right] "
        r"= \frac{4}{\pi \sqrt{9 - 4 \xi^2}}",
        false_statement=r"\mathbb{E}[\phi'(u) \phi'(v)] = \frac{4}{\pi (9 - 4 \xi^2)}",
        check=numerical(
            lambda xi: 4 / mpmath.pi * pair_mean(lambda u: mpmath.exp(-(u**2)), lambda v: mpmath.exp(-(v**2)), xi),
            lambda xi: 4 / (mpmath.pi * mpmath.sqrt(9 - 4 * xi**2)),
            lambda xi: 4 / (mpmath.pi * (9 - 4 * xi**2)),
            xi=(-1, 1),
        ),
    ),
    Identity(
        label="E.4",
        statement=r"\int\limits_0^\xi \frac{4}{\pi \sqrt{9 - 4 t^2}} dt "
        r"= \frac{2}{\pi} \arcsin\left( \frac{2 \xi}{3} \right)",
        false_statement=r"\int\limits_0^\xi \frac{4}{\pi \sqrt{9 - 4 t^2}} dt "
        r"= \frac{4}{\pi} \arcsin\left( \frac{2 \xi}{3} \right)",
        check=symbolic(
            lambda: sympy.integrate(4 / (sympy.pi * sympy.sqrt(9 - 4 * _T**2)), (_T, 0, XI)),
            lambda: 2 / sympy.pi * sympy.asin(2 * XI / 3),
            lambda: 4 / sympy.pi * sympy.asin(2 * XI / 3),
        ),
    ),
    Identity(
        label="E.5",
        statement=r"\check{\phi}(\xi) = \mathbb{E}[\mathrm{erf}(u) \mathrm{erf}(v)] "
        r"= \frac{2}{\pi} \arcsin\left( \frac{2 \xi}{3} \right)",
        false_statement=r"\check{\phi}(\xi) = \frac{2}{\pi} \arcsin(\xi)",
        check=numerical(_mean_of_product, _dual, lambda xi: 2 / mpmath.pi * mpmath.asin(xi), xi=(-1, 1)),
    ),
    Identity(
        label="E.6",
        statement=r"\frac{\check{\phi}(\xi)}{\mathbb{E}[\mathrm{erf}(u)^2]} "
        r"= \frac{1}{\arcsin\left( \frac{2}{3} \right)} \arcsin\left( \frac{2 \xi}{3} \right)",
        false_statement=r"\frac{\check{\phi}(\xi)}{\mathbb{E}[\mathrm{erf}(u)^2]} "
        r"= \frac{\pi}{2} \arcsin\left( \frac{2 \xi}{3} \right)",
        check=numerical(
            lambda xi: _mean_of_product(xi) / gaussian_mean(lambda u: mpmath.erf(u) ** 2),
            lambda xi: mpmath.asin(2 * xi / 3) / mpmath.asin(mpmath.mpf(2) / 3),
            lambda xi: mpmath.pi / 2 * mpmath.asin(2 * xi / 3),
            xi=(-1, 1),
        ),
    ),
    Identity(
        label="E.7",
        statement=r"\mathbb{E}[\mathrm{sign}(x - z)] = \int\limits_{-\infty}^{x} \frac{e^{-z^2}}{\sqrt{\pi}} dz "
        r"- \int\limits_{x}^{\infty} \frac{e^{-z^2}}{\sqrt{\pi}} dz = \mathrm{erf}(x)",
        false_statement=r"\mathbb{E}[\mathrm{sign}(x - z)] "
        r"= \mathrm{erf}\left( \frac{x}{\sqrt{2}} \right)",
        check=symbolic(
            lambda: (
                sympy.integrate(_NOISE_DENSITY, (_Z, -sympy.oo, _X))
                - sympy.integrate(_NOISE_DENSITY, (_Z, _X, sympy.oo))
            ),
            lambda: sympy.erf(_X),
            lambda: sympy.erf(_X / sympy.sqrt(2)),
        ),
    ),
    Identity(
        label="E.8",
        statement=r"\mathbb{E}[\mathrm{erf}(a + b w)] "
        r"= \mathrm{erf}\left( \frac{a}{\sqrt{1 + 2 b^2}} \right)",
        false_statement=r"\mathbb{E}[\mathrm{erf}(a + b w)] "
        r"= \mathrm{erf}\left( \frac{a}{\sqrt{1 + b^2}} \right)",
        check=numerical(
            lambda a, b: gaussian_mean(lambda w: mpmath.erf(a + b * w)),
            lambda a, b: mpmath.erf(a / mpmath.sqrt(1 + 2 * b**2)),
            lambda a, b: mpmath.erf(a / mpmath.sqrt(1 + b**2)),
            a=(-1, 1),
            b=(0, 1),
        ),
    ),
    Identity(
        label="E.9",
        statement=r"\mathbb{E}[\mathrm{sign}(p) \mathrm{sign}(q)] = \frac{2}{\pi} \arcsin(\rho)",
        false_statement=r"\mathbb{E}[\mathrm{sign}(p) \mathrm{sign}(q)] = \frac{2}{\pi} \arccos(\rho)",
        check=sampled(
            lambda rng: {"rho": rng.uniform(-0.9, -0.3)},
            _products_of_signs,
            lambda rho: 2 / np.pi * np.arcsin(rho),
            lambda rho: 2 / np.pi * np.arccos(rho),
        ),
    ),
    Identity(
        label="E.10",
        statement=r"\mathbb{E}[\mathrm{erf}(p) \mathrm{erf}(q)] "
        r"= \frac{2}{\pi} \arcsin\left( \frac{2 c}{\sqrt{(1 + 2 a) (1 + 2 b)}} \right)",
        false_statement=r"\mathbb{E}[\mathrm{erf}(p) \mathrm{erf}(q)] "
        r"= \frac{2}{\pi} \arcsin\left( \frac{2 c}{(1 + 2 a) (1 + 2 b)} \right)",
        check=in_float64(
            "Gauss-Hermite rule",
            _variances_and_covariance,
            _mean_by_gauss_hermite,
            _williams(np.sqrt),
            _williams(float),
            tolerance=1e-13,
        ),
    ),
]
