"""What a GPU computes against what the CPU does. `make test-gpu` runs these, and fails where there is no GPU."""

import pickle

import numpy as np
import pytest
import torch

from nngplab.datasets.sine_target import sine_target
from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.kernels.group import GroupAverage, left_right_flips
from nngplab.kernels.objects import NNGP, NTK, Laplace
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import full_batch, shuffled_batches, train
from nngplab.regression import gpu
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.gpu import GpuLinearSystem

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here that PyTorch sees"),
]


@pytest.fixture(scope="module")
def many():
    """Samples for several blocks of rows, and two outputs."""
    data = sine_target(5000, 100, 300, seed=5)
    return data.X, np.stack([data.y, np.cos(3 * data.y)], axis=1), data.X_test


KERNELS = [
    NNGP("relu", normalize=False),
    NNGP("sine", depth=3),
    NTK("relu", depth=2),
    NTK("erf", depth=2, normalize=False),
    NNGP("relu") + 0.5 * Laplace(2.0) * NTK("sine"),
    GroupAverage(NTK("relu"), left_right_flips((10, 10))),
]


def cpu_and_gpu(**parameters):
    return (KernelRegression(**parameters, device=device) for device in ("cpu", "cuda"))


class TestKernelRegression:
    @pytest.mark.parametrize("kernel", ["relu", "sine", "erf", "laplace", "linear", "gelu", "gaussian", *KERNELS])
    def test_the_predictions_are_those_of_the_cpu(self, many, kernel):
        X, y, X_test = many
        expected, found = (model.fit(X, y).predict(X_test) for model in cpu_and_gpu(kernel=kernel, ridge=1e-3))
        # Both have a residual of about 1e-12, and by the bound of docs/kernel_regression.md such an error.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())

    @pytest.mark.parametrize("name", DUALS)
    def test_the_duals_are_those_of_the_cpu(self, name):
        xi = torch.linspace(-1, 1, 100_001, dtype=torch.float64)
        np.testing.assert_allclose(DUALS[name](xi.cuda()).cpu().numpy(), DUALS[name](xi.numpy()), rtol=0, atol=1e-14)

    def test_the_residual_without_a_ridge(self, many):
        X, y, _ = many
        assert KernelRegression("relu", device="cuda").fit(X, y).residual_ < 1e-10

    def test_single_precision_refined(self, many):
        X, y, X_test = many
        cpu, gpu = cpu_and_gpu(kernel="relu", ridge=1e-3, precision="single", refine=True)
        expected, found = (model.fit(X, y).predict(X_test) for model in (cpu, gpu))
        assert gpu.residual_ <= 1e-10
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)

    def test_leaving_one_out(self, many):
        X, y, _ = many
        cpu, gpu = (model.fit(X, y) for model in cpu_and_gpu(kernel="erf", ridge=1e-3, loo=True))
        np.testing.assert_allclose(gpu.loo_residuals_, cpu.loo_residuals_, rtol=0, atol=1e-7)

    def test_the_gaussian_process(self, many):
        X, y, X_test = many
        cpu, gpu = (model.fit(X, y) for model in cpu_and_gpu(kernel="erf", ridge=1e-3, keep_factor=True))
        for option in ("return_std", "return_cov"):
            expected, found = (model.predict(X_test, **{option: True})[1] for model in (cpu, gpu))
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)
        for found, expected in zip(gpu.leave_one_out(), cpu.leave_one_out(), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-7)
        assert gpu.log_marginal_likelihood_ == pytest.approx(cpu.log_marginal_likelihood_, rel=1e-10)

    def test_a_pickled_model_can_be_loaded_without_a_gpu(self, many):
        X, y, X_test = many
        model = KernelRegression("erf", 1e-3, device="cuda", keep_factor=True).fit(X[:500], y[:500])
        loaded = pickle.loads(pickle.dumps(model)).set_params(device="cpu")
        assert {factor.L.device.type for factor in loaded._posterior.factors} == {"cpu"}
        expected, found = (one.predict(X_test, return_std=True) for one in (model, loaded))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)

    def test_the_factor_is_in_the_memory_of_the_matrix(self, many, monkeypatch):
        X, _, _ = many
        monkeypatch.setattr(gpu, "BLOCK_ENTRIES", 2**18)
        device = torch.device("cuda")
        kernel = NNGP("relu")
        system = GpuLinearSystem(kernel, X, kernel.rows(X), X[:, :1], 1.0, device=device)
        system.factorise(None, lambda _: None)  # the first call loads libraries
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        system.factorise(None, lambda _: None)
        assert torch.cuda.max_memory_allocated(device) - before < 1.5 * 8 * len(X) ** 2

    def test_a_singular_matrix_is_reported(self, many):
        X, y, _ = many
        X, y = np.vstack([X, 2 * X[40]]), np.vstack([y, y[40]])
        with pytest.raises(InputError, match=r"not positive definite, the pivot of row 5000 is \S+ .* of row 40\)"):
            KernelRegression("erf", loo=True, device="cuda").fit(X, y)

    def test_too_many_samples_are_refused_before_any_work(self):
        n = int((torch.cuda.mem_get_info()[1] / 8) ** 0.5) + 1000
        with pytest.raises(InputError, match=r"samples need \S+ GiB on cuda, and \S+ GiB are free there: take fewer"):
            KernelRegression(device="cuda").fit(np.ones((n, 2)), np.ones(n))


class TestTraining:
    @pytest.mark.parametrize("size", [None, 64])
    def test_the_losses_are_those_of_the_cpu(self, size):
        """In float64, where the order of sums on a device moves the last digits only."""
        data = sine_target(256, 20, 10, seed=5)
        losses = []
        for device in ("cpu", "cuda"):
            X, y = (torch.from_numpy(array).to(device) for array in (data.X, data.y[:, np.newaxis]))
            network = OneHiddenLayer(20, 128, 1, "relu", seed=1).double().to(device)
            batches = full_batch(X, y) if size is None else shuffled_batches(X, y, size, seed=2)
            optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
            mse = torch.nn.functional.mse_loss

            def measure(network=network, X=X, y=y, mse=mse):
                with torch.no_grad():
                    return {"loss": float(mse(network(X), y))}

            losses.append(train(network, mse, batches, optimiser, 100, measure).losses)
        assert losses[0][-1] < 0.9 * losses[0][0]
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)
