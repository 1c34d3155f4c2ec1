"""The Cholesky factor of a matrix that is given tile by tile, in the memory of its lower triangle.

The algorithm is the left-looking one (Golub and Van Loan, "Matrix Computations", 4.2): a tile is asked for when its
turn comes, and replaced by that of the factor, so that the matrix itself never exists. Tiles are handed out down the
columns, from left to right, to threads that each run BLAS on one core. A tile depends on earlier ones alone, so that
no order of events blocks; and since the operations on a tile and their order are always the same, so is the factor, to
the last bit, for any number of threads.

A factor that is larger than the memory is in a file (see `nngplab.regression.stored_factor`).

One call of LAPACK on a large matrix is no way out: with two threads, the OpenBLAS of the NumPy and SciPy wheels crashes
from 16,000 rows in float64 and 27,000 in float32.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Condition
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import scipy.linalg

from nngplab.errors import InputError
from nngplab.regression import tiles

Array = npt.NDArray[Any]
TileFunction = Callable[[slice, slice, Array], object]
Progress = Callable[[float], object]


class TileStore(Protocol):
    """Where finished tiles are kept beside the memory."""

    def write(self, i: int, k: int, tile: Array) -> None:
        """Keep tile (i, k)."""

    def row(self, i: int, first: int, stop: int, width: int | None = None) -> Array:
        """Return the tiles of block row i in block columns `first` to `stop` - 1, as the first of `width` columns."""


class NotPositiveDefiniteError(InputError):
    """A matrix has a pivot that is negative, or zero but for rounding.

    Args:
        row: the first row with such a pivot, from 0.
        pivot: what is left of its diagonal entry once the rows before it are eliminated.
        message: what to say instead of both.

    >>> import numpy as np
    >>> from nngplab.regression import KernelRegression
    >>> model = KernelRegression(lambda X, Z: -X @ Z.T)  # no kernel: its values at one sample are negative
    >>> try:
    ...     model.fit(np.eye(2), np.ones(2))
    ... except NotPositiveDefiniteError as error:
    ...     print(error.row, round(error.pivot, 4))
    0 -1.0
    """

    def __init__(self, row: int, pivot: float, message: str = ""):
        super().__init__(message or f"the matrix is not positive definite: the pivot of row {row} is {pivot:.3g}")
        self.row = row
        self.pivot = pivot


class CholeskyFactor:
    """The lower triangular L with L L^T = K for a symmetric positive definite K (n, n), as `factorise` returns it.

    Args:
        n: the number of rows.
        dtype: float64 or float32.
    """

    def __init__(self, n: int, dtype: npt.DTypeLike) -> None:
        self.slices = tiles.slices(n, tiles.tile_size(n))
        self.dtype = np.dtype(dtype)
        self.rows = self._new_rows()
        self._inverses: list[list[Array]] = [[] for _ in self.slices]

    def _new_rows(self) -> Sequence[Array]:
        """Return of each block row the part up to its diagonal tile; it takes the finished tiles from left to right."""
        return [np.empty((part.stop - part.start, part.stop), self.dtype) for part in self.slices]

    def solve(self, y: Array) -> Array:
        """Return the solution a of L L^T a = y for y (n, outputs), in the dtype of the factor."""
        a = self.solve_lower(y)
        for k, part in reversed(list(enumerate(self.slices))):
            row = self.rows[k]
            self._solve_transposed(k, row[:, part], a[part].T)
            a[: part.start] -= (a[part].T @ row[:, : part.start]).T
        return a

    def solve_lower(self, b: Array) -> Array:
        """Return L^-1 b for b (n, m), in the dtype of the factor."""
        x = np.array(b, self.dtype, order="C")
        for k, (row, part) in enumerate(zip(self.rows, self.slices, strict=True)):
            x[part] -= row[:, : part.start] @ x[: part.start]
            self.solve_tile(k, row[:, part], x[part].T)
        return x

    def log_determinant(self) -> float:
        """Return the logarithm of the determinant of K."""
        diagonals = (self.diagonal_tile(k).diagonal() for k in range(len(self.slices)))
        return 2 * sum(float(np.log(diagonal, dtype=np.float64).sum()) for diagonal in diagonals)

    @property
    def nbytes(self) -> int:
        """The bytes of the tiles."""
        return sum((part.stop - part.start) * part.stop for part in self.slices) * self.dtype.itemsize

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of K^-1, (n,) in float64: the squared norms of the columns of L^-1.

        It takes as many operations as the factorisation, and for each thread the memory of a tile's columns.
        """

        def of_columns(k: int) -> Array:
            columns = self.unit_columns(k)
            for i in range(k, len(self.slices)):
                self.substitute(columns, k, i, self.rows[i][:, self.slices[k].start :])
            return squared_lengths(columns)

        return np.concatenate(tiles.in_threads(of_columns, range(len(self.slices))))

    def unit_columns(self, k: int) -> Array:
        """Return the columns of the identity that belong to block row k, from its first row on."""
        start = self.slices[k].start
        columns = np.zeros((self.slices[-1].stop - start, self.slices[k].stop - start), self.dtype)
        np.fill_diagonal(columns, 1)
        return columns

    def substitute(self, columns: Array, k: int, i: int, row: Array) -> None:
        """Replace block row i of `unit_columns(k)` by that of L^-1 times them; `row` begins in block column k."""
        start, part = self.slices[k].start, self.slices[i]
        here = columns[part.start - start : part.stop - start]
        here -= row[:, : part.start - start] @ columns[: part.start - start]
        self.solve_tile(i, row[:, part.start - start :], here.T)

    def diagonal_tile(self, k: int) -> Array:
        """Return the diagonal tile of block row k."""
        return self.rows[k][:, self.slices[k]]

    def invert_diagonal(self, k: int, L: Array) -> None:
        """Compute the inverses of the diagonal blocks of the diagonal tile L of block row k, which solutions need."""
        (trtri,) = scipy.linalg.get_lapack_funcs(("trtri",), (L,))
        self._inverses[k] = [
            np.ascontiguousarray(trtri(L[block, block], lower=1)[0]) for block in tiles.slices(len(L), tiles.BLOCK)
        ]

    def solve_tile(self, k: int, L: Array, b: Array) -> None:
        """Replace b (m, t) by the solution x of x L^T = b for the diagonal tile L (t, t) of block row k.

        Nearly all of it is products, which are faster than LAPACK's solution, and keep no other thread waiting.
        """
        for block, inverse in zip(tiles.slices(len(L), tiles.BLOCK), self._inverses[k], strict=True):
            rest = b[:, block] - b[:, : block.start] @ L[block, : block.start].T
            np.matmul(rest, inverse.T, out=b[:, block])

    def _solve_transposed(self, k: int, L: Array, b: Array) -> None:
        """Replace b (m, t) by the solution x of x L = b for the diagonal tile L (t, t) of block row k."""
        blocks = tiles.slices(len(L), tiles.BLOCK)
        for block, inverse in zip(reversed(blocks), reversed(self._inverses[k]), strict=True):
            rest = b[:, block] - b[:, block.stop :] @ L[block.stop :, block]
            np.matmul(rest, inverse, out=b[:, block])


def factorise(tile: TileFunction, n: int, dtype: npt.DTypeLike, progress: Progress | None = None) -> CholeskyFactor:
    """Return the Cholesky factor of a symmetric positive definite matrix K (n, n).

    Args:
        tile: (rows, columns, out), the first two slices: writes K[rows, columns] to the array `out`, of the dtype of
            the factor and with rows that are apart in memory; called once for each tile of the lower triangle, from
            several threads at once.
        n: the number of rows.
        dtype: float64 or float32.
        progress: called, from any thread, with the share of the work that has just been done; the shares add up to one.

    Raises:
        NotPositiveDefiniteError: if K is not positive definite, or singular but for rounding.
    """
    factor = CholeskyFactor(n, dtype)
    blocks = len(factor.slices)
    Panel(factor, dict(enumerate(factor.rows)), range(blocks), tile, [0] * blocks, progress).factorise()
    return factor


def squared_lengths(columns: Array) -> Array:
    """Return the squared norms of columns, in float64."""
    squares: Array = np.einsum("ij,ij->j", columns, columns, dtype=np.float64)
    return squares


class Panel:
    """Some block rows in memory, and the threads that compute the block columns of the factor that end in them.

    Args:
        factor: the factor, for its slices and inverses.
        rows: the block rows by their number, each up to its diagonal tile.
        span: their numbers. The tiles of the earlier block columns are finished.
        tile: as for `factorise`.
        finished: how many tiles of each block row are those of the factor already.
        progress: as for `factorise`.
        store: where finished tiles are kept, and where those of the block rows below come from; None if there are none.
    """

    def __init__(
        self,
        factor: CholeskyFactor,
        rows: Mapping[int, Array],
        span: range,
        tile: TileFunction,
        finished: list[int],
        progress: Progress | None = None,
        store: TileStore | None = None,
    ) -> None:
        self._factor = factor
        self._rows = rows
        self._span = span
        self._tile = tile
        self._finished = finished
        self._progress = progress
        self._store = store
        self._changed = Condition()
        self._failure: BaseException | None = None
        self._order = self._tasks()
        for k in span:
            if finished[k] > k:
                factor.invert_diagonal(k, self._diagonal(k))

    def factorise(self) -> None:
        """Compute all tiles of these block columns; the first failure ends all threads, and is raised."""
        threads = min(tiles.blas_threads(), len(self._factor.slices))
        with tiles.pool(threads) as pool:
            try:
                for worker in [pool.submit(self._work) for _ in range(threads)]:
                    worker.result()
            except BaseException as error:
                self._fail(error)  # an interrupt comes here, and not to the threads
        if self._failure:
            raise self._failure

    def _tasks(self) -> Iterator[tuple[int, range]]:
        """Yield block rows with the tiles to compute: those in memory tile by tile, those below row by row."""
        for k in self._span:
            for i in range(k, self._span.stop):
                yield i, range(k, k + 1)
        for i in range(self._span.stop, len(self._factor.slices)):
            yield i, self._span

    def _work(self) -> None:
        """Compute one tile after another, until none is left or something fails."""
        blocks, dtype = len(self._factor.slices), self._factor.dtype
        try:
            # Of each thread, and used again and again: to take new memory from the system costs more than to fill it.
            scratch = np.empty(self._factor.slices[0].stop ** 2, dtype)
            while task := self._next():
                i, columns = task
                row = self._rows.get(i)
                for k in columns:
                    if self._finished[i] <= k:
                        row = self._read(i) if row is None else row
                        self._finish(i, k, row, scratch)
                    if self._progress:
                        self._progress(6 * (k + 1) / (blocks * (blocks + 1) * (blocks + 2)))
        except BaseException as error:
            self._fail(error)

    def _read(self, i: int) -> Array:
        """Return block row i, which is below those in memory, up to the end of these block columns."""
        assert self._store  # noqa: S101
        return self._store.row(i, 0, self._finished[i], self._factor.slices[self._span.stop - 1].stop)

    def _diagonal(self, k: int) -> Array:
        return self._rows[k][:, self._factor.slices[k]]

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _next(self) -> tuple[int, range] | None:
        with self._changed:
            return None if self._failure else next(self._order, None)

    def _wait_for(self, i: int, count: int) -> None:
        """Wait until block row i has its first `count` tiles."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._finished[i] >= count)
            if self._failure:
                raise self._failure

    def _finish(self, i: int, k: int, row: Array, scratch: Array) -> None:
        """Make tile (i, k) that of L: L_ik L_kk^T = K_ik - sum over j < k of L_ij L_kj^T."""
        part = self._factor.slices[k]
        tile = row[:, part]
        self._tile(self._factor.slices[i], part, tile)
        before = tile.diagonal().copy()
        self._wait_for(i, k)
        self._wait_for(k, k)
        # One product over all j. NumPy's, since SciPy's keeps the interpreter, and with it the other threads, waiting.
        tile -= _product(row[:, : part.start], self._rows[k][:, : part.start].T, scratch)
        if i == k:
            _factor_diagonal_tile(tile, before, part.start)
            self._factor.invert_diagonal(k, tile)
        else:
            self._wait_for(k, k + 1)
            self._factor.solve_tile(k, self._diagonal(k), tile)
        if self._store:
            self._store.write(i, k, tile)
        with self._changed:
            self._finished[i] = k + 1
            self._changed.notify_all()


def _product(A: Array, B: Array, scratch: Array) -> Array:
    """Return A B (n, m), in the memory of `scratch`."""
    return np.matmul(A, B, out=scratch[: len(A) * B.shape[1]].reshape(len(A), -1))


def _factor_diagonal_tile(tile: Array, before: Array, start: int) -> None:
    """Replace a diagonal tile, whose entries on the diagonal were `before` in the matrix itself, by its factor."""
    (potrf,) = scipy.linalg.get_lapack_funcs(("potrf",), (tile,))
    factor, info = potrf(tile.T, lower=1, clean=1)
    row = info - 1 if info > 0 else len(tile)
    # Where the factorisation fails in a row, the factor is complete above it.
    check_pivots(factor.diagonal()[:row] ** 2, before[:row], start)
    if info > 0:
        # Old versions of SciPy solve no system without rows.
        above = scipy.linalg.solve_triangular(factor[:row, :row], tile[:row, row], lower=True) if row else tile[0, :0]
        raise NotPositiveDefiniteError(start + row, float(tile[row, row] - above @ above))
    tile[:] = factor


def check_pivots(pivots: Array, diagonal: Array, start: int = 0) -> None:
    """Refuse a factor with a pivot of the size of its rounding error.

    Such a pivot belongs to a singular matrix: what follows it in the factor is rounding.

    Args:
        pivots: the squares of the diagonal of the factor (n,).
        diagonal: that of the matrix (n,).
        start: the row of the matrix that the first of them is.

    Raises:
        NotPositiveDefiniteError: with the first such row.
    """
    lost = np.flatnonzero(pivots <= 8 * np.finfo(pivots.dtype).eps * diagonal)
    if len(lost):
        raise NotPositiveDefiniteError(start + int(lost[0]), float(pivots[lost[0]]))
