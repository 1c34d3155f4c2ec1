"""The choice of a kernel and a ridge from the training samples alone."""

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg
from sklearn.base import clone

from nngplab.errors import InputError
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.tensors import as_array

Array = npt.NDArray[Any]

CRITERIA = ("evidence", "leave_one_out")


class CandidateScore(NamedTuple):
    """The score of a candidate.

    Attributes:
        candidate: the model as it was given.
        score: the higher, the better; -infinity if it has none.
        reason: why it has none; empty if it has one.
    """

    candidate: KernelRegression
    score: float
    reason: str


def select_model(
    candidates: Iterable[KernelRegression],
    X: Array,
    y: Array,
    criterion: str = "evidence",
    sample_weight: Array | float | None = None,
) -> tuple[KernelRegression, list[CandidateScore]]:
    """Return the best of some models, fitted, and the scores of all.

    With "evidence", the score is `log_marginal_likelihood_`. With "leave_one_out", it is minus the mean over samples
    and outputs of the squared `loo_residuals_`, weighted by `sample_weight`; the models are then fitted with
    `loo=True`. The first of equal ones is the best. A candidate whose Gram matrix is singular has no score.

    Args:
        candidates: models with different kernels, ridges or other parameters; they are left unfitted.
        X: the samples, as for `KernelRegression.fit`.
        y: their targets.
        criterion: "evidence" or "leave_one_out".
        sample_weight: their weights.

    Raises:
        InputError: for another criterion, if there are no candidates, if none of them has a score, and as
            `KernelRegression.fit`.

    >>> import numpy as np
    >>> from nngplab import RBF
    >>> X = np.linspace(0, 6, 30)[:, np.newaxis]
    >>> candidates = [KernelRegression(RBF(bandwidth), ridge=0.01) for bandwidth in (0.1, 1.0, 10.0)]
    >>> best, scores = select_model(candidates, X, np.sin(X[:, 0]))
    >>> best.kernel
    RBF()
    >>> [round(score.score) for score in scores]
    [-34, 20, -240]
    """
    if criterion not in CRITERIA:
        raise InputError(f"criterion is {criterion!r}: choose evidence or leave_one_out")
    best, highest = None, -np.inf
    scores = []
    for candidate in candidates:
        model = clone(candidate)
        score, reason = _score(model, X, y, criterion, sample_weight)
        scores.append(CandidateScore(candidate, score, reason))
        if score > highest:
            best, highest = model, score
        del model  # its factor takes memory in the next fit
    if best is None:
        why = f"none of the candidates has a score: {scores[0].reason}" if scores else "there are no candidates"
        raise InputError(f"select_model: {why}")
    return best, scores


def _score(model: KernelRegression, X: Array, y: Array, criterion: str, sample_weight: Any) -> tuple[float, str]:
    """Fit a model, and return its score, or -infinity and why it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)  # a solution of least norm has no score
            if criterion == "leave_one_out":
                model.set_params(loo=True)
            model.fit(X, y, sample_weight)
    except NotPositiveDefiniteError as error:
        return -np.inf, str(error)
    if criterion == "leave_one_out":
        squares = model.loo_residuals_.reshape(len(model.y_fit_), -1) ** 2
        weights = None if sample_weight is None else np.broadcast_to(as_array(sample_weight), len(squares))
        return -float(np.average(squares.mean(axis=1), weights=weights)), ""
    try:
        return model.log_marginal_likelihood_, ""
    except AttributeError as error:
        return -np.inf, str(error)
