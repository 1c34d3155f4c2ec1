"""After a job or a run was killed or interrupted, no result is stale, and no finished job runs again."""

import os
import signal

from helpers.checkouts import Checkout
from helpers.commands import ENGINES, REPRO, SNAKEMAKE, Run
from helpers.faults import (
    EACH_AFTER_THE_OTHER,
    FITS,
    kill_during,
    run_python,
    set_constant,
    set_scale,
)

# A job was killed, or failed.


@EACH_AFTER_THE_OTHER
def test_the_output_of_a_killed_job_is_not_current(checkout: Checkout, first: str, second: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[first])
    os.kill(run.pid_of("degree-1"), signal.SIGKILL)
    checkout.resume()
    assert run.wait().rc
    assert "fit" not in run.text or checkout.locked("fit")["params"]["config.yaml"]["fit"]["scale"] == 2
    checkout.computes(second, FITS - run.jobs("done"))


def test_the_results_of_failed_and_partial_runs_are_not_computed_again(checkout: Checkout) -> None:
    set_constant(checkout, "stub")
    assert checkout.run(*SNAKEMAKE, "--until", "points").jobs() == {"points"}
    run = checkout.start_hanging("degree-2", *SNAKEMAKE)
    os.kill(run.pid_of("degree-2"), signal.SIGKILL)
    checkout.resume()
    assert run.wait().rc
    assert "degree-1" in run.jobs("done")
    checkout.computes("dvc", {"degree-2", "best"})


def test_the_other_persistence_backend_of_snakemake(checkout: Checkout) -> None:
    in_a_database = (*SNAKEMAKE, "--persistence-backend", "db")
    assert checkout.run(*in_a_database).jobs() == set()
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *in_a_database)
    os.kill(run.pid_of("degree-1"), signal.SIGKILL)
    checkout.resume()
    assert run.wait().rc
    again = checkout.run(*in_a_database)
    assert again.jobs() == FITS - run.jobs("done")
    checkout.is_right()
    checkout.has_nothing_to_do()


# A run was killed.


@EACH_AFTER_THE_OTHER
def test_the_finished_jobs_of_a_killed_run_do_not_run_again(checkout: Checkout, first: str, second: str) -> None:
    set_scale(checkout)
    kill_during(checkout, "best", first)
    checkout.resume()
    checkout.computes(second, {"best"})


def test_a_run_waits_for_a_job_of_a_killed_run(checkout: Checkout) -> None:
    set_scale(checkout)
    killed = kill_during(checkout, "best", "snakemake", who="main")
    run = checkout.start(*REPRO).wait_for("a job of a killed run")
    assert any(f"`kill {killed.pid_of('best')}`" in line or "waiting for process" in line for line in run.messages())
    checkout.resume()
    assert run.wait().rc == 0, run
    assert run.jobs() == {"best"}
    checkout.is_right()
    checkout.has_nothing_to_do()


def test_a_copy_of_the_checkout_of_a_killed_run(checkout: Checkout) -> None:
    set_scale(checkout)
    kill_during(checkout, "best", "snakemake")
    copy = checkout.copy()
    copy.computes("dvc", {"best"})
    checkout.resume()
    checkout.computes("snakemake", {"best"})


def test_dvc_checkout_after_a_killed_run(checkout: Checkout) -> None:
    set_scale(checkout)
    kill_during(checkout, "best", "snakemake")
    checkout.resume()
    checkout.run("dvc", "checkout", "--force")
    checkout.computes("snakemake", {"best"})


def test_an_edit_is_undone_after_a_killed_run(checkout: Checkout) -> None:
    set_constant(checkout, "stub")
    kill_during(checkout, "degree-1", "snakemake")
    checkout.resume()
    checkout.git("checkout", "--quiet", "scripts/stub.py")
    checkout.computes("dvc", set())


# A run was interrupted or terminated.

TERMINATE = """
import importlib
import os
import signal
import sys

module, owner, name = sys.argv[1:4]
owner = getattr(importlib.import_module(module), owner)
method = getattr(owner, name)


def terminate(*args):
    os.kill(os.getpid(), signal.SIGTERM)
    return method(*args)


setattr(owner, name, terminate)
sys.argv = ["snakemake", "--cores", "2", *sys.argv[4:]]
from snakemake.cli import main

main()
"""


def terminate_in(method: str, checkout: Checkout, *arguments: str) -> Run:
    """Run Snakemake with a method that sends SIGTERM to its process, which then must end."""
    module, owner, name = method.rsplit(".", maxsplit=2)
    return run_python(TERMINATE, checkout, module, owner, name, *arguments)


# Snakemake's own handler would wait for a lock that its main thread holds.


def test_a_termination_while_a_record_is_written(checkout: Checkout) -> None:
    set_scale(checkout)
    ended = terminate_in("snakemake_dvc.results.Results.record", checkout)
    assert ended.rc == 1
    assert "Will exit after finishing currently running jobs" in ended.text
    checkout.computes("snakemake", {"best"} - ended.jobs())


def test_a_termination_of_a_job_on_a_cluster_while_it_ends(checkout: Checkout) -> None:
    """There, each job is a Snakemake of its own."""
    job = ["--mode", "remote", "--nolock", "--force", "results/fit/metrics.json"]
    ended = terminate_in("snakemake.persistence.file.FilePersistence._io_delete", checkout, *job)
    assert "Finished jobid" in ended.text
