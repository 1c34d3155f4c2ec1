"""Preprocessing of samples: regularised ZCA whitening."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.linalg
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from nngplab.errors import InputError
from nngplab.kernels.group import permutation_group
from nngplab.kernels.parameters import check_number
from nngplab.kernels.samples import row_blocks

Array = npt.NDArray[Any]

_FLOATS: list[Any] = [np.float64, np.float32]


class ZCA(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Regularised ZCA whitening: x becomes (C + epsilon t I)^(-1/2) (x - m), with t = trace(C) / d.

    C is the covariance matrix (d, d) of the training samples, m is their mean, and t is the mean eigenvalue of C. With
    a small epsilon, all directions have a variance of about 1 afterwards: those of small variance, which in images are
    the fine details and the noise, count as much as the others. With a large one, the samples are only centred and
    scaled. This is the regularisation of Lee et al. 2020, "Finite versus infinite neural networks: an empirical study"
    (arXiv 2007.15801).

    With a group of permutations, C and m are those of all transforms of the samples, which are never made. Whitening
    and permuting then commute, so that `GroupAverage` with this group can follow.

    Args:
        epsilon: the strength of the regularisation, above 0.
        group: permutations of the features (|G|, d) that are a group, as of `nngplab.kernels.GroupAverage`; None for
            the samples alone.

    Attributes:
        mean_: m (d,).
        components_: (C + epsilon t I)^(-1/2), symmetric (d, d), in the dtype of the training samples.
        n_features_in_: d.

    `fit` takes n d^2 + 9 d^3 operations, or fewer where there are more features than samples, and the memory of a few
    d x d matrices of float64.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(1000, 2)) @ np.array([[1.0, 0.9], [0.0, 0.1]])
    >>> np.corrcoef(X.T).round(2)
    array([[1.  , 0.99],
           [0.99, 1.  ]])
    >>> np.abs(np.corrcoef(ZCA(epsilon=1e-6).fit_transform(X).T)).round(2)
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self, epsilon: float = 0.1, group: npt.ArrayLike | None = None) -> None:
        self.epsilon = epsilon
        self.group = group

    def fit(self, X: Array, y: None = None) -> Self:  # noqa: ARG002
        """Compute the whitening of samples X (n, d), of which there are at least 2.

        Raises:
            InputError: for an epsilon that is not above 0, for what is no group of permutations of the features, and
                for samples that are all the same.
        """
        check_number("epsilon of ZCA", self.epsilon, above=0)
        X = validate_data(self, X, dtype=_FLOATS, ensure_min_samples=2)
        group = None if self.group is None else permutation_group(self.group, X.shape[1])
        mean = _average(X.mean(axis=0, dtype=np.float64), group)
        variances, directions = _principal_components(X, mean, group)
        spread = variances.sum() / X.shape[1]
        if not spread > np.finfo(X.dtype).eps ** 2 * np.square(mean).mean():
            raise InputError("ZCA: the training samples are all the same, so they have no variance to whiten")
        # The scale of directions without variance, and by how much those of the others are smaller.
        largest = (self.epsilon * spread) ** -0.5
        directions *= np.sqrt(np.maximum(largest - (variances + self.epsilon * spread) ** -0.5, 0))
        W = -(directions @ directions.T)
        W[np.diag_indices_from(W)] += largest
        self.mean_, self.components_ = mean.astype(X.dtype), W.astype(X.dtype, copy=False)
        return self

    def transform(self, X: Array) -> Array:
        """Return the whitened samples (m, d) of X (m, d), in their dtype."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=_FLOATS, reset=False)
        Z = np.empty_like(X, order="C")
        for block in row_blocks(len(X), X.shape[1], 2**22):
            Z[block] = (X[block] - self.mean_) @ self.components_
        return Z

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _principal_components(X: Array, mean: Array, group: Array | None) -> tuple[Array, Array]:
    """Return the variances (r,) and directions (d, r) of the principal components of all transforms of X (n, d).

    There are d of them, or as many as transforms of samples if these are fewer.
    """
    d = X.shape[1]
    transforms = np.arange(d)[np.newaxis] if group is None else group
    if len(transforms) * len(X) < d:
        copies = (X - mean)[:, transforms].reshape(-1, d)
        _, deviations, directions = scipy.linalg.svd(copies, full_matrices=False, overwrite_a=True)
        return deviations**2 / len(copies), directions.T
    variances, directions = np.linalg.eigh(_average(_covariance(X, mean), group))
    return np.maximum(variances, 0), directions


def _covariance(X: Array, mean: Array) -> Array:
    """Return the mean (d, d) of (x - mean) (x - mean)^T over the rows x of X (n, d), in float64."""
    C = np.zeros((X.shape[1], X.shape[1]))
    for block in row_blocks(len(X), X.shape[1], 2**22):
        centred = X[block] - mean
        C += centred.T @ centred
    C /= len(X)
    return C


def _average(values: Array, group: Array | None) -> Array:
    """Return the mean of a vector (d,) or matrix (d, d) over permutations of all its axes (|G|, d)."""
    if group is None:
        return values
    total = np.zeros_like(values)
    for order in group:
        total += values[np.ix_(*[order] * values.ndim)]
    total /= len(group)
    return total
