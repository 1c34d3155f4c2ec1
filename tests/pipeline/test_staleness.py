"""After a change, Snakemake and DVC run the jobs whose results could differ, and no others.

Each row of the table is a change. The test makes it in a copy of a finished checkout, and runs one of the two engines.
It compares the jobs that ran with those of the row, and the results with those of a run from scratch. Afterwards the
other engine must have nothing to do. The workflow is that of the project, with the stages of Problems 11 and 12 alone.

The rows show how the project uses snakemake-dvc. The tests of that package cover many more changes, with both engines:
edits of results, other branches, damaged records, kills and edits during a run, runs at the same time, and random
sequences of all these.
"""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.helpers.checkout import ROOT, digests
from tests.helpers.small_checkout import (
    ALL,
    CONFIG,
    ENGINES,
    KERNELS,
    LONG,
    NOTHING_TO_DO,
    SWEEP,
    K,
    Workspace,
    configure,
    edit,
    git,
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


# The changes. Each is made in a finished checkout.


def nothing(workspace: Workspace) -> None:
    pass


def one_key_edited(workspace: Workspace) -> None:
    configure(workspace.folder, "kernel_regression", laplace_L=0.01)


def one_key_of_the_data_edited(workspace: Workspace) -> None:
    configure(workspace.folder, "kernel_regression", n=25)


def one_width_added(workspace: Workspace) -> None:
    configure(workspace.folder, "width_sweep", widths=[8, K])


def a_module_of_one_problem_edited(workspace: Workspace) -> None:
    edit(workspace.folder / "src/nngplab/networks/random_features.py")


def a_script_edited_and_given_an_old_time(workspace: Workspace) -> None:
    path = workspace.folder / "workflow/scripts/width_sweep_summary.py"
    edit(path)
    os.utime(path, (1e9, 1e9))


def a_comment_added_to_the_common_rules(workspace: Workspace) -> None:
    edit(workspace.folder / "workflow/rules/common.smk")


def the_lock_file_edited(workspace: Workspace) -> None:
    edit(workspace.folder / "requirements.lock")


def all_results_deleted(workspace: Workspace) -> None:
    shutil.rmtree(workspace.folder / "results")


def a_fresh_clone_without_dvc_pull(workspace: Workspace) -> None:
    origin = workspace.folder.rename(workspace.folder.with_name("origin"))
    git(origin.parent, "clone", "--quiet", str(origin), str(workspace.folder))


def a_run_killed_during_a_job(workspace: Workspace) -> None:
    workspace.draw(LONG)
    process = workspace.start()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# What changes, which jobs run then, and the engine that runs them.
TABLE: list[tuple[Callable[[Workspace], None], set[str], str]] = [
    (nothing, set(), "dvc"),
    (one_key_edited, KERNELS, "snakemake"),
    (one_key_of_the_data_edited, ALL, "dvc"),
    (one_width_added, SWEEP, "snakemake"),
    (a_module_of_one_problem_edited, SWEEP, "dvc"),
    (a_script_edited_and_given_an_old_time, SWEEP - {"width_sweep_fit"}, "snakemake"),
    (a_comment_added_to_the_common_rules, set(), "dvc"),
    (the_lock_file_edited, ALL, "snakemake"),
    (all_results_deleted, set(), "snakemake"),
    (a_fresh_clone_without_dvc_pull, set(), "dvc"),
    (a_run_killed_during_a_job, SWEEP, "snakemake"),
]


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
    assert results(workspace.folder) == from_scratch(workspace.folder)
    (other,) = ENGINES.keys() - {engine}
    command, nothing_to_do = NOTHING_TO_DO[other]
    output = workspace(*command)
    assert nothing_to_do in output, output


if __name__ == "__main__":
    print(page_table())
