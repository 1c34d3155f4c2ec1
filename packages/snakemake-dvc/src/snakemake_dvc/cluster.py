"""The jobs that a killed run has left on a cluster."""

import re
import shutil
import subprocess
import time
from pathlib import Path

from snakemake_dvc.messages import say

# Made by the executor at its first job.
SLURM_LOGS = Path(".snakemake/slurm_logs")
# The executor gives all jobs of a run one name: a random UUID, and a prefix where the profile has one.
_NAME = re.compile(r"([A-Za-z0-9_-]+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def cancel_left_jobs() -> None:
    """Cancel the jobs of Slurm that a killed run has left in this folder, and wait until they are gone.

    Nobody waits for them any more, so that their results would not count, and they would write beside the jobs that
    follow them. Trainings go on from their last epoch.
    """
    if not SLURM_LOGS.is_dir() or not shutil.which("squeue"):
        return
    if jobs := _left_jobs():
        say(f"cancelling what a run that was killed has left: {', '.join(jobs)}", of="slurm")
        subprocess.run(["scancel", *jobs], capture_output=True, check=False)
    while _left_jobs():
        time.sleep(1)


def _left_jobs() -> list[str]:
    """Return the numbers of this user's jobs in this folder that are waiting, running or ending."""
    ended = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        say(f"no answer ({ended.stderr.strip()}): jobs that a killed run may have left there go on", of="slurm")
        return []
    rows = [line.split("|", maxsplit=2) for line in ended.stdout.splitlines()]
    return [number for number, name, folder in rows if folder == str(Path.cwd()) and _NAME.fullmatch(name)]
