"""Kernel regression on a GPU: the whole Gram matrix and its factor in the memory of one device, by PyTorch.

What is here runs on PyTorch's CPU tensors too, which is how it is tested where there is no GPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel, Rows
from nngplab.regression.cholesky import NotPositiveDefiniteError, check_pivots
from nngplab.regression.linear_system import LinearSystem
from nngplab.regression.memory import available_memory
from nngplab.regression.products import finite_tile
from nngplab.regression.storage import FactorFile

Array = npt.NDArray[Any]

# Entries of a Gram matrix that are computed at a time: enough for a GPU to be busy, and little beside a large matrix.
BLOCK_ENTRIES = 2**24
# Arrays of so many entries that a kernel makes on the way, at most, its argument and the block in float64 included.
_ARRAYS = 12
# Columns of the inverse that are computed at a time.
_COLUMNS = 1024


@dataclass(frozen=True, kw_only=True)
class GpuLinearSystem(LinearSystem):
    """A linear system of kernel regression whose whole matrix is in the memory of a device."""

    device: torch.device

    def factorise(
        self,
        file: FactorFile | None,  # noqa: ARG002 (there is none: KernelRegression refuses it)
        progress: Callable[[float], object],
    ) -> "GpuFactor":
        """Return the factor of K + ridge I.

        Raises:
            NotPositiveDefiniteError: if there is none.
            InputError: if the memory of the device does not suffice.
        """
        try:
            factor = factorise(self._matrix(), self._column)
        except torch.OutOfMemoryError as error:
            raise InputError(
                f"the memory of {self.device} does not suffice for {len(self.y):,} samples: take fewer, single "
                "precision, or device cpu"
            ) from error
        progress(1)
        return factor

    def lower_triangle(self) -> Array:
        """Return K + ridge I (n, n)."""
        K: Array = self._matrix().cpu().numpy()
        return K

    def residual(self, a: Array) -> float:
        """Return |(K + ridge I) a - y| / |y|, with K in float64, from all rows."""
        return float(np.linalg.norm(self.product(a) - self.y) / (np.linalg.norm(self.y) or 1))

    def product(self, a: Array) -> Array:
        """Return (K + ridge I) a for a (n, outputs), with K in float64."""
        rows = self.exact(slice(None))
        return self.scaled(gram_product(self.kernel, rows, rows, self.scaled(a), self.device)) + self.ridge * a

    def _matrix(self) -> Tensor:
        X: Any = on_device(self.rows, self.device)
        K = X.values.new_empty(len(X), len(X))
        step = max(1, BLOCK_ENTRIES // len(X))
        for start in range(0, len(X), step):
            part = slice(start, start + step)
            finite_tile(self.kernel, X[part], X, K[part], start)
        if self.scales is not None:
            scales = torch.from_numpy(self.scales).to(K)
            K *= scales
            K *= scales[:, None]
        K.diagonal().add_(self.ridge)
        return K

    def _column(self, row: int) -> Tensor:
        """Return the entries of K above the diagonal in one column, (row, 1)."""
        X = on_device(self.rows[: row + 1], self.device)
        column: Any = self.kernel.tile(X[row:], X[:row])
        if self.scales is not None:
            column *= torch.from_numpy(self.scales[:row] * self.scales[row]).to(column)
        return column.mT


@dataclass(frozen=True)
class GpuFactor:
    """The lower triangular L (n, n) with L L^T = K, on a device."""

    L: Tensor

    def __getstate__(self) -> dict[str, Tensor]:
        # A model that was fitted on a GPU can be loaded where there is none.
        return {"L": self.L.cpu()}

    def solve(self, y: Array) -> Array:
        """Return the solution a of L L^T a = y for y (n, outputs), in the dtype of the factor."""
        solution: Array = torch.cholesky_solve(torch.from_numpy(y).to(self.L), self.L).cpu().numpy()
        return solution

    def solve_lower(self, b: Array) -> Array:
        """Return L^-1 b for b (n, m), in the dtype of the factor."""
        x: Array = torch.linalg.solve_triangular(self.L, torch.from_numpy(b).to(self.L), upper=False).cpu().numpy()
        return x

    def log_determinant(self) -> float:
        """Return the logarithm of the determinant of K."""
        return 2 * float(self.L.diagonal().double().log().sum())

    @property
    def nbytes(self) -> int:
        """The bytes of the whole matrix on the device."""
        return self.L.nbytes

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of K^-1, (n,) in float64: the squared norms of the columns of L^-1."""
        n = len(self.L)
        squares = []
        for start in range(0, n, _COLUMNS):
            width = min(_COLUMNS, n - start)
            columns = self.L.new_zeros(n, width)
            columns[start : start + width].fill_diagonal_(1)
            columns = torch.linalg.solve_triangular(self.L, columns, upper=False)
            squares.append(columns.double().square_().sum(dim=0))
        diagonal: Array = torch.cat(squares).cpu().numpy()
        return diagonal


def factorise(K: Tensor, column: Callable[[int], Tensor]) -> GpuFactor:
    """Return the Cholesky factor of a symmetric positive definite K (n, n), in whose memory it is.

    Args:
        K: the matrix; it is overwritten.
        column: row -> K[:row, row] (row, 1), computed anew where the factorisation fails in that row.

    Raises:
        NotPositiveDefiniteError: as `nngplab.regression.cholesky.factorise`.
    """
    before, info = K.diagonal().clone(), torch.zeros((), dtype=torch.int32, device=K.device)
    # The transpose of K is K, in the order of memory that LAPACK wants: anything else makes torch copy.
    L, _ = torch.linalg.cholesky_ex(K.mT, out=(K.mT, info))
    row = int(info) - 1
    if row >= 0:
        above = torch.linalg.solve_triangular(L[:row, :row], column(row), upper=False)
        raise NotPositiveDefiniteError(row, float(before[row] - above.square().sum()))
    check_pivots((L.diagonal() ** 2).cpu().numpy(), before.cpu().numpy())
    return GpuFactor(L)


def gram_product(kernel: Kernel, A: Rows, B: Rows, coef: Array, device: torch.device) -> Array:
    """Return K coef (m, outputs) in float64, where K (m, n) is the Gram matrix of A against B, in their dtype.

    Where B is A, equal rows are known to be so.
    """
    X: Any = on_device(A, device)
    Z: Any = X if B is A else on_device(B, device)
    a = torch.from_numpy(np.ascontiguousarray(coef)).to(device)
    step = max(1, BLOCK_ENTRIES // len(Z))
    blocks = []
    for start in range(0, len(X), step):
        K: Any = finite_tile(kernel, X[start : start + step], Z, None, start if B is A else None)
        blocks.append(K.double() @ a)
    product: Array = torch.cat(blocks).cpu().numpy()
    return product


def on_device(rows: Rows, device: torch.device) -> Rows:
    """Return rows whose arrays are tensors on a device."""

    def moved(array: Array | None) -> Any:
        return None if array is None else torch.from_numpy(np.ascontiguousarray(array)).to(device)

    parts = tuple(on_device(part, device) for part in rows.parts)
    return Rows(moved(rows.values), moved(rows.scales), moved(rows.variances), parts, moved(rows.index))


def check_memory(n: int, d: int, dtype: npt.DTypeLike, device: torch.device) -> None:
    """Refuse a fit of n samples with d features that the memory of the device does not suffice for.

    Raises:
        InputError: with both figures.
    """
    itemsize = np.dtype(dtype).itemsize
    block = 8 * max(n, min(n * n, BLOCK_ENTRIES))
    needed = itemsize * n * (n + _COLUMNS) + 2 * 8 * n * d + _ARRAYS * block
    free = free_memory(device)
    if needed > free:
        raise InputError(
            f"{n:,} samples need {needed / 2**30:.2f} GiB on {device}, and {free / 2**30:.2f} GiB are free "
            "there: take fewer, single precision, or device cpu, which takes half of it"
        )


def free_memory(device: torch.device) -> int:
    """Return the bytes that this process can still take on a device."""
    if device.type != "cuda":
        return available_memory()
    # What PyTorch holds without using it, it gives to the next tensors.
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + held
