"""After any change, Snakemake and DVC alike run the jobs whose results could differ and no others.

Each row of the table is a change. It is made in a copy of a finished checkout, once for each engine; then that engine
runs. The jobs that it ran are compared with those of the row, the results with those of a run from nothing, and at last
the other engine must have nothing to do. The workflow is the project's own with the stages of Problems 11 and 12 alone.
The tests of the package snakemake-dvc do the same with random sequences of changes.
"""

import base64
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.helpers.checkout import ROOT, copy_checkout, make_small

STAGES = ["kernel_regression", "width_sweep"]
CONFIG = "config/config.yaml"
ENGINES = {"snakemake": ["snakemake", "--cores", "2"], "dvc": ["dvc", "repro"]}
HAS_NOTHING_TO_DO = {
    "snakemake": (["snakemake", "--dry-run"], "Nothing to be done"),
    "dvc": (["dvc", "status"], "Data and pipelines are up to date."),
}
KERNELS = {"kernel_regression_fit", "kernel_regression_summary", "kernel_regression_figure"}
SWEEP = {"width_sweep_fit", "width_sweep_summary", "width_sweep_figure"}
# The width of the sweep, and its draws for a job that takes a few seconds.
K, LONG = 64, 5000


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=state")


def configure(folder: Path, section: str, **keys: Any) -> None:
    path = folder / CONFIG
    config = yaml.safe_load(path.read_text())
    config[section].update(keys)
    path.write_text(yaml.safe_dump(config))


def edit(path: Path) -> None:
    path.write_text(path.read_text() + "\n# edited\n")


def results(folder: Path) -> dict[str, str]:
    """The digest of each result and data file, but for the records: they name the code that made these."""
    files = [path for top in ("results", "data") for path in (folder / top).rglob("*") if path.is_file()]
    files = [path for path in files if path.name != "records.jsonl"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def jobs_run(output: str) -> set[str]:
    return set(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", output, flags=re.MULTILINE)) - {"all", *STAGES}


@pytest.fixture(scope="session")
def small(tmp_path_factory, run) -> Path:
    """A checkout of the workflow with the two stages, not run yet."""
    folder = make_small(copy_checkout(tmp_path_factory.mktemp("staleness") / "small"), STAGES)
    # DVC writes this number as 1e-05, which is a text to YAML 1.1.
    configure(folder, "kernel_regression", laplace_L=1e-5)
    # One width, and all its draws in one shard, whatever their number.
    configure(folder, "width_sweep", widths=[K], extra_widths=[], shard_size=100_000)
    commit(folder)
    return folder


@pytest.fixture(scope="session")
def finished(small, run, tmp_path_factory) -> Path:
    """That checkout after a run, recorded, committed and pushed to a remote in a folder."""
    folder = shutil.copytree(small, tmp_path_factory.mktemp("staleness") / "finished", symlinks=True)
    ended = run(folder, *ENGINES["snakemake"])
    assert ended.returncode == 0, ended.stdout
    remote = tmp_path_factory.mktemp("staleness") / "remote"
    ended = run(folder, "dvc", "remote", "add", "--default", "lab", remote)
    assert ended.returncode == 0, ended.stdout
    ended = run(folder, "dvc", "push")
    assert ended.returncode == 0, ended.stdout
    commit(folder)
    return folder


@pytest.fixture(scope="session")
def from_nothing(small, run, tmp_path_factory) -> Callable[[dict[str, Any]], dict[str, str]]:
    """The results of a run from nothing with a configuration."""
    known: dict[str, dict[str, str]] = {}

    def made_with(config: dict[str, Any]) -> dict[str, str]:
        key = yaml.safe_dump(config)
        if key not in known:
            folder = shutil.copytree(small, tmp_path_factory.mktemp("staleness") / "fresh", symlinks=True)
            (folder / CONFIG).write_text(key)
            ended = run(folder, *ENGINES["snakemake"])
            assert ended.returncode == 0, ended.stdout
            known[key] = results(folder)
        return known[key]

    return made_with


@dataclass
class Place:
    """A checkout to change, and a way to run programs in it."""

    folder: Path
    run: Callable[..., Any]
    engine: str

    def __call__(self, *command: str) -> str:
        ended = self.run(self.folder, *command)
        assert ended.returncode == 0, ended.stdout
        return str(ended.stdout)

    def run_engine(self) -> str:
        return self(*ENGINES[self.engine])

    def start(self) -> subprocess.Popen[str]:
        """Start the engine in a process group of its own; return when the sweep's longest job is going."""
        log = (self.folder.parent / "started.log").open("w")
        process = subprocess.Popen(
            ENGINES[self.engine], cwd=self.folder, stdout=log, stderr=log, text=True, start_new_session=True
        )
        waited = time.monotonic() + 120
        while not (self.folder / f"logs/width_sweep_fit_{shard(self)}.log").exists():
            assert time.monotonic() < waited, Path(log.name).read_text()
            assert process.poll() is None, Path(log.name).read_text()
            time.sleep(0.05)
        return process


@contextmanager
def suspended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Hold an engine and its jobs still, so that what is done meanwhile meets it in the middle of its job."""
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGCONT)


def draw(place: Place, repeats: int) -> None:
    """Ask for so many draws; `LONG` of them keep the job of the sweep going for a few seconds."""
    configure(place.folder, "width_sweep", repeats=repeats)


def shard(place: Place) -> str:
    """The name of the one shard of the sweep."""
    repeats = yaml.safe_load((place.folder / CONFIG).read_text())["width_sweep"]["repeats"]
    return f"relu_k{K}_draws0-{repeats - 1}"


# The changes. Each takes a finished checkout and returns it changed.


def nothing(place: Place) -> None:
    pass


def every_file_touched(place: Place) -> None:
    for path in place.folder.rglob("*"):
        if path.is_file() and not {".git", ".snakemake", ".dvc"} & set(path.parts):
            path.touch()


def one_key_edited(place: Place) -> None:
    configure(place.folder, "kernel_regression", laplace_L=0.01)


def one_key_of_the_data_edited(place: Place) -> None:
    configure(place.folder, "kernel_regression", n=25)


def a_module_of_one_problem_edited(place: Place) -> None:
    edit(place.folder / "src/nngplab/networks/random_features.py")


def a_module_of_all_problems_edited(place: Place) -> None:
    edit(place.folder / "src/nngplab/pipeline/files.py")


def a_script_edited_and_given_an_old_time(place: Place) -> None:
    path = place.folder / "workflow/scripts/width_sweep_summary.py"
    edit(path)
    os.utime(path, (1e9, 1e9))


def a_rule_edited(place: Place) -> None:
    path = place.folder / "workflow/rules/width_sweep.smk"
    path.write_text(
        path.read_text().replace('"python {input.script:q} --summary', '"python -X dev {input.script:q} --summary')
    )


def a_comment_added_to_the_common_rules(place: Place) -> None:
    edit(place.folder / "workflow/rules/common.smk")


def a_module_next_to_a_script_edited(place: Place) -> None:
    script = place.folder / "workflow/scripts/width_sweep_figure.py"
    script.write_text(script.read_text().replace("import argparse\n", "import argparse\n\nimport beside  # noqa\n"))
    beside = place.folder / "workflow/scripts/beside.py"
    beside.write_text("")
    place("python", "-m", "snakemake_dvc", "stages")
    place.run_engine()
    edit(beside)


def the_lock_file_edited(place: Place) -> None:
    edit(place.folder / "requirements.lock")


def a_data_file_edited(place: Place) -> None:
    path = place.folder / "data/sine_target.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def a_result_edited_by_hand(place: Place) -> None:
    path = place.folder / "results/width_sweep/test_mse.csv"
    path.write_text(path.read_text().replace("0", "1"))


def a_result_edited_by_hand_and_its_time_restored(place: Place) -> None:
    path = place.folder / "results/width_sweep/test_mse.csv"
    times = path.stat()
    path.write_text(path.read_text().replace("0", "1"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def a_result_deleted(place: Place) -> None:
    (place.folder / "results/width_sweep/curve.svg").unlink()


def an_intermediate_result_deleted(place: Place) -> None:
    (place.folder / f"results/width_sweep/shards/{shard(place)}.csv").unlink()


def all_results_deleted(place: Place) -> None:
    shutil.rmtree(place.folder / "results")


def the_snakemake_folder_deleted(place: Place) -> None:
    shutil.rmtree(place.folder / ".snakemake")


def a_switch_to_another_branch_and_back(place: Place) -> None:
    git(place.folder, "checkout", "--quiet", "-b", "other")
    one_key_edited(place)
    place.run_engine()
    commit(place.folder)
    git(place.folder, "checkout", "--quiet", "-")
    place("dvc", "checkout")


def a_switch_to_another_branch_and_back_without_dvc_checkout(place: Place) -> None:
    git(place.folder, "checkout", "--quiet", "-b", "other")
    one_key_edited(place)
    place.run_engine()
    commit(place.folder)
    git(place.folder, "checkout", "--quiet", "-")


def a_fresh_clone_with_dvc_pull(place: Place) -> None:
    origin = place.folder.rename(place.folder.with_name("origin"))
    git(origin.parent, "clone", "--quiet", str(origin), str(place.folder))
    place("dvc", "pull")


def a_fresh_clone_with_dvc_pull_and_one_key_edited(place: Place) -> None:
    a_fresh_clone_with_dvc_pull(place)
    one_key_edited(place)


def a_fresh_clone_with_dvc_pull_and_a_script_edited(place: Place) -> None:
    a_fresh_clone_with_dvc_pull(place)
    a_script_edited_and_given_an_old_time(place)


def a_key_edited_and_reverted(place: Place) -> None:
    before = (place.folder / CONFIG).read_text()
    one_key_edited(place)
    place.run_engine()
    (place.folder / CONFIG).write_text(before)


def results_restored_from_the_run_cache_of_dvc(place: Place) -> None:
    a_key_edited_and_reverted(place)
    output = place("dvc", "repro")
    assert "is cached - skipping run" in output
    assert jobs_run(output) == set()


def one_width_added(place: Place) -> None:
    configure(place.folder, "width_sweep", widths=[K, 2 * K])


def a_run_with_another_configuration(place: Place) -> None:
    """Results made with an overlay lie where those of config/config.yaml belong."""
    (place.folder / "overlay.yaml").write_text("kernel_regression: {laplace_L: 0.02}\n")
    place("snakemake", "--cores", "2", "--configfile", "overlay.yaml")
    (place.folder / "overlay.yaml").unlink()


def a_fresh_clone_without_dvc_pull(place: Place) -> None:
    origin = place.folder.rename(place.folder.with_name("origin"))
    git(origin.parent, "clone", "--quiet", str(origin), str(place.folder))


def a_switch_of_branches_and_a_script_edited(place: Place) -> None:
    git(place.folder, "checkout", "--quiet", "-b", "other")
    one_key_of_the_data_edited(place)
    place.run_engine()
    commit(place.folder)
    git(place.folder, "checkout", "--quiet", "-")
    a_script_edited_and_given_an_old_time(place)


def a_job_killed_after_one_key_was_edited(place: Place) -> None:
    """As the out-of-memory killer does."""
    one_key_edited(place)
    script = place.folder / "workflow/scripts/kernel_regression_fit.py"
    whole = script.read_text()
    script.write_text("import os, signal\n\nos.kill(os.getpid(), signal.SIGKILL)\n" + whole)
    assert place.run(place.folder, *ENGINES[place.engine]).returncode != 0
    script.write_text(whole)


def a_run_killed_during_a_job_and_the_edit_reverted(place: Place) -> None:
    before = (place.folder / CONFIG).read_text()
    a_run_killed_during_a_job(place)
    (place.folder / CONFIG).write_text(before)


def a_run_killed_during_a_job_and_the_checkout_copied(place: Place) -> None:
    a_run_killed_during_a_job(place)
    killed = place.folder.rename(place.folder.with_name("killed"))
    place.run(killed, "cp", "--archive", killed, place.folder)


def a_stage_run_with_no_commit(place: Place) -> None:
    one_key_edited(place)
    place("dvc", "repro", "--no-commit")
    place("snakemake", "--cores", "2")


def a_new_cache_folder(place: Place) -> None:
    place("dvc", "cache", "dir", "new-cache")
    place("snakemake", "--cores", "2")


def a_stage_added_by_the_user(place: Place) -> None:
    pipeline = yaml.safe_load((place.folder / "dvc.yaml").read_text())
    pipeline["stages"]["own"] = {"cmd": "touch own.txt", "outs": ["own.txt"]}
    (place.folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    place("dvc", "repro", "own")


def a_run_killed_during_a_job(place: Place) -> None:
    draw(place, LONG)
    process = place.start()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def the_configuration_edited_during_a_run(place: Place) -> None:
    draw(place, LONG)
    process = place.start()
    draw(place, 3)
    process.wait(timeout=300)


def a_script_edited_during_a_run(place: Place) -> None:
    draw(place, LONG)
    process = place.start()
    edit(place.folder / "workflow/scripts/width_sweep_fit.py")
    process.wait(timeout=300)


ALL = KERNELS | SWEEP | {"kernel_regression_data"}

# The table: what changes, and which jobs run then, by either engine.
TABLE: list[tuple[Callable[[Place], None], set[str]]] = [
    (nothing, set()),
    (every_file_touched, set()),
    (one_key_edited, KERNELS),
    (one_key_of_the_data_edited, ALL),
    (a_module_of_one_problem_edited, SWEEP),
    (a_module_of_all_problems_edited, ALL),
    (a_script_edited_and_given_an_old_time, SWEEP - {"width_sweep_fit"}),
    (a_rule_edited, {"width_sweep_figure"}),
    (a_comment_added_to_the_common_rules, set()),
    (a_module_next_to_a_script_edited, {"width_sweep_figure"}),
    (the_lock_file_edited, ALL),
    (a_data_file_edited, set()),
    (a_result_edited_by_hand, set()),
    (a_result_edited_by_hand_and_its_time_restored, set()),
    (a_result_deleted, set()),
    (an_intermediate_result_deleted, set()),
    (all_results_deleted, set()),
    (the_snakemake_folder_deleted, set()),
    (a_switch_to_another_branch_and_back, set()),
    (a_switch_to_another_branch_and_back_without_dvc_checkout, set()),
    (a_fresh_clone_with_dvc_pull, set()),
    (a_fresh_clone_without_dvc_pull, set()),
    (a_switch_of_branches_and_a_script_edited, SWEEP - {"width_sweep_fit"}),
    (a_fresh_clone_with_dvc_pull_and_one_key_edited, KERNELS),
    (a_fresh_clone_with_dvc_pull_and_a_script_edited, SWEEP - {"width_sweep_fit"}),
    (a_key_edited_and_reverted, set()),
    (results_restored_from_the_run_cache_of_dvc, set()),
    (one_width_added, SWEEP),
    (a_run_with_another_configuration, set()),
    (a_run_killed_during_a_job, SWEEP),
    (a_run_killed_during_a_job_and_the_edit_reverted, set()),
    (a_run_killed_during_a_job_and_the_checkout_copied, SWEEP),
    (a_job_killed_after_one_key_was_edited, KERNELS),
    (a_stage_run_with_no_commit, set()),
    (a_new_cache_folder, set()),
    (a_stage_added_by_the_user, set()),
    (the_configuration_edited_during_a_run, SWEEP),
    (a_script_edited_during_a_run, SWEEP),
]


def page_table() -> str:
    """The table as docs/snakemake_and_dvc.md shows it; `python -m tests.faults.test_staleness` prints it."""
    lines = ["| after | these jobs run |", "|---|---|"]
    for change, jobs in TABLE:
        ran = "all" if jobs == ALL else ", ".join(f"`{job}`" for job in sorted(jobs)) or "none"
        lines.append(f"| {change.__name__.replace('_', ' ')} | {ran} |")
    return "\n".join(lines)


def test_the_page_shows_this_table():
    page = (ROOT / "docs/snakemake_and_dvc.md").read_text()
    assert page_table() in page, "put in what `python -m tests.faults.test_staleness` prints"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("change", "jobs"), TABLE, ids=[change.__name__ for change, _ in TABLE])
def test_table(run, finished, from_nothing, tmp_path, change, jobs, engine):
    place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, engine)
    change(place)
    output = place.run_engine()
    assert jobs_run(output) == jobs, output
    assert output.count("(Rule: width_sweep_fit)") == ("width_sweep_fit" in jobs), "only what is new is trained"
    config = yaml.safe_load((place.folder / CONFIG).read_text())
    assert results(place.folder) == from_nothing(config)
    command, nothing_to_do = HAS_NOTHING_TO_DO[next(other for other in ENGINES if other != engine)]
    output = place(*command)
    assert nothing_to_do in output, output


def test_a_lock_file_with_conflicts_is_told_in_one_line(run, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    lock = folder / "dvc.lock"
    lock.write_text("<<<<<<< ours\n" + lock.read_text())
    before = results(folder)
    ended = run(folder, *ENGINES["snakemake"])
    assert ended.returncode != 0
    assert [line for line in ended.stdout.splitlines() if line.startswith("error: dvc.lock cannot be read")]
    assert "Traceback" not in ended.stdout
    assert results(folder) == before


def test_a_folder_without_git_is_run_in_but_not_recorded(run, small, tmp_path):
    folder = shutil.copytree(small, tmp_path / "checkout", symlinks=True, ignore=shutil.ignore_patterns(".git"))
    ended = run(folder, *ENGINES["snakemake"])
    assert ended.returncode == 0, ended.stdout
    assert "dvc: not recorded in dvc.lock:" in ended.stdout
    assert "Nothing to be done" in run(folder, "snakemake", "--dry-run").stdout


def record_of(folder: Path, result: str) -> Path:
    """Where Snakemake keeps its record of a result."""
    return folder / ".snakemake/metadata" / base64.b64encode(result.encode()).decode()


class TestNothingStaleIsRecorded:
    """After one key was changed, whatever happens, dvc.lock never says that the results are those of the new key."""

    @pytest.fixture
    def place(self, run, finished, tmp_path) -> Place:
        place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, "snakemake")
        one_key_edited(place)
        return place

    def test_touch_is_refused(self, run, place):
        ended = run(place.folder, *ENGINES["snakemake"], "--touch")
        assert ended.returncode != 0
        assert "error: --touch lets stale results pass as current" in ended.stdout
        assert jobs_run(place.run_engine()) == KERNELS

    def test_ancient_inputs_are_refused(self, run, place):
        ended = run(place.folder, *ENGINES["snakemake"], "--consider-ancient", "kernel_regression_fit=data")
        assert ended.returncode != 0
        assert "error: --consider-ancient lets stale results pass as current" in ended.stdout
        assert jobs_run(place.run_engine()) == KERNELS

    def test_by_a_run_that_overlooks_changes(self, place):
        before = (place.folder / "dvc.lock").read_text()
        said = place(*ENGINES["snakemake"], "--rerun-triggers", "mtime")
        assert "dvc: not recorded in dvc.lock: kernel_regression" in said
        assert (place.folder / "dvc.lock").read_text() == before

    def test_by_a_run_interrupted_before_it_knew_its_jobs(self, run, place):
        rules = place.folder / "workflow/rules/common.smk"
        whole = rules.read_text()
        interrupt = "def interrupt(*_, **__):\n    raise KeyboardInterrupt\n"
        rules.write_text(f"{whole}\nimport snakemake.dag\n{interrupt}\nsnakemake.dag.DAG.update_needrun = interrupt\n")
        assert run(place.folder, *ENGINES["snakemake"]).returncode != 0
        rules.write_text(whole)
        assert "kernel_regression" in place("dvc", "status")
        assert jobs_run(place.run_engine()) == KERNELS

    def test_where_the_records_of_snakemake_are_empty(self, place):
        """As after a crash of the machine."""
        for result in ("test_mse.csv", "misprint.csv", "summary.csv", "paired.csv", "metrics.json", "repeats.svg"):
            record = record_of(place.folder, f"results/kernel_regression/{result}")
            assert record.is_file()
            record.write_text("")
        assert jobs_run(place.run_engine()) == KERNELS


@pytest.mark.parametrize("engine", ENGINES)
def test_a_result_tampered_with_while_a_run_is_going_is_not_recorded(run, finished, tmp_path, engine):
    place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, engine)
    draw(place, LONG)
    process = place.start()
    path = place.folder / "results/kernel_regression/summary.csv"
    path.write_text(path.read_text().replace("0", "1"))
    process.wait(timeout=300)
    assert "results/kernel_regression/summary.csv" in place("dvc", "status")
    assert place.run_engine()
    assert path.read_bytes() == (finished / "results/kernel_regression/summary.csv").read_bytes()


def test_a_config_broken_while_a_run_is_going_is_told_in_one_line_and_loses_nothing(run, finished, tmp_path):
    place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, "snakemake")
    draw(place, LONG)
    whole = (place.folder / CONFIG).read_text()
    process = place.start()
    (place.folder / CONFIG).write_text(whole + " : [half\n")
    process.wait(timeout=300)
    said = (place.folder.parent / "started.log").read_text()
    assert said.count("dvc: not recorded in dvc.lock: ") == 1
    assert "Traceback" not in said
    (place.folder / CONFIG).write_text(whole)
    assert jobs_run(place.run_engine()) == set()


def test_a_damaged_content_in_the_cache_is_not_put_back(run, finished, tmp_path):
    place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, "snakemake")
    path = place.folder / f"results/width_sweep/shards/{shard(place)}.csv"
    whole = path.read_bytes()
    digest = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    cached = place.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    cached.chmod(0o644)
    cached.write_bytes(whole[:-9])
    cached.chmod(0o444)
    path.unlink()
    edit(place.folder / "workflow/scripts/width_sweep_summary.py")
    place.run_engine()
    assert path.read_bytes() == whole
    assert cached.read_bytes() == whole
    assert "up to date" in place("dvc", "status")


def test_a_stage_whose_sources_dvc_does_not_know_is_not_recorded(run, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    script = folder / "workflow/scripts/width_sweep_figure.py"
    script.write_text(
        script.read_text().replace("import argparse\n", "import argparse\n\nimport nngplab.networks.training  # noqa\n")
    )
    ended = run(folder, *ENGINES["snakemake"])
    assert ended.returncode == 0, ended.stdout
    assert "dvc: not recorded in dvc.lock: width_sweep: dvc.yaml lacks src/nngplab/" in ended.stdout
    assert "width_sweep" in run(folder, "dvc", "status").stdout


def test_a_lock_file_cut_short_is_told_in_one_line(run, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    lock = folder / "dvc.lock"
    lock.write_text(lock.read_text().partition("    md5:")[0])
    ended = run(folder, *ENGINES["snakemake"])
    assert ended.returncode != 0
    assert "error: dvc.lock is damaged: git checkout dvc.lock" in ended.stdout
    assert "Traceback" not in ended.stdout


@pytest.mark.parametrize("left", ["{", '{"write": {"FILE": {"pid": 1, "cmd": "dvc repro"}}}'])
def test_what_a_killed_dvc_left_in_its_lock_file_holds_nobody_up(run, finished, tmp_path, left):
    """The file cut short, or the number of a process that is another one by now."""
    folder = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    path = folder / "results/width_sweep/test_mse.csv"
    (folder / ".dvc/tmp").mkdir(exist_ok=True)
    (folder / ".dvc/tmp/rwlock").write_text(left.replace("FILE", str(path)))
    ended = run(folder, *ENGINES["snakemake"], timeout=60)
    assert ended.returncode == 0, ended.stdout
    assert "Nothing to be done" in ended.stdout


class TestTwoAtOnce:
    def test_a_second_run_waits_for_the_first_and_finds_nothing_to_do(self, run, finished, tmp_path):
        place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, "snakemake")
        draw(place, LONG)
        first = place.start()
        output = place.run_engine()
        assert f"dvc: waiting for process {first.pid} (snakemake --cores 2)" in output
        assert "Nothing to be done" in output
        assert first.wait() == 0

    def test_dvc_says_who_is_running_and_deletes_nothing(self, run, finished, tmp_path):
        place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, "snakemake")
        draw(place, LONG)
        first = place.start()
        with suspended(first):
            ended = run(place.folder, "dvc", "repro")
        assert ended.returncode != 0
        assert f"(PID {first.pid})" in ended.stdout
        assert (place.folder / "results/width_sweep/curve.svg").exists()
        assert first.wait() == 0
        assert "up to date" in place("dvc", "status")

    def test_snakemake_waits_for_a_stage_of_dvc(self, run, finished, tmp_path):
        place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, "dvc")
        draw(place, LONG)
        first = place.start()
        output = place(*ENGINES["snakemake"])
        assert first.wait() == 0
        assert "Nothing to be done" in output
        assert jobs_run(output) == set()

    def test_a_dry_run_beside_a_run_says_so_and_changes_nothing(self, run, finished, tmp_path):
        place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, "snakemake")
        draw(place, LONG)
        first = place.start()
        with suspended(first):
            output = place("snakemake", "--dry-run")
        assert "is running in this folder" in output
        assert first.wait() == 0
        assert "up to date" in place("dvc", "status")

    def test_a_job_that_outlives_its_killed_run_is_waited_for(self, run, finished, tmp_path):
        place = Place(shutil.copytree(finished, tmp_path / "checkout", symlinks=True), run, "snakemake")
        draw(place, 10 * LONG)
        process = place.start()
        process.kill()
        process.wait()
        draw(place, 3)
        output = place.run_engine()
        assert "a job left by a run that was killed" in output
        assert jobs_run(output) == SWEEP
        assert set(pd.read_csv(place.folder / "results/width_sweep/test_mse.csv")["repeat"]) == {0, 1, 2}


if __name__ == "__main__":
    print(page_table())
