"""What is relied on of the private interfaces of Snakemake and DVC: an upgrade that moves it fails here first."""

import base64
import datetime
import inspect
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import FOLDER, JOBS, POINTS, REPRO, SNAKEMAKE, Checkout, Run, Starter, files_in
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake_dvc import _dvc, _snakemake
from snakemake_dvc._dvc import Dvc
from snakemake_dvc.contents import md5

# Snakemake. The workflow writes the calls that count into a file, one a line, and so do its jobs.

PROBE = """\
import os

from snakemake.dag import DAG
from snakemake.io import _IOFile
from snakemake.persistence import PersistenceBase
from snakemake.scheduling.job_scheduler import JobScheduler


def note(*words):
    with open("calls.txt", "a") as file:
        print(os.getpid(), *words, file=file)


def listen(owner, name, words):
    original = getattr(owner, name)

    def noted(*args, **kwargs):
        note(words(*args))
        return original(*args, **kwargs)

    setattr(owner, name, noted)


def names_of(jobs):
    return " ".join(job.rule.name for job in jobs)


if workflow.is_main_process:
    for name in ("init", "check_incomplete", "update_needrun"):
        listen(DAG, name, lambda *_, name=name: name)
    for name in ("exists", "exists_local", "mtime", "size", "inventory"):
        listen(_IOFile, name, lambda *_: "look")
    for name in ("has_metadata", "params_changed", "input_changed", "code_changed", "software_stack_changed"):
        listen(PersistenceBase, name, lambda *_, name=name: name)
    listen(DAG, "finish", lambda dag, job, *_: f"finish {job.rule.name}")
    listen(JobScheduler, "run", lambda scheduler, jobs: f"run {names_of(jobs)}")
    execute = workflow.execute

    def execute_and_tell(*args, **kwargs):
        try:
            execute(*args, **kwargs)
        except Exception:
            note("execute raised")
            raise
        note("execute returned")

    workflow.execute = execute_and_tell


rule all:
    input:
        "shell.txt",
        "block.txt",


rule shell:
    output:
        "shell.txt",
    shell:
        "echo $$ command shell >>calls.txt; echo 1 >{output}"


rule block:
    input:
        rules.shell.output,
    output:
        "block.txt",
    run:
        note("command block")
        open(output[0], "w").close()


rule fails:
    output:
        "fails.txt",
    shell:
        "echo $$ command fails >>calls.txt; echo 1 >{output}; false"
"""


def project(folder: Path, starter: Starter, files: dict[str, str]) -> Checkout:
    """Make a folder with files, in which nothing of ours takes part."""
    (folder / "main").mkdir()
    checkout = Checkout(folder / "main", starter)
    checkout.write(files)
    return checkout


@pytest.fixture
def probe(tmp_path: Path, starter: Starter) -> Checkout:
    return project(tmp_path, starter, {"Snakefile": PROBE})


def calls_in(probe: Checkout, *arguments: str, rc: int = 0) -> tuple[Run, list[tuple[int, str]]]:
    """Run Snakemake, and return what was called, each time with the process."""
    calls = probe.folder / "calls.txt"
    calls.unlink(missing_ok=True)
    run = probe.start("snakemake", "--cores", "1", *arguments).wait()
    assert bool(run.rc) == bool(rc), run
    lines = [line.split(maxsplit=1) for line in calls.read_text().splitlines()]
    return run, [(int(pid), words) for pid, words in lines]


def words_of(calls: list[tuple[int, str]], *kinds: str) -> list[str]:
    """Return the calls of some kinds, in their order."""
    return [words for _, words in calls if words.split()[0] in kinds]


def test_snakemake_enters_init_before_it_looks_at_files_and_then_decides(probe: Checkout) -> None:
    _, calls = calls_in(probe)
    assert "look" in words_of(calls, "look")
    assert calls[0][1] == "init"
    assert words_of(calls, "init", "check_incomplete", "update_needrun") == [
        "init",
        "check_incomplete",
        "update_needrun",
    ]


def test_snakemake_asks_the_persistence_layer_what_has_changed(probe: Checkout) -> None:
    calls_in(probe)
    _, calls = calls_in(probe)
    asked = ("has_metadata", "params_changed", "input_changed", "code_changed", "software_stack_changed")
    assert set(words_of(calls, *asked)) == set(asked)
    assert words_of(calls, "run", "finish") == []
    decides = [words for _, words in calls].index("update_needrun")
    assert words_of(calls[:decides], *asked) == []


def test_snakemake_runs_and_finishes_each_job_in_its_main_process(probe: Checkout) -> None:
    run, calls = calls_in(probe)
    jobs = [f"{what} {job}" for job in ("shell", "block") for what in ("run", "command", "finish")]
    assert words_of(calls, "run", "command", "finish") == [*jobs, "run all", "finish all"]
    here = {words for pid, words in calls if pid == run.pid}
    assert {words for _, words in calls} - here == {"command shell", "command block"}
    assert words_of(calls, "execute") == ["execute returned"]


def test_snakemake_does_not_finish_a_job_that_failed_and_raises(probe: Checkout) -> None:
    _, calls = calls_in(probe, "--keep-going", "fails.txt", "shell.txt", rc=1)
    assert sorted(words_of(calls, "run", "command", "finish")) == [
        "command fails",
        "command shell",
        "finish shell",
        "run fails",
        "run shell",
    ]
    assert words_of(calls, "execute") == ["execute raised"]


def test_snakemake_writes_metadata_for_a_job_that_failed_and_so_they_are_no_evidence(probe: Checkout) -> None:
    calls_in(probe, "--keep-incomplete", "fails.txt", rc=1)
    assert (probe.folder / ".snakemake/metadata" / base64.b64encode(b"fails.txt").decode()).is_file()
    run, _ = calls_in(probe, "fails.txt")
    assert "Nothing to be done" in run.text


# In _snakemake.py, an object of a kind has one of these names.
KINDS = "dag|workflow|job|rule|persistence|cache|settings|source"


def test_all_that_is_used_of_snakemake_is_there(probe: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(probe.folder)
    monkeypatch.setattr("snakemake.workflow.Workflow._rundir", str(probe.folder))
    dag = _snakemake.dag_of_all()
    (job,) = (job for job in dag.jobs if job.rule.name == "block")
    objects = {
        "dag": dag,
        "workflow": dag.workflow,
        "job": job,
        "rule": job.rule,
        "persistence": dag.workflow.persistence,
        "cache": dag.workflow.iocache,
        "settings": dag.workflow.workflow_settings,
        "source": next(iter(dag.workflow.included)),
    }
    source = inspect.getsource(_snakemake).partition("class UndeterminedError")[2]  # without the imports
    used = set(re.findall(rf"\b({KINDS})(?=\.(\w+))", source))
    assert {kind for kind, _ in used} == set(objects)
    assert sorted(f"{kind}.{name}" for kind, name in used if not hasattr(objects[kind], name)) == []
    assert {(path.is_ancient, path.is_storage) for path in [*job.input, *job.output]} == {(False, False)}


# DVC. The stage has something of everything; DVC runs its command without Snakemake.

STAGE = """\
stages:
  fit:
    cmd: python -S make.py
    deps:
    - make.py
    - data
    - "spaces and \u00fcml\u00e4ute.txt"
    params:
    - params.yaml:
      - fit
      - names
      - word
    outs:
    - out.txt
    - results/folder
    metrics:
    - metrics.json:
        cache: false
"""
MAKE = """\
import os
from pathlib import Path

assert not Path("out.txt").exists()
assert not Path("results/folder").exists()
Path("results/folder/deep").mkdir(parents=True)
for number, name in enumerate(["b", "a", "deep/\u00e9", "a.b"]):
    Path("results/folder", name).write_text(str(number))
Path("out.txt").write_text(os.environ["DVC_STAGE"])
Path("metrics.json").write_text("{}")
for path, old, new in (("data/x.txt", "1", "2"), ("params.yaml", "rate: 0.1", "rate: 0.2")):
    Path(path).write_text(Path(path).read_text().replace(old, new))
"""
PARAMS = """\
fit: {rate: 0.1, tiny: 1.0e-9, whole: 3.0, none: null, list: [1, [2, {a: b}], "3"], empty: {}, truth: true}
names: {1: one, 2: two}
word: "yes"
"""


@pytest.fixture
def piped(tmp_path: Path, starter: Starter, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A project with one stage of DVC, which has run; this process is in its folder."""
    files = {"dvc.yaml": STAGE, "make.py": MAKE, "params.yaml": PARAMS, "data/x.txt": "1", "data/y.txt": "y"}
    checkout = project(tmp_path, starter, {**files, "spaces and \u00fcml\u00e4ute.txt": "1", "results/.gitkeep": ""})
    checkout.git("init", "--quiet")
    checkout.run("dvc", "init", "--quiet")
    checkout.run(*REPRO)
    monkeypatch.chdir(checkout.folder)
    for name in [name for name in checkout.env if name.startswith(("DVC_", "HOME", "XDG_", "GIT_"))]:
        monkeypatch.setenv(name, checkout.env[name])
    return checkout


def test_dvc_removes_outputs_first_and_reads_deps_and_params_when_a_stage_has_ended(piped: Checkout) -> None:
    piped.run(*REPRO, "--force")  # make.py checks that the outputs of the first run are gone
    locked = piped.locked("fit")
    assert locked["params"]["params.yaml"]["fit"]["rate"] == 0.2
    piped.has_nothing_to_do("dvc")
    assert (piped.folder / "data/x.txt").read_text() == "2"


def test_dvc_names_the_stage_to_its_command(piped: Checkout) -> None:
    assert (piped.folder / "out.txt").read_text() == "fit"


def test_an_entry_is_written_byte_for_byte_as_dvc_writes_it(piped: Checkout) -> None:
    lock = piped.folder / "dvc.lock"
    by_dvc = lock.read_bytes()
    entry = _dvc.recorded_stages()["fit"]
    lock.unlink()
    Dvc().write_lock({"fit": entry})
    assert lock.read_bytes() == by_dvc
    changed = entry["outs"][0]["md5"]
    entry["outs"][0]["md5"] = "f" * 32
    Dvc().write_lock({"fit": entry})
    assert lock.read_bytes() == by_dvc.replace(changed.encode(), b"f" * 32)


def test_what_we_write_into_the_lock_file_is_what_dvc_writes(checkout: Checkout) -> None:
    ours = (checkout.folder / "dvc.lock").read_bytes()
    for command in (("dvc", "commit", "--force"), REPRO):
        (checkout.folder / "dvc.lock").unlink()
        shutil.rmtree(checkout.folder / ".dvc/cache/runs")
        assert checkout.run(*command).jobs() == set()
        assert (checkout.folder / "dvc.lock").read_bytes() == ours, command


def test_dvc_restores_what_we_have_put_into_its_run_cache(checkout: Checkout) -> None:
    before = files_in(checkout.folder)
    (checkout.folder / "dvc.lock").unlink()
    for name in ("data", "records", ".snakemake"):
        shutil.rmtree(checkout.folder / name)
    shutil.rmtree(checkout.folder / FOLDER)
    run = checkout.run(*REPRO)
    assert re.findall(r"Stage '(\w+)' is cached - skipping run", run.text) == ["data", "fit"]
    assert not (checkout.folder / ".snakemake").exists()
    assert files_in(checkout.folder) == before


def test_entries_of_the_run_cache_name_outputs_and_their_digests(piped: Checkout) -> None:
    ((name, path),) = Dvc().run_cache_entries()
    assert re.fullmatch("[0-9a-f]{64}", name)
    outs = {out["path"]: out["md5"] for out in _dvc.load(str(path))["outs"]}
    assert outs["out.txt"] == md5(b"fit")
    assert outs.keys() >= {"results/folder", "out.txt"}


def test_a_lock_on_outputs_keeps_dvc_from_running_their_stage(checkout: Checkout) -> None:
    checkout.edit("config.yaml", "  scale: 2", "  scale: 3")
    run = checkout.start_hanging("degree-1", *SNAKEMAKE, anew=True)
    half = (checkout.folder / f"{FOLDER}/1.txt").read_bytes()
    assert f"(PID {run.pid})" in checkout.run(*REPRO, rc=1).text
    assert (checkout.folder / f"{FOLDER}/1.txt").read_bytes() == half
    checkout.let_go()
    assert run.wait().rc == 0, run
    checkout.is_right()


def test_a_lock_on_outputs_does_not_keep_dvc_from_restoring_them(checkout: Checkout) -> None:
    """So what DVC has put there while a job ran must be told from what the job has written."""
    checkout.edit("config.yaml", "seed: 7", "seed: 8")
    points = (checkout.folder / POINTS).read_bytes()
    run = checkout.start_hanging("points", *SNAKEMAKE)
    checkout.run("dvc", "checkout", "--force")
    assert (checkout.folder / POINTS).read_bytes() == points
    checkout.let_go()
    run.wait()
    checkout.computes("snakemake", JOBS - run.jobs("done"))


def test_dvc_notes_which_files_it_has_restored_and_takes_a_lock_that_shows_it(piped: Checkout) -> None:
    out = piped.folder / "out.txt"
    (piped.folder / "kept").hardlink_to(out)  # so that the inode is not used again
    out.unlink()
    out.write_text("other")
    before = Dvc().last_use()
    assert not Dvc().has_placed("out.txt")
    piped.run("dvc", "checkout", "--force")
    assert out.read_text() == "fit"
    assert Dvc().last_use() != before
    assert Dvc().has_placed("out.txt")
    os.utime(out)  # as Snakemake does with each output
    assert Dvc().has_placed("out.txt")


@pytest.mark.parametrize("options", [[], ["../elsewhere"], ["--local", "inside"], ["{}/absolute"]])
def test_the_cache_lies_where_dvc_puts_it(piped: Checkout, options: list[str], tmp_path: Path) -> None:
    piped.run("dvc", "cache", "dir", *(option.format(tmp_path) for option in options))
    (piped.folder / "own.txt").write_text("own")
    piped.run("dvc", "add", "--quiet", "own.txt")
    digest = md5(b"own")
    assert (Dvc().cache_root / "files/md5" / digest[:2] / digest[2:]).read_text() == "own"


# The lock file of DVC in YAML.

SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.text("0123456789_:.eExobInNaAfF+-~ #'\"yYsStTrRuUlLE", max_size=6)
    | st.dates(datetime.date(1900, 1, 1))
    | st.datetimes(datetime.datetime(1900, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
)
CONTENT = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=4), CONTENT, min_size=1, max_size=4))
def test_what_dvc_writes_is_read_as_dvc_means_it(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    from dvc.utils.serialize import dumps_yaml, parse_yaml

    path = tmp_path_factory.getbasetemp() / "dvc.lock"
    path.write_text(dumps_yaml(content), encoding="utf-8")
    ours, theirs = _dvc.load(str(path)), parse_yaml(path.read_text(encoding="utf-8"), str(path))
    assert repr(ours) == repr(theirs)
