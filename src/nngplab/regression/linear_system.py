"""The linear system of kernel regression: its matrix tile by tile, its factor, its residual."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nngplab.kernels.base import Kernel, Rows, inner_products
from nngplab.kernels.samples import squared_norms
from nngplab.regression import cholesky, stored_factor, tiles
from nngplab.regression.products import block_product, finite_tile, subtract_mean
from nngplab.regression.storage import FactorFile

Array = npt.NDArray[Any]

# Beyond this many rows the residual is computed for RESIDUAL_ROWS of them: all would cost as much as the Gram matrix.
EXACT_RESIDUAL_UP_TO = 1_000
RESIDUAL_ROWS = 128


class Factor(Protocol):
    """A Cholesky factor of a matrix (n, n), in the memory of the processor or of a GPU."""

    def solve(self, y: Array) -> Array:
        """Return the solution of the linear system for y (n, outputs), in the dtype of the factor."""

    def solve_lower(self, b: Array) -> Array:
        """Return L^-1 b for b (n, m) and the factor L, in its dtype."""

    def inverse_diagonal(self) -> Array:
        """Return the diagonal (n,) of the inverse, in float64."""

    def log_determinant(self) -> float:
        """Return the logarithm of the determinant."""

    @property
    def nbytes(self) -> int:
        """The bytes that it takes."""


@dataclass(frozen=True)
class LinearSystem:
    """The equation (K + ridge I) a = y, where K is the Gram matrix of samples; with scales, S K S stands for K.

    S is the diagonal matrix of the scales. In weighted least squares these are the roots of the weights, y is S times
    the targets, and S a are the coefficients.

    Attributes:
        kernel: the kernel.
        X: the samples (n, d) as they were given; dense, or sparse in CSR format.
        rows: the samples as the kernel takes them, in the working precision.
        y: the targets (n, outputs) in float64.
        ridge: what is added to the diagonal of K.
        tile_cache: keeps the tiles of K for another ridge, by their first row and column; None if nothing is kept.
        scales: the diagonal (n,) of S; None if it is the identity.
    """

    kernel: Kernel
    X: Array
    rows: Rows
    y: Array
    ridge: float
    tile_cache: dict[tuple[int, int], Array] | None = None
    scales: Array | None = None

    def factorise(self, file: FactorFile | None, progress: Callable[[float], object]) -> Factor:
        """Return the factor of K + ridge I.

        Args:
            file: where the tiles of the factor are; None for the memory.
            progress: called with the share of the work that has just been done.

        Raises:
            NotPositiveDefiniteError: if there is none.
        """
        if file is not None:
            return stored_factor.factorise(self.tile, file, progress)
        return cholesky.factorise(self.tile, len(self.y), self.rows.values.dtype, progress)

    def lower_triangle(self) -> Array:
        """Return K + ridge I (n, n), of which what is above the diagonal need not be set."""
        parts = self._parts()
        K = np.empty((len(self.y), len(self.y)), self.rows.values.dtype)
        for i, rows in enumerate(parts):
            for columns in parts[: i + 1]:
                self.tile(rows, columns, K[rows, columns])
        return K

    def tile(self, rows: slice, columns: slice, out: Array) -> None:
        """Write a tile of K + ridge I to `out`."""
        place = (rows.start, columns.start)
        if self.tile_cache is not None and place in self.tile_cache:
            out[:] = self.tile_cache[place]
        else:
            self._gram(self.rows[rows], None if rows == columns else self.rows[columns], out)
            if self.tile_cache is not None:
                self.tile_cache[place] = out.copy()
        if self.scales is not None:
            out *= self.scales[rows, np.newaxis]
            out *= self.scales[columns]
        if rows == columns:
            out[np.diag_indices_from(out)] += self.ridge

    def exact(self, chosen: slice | Array) -> Rows:
        """Return some of the samples in float64."""
        if self.rows.values.dtype == np.float64 and isinstance(chosen, slice):
            return self.rows[chosen]
        rows = self.kernel.rows(self.X[chosen].astype(np.float64, copy=False))
        return rows if self.rows.index is None else replace(rows, index=self.rows.index[chosen])

    def scaled(self, a: Array, chosen: slice | Array = slice(None)) -> Array:
        """Return S a for a (n, outputs), or for those of its rows that are chosen."""
        return a if self.scales is None else self.scales[chosen, np.newaxis] * a

    def residual(self, a: Array) -> float:
        """Return |(K + ridge I) a - y| / |y|, with K in float64; from some of the rows if there are many."""
        n = len(self.y)
        chosen = np.arange(n)
        if n > EXACT_RESIDUAL_UP_TO:
            edges = np.linspace(0, n, RESIDUAL_ROWS + 1).astype(int)
            chosen = np.random.default_rng(0).integers(edges[:-1], edges[1:])
        A, scaled = self.exact(chosen), self.scaled(a)

        def of_columns(columns: slice) -> Array:
            K = finite_tile(self.kernel, A, self.exact(columns))
            return block_product(K, subtract_mean(K), scaled[columns])

        product = np.sum(tiles.in_threads(of_columns, self._parts()), axis=0).astype(np.float64)
        difference = self.scaled(product, chosen) + self.ridge * a[chosen] - self.y[chosen]
        share = np.sqrt(n / len(chosen))
        return float(share * np.linalg.norm(difference) / (np.linalg.norm(self.y) or 1))

    def product(self, a: Array) -> Array:
        """Return (K + ridge I) a for a (n, outputs), with K in float64, of which each half is computed once."""
        return (self.block_rows_product(a, range(len(self._parts()))) + self.ridge * a).astype(np.float64)

    def block_rows_product(self, a: Array, block_rows: Iterable[int]) -> Array:
        """Return what some block rows of the lower triangle, and what mirrors them, add to K a (n, outputs)."""
        parts, scaled = self._parts(), self.scaled(a)

        def of_block_row(i: int) -> Array:
            rows, total = parts[i], np.zeros((parts[i].stop, a.shape[1]), np.longdouble)
            A = self.exact(rows)
            for columns in parts[:i]:
                K = finite_tile(self.kernel, A, self.exact(columns))
                mean = subtract_mean(K)
                total[rows] += block_product(K, mean, scaled[columns])
                total[columns] += block_product(K.T, mean, scaled[rows])
            K = self._gram(A, None)
            total[rows] += block_product(K, subtract_mean(K), scaled[rows])
            return self.scaled(total, slice(len(total)))

        product = np.zeros(a.shape, np.longdouble)
        for part in tiles.in_threads(of_block_row, block_rows):
            product[: len(part)] += part
        return product

    def twin(self, row: int) -> str:
        """Say which earlier sample has the direction of this one, if one has."""
        if self.rows.index is not None:
            return ""  # the samples themselves are not known
        x, before = self.rows.values[row : row + 1], self.rows.values[:row]
        lengths = np.sqrt(squared_norms(x) * squared_norms(before))
        same = np.flatnonzero(inner_products(before, x)[:, 0] >= (1 - 8 * np.finfo(x.dtype).eps) * lengths)
        return f" (its sample has the direction of that of row {same[0]})" if len(same) else ""

    def _parts(self) -> list[slice]:
        return tiles.slices(len(self.y), tiles.tile_size(len(self.y)))

    def _gram(self, A: Rows, B: Rows | None, out: Array | None = None) -> Array:
        """Return the Gram matrix of A against B, or, if that is None, of A itself."""
        return finite_tile(self.kernel, A, A, out, 0) if B is None else finite_tile(self.kernel, A, B, out)
