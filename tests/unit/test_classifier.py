"""Classification by kernel regression of one-hot labels."""

import numpy as np
import pytest
import scipy.linalg
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from nngplab import DUALS, NNGP, RBF, InputError, KernelClassifier, KernelRegression

DIGITS = load_digits()
X, Y = DIGITS.data[:300], DIGITS.target[:300]
X_TEST, Y_TEST = DIGITS.data[300:400], DIGITS.target[300:400]


def indefinite_matrix(estimator):
    """The checks that give the kernel "precomputed" a matrix with negative eigenvalues, which is no Gram matrix."""
    if estimator.kernel != "precomputed":
        return {}
    checks = (
        "check_positive_only_tag_during_fit",
        "check_estimators_dtypes",
        "check_classifiers_one_label_sample_weights",
    )
    return dict.fromkeys(checks, "the matrix has negative eigenvalues")


@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        KernelClassifier(),
        KernelClassifier("rbf", ridge=1e-3),
        KernelClassifier("erf", ridge=1e-2, precision="single", refine=True),
        KernelClassifier("precomputed", ridge=1e-3),
        KernelRegression("rbf", ridge=[0.1]),
        KernelRegression("ntk"),
        KernelRegression(DUALS["sine"], ridge=0.1),
        KernelRegression("precomputed", ridge=0.1),
    ],
    expected_failed_checks=indefinite_matrix,
)
def test_scikit_learn(estimator, check):
    check(estimator)


def test_it_is_the_regression_of_one_hot_labels():
    model = KernelClassifier("relu", ridge=1e-3).fit(X, Y)
    one_hot = KernelRegression("relu", ridge=1e-3).fit(X, (Y[:, None] == np.arange(10)) * 1.0)
    values = one_hot.predict(X_TEST)
    np.testing.assert_allclose(model.decision_function(X_TEST), values, atol=1e-9)
    np.testing.assert_array_equal(model.predict(X_TEST), values.argmax(axis=1))
    np.testing.assert_array_equal(model.classes_, np.arange(10))
    assert model.score(X_TEST, Y_TEST) == np.mean(values.argmax(axis=1) == Y_TEST) > 0.9
    assert model.regression_.residual_ < 1e-10


def test_two_classes_are_the_difference_of_their_columns():
    names = np.where(Y % 2, "odd", "even")
    model = KernelClassifier(RBF(30.0), ridge=1e-3).fit(X, names)
    columns = np.stack([names == "even", names == "odd"], axis=1) * 1.0
    values = KernelRegression(RBF(30.0), ridge=1e-3).fit(X, columns).predict(X_TEST)
    scores = model.decision_function(X_TEST)
    assert scores.shape == (100,)
    np.testing.assert_allclose(scores, values[:, 1] - values[:, 0], atol=1e-8)
    np.testing.assert_array_equal(model.predict(X_TEST), np.array(["even", "odd"])[values.argmax(axis=1)])


@pytest.mark.parametrize("y", [Y, Y % 2])
def test_with_the_linear_kernel_it_is_the_ridge_classifier(y):
    weights = compute_sample_weight("balanced", y)
    peer = RidgeClassifier(alpha=2.0, fit_intercept=False, solver="cholesky").fit(X, y, weights)
    model = KernelClassifier("linear", ridge=2.0).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(model.predict(X_TEST), peer.predict(X_TEST))
    # RidgeClassifier has 1 and -1 as targets, which is one-hot times 2 minus a constant.
    if y.max() == 1:
        np.testing.assert_allclose(model.decision_function(X_TEST), peer.decision_function(X_TEST), atol=1e-8)


def test_in_pipelines_and_searches():
    search = GridSearchCV(KernelClassifier(NNGP("erf")), {"kernel__depth": [1, 2], "ridge": [1e-2, 1.0]}, cv=2)
    assert search.fit(X, Y).score(X_TEST, Y_TEST) > 0.9
    assert cross_val_score(make_pipeline(StandardScaler(), KernelClassifier()), X, Y, cv=3).mean() > 0.85


def test_any_labels():
    for labels in (Y - 5, Y / 2 * 2.0, Y.astype(str), Y > 4, Y.astype(object).astype(str).astype(object)):
        model = KernelClassifier().fit(X, labels)
        assert set(model.predict(X_TEST)) <= set(model.classes_) == set(labels)
        np.testing.assert_array_equal(model.predict(X), labels)


def test_a_fit_that_fails_leaves_it_unfitted():
    model = KernelClassifier().fit(X, Y)
    with pytest.raises(InputError, match="the labels are of one class, 7: a classifier needs two classes or more"):
        model.fit(X, np.full(300, 7))
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ridge": -1}, "'ridge' parameter of KernelClassifier must be"),
        ({"ridge": [0.1] * 10}, "'ridge' parameter of KernelClassifier must be a float"),
        ({"precision": "half"}, "'precision' parameter of KernelClassifier must be"),
        ({"device": "tpu"}, "device is 'tpu': choose cpu, cuda or auto"),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(options, message):
    with pytest.raises(InputError, match=message) as caught:
        KernelClassifier(**options).fit(X, Y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("y", [Y + 0.5, np.eye(10)[Y]])
def test_targets_that_are_no_labels_are_refused(y):
    with pytest.raises(ValueError, match=r"Unknown label type|should be a 1d array"):
        KernelClassifier().fit(X, y)


def test_warnings_point_to_the_caller():
    twice, slow_data = np.repeat(X[:40], 2, axis=0), X[:100]
    singular = (scipy.linalg.LinAlgWarning, "least-squares solution of least norm")
    model = KernelRegression("relu", 1e-2, refine=True, tol=1e-30)
    slow = (ConvergenceWarning, "the relative residual stays at")
    for (category, message), run in (
        (singular, lambda: KernelClassifier().fit(twice, np.arange(80) % 2)),
        (singular, lambda: KernelRegression().fit(twice, np.arange(80))),
        (singular, lambda: next(KernelRegression().ridge_path(twice, np.arange(80), [0.0]))),
        (slow, lambda: clone(model).fit(slow_data, Y[:100])),
    ):
        with pytest.warns(category, match=message) as caught:
            run()
        assert {warning.filename for warning in caught} == {__file__}
