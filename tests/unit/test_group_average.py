"""Kernels averaged over a group of permutations, against averages and copies that are made one by one."""

import pickle
import re

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV

from nngplab import (
    NNGP,
    NTK,
    RBF,
    Function,
    GroupAverage,
    InputError,
    KernelRegression,
    Laplace,
    Linear,
    left_right_flips,
)
from nngplab.kernels.base import Kernel
from nngplab.kernels.group import permutation_group

# Of images with 3 rows and 4 columns.
FLIPS = left_right_flips((3, 4))
TRANSLATIONS = np.stack([np.roll(np.arange(12).reshape(3, 4), shift, axis=1).ravel() for shift in range(4)])
SYMMETRIES = np.concatenate([FLIPS, FLIPS[:, ::-1]])
GROUPS = [FLIPS, TRANSLATIONS, SYMMETRIES[[2, 0, 3, 1]]]
KERNELS = [
    NNGP("relu", depth=3),
    NNGP("erf", normalize=False, sigma_b=0.3),
    NTK("relu"),
    Laplace(3.0),
    RBF(3.0),
    Linear(),
    NNGP("erf") + 0.5 * Laplace(2.0) * NTK("relu"),
]


def images(n, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=(n, 12)).astype(dtype)


X, X_TEST = images(30), images(9, seed=1)
Y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], axis=1)


def copies(X, group):
    return np.concatenate([X[:, order] for order in group])


def close(found, expected, accuracy=1e-10):
    np.testing.assert_allclose(found, expected, rtol=accuracy, atol=accuracy * np.abs(expected).max())


@pytest.mark.parametrize("group", GROUPS, ids=len)
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
class TestGramMatrix:
    def test_is_the_mean_over_the_transforms(self, kernel, group):
        average = GroupAverage(kernel, group)
        for A, B in ((X, X_TEST), (X, None), (X_TEST, X[:1])):
            Z = A if B is None else B
            close(average(A, B), np.mean([kernel(A, Z[:, order]) for order in group], axis=0), 1e-7)
        close(average.diag(X), np.diagonal(average(X)))

    def test_is_symmetric_positive_semi_definite_and_the_same_for_transforms(self, kernel, group):
        average = GroupAverage(kernel, group)
        K = average(X, X.copy())
        close(K, K.T)
        assert np.linalg.eigvalsh(K)[0] >= -1e-10 * np.abs(K).max()
        for order in group:
            close(average(X[:, order], X_TEST), average(X, X_TEST))

    def test_of_sparse_samples_is_that_of_dense_ones(self, kernel, group):
        average, sparse = GroupAverage(kernel, group), scipy.sparse.csr_array(np.where(X > 0.5, X, 0))
        assert average.takes_sparse
        close(average(sparse, X_TEST), average(sparse.toarray(), X_TEST))
        close(average(sparse), average(sparse.toarray()))
        close(average.diag(sparse), average.diag(sparse.toarray()))


@pytest.mark.parametrize("group", GROUPS, ids=len)
@pytest.mark.parametrize("kernel", [KERNELS[0], KERNELS[3]], ids=repr)
@pytest.mark.usefixtures("small_tiles")
class TestRegression:
    def test_it_is_that_on_all_transforms_of_the_samples(self, kernel, group):
        size, ridge = len(group), 0.1
        of_copies = KernelRegression(kernel, ridge).fit(copies(X, group), np.tile(Y, (size, 1)))
        average = KernelRegression(GroupAverage(kernel, group), ridge / size).fit(X, Y)
        close(average.predict(X_TEST), of_copies.predict(X_TEST), 1e-9)
        close(average.predict(X_TEST[:, group[1]]), average.predict(X_TEST))
        close(average.dual_coef_, size * of_copies.dual_coef_[: len(X)], 1e-9)
        assert average.residual_ < 1e-12

    def test_leave_one_out_leaves_out_a_sample_with_its_transforms(self, kernel, group):
        average = KernelRegression(GroupAverage(kernel, group), 0.1, loo=True).fit(X, Y)
        for i in (0, 17):
            others = np.delete(np.arange(len(X)), i)
            fitted = KernelRegression(kernel, 0.1 * len(group))
            fitted.fit(copies(X[others], group), np.tile(Y[others], (len(group), 1)))
            close(average.loo_residuals_[i], Y[i] - fitted.predict(X[i : i + 1])[0], 1e-8)

    def test_the_gaussian_process_and_single_precision(self, kernel, group):
        model = KernelRegression(GroupAverage(kernel, group), 0.1).fit(X, Y)
        K, K_test = model.kernel(X) + 0.1 * np.eye(len(X)), model.kernel(X_TEST, X)
        expected = model.kernel(X_TEST) - K_test @ np.linalg.solve(K, K_test.T)
        close(model.predict(X_TEST, return_cov=True)[1][..., 0], expected)
        close(model.predict(X_TEST, return_std=True)[1][:, 0] ** 2, expected.diagonal())
        single = clone(model).set_params(precision="single").fit(X.astype(np.float32), Y)
        close(single.predict(X_TEST), model.predict(X_TEST), 1e-4)
        assert model.kernel(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("kernel", [NTK("relu"), NNGP("step"), Laplace(3.0)], ids=repr)
def test_the_diagonal_of_samples_that_a_transform_leaves_alone_is_exact(kernel):
    """A cosine of 1 that is off by rounding makes errors of its root in these kernels."""
    mirrored = X.copy()
    mirrored[::2] = np.maximum(X, X[:, FLIPS[1]])[::2]
    average = GroupAverage(kernel, FLIPS)
    for diagonal in (average(mirrored).diagonal(), average.diag(mirrored)):
        np.testing.assert_array_equal(diagonal[::2], kernel.diag(mirrored)[::2])
        assert (diagonal[1::2] < kernel.diag(mirrored)[1::2]).all()


def test_the_samples_are_not_copied():
    assert np.shares_memory(GroupAverage(Laplace(), FLIPS).rows(X).values, X)


def test_a_search_varies_parameters_of_the_kernel_inside():
    grid = {"kernel__kernel__depth": [1, 2], "kernel__group": [FLIPS, SYMMETRIES]}
    search = GridSearchCV(KernelRegression(GroupAverage(NNGP(), FLIPS), 0.1), grid, cv=2).fit(X, Y)
    assert search.best_estimator_.kernel == GroupAverage(
        NNGP(depth=search.best_params_["kernel__kernel__depth"]), search.best_params_["kernel__group"]
    )


def test_equality_and_pickling_and_a_short_name():
    kernel = 2.0 * GroupAverage(NNGP(), left_right_flips((3, 32, 32))) + Laplace()
    for same in (clone(kernel), pickle.loads(pickle.dumps(kernel))):
        assert same == kernel
    assert GroupAverage(NNGP(), FLIPS) != GroupAverage(NNGP(), TRANSLATIONS) != GroupAverage(NNGP(), TRANSLATIONS[:1])
    assert GroupAverage(NNGP(), FLIPS) == GroupAverage(NNGP(), FLIPS.tolist())
    assert len(repr(kernel)) < 200
    assert "\n" not in repr(kernel)


def test_a_factor_on_a_disk(tmp_path):
    model = KernelRegression(GroupAverage(NNGP(), FLIPS), 0.1, storage=tmp_path / "factor").fit(X, Y)
    np.testing.assert_array_equal(model.predict(X_TEST), model.set_params(storage=None).fit(X, Y).predict(X_TEST))


def test_a_kernel_of_ones_own_that_says_it_is_invariant():
    class Mean(Kernel):
        permutation_invariant = True

        def __call__(self, X, Z=None):
            return np.outer(X.mean(axis=1), (X if Z is None else Z).mean(axis=1))

    close(GroupAverage(Mean(), TRANSLATIONS)(X, X_TEST), Mean()(X, X_TEST))


@pytest.mark.parametrize(("channels_last", "axis"), [(False, -1), (True, -2)])
def test_left_right_flips_of_images(channels_last, axis):
    batch = np.random.default_rng(0).normal(size=(5, 3, 4, 6))
    shown = batch.transpose(0, 2, 3, 1) if channels_last else batch
    identity, flip = left_right_flips(shown.shape[1:], axis)
    np.testing.assert_array_equal(identity, np.arange(72))
    rows, flipped = shown.reshape(5, -1), batch[..., ::-1]
    expected = flipped.transpose(0, 2, 3, 1) if channels_last else flipped
    np.testing.assert_array_equal(rows[:, flip], expected.reshape(5, -1))


@given(st.permutations(range(7)))
def test_the_powers_of_a_permutation_are_a_group_and_without_one_of_them_are_not(order):
    powers = [np.arange(7)]
    while not np.array_equal(powers[-1][order], powers[0]):
        powers.append(powers[-1][order])
    assert len(permutation_group(powers, 7)) == len(powers)
    for left_out in range(len(powers) if len(powers) > 2 else 0):  # the identity alone is a group
        with pytest.raises(InputError, match="the permutations are no group"):
            permutation_group(powers[:left_out] + powers[left_out + 1 :], 7)


@pytest.mark.parametrize(
    ("kernel", "group", "message"),
    [
        (Function(rbf_kernel), FLIPS, "GroupAverage: Function(function=<function rbf_kernel"),
        (NNGP() + Function(rbf_kernel), FLIPS, "is no kernel that is known to be invariant under permutations of the"),
        (GroupAverage(NNGP(), FLIPS), FLIPS, "is no kernel that is known to be invariant"),
        ("relu", FLIPS, "GroupAverage: 'relu' is no kernel that is known to be invariant"),
        (NNGP(), left_right_flips((2, 4)), "a matrix of integers with 12 columns; got shape (2, 8) of int64"),
        (NNGP(), FLIPS.astype(float), "a matrix of integers with 12 columns; got shape (2, 12) of float64"),
        (NNGP(), FLIPS[0], "a matrix of integers with 12 columns; got shape (12,) of int64"),
        (NNGP(), FLIPS - 1, "row 0 of the group is no permutation of 0 to 11"),
        (NNGP(), FLIPS[[0, 1, 1]], "rows 1 and 2 of the group are the same: leave one out"),
        (NNGP(), left_right_flips((12, 1)), "rows 0 and 1 of the group are the same: leave one out"),
        (NNGP(), FLIPS[1:], "no group: row 0 after row 0 is none of them (the identity must be one)"),
        (NNGP(), TRANSLATIONS[:3], "no group: row 2 after row 1 is none of them"),
    ],
)
def test_what_is_refused_in_one_line(kernel, group, message):
    for use in (
        lambda: GroupAverage(kernel, group)(X),
        lambda: GroupAverage(kernel, group).diag(X),
        lambda: KernelRegression(GroupAverage(kernel, group)).fit(X, Y),
    ):
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            use()
        assert "\n" not in str(caught.value)
