"""The Gram matrix and factor of PyTorch against the tiles of NumPy, on PyTorch's CPU tensors: a GPU runs the same."""

import warnings

import numpy as np
import pytest
import torch

from nngplab.errors import InputError
from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import laplace, nngp
from nngplab.kernels.group import GroupAverage, left_right_flips
from nngplab.kernels.objects import NNGP, NTK, Laplace
from nngplab.kernels.tabulated import dual_of
from nngplab.regression import estimator, gpu, singular
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.gpu import GpuLinearSystem, factorise

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks each of what is computed in blocks."""
    monkeypatch.setattr(gpu, "BLOCK_ENTRIES", 5000)
    monkeypatch.setattr(gpu, "_COLUMNS", 50)


@pytest.fixture
def on_torch(monkeypatch):
    """Make every fit go the way of a GPU, with CPU tensors."""
    monkeypatch.setattr(estimator, "gpu_of", lambda _: CPU)


def fitted(**parameters):
    return lambda X, y: KernelRegression(**parameters).fit(X, y)


def both(monkeypatch, fit, X, y, X_test):
    """Models, and their predictions, by tiles and by torch."""
    by_tiles = fit(X, y)
    expected = by_tiles.predict(X_test)
    monkeypatch.setattr(estimator, "gpu_of", lambda _: CPU)
    by_torch = fit(X, y)
    return by_tiles, expected, by_torch, by_torch.predict(X_test)


class TestDuals:
    @pytest.mark.parametrize("name", DUALS)
    @pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-14), (torch.float32, 4e-6)])
    def test_a_tensor_has_the_same_dual_as_an_array(self, name, dtype, error):
        # Just outside too, where rounding takes a cosine.
        xi = torch.cat([torch.linspace(-1, 1, 2001, dtype=dtype), torch.tensor([-1.0000001, 1.0000001], dtype=dtype)])
        found = DUALS[name](xi)
        assert isinstance(found, torch.Tensor)
        assert found.dtype == dtype
        np.testing.assert_allclose(found.numpy(), DUALS[name](xi.numpy()), rtol=0, atol=error)

    def test_a_table_is_for_the_cpu(self, many):
        X, _, _ = many
        rows = gpu.on_device(NNGP("relu").rows(X), CPU)
        with pytest.raises(InputError, match="tanh is tabulated, and a table is for NumPy's arrays: set device to cpu"):
            NNGP(dual_of(np.tanh, "tanh")).tile(rows, rows)


KERNELS = [
    *sorted(DUALS.keys() - {"identity", "monomial_2", "hermite_2"}),
    "laplace",
    NNGP("relu", normalize=False),
    NNGP("sine", depth=3),
    NNGP("erf", depth=2, normalize=False),
    *(NTK(name, depth=2) for name in sorted(DUALS.keys() - {"identity", "step"})),
    NTK("relu", normalize=False),
    NNGP("relu") + 0.5 * Laplace(2.0) * NTK("sine"),
    GroupAverage(NTK("relu"), left_right_flips((4, 10))),
]


class TestAgainstTheTiles:
    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize("ridge", [0.0, 0.1])
    def test_in_double_precision(self, many, monkeypatch, kernel, ridge):
        X, y, X_test = many
        tiles, expected, ours, predictions = both(
            monkeypatch, fitted(kernel=kernel, ridge=ridge, loo=True), X, y, X_test
        )
        # An error of rounding grows by the condition number, which is below 1e7 here.
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
        np.testing.assert_allclose(
            ours.dual_coef_, tiles.dual_coef_, rtol=0, atol=1e-8 * np.abs(tiles.dual_coef_).max()
        )
        np.testing.assert_allclose(ours.loo_residuals_, tiles.loo_residuals_, rtol=0, atol=1e-8)
        assert ours.residual_ < 1e-11

    @pytest.mark.parametrize("kernel", ["relu", "linear"])
    def test_in_single_precision(self, many, monkeypatch, kernel):
        X, y, X_test = many
        fit = fitted(kernel=kernel, ridge=0.1, precision="single")
        _, expected, ours, predictions = both(monkeypatch, fit, X, y, X_test)
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-4)
        assert 1e-9 < ours.residual_ < 1e-4

    def test_refined(self, many, monkeypatch):
        X, y, X_test = many
        fit = fitted(kernel="relu", ridge=1e-3, precision="single", refine=True, tol=1e-12)
        _, expected, ours, predictions = both(monkeypatch, fit, X, y, X_test)
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-10)
        assert ours.residual_ <= 1e-12

    def test_rows_of_extreme_length_and_a_zero_row(self, many, monkeypatch):
        X, y, X_test = many
        X = X * np.geomspace(1e-200, 1e200, len(X))[:, np.newaxis]
        X[7] = 0
        # Only with a ridge, for the kernel of a zero row with itself is that of two orthogonal rows.
        _, expected, _, predictions = both(monkeypatch, fitted(kernel="relu", ridge=0.1), X, y, X_test)
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-10)

    def test_the_residual_is_that_of_all_rows(self, many, on_torch):
        X, y, _ = many
        model = KernelRegression("erf", 0.01, "single").fit(X, y)
        residual = (nngp(X, dual="erf") + 0.01 * np.eye(300)) @ model.dual_coef_ - y
        assert model.residual_ == pytest.approx(np.linalg.norm(residual) / np.linalg.norm(y), rel=1e-6)

    def test_a_path_of_ridges(self, many, on_torch):
        X, y, X_test = many
        for model in KernelRegression("relu").ridge_path(X, y, [0.0, 1.0]):
            alone = KernelRegression("relu", model.ridge).fit(X, y)
            np.testing.assert_array_equal(model.predict(X_test), alone.predict(X_test))

    def test_one_output(self, many, on_torch):
        X, y, X_test = many
        assert KernelRegression("sine").fit(X, y[:, 0]).predict(X_test).shape == (150,)


class TestSingular:
    @pytest.mark.parametrize("kernel", ["linear", "identity"])
    def test_the_least_squares_solution_is_that_of_the_tiles(self, many, monkeypatch, kernel):
        X, y, X_test = many
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _, expected, _, predictions = both(monkeypatch, fitted(kernel=kernel), X, y, X_test)
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-9)
        kept = [str(warning.message).split(", the pivot")[0] for warning in caught]
        assert len(kept) == 2
        assert kept[0] == kept[1]

    def test_the_same_error(self, many, monkeypatch):
        X, y, _ = many
        X = np.vstack([X, 2 * X[40]])
        y = np.vstack([y, y[40]])
        monkeypatch.setattr(singular, "EIGENVECTORS_UP_TO", 10)
        messages = []
        for device in ("tiles", "torch"):
            if device == "torch":
                monkeypatch.setattr(estimator, "gpu_of", lambda _: CPU)
            with pytest.raises(InputError, match=r"is not positive definite, the pivot of row 300 is ") as caught:
                KernelRegression("erf").fit(X, y)
            assert "has the direction of that of row 40" in str(caught.value)
            messages.append(str(caught.value).split(" row 300 is ")[0])
        assert messages[0] == messages[1]

    @pytest.mark.parametrize("row", [0, 1, 57, 99])
    def test_a_negative_pivot_is_named(self, row):
        L = np.tril(np.random.default_rng(2).uniform(0.1, 1, (100, 100))) + 3 * np.eye(100)
        signs = np.ones(100)
        signs[row] = -1
        K = torch.from_numpy(L * signs @ L.T)
        original = K.clone()
        with pytest.raises(NotPositiveDefiniteError) as caught:
            factorise(K, lambda row: original[:row, row : row + 1])
        assert caught.value.row == row
        assert caught.value.pivot == pytest.approx(-(L[row, row] ** 2), rel=1e-9)


class TestRefusals:
    def test_a_function_is_for_the_cpu(self, many, on_torch):
        X, y, _ = many
        with pytest.raises(
            InputError, match=r"kernel Function\(.*\) is a function of NumPy arrays: choose another, or"
        ):
            KernelRegression(laplace).fit(X, y)

    def test_too_little_memory_is_reported_with_the_numbers(self, many, on_torch, monkeypatch):
        X, y, _ = many
        monkeypatch.setattr(gpu, "free_memory", lambda _: 100_000)
        with pytest.raises(InputError, match=r"^300 samples need \S+ GiB on cpu, and 0\.00 GiB are free there: take "):
            KernelRegression().fit(X, y)

    def test_memory_that_runs_out_during_a_fit_is_reported(self, many, on_torch, monkeypatch):
        X, y, _ = many

        def none_left(*_):
            raise torch.OutOfMemoryError

        monkeypatch.setattr(GpuLinearSystem, "_matrix", none_left)
        with pytest.raises(InputError, match=r"^the memory of cpu does not suffice for 300 samples: take fewer, "):
            KernelRegression().fit(X, y)

    def test_there_is_no_storage(self, many, on_torch, tmp_path):
        X, y, _ = many
        with pytest.raises(InputError, match=r"^storage: a fit on a GPU keeps its factor there"):
            KernelRegression(storage=tmp_path / "factor").fit(X, y)
        assert not list(tmp_path.iterdir())

    @pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
    def test_a_gpu_that_is_not_there(self, many):
        X, y, X_test = many
        with pytest.raises(InputError, match="device is cuda, but PyTorch finds no CUDA device on this machine"):
            KernelRegression(device="cuda").fit(X, y)
        auto, cpu = (KernelRegression(device=device).fit(X, y).predict(X_test) for device in ("auto", "cpu"))
        np.testing.assert_array_equal(auto, cpu)


def test_a_user_defined_dual(many, monkeypatch):
    X, y, X_test = many
    relu = DUALS["relu"]
    own = Dual("own", relu.plain, relu.second_moment, relu.moment, relu.derivative_moment)
    _, expected, _, predictions = both(monkeypatch, fitted(kernel=own), X, y, X_test)
    np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-9)
