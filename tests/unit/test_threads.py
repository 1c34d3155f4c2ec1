"""The threads of BLAS: what several computations at once leave of them, and what the bits depend on."""

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from nngplab.kernels.objects import NTK, as_kernel
from nngplab.regression import tiles
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.feature_machine import RecursiveFeatureMachine
from nngplab.regression.tiles import blas_threads, in_threads, one_blas_thread

pytestmark = pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")
X = np.random.default_rng(0).standard_normal((30, 4))


ENDS = st.sampled_from([None, ValueError, KeyboardInterrupt])


def numbers():
    """The number of threads of each BLAS library."""
    return {library.num_threads for library in tiles.BLAS}


@pytest.fixture(autouse=True)
def three_threads():
    with threadpool_limits(3, "blas"):
        yield
        assert numbers() == {3}


class Held(threading.Thread):
    """A thread that holds the limit until it is told to leave it, with or without an error."""

    def __init__(self):
        super().__init__()
        self.entered, self.told, self.error = threading.Event(), threading.Event(), None
        self.start()
        assert self.entered.wait(60)

    def run(self):
        try:
            with one_blas_thread():
                self.entered.set()
                self.told.wait(60)
                if self.error:
                    raise self.error
        except (ValueError, KeyboardInterrupt):
            pass

    def leave(self, error=None):
        self.error = error
        self.told.set()
        self.join(60)


class TestTheLimit:
    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from([None, ValueError, KeyboardInterrupt])))
    )
    def test_computations_that_start_and_end_in_any_order(self, steps):
        held = []
        for starts, which, error in steps:
            if starts:
                held.append(Held())
            elif held:
                held.pop(which % len(held)).leave(error)
            assert numbers() == ({1} if held else {3})
            assert blas_threads() == 3, "a further computation may have them all"
        for thread in held:
            thread.leave()
        assert numbers() == {3}

    def test_fits_in_threads(self):
        together = threading.Barrier(4, timeout=60)

        def fit(i):
            def kernel(A, B):
                if len(A) == len(X) and not waited:
                    waited.append(together.wait())
                return A @ B.T

            waited = []
            return KernelRegression(kernel, ridge=1.0 + i).fit(X, X[:, 0]).predict(X)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fit, range(4)))
        assert numbers() == {3}

    def test_a_fit_within_a_fit(self):
        seen = []

        def kernel(A, B):
            seen.append(blas_threads())
            KernelRegression("linear", ridge=1.0).fit(X[:5], X[:5, 0])
            seen.append(next(iter(numbers())))
            return A @ B.T

        KernelRegression(kernel, ridge=1.0).fit(X, X[:, 0])
        assert set(seen) == {1}

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
    def test_an_error_in_a_kernel(self, error):
        def kernel(_, __):
            raise error

        with pytest.raises(error):
            KernelRegression(kernel).fit(X, X[:, 0])
        assert numbers() == {3}

    def test_a_number_that_the_user_sets_meanwhile_stays(self):
        held = Held()
        threadpool_limits(2, "blas")
        held.leave()
        assert numbers() == {2}
        first = Held()
        threadpool_limits(4, "blas")
        second = Held()
        assert numbers() == {1}
        first.leave()
        second.leave()
        assert numbers() == {4}
        threadpool_limits(3, "blas")

    def test_a_limit_of_the_user_around_and_left_meanwhile(self):
        limit = threadpool_limits(1, "blas")
        held = Held()
        limit.restore_original_limits()
        held.leave()
        assert numbers() == {3}

    @pytest.mark.parametrize("inside", [False, True])
    def test_a_fork_has_its_threads_back(self, inside):
        """The process forks while another thread holds the limit, or this one."""
        held = Held()
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()

        def report():
            KernelRegression("linear", ridge=1.0).fit(X, X[:, 0])
            queue.put((numbers(), blas_threads()))

        child = context.Process(target=report)
        if inside:
            with one_blas_thread():
                child.start()
        else:
            child.start()
        child.join(60)
        assert queue.get() == ({3}, 3)
        assert numbers() == {1}
        held.leave()

    def test_a_child_that_leaves_the_limit_of_its_parent(self):
        with one_blas_thread():
            child = os.fork()
        if not child:
            os._exit(numbers() != {3})
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_an_interrupt_while_the_limit_is_set(self, monkeypatch):
        real, calls = tiles._set_numbers, []

        def interrupted(*wanted):
            real(*wanted)
            calls.append(wanted)
            if len(calls) == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(tiles, "_set_numbers", interrupted)
        with pytest.raises(KeyboardInterrupt), one_blas_thread():
            pass
        assert numbers() == {3}

    def test_items_run_on_one_core_and_start_no_threads(self):
        assert in_threads(lambda _: (numbers(), blas_threads()), range(4)) == [({1}, 1)] * 4


def bits(fit_and_predict):
    """What a computation returns under 1, 2 and 4 threads: bytes for each."""
    found = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads, "blas"):
            found.append([np.asarray(array).tobytes() for array in fit_and_predict()])
    return found


class TestBits:
    @settings(max_examples=12, deadline=None)
    @given(
        shape=st.tuples(st.integers(1, 1600), st.integers(1, 90), st.integers(1, 12)),
        rows=st.integers(1, 1100),
        dtype=st.sampled_from([np.float64, np.float32]),
        precision=st.sampled_from(["double", "single"]),
        kernel=st.sampled_from(["relu", "laplace", NTK("erf", 2), as_kernel("linear") + as_kernel("sine")]),
        ridge=st.sampled_from([1e-3, 2.0]),
        refine=st.booleans(),
    )
    def test_the_results_do_not_depend_on_the_number_of_threads(
        self, shape, rows, dtype, precision, kernel, ridge, refine
    ):
        (n, d, outputs), random = shape, np.random.default_rng(1)
        A, y, B = (random.standard_normal(size).astype(dtype) for size in ((n, d), (n, outputs), (rows, d)))

        def fit_and_predict():
            model = KernelRegression(kernel, ridge, precision, refine=refine, tol=1e-6).fit(A, y)
            return model.dual_coef_, model.residual_, model.predict(B), model.predict(B[:1])

        one, two, four = bits(fit_and_predict)
        assert one == two == four

    @pytest.mark.parametrize("outputs", [1, 3])
    def test_the_shape_of_which_they_once_did(self, outputs):
        random = np.random.default_rng(0)
        A, y = random.standard_normal((1500, 80)), random.standard_normal((1500, outputs))

        def fit_and_predict():
            model = KernelRegression("relu").fit(A, y)
            return model.dual_coef_, model.residual_, model.predict(A[:300])

        one, two, four = bits(fit_and_predict)
        assert one == two == four

    def test_of_a_singular_matrix(self):
        A = np.random.default_rng(0).standard_normal((700, 40))

        def fit_and_predict():
            model = KernelRegression("linear").fit(A, A[:, :3] ** 2)
            return model.dual_coef_, model.residual_, model.predict(A)

        one, two, four = bits(fit_and_predict)
        assert one == two == four

    def test_of_a_feature_machine(self):
        A = np.random.default_rng(0).standard_normal((600, 60))

        def fit_and_predict():
            model = RecursiveFeatureMachine(iterations=2).fit(A, A[:, 0] ** 2)
            return model.feature_matrix_, model.predict(A)

        one, two, four = bits(fit_and_predict)
        assert one == two == four


def test_predictions_do_not_wait_for_one_another():
    """A kernel, a prediction and a fit at the same time."""
    model = KernelRegression("relu", ridge=0.1).fit(X, X[:, 0])
    tasks = [lambda: model.predict(X), lambda: as_kernel("erf")(X), lambda: clone(model).fit(X, X[:, 0])]
    with ThreadPoolExecutor(6) as pool:
        assert len([task.result(60) for task in [pool.submit(task) for task in 20 * tasks]]) == 60
    assert numbers() == {3}


@given(n=st.integers(1, 200_000), cores=st.integers(1, 256))
def test_more_cores_have_smaller_tiles_and_more_rows_larger_ones(n, cores):
    def size(n, cores):
        with patch("os.cpu_count", lambda: cores):
            return tiles.tile_size(n)

    assert size(n, cores) in (256, 512, 1024)
    assert size(n, cores + 1) <= size(n, cores) <= size(n + 1, cores)
    if size(n, cores) > 256:
        assert n / size(n, cores) > 2 * cores - 1
