"""Duals of one's own go to other processes, and through scikit-learn's `clone`."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from nngplab import NNGP, NTK, KernelRegression, dual_of

X = np.random.default_rng(0).normal(size=(30, 3))


def squashed(x):
    return x / (1 + x**2)


@pytest.fixture(scope="module")
def own():
    return dual_of(squashed)


@pytest.fixture(scope="module")
def steep():
    return dual_of(lambda x: np.tanh(2 * x), "steep", lambda x: 2 / np.cosh(2 * x) ** 2)


def test_a_dual_of_a_named_function_is_equal_once_pickled(own):
    for dual in (own, dual_of(np.tanh)):
        assert pickle.loads(pickle.dumps(dual)) == dual
        assert pickle.loads(pickle.dumps(NNGP(dual, depth=2))) == NNGP(dual, depth=2)


def test_lambdas_and_local_functions_are_pickled_by_their_code(steep):
    def local(x):
        return np.tanh(2 * x)

    for dual in (steep, dual_of(local, "steep")):
        copied = pickle.loads(pickle.dumps(dual))
        assert repr(copied) == "<Dual steep>"
        np.testing.assert_array_equal(copied(X), dual(X))
        np.testing.assert_array_equal(copied.activation(X), dual.activation(X))
    copied = pickle.loads(pickle.dumps(NTK(steep, depth=2)))
    np.testing.assert_array_equal(copied(X), NTK(steep, depth=2)(X))


def test_they_are_kept_by_copies(own, steep):
    for dual in (own, steep):
        assert copy.deepcopy(dual) is dual
        assert clone(NNGP(dual)) == NNGP(dual)
        assert clone(KernelRegression(NNGP(dual, depth=2))).kernel.dual is dual


def test_a_model_is_saved_and_loaded_in_another_process(own, steep, tmp_path):
    import joblib

    y = np.sin(X[:, 0])
    models = [KernelRegression(NNGP(dual), ridge=0.1).fit(X, y) for dual in (steep, own)]
    joblib.dump((models, X), tmp_path / "models")
    program = (
        "import joblib, sys; models, X = joblib.load(sys.argv[1]); print(*[float(m.predict(X)[3]) for m in models])"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}", tmp_path / "models"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    np.testing.assert_allclose([float(number) for number in found], [model.predict(X)[3] for model in models])


def test_searches_in_several_processes(own, steep):
    y = np.sin(X[:, 0])
    model, grid = KernelRegression(NNGP(), ridge=0.1), {"kernel__dual": [own, steep, "relu"]}
    in_two = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, y)
    in_one = GridSearchCV(model, grid, cv=2).fit(X, y)
    np.testing.assert_allclose(in_two.cv_results_["mean_test_score"], in_one.cv_results_["mean_test_score"])
