"""Leave-one-out residuals, paths of ridges, memory and checkpoints of kernel regression."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone

from nngplab.errors import InputError
from nngplab.kernels.gram import laplace
from nngplab.regression import cholesky, linear_system, memory
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.linear_system import LinearSystem
from nngplab.regression.memory import PRECISIONS, memory_needed


@pytest.mark.usefixtures("small_tiles")
class TestLeaveOneOut:
    @pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-8), ("single", 1e-3)])
    def test_against_leaving_one_out(self, many, precision, tolerance):
        X, y, _ = many
        model = KernelRegression("erf", 0.01, precision, loo=True).fit(X, y)
        for left in (0, 63, 64, 299):
            others = np.arange(300) != left
            prediction = KernelRegression("erf", 0.01).fit(X[others], y[others]).predict(X[[left]])
            np.testing.assert_allclose(model.loo_residuals_[[left]], y[[left]] - prediction, atol=tolerance)

    def test_a_fit_without_it_leaves_none_of_an_earlier_one(self, many):
        X, y, _ = many
        model = KernelRegression("erf", 0.01, loo=True).fit(X, y)
        model.set_params(loo=False).fit(X, y)
        assert not hasattr(model, "loo_residuals_")

    def test_there_is_none_for_a_singular_matrix(self, many):
        X, y, _ = many
        with pytest.raises(InputError, match="is not positive definite"):
            KernelRegression("linear", loo=True).fit(X, y)


@pytest.mark.usefixtures("small_tiles")
class TestRidgePath:
    def test_it_is_a_fit_for_each_ridge(self, many):
        X, y, X_test = many
        ridges = [0.0, 1e-3, 1.0]
        for model, ridge in zip(KernelRegression("relu").ridge_path(X, y, ridges), ridges, strict=True):
            alone = KernelRegression("relu", ridge).fit(X, y)
            assert model.ridge == ridge
            np.testing.assert_array_equal(model.predict(X_test), alone.predict(X_test))
            assert model.residual_ == alone.residual_

    def test_a_wrong_parameter_is_refused_as_by_fit(self, many):
        X, y, _ = many
        for model, ridge in ((KernelRegression("relu"), -1.0), (KernelRegression("relu", precision="half"), 1.0)):
            with pytest.raises(InputError, match="parameter of KernelRegression must be"):
                next(iter(model.ridge_path(X, y, [ridge])))

    @pytest.mark.parametrize(("free", "times"), [(10**12, 1), (None, 3)], ids=["kept", "no memory to keep it"])
    def test_the_gram_matrix_is_computed_once_where_it_can_be_kept(self, many, monkeypatch, free, times):
        X, y, _ = many
        free = free or memory_needed(300, 40) + 1000
        monkeypatch.setattr(memory, "available_memory", lambda: free)
        monkeypatch.setattr(linear_system, "EXACT_RESIDUAL_UP_TO", 0)
        monkeypatch.setattr(linear_system, "RESIDUAL_ROWS", 1)
        asked = []

        def kernel(A, B):
            asked.append(len(A) > 1)
            return laplace(A, B)

        models = list(KernelRegression(kernel).ridge_path(X, y, [0.1, 0.2, 0.3]))
        assert len(models) == 3
        assert sum(asked) == 15 * times


def peak_memory(function) -> int:
    """The bytes that a call takes at most."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestMemory:
    def test_too_little_is_refused_with_the_way_out(self, many, monkeypatch):
        X, y, _ = many
        monkeypatch.setattr(memory, "available_memory", lambda: 100_000)
        with pytest.raises(
            InputError, match=r"^300 samples need 0\.0\d GiB of memory in double precision, and 0\.00 GiB "
        ):
            KernelRegression().fit(X, y)
        with pytest.raises(InputError, match='or precision="single" takes '):
            KernelRegression().fit(X, y)
        with pytest.raises(InputError, match="or take fewer samples"):
            KernelRegression(precision="single").fit(X, y)

    @pytest.mark.parametrize("precision", PRECISIONS)
    @pytest.mark.parametrize("loo", [False, True])
    def test_a_fit_takes_what_is_said(self, precision, loo):
        X = np.random.default_rng(0).standard_normal((3000, 20))
        KernelRegression("erf", 1.0).fit(X[:10], X[:10])
        peak = peak_memory(lambda: KernelRegression("erf", 1.0, precision, loo=loo).fit(X, X[:, 0]))
        needed = memory_needed(3000, 20, precision, loo, copied=precision == "single")
        assert 0.7 * needed < peak < 1.05 * needed

    @pytest.mark.parametrize(("ridges", "triangles"), [([1.0], 1), ([1.0, 2.0], 2)])
    def test_a_path_takes_a_second_triangle_only_for_several_ridges(self, ridges, triangles):
        X, model = np.random.default_rng(0).standard_normal((3000, 20)), KernelRegression("erf", keep_factor=False)
        peak = peak_memory(lambda: [None for _ in model.ridge_path(X, X[:, 0], ridges)])
        needed = memory_needed(3000, 20, copied=False) + (triangles - 1) * 4 * 3000**2
        assert 0.8 * needed < peak < 1.15 * needed

    def test_many_blocks_of_rows_predict_as_one(self):
        random = np.random.default_rng(0)
        X, X_test, y = (
            random.standard_normal((1100, 6)),
            random.standard_normal((1500, 6)),
            random.standard_normal(1100),
        )
        model = KernelRegression("laplace", ridge=0.1).fit(X, y)
        np.testing.assert_allclose(model.predict(X_test), laplace(X_test, X) @ model.dual_coef_, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("small_tiles")
class TestStorage:
    def test_a_fit_resumes_after_an_interrupt(self, many, monkeypatch, tmp_path, caplog):
        X, y, _ = many
        model = KernelRegression("relu", storage=tmp_path / "factor")
        calls = iter(range(100))

        def tile(problem, *place, real=LinearSystem.tile):
            if next(calls) == 9:
                raise KeyboardInterrupt
            return real(problem, *place)

        with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
            context.setattr(LinearSystem, "tile", tile)
            model.fit(X, y)
        with caplog.at_level("INFO"):
            model.fit(X, y)
        assert "continues after" in caplog.text
        np.testing.assert_array_equal(model.dual_coef_, KernelRegression("relu").fit(X, y).dual_coef_)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("change", ["samples", "ridge", "precision", "kernel"])
    def test_another_fit_does_not_take_its_tiles(self, many, monkeypatch, tmp_path, change):
        X, y, _ = many
        model = KernelRegression("relu", 0.1, storage=tmp_path / "factor")
        with monkeypatch.context() as context, pytest.raises(ZeroDivisionError):
            context.setattr(cholesky, "_factor_diagonal_tile", lambda tile, _, start: tile if start < 128 else 1 / 0)
            model.fit(X, y)
        others = {
            "ridge": {"ridge": 0.2},
            "precision": {"precision": "single"},
            "kernel": {"kernel": "erf"},
            "samples": {},
        }
        model.set_params(**others[change])
        X = X[::-1] if change == "samples" else X
        model.fit(X, y)
        expected = clone(model).set_params(storage=None).fit(X, y)
        np.testing.assert_array_equal(model.dual_coef_, expected.dual_coef_)

    def test_a_function_is_refused(self, many, tmp_path):
        X, y, _ = many
        with pytest.raises(
            InputError,
            match=r"storage: kernel Function\(.*\) is a function, whose name does not say what it computes",
        ):
            KernelRegression(laplace, storage=tmp_path / "factor").fit(X, y)
