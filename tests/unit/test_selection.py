"""The choice among kernels and ridges by evidence and by leave-one-out residuals."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeCV

from nngplab import NNGP, RBF, InputError, KernelRegression, Laplace, select_model

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(40, 3)), RNG.normal(size=(9, 3))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], axis=1) + 0.1 * RNG.normal(size=(40, 2))
WEIGHTS = np.where(np.arange(40) % 5, RNG.uniform(0.1, 3, 40), 0)
CANDIDATES = [
    KernelRegression(kernel, ridge)
    for kernel in (NNGP("relu", depth=2), NNGP("erf"), RBF(0.1), RBF(2.0), Laplace(5.0))
    for ridge in (1e-3, 1e-1, 10.0)
]


@pytest.mark.parametrize("weights", [None, 2.0, WEIGHTS])
@pytest.mark.parametrize("criterion", ["evidence", "leave_one_out"])
def test_the_best_has_the_highest_score(criterion, weights):
    best, scores = select_model(iter(CANDIDATES), X, Y, criterion, weights)
    fitted = [clone(candidate).fit(X, Y, weights) for candidate in CANDIDATES]
    if criterion == "evidence":
        expected = [model.log_marginal_likelihood_ for model in fitted]
    else:
        means = np.array([model.leave_one_out()[0] for model in fitted])
        w = np.broadcast_to(1 if weights is None else weights, 40)
        expected = -((means - Y) ** 2 * w[:, np.newaxis]).sum(axis=(1, 2)) / (2 * w.sum())
    np.testing.assert_allclose([score.score for score in scores], expected, rtol=1e-10)
    assert [score.candidate for score in scores] == CANDIDATES
    assert not any(score.reason for score in scores)
    chosen = fitted[int(np.argmax(expected))]
    assert (best.kernel, best.ridge) == (chosen.kernel, chosen.ridge)
    np.testing.assert_array_equal(best.predict(X_TEST), chosen.predict(X_TEST))
    with pytest.raises(NotFittedError):
        CANDIDATES[0].predict(X_TEST)


def test_leave_one_out_chooses_as_ridge_cv():
    ridges = np.logspace(-3, 3, 13)
    peer = RidgeCV(ridges, fit_intercept=False).fit(X, Y[:, 0])
    candidates = [KernelRegression("linear", ridge) for ridge in ridges]
    best, scores = select_model(candidates, X, Y[:, 0], "leave_one_out")
    assert best.ridge == peer.alpha_
    np.testing.assert_allclose(max(score.score for score in scores), peer.best_score_, rtol=1e-8)


@pytest.mark.parametrize("criterion", ["evidence", "leave_one_out"])
def test_a_singular_candidate_has_no_score(criterion, recwarn):
    candidates = [KernelRegression("linear", ridge) for ridge in (0.0, 0.5)]
    best, scores = select_model(candidates, X, Y, criterion)
    assert best.ridge == 0.5
    assert scores[0].score == -np.inf
    assert "set a ridge" in scores[0].reason
    assert scores[1].reason == ""
    assert not recwarn.list
    with pytest.raises(InputError, match=r"none of the candidates has a score: .* set a ridge") as caught:
        select_model(candidates[:1], X, Y, criterion)
    assert "\n" not in str(caught.value)


def test_the_first_of_equal_ones_is_the_best():
    best, _ = select_model([KernelRegression("erf", 0.1), KernelRegression(NNGP("erf"), 0.1)], X, Y)
    assert best.kernel == "erf"


@pytest.mark.parametrize(
    ("candidates", "criterion", "message"),
    [(CANDIDATES, "likelihood", "choose evidence or leave_one_out"), ([], "evidence", "there are no candidates")],
)
def test_bad_input(candidates, criterion, message):
    with pytest.raises(InputError, match=message):
        select_model(candidates, X, Y, criterion)


def test_tensors():
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(array) for array in (X, Y, WEIGHTS)]
    for criterion in ("evidence", "leave_one_out"):
        _, expected = select_model(CANDIDATES[:2], X, Y, criterion, WEIGHTS)
        _, scores = select_model(CANDIDATES[:2], *tensors[:2], criterion, tensors[2])
        assert scores == expected
