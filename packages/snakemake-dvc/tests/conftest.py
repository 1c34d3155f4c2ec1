"""Fixtures of several files of tests. What tests import stands in helpers.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import JOBS, WORKFLOW, Checkout, Starter, build, copied, leaving_nothing


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    started = Starter(tmp_path_factory.mktemp("starter"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, starter: Starter) -> Path:
    """A folder with a finished checkout and a full remote."""
    root = tmp_path_factory.mktemp("base")
    checkout = build(root, starter, WORKFLOW)
    checkout.computes("snakemake", JOBS)
    checkout.commit("results")
    checkout.run("dvc", "push")
    return root


@pytest.fixture
def checkout(base: Path, tmp_path: Path, starter: Starter) -> Iterator[Checkout]:
    """A copy of the finished checkout."""
    with leaving_nothing(tmp_path):
        yield copied(base, tmp_path, starter)
