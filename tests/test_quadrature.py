"""Expectations by quadrature: kinks found, and bounds of the error that hold for random piecewise functions."""

import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.duals import DUALS, dual_and_error, dual_by_quadrature, hermite_coefficients
from nngplab.errors import InputError
from nngplab.quadrature import MOST_KINKS, find_kinks, gaussian_nodes

NEAR_THE_ENDS = [1 - 10.0**-power for power in (1, 2, 4, 8, 12, 15, 16)] + [1.0]
correlations = st.floats(-1, 1) | st.sampled_from([sign * xi for xi in NEAR_THE_ENDS for sign in (-1, 1)])


@st.composite
def piecewise_functions(draw):
    """Cubic polynomials between 1 to 5 places at least 0.01 apart: steps, kinks, or jumps of a higher derivative."""
    places = sorted(draw(st.lists(st.floats(-4, 4), min_size=1, max_size=5)))
    places = [place for i, place in enumerate(places) if i == 0 or place - places[i - 1] > 0.01]
    smoothness = draw(st.integers(0, 2))
    base = draw(st.lists(st.floats(-1, 1), min_size=4, max_size=4))
    bends = draw(st.lists(st.floats(-2, 2), min_size=len(places), max_size=len(places)))
    return places, smoothness, base, bends


def value(function, x):
    places, smoothness, base, bends = function
    bent = sum(bend * np.where(x >= place, (x - place) ** smoothness, 0) for place, bend in zip(places, bends, strict=True))
    return np.polynomial.polynomial.polyval(x, base) + bent


def exact_dual(function, xi):
    """In thirty digits, with panels that end at the places: for each panel of u, the inner integral in closed form."""
    places, smoothness, base, bends = function
    with mpmath.workdps(30):
        xi = mpmath.mpf(xi)
        s = mpmath.sqrt((1 - xi) * (1 + xi))

        def plain(x, above):
            total = mpmath.polyval(base[::-1], x)
            return total + sum(b * (x - p) ** smoothness for p, b in zip(places, bends, strict=True) if above(p))

        def f(x):
            return plain(x, lambda place: x >= place)

        def conditional_mean(u):
            """E[f(xi u + s w)], from E[(m + s w - p)^j; m + s w > p] in closed form."""
            m = xi * u
            moments = [1, m, m**2 + s**2, m**3 + 3 * m * s**2]
            total = sum(c * moment for c, moment in zip(base, moments, strict=True))
            for p, b in zip(places, bends, strict=True):
                d = m - p
                above, density = (mpmath.ncdf(d / s), mpmath.npdf(d / s)) if s else (mpmath.mpf(d >= 0), 0)
                total += b * [above, d * above + s * density, (d**2 + s**2) * above + d * s * density][smoothness]
            return total

        def integrand(u):
            return f(u) * conditional_mean(u) * mpmath.npdf(u)

        # Where the inner integral bends sharply, over a width of s, the panels are short.
        edges = {mpmath.mpf(edge) for edge in (-14, -8, -5, -3, -1, 0, 1, 3, 5, 8, 14)} | {mpmath.mpf(p) for p in places}
        if abs(xi) > 0.3:
            edges |= {
                (p + sign * s * mpmath.mpf(4) ** k) / xi for p in places for sign in (-1, 0, 1) for k in range(-2, 20) if s * 4**k < 10
            }
        return float(mpmath.quad(integrand, sorted(edge for edge in edges if abs(edge) <= 14), maxdegree=7))
