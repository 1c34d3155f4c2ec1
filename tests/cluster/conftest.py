"""A real Slurm with two nodes on this machine, and a checkout whose jobs run there."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.helpers.checkout import copy_checkout, make_small
from tests.helpers.slurm import Slurm, why_not
from tests.helpers.slurm_runs import change_job, edit_profile
from tests.helpers.small_checkout import STAGES

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
def small_on_slurm(tmp_path_factory) -> Path:
    """Make a checkout of Problems 11 and 12 only, with one shard in the width sweep."""
    folder = make_small(copy_checkout(tmp_path_factory.mktemp("cluster") / "small"), STAGES)
    edit_profile(folder)
    config = yaml.safe_load((folder / "config/config.yaml").read_text())
    config["width_sweep"] |= {"widths": [64], "extra_widths": []}
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture
def held(small_on_slurm, tmp_path) -> Path:
    """Copy the small checkout and make the job of the shard wait until the file `hold` is removed."""
    folder = shutil.copytree(small_on_slurm, tmp_path / "checkout", symlinks=True)
    change_job(folder, "import pathlib, time\n    while pathlib.Path('hold').exists():\n        time.sleep(0.1)")
    (folder / "hold").touch()
    return folder
