"""A real Slurm with two nodes on this machine, and a checkout whose jobs run there."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.checkout import TINY, make_small
from tests.helpers.slurm import Slurm, why_not
from tests.helpers.slurm_runs import Run, change_job, edit_profile, submit

# Of stages with local rules, with single jobs, with groups of jobs, and with trainings by PyTorch.
ON_SLURM = ["kernel_regression", "width_sweep", "results/linear_autoencoder/metrics.json"]
ANY_PATH = 'it\'s "a" {x} $HOME `b` co:lon;&(c) é'
EXCEEDS_ITS_MEMORY = (
    "import time\n    import numpy as np\n    taken = np.ones(150_000_000)\n    time.sleep(4)\n    del taken"
)
# Where `make cluster` installs them.
PLUGINS = Path(sys.prefix, "cluster")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[Slurm]:
    if not PLUGINS.is_dir():
        pytest.skip("the executor plugins for clusters are not installed: make cluster")
    if reason := why_not():
        pytest.skip(reason)
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def environment(slurm) -> dict[str, str]:
    """Return the environment of a user of the cluster, after `make cluster`."""
    return {**slurm.environment, "COLUMNS": "200"}


@pytest.fixture(scope="module")
def quick_environment(environment, warm) -> dict[str, str]:
    """Return it with programs that start quickly, for runs whose processes are neither killed nor measured."""
    return {**environment, "PATH": f"{warm}:{environment['PATH']}"}


@pytest.fixture(scope="module")
def small_on_slurm(template, tmp_path_factory) -> Path:
    """Make a checkout of Problem 11 only, not run yet."""
    copy = shutil.copytree(template, tmp_path_factory.mktemp("cluster") / "small", symlinks=True)
    folder = make_small(copy, ["kernel_regression"])
    edit_profile(folder)
    return folder


@pytest.fixture(scope="module")
def finished_on_slurm(finished_small, tmp_path_factory) -> Path:
    """Make a finished checkout of these problems: each run of a test then has few jobs, which take seconds to start."""
    folder = shutil.copytree(finished_small, tmp_path_factory.mktemp("cluster") / "finished", symlinks=True)
    edit_profile(folder)
    return folder


def hold(finished: Path, folder: Path) -> Path:
    """Copy the finished checkout and make the job of the shard, which must run, wait until `hold` is removed."""
    shutil.copytree(finished, folder, symlinks=True)
    change_job(folder, "import pathlib, time\n    while pathlib.Path('hold').exists():\n        time.sleep(0.1)")
    (folder / "hold").touch()
    return folder


def with_a_job_for_the_data(small: Path, folder: Path) -> Path:
    """Copy the small checkout and let the rule for the data, which is local, be submitted."""
    shutil.copytree(small, folder, symlinks=True)
    rules = folder / "workflow/rules/kernel_regression.smk"
    rules.write_text(rules.read_text().replace("    localrule: True\n", "", 1))
    return folder


@pytest.fixture
def held(finished_on_slurm, tmp_path) -> Path:
    return hold(finished_on_slurm, tmp_path / "checkout")


@pytest.fixture(scope="module")
def together(
    environment, quick_environment, template, small_on_slurm, finished_on_slurm, tmp_path_factory
) -> Iterator[dict[str, Run]]:
    """Runs that wait for the cluster most of the time: they are started together, and tests wait for their ends."""
    base, runs = tmp_path_factory.mktemp("together"), {}
    folder = hold(finished_on_slurm, base / "time")
    runtime = ["--set-resources", "width_sweep_fit:runtime=1", "--retries", "0"]
    runs["time"] = submit(folder, environment, *runtime, "--", "width_sweep")
    folder = shutil.copytree(template, base / "stages", symlinks=True)
    edit_profile(folder)
    runs["stages"] = submit(folder, quick_environment, *TINY, "--", *ON_SLURM)
    folder = hold(finished_on_slurm, base / "memory")
    (folder / "hold").unlink()
    change_job(folder, EXCEEDS_ITS_MEMORY)
    runs["memory"] = submit(folder, environment, "width_sweep")
    folder = with_a_job_for_the_data(small_on_slurm, base / ANY_PATH)
    runs["path"] = submit(folder, quick_environment, "data/sine_target.npz")
    folder = with_a_job_for_the_data(small_on_slurm, base / "a%j\\b")
    logs = ["--slurm-logdir", str(base / "logs")]
    runs["logs"] = submit(folder, quick_environment, *logs, "data/sine_target.npz")
    yield runs
    for run in runs.values():
        run.process.kill()
        run.process.wait()
