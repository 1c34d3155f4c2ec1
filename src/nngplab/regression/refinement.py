"""Solutions brought to a small residual: iterative refinement and preconditioned conjugate gradients."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.regression.linear_system import Factor, LinearSystem

Array = npt.NDArray[Any]

# Steps of the conjugate gradients. Where the factor is of any use, a few are enough.
REFINE_STEPS = 50


def refine(system: LinearSystem, factor: Factor, a: Array, tol: float) -> tuple[Array, float]:
    """Return a solution of relative residual `tol`, or the best that REFINE_STEPS steps find, and its residual.

    What costs is the product with the whole Gram matrix. None is needed where a (n, outputs) will do as it is; one, for
    a plain step of iterative refinement, in most other cases. Either solution is taken if its estimated residual is at
    most `tol` / 2. That an estimate is below half of the truth has a probability of at most exp(-36 / k), where k is
    the mean square of the rows' squared residuals over the square of their mean: 6e-6 for normal residuals of one
    output, less for more (Maurer 2003, "A bound on the deviation probability for sums of non-negative random
    variables", with RESIDUAL_ROWS of them).

    Otherwise come conjugate gradients, preconditioned with the factor, for the correction of a, each output by itself.
    Their own residual drifts from the true one, which is computed in the end, and decides whether another round follows
    (Saad, "Iterative Methods for Sparse Linear Systems", 9.2).
    """
    estimate = system.residual(a)
    if estimate <= tol / 2:
        return a, estimate
    size = float(np.linalg.norm(system.y)) or 1.0
    r = system.y - system.product(a)
    stepped = a + _apply_factor(factor, r)
    estimate = system.residual(stepped)
    if estimate <= tol / 2:
        return stepped, estimate
    # A plain step may lead away. So it is dropped: the first of the conjugate gradients goes the same way, so far as is
    # best, at the price of the product that would judge it.
    best, smallest, steps = a, np.inf, REFINE_STEPS
    while True:
        before, now = smallest, float(np.linalg.norm(r)) / size
        if now < smallest:
            best, smallest = a, now
        if now <= tol or now > before / 2 or steps == 0:
            return best, smallest
        correction, steps = _conjugate_gradients(system, factor, r, tol * size / 2, steps)
        a = a + correction
        r = system.y - system.product(a)


def _conjugate_gradients(
    system: LinearSystem, factor: Factor, r: Array, wanted: float, steps: int
) -> tuple[Array, int]:
    """Return x with |(K + ridge I) x - r| <= wanted, as far as `steps` steps go, and how many steps are left."""
    x, p, before = np.zeros_like(r), np.zeros_like(r), np.ones(r.shape[1])
    while steps and np.linalg.norm(r) > wanted:
        z = _apply_factor(factor, r)
        now = np.einsum("ij,ij->j", r, z)
        p = z + now / np.where(before > 0, before, 1) * p
        q = system.product(p)
        curvature = np.einsum("ij,ij->j", p, q)
        alpha = now / np.where(curvature > 0, curvature, 1)
        x, r, before, steps = x + alpha * p, r - alpha * q, now, steps - 1
    return x, steps


def _apply_factor(factor: Factor, r: Array) -> Array:
    """Return what the factor makes of the residual r (n, outputs), in float64."""
    lengths = np.linalg.norm(r, axis=0)  # in single precision, small numbers have few digits
    lengths[lengths == 0] = 1
    return factor.solve(r / lengths).astype(np.float64, copy=False) * lengths
