"""Problem 12 with the data drawn anew for each network: errors with and without a ridge."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.datasets.sine_target import SineTarget
from nngplab.kernels.dual import Dual
from nngplab.networks.random_features import hidden_features

Array = npt.NDArray[Any]


def ridge_errors(data: SineTarget, B: Array, dual: Dual, ridges: npt.ArrayLike) -> Array:
    """Return the test MSE of a random-feature network for each ridge (m,): (m,).

    The last layer is a = F (F^T F + ridge I)^-1 y, where the columns of F (k, n) are the features of the training
    samples. For a ridge of 0 it is the least-squares solution of least norm, as in `minimum_norm_fit`.

    Args:
        data: the samples, with d coordinates.
        B: the first layer (k, d).
        dual: the activation.
        ridges: what is added to the diagonal of the Gram matrix, 0 or above.

    >>> import numpy as np
    >>> from nngplab.datasets.sine_target import sine_target
    >>> from nngplab.kernels.duals import DUALS
    >>> data = sine_target(n=20, d=10, n_test=50, seed=0)
    >>> errors = ridge_errors(data, np.random.default_rng(0).normal(size=(20, 10)), DUALS["relu"], [0, 0.1])
    >>> bool(errors[1] < errors[0] / 4)  # with as many features as samples, a ridge helps
    True
    """
    deltas = np.asarray(ridges, float)
    features = hidden_features(data.X, B[np.newaxis], dual)[0]
    U, s, Vh = np.linalg.svd(features, full_matrices=False)
    s = s[:, np.newaxis]
    used = (deltas > 0) | (s > np.finfo(float).eps * max(features.shape) * s[0])
    factors = np.divide(s, s**2 + deltas, out=np.zeros(used.shape), where=used)
    a = U @ (factors * (Vh @ data.y)[:, np.newaxis])
    outputs = hidden_features(data.X_test, B[np.newaxis], dual)[0].T @ a
    errors: Array = np.mean((outputs - data.y_test[:, np.newaxis]) ** 2, axis=0)
    return errors
