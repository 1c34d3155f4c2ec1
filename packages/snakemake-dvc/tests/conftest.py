"""Fixtures of several test files, and the order of the files. What tests import is in helpers/."""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.checkouts import Checkout, build, cleaned_up, copied
from helpers.commands import Server
from helpers.small_workflow import JOBS, WORKFLOW

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


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist would begin with the files that have most tests
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("server"))
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
    parent = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        parent = parent.parent
    root = parent / name
    with (parent / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            root.mkdir()
            make(root)
    return root


@pytest.fixture
def checkout(base: Path, tmp_path: Path, server: Server) -> Iterator[Checkout]:
    """A copy of the finished checkout."""
    with cleaned_up(tmp_path):
        yield copied(base, tmp_path, server)
