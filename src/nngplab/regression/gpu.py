"""The whole Gram matrix and its factor in the memory of one device, by PyTorch: kernel regression on a GPU.

What is here runs on PyTorch's CPU tensors too, which is how it is tested where there is no GPU.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS, Dual
from nngplab.kernels.gram import Rows
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.memory import available_memory

Array = npt.NDArray[np.floating]

# Entries that a dual is applied to at a time: enough for a GPU to be busy, and little beside a large matrix.
BLOCK_ENTRIES = 2**24
# Arrays of so many entries that a dual makes on the way, at most, its argument and the exact samples' block included.
_ARRAYS = 8
# Columns of the inverse that are computed at a time.
_COLUMNS = 1024


class DenseKernel:
    """A kernel on a device.

    Args:
        kernel: a name as for `nngplab.kernels.gram.kernel_function`, or a `Dual`.
        L: the rate of the Laplace kernel.
        device: where it computes.

    Raises:
        InputError: for a kernel that is a function of NumPy arrays.
    """

    def __init__(self, kernel: object, L: float, device: torch.device) -> None:
        if not isinstance(kernel, (str, Dual)):
            raise InputError(f"kernel {kernel!r} is a function of NumPy arrays: name one, or set device to cpu")
        self._name = kernel
        self._dual = DUALS.get(kernel) if isinstance(kernel, str) else kernel
        self._L = L
        self._device = device

    def check_memory(self, n: int, d: int, dtype: npt.DTypeLike) -> None:
        """Refuse a fit of n samples with d features that the memory of the device does not suffice for.

        Raises:
            InputError: with both figures.
        """
        itemsize = np.dtype(dtype).itemsize
        block = 8 * max(n, min(n * n, BLOCK_ENTRIES))
        needed = itemsize * n * (n + _COLUMNS) + 2 * 8 * n * d + _ARRAYS * block
        free = free_memory(self._device)
        if needed > free:
            raise InputError(
                f"{n:,} samples need {needed / 2**30:.2f} GiB on {self._device}, and {free / 2**30:.2f} GiB are free "
                "there: take fewer, single precision, or device cpu, which takes half of it"
            )

    def factor(self, rows: Rows, ridge: float) -> "DenseFactor":
        """Return the factor of the Gram matrix of the rows plus the ridge times the identity.

        Raises:
            NotPositiveDefiniteError: as `nngplab.regression.cholesky.CholeskyFactor`.
            InputError: if the memory of the device does not suffice.
        """
        try:
            return DenseFactor(self._matrix(rows, ridge), lambda row: self._column(rows, row))
        except torch.OutOfMemoryError as error:
            raise InputError(
                f"the memory of {self._device} does not suffice for {len(rows):,} samples: take fewer, single "
                "precision, or device cpu"
            ) from error

    def matrix(self, rows: Rows, ridge: float) -> Array:
        """Return the Gram matrix of the rows (n, n) plus the ridge times the identity."""
        K: Array = self._matrix(rows, ridge).cpu().numpy()
        return K

    def product(self, A: Rows, B: Rows, coef: Array) -> Array:
        """Return K coef (m, outputs) in float64, where K (m, n) is the Gram matrix of A against B, in their dtype.

        Where B is A, equal rows are known to be so.
        """
        X, Z = self._on_device(A), self._on_device(B)
        a = torch.from_numpy(np.ascontiguousarray(coef)).to(self._device)
        step = max(1, BLOCK_ENTRIES // len(Z))
        product = torch.cat(
            [
                self._gram(X[start : start + step], Z, start if A is B else None).double() @ a
                for start in range(0, len(X), step)
            ]
        )
        found: Array = product.cpu().numpy()
        return found

    def _matrix(self, rows: Rows, ridge: float) -> Tensor:
        X = self._on_device(rows)
        K = X.new_empty(len(X), len(X))
        step = max(1, BLOCK_ENTRIES // len(X))
        for start in range(0, len(X), step):
            K[start : start + step] = self._gram(X[start : start + step], X, start)
        K.diagonal().add_(ridge)
        return K

    def _column(self, rows: Rows, row: int) -> Tensor:
        """Return the entries of the Gram matrix above the diagonal in one column, (row, 1)."""
        X = self._on_device(rows[: row + 1])
        return self._gram(X[row:], X[:row], None).mT

    def _gram(self, A: Tensor, B: Tensor, start: int | None) -> Tensor:
        """Return the Gram matrix of A against B; the rows of A are those of B from `start` on, unless that is None."""
        if self._name == "laplace":
            # Differences, and not products, of which little is left where rows are close.
            D = torch.cdist(A, B, compute_mode="donot_use_mm_for_euclid_dist")
            return D.mul_(-self._L).exp_()
        K = A @ B.T
        if self._dual is None:
            return K
        if start is not None:
            K.diagonal(start).copy_(A.any(dim=1))
        dual: Any = self._dual
        gram: Tensor = dual(K)
        return gram

    def _on_device(self, rows: Rows) -> Tensor:
        """Return the rows, of unit length where the kernel is of a dual."""
        X = torch.from_numpy(np.ascontiguousarray(rows.values)).to(self._device)
        return X if rows.scales is None else X * torch.from_numpy(rows.scales).to(self._device)[:, None]


class DenseFactor:
    """The lower triangular L with L L^T = K for a symmetric positive definite K (n, n), in whose memory it is.

    Args:
        K: the matrix.
        column: row -> K[:row, row] (row, 1), computed anew where the factorisation fails in that row.

    Raises:
        NotPositiveDefiniteError: as `nngplab.regression.cholesky.CholeskyFactor`.
    """

    def __init__(self, K: Tensor, column: Callable[[int], Tensor]) -> None:
        before, info = K.diagonal().clone(), torch.zeros((), dtype=torch.int32, device=K.device)
        # The transpose of K is K, in the order of memory that LAPACK wants: anything else makes torch copy.
        L, _ = torch.linalg.cholesky_ex(K.mT, out=(K.mT, info))
        row = int(info) - 1
        if row >= 0:
            above = torch.linalg.solve_triangular(L[:row, :row], column(row), upper=False)
            raise NotPositiveDefiniteError(row, float(before[row] - above.square().sum()))
        pivots = L.diagonal() ** 2
        lost = torch.nonzero(pivots <= 8 * torch.finfo(K.dtype).eps * before)
        if len(lost):
            raise NotPositiveDefiniteError(int(lost[0]), float(pivots[lost[0]]))
        self._L = L

    def solve(self, y: Array) -> Array:
        """Return the solution a of L L^T a = y for y (n, outputs), in the dtype of the factor."""
        solution: Array = torch.cholesky_solve(torch.from_numpy(y).to(self._L), self._L).cpu().numpy()
        return solution

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of K^-1, (n,) in float64: the squared norms of the columns of L^-1."""
        n = len(self._L)
        squares = []
        for start in range(0, n, _COLUMNS):
            width = min(_COLUMNS, n - start)
            columns = self._L.new_zeros(n, width)
            columns[start : start + width].fill_diagonal_(1)
            columns = torch.linalg.solve_triangular(self._L, columns, upper=False)
            squares.append(columns.double().square_().sum(dim=0))
        diagonal: Array = torch.cat(squares).cpu().numpy()
        return diagonal


def free_memory(device: torch.device) -> int:
    """Return the bytes that this process can still take on a device."""
    if device.type != "cuda":
        return available_memory()
    # What PyTorch holds without using it, it gives to the next tensors.
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + held
