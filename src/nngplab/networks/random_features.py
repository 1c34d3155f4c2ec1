"""Random-feature networks: one hidden layer, of which only the last layer is trained (Problem 12)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import gen_batches

from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS

Array = npt.NDArray[Any]


def hidden_features(X: Array, B: Array, dual: Dual = DUALS["relu"]) -> Array:
    """Return phi(B x) / sqrt(k) for each first layer in B (draws, k, d) and each row x of X (n, d): (draws, k, n).

    The activation phi of a `Dual` is scaled to E[phi(u)^2] = 1 for a standard normal u. For ReLU, the features are
    sqrt(2) / sqrt(k) relu(B x), as in the problem set.

    >>> import numpy as np
    >>> X, B = np.eye(2), np.ones((1, 3, 2))
    >>> hidden_features(X, B).shape
    (1, 3, 2)
    """
    draws, k, d = B.shape
    # One product for all draws: for narrow layers this is much faster than one product for each draw.
    features = B.reshape(draws * k, d) @ X.T
    scale = np.sqrt(1 / (dual.second_moment * k))
    # In blocks that fit into the cache of the CPU.
    for block in gen_batches(draws * k, max(1, 2**15 // len(X))):
        np.multiply(dual.plain(features[block]), scale, out=features[block])
    return features.reshape(draws, k, len(X))


def minimum_norm_fit(features: Array, y: Array) -> Array:
    """Return the minimum-norm least-squares solution a of F^T a = y for each F in features (draws, k, n): (draws, k).

    As in `numpy.linalg.lstsq`, singular values up to max(n, k) * eps times the largest are treated as zero, so the
    features may be linearly dependent. Gradient descent on a, from zero, converges to the same solution.

    >>> import numpy as np
    >>> minimum_norm_fit(np.array([[[1.0, 0.0], [1.0, 0.0]]]), np.array([2.0, 0.0]))
    array([[1., 1.]])
    """
    U, s, Vh = np.linalg.svd(features, full_matrices=False)
    cutoff = np.finfo(features.dtype).eps * max(features.shape[1:]) * s[:, :1]
    inverse = np.divide(1, s, out=np.zeros_like(s), where=s > cutoff)
    return _matvec(U, inverse * (Vh @ y))


def random_feature_errors(
    X: Array, y: Array, X_test: Array, y_test: Array, B: Array, dual: Dual = DUALS["relu"]
) -> tuple[Array, Array]:
    """Train the last layer for each first layer in B (draws, k, d); return the training and test MSE, (draws,) each.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, X_test, B = rng.normal(size=(10, 4)), rng.normal(size=(30, 4)), rng.normal(size=(2, 50, 4))
    >>> train_mse, test_mse = random_feature_errors(X, X[:, 0], X_test, X_test[:, 0], B)
    >>> bool(np.all(train_mse < 1e-20)), test_mse.shape  # 50 features fit 10 samples exactly
    (True, (2,))
    """
    features = hidden_features(X, B, dual)
    a = minimum_norm_fit(features, y)
    train_mse = np.mean((_matvec(features.swapaxes(1, 2), a) - y) ** 2, axis=1)
    # In blocks of test rows whose features fit into the cache of the CPU.
    squares = np.zeros(len(B))
    for block in gen_batches(len(X_test), max(1, 2**20 // (B.shape[0] * B.shape[1]))):
        hidden = hidden_features(X_test[block], B, dual)
        squares += np.sum((_matvec(hidden.swapaxes(1, 2), a) - y_test[block]) ** 2, axis=1)
    return train_mse, squares / len(X_test)


def _matvec(A: Array, v: Array) -> Array:
    """Return the product of each matrix in A (draws, m, n) with its vector in v (draws, n): (draws, m)."""
    return (A @ v[..., np.newaxis])[..., 0]


def draw_batches(first: int, last: int, k: int) -> Iterator[range]:
    """Divide the draws 0, 1, 2, ... of width k into batches that fit in memory; yield those of draws `first` to `last`.

    The size of a batch depends on k alone, and batches are never cut. So the errors of a draw are the same, bit for
    bit, whichever other draws are computed with it.
    """
    size = next((size for size in (25, 10, 5, 2) if size * k <= 1600), 1)
    return (range(start, start + size) for start in range(first - first % size, last + 1, size))
