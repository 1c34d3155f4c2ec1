"""Kernels as objects: what all of them can do, and their sums, products and multiples."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.base import BaseEstimator

from nngplab.errors import InputError
from nngplab.kernels.dual import namespace
from nngplab.kernels.parameters import check_number
from nngplab.kernels.samples import check_features, row_blocks, samples

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """Samples with what a kernel needs of each of them many times; some of them are again `Rows`.

    The arrays may be tensors of PyTorch on any device.

    Attributes:
        values: the samples (n, d); a sparse matrix or array of SciPy in CSR format where the kernel takes it.
        scales: factors (n,) of the rows and columns of the inner products of samples; None if there are none.
        variances: the scaled inner product (n,) of each sample with itself; None where the kernel does not need it.
        parts: the same samples as the terms of a sum or product take them.
        index: the place (n,) of each sample among the training samples; None where the kernel does not need it.
        many: whether they are, or are part of, so many samples that it is worth while to compile formulas for them.
    """

    values: Any
    scales: Any = None
    variances: Any = None
    parts: tuple["Rows", ...] = ()
    index: Any = None
    many: bool = False

    def __getitem__(self, part: slice | Array) -> "Rows":
        scales, variances, index = (
            None if array is None else array[part] for array in (self.scales, self.variances, self.index)
        )
        return Rows(self.values[part], scales, variances, tuple(rows[part] for rows in self.parts), index, self.many)

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def permuted(self, order: Array) -> "Rows":
        """Return the samples with their features in another order (d,), for a kernel to which that makes no difference.

        The scales and variances stay, since such a kernel makes the same of them.
        """
        dense = isinstance(self.values, np.ndarray)
        values = np.take(self.values, order, axis=1) if dense else self.values[:, order]
        return replace(self, values=values, parts=tuple(part.permuted(order) for part in self.parts))


class Kernel(BaseEstimator):
    """A positive semi-definite function of two samples, with its parameters.

    The parameters are those of scikit-learn's estimators (`get_params`, `set_params`, `clone`). Kernels of one class
    with equal parameters are equal. Kernels can be added and multiplied, and multiplied by a number.

    A further kernel defines `__call__` and `diag`, and may define `rows` and `tile` where it can do better than compute
    each tile of a Gram matrix from nothing. If its `tile` takes sparse rows, it says so in `takes_sparse`; and in
    `permutation_invariant`, if it is the same after one permutation of the features of both samples (`GroupAverage`).

    >>> import numpy as np
    >>> class Cauchy(Kernel):
    ...     def __init__(self, bandwidth=1.0):
    ...         self.bandwidth = bandwidth
    ...
    ...     def __call__(self, X, Z=None):
    ...         Z = X if Z is None else Z
    ...         return 1 / (1 + ((X[:, np.newaxis] - Z) ** 2).sum(axis=2) / self.bandwidth**2)
    ...
    ...     def diag(self, X):
    ...         return np.ones(len(X))
    >>> from nngplab import KernelRegression
    >>> KernelRegression(Cauchy()).fit([[0.0], [1.0]], [1.0, 2.0]).predict([[0.5]]).round(4)
    array([1.6])
    """

    takes_sparse = False
    permutation_invariant = False

    __hash__ = None  # type: ignore[assignment]  # its parameters can change

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of the samples X (n, d) against Z (m, d), X itself if None."""
        raise NotImplementedError

    def diag(self, X: Array) -> Array:
        """Return the diagonal (n,) of the Gram matrix of X (n, d), without the rest of it."""
        raise NotImplementedError

    def rows(self, X: Array) -> Rows:
        """Return the samples X (n, d), of floats, in the form in which `tile` takes them.

        Raises:
            InputError: for a parameter out of its range, and for sparse samples if the kernel does not take them.
        """
        if scipy.sparse.issparse(X):
            raise InputError(
                f"kernel {self!r} takes no sparse samples: give X.toarray(), or a kernel such as NNGP, NTK or RBF"
            )
        return Rows(X)

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return a part of a Gram matrix: n of its rows against m of its columns (n, m), in their dtype.

        It is that of `__call__` but for rounding. Where the rows are tensors of PyTorch, so is the result.

        Args:
            A: the rows.
            B: the columns.
            out: the array for the result; a new one if None.
            offset: which of the columns is the first row, where both are the same samples; None where they are not.
        """
        if not isinstance(A.values, np.ndarray):
            raise InputError(f"kernel {self!r} is a function of NumPy arrays: choose another, or set device to cpu")
        X = _read_only(A.values)
        K = self._called(X, X if B.values is A.values else _read_only(B.values))
        if np.ma.is_masked(K) or K.dtype.kind not in "fiub":
            what = "masked entries" if np.ma.is_masked(K) else f"entries of type {K.dtype}"
            raise InputError(f"kernel {self!r} returns {what}: it must return real numbers")
        if K.shape != (len(A), len(B)):
            raise InputError(f"kernel {self!r} returns shape {K.shape} for {len(A)} against {len(B)} samples")
        # A function may return what is its own, in any order and type.
        out = np.empty(K.shape, A.values.dtype) if out is None else out
        out[:] = K
        if offset == 0 and len(A) == len(B):
            self._check_symmetry(out)
        return out

    def _called(self, X: Array, Z: Array) -> Array:
        """Return what `__call__` returns, as an array; an error names the kernel."""
        try:
            return np.asanyarray(self(X, Z))
        except InputError:
            raise
        except Exception as error:
            if "read-only" in str(error):
                raise InputError(f"kernel {self!r} changes its arguments: let it change a copy ({error})") from error
            error.add_note(f"raised by kernel {self!r}, called with {len(X)} against {len(Z)} samples")
            raise

    def _check_symmetry(self, K: Array) -> None:
        differences = np.abs(K - K.T)
        i, j = np.unravel_index(np.argmax(differences), K.shape)
        if differences[i, j] > np.sqrt(np.finfo(K.dtype).eps) * np.abs(K).max():
            raise InputError(
                f"kernel {self!r} is not symmetric: k(x, z) is {K[i, j]:.6g}, and k(z, x) is {K[j, i]:.6g}"
            )

    def __repr__(self) -> str:
        with np.printoptions(threshold=8, edgeitems=2):
            return " ".join(super().__repr__().split())  # error messages have one line

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        theirs = other.get_params(deep=False)
        return all(_are_equal(value, theirs[name]) for name, value in self.get_params(deep=False).items())

    def __add__(self, other: "Kernel") -> "Sum":
        return Sum(self, other) if isinstance(other, Kernel) else NotImplemented

    def __mul__(self, other: "Kernel | float") -> "Kernel":
        if isinstance(other, Kernel):
            return Product(self, other)
        return Scaled(self, other) if isinstance(other, int | float) else NotImplemented

    __rmul__ = __mul__


def inner_products(A: Any, B: Any, out: Array | None = None) -> Array:
    """Return A B^T (n, m) for samples A (n, d) and B (m, d): two arrays, two tensors, or two sparse matrices."""
    if not scipy.sparse.issparse(A):
        K: Array = namespace(A).matmul(A, B.T, out=out)
        return K
    K = (A @ B.T).toarray()
    if out is None:
        return K
    out[:] = K
    return out


def sparse_gram(kernel: Kernel, X: Any, Z: Any = None) -> Array:
    """Return the Gram matrix (n, m) of samples X (n, d) against Z (m, d), of which at least one is sparse."""
    A = kernel.rows(samples(scipy.sparse.csr_array(X)))
    return gram_by_tiles(kernel, A, A if Z is None or Z is X else kernel.rows(samples(scipy.sparse.csr_array(Z))))


def gram_by_tiles(kernel: Kernel, A: Rows, B: Rows) -> Array:
    """Return the Gram matrix (n, m) of rows A against B, of which the diagonal is exact if B is A."""
    check_features(A.values, B.values)
    K = np.empty((len(A), len(B)), A.values.dtype)
    for block in row_blocks(*K.shape):
        kernel.tile(A[block], B, K[block], block.start if B is A else None)
    return K


def _are_equal(a: Any, b: Any) -> bool:
    return np.array_equal(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else bool(a == b)


def _read_only(X: Array) -> Array:
    view = X.view()
    view.flags.writeable = False
    return view


class Sum(Kernel):
    """The sum of two kernels.

    >>> from nngplab import NNGP, Laplace
    >>> NNGP("erf") + Laplace(bandwidth=10)
    Sum(k1=NNGP(dual='erf'), k2=Laplace(bandwidth=10))
    """

    def __init__(self, k1: Kernel, k2: Kernel) -> None:
        self.k1 = k1
        self.k2 = k2

    @property
    def takes_sparse(self) -> bool:  # type: ignore[override]
        """Whether both kernels take sparse samples."""
        return self.k1.takes_sparse and self.k2.takes_sparse

    @property
    def permutation_invariant(self) -> bool:  # type: ignore[override]
        """Whether both kernels are."""
        return self.k1.permutation_invariant and self.k2.permutation_invariant

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the sum of both Gram matrices (n, m)."""
        return self.k1(X, Z) + self.k2(X, Z)

    def diag(self, X: Array) -> Array:
        """Return the sum of both diagonals (n,)."""
        return self.k1.diag(X) + self.k2.diag(X)

    def rows(self, X: Array) -> Rows:
        """Return the samples in the forms of both kernels."""
        return Rows(X, parts=(self.k1.rows(X), self.k2.rows(X)))

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return the sum of both tiles."""
        K = self.k1.tile(A.parts[0], B.parts[0], out, offset)
        K += self.k2.tile(A.parts[1], B.parts[1], None, offset)
        return K


class Product(Kernel):
    """The product of two kernels, entry by entry.

    >>> from nngplab import Laplace, Linear
    >>> Laplace(bandwidth=10) * Linear()
    Product(k1=Laplace(bandwidth=10), k2=Linear())
    """

    def __init__(self, k1: Kernel, k2: Kernel) -> None:
        self.k1 = k1
        self.k2 = k2

    @property
    def takes_sparse(self) -> bool:  # type: ignore[override]
        """Whether both kernels take sparse samples."""
        return self.k1.takes_sparse and self.k2.takes_sparse

    @property
    def permutation_invariant(self) -> bool:  # type: ignore[override]
        """Whether both kernels are."""
        return self.k1.permutation_invariant and self.k2.permutation_invariant

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the product (n, m), entry by entry, of both Gram matrices."""
        return self.k1(X, Z) * self.k2(X, Z)

    def diag(self, X: Array) -> Array:
        """Return the product (n,) of both diagonals."""
        return self.k1.diag(X) * self.k2.diag(X)

    def rows(self, X: Array) -> Rows:
        """Return the samples in the forms of both kernels."""
        return Rows(X, parts=(self.k1.rows(X), self.k2.rows(X)))

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return the product of both tiles."""
        K = self.k1.tile(A.parts[0], B.parts[0], out, offset)
        K *= self.k2.tile(A.parts[1], B.parts[1], None, offset)
        return K


class Scaled(Kernel):
    """A kernel times a positive number.

    >>> from nngplab import NNGP
    >>> 0.5 * NNGP("relu", depth=3)
    Scaled(factor=0.5, kernel=NNGP(depth=3))
    """

    def __init__(self, kernel: Kernel, factor: float) -> None:
        self.kernel = kernel
        self.factor = factor

    @property
    def takes_sparse(self) -> bool:  # type: ignore[override]
        """Whether the kernel takes sparse samples."""
        return self.kernel.takes_sparse

    @property
    def permutation_invariant(self) -> bool:  # type: ignore[override]
        """Whether the kernel is."""
        return self.kernel.permutation_invariant

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the multiple (n, m) of the Gram matrix."""
        return self.kernel(X, Z) * self._checked_factor()

    def diag(self, X: Array) -> Array:
        """Return the multiple (n,) of the diagonal."""
        return self.kernel.diag(X) * self._checked_factor()

    def rows(self, X: Array) -> Rows:
        """Return the samples in the form of the kernel."""
        self._checked_factor()
        return self.kernel.rows(X)

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return the multiple of the tile."""
        K = self.kernel.tile(A, B, out, offset)
        K *= self.factor
        return K

    def _checked_factor(self) -> float:
        check_number("the factor of a kernel", self.factor, above=0)
        return self.factor
