"""Products of a Gram matrix with coefficients, for which the matrix itself never exists."""

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel, Rows
from nngplab.kernels.dual import namespace
from nngplab.regression import tiles

Array = npt.NDArray[Any]

# Groups of columns whose products are computed on their own, so that few rows keep many cores busy too.
_GROUPS = 8


def gram_product(kernel: Kernel, A: Rows, B: Rows, coef: Array) -> Array:
    """Return K coef (m, outputs) in float64, where K (m, n) is the Gram matrix of A against B in their dtype.

    How the rows and columns are cut, and so the last digits, do not depend on the number of threads.
    """
    size = tiles.tile_size(len(coef))
    parts = tiles.slices(len(coef), size)
    groups = [parts[group] for group in tiles.slices(len(parts), math.ceil(len(parts) / _GROUPS))]

    def of_group(block: slice, group: list[slice]) -> Array:
        total = np.zeros((block.stop - block.start, coef.shape[1]), np.longdouble)
        scratch = np.empty((len(total), size), A.values.dtype)
        for part in group:
            K = finite_tile(kernel, A[block], B[part], scratch[:, : part.stop - part.start])
            total += block_product(K, subtract_mean(K), coef[part])
        return total

    blocks = tiles.slices(len(A), _rows_together(len(A)))
    totals = tiles.in_threads(lambda task: of_group(*task), itertools.product(blocks, groups))
    of_blocks = (totals[start : start + len(groups)] for start in range(0, len(totals), len(groups)))
    return np.concatenate([np.sum(of_block, axis=0).astype(np.float64) for of_block in of_blocks])


def _rows_together(m: int) -> int:
    """Return how many rows a block has: enough for BLAS to run at full speed, and few enough for all cores."""
    return min(max(math.ceil(m / 32), 256), 1024)


def finite_tile(kernel: Kernel, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
    """Return a part of a Gram matrix (see `Kernel.tile`).

    Raises:
        InputError: if an entry is NaN or infinite.
    """
    xp = namespace(A.values)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        K = kernel.tile(A, B, out, offset)
        total = K.sum()  # finite if all entries are, unless it overflows
    if not xp.isfinite(total) and not xp.isfinite(K).all():
        value = float(K[~xp.isfinite(K)][0])
        raise InputError(f"kernel {kernel!r} returns {value} for two of the samples: correct it, or scale the samples")
    return K


def subtract_mean(K: Array) -> float:
    """Subtract the mean of a block of a Gram matrix from it, and return that mean.

    Without a ridge the coefficients are large and of both signs. The sums of a product with them are far smaller than
    their terms, and so lose digits; the less, the smaller the entries are. Those of a Gram matrix are much alike.
    """
    mean = K.mean()
    K -= mean
    return float(mean)


def block_product(K: Array, mean: float, a: Array) -> Array:
    """Return (K + mean) a (n, outputs), for a block of a Gram matrix without its mean; in the longest floats."""
    product: Array = K.astype(np.float64, copy=False) @ a + mean * a.sum(axis=0, dtype=np.longdouble)
    return product
