"""The kernels: NNGP, NTK, linear, a function of one's own, and those of distances (`nngplab.kernels.radial`).

Each is an object with its parameters. `as_kernel` resolves the short names.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

from nngplab.errors import InputError
from nngplab.kernels.acceleration import MANY, accelerated
from nngplab.kernels.base import Array, Kernel, Rows, inner_products, sparse_gram
from nngplab.kernels.dual import Dual, namespace
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import closed_form, differentiable, linear, nngp, ntk
from nngplab.kernels.layers import check_depth, check_sigmas, has_sigmas, nngp_entries, ntk_entries
from nngplab.kernels.parameters import check_boolean
from nngplab.kernels.precomputed import Precomputed
from nngplab.kernels.radial import RBF, Laplace
from nngplab.kernels.samples import (
    ENTRIES_IN_CACHE,
    are_nonzero,
    dense_samples,
    row_blocks,
    samples,
    scaled_by_powers_of_two,
    squared_norms,
)

# So many entries keep a GPU busy, and take little memory beside a large Gram matrix.
ENTRIES_ON_GPU = 2**24


class _OfNetworks(Kernel):
    """A kernel of wide networks with one activation: what NNGP and NTK have in common."""

    takes_sparse = True
    permutation_invariant = True

    def __init__(
        self,
        dual: str | Dual = "relu",
        depth: int = 1,
        normalize: bool = True,
        sigma_w: float = 1.0,
        sigma_b: float = 0.0,
    ) -> None:
        self.dual = dual
        self.depth = depth
        self.normalize = normalize
        self.sigma_w = sigma_w
        self.sigma_b = sigma_b

    def diag(self, X: Array) -> Array:
        """Return the diagonal (n,) of the Gram matrix of X (n, d)."""
        X = samples(X)
        variances = are_nonzero(X).astype(X.dtype) if self.normalize else squared_norms(X)
        diagonal = np.empty_like(variances)
        for block in row_blocks(len(diagonal), 1):
            part = variances[block, np.newaxis]
            ends = (None, None) if self.normalize else (variances[block], variances[block, np.newaxis])
            diagonal[block] = self._entries(self._checked_dual(), part, *ends)[:, 0]
        return diagonal

    def rows(self, X: Array) -> Rows:
        """Return the samples with one over their norms, or with their squared norms if they are not normalised."""
        check_depth(self.depth)
        check_boolean("normalize", self.normalize)
        check_sigmas(self.sigma_w, self.sigma_b)
        self._checked_dual()
        if not self.normalize:
            return Rows(X, variances=squared_norms(X), many=X.shape[0] >= MANY)
        if has_sigmas(self.sigma_w, self.sigma_b):
            # Here, so that no two threads make the tables of a dual.
            self._entries(self._checked_dual(), np.ones((1, 1)), None, None)
        with np.errstate(over="ignore", under="ignore"):
            squares = squared_norms(X)
        limits = np.finfo(X.dtype)
        if np.any((squares < limits.tiny / limits.eps) | (squares > limits.max * limits.eps)):
            # Products of such rows overflow or lose digits. To divide a row by a power of two costs none.
            X = scaled_by_powers_of_two(X)
            squares = squared_norms(X)
        scales = 1 / np.sqrt(np.where(squares > 0, squares, 1))
        return Rows(X, scales, (squares > 0).astype(X.dtype), many=X.shape[0] >= MANY)

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return a part of a Gram matrix, block by block of entries that stay in the cache."""
        xp = namespace(A.values)
        dual = accelerated(self._checked_dual()) if A.many or B.many else self._checked_dual()
        K = inner_products(A.values, B.values, out)
        for block in row_blocks(len(A), len(B), ENTRIES_IN_CACHE if xp is np else ENTRIES_ON_GPU):
            if A.scales is not None:
                K[block] *= A.scales[block, None]
                K[block] *= B.scales
            if offset is not None and A.variances is not None:
                row = (np.arange(len(A)) if xp is np else xp.arange(len(A), device=K.device))[block]
                K[row, row + offset] = A.variances[block]
            ends = (None, None) if self.normalize or A.variances is None else (A.variances[block], B.variances)
            K[block] = self._entries(dual, K[block], *ends)
        return K

    def _checked_dual(self) -> Dual:
        raise NotImplementedError

    def _entries(self, dual: Dual, c: Array, a: Array | None, b: Array | None) -> Array:
        """Return entries of the kernel from covariances and variances of inputs, as `nngplab.kernels.gram` has them."""
        raise NotImplementedError


class NNGP(_OfNetworks):
    """The kernel of the Gaussian process that a random network of infinite width is (`nngplab.kernels.gram.nngp`).

    Args:
        dual: the activation: a name in `nngplab.kernels.duals.DUALS`, or a `Dual`.
        depth: the number of hidden layers, 1 or more.
        normalize: scale each sample to unit norm first.
        sigma_w: the standard deviation of the weights of each hidden layer and of the output, times the root of the
            number of its inputs, but for the first layer, whose weights are N(0, sigma_w^2).
        sigma_b: the standard deviation of the biases of each hidden layer and of the output.

    A layer with its activation, scaled so that E[phi(u)^2] = 1 for u ~ N(0, 1), takes a kernel K to E[phi(u) phi(v)]
    for (u, v) ~ N(0, sigma_w^2 K + sigma_b^2); the first K is x.z, and the output is sigma_w^2 K + sigma_b^2. Neural
    Tangents does not scale the activation, and starts from x.z / d. Its numbers for
    `stax.Dense(width, W_std, b_std, parameterization="ntk")` in each layer are those of

        m = DUALS["relu"].second_moment
        NNGP("relu", depth, normalize=False, sigma_w=W_std * m**0.5, sigma_b=b_std)(X / (m * d) ** 0.5)

    and likewise of `NTK`.

    >>> import numpy as np
    >>> X = np.array([[3.0, 4.0], [4.0, 3.0]])
    >>> NNGP("relu", depth=2)(X).round(4)
    array([[1.    , 0.9646],
           [0.9646, 1.    ]])
    >>> NNGP("erf", depth=2, sigma_w=1.5, sigma_b=0.1)(X).round(4)
    array([[3.1771, 2.9065],
           [2.9065, 3.1771]])
    """

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of the samples X (n, d) against Z (m, d), X itself if None."""
        if scipy.sparse.issparse(X) or scipy.sparse.issparse(Z):
            return sparse_gram(self, X, Z)
        return nngp(X, Z, self._checked_dual(), self.normalize, self.depth, self.sigma_w, self.sigma_b)

    def _checked_dual(self) -> Dual:
        dual = closed_form(self.dual) if isinstance(self.dual, str) else self.dual
        if not isinstance(dual, Dual):
            raise InputError(f"NNGP: {dual!r} is no dual: give a name in DUALS, or make one with dual_of(function)")
        return dual

    def _entries(self, dual: Dual, c: Array, a: Array | None, b: Array | None) -> Array:
        return nngp_entries(dual, self.depth, c, a, b, self.sigma_w, self.sigma_b)


class NTK(_OfNetworks):
    """The neural tangent kernel, by which infinitely wide networks train (`nngplab.kernels.gram.ntk`).

    Args:
        dual: the activation: a name in `nngplab.kernels.duals.DUALS`, or a `Dual` with a derivative.
        depth: the number of hidden layers, 1 or more.
        normalize: scale each sample to unit norm first.
        sigma_w: the factor before the weights, as in `NNGP`.
        sigma_b: the factor before the biases, as in `NNGP`. Weights and biases train.

    >>> import numpy as np
    >>> NTK("relu", depth=2).diag(np.eye(2))
    array([3., 3.])
    """

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of the samples X (n, d) against Z (m, d), X itself if None."""
        if scipy.sparse.issparse(X) or scipy.sparse.issparse(Z):
            return sparse_gram(self, X, Z)
        return ntk(X, Z, self._checked_dual(), self.normalize, self.depth, self.sigma_w, self.sigma_b)

    def _checked_dual(self) -> Dual:
        return differentiable(self.dual)

    def _entries(self, dual: Dual, c: Array, a: Array | None, b: Array | None) -> Array:
        return ntk_entries(dual, self.depth, c, a, b, self.sigma_w, self.sigma_b)


class Linear(Kernel):
    """The inner product of two samples.

    >>> import numpy as np
    >>> Linear()(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[ 5., 11.],
           [11., 25.]])
    """

    takes_sparse = True
    permutation_invariant = True

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the inner products (n, m) of the samples X (n, d) with Z (m, d), X itself if None."""
        if scipy.sparse.issparse(X) or scipy.sparse.issparse(Z):
            return sparse_gram(self, X, Z)
        return linear(X, Z)

    def diag(self, X: Array) -> Array:
        """Return the squared norms (n,)."""
        return squared_norms(samples(X))

    def rows(self, X: Array) -> Rows:
        """Return the samples as they are."""
        return Rows(X)

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:  # noqa: ARG002
        """Return the inner products."""
        return inner_products(A.values, B.values, out)


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
        return np.array([np.asarray(self.function(x, x))[0, 0] for x in dense_samples(X)[:, np.newaxis]])


def as_kernel(kernel: "str | Dual | Kernel | Callable[[Array, Array], Array]") -> Kernel:
    """Return the kernel that a short form stands for; a kernel stands for itself.

    The name of a dual, or a `Dual`, stands for its normalised NNGP kernel of depth 1, "ntk" for `NTK()`, "laplace" for
    `Laplace()`, "rbf" for `RBF()`, "linear" for `Linear()`, and a function for `Function(function)`. With
    "precomputed", a sample is a row of the Gram matrix against the training samples.

    Raises:
        InputError: for any other name, and for a function that does not take two arguments.

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
                f"unknown kernel {kernel!r}: choose one of {', '.join([*DUALS, *_NAMED])}; for more layers give a "
                "kernel such as NNGP('relu', depth=3), for an activation of your own NNGP(dual_of(numpy.tanh)), or "
                "give a function of two arrays"
            )
        return _NAMED[kernel]()
    if isinstance(kernel, type) or not callable(kernel):
        raise InputError(f"kernel {kernel!r} is neither a name, a kernel such as NNGP('relu', depth=3), nor a function")
    if not _takes_two(kernel):
        raise InputError(
            f"kernel {kernel!r} does not take two arrays of samples: for an activation give NNGP(dual_of(function))"
        )
    return Function(kernel)


def _takes_two(function: Callable[..., Any]) -> bool:
    """Return whether a function can be called with two arrays, as far as can be told; an elementwise one cannot."""
    if isinstance(function, np.ufunc):
        return function.nin == 2
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of functions in C, which do not say
        return True
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return True


_NAMED: dict[str, type[Kernel]] = {
    "laplace": Laplace,
    "linear": Linear,
    "ntk": NTK,
    "rbf": RBF,
    "precomputed": Precomputed,
}
