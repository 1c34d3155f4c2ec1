"""A signal at any moment of a run ends it with one line, and without locks. The next run is right."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.checkouts import Checkout
from helpers.commands import ENGINES, SNAKEMAKE, Run
from helpers.faults import run_python, set_scale
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

# Moments at which the process sends a signal to itself: before, during and after the jobs.
MOMENTS = [
    "snakemake_dvc.lock.RunLock.acquire",
    "snakemake_dvc._dvc._remove_dead_holders",
    "dvc.rwlock._edit_rwlock",
    "snakemake_dvc.reconcile.Reconciliation._export_snapshot",
    "snakemake_dvc.records.RecordStore.import_records",
    "snakemake_dvc.cache.Cache.restore",
    "snakemake_dvc._snakemake.hooks.write_metadata",
    "snakemake.persistence.file.FilePersistence._io_read",
    "snakemake.dag.DAG.postprocess",
    "snakemake.scheduling.job_scheduler.JobScheduler.__init__",
    "snakemake.scheduling.job_scheduler.JobScheduler.job_selector",
    "snakemake_dvc.reconcile.Reconciliation.job_started",
    "snakemake_dvc.reconcile.Reconciliation.job_finished",
    "snakemake.dag.DAG.cleanup_workdir",
    "snakemake_dvc.recording.Recorder.record",
    "snakemake_dvc._dvc._replace_lock_file",
    "snakemake_dvc.contents.Ledger.write",
    "snakemake_dvc.lock.RunLock.release",
]

INTERRUPT = """
import asyncio, contextlib, importlib, os, signal, sys, threading, time

*path, name = sys.argv[1].split(".")
numbers = [int(number) for number in sys.argv[2].split(",")]
sys.argv = ["snakemake", "--cores", "2"]
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if the tests run in the background of a shell
import snakemake.cli
import snakemake_dvc.reconcile

owner = importlib.import_module(".".join(path)) if path[-1].islower() else getattr(
    importlib.import_module(".".join(path[:-1])), path[-1])
original = getattr(owner, name)


def interrupt():
    setattr(owner, name, original)
    for number in numbers:
        os.kill(os.getpid(), number)


def replacement(*args, **kwargs):
    interrupt()
    return original(*args, **kwargs)


async def in_a_loop(*args, **kwargs):
    # The loop waits for a thread when the signal comes.
    threading.Timer(0.1, interrupt).start()
    await asyncio.sleep(0.3)
    return await original(*args, **kwargs)


setattr(owner, name, in_a_loop if asyncio.iscoroutinefunction(original) else replacement)
snakemake.cli.main()
"""


def interrupt_in(moment: str, checkout: Checkout, *numbers: int) -> Run:
    """Run Snakemake in a process that sends signals to itself when it calls a function for the first time."""
    return run_python(INTERRUPT, checkout, moment, ",".join(str(int(number)) for number in numbers))


def has_no_lock(checkout: Checkout) -> None:
    """Check that neither the lock of the folder nor a lock of DVC is held."""
    if (lock := checkout.folder / ".snakemake/dvc/lock").exists():
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    rwlock = checkout.folder / ".dvc/tmp/rwlock"
    held = json.loads(rwlock.read_text()) if rwlock.exists() else {}
    assert not held.get("write")


def errors(text: str) -> list[str]:
    """Return the lines of the package in an output, which has no traceback, except those of the scripts of jobs."""
    assert not re.search(r'File ".*snakemake|Exception ignored|Fatal Python error', text), text
    return [line for line in text.splitlines() if line.startswith("error: ")]


def forget(checkout: Checkout) -> None:
    """Remove what a clone does not have, and change a parameter, so that results are restored and jobs run."""
    for path in (".snakemake", "data", "results", "records", ".dvc/cache/snakemake-dvc"):
        shutil.rmtree(checkout.folder / path, ignore_errors=True)
    config = checkout.folder / "config.yaml"
    config.write_text(re.sub("scale: .*", f"scale: {time.time_ns()}", config.read_text()))


def ended_well(checkout: Checkout, rc: int | None, text: str) -> None:
    """Check how an interrupted run has ended, and that the next one is right."""
    assert rc, text
    assert len(errors(text)) <= 1, text
    has_no_lock(checkout)
    checkout.run(*SNAKEMAKE)
    checkout.is_right()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_at_a_chosen_moment(checkout: Checkout, moment: str) -> None:
    """The moments take turns with the signals; every other time two signals come in a row."""
    place = MOMENTS.index(moment)
    numbers = [SIGNALS[place % 3], SIGNALS[(place + 1) % 3]][: 1 + place % 2]
    forget(checkout)
    ended = interrupt_in(moment, checkout, *numbers)
    ended_well(checkout, ended.rc, ended.text)


def interrupt_after(checkout: Checkout, seconds: float, number: int, who: str, *argv: str) -> Run:
    """Start a command and send a signal to it, unless it has ended before."""
    run = checkout.start(*argv, execute=True)
    time.sleep(seconds)
    if run.poll() is None:
        run.kill(who, number)
    return run.wait(30)


@settings(
    max_examples=int(os.environ.get("INTERRUPTS", "4")),
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seconds=st.floats(0.1, 2.5), number=st.sampled_from(SIGNALS), who=st.sampled_from(["main", "group"]))
def test_a_signal_at_any_moment(checkout: Checkout, seconds: float, number: int, who: str) -> None:
    forget(checkout)
    run = interrupt_after(checkout, seconds, number, who, *SNAKEMAKE)
    if "init_import_site" in run.text:  # on a busy machine, Python itself was still starting
        return
    if run.rc == 0:
        checkout.is_right()
        assert errors(run.text) == []
    else:
        ended_well(checkout, run.rc, run.text)


@pytest.mark.parametrize(
    ("engine", "number"), [*[("snakemake", number) for number in SIGNALS], ("dvc", SIGNALS[0]), ("dvc", SIGNALS[1])]
)
def test_a_signal_while_a_job_runs_reaches_the_job(checkout: Checkout, engine: str, number: int) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("best", *ENGINES[engine])
    run.kill("group", number)
    run.kill("group", number)
    run.wait(30)
    assert run.rc
    assert [line for line in run.text.splitlines() if line.startswith("error: ")] == []  # Snakemake reports the job
    checkout.resume()
    checkout.computes("snakemake", {"best"})  # after DVC's own process has ended, this one removes its locks


def test_signals_that_the_parent_ignores_have_no_effect(checkout: Checkout, tmp_path: Path) -> None:
    """For example, `nohup` ignores SIGHUP. Snakemake handles SIGTERM in any case, and ends after the running jobs."""
    set_scale(checkout)
    code = (
        f"import os, signal; [signal.signal(number, signal.SIG_IGN) for number in {[*map(int, SIGNALS)]}]; "
        "os.execvp('snakemake', ['snakemake', '--cores', '2'])"
    )
    checkout.hang.write_text("best")
    output = tmp_path / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=checkout.folder, env=checkout.env, stderr=file, stdout=file
        )
    time.sleep(1)
    for number in (signal.SIGINT, signal.SIGHUP):
        process.send_signal(number)
    checkout.resume()
    assert process.wait(60) == 0, output.read_text()
    checkout.is_right()


# An error between the acquisition of the locks and the first job.


FAILING = INTERRUPT.replace(
    """    for number in numbers:
        os.kill(os.getpid(), number)
""",
    """    raise OSError(28, "No space left on device", "a file")
""",
).replace("    threading.Timer(0.1, interrupt).start()\n    await asyncio.sleep(0.3)\n", "    interrupt()\n")


@pytest.mark.parametrize("moment", MOMENTS[3:8])
def test_an_error_after_the_locks_were_acquired(checkout: Checkout, moment: str) -> None:
    forget(checkout)
    ended = run_python(FAILING, checkout, moment, "0")
    assert errors(ended.text) == ["error: a file: No space left on device"]
    ended_well(checkout, ended.rc, ended.text)


def test_an_error_while_the_run_is_recorded(checkout: Checkout) -> None:
    set_scale(checkout)
    ended = run_python(FAILING, checkout, "snakemake_dvc._dvc._replace_lock_file", "0")
    assert ended.rc == 1
    assert errors(ended.text) == ["error: not recorded in dvc.lock: a file: No space left on device"]
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    checkout.has_nothing_to_do()


def test_a_job_in_python_that_is_interrupted_prints_one_line(checkout: Checkout) -> None:
    """It reads the variable that the run sets. Python's exit status is that of the signal, as without this package."""
    code = (
        "import os, signal, time; signal.signal(2, signal.default_int_handler); os.kill(os.getpid(), 2); time.sleep(9)"
    )
    environment = {**checkout.env, "SNAKEMAKE_DVC_RUN": "a run"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "error: interrupted\n")
