"""What is left to do where a Gram matrix is singular in the working precision."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg

from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.linear_system import LinearSystem
from nngplab.regression.warning import warn

Array = npt.NDArray[Any]

# An eigendecomposition takes some thirty times as long as a Cholesky factorisation, and several times its memory.
EIGENVECTORS_UP_TO = 10_000

_REMEDY = "remove samples that the kernel cannot tell apart (to an NNGP kernel, of one direction), or set a ridge"


def least_norm_solution(system: LinearSystem, failure: NotPositiveDefiniteError) -> Array:
    """Return the least-squares solution (n, outputs) of least norm, in float64.

    It is computed in the eigenvectors of K + ridge I, without those whose eigenvalue is zero but for rounding.

    Args:
        system: a linear system of up to `EIGENVECTORS_UP_TO` rows.
        failure: why it has no Cholesky factor.

    Warns:
        LinAlgWarning: always.

    Raises:
        NotPositiveDefiniteError: if an eigenvalue is negative by more than rounding.
    """
    n, dtype = len(system.y), system.rows.values.dtype
    eigenvalues, eigenvectors = scipy.linalg.eigh(
        system.lower_triangle(), lower=True, overwrite_a=True, check_finite=False
    )
    largest, eps = eigenvalues[-1], np.finfo(dtype).eps
    if eigenvalues[0] < -np.sqrt(eps) * abs(largest):
        raise _refusal(
            failure,
            f"{_described(system)} has the negative eigenvalue {eigenvalues[0]:.3g} ({_place(system, failure)}): the "
            "function is not a kernel",
        )
    # A negative eigenvalue shows how far off the entries of K are, where they are further off than the last digit.
    kept = eigenvalues > max(n * eps * largest, -eigenvalues[0])
    warn(
        f"{_described(system)} has only {np.sum(kept)} eigenvalues above rounding, {_place(system, failure)}: taking "
        f"the least-squares solution of least norm; to avoid this, {_REMEDY}",
        scipy.linalg.LinAlgWarning,
    )
    V = eigenvectors[:, kept]
    solution: Array = (V / eigenvalues[kept]) @ (V.T @ system.y.astype(dtype, copy=False))
    return solution.astype(np.float64, copy=False)


def not_positive_definite(system: LinearSystem, failure: NotPositiveDefiniteError) -> NotPositiveDefiniteError:
    """Return the error of a system that has no Cholesky factor, with what can be done about it."""
    message = f"{_described(system)} is not positive definite, {_place(system, failure)}: {_REMEDY}"
    return _refusal(failure, message)


def condition_number(K: Array) -> float:
    """Return the condition number, in the spectral norm, of a symmetric matrix; infinity if it is singular.

    >>> import numpy as np
    >>> condition_number(np.diag([4.0, 1.0]))
    4.0
    """
    magnitudes = np.abs(np.linalg.eigvalsh(K))
    smallest = float(magnitudes.min())
    return float(magnitudes.max()) / smallest if smallest else np.inf


def _described(system: LinearSystem) -> str:
    n, d = system.X.shape
    precision = {8: "double", 4: "single"}[system.rows.values.dtype.itemsize]
    return (
        f"the Gram matrix of kernel {system.kernel!r} (n_samples = {n}, n_features = {d}, ridge = {system.ridge!r}, "
        f"{precision} precision)"
    )


def _place(system: LinearSystem, failure: NotPositiveDefiniteError) -> str:
    return f"the pivot of row {failure.row} is {failure.pivot:.3g}{system.twin(failure.row)}"


def _refusal(failure: NotPositiveDefiniteError, message: str) -> NotPositiveDefiniteError:
    return NotPositiveDefiniteError(failure.row, failure.pivot, " ".join(message.split()))
