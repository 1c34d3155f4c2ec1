"""The eigenvalues of kernels on the unit sphere.

A kernel that depends on the angle of two samples alone has the spherical harmonics as its eigenfunctions, for the
uniform distribution on the sphere S^(d-1). All harmonics of one degree share an eigenvalue (the Funk-Hecke formula;
Müller 1966, "Spherical harmonics"; Bach 2017, "Breaking the curse of dimensionality with convex neural networks").
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev
from numpy.polynomial.legendre import leggauss

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel
from nngplab.kernels.dual import Dual
from nngplab.kernels.objects import as_kernel
from nngplab.kernels.parameters import check_integer
from nngplab.kernels.precomputed import Precomputed
from nngplab.kernels.samples import row_blocks

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]

# By default, the last degree has at most so many harmonics: rounding then changes their sum by less than 1e-12.
LARGEST_MULTIPLICITY = 1e8
LARGEST_DEGREE = 200
# Nodes in a panel of integration, and the largest number of panels.
_NODES, _MOST_PANELS = 32, 512
# Where the density of the angle is below exp(-_DECAY), relative to its maximum, the panels end.
_DECAY = 100.0
# Of the largest value of a kernel: bounds of what rounding does to its mean product with a harmonic of norm 1, and of
# the change at which the rules have converged.
_ROUNDING = 8 * float(np.finfo(np.float64).eps)
_CONVERGED = 4 * _ROUNDING


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The eigenvalues of a kernel on the unit sphere of R^d, by the degree of the harmonics: 0, 1, 2, ...

    Attributes:
        d: the dimension of the samples.
        eigenvalues: an eigenvalue for each degree (degrees + 1,), 0 or above.
        multiplicities: the number of harmonics (degrees + 1,) of each degree, as floats.
        tail: the sum of all eigenvalues of higher degrees.

    >>> from nngplab.kernels import spectrum
    >>> spectrum("linear", d=10)
    <Spectrum d: 10, degrees: 30, sum of the eigenvalues: 1>
    """

    d: int
    eigenvalues: Array
    multiplicities: Array
    tail: float

    def __repr__(self) -> str:
        total = self.shares.sum() + self.tail
        return f"<Spectrum d: {self.d}, degrees: {self.degrees}, sum of the eigenvalues: {total:.6g}>"

    @property
    def degrees(self) -> int:
        """The last degree."""
        return len(self.eigenvalues) - 1

    @property
    def shares(self) -> Array:
        """The sum of the eigenvalues of each degree (degrees + 1,); with the tail, they add up to kernel(x, x)."""
        return self.multiplicities * self.eigenvalues


def spectrum(
    kernel: str | Dual | Kernel | Callable[[Array, Array], Array], d: int, degrees: int | None = None
) -> Spectrum:
    """Return the eigenvalues of a kernel for samples that are uniform on the unit sphere of R^d.

    The eigenvalue of degree l is E[k(t) P_l(t)], where t is a coordinate of a sample, and P_l is the Gegenbauer
    polynomial with P_l(1) = 1. It is computed by Gauss rules in the angle, in which the kernels of this package are
    smooth up to both ends. Its error is about 1e-16 k(1) / N^(1/2) with N harmonics of its degree. An eigenvalue below
    2e-15 k(1) / N^(1/2) is returned as 0, and counts in the tail.

    Args:
        kernel: a kernel, or a short form of one (`nngplab.kernels.as_kernel`), such as "relu" or `NTK(depth=3)`.
        d: the dimension of the samples, 2 or above.
        degrees: the last degree; if None, the last one with at most 1e8 harmonics, and 200 at most.

    Raises:
        InputError: if the kernel depends on more than the angle, is not positive semi-definite, or varies too fast for
            the rules.

    >>> found = spectrum("relu", d=200)
    >>> found.shares.round(4), round(found.tail, 4)  # near (0.3183, 0.5, 0.1592, 0, 0.0133), the limit of large d
    (array([0.3191, 0.5   , 0.1588, 0.    , 0.0132]), 0.009)
    """
    k = on_the_sphere(kernel, d)
    last = default_degrees(d) if degrees is None else degrees
    check_integer("the last degree", last, 0)
    multiplicities = harmonic_multiplicities(d, last)
    at_one = float(k(np.zeros(1))[0])
    coefficients = zonal_coefficients(k, d, last)
    noise = _ROUNDING * at_one
    if np.any(coefficients < -1000 * noise):
        degree = int(np.argmin(coefficients))
        raise InputError(
            f"kernel {kernel!r} is not positive semi-definite on the sphere of dimension {d}: it has a negative "
            f"eigenvalue of degree {degree}, {coefficients[degree] / math.sqrt(multiplicities[degree]):.3g}"
        )
    coefficients = np.where(coefficients > noise, coefficients, 0)
    roots = np.sqrt(multiplicities)
    tail = at_one - float(np.sum(roots * coefficients))
    uncertain = noise * math.sqrt(float(np.sum(multiplicities[coefficients > 0], initial=1)))
    return Spectrum(d, coefficients / roots, multiplicities, tail if tail > uncertain else 0.0)


def equivalent_ridge(kernel: str | Dual | Kernel | Callable[[Array, Array], Array], d: int = 2) -> float:
    """Return the ridge of the linear regression that a kernel amounts to if the samples are almost orthogonal.

    For unit vectors with small products t, the kernel is about k(0) + k'(0) t, and k(1) on the diagonal. This is k'(0)
    times the linear kernel, with an intercept and the ridge (k(1) - k(0) - k'(0)) / k'(0). For an NNGP of one layer it
    is (1 - a0^2 - a1^2) / a1^2 with the Hermite coefficients of the activation (El Karoui 2010, "The spectrum of kernel
    random matrices"). It is infinite if k'(0) is 0.

    Args:
        kernel: as for `spectrum`.
        d: the dimension of the samples; it matters only for a kernel that depends on the number of features.

    Raises:
        InputError: as `spectrum`.

    >>> equivalent_ridge("linear")
    0.0
    >>> round(equivalent_ridge("relu"), 4)  # 1 - 2 / pi
    0.3634
    """
    k = on_the_sphere(kernel, d)
    at_one, at_zero = (float(k(np.array([angle]))[0]) for angle in (0.0, math.pi / 2))
    # A kernel is analytic in t within (-1, 1). Its derivative is that of its interpolant on [-1/2, 1/2].
    nodes = chebyshev.chebpts1(48)
    series = chebyshev.chebfit(nodes, k(np.arccos(nodes / 2)), 47)
    slope = 2 * float(chebyshev.chebval(0.0, chebyshev.chebder(series)))
    if slope <= 400 * _ROUNDING * at_one:
        return math.inf
    rest = at_one - at_zero - slope
    return max(rest / slope, 0.0) if abs(rest) > 40 * _ROUNDING * at_one else 0.0


def on_the_sphere(kernel: Any, d: int) -> Function:
    """Return a kernel between two unit vectors of R^d as a function of their angles (m,): (m,).

    Raises:
        InputError: if the kernel depends on more than the angle, or is not finite or not positive at 0.
    """
    check_integer("the dimension d", d, 2)
    found = as_kernel(kernel)
    if isinstance(found, Precomputed):
        raise InputError("a precomputed Gram matrix has no spectrum on the sphere: give the kernel itself")
    axes = np.eye(2, d)
    others = np.linalg.qr(np.random.default_rng(0).standard_normal((d, 2)))[0].T
    angles = np.array([0.3, 1.0, 2.0, 3.0])
    values, again = _along_circle(found, axes, angles), _along_circle(found, others, angles)
    at_one = float(_along_circle(found, axes, np.zeros(1))[0])
    if not at_one > 0:
        raise InputError(f"kernel {found!r} is {at_one:.6g} between a sample and itself: it must be above 0")
    if not np.allclose(values, again, rtol=1e-8, atol=1e-8 * at_one):
        raise InputError(
            f"kernel {found!r} depends on more than the angle of two unit vectors: it has no such spectrum"
        )
    return lambda theta: _along_circle(found, axes, theta)


def _along_circle(kernel: Kernel, axes: Array, angles: Array) -> Array:
    """Return the kernel (m,) between x and cos(angle) x + sin(angle) z, with x and z in axes (2, d), at angles (m,)."""
    x, z = axes
    values = np.empty(len(angles))
    for block in row_blocks(len(angles), len(x)):
        theta = angles[block, np.newaxis]
        values[block] = kernel(x[np.newaxis], np.cos(theta) * x + np.sin(theta) * z)[0]
    # The angle 0 is that of a sample with itself.
    values[angles == 0] = kernel.diag(x[np.newaxis])[0]
    if not np.all(np.isfinite(values)):
        angle = angles[~np.isfinite(values)][0]
        raise InputError(f"kernel {kernel!r} is not finite between unit vectors at the angle {angle:.6g}")
    return values


def default_degrees(d: int) -> int:
    """Return the last degree that `spectrum` takes by default.

    >>> default_degrees(3), default_degrees(200), default_degrees(3072)
    (200, 4, 2)
    """
    check_integer("the dimension d", d, 2)
    degree = 1
    while degree < LARGEST_DEGREE and harmonic_multiplicities(d, degree + 1)[-1] <= LARGEST_MULTIPLICITY:
        degree += 1
    return degree


def harmonic_multiplicities(d: int, degrees: int) -> Array:
    """Return the number of spherical harmonics in R^d of each degree from 0 to `degrees`: (degrees + 1,), as floats.

    >>> harmonic_multiplicities(3, 4)
    array([1., 3., 5., 7., 9.])
    """
    counts = [math.comb(degree + d - 1, d - 1) for degree in range(degrees + 1)]
    # A polynomial of one degree is a harmonic plus |x|^2 times a polynomial of the degree that is lower by 2.
    return np.array([count - (counts[degree - 2] if degree > 1 else 0) for degree, count in enumerate(counts)], float)


def zonal_harmonics(theta: Array, d: int, degrees: int) -> Array:
    """Return the zonal harmonics of degrees 0 to `degrees` with E[p^2] = 1 on the sphere, at angles (m,): (., m).

    They are N^(1/2) P(cos(theta)), with N harmonics of a degree and the Gegenbauer polynomial P with P(1) = 1.

    >>> import numpy as np
    >>> zonal_harmonics(np.array([0.0, np.pi / 2]), d=3, degrees=2).round(4)  # (2 l + 1)^(1/2) P_l, those of Legendre
    array([[ 1.    ,  1.    ],
           [ 1.7321,  0.    ],
           [ 2.2361, -1.118 ]])
    """
    harmonics = np.empty((degrees + 1, len(theta)))
    harmonics[0] = 1
    if d == 2:
        # As accurate as the angle, which the recurrence is not near 0.
        harmonics[1:] = math.sqrt(2) * np.cos(np.outer(np.arange(1, degrees + 1), theta))
        return harmonics
    t = np.cos(theta)
    before, factor = np.zeros_like(t), 0.0
    for degree in range(1, degrees + 1):
        # t p_l = b_(l+1) p_(l+1) + b_l p_(l-1)
        product = t * harmonics[degree - 1] - factor * before
        factor = math.sqrt(degree * (degree + d - 3) / ((2 * degree + d - 2) * (2 * degree + d - 4)))
        before = harmonics[degree - 1]
        harmonics[degree] = product / factor
    return harmonics


def zonal_coefficients(function: Function, d: int, degrees: int) -> Array:
    """Return E[f(theta) p(cos(theta))] for each zonal harmonic p up to a degree: (degrees + 1,).

    Args:
        function: f, a function of angles (m,) that is smooth within [0, pi] and at both ends.
        d: the dimension; cos(theta) is a coordinate of a uniform unit vector of R^d.
        degrees: the last degree.

    Raises:
        InputError: if f varies too fast.
    """
    # cos(x)^(d - 2), the density of x = theta - pi / 2, is below exp(-_DECAY) beyond.
    reach = math.pi / 2 if d == 2 else math.acos(math.exp(-_DECAY / (d - 2)))
    panels = max(4, math.ceil(degrees * reach / 24))
    found, largest = _by_panels(function, d, degrees, reach, panels)
    change = math.inf
    while change > _CONVERGED * largest:
        if panels >= _MOST_PANELS:
            raise InputError(
                f"the function on the sphere of dimension {d} varies too fast: its expectation times a harmonic of "
                f"degree {degrees} or below is uncertain by {change:.1e}"
            )
        panels *= 2
        before = found
        found, largest = _by_panels(function, d, degrees, reach, panels)
        change = float(np.max(np.abs(found - before)))
    return found


def _by_panels(function: Function, d: int, degrees: int, reach: float, panels: int) -> tuple[Array, float]:
    """Return the coefficients (degrees + 1,) by Gauss rules on panels, and the largest absolute value of f."""
    nodes, weights = leggauss(_NODES)
    edges = np.linspace(-reach, reach, panels + 1)
    centres, half = (edges[1:] + edges[:-1]) / 2, reach / panels
    x = (centres[:, np.newaxis] + half * nodes).ravel()
    # cos(x)^(d - 2), where rounding is not raised to a power.
    weights = np.tile(weights, panels) * np.exp((d - 2) / 2 * np.log1p(-(np.sin(x) ** 2)))
    values = function(math.pi / 2 + x)
    weights /= weights.sum()
    # Without the mean, which is orthogonal to all further harmonics but for rounding.
    mean = weights @ values
    coefficients = zonal_harmonics(math.pi / 2 + x, d, degrees) @ (weights * (values - mean))
    coefficients[0] += mean
    return coefficients, float(np.max(np.abs(values)))
