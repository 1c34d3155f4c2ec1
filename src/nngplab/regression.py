"""Exact kernel regression, as an estimator in scikit-learn's manner."""

import warnings
from contextlib import nullcontext
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.linalg
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from nngplab.duals import Dual
from nngplab.errors import InputError
from nngplab.kernels import Kernel, kernel_function, row_blocks

Array = npt.NDArray[Any]

PRECISIONS = {"double": np.float64, "single": np.float32}

# The OpenBLAS of the NumPy and SciPy wheels crashes in a Cholesky factorisation with two threads from 16,000 rows in
# float64 and 27,000 in float32; with one thread it does not.
ONE_THREAD_FROM = 8_000
# An eigendecomposition takes some thirty times as long as a Cholesky factorisation, and several times its memory.
EIGENVECTORS_UP_TO = 10_000


class KernelRegression(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Kernel regression by a direct solve: f(x) = k(x, X) (K + ridge I)^-1 y, where K is the Gram matrix of X.

    With a ridge of 0 it fits the data exactly, and is the predictor of least norm that does so (sheet, Problem 11).
    Where K + ridge I is singular in the working precision (samples that a kernel cannot tell apart, or more samples
    than it has features), `fit` warns and takes the limit of a ridge that goes to 0 instead: the least-squares solution
    of least norm.

    Args:
        kernel: "relu", "sine", "erf" or another name in `nngplab.duals.DUALS`, or a `Dual`, for the normalised NNGP
            kernel; "laplace", "linear", or a function of X (n, d) and Z (m, d) that returns their Gram matrix (n, m).
        ridge: what is added to the diagonal of the Gram matrix.
        precision: that of the Gram matrix and its factor, "double" or "single", which takes half of the memory;
            `residual_` says what it costs.
        L: the rate of the Laplace kernel exp(-L |x - z|).

    Attributes:
        dual_coef_: the solution of (K + ridge I) a = y, of the shape of y.
        residual_: |(K + ridge I) a - y| / |y|, in float64 whatever the precision, with K computed anew.
        X_fit_: the training samples.
        n_features_in_: their number of columns.
    """

    def __init__(
        self, kernel: str | Dual | Kernel = "relu", ridge: float = 0.0, precision: str = "double", L: float = 1 / 200
    ) -> None:
        self.kernel = kernel
        self.ridge = ridge
        self.precision = precision
        self.L = L

    def fit(self, X: Array, y: Array) -> Self:
        """Solve for the samples X (n, d) and the targets y, (n,) or (n, outputs).

        Raises:
            InputError: for a parameter out of its range, a Gram matrix with negative eigenvalues, or a singular one of
                more than `EIGENVECTORS_UP_TO` rows.
        """
        if self.precision not in PRECISIONS:
            raise InputError(f"unknown precision {self.precision!r}: choose one of {', '.join(PRECISIONS)}")
        if not 0 <= self.ridge < np.inf:
            raise InputError(f"the ridge is {self.ridge!r}: it must be a finite number, 0 or above")
        gram = kernel_function(self.kernel, self.L)
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        y = y.astype(np.float64, copy=False)
        X_working, y_working = (array.astype(PRECISIONS[self.precision], copy=False) for array in (X, y))
        try:
            solution = solve_in_place(self._regularised(gram, X_working), y_working)
        except scipy.linalg.LinAlgError:
            solution = self._solve_singular(self._regularised(gram, X_working), y_working)
        self.X_fit_, self.dual_coef_ = X, solution.astype(np.float64, copy=False)
        difference = _predict(gram, X, X, self.dual_coef_) + self.ridge * self.dual_coef_ - y
        self.residual_ = float(np.linalg.norm(difference) / (np.linalg.norm(y) or 1))
        return self

    def predict(self, X: Array) -> Array:
        """Return the predictions for the rows of X (m, d), of shape (m,) or (m, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return _predict(kernel_function(self.kernel, self.L), X, self.X_fit_, self.dual_coef_)

    def _regularised(self, gram: Kernel, X: Array) -> Array:
        K = np.array(gram(X, X), dtype=X.dtype, order="C", copy=True if callable(self.kernel) else None)
        if K.shape != (len(X), len(X)):
            raise InputError(f"kernel {self.kernel!r} returns shape {K.shape} for {len(X)} samples: it must be square")
        K.flat[:: len(K) + 1] += self.ridge
        return K

    def _solve_singular(self, K: Array, y: Array) -> Array:
        """Solve in the eigenvectors of K, without those whose eigenvalue is zero but for rounding."""
        case = (
            f"the Gram matrix of kernel {self.kernel!r} (n_samples = {len(K)}, n_features = {self.n_features_in_}, "
            f"ridge = {self.ridge!r}, {self.precision} precision)"
        )
        remedy = (
            "remove samples that the kernel cannot tell apart (to an NNGP kernel, of one direction), or set a ridge"
        )
        if len(K) > EIGENVECTORS_UP_TO:
            raise InputError(f"{case} is not positive definite: {remedy}")
        eigenvalues, eigenvectors = scipy.linalg.eigh(K, overwrite_a=True, check_finite=False)
        largest, eps = eigenvalues[-1], np.finfo(K.dtype).eps
        if eigenvalues[0] < -np.sqrt(eps) * abs(largest):
            raise InputError(f"{case} has the negative eigenvalue {eigenvalues[0]:.3g}: the function is no kernel")
        # A negative eigenvalue shows how far off the entries of K are, where they are further off than the last digit.
        kept = eigenvalues > max(len(K) * eps * largest, -eigenvalues[0])
        warnings.warn(
            f"{case} has only {np.sum(kept)} eigenvalues above rounding: taking the least-squares solution of least "
            f"norm; to avoid this, {remedy}",
            scipy.linalg.LinAlgWarning,
            stacklevel=3,
        )
        V = eigenvectors[:, kept]
        return (V / eigenvalues[kept]) @ (V.T @ y)


def solve_in_place(K: Array, y: Array) -> Array:
    """Solve K a = y for a symmetric positive definite K in C order, whose memory takes the Cholesky factor.

    Raises:
        scipy.linalg.LinAlgError: if K is not positive definite, or singular but for rounding.
    """
    diagonal = K.diagonal().copy()
    with threadpool_limits(1, "blas") if len(K) >= ONE_THREAD_FROM else nullcontext():
        # The transpose of K is K, in the order of memory that LAPACK wants: anything else makes it copy.
        factor = scipy.linalg.cholesky(K.T, lower=True, overwrite_a=True, check_finite=False)
        # A pivot of the size of its rounding error belongs to a singular matrix that slipped through.
        if np.any(factor.diagonal() ** 2 <= 8 * np.finfo(K.dtype).eps * diagonal):
            raise scipy.linalg.LinAlgError("singular but for rounding")
        solution: Array = scipy.linalg.cho_solve((factor, True), y, check_finite=False)
    return solution


def condition_number(K: Array) -> float:
    """Return the condition number, in the spectral norm, of a symmetric matrix; infinity if it is singular."""
    magnitudes = np.abs(np.linalg.eigvalsh(K))
    smallest = float(magnitudes.min())
    return float(magnitudes.max()) / smallest if smallest else np.inf


def _predict(gram: Kernel, X: Array, X_fit: Array, dual_coef: Array) -> Array:
    predictions = np.empty((len(X), *dual_coef.shape[1:]))
    for block in row_blocks(len(X), len(X_fit)):
        predictions[block] = gram(X[block], X_fit) @ dual_coef
    return predictions
