"""Kernels averaged over a group of permutations of the features, such as the left-right flips of images."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from nngplab.errors import InputError
from nngplab.kernels.base import Array, Kernel, Rows, gram_by_tiles, sparse_gram
from nngplab.kernels.dual import namespace
from nngplab.kernels.samples import are_nonzero, row_blocks, samples

# Samples whose diagonal is computed at a time, from a square of so many entries.
DIAGONAL_ROWS = 64


class GroupAverage(Kernel):
    """The mean of a kernel over a group G of permutations of the features: k_G(x, z) = sum_g k(x, g z) / |G|.

    Kernel ridge regression with it is that with k on all |G| n transformed training samples: f is the same with k_G and
    the ridge r / |G| on n samples as with k and the ridge r on |G| n, at the cost of |G| Gram matrices of n samples and
    one factorisation. Leave-one-out residuals are then those without a sample and all its transforms.

    k must be invariant: k(g x, g z) = k(x, z). NNGP, NTK, Linear, Laplace and RBF are, since permutations change
    neither inner products nor distances, and so are their sums, products and multiples. For these, k_G is symmetric and
    positive semi-definite (Haasdonk and Burkhardt 2007, "Invariant kernel functions for pattern analysis and machine
    learning"). A kernel of one's own can say that it is, by the class attribute `permutation_invariant = True`.

    Args:
        kernel: the kernel k.
        group: the permutations (|G|, d), one in each row: g z is z[g]. They must be a group: the identity is one of
            them, and one after the other is one of them. `left_right_flips` makes that of images.

    Raises:
        InputError: when it is used, for a kernel that is not known to be invariant, and for what is no group of
            permutations of the features.

    >>> import numpy as np
    >>> from nngplab import Linear
    >>> kernel = GroupAverage(Linear(), left_right_flips((1, 3)))
    >>> kernel
    GroupAverage(group=array([[0, 1, 2], [2, 1, 0]]), kernel=Linear())
    >>> kernel(np.array([[1.0, 0.0, 3.0]]), np.array([[1.0, 1.0, 0.0]]))  # (1 + 3) / 2
    array([[2.]])
    """

    def __init__(self, kernel: Kernel, group: npt.ArrayLike) -> None:
        self.kernel = kernel
        self.group = group

    @property
    def takes_sparse(self) -> bool:  # type: ignore[override]
        """Whether the kernel takes sparse samples."""
        return getattr(self.kernel, "takes_sparse", False)  # `rows` refuses what is no kernel

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        """Return the Gram matrix (n, m) of the samples X (n, d) against Z (m, d), X itself if None."""
        if scipy.sparse.issparse(X) or scipy.sparse.issparse(Z):
            return sparse_gram(self, X, Z)
        A = self.rows(samples(X))
        return gram_by_tiles(self, A, A if Z is None or Z is X else self.rows(samples(Z)))

    def diag(self, X: Array) -> Array:
        """Return the diagonal (n,) of the Gram matrix of X (n, d)."""
        rows = self.rows(samples(X))
        diagonal = np.empty(len(rows), rows.values.dtype)
        for block in row_blocks(len(rows), 1, DIAGONAL_ROWS):
            part = rows[block]
            diagonal[block] = self.tile(part, part, None, 0).diagonal()
        return diagonal

    def rows(self, X: Array) -> Rows:
        """Return the samples in the form of the kernel; they are permuted tile by tile."""
        if not (isinstance(self.kernel, Kernel) and self.kernel.permutation_invariant):
            raise InputError(
                f"GroupAverage: {self.kernel!r} is no kernel that is known to be invariant under permutations of the "
                "features: choose one such as NNGP('relu'), NTK, Laplace, RBF or Linear"
            )
        permutation_group(self.group, X.shape[1])
        return self.kernel.rows(X)

    def tile(self, A: Rows, B: Rows, out: Array | None = None, offset: int | None = None) -> Array:
        """Return a part of a Gram matrix: the mean of those of the permuted rows A against B.

        k(x, g z) = k(g^-1 x, z), and a group has the inverse of each of its elements, so it is the same which of the
        two are permuted; the rows of a part are often fewer than its columns.
        """
        K = self.kernel.tile(A, B, out, offset)
        xp, group = namespace(A.values), np.asarray(self.group)
        row = np.arange(len(A)) if xp is np else xp.arange(len(A), device=K.device)
        diagonal = None if offset is None else K[row, row + offset]
        for order in group[(group != np.arange(group.shape[1])).any(axis=1)]:
            moved = A.permuted(order)
            of_moved = self.kernel.tile(moved, B)
            if offset is not None and diagonal is not None:
                fixed = row[~are_nonzero(moved.values - A.values)]
                of_moved[fixed, fixed + offset] = diagonal[fixed]
            K += of_moved
        K /= len(group)
        return K


def left_right_flips(shape: tuple[int, ...], axis: int = -1) -> npt.NDArray[np.int64]:
    """Return the group (2, d) of the identity and the left-right flip, of flattened images of a shape of d numbers.

    Args:
        shape: the shape of an image, such as (3, 32, 32) for the rows of CIFAR-10, whose channels come first.
        axis: the axis that runs from left to right; -2 for images whose channels come last.

    >>> left_right_flips((2, 3))
    array([[0, 1, 2, 3, 4, 5],
           [2, 1, 0, 5, 4, 3]])
    """
    order = np.arange(np.prod(shape)).reshape(shape)
    return np.stack([order.ravel(), np.flip(order, axis).ravel()])


def permutation_group(group: Any, features: int) -> npt.NDArray[np.integer[Any]]:
    """Return a group of permutations of features as an array (|G|, features).

    Raises:
        InputError: unless its rows are distinct permutations, and one after another of them is one of them.
    """
    found = np.asarray(group)
    if found.ndim != 2 or found.dtype.kind not in "iu" or found.shape[1] != features:
        raise InputError(
            f"a group of permutations of {features} features is a matrix of integers with {features} columns; got "
            f"shape {found.shape} of {found.dtype}"
        )
    wrong = np.flatnonzero((np.sort(found, axis=1) != np.arange(features)).any(axis=1))
    if len(wrong):
        raise InputError(f"row {wrong[0]} of the group is no permutation of 0 to {features - 1}")
    places: dict[bytes, int] = {}
    for i, order in enumerate(found):
        if places.setdefault(order.tobytes(), i) != i:
            raise InputError(f"rows {places[order.tobytes()]} and {i} of the group are the same: leave one out")
    for i, order in enumerate(found):
        for j, both in enumerate(found[:, order]):
            if both.tobytes() not in places:
                raise InputError(
                    f"the permutations are no group: row {j} after row {i} is none of them (the identity must be one)"
                )
    return found
