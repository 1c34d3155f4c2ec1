"""Kernel regression beyond one machine: the Gram matrix in the memories of all processes of an MPI program.

Each process computes the blocks of the lower triangle that it owns, in the block-cyclic distribution of ScaLAPACK,
which factorises the matrix and solves with it (Blackford et al., "ScaLAPACK Users' Guide", 1997).
"""

import logging
import math
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.regression import tiles
from nngplab.regression.cholesky import NotPositiveDefiniteError, check_pivots
from nngplab.regression.digests import digest
from nngplab.regression.linear_system import LinearSystem
from nngplab.regression.memory import PRECISIONS, available_memory
from nngplab.regression.process_grid import ProcessGrid, Scalapack, process_grid
from nngplab.regression.storage import FactorFile

if TYPE_CHECKING:
    from nngplab.regression.estimator import KernelRegression

log = logging.getLogger("nngplab.regression")

Array = npt.NDArray[Any]
# A block's rows in the matrix, and in the memory of its process.
Owned = list[tuple[slice, slice]]

# Rows and columns of a block: enough for BLAS to be fast, and few enough for all processes to be busy.
BLOCK = 256


@dataclass(frozen=True, kw_only=True)
class ScalapackLinearSystem(LinearSystem):
    """A linear system of kernel regression whose matrix is distributed; all processes call its methods together."""

    grid: ProcessGrid

    def factorise(
        self,
        file: FactorFile | None,  # noqa: ARG002 (there is none: `check_supported` refuses it)
        progress: Callable[[float], object],
    ) -> "ScalapackFactor":
        """Return the factor of K + ridge I.

        Raises:
            NotPositiveDefiniteError: if there is none.
            InputError: if the processes have different samples, or for an error of the kernel in one of them.
        """
        given = digest(self.X, self.y, self.scales, self.rows.index), self.ridge
        if len(set(self.grid.comm.allgather(given))) > 1:
            raise InputError("the processes fit different data: give each the same samples, targets, weights and ridge")
        rows, columns = owned(len(self.y), self.grid)
        matrix = self.grid.together(lambda: self._blocks(rows, columns))
        factor = factorise(matrix, rows, columns, len(self.y), self.grid)
        progress(1)
        return factor

    def residual(self, a: Array) -> float:
        """Return |(K + ridge I) a - y| / |y|, as computed by the first process."""
        found: float = self.grid.comm.bcast(self.grid.together(lambda: LinearSystem.residual(self, a)))
        return found

    def product(self, a: Array) -> Array:
        """Return (K + ridge I) a for a (n, outputs), with K in float64, to which each process adds its block rows."""
        rank, size = self.grid.comm.rank, self.grid.comm.size
        share = self.grid.together(lambda: self.block_rows_product(a, range(rank, len(self._parts()), size)))
        return self.grid.sum((share + self.ridge * a / size).astype(np.float64))

    def _parts(self) -> list[slice]:
        # Those of other solvers depend on the number of cores of a machine.
        return tiles.slices(len(self.y), BLOCK)

    def _blocks(self, rows: Owned, columns: Owned) -> Array:
        """Return this process's part of the lower triangle of K + ridge I, column by column."""
        matrix = np.empty((_length(rows), _length(columns)), self.rows.values.dtype, order="F")
        below = [(i, j) for i in rows for j in columns if i[0].start >= j[0].start]

        def of_block(block: tuple[tuple[slice, slice], tuple[slice, slice]]) -> None:
            (i, local_i), (j, local_j) = block
            # The transpose of the block, since the entries of a column are together.
            self.tile(j, i, matrix.T[local_j, local_i])

        tiles.in_threads(of_block, below)
        return matrix


@dataclass(frozen=True)
class ScalapackFactor:
    """The lower triangular L with L L^T = K, distributed; all processes call its methods together.

    Attributes:
        local: the part of this process.
        rows: its blocks of rows.
        columns: its blocks of columns.
        diagonal: the diagonal of L (n,).
        grid: the processes.
        library: the ScaLAPACK.
    """

    local: Array
    rows: Owned
    columns: Owned
    diagonal: Array
    grid: ProcessGrid
    library: Scalapack

    def solve(self, y: Array) -> Array:
        """Return the solution a of L L^T a = y for y (n, outputs), in the dtype of the factor, in each process."""
        n, outputs = y.shape
        library, rows = self.library, _length(self.rows)
        # The first column of processes has y.
        local = np.zeros((rows, outputs), self.local.dtype, order="F")
        for part, place in self.rows:
            local[place] = y[part]
        matrix = library.descriptor((n, n), (BLOCK, BLOCK), self.grid.context, rows)
        right = library.descriptor((n, outputs), (BLOCK, outputs), self.grid.context, rows)
        info = library.integer(0)
        arguments = (b"L", n, outputs, self.local, 1, 1, matrix, local, 1, 1, right, info)
        library.call(f"p{_letter(self.local)}potrs", *arguments)
        a = np.zeros((n, outputs), self.local.dtype)
        if self.grid.column == 0:
            for part, place in self.rows:
                a[part] = local[place]
        return self.grid.sum(a)

    def log_determinant(self) -> float:
        """Return the logarithm of the determinant of K."""
        return 2 * float(np.log(self.diagonal, dtype=np.float64).sum())

    @property
    def nbytes(self) -> int:
        """The bytes of the part of this process."""
        return self.local.nbytes

    def solve_lower(self, b: Array) -> Array:
        """Raise, since no fit keeps this factor."""
        raise NotImplementedError

    def inverse_diagonal(self) -> Array:
        """Raise, since no fit asks for it."""
        raise NotImplementedError


def factorise(matrix: Array, rows: Owned, columns: Owned, n: int, grid: ProcessGrid) -> ScalapackFactor:
    """Return the Cholesky factor of a distributed symmetric positive definite K (n, n), in whose memory it is.

    Raises:
        NotPositiveDefiniteError: as `nngplab.regression.cholesky.factorise`.
    """
    before = _diagonal(matrix, rows, columns, n, grid)
    library = grid.load(len(matrix))
    info = library.integer(0)
    descriptor = library.descriptor((n, n), (BLOCK, BLOCK), grid.context, len(matrix))
    library.call(f"p{_letter(matrix)}potrf", b"L", n, matrix, 1, 1, descriptor, info)
    row = info.value - 1 if info.value > 0 else n
    diagonal = _diagonal(matrix, rows, columns, n, grid)
    check_pivots(diagonal[:row] ** 2, before[:row])
    if row < n:
        raise NotPositiveDefiniteError(row, float(diagonal[row]))  # where it fails, the pivot is left
    return ScalapackFactor(matrix, rows, columns, diagonal, grid, library)


def owned(n: int, grid: ProcessGrid) -> tuple[Owned, Owned]:
    """Return the blocks of rows and of columns of a matrix (n, n) that this process owns."""

    def of(place: int, places: int) -> Owned:
        parts = tiles.slices(n, BLOCK)[place::places]
        return [(part, slice(k * BLOCK, k * BLOCK + part.stop - part.start)) for k, part in enumerate(parts)]

    return of(grid.row, grid.shape[0]), of(grid.column, grid.shape[1])


def checked_grid(model: "KernelRegression", n: int, d: int, itemsize: int) -> ProcessGrid:
    """Return the grid of processes for a fit of n samples with d features; each process raises the same error.

    Args:
        model: the estimator, for its parameters.
        n: the number of samples.
        d: the number of their features.
        itemsize: the bytes of a number of the samples as they were given.

    Raises:
        InputError: for a parameter that is not supported, a library that is missing, a launcher that does not fit, and
            if the memory of a node does not suffice.
    """
    refused = {"loo": model.loo, "keep_factor": model.keep_factor is True, "storage": model.storage is not None}
    names = [name for name, is_set in (refused | {"device": model.device != "cpu"}).items() if is_set]
    if names:
        raise InputError(f"solver 'scalapack' keeps no factor, and uses the CPU alone: leave out {', '.join(names)}")
    grid = process_grid()
    grid.load(math.prod(-(-len(tiles.slices(n, BLOCK)) // places) * BLOCK for places in grid.shape))
    _check_memory(grid, n, d, model.precision, itemsize)
    # The last digits depend on them.
    log.info("ScaLAPACK: %d x %d processes, blocks of %d rows", *grid.shape, BLOCK)
    return grid


def _check_memory(grid: ProcessGrid, n: int, d: int, precision: str, itemsize: int) -> None:
    """Refuse a fit that the memory of a node does not suffice for, in all processes.

    A process takes its part of the whole square, a copy of the samples if their precision is another, and some blocks
    for each thread and for messages.

    Raises:
        InputError: with both figures.
    """
    rows, columns = map(_length, owned(n, grid))
    numbers = rows * columns + 2 * BLOCK * (rows + columns + tiles.blas_threads() * BLOCK)
    needed = {
        name: np.dtype(t).itemsize * (numbers + n * d * (np.dtype(t).itemsize != itemsize))
        for name, t in PRECISIONS.items()
    }
    node = os.environ.get("SLURMD_NODENAME") or platform.node()
    everyone = grid.comm.allgather((node, needed, available_memory(), _resident(), _limit_of_slurm()))
    for node in sorted({each[0] for each in everyone}):
        there = [each for each in everyone if each[0] == node]
        total = {name: sum(each[1][name] for each in there) for name in PRECISIONS}
        limits = [each[4] - sum(other[3] for other in there) for each in there if each[4]]
        available = max(0, min([each[2] for each in there] + limits))
        if total[precision] > available:
            single = f', or precision="single" takes {total["single"] / 2**30:.2f} GiB' * (precision == "double")
            raise InputError(
                f"{n:,} samples need {total[precision] / 2**30:.2f} GiB of memory in {precision} precision for the "
                f"{len(there)} of {grid.comm.size} processes on node {node}, and {available / 2**30:.2f} GiB are "
                f"available there: use more nodes{single}"
            )


def _limit_of_slurm() -> int:
    """Return the bytes of a node that a job of Slurm has asked for; 0 if it does not say so, or for all of them."""
    of_cpu = int(os.environ.get("SLURM_MEM_PER_CPU", 0)) * int(os.environ.get("SLURM_CPUS_ON_NODE", 0))
    return 2**20 * (int(os.environ.get("SLURM_MEM_PER_NODE", 0)) or of_cpu)


def _resident() -> int:
    """Return the bytes of memory that this process has already."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _diagonal(matrix: Array, rows: Owned, columns: Owned, n: int, grid: ProcessGrid) -> Array:
    """Return the diagonal of a distributed matrix (n,) in each process."""
    diagonal, places = np.zeros(n, matrix.dtype), {part.start: place for part, place in columns}
    for part, place in rows:
        if part.start in places:
            diagonal[part] = matrix[place, places[part.start]].diagonal()
    return grid.sum(diagonal)


def _letter(matrix: Array) -> str:
    """Return the letter of LAPACK for the dtype of a matrix."""
    return {4: "s", 8: "d"}[matrix.dtype.itemsize]


def _length(blocks: Owned) -> int:
    return blocks[-1][1].stop if blocks else 0
