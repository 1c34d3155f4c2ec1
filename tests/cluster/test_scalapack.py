"""Kernel regression by ScaLAPACK on the two nodes of a real Slurm, and its faults."""

import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from tests.helpers.checkout import TINY
from tests.helpers.mpi import ENVIRONMENT, assert_same_as_tiled, command, why_no_mpi
from tests.helpers.mpi_fits import FITS
from tests.helpers.slurm_runs import edit_profile, submit

pytestmark = pytest.mark.skipif(bool(why_no_mpi()), reason=str(why_no_mpi()))

# As docs/cluster.md says. The matrix of the program `limited` has 154 MiB, and a process before it has about 170.
SRUN = ("srun", "--mpi=pmi2", "--kill-on-bad-exit=1")
ON_TWO_NODES = ("salloc", "--mem=290", "--nodes=2", "--ntasks=2")
ALONE = "from nngplab.regression.process_grid import process_grid; process_grid()"


@pytest.fixture(scope="module")
def launch(slurm):
    """Return a function that runs a command to its end, in the environment of a user of the cluster."""
    own = {name: slurm.environment[name] for name in ("SLURM_CONF", "PATH")}
    own["MPIR_CVAR_CH4_NETMOD"] = "ofi"  # the addresses of UCX are too long for Slurm

    def launch(*line):
        return subprocess.run(line, env=ENVIRONMENT | own, capture_output=True, text=True, timeout=120)

    return launch


def test_a_killed_process_ends_the_job_and_the_rerun_predicts_as_the_tiled_solver(launch, tmp_path):
    ended = launch(*ON_TWO_NODES, *SRUN, *command(tmp_path, "killed", "fits"))
    assert ended.returncode
    assert "task 1: Killed" in ended.stderr
    assert not list(tmp_path.iterdir())
    ended = launch(*ON_TWO_NODES, *SRUN, *command(tmp_path, "fits", "limited"))
    assert ended.returncode == 0, ended.stderr
    for rank in range(2):
        for name in FITS:
            assert_same_as_tiled(tmp_path, name, rank)
        assert float((tmp_path / f"residual {rank}").read_text()) < 1e-12


def test_the_memory_of_one_node_is_refused_where_that_of_two_suffices(launch, tmp_path):
    refused = launch("salloc", "--mem=290", "--ntasks=1", *SRUN, *command(tmp_path, "limited"))
    assert refused.returncode
    (line,) = [line for line in refused.stderr.splitlines() if "Error: " in line]
    assert "InputError: 4,500 samples need 0.1" in line
    assert "use more nodes" in line


def test_a_launcher_that_does_not_fit_the_mpi_is_refused_in_one_line(launch):
    ended = launch(*ON_TWO_NODES, "srun", "--mpi=none", sys.executable, "-c", ALONE)
    assert ended.returncode
    (line,) = {line for line in ended.stderr.splitlines() if "Error: " in line}  # of each program
    assert "InputError: each program is alone, and SLURM_NTASKS is 2: the launcher does not fit" in line


def test_a_rule_starts_its_processes_with_the_launcher_of_the_profile(environment, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    edit_profile(folder)
    profile = folder / "profiles/slurm/profile.yaml"
    text = re.sub(r"^#(set-resources:)", r"\1", profile.read_text(), flags=re.MULTILINE)
    text = text.replace("  #challenge_kernels:\n", "  challenge_kernels:\n")
    text, number = re.subn(r"^    #(mpi|tasks|nodes):", r"    \1:", text, flags=re.MULTILINE)
    assert number == 3
    profile.write_text(text.replace("cpus-per-task=16", "cpus-per-task=1"))
    table = folder / "results/challenge/candidates/course/laplace_L0.1.csv"
    tiled = pd.read_csv(table)
    (folder / "scalapack.yaml").write_text("challenge:\n  solver: scalapack\n")
    submit(folder, environment, *TINY, "scalapack.yaml", "--", str(table.relative_to(folder))).end()
    pd.testing.assert_frame_equal(pd.read_csv(table), tiled, rtol=1e-9)
    log = (folder / "logs/challenge_kernels_course_laplace_L0.1.log").read_text()
    assert "ScaLAPACK: 1 x 2 processes" in log
