"""After a change, Snakemake and DVC run the jobs whose results could differ, and no others.

Each row of the table is a change. The test makes it in a copy of a finished checkout, and runs one of the two engines.
It compares the jobs that ran with those of the row, and the results with those of a run from scratch. Afterwards the
other engine must have nothing to do. The workflow is that of the project, with the stages of Problems 11 and 12 alone.

The tests of the package snakemake-dvc make such changes with both engines, and random sequences of them.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.helpers.changes import TABLE
from tests.helpers.checkout import ROOT, digests
from tests.helpers.small_checkout import (
    ALL,
    CONFIG,
    ENGINES,
    KERNELS,
    NOTHING_TO_DO,
    Workspace,
    jobs_run,
)


@pytest.fixture(scope="module")
def from_scratch(small, finished_small, run, tmp_path_factory) -> Callable[[Path], dict[str, str]]:
    """The results of a run from scratch with the configuration of a checkout."""
    known = {(finished_small / CONFIG).read_text(): results(finished_small)}

    def run_from_scratch(checkout: Path) -> dict[str, str]:
        config = yaml.safe_dump(yaml.safe_load((checkout / CONFIG).read_text()))
        if config not in known:
            folder = shutil.copytree(small, tmp_path_factory.mktemp("from_scratch") / "checkout", symlinks=True)
            (folder / CONFIG).write_text(config)
            ended = run(folder, *ENGINES["snakemake"])
            assert ended.returncode == 0, ended.stdout
            known[config] = results(folder)
        return known[config]

    return run_from_scratch


def results(folder: Path) -> dict[str, str]:
    return digests(folder, "data", "results")


def page_table() -> str:
    """The table as docs/snakemake_and_dvc.md shows it; `python -m tests.pipeline.test_staleness` prints it."""
    lines = ["| after | these jobs run |", "|---|---|"]
    for change, jobs, _ in TABLE:
        ran = "all" if jobs == ALL else ", ".join(f"`{job}`" for job in sorted(jobs)) or "none"
        lines.append(f"| {change.__name__.replace('_', ' ')} | {ran} |")
    return "\n".join(lines)


def test_the_page_shows_this_table():
    page = (ROOT / "docs/snakemake_and_dvc.md").read_text()
    assert page_table() in page, "insert what `python -m tests.pipeline.test_staleness` prints"


@pytest.mark.parametrize(("change", "jobs", "engine"), TABLE, ids=[change.__name__ for change, *_ in TABLE])
def test_table(run, finished_small, from_scratch, tmp_path, change, jobs: set[str], engine: str):
    workspace = Workspace(shutil.copytree(finished_small, tmp_path / "checkout", symlinks=True), run, engine)
    change(workspace)
    output = workspace.run_engine()
    assert jobs_run(output) == jobs, output
    assert output.count("(Rule: width_sweep_fit)") == ("width_sweep_fit" in jobs), "only what is new is trained"
    if jobs == KERNELS:
        assert output.count("(Rule: kernel_regression_fit)") == 1, "only the Laplace kernel is fitted"
    assert results(workspace.folder) == from_scratch(workspace.folder)
    (other,) = ENGINES.keys() - {engine}
    command, nothing_to_do = NOTHING_TO_DO[other]
    output = workspace(*command)
    assert nothing_to_do in output, output


if __name__ == "__main__":
    print(page_table())
