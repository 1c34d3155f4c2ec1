"""Runs of Snakemake that submit their jobs to Slurm."""

import re
import subprocess
import time
from collections.abc import Callable
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


def submit(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["snakemake", "--profile", "profiles/slurm", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end_of(run: subprocess.Popen[str], code: int = 0, seconds: float = 600) -> str:
    output, _ = run.communicate(timeout=seconds)
    assert run.returncode == code, output
    return output


def wait_for(found: Callable[[], Any], run: subprocess.Popen[str], slurm: Slurm, seconds: float = 300) -> Any:
    """Return the first true value of a function, called again and again during a run."""
    end = time.monotonic() + seconds
    while not (thing := found()):
        if run.poll() is not None or time.monotonic() > end:
            state = slurm.ask("squeue", "--states=all") + slurm.ask("sinfo", "--Node", "--long")
            run.kill()
            pytest.fail(f"nothing was found in {seconds} seconds, or the run ended:\n{state}{run.communicate()[0]}")
        time.sleep(0.1)
    return thing


def change_job(folder: Path, first: str) -> None:
    """Insert a statement at the start of the job of the shard."""
    script = folder / "workflow/scripts" / FIT
    text, number = re.subn(r"(\ndef main\(.*\n)", rf"\1    {first}\n".replace("\\n", "\n"), script.read_text())
    assert number == 1
    script.write_text(text)
