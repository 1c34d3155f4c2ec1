"""Kernels of the distance of two samples: Laplace and RBF."""

from typing import Any

import numpy as np
import scipy.sparse

from nngplab.kernels.base import Array, Kernel, Rows, sparse_gram
from nngplab.kernels.dual import namespace
from nngplab.kernels.parameters import check_number
from nngplab.kernels.samples import (
    ENTRIES_IN_CACHE,
    check_features,
    dense_samples,
    distances,
    row_blocks,
    samples,
)


class _OfDistances(Kernel):
    """A kernel of |x - z| / bandwidth: what Laplace and RBF have in common."""

    takes_sparse = True
    permutation_invariant = True
    bandwidth: float

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of the samples X (n, d) against Z (m, d), X itself if None."""
        rate = self._rate()
        if scipy.sparse.issparse(X) or scipy.sparse.issparse(Z):
            return sparse_gram(self, X, Z)
        X = dense_samples(X)
        Z = X if Z is None else dense_samples(Z)
        check_features(X, Z)
        K = distances(X, Z)
        for block in row_blocks(K.shape[0], K.shape[1], ENTRIES_IN_CACHE):
            self._of_distances(K[block], rate)
        return K

    def diag(self, X: Array) -> Array:
        """Return ones (n,)."""
        X = samples(X)
        return np.ones(X.shape[0], X.dtype)

    def rows(self, X: Array) -> Rows:
        """Return the samples as they are."""
        self._rate()
        return Rows(X)

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return a part of a Gram matrix."""
        if isinstance(A.values, np.ndarray):
            return super().tile(A, B, out, offset)
        D: Any
        if scipy.sparse.issparse(A.values):
            D = distances(A.values, B.values)
        else:
            # From differences, since little is left of products where samples are close.
            xp = namespace(A.values)
            D = xp.cdist(A.values, B.values, compute_mode="donot_use_mm_for_euclid_dist")
        K = self._of_distances(D, self._rate())
        if out is not None:
            out[:] = K
        return K if out is None else out

    def _rate(self) -> float:
        check_number("the bandwidth", self.bandwidth, above=0)
        return 1 / float(self.bandwidth)

    def _of_distances(self, D: Array, rate: float) -> Array:
        """Return the entries of the kernel from distances, in the memory of these."""
        raise NotImplementedError


class Laplace(_OfDistances):
    """The Laplace kernel exp(-|x - z| / bandwidth).

    Args:
        bandwidth: the distance at which the kernel is 1/e.

    >>> import numpy as np
    >>> Laplace(bandwidth=2.0)(np.zeros((1, 3)), np.ones((1, 3))).round(4)
    array([[0.4206]])
    """

    def __init__(self, bandwidth: float = 200.0) -> None:
        self.bandwidth = bandwidth

    def _of_distances(self, D: Array, rate: float) -> Array:
        D *= -rate
        K: Array = namespace(D).exp(D, out=D)
        return K


class RBF(_OfDistances):
    """The radial basis function or Gaussian kernel exp(-|x - z|^2 / (2 bandwidth^2)).

    The bandwidth is the `length_scale` of `sklearn.gaussian_process.kernels.RBF`. The `gamma` of
    `sklearn.kernel_ridge.KernelRidge(kernel="rbf")` is 1 / (2 bandwidth^2); its default, one over the number d of
    features, is bandwidth (d / 2)^(1/2).

    Args:
        bandwidth: the distance at which the kernel is exp(-1/2).

    >>> import numpy as np
    >>> RBF(bandwidth=2.0)(np.zeros((1, 3)), np.ones((1, 3))).round(4)
    array([[0.6873]])
    """

    def __init__(self, bandwidth: float = 1.0) -> None:
        self.bandwidth = bandwidth

    def _of_distances(self, D: Array, rate: float) -> Array:
        D *= rate
        with np.errstate(over="ignore"):
            D *= D
        D *= -0.5
        K: Array = namespace(D).exp(D, out=D)
        return K
