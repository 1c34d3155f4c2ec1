"""What fails on a cluster: a node, Snakemake itself, the memory and the time of a job."""

import re
import signal
from pathlib import Path

from tests.helpers.slurm import running
from tests.helpers.slurm_runs import FIT, change_job, end_of, submit, wait_for


def test_if_a_node_fails_slurm_runs_its_job_on_another_node(slurm, environment, held, done):
    run = submit(held, environment)
    process = wait_for(lambda: next(running(FIT, held), None), run)
    node = process.environ()["SLURMD_NODENAME"]
    slurm.kill_node(node)
    (held / "hold").unlink()
    output = end_of(run)
    slurm.start_node(node)
    assert len(re.findall(r"Finished jobid: \d+ \(Rule: width_sweep_fit\)", output)) == 1
    # DVC gets the same records as from a local run.
    assert "recorded in dvc.lock: kernel_regression, width_sweep" in output
    assert "up to date" in done(held, "dvc", "status")
    assert "Nothing to be done" in done(held, "snakemake", "--dry-run", "--cores", "2")


def test_after_snakemake_was_killed_no_job_runs_twice_at_once(slurm, environment, held):
    first = submit(held, environment)
    left = wait_for(lambda: next(running(FIT, held), None), first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = submit(held, environment)
    again = wait_for(lambda: next((p for p in running(FIT, held) if p.pid != left.pid), None), second)
    assert [process.pid for process in running(FIT, held)] == [again.pid]
    (held / "hold").unlink()
    output = end_of(second)
    (cancelled,) = re.findall(r"snakemake-dvc: cancelling Slurm jobs of a killed run: (\d+)", output)
    state = slurm.ask("squeue", "--states=all", "--noheader", "--format=%T", "--jobs", cancelled)
    assert state.strip() == "CANCELLED"


def test_a_job_that_exceeds_its_memory_runs_again_with_more(environment, held):
    (held / "hold").unlink()
    ask = "import time\n    import numpy as np\n    taken = np.ones(150_000_000)\n    time.sleep(4)\n    del taken"
    change_job(held, ask)
    output = end_of(submit(held, environment))
    assert len(re.findall(r"Error in (?:rule|group) ", output)) >= 1
    assert re.findall(r"Finished jobid: \d+ \(Rule: (width_sweep_fit)\)", output)


def test_a_job_that_exceeds_its_time_fails_with_its_log(environment, held):
    options = ["--set-resources", "width_sweep_fit:runtime=1", "--retries", "0"]
    output = end_of(submit(held, environment, *options), code=1)
    (log,) = re.findall(r"message: Error in group width_sweep\n +log: (\S+)", output)
    assert "DUE TO TIME LIMIT" in Path(log).read_text()
    assert not list((held / "results/width_sweep").rglob("*.csv"))
    assert "Traceback" not in output
