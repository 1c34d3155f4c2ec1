"""Regularised ZCA whitening, against the singular value decomposition of copies that are made one by one."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from nngplab import NNGP, ZCA, GroupAverage, InputError, KernelRegression, left_right_flips

FLIPS = left_right_flips((2, 3))


def correlated(n, seed=0, d=6):
    random = np.random.default_rng(seed)
    return 3 + random.normal(size=(n, d)) @ random.normal(size=(d, d))


X, X_TEST = correlated(40), correlated(7, seed=1)


def by_svd(X, X_test, epsilon):
    """The same by the singular values s of the centred samples: s^2 / n are the eigenvalues of the covariance."""
    n, d = X.shape
    _, s, directions = np.linalg.svd(X - X.mean(axis=0))
    eigenvalues = np.zeros(d)
    eigenvalues[: len(s)] = s**2 / n
    scales = 1 / np.sqrt(eigenvalues + epsilon * eigenvalues.mean())
    return (X_test - X.mean(axis=0)) @ directions.T @ np.diag(scales) @ directions


@parametrize_with_checks([ZCA(), ZCA(epsilon=1e-3)])
def test_scikit_learn(estimator, check):
    check(estimator)


@given(st.integers(2, 30), st.integers(1, 8), st.floats(1e-4, 1e4), st.integers(0, 99))
def test_it_is_that_by_singular_values(n, d, epsilon, seed):
    """Also where there are more features than samples."""
    X, X_test = correlated(n, seed, d), correlated(5, seed + 1, d)
    expected = by_svd(X, X_test, epsilon)
    np.testing.assert_allclose(ZCA(epsilon).fit(X).transform(X_test), expected, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("group", [FLIPS, np.concatenate([FLIPS, FLIPS[:, ::-1]])], ids=len)
@pytest.mark.parametrize("n", [2, 40])
def test_with_a_group_it_is_that_of_all_transforms_and_commutes_with_them(group, n):
    copies = np.concatenate([X[:n, order] for order in group])
    found = ZCA(0.01, group).fit(X[:n])
    np.testing.assert_allclose(found.transform(X_TEST), by_svd(copies, X_TEST, 0.01), atol=1e-10)
    np.testing.assert_allclose(found.transform(X_TEST[:, group[1]]), found.transform(X_TEST)[:, group[1]], atol=1e-10)


def test_what_epsilon_does():
    whitened = ZCA(1e-9).fit_transform(X)
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), np.eye(6), atol=1e-5)
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(
        ZCA(1e9).fit_transform(X), centred / np.sqrt(1e9 * centred.var(axis=0).mean()), rtol=1e-6
    )


def test_single_precision():
    single = ZCA().fit(X.astype(np.float32))
    assert single.components_.dtype == single.mean_.dtype == single.transform(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.transform(X_TEST), ZCA().fit(X).transform(X_TEST), atol=1e-4)


def test_in_a_pipeline_with_a_kernel_of_the_same_group():
    model = make_pipeline(ZCA(group=FLIPS), KernelRegression(GroupAverage(NNGP(), FLIPS), ridge=0.1))
    search = GridSearchCV(model, {"zca__epsilon": [0.01, 1.0]}, cv=2).fit(X, X[:, 0])
    np.testing.assert_allclose(search.predict(X_TEST[:, FLIPS[1]]), search.predict(X_TEST), rtol=1e-9)
    assert list(search.best_estimator_["zca"].get_feature_names_out()) == [f"x{i}" for i in range(6)]
    clone(model)


@pytest.mark.parametrize(
    ("zca", "X", "message"),
    [
        (ZCA(0.0), X, "epsilon of ZCA is 0.0: it must be a finite number above 0"),
        (ZCA("much"), X, "epsilon of ZCA is 'much': it must be a finite number above 0"),
        (ZCA(), np.full((5, 3), 0.1), "ZCA: the training samples are all the same, so they have no variance to whiten"),
        (ZCA(), np.zeros((5, 3), np.float32), "ZCA: the training samples are all the same"),
        (ZCA(group=FLIPS), X[:, :5], "a matrix of integers with 5 columns; got shape (2, 6)"),
        (ZCA(group=FLIPS[1:]), X, "the permutations are no group"),
        (ZCA(), X[:1], "1 sample(s) (shape=(1, 6)) while a minimum of 2 is required"),
        (ZCA(), np.where(X > 3, np.nan, X), "Input X contains NaN"),
    ],
)
def test_what_is_refused(zca, X, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        zca.fit(X)
    assert isinstance(caught.value, InputError) == ("sample(s)" not in message and "NaN" not in message)


def test_another_number_of_features_is_refused():
    with pytest.raises(ValueError, match="X has 5 features, but ZCA is expecting 6 features"):
        ZCA().fit(X).transform(X_TEST[:, :5])
