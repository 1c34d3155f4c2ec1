"""The Gaussian process of which kernel regression is the posterior mean: variances and the marginal likelihood.

The targets are y_i = f(x_i) + e_i, where f is a Gaussian process of mean 0 and covariance k, and e_i is independent
noise of variance ridge / w_i, with weights w_i that are 1 unless given (Rasmussen and Williams, "Gaussian Processes for
Machine Learning", 2006, chapter 2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel, Rows
from nngplab.kernels.parameters import real_array
from nngplab.kernels.precomputed import Precomputed
from nngplab.regression import tiles
from nngplab.regression.linear_system import Factor, LinearSystem
from nngplab.regression.products import finite_tile
from nngplab.regression.training_set import among_zeros

Array = npt.NDArray[Any]

# Samples whose variances are computed at a time: a thread holds two arrays of so many columns and n rows.
COLUMNS = 128

_SINGULAR = "the Gram matrix is singular, and the solution is that of least norm: set a ridge"


@dataclass(frozen=True)
class Posterior:
    """What a fit keeps for variances.

    Attributes:
        ridges: the ridge of each output (outputs,).
        scales: the roots of the weights (n,); None if there are none.
        factors: the factor of each distinct ridge, in ascending order; empty if they are not kept.
        log_marginal_likelihood: that of the targets, summed over the outputs; None where the matrix is singular.
        computed: the inverse diagonal (n, outputs) of the linear systems, without samples of weight 0; None if it is
            yet to be computed.
    """

    ridges: Array
    scales: Array | None
    factors: list[Factor]
    log_marginal_likelihood: float | None
    computed: Array | None

    def evidence(self) -> float:
        """Return the log marginal likelihood.

        Raises:
            AttributeError: where the matrix is singular.
        """
        if self.log_marginal_likelihood is None:
            raise AttributeError(f"there is no log_marginal_likelihood_: {_SINGULAR}")
        return self.log_marginal_likelihood

    def inverse_diagonal(self) -> Array:
        """Return the diagonal (n, outputs) of (K + diag(ridge / w))^-1, of which a weight of 0 makes 0."""
        diagonal = self.computed
        if diagonal is None:
            diagonal = self._of_outputs(np.stack([factor.inverse_diagonal() for factor in self._kept_factors()], 1))
        if self.scales is None:
            return diagonal
        of_all = among_zeros(diagonal, np.flatnonzero(self.scales), len(self.scales))
        return self.scales[:, np.newaxis] ** 2 * of_all

    @tiles.one_blas_thread()
    def standard_deviations(self, kernel: Kernel, A: Rows, B: Rows, prior_cov: Any) -> Array:
        """Return the standard deviations (m, outputs) of f at samples A (m, d), with training samples B (n, d).

        Raises:
            InputError: if the factors are not kept, or for a wrong `prior_cov` (see `KernelRegression.predict`).
        """
        prior = _checked_prior(kernel, len(A), prior_cov)
        if prior is not None and prior.ndim == 2:
            prior = prior.diagonal()

        def variances(block: slice, parts: list[Array]) -> Array:
            part = A[block]
            before = finite_tile(kernel, part, part, None, 0).diagonal() if prior is None else prior[block]
            return np.stack([before - np.einsum("ij,ij->j", V, V, dtype=np.float64) for V in parts], axis=1)

        found = np.concatenate(self._by_blocks(variances, kernel, A, B))
        return self._of_outputs(np.sqrt(np.maximum(found, 0)))  # rounding makes variances of 0 negative

    @tiles.one_blas_thread()
    def covariances(self, kernel: Kernel, A: Rows, B: Rows, prior_cov: Any) -> Array:
        """Return the covariance matrices (m, m, outputs) of f at samples A (m, d), with training samples B (n, d).

        Raises:
            InputError: as `standard_deviations`.
        """
        prior = _checked_prior(kernel, len(A), prior_cov)
        if prior is not None and prior.ndim == 1:
            raise InputError(f"prior_cov has shape {prior.shape}: return_cov needs the Gram matrix {(len(A), len(A))}")
        blocks = self._by_blocks(lambda _, parts: parts, kernel, A, B)
        prior = (finite_tile(kernel, A, A, None, 0) if prior is None else prior).astype(np.float64, copy=False)
        found = np.empty((len(A), len(A), len(self.factors)))
        for i in range(len(self.factors)):
            V = np.hstack([parts[i] for parts in blocks])
            np.subtract(prior, V.T @ V, out=found[:, :, i])
        return self._of_outputs(found)

    def _by_blocks(self, function: Callable[[slice, list[Array]], Any], kernel: Kernel, A: Rows, B: Rows) -> list[Any]:
        """Return function(block, [L^-1 S K(B, A[block]) for each factor L]) for each block of samples A."""
        factors, scales = self._kept_factors(), self.scales
        if scales is not None:
            B, scales = B[np.flatnonzero(scales)], scales[scales > 0]

        def of_block(block: slice) -> Any:
            K = np.empty((len(B), block.stop - block.start), A.values.dtype)
            for part in tiles.slices(len(B), tiles.tile_size(len(B))):
                K[part] = finite_tile(kernel, A[block], B[part]).T
            if scales is not None:
                K *= scales[:, np.newaxis]
            return function(block, [factor.solve_lower(K) for factor in factors])

        return tiles.in_threads(of_block, tiles.slices(len(A), COLUMNS))

    def _kept_factors(self) -> list[Factor]:
        if self.log_marginal_likelihood is None:
            raise InputError(f"there is no variance: {_SINGULAR}")
        if not self.factors:
            raise InputError("the factor of the Gram matrix, which variances need, was not kept: set keep_factor=True")
        return self.factors

    def _of_outputs(self, values: Array) -> Array:
        """Return values (..., outputs) from those of each distinct ridge (..., factors)."""
        return values[..., np.unique(self.ridges, return_inverse=True)[1]]


def log_marginal_likelihood(system: LinearSystem, a: Array, factor: Factor) -> float:
    """Return the log marginal likelihood of the targets of a system, summed over the outputs.

    It is Rasmussen and Williams (2006), equation 2.30.

    Args:
        system: the linear system.
        a: its solution (n, outputs).
        factor: its factor.
    """
    n, outputs = a.shape
    log_weights = 0.0 if system.scales is None else 2 * float(np.log(system.scales).sum())
    log_determinant = factor.log_determinant() - log_weights
    return -(float(np.vdot(system.y, a)) + outputs * (log_determinant + n * np.log(2 * np.pi))) / 2


def _checked_prior(kernel: Kernel, m: int, prior_cov: Any) -> Array | None:
    """Return the given Gram matrix (m, m) of m samples, or its diagonal (m,); None for a kernel that computes it."""
    if not isinstance(kernel, Precomputed):
        if prior_cov is not None:
            raise InputError("prior_cov is for the kernel 'precomputed' alone: leave it out")
        return None
    if prior_cov is None:
        raise InputError(
            "kernel 'precomputed' has no variances without prior_cov: give the Gram matrix (m, m) of the m samples, or "
            "with return_std its diagonal (m,)"
        )
    prior = real_array("prior_cov", prior_cov)
    if prior.shape not in ((m,), (m, m)) or not np.isfinite(prior).all():
        raise InputError(f"prior_cov has shape {prior.shape}: give {m} or {m} x {m} finite numbers")
    return prior
