"""The kernels: NNGP, NTK, Laplace, linear, and a function of one's own.

Each is an object with its parameters. `as_kernel` resolves the short names.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nngplab.errors import InputError
from nngplab.kernels.base import Array, Kernel, Rows
from nngplab.kernels.dual import Dual, namespace
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import (
    check_depth,
    closed_form,
    differentiable,
    laplace,
    linear,
    matrix_of_rows,
    nngp,
    nngp_entries,
    ntk,
    ntk_entries,
    row_blocks,
    squared_norms,
)
from nngplab.kernels.parameters import check_boolean, check_number

# So many entries, with what a dual makes of them on the way, stay in the second-level cache of a core.
ENTRIES_IN_CACHE = 2**16
# So many keep a GPU busy, and take little memory beside a large Gram matrix.
ENTRIES_ON_GPU = 2**24


class _OfNetworks(Kernel):
    """A kernel of wide networks with one activation: what NNGP and NTK have in common."""

    def __init__(self, dual: str | Dual = "relu", depth: int = 1, normalize: bool = True) -> None:
        self.dual = dual
        self.depth = depth
        self.normalize = normalize

    def diag(self, X: Array) -> Array:
        """Return the diagonal (n,) of the Gram matrix of X (n, d)."""
        X = matrix_of_rows(X)
        variances = X.any(axis=1).astype(X.dtype) if self.normalize else squared_norms(X)
        n = len(X)
        diagonal = np.empty_like(variances)
        for block in row_blocks(n, 1):
            part = variances[block, np.newaxis]
            ends = (None, None) if self.normalize else (variances[block], variances[block, np.newaxis])
            diagonal[block] = self._entries(part, *ends)[:, 0]
        return diagonal

    def rows(self, X: Array) -> Rows:
        """Return the samples with one over their norms, or with their squared norms if they are not normalised."""
        check_depth(self.depth)
        check_boolean("normalize", self.normalize)
        self._checked_dual()
        if not self.normalize:
            return Rows(X, variances=squared_norms(X))
        with np.errstate(over="ignore", under="ignore"):
            squares = squared_norms(X)
        limits = np.finfo(X.dtype)
        if np.any((squares < limits.tiny / limits.eps) | (squares > limits.max * limits.eps)):
            # Products of such rows overflow or lose digits. To divide a row by a power of two costs none.
            X = np.ldexp(X, -np.frexp(np.abs(X).max(axis=1, keepdims=True))[1])
            squares = squared_norms(X)
        return Rows(X, 1 / np.sqrt(np.where(squares > 0, squares, 1)), (squares > 0).astype(X.dtype))

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return a part of a Gram matrix, block by block of entries that stay in the cache."""
        xp = namespace(A.values)
        K: Array = xp.matmul(A.values, B.values.T, out=out)
        for block in row_blocks(len(A), len(B), ENTRIES_IN_CACHE if xp is np else ENTRIES_ON_GPU):
            if A.scales is not None:
                K[block] *= A.scales[block, None]
                K[block] *= B.scales
            if offset is not None and A.variances is not None:
                row = (np.arange(len(A)) if xp is np else xp.arange(len(A), device=K.device))[block]
                K[row, row + offset] = A.variances[block]
            ends = (None, None) if self.normalize or A.variances is None else (A.variances[block], B.variances)
            K[block] = self._entries(K[block], *ends)
        return K

    def _checked_dual(self) -> Dual:
        raise NotImplementedError

    def _entries(self, c: Array, a: Array | None, b: Array | None) -> Array:
        """Return entries of the kernel from covariances and variances of inputs, as `nngplab.kernels.gram` has them."""
        raise NotImplementedError


class NNGP(_OfNetworks):
    """The kernel of the Gaussian process that a random network of infinite width is (`nngplab.kernels.gram.nngp`).

    Args:
        dual: the activation: a name in `nngplab.kernels.duals.DUALS`, or a `Dual`.
        depth: the number of hidden layers, 1 or more.
        normalize: scale each sample to unit norm first.

    >>> import numpy as np
    >>> X = np.array([[3.0, 4.0], [4.0, 3.0]])
    >>> NNGP("relu", depth=2)(X).round(4)
    array([[1.    , 0.9646],
           [0.9646, 1.    ]])
    """

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of the samples X (n, d) against Z (m, d), X itself if None."""
        return nngp(X, Z, self._checked_dual(), self.normalize, self.depth)

    def _checked_dual(self) -> Dual:
        dual = closed_form(self.dual) if isinstance(self.dual, str) else self.dual
        if not isinstance(dual, Dual):
            raise InputError(f"NNGP: {dual!r} is no dual: give a name in DUALS, or make one with dual_of")
        return dual

    def _entries(self, c: Array, a: Array | None, b: Array | None) -> Array:
        return nngp_entries(self._checked_dual(), self.depth, c, a, b)


class NTK(_OfNetworks):
    """The neural tangent kernel, by which infinitely wide networks train (`nngplab.kernels.gram.ntk`).

    Args:
        dual: the activation: a name in `nngplab.kernels.duals.DUALS`, or a `Dual` with a derivative.
        depth: the number of hidden layers, 1 or more.
        normalize: scale each sample to unit norm first.

    >>> import numpy as np
    >>> NTK("relu", depth=2).diag(np.eye(2))
    array([3., 3.])
    """

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of the samples X (n, d) against Z (m, d), X itself if None."""
        return ntk(X, Z, self._checked_dual(), self.normalize, self.depth)

    def _checked_dual(self) -> Dual:
        return differentiable(self.dual)

    def _entries(self, c: Array, a: Array | None, b: Array | None) -> Array:
        return ntk_entries(self._checked_dual(), self.depth, c, a, b)


class Laplace(Kernel):
    """The Laplace kernel exp(-|x - z| / bandwidth).

    Args:
        bandwidth: the distance at which the kernel is 1/e.

    >>> import numpy as np
    >>> Laplace(bandwidth=2.0)(np.zeros((1, 3)), np.ones((1, 3))).round(4)
    array([[0.4206]])
    """

    def __init__(self, bandwidth: float = 200.0) -> None:
        self.bandwidth = bandwidth

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of the samples X (n, d) against Z (m, d), X itself if None."""
        return laplace(X, Z, self._rate())

    def diag(self, X: Array) -> Array:
        """Return ones (n,)."""
        X = matrix_of_rows(X)
        return np.ones(len(X), X.dtype)

    def rows(self, X: Array) -> Rows:
        """Return the samples as they are."""
        self._rate()
        return Rows(X)

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return a part of a Gram matrix."""
        if isinstance(A.values, np.ndarray):
            return super().tile(A, B, out, offset)
        # From differences, since little is left of products where samples are close.
        D = namespace(A.values).cdist(A.values, B.values, compute_mode="donot_use_mm_for_euclid_dist")
        K: Any = D.mul_(-self._rate()).exp_()
        if out is not None:
            out[:] = K
        return K if out is None else out

    def _rate(self) -> float:
        check_number("the bandwidth", self.bandwidth, above=0)
        return 1 / self.bandwidth


class Linear(Kernel):
    """The inner product of two samples.

    >>> import numpy as np
    >>> Linear()(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[ 5., 11.],
           [11., 25.]])
    """

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the inner products (n, m) of the samples X (n, d) with Z (m, d), X itself if None."""
        return linear(X, Z)

    def diag(self, X: Array) -> Array:
        """Return the squared norms (n,)."""
        return squared_norms(matrix_of_rows(X))

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:  # noqa: ARG002
        """Return the inner products."""
        K: Array = namespace(A.values).matmul(A.values, B.values.T, out=out)
        return K


class Function(Kernel):
    """A kernel of one's own.

    Args:
        function: from samples X (n, d) and Z (m, d), arrays of NumPy, to their Gram matrix (n, m). It is called for a
            part of the matrix at a time, from several threads, with read-only arrays. It must be symmetric, and its
            values real and finite.

    >>> from sklearn.metrics.pairwise import rbf_kernel
    >>> import numpy as np
    >>> Function(rbf_kernel).diag(np.eye(3))
    array([1., 1., 1.])
    """

    def __init__(self, function: Callable[[Array, Array], Array]) -> None:
        self.function = function

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return what the function returns."""
        return self.function(X, X if Z is None else Z)

    def diag(self, X: Array) -> Array:
        """Return the diagonal (n,), from one call of the function for each sample."""
        return np.array([np.asarray(self.function(x, x))[0, 0] for x in matrix_of_rows(X)[:, np.newaxis]])


def as_kernel(kernel: "str | Dual | Kernel | Callable[[Array, Array], Array]") -> Kernel:
    """Return the kernel that a short form stands for; a kernel stands for itself.

    The name of a dual, or a `Dual`, stands for its normalised NNGP kernel of depth 1, "laplace" for `Laplace()`,
    "linear" for `Linear()`, and a function for `Function(function)`.

    Raises:
        InputError: for any other name.

    >>> as_kernel("erf")
    NNGP(dual='erf')
    >>> as_kernel("laplace")
    Laplace()
    """
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, Dual) or (isinstance(kernel, str) and kernel in DUALS):
        return NNGP(kernel)
    if isinstance(kernel, str):
        if kernel not in _NAMED:
            raise InputError(
                f"unknown kernel {kernel!r}: choose one of {', '.join([*DUALS, *_NAMED])}, or give a kernel such as "
                "NNGP('relu', depth=3), or a function"
            )
        return _NAMED[kernel]()
    if callable(kernel):
        return Function(kernel)
    raise InputError(f"kernel {kernel!r} is neither a name, a kernel, nor a function")


_NAMED: dict[str, type[Kernel]] = {"laplace": Laplace, "linear": Linear}
