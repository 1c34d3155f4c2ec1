"""Hooks and fixtures of all tests; what tests import is in tests/helpers.

The tests of the library also run without PyTorch and the pipeline (`make test-library`): so these are imported late.
"""

import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import scipy.linalg  # noqa: F401 - so that its BLAS is loaded, and limited
from hypothesis import settings
from threadpoolctl import threadpool_limits

# The modules that run most of the pipeline.
LONGEST = ("test_cluster.py", "test_reproducibility.py", "test_pipeline.py", "test_sessions.py", "test_staleness.py")

# On a busy machine any example can take long; no test asserts speed.
settings.register_profile("patient", deadline=None)
# For tests that run a second time, with other libraries or on another kind of CPU.
settings.register_profile("again", deadline=None, max_examples=10)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Share the cores among the workers of pytest-xdist and the programs that they start.

    Threads beyond the cores spin and slow each other down.
    """
    if config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        return  # the process that only hands out the tests
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    threadpool_limits(threads)
    if workers > 1:
        os.environ.update({"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)})
    if find_spec("torch"):
        import torch

        torch.set_num_threads(threads)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the longest modules: at the end, short ones keep all workers busy."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


def pytest_collection_finish() -> None:
    """Leave what has been imported out of every garbage collection: this takes a tenth of the time of many tests."""
    gc.freeze()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Limit PyTorch to one thread: the last digits of a sum depend on the number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def template(make_once) -> Path:
    """A checkout of the project."""
    from tests.helpers.checkout import copy_checkout

    return make_once("template", copy_checkout)


@pytest.fixture
def checkout(template, tmp_path) -> Path:
    """A checkout of its own for one test."""
    return Path(shutil.copytree(template, tmp_path / "checkout", symlinks=True))


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory, worker_id) -> Path:
    """A folder that all workers of pytest-xdist share."""
    base = Path(tmp_path_factory.getbasetemp())
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def warm(common_folder) -> Iterator[Path]:
    """A folder for PATH with Python, Snakemake and DVC that start quickly."""
    from filelock import FileLock

    from tests.helpers.warm import connect

    folder = common_folder / "warm"
    folder.mkdir(exist_ok=True)
    with FileLock(common_folder / "warm.lock"):
        connection = connect(folder)
    yield folder
    connection.close()


@pytest.fixture(scope="session")
def run(warm) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a folder, with the output of both streams in `.stdout`.

    With `path`, which comes before the rest of PATH, another Python, Snakemake or DVC than the quick ones runs.
    """

    def run_in(
        folder: Path, *command: str | Path, timeout: float = 600, path: str | Path = warm
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env={**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run_in


@pytest.fixture(scope="session")
def done(run) -> Callable[..., str]:
    """Run a program, which must exit with 0; return its output."""

    def run_well(folder: Path, *command: str | Path, **options: Any) -> str:
        ended = run(folder, *command, **options)
        assert ended.returncode == 0, ended.stdout
        return str(ended.stdout)

    return run_well


@pytest.fixture(scope="session")
def make_once(tmp_path_factory, common_folder) -> Callable[[str, Callable[[Path], Path]], Path]:
    """Make a checkout that all workers of pytest-xdist share: the first that asks makes it, the others wait.

    It is to be read or copied, never changed.
    """
    from filelock import FileLock

    def make(name: str, maker: Callable[[Path], Path]) -> Path:
        folder = common_folder / name
        with FileLock(common_folder / f"{name}.lock"):
            if not folder.exists():
                # If this fails, it leaves nothing that another worker could take for finished.
                maker(tmp_path_factory.mktemp("unfinished") / "checkout").rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def finished(make_once, template, done) -> Path:
    """A checkout in which the tiny pipeline has run from scratch, on two cores."""
    from tests.helpers.checkout import TINY

    def run_tiny(folder: Path) -> Path:
        shutil.copytree(template, folder, symlinks=True)
        done(folder, "snakemake", "--cores", "2", *TINY, timeout=1200)
        return folder

    return make_once("finished", run_tiny)


@pytest.fixture(scope="session")
def small(make_once) -> Path:
    """A checkout with Problems 11 and 12 alone, not run yet."""
    from tests.helpers.small_checkout import make_small_checkout

    return make_once("small", make_small_checkout)


@pytest.fixture(scope="session")
def finished_small(make_once, small, done) -> Path:
    """That checkout after a run, recorded, committed and pushed to a DVC remote in a folder."""
    from tests.helpers.small_checkout import commit

    def run_small(folder: Path) -> Path:
        shutil.copytree(small, folder, symlinks=True)
        done(folder, "snakemake", "--cores", "2")
        done(folder, "dvc", "remote", "add", "--default", "lab", folder.with_name("remote"))
        done(folder, "dvc", "push")
        commit(folder)
        return folder

    return make_once("finished_small", run_small)
