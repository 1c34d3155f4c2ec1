"""The tiled Cholesky factor against LAPACK, on matrices of several tiles, and what ends it before its time."""

import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from nngplab.regression import tiles as tiles_module
from nngplab.regression.cholesky import NotPositiveDefiniteError, factorise
from nngplab.regression.tiles import blas_threads, in_threads, slices


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles_module, "tile_size", lambda _: 32)
    monkeypatch.setattr(tiles_module, "BLOCK", 12)


def matrix(n, seed=0, dtype=np.float64):
    X = np.random.default_rng(seed).standard_normal((n, n))
    return (X @ X.T + n * np.eye(n)).astype(dtype)


def tiles_of(K):
    return lambda rows, columns, out: np.copyto(out, K[rows, columns])


def lower(factor):
    """The factor as one matrix."""
    n = factor.slices[-1].stop
    L = np.zeros((n, n), factor.rows[0].dtype)
    for row, part in zip(factor.rows, factor.slices, strict=True):
        L[part, : part.stop] = row
    return L


class TestFactor:
    @settings(max_examples=20)
    @given(n=st.integers(1, 200), outputs=st.integers(1, 4), dtype=st.sampled_from([np.float64, np.float32]))
    def test_against_lapack(self, n, outputs, dtype):
        K = matrix(n, dtype=dtype)
        factor = factorise(tiles_of(K), n, dtype)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(lower(factor), np.linalg.cholesky(K.astype(float)), atol=100 * n * eps)
        assert not np.triu(lower(factor), 1).any()
        y = np.random.default_rng(1).standard_normal((n, outputs))
        solution = factor.solve(y)
        assert solution.dtype == dtype
        np.testing.assert_allclose(K @ solution, y, atol=1000 * n * eps)
        np.testing.assert_allclose(
            factor.inverse_diagonal(), np.diag(np.linalg.inv(K.astype(float))), rtol=100 * n * eps
        )

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_near_copies_cost_no_more_digits_than_with_lapack(self, dtype):
        """The inverses of the diagonal blocks are ill-conditioned then; the residual is at rounding all the same."""
        random = np.random.default_rng(4)
        X = random.standard_normal((300, 400))
        eps = np.finfo(dtype).eps
        X[150:250] = X[:100] + 20 * np.sqrt(eps) * random.standard_normal((100, 400))
        K = (X @ X.T / 400).astype(dtype)
        y = random.standard_normal((300, 3)).astype(dtype)

        def backward_error(a):
            K64, a = K.astype(float), a.astype(float)
            return np.linalg.norm(K64 @ a - y) / (np.linalg.norm(K64) * np.linalg.norm(a))

        ours = backward_error(factorise(tiles_of(K), 300, dtype).solve(y))
        lapack = backward_error(scipy.linalg.cho_solve(scipy.linalg.cho_factor(K), y))
        assert np.linalg.cond(K.astype(float)) > 1e-3 / eps
        assert ours < 3 * lapack < 30 * eps

    def test_each_lower_tile_is_computed_once(self):
        K, asked = matrix(100), []

        def tiles(rows, columns, out):
            asked.append((rows.start, columns.start))
            out[:] = K[rows, columns]

        factorise(tiles, 100, np.float64)
        assert sorted(asked) == [(i, k) for i in range(0, 100, 32) for k in range(0, i + 1, 32)]

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_the_same_bits_for_any_number_of_threads(self, dtype, monkeypatch):
        K = matrix(300, dtype=dtype)
        factors = []
        for threads in (1, 2, 7):
            monkeypatch.setattr(tiles_module, "blas_threads", lambda threads=threads: threads)
            factor = factorise(tiles_of(K), 300, dtype)
            factors.append((lower(factor), factor.solve(K[:, :2]), factor.inverse_diagonal()))
        for other in factors[1:]:
            for one, two in zip(factors[0], other, strict=True):
                np.testing.assert_array_equal(one, two)

    def test_tiles_that_come_in_any_order_of_time(self, monkeypatch):
        """Threads that are held up at random wait for one another, and not for ever."""
        monkeypatch.setattr(tiles_module, "blas_threads", lambda: 5)
        K, random = matrix(320), np.random.default_rng(0)

        def tiles(rows, columns, out):
            time.sleep(random.exponential(0.003))
            out[:] = K[rows, columns]

        np.testing.assert_allclose(lower(factorise(tiles, 320, np.float64)), np.linalg.cholesky(K), atol=1e-10)

    def test_the_memory_is_that_of_the_triangle(self):
        n = 960
        K = matrix(n)
        tracemalloc.start()
        try:
            factor = factorise(tiles_of(K), n, np.float64)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert factor is not None
        assert peak < 1.2 * K.nbytes * (n + 1) / (2 * n)

    def test_the_progress_adds_up_to_one(self):
        shares = []
        factorise(tiles_of(matrix(200)), 200, np.float64, progress=shares.append)
        assert sum(shares) == pytest.approx(1)
        assert min(shares) > 0


class TestNotPositiveDefinite:
    @pytest.mark.parametrize("row", [0, 5, 31, 32, 50, 99])
    def test_a_negative_pivot_is_named(self, row):
        L = np.tril(np.random.default_rng(2).uniform(0.1, 1, (100, 100))) + 3 * np.eye(100)
        signs = np.ones(100)
        signs[row] = -1
        K = L * signs @ L.T
        with pytest.raises(NotPositiveDefiniteError, match=f"the pivot of row {row} is -") as caught:
            factorise(tiles_of(K), 100, np.float64)
        assert caught.value.row == row
        assert caught.value.pivot == pytest.approx(-(L[row, row] ** 2), rel=1e-9)

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_a_pivot_of_rounding_errors_is_named(self, dtype):
        X = np.random.default_rng(3).standard_normal((80, 200))
        X[70] = X[40]
        K = (X @ X.T / 200).astype(dtype)
        with pytest.raises(NotPositiveDefiniteError, match="the pivot of row 70 is ") as caught:
            factorise(tiles_of(K), 80, dtype)
        assert abs(caught.value.pivot) < 100 * np.finfo(dtype).eps

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_it_is_named_though_a_later_one_is_negative(self, dtype):
        """The second row is the first again. Rounding decides whether LAPACK stops there, or goes on to the third."""
        for scale in range(1, 100):
            K = np.full((3, 3), scale, dtype)
            K[2, 2] = -1
            with pytest.raises(NotPositiveDefiniteError, match="the pivot of row 1 is ") as caught:
                factorise(tiles_of(K), 3, dtype)
            assert abs(caught.value.pivot) <= 8 * np.finfo(dtype).eps * scale


class TestFailure:
    def test_an_error_in_a_tile_ends_all_threads(self, monkeypatch):
        monkeypatch.setattr(tiles_module, "blas_threads", lambda: 3)
        K, before = matrix(200), threading.active_count()

        def tiles(rows, columns, out):
            if (rows.start, columns.start) == (96, 64):
                raise OSError("the disk is gone")
            out[:] = K[rows, columns]

        with pytest.raises(OSError, match="the disk is gone"):
            factorise(tiles, 200, np.float64)
        assert threading.active_count() == before

    def test_an_interrupt_ends_it_at_once(self):
        program = (
            "import signal, time, numpy as np; from nngplab.regression import cholesky, tiles as cut\n"
            "cut.tile_size = lambda n: 32\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell ignores it in the background
            "def tiles(rows, columns, out):\n"
            "    print(flush=True); time.sleep(.02)\n"
            "    out[:] = np.eye(32) * (rows == columns)\n"
            "cholesky.factorise(tiles, 3200, np.float64)"
        )
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(10):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        lines, errors = process.communicate(timeout=60)
        assert process.returncode != 0
        assert b"KeyboardInterrupt" in errors
        assert lines.count(b"\n") < 1000, "of 5,050 tiles"


class TestThreads:
    def test_blas_is_held_to_one_thread_within(self):
        with threadpool_limits(2, "blas"):
            assert blas_threads() == 2
            assert in_threads(lambda _: blas_threads(), range(4)) == [1] * 4
            assert blas_threads() == 2

    def test_in_order(self):
        def late(i):
            time.sleep(0.01 * (5 - i))
            return i

        with threadpool_limits(3, "blas"):
            assert in_threads(late, range(5)) == list(range(5))

    def test_slices(self):
        assert slices(5, 2) == [slice(0, 2), slice(2, 4), slice(4, 5)]
