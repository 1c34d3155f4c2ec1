"""Fixtures of several test files, and the order of the files. What tests import is in helpers/."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.checkouts import Checkout, build, cleaned_up, copied
from helpers.commands import Server
from helpers.small_workflow import JOBS, WORKFLOW
from hypothesis import settings

# The files that take longest come first, so that no worker of pytest-xdist ends long after the others.
SLOWEST_FIRST = [
    "test_branches.py",
    "test_edits_during_runs.py",
    "test_environment.py",
    "test_interrupts.py",
    "test_fuzz.py",
    "test_killed_runs.py",
    "test_user_files.py",
    "test_changes.py",
    "test_example.py",
    "test_config.py",
    "test_concurrent_runs.py",
    "test_paths.py",
    "test_dvc_contracts.py",
    "test_lost_state.py",
]


# On a busy machine any example can take long; no test asserts speed.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist would begin with the files that have most tests
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    quick = shared_folder(tmp_path_factory) / "quick"
    with locked(quick):
        started = Server(tmp_path_factory.mktemp("server"), quick)
    yield started
    started.close()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Path:
    """A folder with a finished checkout of the small workflow, and a remote with all results."""

    def make(root: Path) -> None:
        checkout = build(root, server, WORKFLOW)
        checkout.computes("snakemake", JOBS)
        checkout.commit("results")
        checkout.run("dvc", "push")

    return made_once(tmp_path_factory, "base", make)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first worker of pytest-xdist makes, for all workers."""
    root = shared_folder(factory) / name
    with locked(root):
        if not root.exists():
            root.mkdir()
            make(root)
    return root


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all workers of pytest-xdist share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let no other worker of pytest-xdist use a path."""
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def checkout(base: Path, tmp_path: Path, server: Server) -> Iterator[Checkout]:
    """A copy of the finished checkout."""
    with cleaned_up(tmp_path):
        yield copied(base, tmp_path, server)
