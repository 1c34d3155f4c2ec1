"""What the package relies on of the private interface of Snakemake. A change in a new version fails here first."""

import base64
import inspect
import re
from pathlib import Path

import pytest
from helpers.checkouts import Checkout, plain_project
from helpers.commands import Run, Server
from snakemake_dvc import _snakemake

# The workflow and its jobs write each call of interest to a file, one in a line.
PROBE = """\
import os

from snakemake.dag import DAG
from snakemake.io import _IOFile
from snakemake.persistence import PersistenceBase
from snakemake.scheduling.job_scheduler import JobScheduler


def write_call(*words):
    with open("calls.txt", "a") as file:
        print(os.getpid(), *words, file=file)


def log_calls(owner, name, words):
    original = getattr(owner, name)

    def logged(*args, **kwargs):
        write_call(words(*args))
        return original(*args, **kwargs)

    setattr(owner, name, logged)


def names_of(jobs):
    return " ".join(job.rule.name for job in jobs)


if workflow.is_main_process:
    for name in ("init", "check_incomplete", "update_needrun"):
        log_calls(DAG, name, lambda *_, name=name: name)
    for name in ("exists", "exists_local", "mtime", "size", "inventory"):
        log_calls(_IOFile, name, lambda *_: "look")
    for name in ("has_metadata", "params_changed", "input_changed", "code_changed", "software_stack_changed"):
        log_calls(PersistenceBase, name, lambda *_, name=name: name)
    log_calls(DAG, "finish", lambda dag, job, *_: f"finish {job.rule.name}")
    log_calls(JobScheduler, "run", lambda scheduler, jobs: f"run {names_of(jobs)}")
    execute = workflow.execute

    def execute_and_log(*args, **kwargs):
        try:
            execute(*args, **kwargs)
        except Exception:
            write_call("execute raised")
            raise
        write_call("execute returned")

    workflow.execute = execute_and_log


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
        write_call("command block")
        open(output[0], "w").close()


rule fails:
    output:
        "fails.txt",
    shell:
        "echo $$ command fails >>calls.txt; echo 1 >{output}; false"
"""


@pytest.fixture
def probe(tmp_path: Path, server: Server) -> Checkout:
    return plain_project(tmp_path, server, {"Snakefile": PROBE})


def calls_in(probe: Checkout, *arguments: str, rc: int = 0) -> tuple[Run, list[tuple[int, str]]]:
    """Run Snakemake, and return its calls, each with the process."""
    calls = probe.folder / "calls.txt"
    calls.unlink(missing_ok=True)
    run = probe.start("snakemake", "--cores", "1", *arguments).wait()
    assert bool(run.rc) == bool(rc), run
    lines = [line.split(maxsplit=1) for line in calls.read_text().splitlines()]
    return run, [(int(pid), words) for pid, words in lines]


def words_of(calls: list[tuple[int, str]], *kinds: str) -> list[str]:
    """Return the calls of some kinds, in their order."""
    return [words for _, words in calls if words.split()[0] in kinds]


def test_init_is_called_before_any_file_is_looked_at(probe: Checkout) -> None:
    _, calls = calls_in(probe)
    assert "look" in words_of(calls, "look")
    assert calls[0][1] == "init"
    assert words_of(calls, "init", "check_incomplete", "update_needrun") == [
        "init",
        "check_incomplete",
        "update_needrun",
    ]


def test_the_persistence_layer_is_asked_what_has_changed(probe: Checkout) -> None:
    calls_in(probe)
    _, calls = calls_in(probe)
    asked = ("has_metadata", "params_changed", "input_changed", "code_changed", "software_stack_changed")
    assert set(words_of(calls, *asked)) == set(asked)
    assert words_of(calls, "run", "finish") == []
    decides = [words for _, words in calls].index("update_needrun")
    assert words_of(calls[:decides], *asked) == []


def test_each_job_is_started_and_finished_in_the_main_process(probe: Checkout) -> None:
    run, calls = calls_in(probe)
    jobs = [f"{what} {job}" for job in ("shell", "block") for what in ("run", "command", "finish")]
    assert words_of(calls, "run", "command", "finish") == [*jobs, "run all", "finish all"]
    here = {words for pid, words in calls if pid == run.pid}
    assert {words for _, words in calls} - here == {"command shell", "command block"}
    assert words_of(calls, "execute") == ["execute returned"]


def test_a_failed_job_is_not_finished_and_raises_an_exception(probe: Checkout) -> None:
    _, calls = calls_in(probe, "--keep-going", "fails.txt", "shell.txt", rc=1)
    assert sorted(words_of(calls, "run", "command", "finish")) == [
        "command fails",
        "command shell",
        "finish shell",
        "run fails",
        "run shell",
    ]
    assert words_of(calls, "execute") == ["execute raised"]


def test_metadata_are_also_written_for_a_failed_job(probe: Checkout) -> None:
    calls_in(probe, "--keep-incomplete", "fails.txt", rc=1)
    assert (probe.folder / ".snakemake/metadata" / base64.b64encode(b"fails.txt").decode()).is_file()
    run, _ = calls_in(probe, "fails.txt")
    assert "Nothing to be done" in run.text


def test_an_interrupt_in_a_round_of_the_scheduler_cancels_the_jobs() -> None:
    from snakemake.scheduling.job_scheduler import JobScheduler

    source = inspect.getsource(JobScheduler.schedule)
    words = ["self._open_jobs.acquire()", "self._finish_jobs()", "except (KeyboardInterrupt", "self._executor.cancel()"]
    assert -1 not in (places := [source.find(word) for word in words])
    assert places == sorted(places)


# The names of objects of Snakemake in the sub-package _snakemake.
KINDS = "dag|workflow|job|rule|persistence|cache|settings|source"


def source_without_imports() -> str:
    """Return the source of the sub-package _snakemake without import statements."""
    paths = sorted(Path(_snakemake.__file__).parent.glob("*.py"))
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("from ", "import ")))


def test_all_used_attributes_exist(probe: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
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
    used = set(re.findall(rf"\b({KINDS})(?=\.(\w+))", source_without_imports()))
    assert {kind for kind, _ in used} == set(objects)
    assert sorted(f"{kind}.{name}" for kind, name in used if not hasattr(objects[kind], name)) == []
    assert {(path.is_ancient, path.is_storage) for path in [*job.input, *job.output]} == {(False, False)}
