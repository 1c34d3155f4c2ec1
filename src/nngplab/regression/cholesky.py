"""The Cholesky factor of a matrix that is given tile by tile, in the memory of its lower triangle.

The algorithm is the left-looking one (Golub and Van Loan, "Matrix Computations", 4.2): a tile is asked for when its
turn comes, and replaced by that of the factor, so that the matrix itself never exists. Tiles are handed out down the
columns, from left to right, to threads that each run BLAS on one core. A tile depends on earlier ones alone, so that
no order of events blocks; and since the operations on a tile and their order are always the same, so is the factor, to
the last bit, for any number of threads.

One call of LAPACK on a large matrix is no way out: with two threads, the OpenBLAS of the NumPy and SciPy wheels crashes
from 16,000 rows in float64 and 27,000 in float32.
"""

import json
import logging
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Condition, Lock
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.linalg
from threadpoolctl import ThreadpoolController

from nngplab.errors import InputError

log = logging.getLogger("nngplab.regression.cholesky")

Array = npt.NDArray[Any]
Tiles = Callable[[slice, slice, Array], object]
Item = TypeVar("Item")
Result = TypeVar("Result")


# The BLAS libraries of NumPy and SciPy, which are loaded by now.
_BLAS = ThreadpoolController().select(user_api="blas")

_CHECKPOINT = b"nngplab factor "

# The rows of a diagonal block that is inverted. Below that, products lose speed; above, the inverse is more work.
BLOCK = 128


class NotPositiveDefiniteError(InputError):
    """A matrix has a pivot that is negative, or zero but for rounding.

    Attributes:
        row: the first row with such a pivot, from 0.
        pivot: what is left of its diagonal entry once the rows before it are eliminated.
    """

    def __init__(self, row: int, pivot: float):
        super().__init__(f"the matrix is not positive definite: the pivot of row {row} is {pivot:.3g}")
        self.row = row
        self.pivot = pivot


def tile_size(n: int) -> int:
    """Return the number of rows of a tile for a matrix of n rows; with fewer rows, the matrix is one tile.

    Large enough for BLAS to run at full speed; small enough for threads to be busy to the end, and for what the
    diagonal tiles have beyond the triangle to be a small share of the memory.
    """
    return 512 if n <= 8_192 else 1024


def slices(n: int, size: int) -> list[slice]:
    """Cut range(n) into slices of `size`, of which the last may be shorter."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def blas_threads() -> int:
    """Return how many threads BLAS may use: all cores, or what its environment or `threadpoolctl` says."""
    return max((library["num_threads"] for library in _BLAS.info()), default=1)


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return function(item) for each item, from as many threads as BLAS may use, each with BLAS on one core."""
    items, threads = list(items), blas_threads()
    with _BLAS.limit(limits=1):
        if min(threads, len(items)) < 2:
            return [function(item) for item in items]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(function, items))


class Checkpoint:
    """A file that keeps the finished tiles of a factorisation, so that one that was killed goes on.

    It holds a line that says what it is, with the settings in JSON, and then for each tile its place, a checksum and
    its numbers. What follows the first damaged or unfinished tile is not used.

    Attributes:
        path: the file; removed when the factorisation has ended.
        settings: all that the factor depends on, in plain texts and numbers; a file with others is begun anew.
    """

    def __init__(self, path: Path, settings: dict[str, Any]):
        self.path = path
        self.settings = settings
        self._lock = Lock()

    def open(self, rows: list[Array], parts: list[slice]) -> list[int]:
        """Fill block rows (see `CholeskyFactor`) with the tiles in the file, and return how many tiles each then has.

        Raises:
            InputError: if the file is no checkpoint, or the disk has no room for the rest.
        """
        header = _CHECKPOINT + json.dumps(self.settings, sort_keys=True).encode() + b"\n"
        finished = [0] * len(rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        self._file.seek(0)
        found = self._file.readline(2 * len(header))
        if found and not found.startswith(_CHECKPOINT):
            self.close(keep=True)
            raise InputError(f"{self.path} holds something else than a factor: name another file, or remove it")
        if found != header:
            self._file.truncate(0)
            self._file.write(header)
        end = self._file.tell()
        while self._read_tile(rows, parts, finished):
            end = self._file.tell()
        self._file.truncate(end)
        if any(finished):
            log.info("going on after %d tiles, from %s", sum(finished), self.path)
        rest = sum(row.nbytes for row in rows) - end
        if rest > shutil.disk_usage(self.path.parent).free:
            self.close(keep=False)
            raise InputError(f"{self.path} needs {rest / 2**30:.3g} GiB more than the disk has: name a file on another")
        return finished

    def add(self, i: int, k: int, tile: Array) -> None:
        """Keep a finished tile."""
        content = np.ascontiguousarray(tile).tobytes()
        with self._lock:
            self._file.write(np.array([i, k, zlib.crc32(content)]).tobytes() + content)
            self._file.flush()

    def close(self, keep: bool) -> None:
        """Close the file, and remove it unless a later run shall go on from it."""
        self._file.close()
        if not keep:
            self.path.unlink()

    def _read_tile(self, rows: list[Array], parts: list[slice], finished: list[int]) -> bool:
        start = self._file.read(24)
        if len(start) < 24:
            return False
        i, k, checksum = np.frombuffer(start, np.int64)
        if not (0 <= k <= i < len(rows) and finished[i] == k):
            return False
        tile = rows[i][:, parts[k]]
        content = self._file.read(tile.nbytes)
        if len(content) < tile.nbytes or zlib.crc32(content) != checksum:
            return False
        tile[:] = np.frombuffer(content, tile.dtype).reshape(tile.shape)
        finished[i] += 1
        return True


class CholeskyFactor:
    """The lower triangular L with L L^T = K for a symmetric positive definite K (n, n).

    Args:
        tiles: (rows, columns, out), the first two slices: writes K[rows, columns] to the array `out`, of the dtype of
            the factor and with rows that are apart in memory; called once for each tile of the lower triangle, from
            several threads at once.
        n: the number of rows.
        dtype: float64 or float32.
        checkpoint: where finished tiles are kept, and taken from.
        progress: told, as they are done, the shares of the work, which add up to one; from any thread.

    Raises:
        NotPositiveDefiniteError: if K is not positive definite, or singular but for rounding.
    """

    def __init__(
        self,
        tiles: Tiles,
        n: int,
        dtype: npt.DTypeLike,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> None:
        self.slices = slices(n, tile_size(n))
        # Of each block row the part up to its diagonal tile; it takes the finished tiles from left to right.
        self._rows = [np.empty((part.stop - part.start, part.stop), dtype) for part in self.slices]
        self._finished = checkpoint.open(self._rows, self.slices) if checkpoint else [0] * len(self.slices)
        self._inverses = [self._inverted(k) if self._finished[k] > k else [] for k in range(len(self.slices))]
        self._changed = Condition()
        self._failure: BaseException | None = None
        blocks = len(self.slices)
        order = ((i, k) for k in range(blocks) for i in range(k, blocks))

        def work() -> None:
            # Of each thread, and used again and again: to take new memory from the system costs more than to fill it.
            scratch = np.empty(tile_size(n) ** 2, dtype)
            while task := self._next(order):
                i, k = task
                if self._finished[i] <= k:
                    self._finish(i, k, tiles, scratch)
                    if checkpoint:
                        checkpoint.add(i, k, self._rows[i][:, self.slices[k]])
                    with self._changed:
                        self._finished[i] = k + 1
                        self._changed.notify_all()
                if progress:
                    progress(6 * (k + 1) / (blocks * (blocks + 1) * (blocks + 2)))

        failure = self._run(work)
        if checkpoint:
            checkpoint.close(keep=failure is not None and not isinstance(failure, NotPositiveDefiniteError))
        if failure:
            raise failure

    def solve(self, y: Array) -> Array:
        """Return the solution a of L L^T a = y for y (n, outputs), in the dtype of the factor."""
        a = np.array(y, self._rows[0].dtype, order="C")
        for k, (row, part) in enumerate(zip(self._rows, self.slices, strict=True)):
            a[part] -= row[:, : part.start] @ a[: part.start]
            self._solve(k, a[part].T)
        for k, (row, part) in reversed(list(enumerate(zip(self._rows, self.slices, strict=True)))):
            self._solve_transposed(k, a[part].T)
            a[: part.start] -= (a[part].T @ row[:, : part.start]).T
        return a

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of K^-1, (n,) in float64: the squared norms of the columns of L^-1.

        It takes as many operations as the factorisation, and for each thread the memory of a tile's columns.
        """

        def of_columns(k: int) -> Array:
            start = self.slices[k].start
            columns = np.zeros((self.slices[-1].stop - start, self.slices[k].stop - start), self._rows[0].dtype)
            np.fill_diagonal(columns, 1)
            for i in range(k, len(self.slices)):
                part = self.slices[i]
                here = columns[part.start - start : part.stop - start]
                here -= self._rows[i][:, start : part.start] @ columns[: part.start - start]
                self._solve(i, here.T)
            squares: Array = np.einsum("ij,ij->j", columns, columns, dtype=np.float64)
            return squares

        return np.concatenate(in_threads(of_columns, range(len(self.slices))))

    def _run(self, work: Callable[[], None]) -> BaseException | None:
        """Run `work` in each thread; the first failure ends them all, and is returned."""

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self._fail(error)

        threads = min(blas_threads(), len(self.slices))
        with _BLAS.limit(limits=1), ThreadPoolExecutor(threads) as pool:
            try:
                for worker in [pool.submit(guarded) for _ in range(threads)]:
                    worker.result()
            except BaseException as error:
                self._fail(error)  # an interrupt comes here, and not to the threads
        return self._failure

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _next(self, order: Iterator[tuple[int, int]]) -> tuple[int, int] | None:
        with self._changed:
            return None if self._failure else next(order, None)

    def _wait_for(self, i: int, count: int) -> None:
        """Wait until block row i has its first `count` tiles."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._finished[i] >= count)
            if self._failure:
                raise self._failure

    def _finish(self, i: int, k: int, tiles: Tiles, scratch: Array) -> None:
        """Make tile (i, k) that of L: L_ik L_kk^T = K_ik - sum over j < k of L_ij L_kj^T."""
        part = self.slices[k]
        tile = self._rows[i][:, part]
        tiles(self.slices[i], part, tile)
        before = tile.diagonal().copy()
        self._wait_for(i, k)
        self._wait_for(k, k)
        # One product over all j. NumPy's, since SciPy's keeps the interpreter, and with it the other threads, waiting.
        tile -= _product(self._rows[i][:, : part.start], self._rows[k][:, : part.start].T, scratch)
        if i == k:
            _factor(tile, before, part.start)
            self._inverses[k] = self._inverted(k)
        else:
            self._wait_for(k, k + 1)
            self._solve(k, tile)

    def _diagonal(self, k: int) -> Array:
        return self._rows[k][:, self.slices[k]]

    def _inverted(self, k: int) -> list[Array]:
        """Return the inverses of the diagonal blocks of the diagonal tile k."""
        L = self._diagonal(k)
        (trtri,) = scipy.linalg.get_lapack_funcs(("trtri",), (L,))
        return [np.ascontiguousarray(trtri(L[block, block], lower=1)[0]) for block in slices(len(L), BLOCK)]

    def _solve(self, k: int, b: Array) -> None:
        """Replace b (m, t) by the solution x of x L^T = b for the diagonal tile L (t, t) of block row k.

        Nearly all of it is products, which are faster than LAPACK's solution, and keep no other thread waiting.
        """
        L = self._diagonal(k)
        for block, inverse in zip(slices(len(L), BLOCK), self._inverses[k], strict=True):
            rest = b[:, block] - b[:, : block.start] @ L[block, : block.start].T
            np.matmul(rest, inverse.T, out=b[:, block])

    def _solve_transposed(self, k: int, b: Array) -> None:
        """Replace b (m, t) by the solution x of x L = b for the diagonal tile L (t, t) of block row k."""
        L = self._diagonal(k)
        blocks = slices(len(L), BLOCK)
        for block, inverse in zip(reversed(blocks), reversed(self._inverses[k]), strict=True):
            rest = b[:, block] - b[:, block.stop :] @ L[block.stop :, block]
            np.matmul(rest, inverse, out=b[:, block])


def _product(A: Array, B: Array, scratch: Array) -> Array:
    """Return A B (n, m), in the memory of `scratch`."""
    return np.matmul(A, B, out=scratch[: len(A) * B.shape[1]].reshape(len(A), -1))


def _factor(tile: Array, before: Array, start: int) -> None:
    """Replace a diagonal tile, whose entries on the diagonal were `before` in the matrix itself, by its factor."""
    (potrf,) = scipy.linalg.get_lapack_funcs(("potrf",), (tile,))
    factor, info = potrf(tile.T, lower=1, clean=1)
    row = info - 1 if info > 0 else len(tile)
    # Where the factorisation fails in a row, the factor is complete above it. A pivot of the size of its rounding error
    # belongs to a singular matrix that slipped through: the first failure is there, and what follows it is rounding.
    pivots = factor.diagonal()[:row] ** 2
    lost = np.flatnonzero(pivots <= 8 * np.finfo(tile.dtype).eps * before[:row])
    if len(lost):
        raise NotPositiveDefiniteError(start + int(lost[0]), float(pivots[lost[0]]))
    if info > 0:
        above = scipy.linalg.solve_triangular(factor[:row, :row], tile[:row, row], lower=True)
        raise NotPositiveDefiniteError(start + row, float(tile[row, row] - above @ above))
    tile[:] = factor
