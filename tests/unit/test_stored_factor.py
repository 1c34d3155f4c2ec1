"""A Cholesky factor in a file: the same bits as in memory, resumed runs, damage, full disks and second runs."""

import pickle
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.regression import memory, storage, stored_factor
from nngplab.regression import tiles as tiles_module
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.cholesky import factorise as factorise_in_memory
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.storage import FactorFile

SETTINGS = {"kernel": "relu"}


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles_module, "tile_size", lambda _: 32)
    monkeypatch.setattr(tiles_module, "BLOCK", 12)


def matrix(n, dtype=np.float64):
    X = np.random.default_rng(0).standard_normal((n, n))
    return (X @ X.T + n * np.eye(n)).astype(dtype)


def tiles_of(K, asked=None, stop=None):
    """The tiles of a matrix; with `stop`, an interrupt when so many have been asked for."""

    def tile(rows, columns, out):
        if asked is not None:
            if len(asked) == stop:
                raise KeyboardInterrupt
            asked.append((rows.start, columns.start))
        out[:] = K[rows, columns]

    return tile


def file_of(path, K, others=SETTINGS):
    return FactorFile(path, len(K), K.dtype, others)


def factorised(path, K, asked=None, stop=None):
    """Factorise in a file, which is closed and kept."""
    file = file_of(path, K)
    try:
        return stored_factor.factorise(tiles_of(K, asked, stop), file)
    finally:
        file.close(keep=True)


def interrupted(path, K, stop=15):
    with pytest.raises(KeyboardInterrupt):
        factorised(path, K, [], stop)


def assert_same(factor, K):
    """Compare all that a stored factor does with the factor in memory, to the last bit."""
    expected = factorise_in_memory(tiles_of(K), len(K), K.dtype)
    for row, other in zip(factor.rows, expected.rows, strict=True):
        np.testing.assert_array_equal(row, other)
    y = K[:, :2] + 1
    np.testing.assert_array_equal(factor.solve(y), expected.solve(y))
    np.testing.assert_array_equal(factor.solve_lower(y), expected.solve_lower(y))
    np.testing.assert_array_equal(factor.inverse_diagonal(), expected.inverse_diagonal())
    assert factor.log_determinant() == expected.log_determinant()
    assert factor.nbytes == expected.nbytes


def limit(monkeypatch, rows):
    """Give block rows the memory of so many entries in float64."""
    monkeypatch.setattr(memory, "memory_for_block_rows", lambda *_: 8 * rows)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 200),
    size=st.integers(13, 70),
    held=st.integers(0, 30_000),
    later=st.integers(0, 30_000),
    stop=st.integers(0, 40),
    threads=st.integers(1, 4),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_the_same_bits_as_in_memory(n, size, held, later, stop, threads, dtype):
    """For any memory, before and after an interrupt, and any number of threads."""
    K, asked = matrix(n, dtype), []
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(tiles_module, "tile_size", lambda _: size)
        patch.setattr(tiles_module, "blas_threads", lambda: threads)
        limit(patch, held)
        path = Path(folder) / "factor"
        try:
            factorised(path, K, [], stop)
        except KeyboardInterrupt:
            limit(patch, later)
        factor = factorised(path, K, asked)
        blocks = -(-n // size)
        assert len(asked) <= max(0, blocks * (blocks + 1) // 2 - stop + threads)
        assert_same(pickle.loads(pickle.dumps(factor)), K)


def test_after_kills_at_random_instants(tmp_path):
    program = (
        "import pathlib, os, sys, threading, time, numpy as np\n"
        "from nngplab.regression import memory, storage, stored_factor, tiles as cut\n"
        "cut.tile_size, cut.BLOCK, memory.memory_for_block_rows = lambda n: 32, 12, lambda *_: 40_000\n"
        "K = np.load(sys.argv[1])\n"
        "threading.Timer(float(sys.argv[3]), lambda: os.kill(os.getpid(), 9)).start()\n"
        "def tile(rows, columns, out):\n"
        "    time.sleep(.004)\n"
        "    out[:] = K[rows, columns]\n"
        "file = storage.FactorFile(pathlib.Path(sys.argv[2]), len(K), K.dtype, {'kernel': 'relu'})\n"
        "stored_factor.factorise(tile, file)"
    )
    K, path = matrix(300), tmp_path / "factor"
    np.save(tmp_path / "K.npy", K)
    for seconds in np.random.default_rng().uniform(0, 0.1, 3):
        command = [sys.executable, "-c", program, tmp_path / "K.npy", path, str(seconds)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    asked = []
    assert_same(factorised(path, K, asked), K)
    assert len(asked) < 55


@pytest.mark.parametrize("damage", ["tile", "entry", "truncated", "header cut"])
def test_damage_costs_no_more_than_what_is_damaged(tmp_path, damage, monkeypatch):
    limit(monkeypatch, 10_000)
    K, path, asked = matrix(200), tmp_path / "factor", []
    factor = factorised(path, K)
    content = bytearray(path.read_bytes())
    if damage == "tile":
        content[factor.file._place(5, 2) + 77] ^= 1
    elif damage == "entry":
        content[4096 + 8 * 17] ^= 1  # of the same tile
    else:
        content = content[: 20 if damage == "header cut" else -100]
    path.write_bytes(content)
    if damage == "tile":
        with pytest.raises(InputError, match=r"^tile \(5, 2\) of the factor in .* is damaged: fit again"):
            factor.solve(K)
    factorised(path, K, asked)
    assert len(asked) == {"tile": 4, "entry": 4, "truncated": 1, "header cut": 28}[damage]
    assert_same(factor, K)


def test_a_file_of_another_fit_is_begun_anew(tmp_path):
    K, path, asked = matrix(200), tmp_path / "factor", []
    factor = factorised(path, K)
    other = file_of(path, K, {"kernel": "erf"})
    stored_factor.factorise(tiles_of(K, asked), other)
    other.close(keep=True)
    assert len(asked) == 28
    with pytest.raises(InputError, match="is no longer the factor of this model: fit again"):
        factor.solve(K)


@pytest.mark.parametrize("content", [b"my thesis", b"\x00" * 5000, b"{}\nmore"])
def test_something_else_is_left_alone(tmp_path, content):
    path = tmp_path / "factor"
    path.write_bytes(content)
    with pytest.raises(InputError, match="factor is not the file of a factor: name another file"):
        factorised(path, matrix(64))
    assert path.read_bytes() == content


@pytest.mark.parametrize("place", ["factor/in", "."])
def test_a_path_that_cannot_be_a_file(tmp_path, place):
    (tmp_path / "factor").touch()
    with pytest.raises(InputError, match=r"^storage: .* cannot be used \(.*\): correct this and run again"):
        factorised(tmp_path / place, matrix(64))


def test_a_second_run_changes_nothing(tmp_path):
    K, path = matrix(200), tmp_path / "factor"
    interrupted(path, K)
    first = file_of(path, K)
    finished = first.begin()
    before = path.read_bytes()
    for others in (SETTINGS, {"kernel": "erf"}):
        with pytest.raises(InputError, match="is in use by another fit: wait for its end, or name another file"):
            file_of(path, K, others).begin()
    assert path.read_bytes() == before
    first.close(keep=True)
    assert file_of(path, K).begin() == finished


def test_a_small_disk_is_refused_with_both_figures(tmp_path, monkeypatch):
    K, path = matrix(200), tmp_path / "factor"
    usage = type("Usage", (), {"free": 2**16})
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"needs 0\.000\d+ GiB, and the disk has 6\.1e-05 GiB free: free some"):
        factorised(path, K)
    assert not path.exists()


def test_a_disk_that_is_full_in_mid_run(tmp_path, monkeypatch):
    """What is finished is used once there is space."""
    K, path, asked, written = matrix(200), tmp_path / "factor", [], []

    def full(descriptor, content, place, real=storage._write):
        written.append(place)
        if len(written) > 20:
            raise OSError(28, "No space left on device")
        real(descriptor, content, place)

    with monkeypatch.context() as context, pytest.raises(InputError, match=r"cannot be used \(No space left on dev"):
        context.setattr(storage, "_write", full)
        factorised(path, K)
    assert_same(factorised(path, K, asked), K)
    assert 28 - 10 <= len(asked) < 28 - 5


def test_a_limit_on_the_size_of_files(tmp_path):
    program = (
        "import pathlib, resource, sys; from nngplab.regression.storage import FactorFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: FactorFile(pathlib.Path(sys.argv[1]), 300, float, {}).begin()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    ran = subprocess.run([sys.executable, "-c", program, tmp_path / "f"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(f"InputError storage: {tmp_path / 'f'} cannot be used (File too large): ")
    assert not list(tmp_path.iterdir())


def test_a_matrix_that_is_not_positive_definite_leaves_no_file(tmp_path):
    X = np.random.default_rng(0).standard_normal((80, 5))
    with pytest.raises(NotPositiveDefiniteError):
        KernelRegression("linear", loo=True, storage=tmp_path / "factor").fit(X, X)
    assert not list(tmp_path.iterdir())


def test_the_memory_is_that_of_the_rows_that_are_held(tmp_path, monkeypatch):
    n = 960
    K = matrix(n)
    limit(monkeypatch, n * n // 4)
    monkeypatch.setattr(tiles_module, "blas_threads", lambda: 2)
    tracemalloc.start()
    try:
        factor = factorised(tmp_path / "factor", K)
        factor.inverse_diagonal()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Less than the block rows in memory and those before them together.
    assert peak < 8 * (n * n // 4 + n * 12 + 3 * (32 * n + 4 * 32**2)) * 1.1 < 8 * (n * n // 2)


class TestEstimator:
    X = np.random.default_rng(1).standard_normal((120, 6))

    def test_a_factor_larger_than_the_memory(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tiles_module, "tile_size", lambda _: 8)
        monkeypatch.setattr(tiles_module, "BLOCK", 4)
        monkeypatch.setattr(tiles_module, "blas_threads", lambda: 1)
        expected = KernelRegression("erf", 0.1, loo=True, refine=True).fit(self.X, self.X)
        enough = memory.memory_needed(120, 6, copied=False) - 1000
        monkeypatch.setattr(memory, "available_memory", lambda: enough)
        with pytest.raises(InputError, match="keep the factor in a file with storage="):
            KernelRegression("erf", 0.1).fit(self.X, self.X)
        path = tmp_path / "factor"
        model = KernelRegression("erf", 0.1, loo=True, refine=True, storage=path).fit(self.X, self.X)
        np.testing.assert_array_equal(model.dual_coef_, expected.dual_coef_)
        np.testing.assert_array_equal(model.loo_residuals_, expected.loo_residuals_)
        assert not path.exists()
        monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
        with pytest.raises(InputError, match="120 samples need"):
            KernelRegression("erf", 0.1, storage=path).fit(self.X, self.X)

    def test_a_kept_factor_is_in_the_file(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        model = KernelRegression("erf", 0.1, keep_factor=True, storage="factor").fit(self.X, self.X)
        content = pickle.dumps(model)
        expected = KernelRegression("erf", 0.1).fit(self.X, self.X)
        monkeypatch.chdir("/")
        loaded = pickle.loads(content)
        for one, two in (
            (loaded.leave_one_out(), expected.leave_one_out()),
            (loaded.predict(self.X, True), expected.predict(self.X, True)),
        ):
            np.testing.assert_array_equal(one, two)
        (tmp_path / "factor").unlink()
        with pytest.raises(InputError, match=f"^the factor of this model is gone, the file {tmp_path / 'factor'}"):
            loaded.leave_one_out()

    def test_windows_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr("sys.platform", "win32")
        with pytest.raises(
            InputError, match=r"^storage: it is not for Windows, .*: leave it out, or use Linux or macOS$"
        ):
            KernelRegression("erf", 0.1, storage=tmp_path / "factor").fit(self.X, self.X)
