"""Runs of Snakemake that submit their jobs to Slurm."""

import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.slurm import Slurm

# The script of the longest job.
FIT = "width_sweep_fit.py"


def edit_profile(folder: Path) -> None:
    """Edit the Slurm profile as its comments say for a cluster without accounting, and shorten the waiting times."""
    profile = folder / "profiles/slurm/profile.yaml"
    text = profile.read_text()
    for line, instead in {
        "#slurm-status-command: squeue": "slurm-status-command: squeue",
        "#slurm_partition: PARTITION": "slurm_partition: debug",
    }.items():
        assert line in text
        text = text.replace(line, instead)
    for key, value in {"cores": 2, "slurm-init-seconds-before-status-checks": 2, "latency-wait": 10}.items():
        text, number = re.subn(rf"^{key}: \d+$", f"{key}: {value}", text, flags=re.MULTILINE)
        assert number == 1
    profile.write_text(text)


@dataclass
class Run:
    """A run of Snakemake that submits its jobs to the cluster."""

    folder: Path
    process: subprocess.Popen[bytes]
    log: Path

    def end(self, code: int = 0) -> str:
        """Return the output at the end of the run, which must have this exit status."""
        self.process.wait(1500)
        assert self.process.returncode == code, self.log.read_text()
        return self.log.read_text()


def submit(folder: Path, environment: dict[str, str], *arguments: str) -> Run:
    with tempfile.NamedTemporaryFile(dir=folder.parent, prefix="run", suffix=".log", delete=False) as log:
        command = ["snakemake", "--profile", "profiles/slurm", *arguments]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    return Run(folder, process, Path(log.name))


def wait_for(found: Callable[[], Any], run: Run, slurm: Slurm, seconds: float = 300) -> Any:
    """Return the first true value of a function, called again and again during a run."""
    end = time.monotonic() + seconds
    while not (thing := found()):
        if run.process.poll() is not None or time.monotonic() > end:
            state = slurm.ask("squeue", "--states=all") + slurm.ask("sinfo", "--Node", "--long")
            run.process.kill()
            pytest.fail(f"nothing was found in {seconds} seconds, or the run ended:\n{state}{run.log.read_text()}")
        time.sleep(0.1)
    return thing


def change_job(folder: Path, first: str) -> None:
    """Insert a statement at the start of the job of the shard."""
    script = folder / "workflow/scripts" / FIT
    text, number = re.subn(r"(\ndef main\(.*\n)", rf"\1    {first}\n".replace("\\n", "\n"), script.read_text())
    assert number == 1
    script.write_text(text)
