"""The pipeline gives the same bytes by either engine, on any number of cores."""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.helpers.checkout import TINY, digests


@pytest.fixture(scope="module")
def by_dvc(template, tmp_path_factory, done) -> Path:
    """A checkout in which DVC has run the pipeline from nothing on one core, the tiny values in config/config.yaml."""
    folder = shutil.copytree(template, tmp_path_factory.mktemp("by_dvc") / "checkout", symlinks=True)
    config = yaml.safe_load((folder / "config/config.yaml").read_text())
    for stage, section in yaml.safe_load((folder / "config/tiny.yaml").read_text()).items():
        config[stage].update(section)
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    # The stages ask for all cores that a process may use: here one, whichever it is.
    core = str(min(os.sched_getaffinity(0)))
    output = done(folder, "taskset", "--cpu-list", core, "dvc", "repro", timeout=1200)
    assert set(re.findall(r"^Provided cores: (\d+)", output, flags=re.MULTILINE)) == {"1"}
    return folder


class TestTwoRunsFromNothing:
    """One by Snakemake on two cores, one by DVC on one core."""

    def test_they_give_the_same_bytes(self, finished, by_dvc, tmp_path, done):
        page = {"results/report.html", "results/report/origins.json"}
        tables = {name: digest for name, digest in digests(finished).items() if name not in page}
        assert {name: digest for name, digest in digests(by_dvc).items() if name not in page} == tables
        # The page shows the configuration and the commit: it is written again from DVC's results with the other's.
        folder = shutil.copytree(by_dvc, tmp_path / "checkout", symlinks=True)
        done(folder, "git", "checkout", "--quiet", "config/config.yaml")
        done(folder, "snakemake", "--cores", "1", *TINY, "--forcerun", "report_origins", "report")
        assert digests(folder) == digests(finished)

    def test_after_dvc_neither_engine_has_anything_to_do(self, by_dvc, done):
        assert "up to date" in done(by_dvc, "dvc", "status")
        assert "Nothing to be done" in done(by_dvc, "snakemake", "--dry-run", "--cores", "2")
