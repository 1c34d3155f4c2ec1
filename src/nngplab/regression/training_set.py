"""What kernel regression is fitted to, and its parameters: samples, targets, weights and ridges, checked."""

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils import InputTags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import _check_sample_weight, validate_data

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel, Rows
from nngplab.kernels.objects import as_kernel
from nngplab.kernels.parameters import real_array
from nngplab.kernels.precomputed import check_gram_matrix
from nngplab.pipeline.devices import gpu_named
from nngplab.regression.tensors import as_array

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]

# What scikit-learn's checks of samples take: CSR where they are sparse, and no other copy.
SAMPLES: dict[str, Any] = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}


@dataclass(frozen=True)
class TrainingSet:
    """The samples of a fit.

    Attributes:
        X: the samples (n, d); with the kernel "precomputed", their Gram matrix (n, n).
        y: their targets (n, outputs) in float64.
        shape: the shape of the targets as they were given.
        scales: the roots of the weights of the samples (n,); None if they have none.
    """

    X: Any
    y: Array
    shape: tuple[int, ...]
    scales: Array | None

    def without_weight_zero(self) -> tuple[Any, Array, Array | None, Array | None]:
        """Return the samples, targets, scales and places of those samples whose weight is not 0.

        The places are None if these are all samples.
        """
        if self.scales is None or self.scales.all():
            return self.X, self.y, self.scales, None
        kept = np.flatnonzero(self.scales)
        return self.X[kept], self.y[kept], self.scales[kept], kept


def training_set(estimator: Any, X: Any, y: Any, sample_weight: Any) -> TrainingSet:
    """Return the checked training set of an estimator, and set its number of features.

    Raises:
        InputError: if the weights are all 0 or not finite, or for a Gram matrix that is not square and symmetric.
        ValueError: of scikit-learn, for what is no matrix of finite numbers with as many targets, and for weights that
            are negative.
    """
    X, y = validate_data(estimator, as_array(X), as_array(y), **SAMPLES, multi_output=True, y_numeric=True)
    if isinstance(estimator.kernel, str) and estimator.kernel == "precomputed" and not scipy.sparse.issparse(X):
        check_gram_matrix(X)
    y = y.toarray() if scipy.sparse.issparse(y) else y
    targets = y.astype(np.float64, copy=False).reshape(y.shape[0], -1)
    return TrainingSet(X, targets, y.shape, None if sample_weight is None else _scales(sample_weight, X))


def among_zeros(values: Array, places: Array, n: int) -> Array:
    """Return values (k, outputs) in their places among zeros (n, outputs)."""
    of_all = np.zeros((n, values.shape[1]))
    of_all[places] = values
    return of_all


def _scales(sample_weight: Any, X: Any) -> Array:
    weights: Array = _check_sample_weight(as_array(sample_weight), X, dtype=np.float64, ensure_non_negative=True)
    if not (np.isfinite(weights).all() and weights.any()):
        raise InputError("sample_weight must be finite, and above 0 for at least one sample")
    return np.sqrt(weights)


def checked_ridges(ridge: Any, outputs: int) -> Array:
    """Return the ridge of each output (outputs,).

    Raises:
        InputError: unless it is one number, or one for each output, finite and 0 or above.
    """
    ridges = np.atleast_1d(real_array("the ridge", as_array(ridge)))
    if ridges.shape not in ((1,), (outputs,)):
        raise InputError(
            f"the ridge has shape {ridges.shape}, and y has {outputs} target(s): give one number, or one per target"
        )
    wrong = ridges[~(ridges >= 0) | np.isinf(ridges)]
    if len(wrong):
        raise InputError(f"the ridge is {wrong[0]} for a target: it must be a finite number, 0 or above")
    return np.broadcast_to(ridges, (outputs,))


def shape_for_memory(X: Any) -> tuple[int, int]:
    """Return the number of samples, and of the numbers that each of them takes in memory."""
    if scipy.sparse.issparse(X):
        # With the column of each entry, half as long as the entry.
        return X.shape[0], math.ceil(1.5 * X.nnz / X.shape[0])
    n, d = X.shape
    return n, d


def rows_in_one_format(kernel: Kernel, X: Any, Z: Any, dtype: npt.DTypeLike) -> tuple[Rows, Rows]:
    """Return two sets of samples as a kernel takes them; both in CSR format if one of them is sparse."""
    if scipy.sparse.issparse(X) != scipy.sparse.issparse(Z):
        X, Z = scipy.sparse.csr_array(X), scipy.sparse.csr_array(Z)
    return kernel.rows(X.astype(dtype, copy=False)), kernel.rows(Z.astype(dtype, copy=False))


def check_parameters(estimator: BaseEstimator) -> None:
    """Raise InputError, in one line, for a parameter that the constraints of an estimator do not allow."""
    try:
        estimator._validate_params()
    except InvalidParameterError as error:
        raise InputError(str(error)) from None
    except TypeError as error:  # for numbers without a NaN, such as fractions
        raise InputError(f"a parameter of {' '.join(repr(estimator).split())} is of a wrong type: {error}") from None


def gpu_of(device: str) -> "torch.device | None":
    """Return the GPU that a device names; None for the CPU."""
    if not re.fullmatch(r"cpu|auto|cuda(:\d+)?", device):
        raise InputError(f"device is {device!r}: choose cpu, cuda or auto")
    return gpu_named(device)


def set_input_tags(tags: InputTags, kernel: Any) -> None:
    """Tell scikit-learn what samples a kernel takes: cross-validation slices both axes of a Gram matrix."""
    tags.pairwise = isinstance(kernel, str) and kernel == "precomputed"
    try:
        tags.sparse = as_kernel(kernel).takes_sparse
    except InputError:  # which `fit` raises
        tags.sparse = False
