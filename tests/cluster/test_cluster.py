"""The pipeline on a real Slurm with two nodes on this machine, the faults of a cluster, and the profiles.

The runs that wait most of the time are started together; the classes are in the order in which they end.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import ON_SLURM, with_a_job_for_the_data
from tests.helpers.checkout import ROOT, TINY, digests
from tests.helpers.slurm import NODES, running
from tests.helpers.slurm_runs import FIT, change_job, submit, wait_for
from tests.helpers.small_checkout import SWEEP, configure, jobs_run

PROFILES = sorted(path.name for path in (ROOT / "profiles").iterdir() if path.name != "default")


@pytest.fixture(scope="module")
def output(together) -> str:
    """What the run of some stages printed."""
    return together["stages"].end()


class TestProfiles:
    @pytest.fixture
    def planned(self, environment, together, checkout, done, monkeypatch) -> Callable[..., str]:
        """Return a function that plans a run on the cluster, on which the other runs have been started."""
        monkeypatch.setenv("SLURM_CONF", environment["SLURM_CONF"])
        return partial(done, checkout, "snakemake", "--dry-run", *TINY)

    @pytest.mark.parametrize("profile", PROFILES)
    def test_a_dry_run_lists_the_whole_pipeline(self, planned, profile):
        output = planned("--profile", f"profiles/{profile}")
        assert re.search(r"^report +1$", output, flags=re.MULTILINE)

    @pytest.mark.parametrize(("profile", "settings"), [("slurm", 12), ("lsf", 2)])
    def test_the_commented_settings_are_valid(self, planned, checkout, profile, settings):
        path = checkout / f"profiles/{profile}/profile.yaml"
        # A comment has a space after `#`, a setting has none.
        text, number = re.subn(r"^( *)#(?! )", r"\1", path.read_text(), flags=re.MULTILINE)
        assert number == settings
        path.write_text(text)
        planned("--profile", f"profiles/{profile}")

    def test_the_default_profile_has_a_size_for_each_group_of_the_rules(self):
        settings = yaml.safe_load((ROOT / "profiles/default/profile.yaml").read_text())
        rules = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
        groups = re.findall(r"^    group:\n +\"(\w+)\"", rules, flags=re.MULTILINE)
        assert settings["group-components"].keys() == set(groups)

    @pytest.mark.parametrize("profile", PROFILES)
    def test_its_default_resources_grow_with_each_attempt(self, profile):
        settings = yaml.safe_load((ROOT / f"profiles/{profile}/profile.yaml").read_text())
        assert all(value.endswith("* attempt") for value in settings["default-resources"].values())

    def test_the_generic_profile_runs_with_a_command_that_starts_the_script(self, held, done):
        (held / "hold").unlink()
        command = held / "submit"
        command.write_text('#!/bin/sh\nnohup sh "$1" >/dev/null 2>&1 &\necho $!\n')
        command.chmod(0o755)
        profile = held / "profiles/generic/profile.yaml"
        line = re.compile(r"(?<=^cluster-generic-submit-cmd: ).*", flags=re.MULTILINE)
        text, number = line.subn("./submit", profile.read_text())
        assert number == 1
        profile.write_text(text)
        configure(held, "width_sweep", redrawn_repeats=21)
        output = done(held, "snakemake", "--profile", "profiles/generic")
        # A group of jobs, a single job, and those that are local.
        assert jobs_run(output) == SWEEP
        assert "recorded in dvc.lock: width_sweep" in output


class TestPaths:
    def test_a_checkout_with_any_path_works(self, together):
        assert "has been submitted with SLURM jobid" in together["path"].end()
        assert (together["path"].folder / "data/sine_target.npz").exists()

    def test_a_path_to_which_slurm_cannot_write_logs_needs_another_folder(
        self, together, small_on_slurm, environment, tmp_path
    ):
        folder = with_a_job_for_the_data(small_on_slurm, tmp_path / "a%j\\b")
        output = submit(folder, environment, "data/sine_target.npz").end(code=1)
        assert len(re.findall(r"^error: Slurm cannot write logs to .*: set slurm-logdir", output, re.MULTILINE)) == 1
        assert "Traceback" not in output
        together["logs"].end()
        assert (together["logs"].folder / "data/sine_target.npz").exists()


class TestRun:
    @pytest.mark.usefixtures("output")
    def test_its_results_are_byte_for_byte_those_of_a_local_run(self, together, finished):
        found, expected = digests(together["stages"].folder), digests(finished)
        assert {path.split("/")[1] for path in found} == {"kernel_regression", "linear_autoencoder", "width_sweep"}
        assert found == {path: expected[path] for path in found}

    def test_local_rules_run_here_and_the_others_on_both_nodes(self, output, slurm):
        submitted = re.findall(r"Job (?:\d+|[0-9a-f-]+) has been submitted with SLURM jobid (\d+)", output)
        states = dict(
            line.split("|", 1)
            for line in slurm.ask("squeue", "--states=all", "--noheader", "--format=%i|%T|%N").splitlines()
        )
        assert {states[number].split("|")[0] for number in submitted} == {"COMPLETED"}
        assert {states[number].split("|")[1] for number in submitted} == set(NODES)
        finished = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", output)
        assert len(finished) > 1.3 * len(submitted)

    @pytest.mark.usefixtures("output")
    def test_a_local_run_then_has_nothing_to_do(self, together, done):
        assert "Nothing to be done" in done(
            together["stages"].folder, "snakemake", "--dry-run", "--cores", "2", *TINY, "--", *ON_SLURM
        )


class TestFaults:
    def test_after_snakemake_was_killed_no_job_runs_twice_at_once(self, slurm, environment, held):
        script = held / "workflow/scripts" / FIT
        text = script.read_text()
        # Two processes are left. That which does the work loses its parent, so Slurm, which has no cgroups here, does
        # not end it.
        change_job(
            held, "import os, time\n    if os.fork():\n        time.sleep(600)\n    if os.fork():\n        os._exit(0)"
        )
        first = submit(held, environment, "width_sweep")
        wait_for(lambda: len([*running(FIT, held)]) == 2, first, slurm)
        left = [*running(FIT, held)]
        first.process.kill()
        first.process.wait()
        script.write_text(text)
        second = submit(held, environment, "width_sweep")
        wait_for(
            lambda: {process.pid for process in running(FIT, held)} - {process.pid for process in left}, second, slurm
        )
        assert not [process for process in left if process.is_running()]
        assert len([*running(FIT, held)]) == 1
        (held / "hold").unlink()
        output = second.end()
        (cancelled,) = re.findall(r"snakemake-dvc: cancelling Slurm jobs of a killed run: (\d+)", output)
        state = slurm.ask("squeue", "--states=all", "--noheader", "--format=%T", "--jobs", cancelled)
        assert state.strip() == "CANCELLED"

    def test_a_job_that_exceeds_its_memory_runs_again_with_more(self, together):
        output = together["memory"].end()
        assert len(re.findall(r"Error in (?:rule|group) ", output)) >= 1
        assert re.findall(r"Finished jobid: \d+ \(Rule: (width_sweep_fit)\)", output)

    def test_a_job_that_exceeds_its_time_fails_with_its_log(self, together):
        output = together["time"].end(code=1)
        (log,) = re.findall(r"message: Error in group width_sweep\n +log: (\S+)", output)
        assert "DUE TO TIME LIMIT" in Path(log).read_text()
        assert not list((together["time"].folder / "results/width_sweep/shards").glob("*.csv"))
        assert "Traceback" not in output

    def test_if_a_node_fails_slurm_runs_its_job_on_another_node(self, slurm, environment, held, together, done):
        for other in together.values():
            other.process.wait(1500)  # it may have jobs on the same node
        run = submit(held, environment)
        process = wait_for(lambda: next(running(FIT, held), None), run, slurm)
        node = process.environ()["SLURMD_NODENAME"]
        slurm.kill_node(node)
        (held / "hold").unlink()
        output = run.end()
        slurm.start_node(node)
        assert len(re.findall(r"Finished jobid: \d+ \(Rule: width_sweep_fit\)", output)) == 1
        # DVC gets the same records as from a local run.
        assert "recorded in dvc.lock: width_sweep" in output
        assert "up to date" in done(held, "dvc", "status")
        assert "Nothing to be done" in done(held, "snakemake", "--dry-run", "--cores", "2")
