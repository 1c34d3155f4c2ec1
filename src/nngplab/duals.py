"""Dual activations: what the covariance of two Gaussians becomes behind an activation.

For an activation phi and (u, v) ~ N(0, [[1, xi], [xi, 1]]), the dual activation is dual(xi) = E[phi(u) phi(v)]
(Daniely, Frostig and Singer 2016, "Toward deeper understanding of neural networks"; sheet, Problems 5 to 9).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special

from nngplab.errors import InputError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Dual:
    """The dual of an activation that is scaled so that E[phi(u)^2] = 1 for u ~ N(0, 1): its dual has dual(1) = 1.

    Attributes:
        name: the name of the activation.
        activation: phi, scaled; elementwise.
        moment: moment(c, a, b) = E[phi(u) phi(v)] for (u, v) ~ N(0, [[a, c], [c, b]]), with the same scaled phi;
            elementwise, c, a and b broadcast against each other.
    """

    name: str
    activation: Callable[[Array], Array]
    moment: Callable[[Array, Array, Array], Array]

    def __call__(self, xi: npt.ArrayLike) -> Array:
        """Return the dual at the correlations xi, elementwise, in the dtype of xi (float64 for integers).

        Rounding takes the product of two unit vectors outside [-1, 1], so xi is clipped to that interval. The absolute
        error is a few units of rounding, at the ends of the interval too.
        """
        xi = np.asarray(xi)
        if not np.issubdtype(xi.dtype, np.floating):
            xi = xi.astype(np.float64)
        one = xi.dtype.type(1)
        return self.moment(np.clip(xi, -one, one), one, one)


def _identity(x: Array) -> Array:
    return x


def _identity_moment(c: Array, a: Array, b: Array) -> Array:
    """Problem 5."""
    return c * np.ones_like(a * b)


def _relu(x: Array) -> Array:
    return np.sqrt(2.0) * np.maximum(x, 0)


def _relu_moment(c: Array, a: Array, b: Array) -> Array:
    """Cho and Saul 2009, "Kernel methods for deep learning", arc-cosine kernel of degree 1; Problem 11 mended.

    pi - arccos(t) is arccos(-t) and 1 - t^2 is (1 - t)(1 + t): neither loses digits near |t| = 1. There the two terms
    cancel to first order in sqrt(1 - t), so both must be of the very same t.
    """
    s = np.sqrt(a) * np.sqrt(b)
    t = np.clip(c / np.where(s > 0, s, 1), -1, 1)
    return s * (t * np.arccos(-t) + np.sqrt((1 - t) * (1 + t))) / np.pi


# E[sin(u)^2] = exp(-1) sinh(1) and E[cos(u)^2] = exp(-1) cosh(1) for u ~ N(0, 1).
def _sine(x: Array) -> Array:
    return np.sin(x) / np.sqrt(-np.expm1(-2.0) / 2)


def _sine_moment(c: Array, a: Array, b: Array) -> Array:
    """exp(-(a + b) / 2) sinh(c), over its value at one (Problem 7); as |c| <= (a + b) / 2, nothing here overflows."""
    return np.sign(c) * np.exp(np.abs(c) - (a + b) / 2) * (np.expm1(-2 * np.abs(c)) / float(np.expm1(-2.0)))


def _cosine(x: Array) -> Array:
    return np.cos(x) / np.sqrt((1 + np.exp(-2.0)) / 2)


def _cosine_moment(c: Array, a: Array, b: Array) -> Array:
    """exp(-(a + b) / 2) cosh(c) over its value at one (Problem 9), in the same form as the sine."""
    return np.exp(np.abs(c) - (a + b) / 2) * ((1 + np.exp(-2 * np.abs(c))) / float(1 + np.exp(-2.0)))


def _erf(x: Array) -> Array:
    return scipy.special.erf(x) / np.sqrt(2 / np.pi * np.arcsin(2 / 3))


def _erf_moment(c: Array, a: Array, b: Array) -> Array:
    """Williams 1997, "Computing with infinite networks"; Problem 11."""
    return np.arcsin(2 * c / np.sqrt((1 + 2 * a) * (1 + 2 * b))) / float(np.arcsin(2 / 3))


def _exponential(x: Array) -> Array:
    return np.exp(x - 1)


def _exponential_moment(c: Array, a: Array, b: Array) -> Array:
    """Problem 6 with C = 1: phi(x) = exp(-1 + x) has the dual exp(-1 + xi)."""
    return np.exp(c + (a + b) / 2 - 2)


DUALS: dict[str, Dual] = {
    dual.name: dual
    for dual in (
        Dual("identity", _identity, _identity_moment),
        Dual("relu", _relu, _relu_moment),
        Dual("sine", _sine, _sine_moment),
        Dual("cosine", _cosine, _cosine_moment),
        Dual("erf", _erf, _erf_moment),
        Dual("exponential", _exponential, _exponential_moment),
    )
}


# The standard normal density is below 1e-31 beyond: nothing is lost there for activations up to exponential growth.
_REACH = 12.0
_DISAGREEMENT = 1e-10


def dual_by_quadrature(
    activation: Callable[[Array], Array], xi: npt.ArrayLike, kinks: Sequence[float] = (0.0,)
) -> Array:
    """Return E[activation(u) activation(v)] for (u, v) ~ N(0, [[1, xi], [xi, 1]]), by quadrature.

    This is the definition itself, of the activation as given, not normalised: for `DUALS[name].activation` it is
    `DUALS[name]`, and dividing by its value at xi = 1 normalises any other. The error is about 1e-14 for activations
    that are smooth between their kinks. One value takes some ten milliseconds: this is for checks and for tables.

    Args:
        activation: an elementwise function of arrays of any shape.
        xi: correlations in [-1, 1], of any shape.
        kinks: every point where the activation or one of its derivatives jumps. Gauss rules across a kink are wrong
            from the third digit on, so the panels of integration end there.

    Raises:
        InputError: if xi leaves [-1, 1], or if two resolutions disagree, as they do where a kink is not listed.
    """
    xi = np.asarray(xi, dtype=np.float64)
    if not np.all(np.abs(xi) <= 1):
        raise InputError("dual_by_quadrature: each xi must be a correlation, between -1 and 1")
    fine, coarse = (
        np.array([_expected_product(activation, value, kinks, nodes) for value in xi.ravel()]).reshape(xi.shape)
        for nodes in (40, 28)
    )
    if not np.allclose(fine, coarse, rtol=_DISAGREEMENT, atol=_DISAGREEMENT):
        raise InputError(
            f"dual_by_quadrature: two resolutions disagree by {np.max(np.abs(fine - coarse)):.1e}: "
            f"list every kink of the activation in kinks (now {tuple(kinks)})"
        )
    return fine


def _expected_product(
    activation: Callable[[Array], Array], xi: float, kinks: Sequence[float], nodes: int
) -> np.floating[Any]:
    """Integrate over u, and for each u over w, with v = xi u + s w and u, w independent standard normals."""
    s = np.sqrt((1 - xi) * (1 + xi))
    edges = [np.array([-_REACH, -6, -2, 2, 6, _REACH]), np.array(kinks, dtype=np.float64)]
    if abs(xi) > 1e-100:  # else the inner integral is a constant
        # The inner integral is smooth in u, but as s goes to 0 it bends ever more sharply, over a width of s, where
        # xi u passes a kink. Panels that double in length away from there resolve it.
        steps = s * 2.0 ** np.arange(-1, 33)
        edges += [(kink + sign * np.append(0, steps)) / xi for kink in kinks for sign in (-1, 1)]
    u, u_weights = _panels(np.concatenate(edges)[np.newaxis], nodes)
    u, u_weights = u[0], u_weights[0]
    kinks_of_w = (np.array(kinks, dtype=np.float64) - xi * u[:, np.newaxis]) / max(s, 1e-300)
    base = np.broadcast_to(np.array([-_REACH, -6, -2, 2, 6, _REACH]), (len(u), 6))
    w, w_weights = _panels(np.concatenate([base, kinks_of_w], axis=1), nodes)
    inner = np.sum(w_weights * activation(xi * u[:, np.newaxis] + s * w), axis=1)
    return np.sum(u_weights * activation(u) * inner)


def _panels(edges: Array, nodes: int) -> tuple[Array, Array]:
    """Return points and weights, (m, p * nodes), for integrals against N(0, 1) from row-wise panel edges (m, p + 1)."""
    edges = np.sort(np.clip(edges, -_REACH, _REACH), axis=1)
    centre, half = (edges[:, 1:] + edges[:, :-1]) / 2, (edges[:, 1:] - edges[:, :-1]) / 2
    x, weight = np.polynomial.legendre.leggauss(nodes)
    points = (centre[..., np.newaxis] + half[..., np.newaxis] * x).reshape(len(edges), -1)
    weights = (half[..., np.newaxis] * weight).reshape(len(edges), -1)
    return points, weights * np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi)
