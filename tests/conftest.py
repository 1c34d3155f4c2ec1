"""Hooks and fixtures of all tests; what tests import is in tests/helpers."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.helpers.checkout import TINY, copy_checkout

# On a busy machine any example can take long; no test asserts speed.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the runs of the pipeline: they take one worker each as long as all other tests take the rest."""
    items.sort(key=lambda item: item.path.name not in ("test_pipeline.py", "test_staleness.py", "test_cluster.py"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of its own for one test."""
    return copy_checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a folder, with what it printed on both streams in `.stdout`."""

    def run_in(folder: Path, *command: str | Path, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env={**os.environ, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run_in


@pytest.fixture(scope="session")
def done(run) -> Callable[..., str]:
    """Run a program, which must end well; return what it said."""

    def run_well(folder: Path, *command: str | Path, timeout: float = 600) -> str:
        ended = run(folder, *command, timeout=timeout)
        assert ended.returncode == 0, ended.stdout
        return str(ended.stdout)

    return run_well


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id, done) -> Path:
    """A checkout in which the tiny pipeline has run from nothing, on two cores; to be read or copied, never changed.

    All workers of pytest-xdist share it: the first that asks makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    folder = base / "finished"
    with FileLock(base / "finished.lock"):
        if not folder.exists():
            # A run that failed leaves nothing that another worker could take for finished.
            made = copy_checkout(tmp_path_factory.mktemp("unfinished") / "checkout")
            done(made, "snakemake", "--cores", "2", *TINY, timeout=1200)
            made.rename(folder)
    return folder
