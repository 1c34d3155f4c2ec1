"""Expectations of functions of Gaussians, with bounds of their error that hold for kinks and jumps too.

Gauss rules across a kink are wrong from the third digit on, so the panels of integration end at the kinks.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.parameters import real_array

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]

# The standard normal density is below 1e-55 beyond, which allows activations that grow like exp(3 x).
_REACH = 16.0
# Panels end here, besides at the kinks.
_EDGES = np.array([-_REACH, -9, -6, -4, -2.5, -1, 0, 1, 2.5, 4, 6, 9, _REACH])
# With more, the panels of the double integral become too many.
MOST_KINKS = 40
# Nodes in a panel, at two resolutions. They agree where the integrand is smooth on each panel.
_FINE, _COARSE = 20, 14
# Kinks that are nearer to each other count as one.
_ONE_KINK = 1e-12
# Of E[f(u)^2]: a bound of what rounding does to E[f(u) f(v)].
_ROUNDING = 1e-13

# A function is smooth on a panel if its interpolant in every other one of these points is right at those between.
_POINTS = np.cos(np.pi * np.arange(33) / 32)[::-1]
_TO_THOSE_BETWEEN = np.polynomial.chebyshev.chebvander(_POINTS[1::2], 16) @ np.linalg.inv(
    np.polynomial.chebyshev.chebvander(_POINTS[::2], 16)
)


def find_kinks(function: Function, known: Sequence[float] = ()) -> Array:
    """Return where a function or one of its derivatives jumps, sorted: the known places and those found, (kinks,).

    A panel on which no polynomial fits the function is halved until the kink is at its middle, as far as double
    precision can tell. The function is sampled every thousandth or so: two kinks within a few of them may hide. Where a
    smooth function bends too sharply for the first panels, their middles are listed too: an integral wants its panels
    to be shorter there.

    Raises:
        InputError: if the function is not elementwise, not finite, or has more than `MOST_KINKS` kinks.
    """
    edges = np.linspace(-_REACH, _REACH, int(2 * _REACH * 64) + 1)
    is_rough = _roughness(function, np.sqrt(np.mean(_checked(function, edges) ** 2 * _density(edges)) * 2 * _REACH))
    # The panels overlap, so that no kink hides at the end of one.
    low, high = edges[:-2], edges[2:]
    rough = is_rough(low, high)
    low, high = low[rough], high[rough]
    found = [real_array("the kinks", known)]
    while 0 < len(low) <= 4 * MOST_KINKS:
        middle = (low + high) / 2
        left, right = is_rough(low, middle), is_rough(middle, high)
        ended = ~(left | right) | (high - low < 4e-15)
        found += [middle[ended], _kinks_among(middle[~ended], (high - low)[~ended] / 4, is_rough)]
        left, right = left & ~ended, right & ~ended
        low, high = np.concatenate([low[left], middle[right]]), np.concatenate([middle[left], high[right]])
    kinks = np.sort(np.concatenate([*found, low]))
    kinks = kinks[np.diff(kinks, prepend=-np.inf) > _ONE_KINK]
    if len(kinks) > MOST_KINKS:
        raise InputError(
            f"quadrature: the function has more than {MOST_KINKS} kinks or jumps, or varies too fast, between "
            f"{kinks[0]:.3g} and {kinks[-1]:.3g}: its expectation cannot be trusted"
        )
    return kinks


def _roughness(function: Function, typical: float) -> Callable[..., Array]:
    """Return a function that says on which of the panels from low to high, (p,) each, no polynomial fits.

    It takes a factor as well, by which the misfit must exceed what rounding explains.
    """

    def is_rough(low: Array, high: Array, factor: float = 1) -> Array:
        values = _checked(function, np.outer(low, (1 - _POINTS) / 2) + np.outer(high, (1 + _POINTS) / 2))
        misfit = np.abs(values[:, 1::2] - values[:, ::2] @ _TO_THOSE_BETWEEN.T).max(axis=1)
        # What a misfit does to an expectation is, by Cauchy and Schwarz, at most its mean square over the density.
        matters = np.maximum(
            np.abs(values).max(axis=1), typical / np.sqrt(_density(np.minimum(np.abs(low), np.abs(high))))
        )
        # Rounding of its argument alone changes a function by this.
        noise = np.finfo(np.float64).eps * np.maximum(np.abs(low), np.abs(high)) * np.ptp(values, axis=1) / (high - low)
        # Numbers below the smallest normal one are rounded to its last digits, whatever their size.
        return misfit > factor * (1e-14 * matters + 8 * noise) + np.finfo(np.float64).tiny

    return is_rough


def _kinks_among(places: Array, reach: Array, is_rough: Callable[..., Array]) -> Array:
    """Return those of some places (p,) that are kinks, though there is another kink near them.

    The function is seen up to the reach (p,) on both sides, which is halved until the other kink is beyond it.
    """
    found = [places[:0]]
    while np.any(reach > _ONE_KINK):
        # A smooth function hardly bends on a panel that is so much shorter than its sides. A kink beside the place that
        # is too small to be seen at the end of a side is hardly rougher than rounding.
        rough = (reach > _ONE_KINK) & is_rough(places - reach / 8, places + reach / 8, 1e3)
        places, reach = places[rough], reach[rough]
        crowded = is_rough(places - reach, places) | is_rough(places, places + reach)
        found.append(places[~crowded])
        places, reach = places[crowded], reach[crowded] / 2
    return np.concatenate(found)


def gaussian_nodes(kinks: Array, reach: tuple[float, float] = (-_REACH, _REACH)) -> tuple[Array, Array]:
    """Return points and weights, (m,) each: weights @ f(points) is E[f(u)] for u ~ N(0, 1) within the reach.

    Panels are a half wide, which resolves Hermite polynomials times f as well, and end at the kinks of f.
    """
    edges = np.concatenate([np.arange(reach[0], reach[1] + 0.5, 0.5), np.clip(kinks, *reach)])
    points, weights = _panels(edges[np.newaxis], _FINE)
    return points[0], weights[0]


def expected_products(function: Function, xi: Array, s: Array, kinks: Array) -> tuple[Array, Array]:
    """Return E[f(u) f(v)] for (u, v) ~ N(0, [[1, xi], [xi, 1]]) and bounds of the errors, for each of xi (m,): (m,).

    The bound is ten times the difference of two resolutions, plus rounding, plus what lies beyond the reach of the
    panels as far as the next stretch shows it.

    Args:
        function: f, elementwise.
        xi: correlations in [-1, 1].
        s: sqrt(1 - xi^2), given beside since near |xi| = 1 it cannot be had from xi without loss.
        kinks: where f or one of its derivatives jumps, as `find_kinks` has it.
    """
    points, weights = gaussian_nodes(kinks)
    second_moment = weights @ function(points) ** 2
    beyond = 0.0
    for reach in ((-1.5 * _REACH, -_REACH), (_REACH, 1.5 * _REACH)):
        points, weights = gaussian_nodes(kinks, reach)
        with np.errstate(all="ignore"):
            beyond += weights @ function(points) ** 2
    fine, coarse = (
        np.array([_expected_product(function, *pair, kinks, nodes) for pair in zip(xi, s, strict=True)])
        for nodes in (_FINE, _COARSE)
    )
    # By Cauchy and Schwarz, E[f(u) f(v); |u| > reach] is at most sqrt(E[f(u)^2; |u| > reach] E[f(v)^2]).
    missed = 2 * np.sqrt(beyond * (second_moment + beyond))
    return fine, 10 * np.abs(fine - coarse) + _ROUNDING * second_moment + missed


def _expected_product(function: Function, xi: float, s: float, kinks: Array, nodes: int) -> float:
    """Integrate over u, and for each u over w, with v = xi u + s w and u, w independent standard normals."""
    edges = [_EDGES, kinks]
    if abs(xi) > 1e-100:  # else the inner integral is a constant
        # The inner integral is smooth in u, but as s goes to 0 it bends ever more sharply, over a width of s, where
        # xi u passes a kink. Panels that triple in length away from there resolve it.
        steps = s * 3.0 ** np.arange(-1, 21)
        edges += [(kink + sign * np.append(0, steps)) / xi for kink in kinks for sign in (-1, 1)]
    (u,), (u_weights,) = _panels(np.unique(np.clip(np.concatenate(edges), -_REACH, _REACH))[np.newaxis], nodes)
    total = 0.0
    block = max(1, 2**20 // (nodes * (len(_EDGES) + len(kinks))))
    for start in range(0, len(u), block):
        centre = xi * u[start : start + block, np.newaxis]
        w_edges = np.concatenate(
            [np.broadcast_to(_EDGES, (len(centre), len(_EDGES))), (kinks - centre) / max(s, 1e-300)], axis=1
        )
        w, w_weights = _panels(np.clip(w_edges, -_REACH, _REACH), nodes)
        inner = np.sum(w_weights * function(centre + s * w), axis=1)
        rows = slice(start, start + block)
        total += float(np.sum(u_weights[rows] * function(u[rows]) * inner))
    return total


def _panels(edges: Array, nodes: int) -> tuple[Array, Array]:
    """Return points and weights, (m, p * nodes), for integrals against N(0, 1) from row-wise panel edges (m, p + 1)."""
    edges = np.sort(edges, axis=1)
    centre, half = (edges[:, 1:] + edges[:, :-1]) / 2, (edges[:, 1:] - edges[:, :-1]) / 2
    x, weight = np.polynomial.legendre.leggauss(nodes)
    points = (centre[..., np.newaxis] + half[..., np.newaxis] * x).reshape(len(edges), -1)
    weights = (half[..., np.newaxis] * weight).reshape(len(edges), -1)
    return points, weights * _density(points)


def _density(x: Array) -> Array:
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _checked(function: Function, x: Array) -> Array:
    argument = x.copy()
    argument.flags.writeable = False
    with np.errstate(all="ignore"):
        values = real_array("the values of the function", function(argument)).astype(np.float64, copy=False)
    if values.shape != x.shape:
        raise InputError(
            f"the function returns shape {values.shape} for an array of shape {x.shape}: it must be elementwise"
        )
    if not np.all(np.isfinite(values)):
        raise InputError(f"the function is not finite at {x[~np.isfinite(values)][0]:.6g}: it has no expectation")
    return values
