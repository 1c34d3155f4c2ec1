"""Kernel regression by ScaLAPACK in the processes of an MPI program, compared with the tiled solver."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.regression import process_grid, scalapack
from nngplab.regression.estimator import KernelRegression
from tests.helpers.mpi import ENVIRONMENT, assert_same_as_tiled, command, why_no_mpi
from tests.helpers.mpi_fits import FITS, data

MPI = pytest.mark.skipif(bool(why_no_mpi()), reason=str(why_no_mpi()))


def run(folder, *programs, launcher=()):
    """Return the folder of programs that have ended well."""
    line = [*launcher, *command(folder, *programs)]
    ended = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Return the folder of 4 processes, in two rows and two columns."""
    return run(tmp_path_factory.mktemp("fits"), "fits", "errors", launcher=["mpiexec", "-n", "4"])


@pytest.fixture(scope="module")
def messages(fitted):
    """Return the error messages of each process."""
    return [json.loads((fitted / f"errors {rank}.json").read_text()) for rank in range(4)]


@MPI
class TestFits:
    @pytest.mark.parametrize("name", FITS)
    def test_they_predict_as_the_tiled_solver(self, fitted, name):
        assert_same_as_tiled(fitted, name, 0)

    @pytest.mark.parametrize("name", FITS)
    def test_each_process_has_the_same_bits(self, fitted, name):
        first, *others = (np.load(fitted / f"{name} {rank}.npz") for rank in range(4))
        for other in others:
            assert all(np.array_equal(first[key], other[key]) for key in first)

    def test_the_models_of_a_ridge_path_are_those_of_the_tiled_solver(self, fitted):
        X, y, _ = data("uneven blocks")
        expected = [model.dual_coef_ for model in KernelRegression("erf").ridge_path(X, y, [0.1, 1.0])]
        np.testing.assert_allclose(np.load(fitted / "path 0.npy"), expected, rtol=0, atol=1e-11)

    def test_the_variable_names_other_libraries_also_with_integers_of_64_bits(self, tmp_path, monkeypatch):
        found = process_grid._libraries_of_mkl("MPICH", large=True)
        paths = [re.sub("(gnu|intel)_thread", "sequential", path) for path in found if "libiomp5" not in path]
        monkeypatch.setitem(ENVIRONMENT, process_grid.VARIABLE, ":".join(paths))
        assert_same_as_tiled(run(tmp_path, "large"), "uneven blocks", 0)
        product = np.load(tmp_path / "product.npz")
        assert np.allclose(product["torch"], product["numpy"], rtol=1e-12)

    @pytest.mark.parametrize("programs", [["beside_torch"], ["large", "beside_torch"]])
    def test_threads_are_those_of_the_openmp_that_pytorch_has_loaded(self, programs, tmp_path, monkeypatch):
        monkeypatch.setitem(ENVIRONMENT, "OPENBLAS_NUM_THREADS", "2")
        residual = (run(tmp_path, *programs) / "residual 0").read_text()
        assert float(residual) < 1e-12


@MPI
class TestErrors:
    @pytest.mark.parametrize(
        ("name", "part"),
        [
            ("other samples", "the processes fit different data"),
            ("memory of the job", "for the 4 of 4 processes on node"),
            ("memory of the machine", "0.00 GiB are available there: use more nodes, or precision="),
            ("integers", "start more processes, or set NNGPLAB_SCALAPACK"),
        ],
    )
    def test_each_process_has_the_same_line(self, messages, name, part):
        assert len({found[name] for found in messages}) == 1
        assert messages[0][name].startswith("InputError: ")
        assert part in messages[0][name]
        assert "\n" not in messages[0][name]

    @pytest.mark.parametrize(
        ("name", "kernel", "ridge"), [("negative", lambda A, B: -A @ B.T, 0.1), ("singular", "linear", 0.0)]
    )
    def test_a_matrix_that_is_not_positive_definite_is_refused_as_by_the_tiled_solver(
        self, messages, name, kernel, ridge
    ):
        X, y, _ = data("uneven blocks")
        with pytest.raises(InputError) as refused:
            KernelRegression(kernel, ridge, loo=True).fit(X, y)
        for found in messages:
            row = str(refused.value).split("the pivot of row ")[1].split()[0]
            assert f"is not positive definite, the pivot of row {row} is " in found[name]
            assert found[name].startswith("NotPositiveDefiniteError: ")

    def test_an_error_in_one_process_ends_all(self, messages):
        assert messages[0]["one process"] == "RuntimeError: process 1 of 4 failed: ValueError: not here"
        assert messages[1]["one process"] == "ValueError: not here"


class TestWithoutMPI:
    def test_a_missing_package_is_named_with_its_installation(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "mpi4py", None)
        monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
        with pytest.raises(InputError, match=r"needs mpi4py and an MPI .*: run `pip install nngp-lab\[mpi\]`"):
            KernelRegression(solver="scalapack").fit([[1.0]], [1.0])

    @pytest.mark.parametrize(
        ("name", "value"), [("loo", True), ("keep_factor", True), ("storage", "factor"), ("device", "auto")]
    )
    def test_what_needs_the_factor_or_a_gpu_is_refused(self, name, value):
        with pytest.raises(InputError, match=f"leave out {name}$"):
            KernelRegression(solver="scalapack", **{name: value}).fit([[1.0]], [1.0])

    @pytest.mark.parametrize("name", ["SLURM_NTASKS", "PMI_SIZE"])
    def test_programs_that_are_each_alone_are_refused(self, name, monkeypatch):
        monkeypatch.setenv(name, "4")
        with pytest.raises(InputError, match=f"^each program is alone, and {name} is 4: .* MPICH Version: 5.0"):
            process_grid.check_started(1, "MPICH Version:      5.0\nMPICH Release date: today")
        process_grid.check_started(4, "MPICH")

    def test_a_library_that_cannot_be_loaded_is_named(self, monkeypatch, tmp_path):
        monkeypatch.setenv(process_grid.VARIABLE, str(tmp_path / "libscalapack.so"))
        with pytest.raises(InputError, match=r"cannot be loaded \(.*libscalapack.so.*\): correct NNGPLAB_SCALAPACK"):
            process_grid.Scalapack("MPICH", large=False)

    @given(n=st.integers(1, 700), rows=st.integers(1, 5), columns=st.integers(1, 5))
    def test_each_entry_belongs_to_one_process(self, n, rows, columns):
        count = np.zeros((n, n), int)
        for row in range(rows):
            for column in range(columns):
                own = scalapack.owned(n, SimpleNamespace(row=row, column=column, shape=(rows, columns)))
                parts = []
                for blocks in own:
                    # In the memory of the process, the blocks follow each other.
                    places = [place for _, place in blocks]
                    assert [place.start for place in places] == [0, *(place.stop for place in places)][: len(places)]
                    assert all(a.stop - a.start == b.stop - b.start for a, b in blocks)
                    parts.append(np.concatenate([np.arange(n)[part] for part, _ in blocks] or [np.array([], int)]))
                count[np.ix_(*parts)] += 1
        assert (count == 1).all()
