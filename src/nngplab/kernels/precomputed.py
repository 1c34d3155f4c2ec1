"""The kernel whose samples are rows of a Gram matrix."""

from typing import Any

import numpy as np
import scipy.sparse

from nngplab.errors import InputError
from nngplab.kernels.base import Array, Kernel, Rows
from nngplab.kernels.samples import row_blocks


class Precomputed(Kernel):
    """The kernel "precomputed": a sample is its row (n,) of Gram-matrix entries against the n training samples."""

    def rows(self, X: Array) -> Rows:
        """Return rows of a Gram matrix (m, n), with their places among the training samples.

        Raises:
            InputError: for a sparse matrix.
        """
        if scipy.sparse.issparse(X):
            raise InputError("kernel 'precomputed' takes a dense Gram matrix, not a sparse one: give K.toarray()")
        return Rows(X, index=np.arange(len(X)))

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:  # noqa: ARG002
        """Return the entries of the rows A against the samples B."""
        K: Any = A.values[:, B.index]
        if out is None:
            return K
        out[:] = K
        return out


def check_gram_matrix(K: Array) -> None:
    """Raise InputError unless a matrix is square and, but for rounding, symmetric."""
    if K.shape[0] != K.shape[1]:
        raise InputError(
            f"kernel 'precomputed' needs a square Gram matrix of the training samples; got shape {K.shape}"
        )
    tolerance = np.sqrt(np.finfo(K.dtype).eps) * max(abs(K.max(initial=0)), abs(K.min(initial=0)))
    for block in row_blocks(*K.shape):
        i, j = np.nonzero(np.abs(K[block] - K[:, block].T) > tolerance)
        if len(i):
            row, column = block.start + i[0], j[0]
            raise InputError(
                f"kernel 'precomputed' needs a symmetric Gram matrix: entry ({row}, {column}) is {K[row, column]:.6g}, "
                f"and entry ({column}, {row}) is {K[column, row]:.6g}"
            )
