"""Networks of one hidden layer whose first layer stays as drawn, many draws at once (sheet, Problem 12)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS

Array = npt.NDArray[Any]


def hidden_features(X: Array, B: Array, dual: Dual = DUALS["relu"]) -> Array:
    """Return phi(B x) / sqrt(k) for each first layer in B (draws, k, d) and each row of X (n, d): (draws, k, n).

    The phi of a `Dual` is scaled: for ReLU this is the sqrt(2) / sqrt(k) relu(B x) of the sheet.
    """
    draws, k, d = B.shape
    # One product for all draws: for narrow layers far faster than one product each.
    features = B.reshape(draws * k, d) @ X.T
    scale = np.sqrt(1 / (dual.second_moment * k))
    # In pieces that stay near the processor.
    step = max(1, 2**15 // len(X))
    for start in range(0, draws * k, step):
        piece = slice(start, start + step)
        np.multiply(dual.plain(features[piece]), scale, out=features[piece])
    return features.reshape(draws, k, len(X))


def minimum_norm_fit(features: Array, y: Array) -> Array:
    """Return the least-squares solution a of F^T a = y of least norm, (draws, k), for each F in features (draws, k, n).

    As in `numpy.linalg.lstsq`, singular values up to max(n, k) units of rounding of the largest count as zero, so that
    dead and repeated units do no harm. Gradient descent on a, from zero, tends to the same solution.
    """
    U, s, Vh = np.linalg.svd(features, full_matrices=False)
    cutoff = np.finfo(features.dtype).eps * max(features.shape[1:]) * s[:, :1]
    inverse = np.divide(1, s, out=np.zeros_like(s), where=s > cutoff)
    return np.matvec(U, inverse * np.matvec(Vh, y))


def random_feature_errors(
    X: Array, y: Array, X_test: Array, y_test: Array, B: Array, dual: Dual = DUALS["relu"]
) -> tuple[Array, Array]:
    """Train the last layer on each first layer in B (draws, k, d); return the training and test MSE, (draws,) each."""
    features = hidden_features(X, B, dual)
    a = minimum_norm_fit(features, y)
    train_mse = np.mean((np.vecmat(a, features) - y) ** 2, axis=1)
    # The test rows in blocks, so that the features of a block stay near the processor.
    rows = max(1, 2**20 // (B.shape[0] * B.shape[1]))
    squares = np.zeros(len(B))
    for start in range(0, len(X_test), rows):
        block = slice(start, start + rows)
        squares += np.sum((np.vecmat(a, hidden_features(X_test[block], B, dual)) - y_test[block]) ** 2, axis=1)
    return train_mse, squares / len(X_test)


def batches(first: int, last: int, k: int) -> Iterator[range]:
    """Cut the draws 0, 1, 2, ... of width k into batches that fit in memory; yield those with draws `first` to `last`.

    A batch is always whole, and of a size that depends on k alone, so that the numbers of a draw are the same, to the
    last bit, whichever others are asked for.
    """
    size = next((size for size in (25, 10, 5, 2) if size * k <= 1600), 1)
    return (range(start, start + size) for start in range(first - first % size, last + 1, size))
