"""The Cholesky factor of a matrix in a file, for matrices whose lower triangle is larger than the memory.

As many block rows of the factor as the memory holds are computed at a time. The tiles of the earlier block columns in
them are read from the file. Then each block row below is read by itself, gets its tiles in the block columns that end
in the rows in memory, and is written back. Each tile is computed from whole block rows, by the operations of
`nngplab.regression.cholesky` in their order: so the factor is the same, to the last bit, for any memory, for any number
of threads, and however often the run was interrupted.
"""

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from nngplab.regression import memory, tiles
from nngplab.regression.cholesky import CholeskyFactor, Panel, Progress, TileFunction, squared_lengths
from nngplab.regression.storage import FactorFile

Array = npt.NDArray[Any]


class StoredFactor(CholeskyFactor):
    """A Cholesky factor whose tiles are in a file. It is pickled without them, with the absolute path of the file.

    Args:
        file: the file.
    """

    def __init__(self, file: FactorFile) -> None:
        self.file = file
        super().__init__(file.slices[-1].stop, file.dtype)

    def _new_rows(self) -> Sequence[Array]:
        return _StoredRows(self.file)

    def diagonal_tile(self, k: int) -> Array:
        """Return the diagonal tile of block row k."""
        return self.file.row(k, k, k + 1)

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of K^-1, (n,) in float64, as that of a `CholeskyFactor`, to the last bit.

        The file is read once for as many columns of L^-1 as the memory holds.
        """
        spans = self._spans(lambda k: self.slices[-1].stop - self.slices[k].start)
        return np.concatenate([lengths for span in spans for lengths in self._squared_lengths(span)])

    def _squared_lengths(self, span: range) -> list[Array]:
        """Return the squared norms of the columns of L^-1 that belong to some block rows."""
        columns = {k: self.unit_columns(k) for k in span}
        first = self.slices[span.start].start
        for i in range(span.start, len(self.slices)):
            row = self.file.row(i, span.start, i + 1)

            def step(k: int, i: int = i, row: Array = row) -> None:
                self.substitute(columns[k], k, i, row[:, self.slices[k].start - first :])

            tiles.in_threads(step, range(span.start, min(i + 1, span.stop)))
        return [squared_lengths(columns[k]) for k in span]

    def compute(self, tile: TileFunction, finished: list[int], progress: Progress | None = None) -> None:
        """Compute the tiles that are not finished (see `nngplab.regression.cholesky.factorise`)."""
        blocks = len(self.slices)
        for span in self._spans(lambda i: self.slices[i].stop):
            if all(finished[i] >= min(span.stop, i + 1) for i in range(span.start, blocks)):
                for k in span:
                    self.invert_diagonal(k, self.diagonal_tile(k))
                    if progress:
                        progress(6 * (k + 1) * (blocks - k) / (blocks * (blocks + 1) * (blocks + 2)))
                continue
            self._panel(span, tile, finished, progress).factorise()

    def _panel(self, span: range, tile: TileFunction, finished: list[int], progress: Progress | None) -> Panel:
        """Return block rows in memory. Nothing else refers to them, so they make way for those of the next panel."""
        rows = {i: self.file.row(i, 0, finished[i], self.slices[i].stop) for i in span}
        return Panel(self, rows, span, tile, finished, progress, self.file)

    def _spans(self, length: Callable[[int], int]) -> list[range]:
        """Cut the blocks into ranges, each as long as the memory holds a tile's rows or columns of this length."""
        n, itemsize = self.slices[-1].stop, self.dtype.itemsize
        free = memory.memory_for_block_rows(n, itemsize)
        found, start, taken = [], 0, 0
        for k, part in enumerate(self.slices):
            size = (part.stop - part.start) * length(k) * itemsize
            if k > start and taken + size > free:
                found.append(range(start, k))
                start, taken = k, 0
            taken += size
        return [*found, range(start, len(self.slices))]


class _StoredRows(Sequence[Array]):
    """The block rows in a file, each read when it is asked for."""

    def __init__(self, file: FactorFile) -> None:
        self._file = file

    def __len__(self) -> int:
        return len(self._file.slices)

    @overload
    def __getitem__(self, i: int) -> Array: ...

    @overload
    def __getitem__(self, i: slice) -> Sequence[Array]: ...

    def __getitem__(self, i: int | slice) -> Array | Sequence[Array]:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self._file.row(i, 0, i + 1)


def factorise(tile: TileFunction, file: FactorFile, progress: Progress | None = None) -> StoredFactor:
    """Return the Cholesky factor of a symmetric positive definite matrix K (n, n), whose tiles are in a file.

    The file stays open, for no other fit to use it; `FactorFile.close` closes it.

    Args:
        tile: as for `nngplab.regression.cholesky.factorise`; tiles that the file has are not asked for.
        file: the file.
        progress: as there.

    Raises:
        NotPositiveDefiniteError: if K is not positive definite, or singular but for rounding; the file is removed.
        InputError: if the file cannot be used; what is finished stays in it.
    """
    factor = StoredFactor(file)
    factor.compute(tile, file.begin(), progress)
    return factor
