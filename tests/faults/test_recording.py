"""When something goes wrong, dvc.lock never records a stale or damaged result, and one line says what happened.

The tests of the package snakemake-dvc do the same for edits, kills and runs at the same time. Here are the faults that
need the workflow of the project, and some that no test of the package causes in this form.
"""

import base64
import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.small_checkout import CONFIG, ENGINES, KERNELS, LONG, Workspace, configure, edit, jobs_run

INTERRUPT = """
import snakemake.dag


def interrupt(*_, **__):
    raise KeyboardInterrupt


snakemake.dag.DAG.update_needrun = interrupt
"""


@pytest.fixture
def workspace(run, finished_small, tmp_path) -> Workspace:
    return Workspace(shutil.copytree(finished_small, tmp_path / "checkout", symlinks=True), run)


def metadata_of(folder: Path, result: str) -> Path:
    """The file with the metadata that Snakemake keeps of a result."""
    return folder / ".snakemake/metadata" / base64.b64encode(result.encode()).decode()


def recorded(workspace: Workspace, stage: str) -> Any:
    """What dvc.lock says of a stage."""
    return yaml.safe_load((workspace.folder / "dvc.lock").read_text())["stages"][stage]


class TestOneKeyEdited:
    """Whatever happens after the edit, dvc.lock does not say that the old results are those of the new key."""

    @pytest.fixture
    def edited(self, workspace) -> Workspace:
        configure(workspace.folder, "kernel_regression", laplace_L=0.01)
        return workspace

    def test_a_run_that_ignores_changes_is_not_recorded(self, edited):
        before = recorded(edited, "kernel_regression")
        output = edited(*ENGINES["snakemake"], "--rerun-triggers", "mtime")
        assert "snakemake-dvc: not recorded in dvc.lock: kernel_regression" in output
        assert recorded(edited, "kernel_regression") == before

    def test_a_run_interrupted_before_it_has_chosen_its_jobs_is_not_recorded(self, run, edited):
        rules = edited.folder / "workflow/rules/common.smk"
        original = rules.read_text()
        interrupt = "def interrupt(*_, **__):\n    raise KeyboardInterrupt\n"
        rules.write_text(
            f"{original}\nimport snakemake.dag\n{interrupt}\nsnakemake.dag.DAG.update_needrun = interrupt\n"
        )
        assert run(edited.folder, *ENGINES["snakemake"]).returncode != 0
        rules.write_text(original)
        assert "kernel_regression" in edited("dvc", "status")

    def test_jobs_whose_metadata_is_empty_run_again(self, edited):
        """As after a crash of the machine."""
        tables = ("test_mse.csv", "misprint.csv", "labels.csv", "summary.csv", "paired.csv")
        for result in (*tables, "metrics.json", "repeats.svg"):
            metadata = metadata_of(edited.folder, f"results/kernel_regression/{result}")
            assert metadata.is_file()
            metadata.write_text("")
        assert jobs_run(edited.run_engine()) == KERNELS


def test_a_result_edited_during_a_run_is_not_recorded(finished_small, workspace):
    workspace.draw(LONG)
    path = workspace.folder / "results/kernel_regression/summary.csv"
    workspace.run_engine_while(lambda: path.write_text(path.read_text().replace("0", "1")))
    assert "results/kernel_regression/summary.csv" in workspace("dvc", "status")
    assert workspace.run_engine()
    assert path.read_bytes() == (finished_small / "results/kernel_regression/summary.csv").read_bytes()


def test_a_configuration_broken_during_a_run_gives_one_line_and_loses_nothing(workspace):
    workspace.draw(LONG)
    original = (workspace.folder / CONFIG).read_text()
    ended = workspace.run_engine_while(lambda: (workspace.folder / CONFIG).write_text(original + " : [half\n"))
    assert ended.returncode == 1
    assert ended.stdout.count("error: not recorded in dvc.lock: ") == 1
    assert "Traceback" not in ended.stdout
    (workspace.folder / CONFIG).write_text(original)
    assert jobs_run(workspace.run_engine()) == set()


def test_damaged_content_in_the_cache_is_not_restored(workspace):
    path = workspace.folder / f"results/width_sweep/shards/{workspace.shard}.csv"
    content = path.read_bytes()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    cached = workspace.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    cached.chmod(0o644)
    cached.write_bytes(content[:-9])
    cached.chmod(0o444)
    path.unlink()
    edit(workspace.folder / "workflow/scripts/width_sweep_summary.py")
    workspace.run_engine()
    assert path.read_bytes() == content
    assert cached.read_bytes() == content
    assert "up to date" in workspace("dvc", "status")


def test_a_stage_that_lacks_a_dependency_in_dvc_yaml_is_not_recorded(run, workspace):
    script = workspace.folder / "workflow/scripts/width_sweep_figure.py"
    text = script.read_text()
    script.write_text(
        text.replace("import argparse\n", "import argparse\n\nimport nngplab.networks.training  # noqa\n")
    )
    output = workspace.run_engine()
    assert "snakemake-dvc: not recorded in dvc.lock: width_sweep: dvc.yaml does not name src/nngplab/" in output
    assert "width_sweep" in run(workspace.folder, "dvc", "status").stdout


def test_a_folder_without_git_runs_and_is_not_recorded(run, finished_small, tmp_path):
    without = shutil.ignore_patterns(".git")
    workspace = Workspace(shutil.copytree(finished_small, tmp_path / "checkout", symlinks=True, ignore=without), run)
    edit(workspace.folder / "workflow/scripts/width_sweep_figure.py")
    assert "snakemake-dvc: not recorded in dvc.lock:" in workspace.run_engine()
    assert "Nothing to be done" in workspace("snakemake", "--dry-run")


@pytest.mark.parametrize("left", ["{", '{"write": {"FILE": {"pid": 1, "cmd": "dvc repro"}}}'])
def test_a_lock_file_of_a_killed_dvc_does_not_block(run, workspace, left):
    """The file is incomplete, or its process number belongs to another process by now."""
    path = workspace.folder / "results/width_sweep/test_mse.csv"
    (workspace.folder / ".dvc/tmp").mkdir(exist_ok=True)
    (workspace.folder / ".dvc/tmp/rwlock").write_text(left.replace("FILE", str(path)))
    ended = run(workspace.folder, *ENGINES["snakemake"], timeout=60)
    assert ended.returncode == 0, ended.stdout
    assert "Nothing to be done" in ended.stdout
