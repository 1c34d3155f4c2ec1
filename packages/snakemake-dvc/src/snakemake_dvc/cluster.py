"""Jobs of a killed run that are still in the queue of Slurm."""

import re
import shutil
import subprocess
import time
from pathlib import Path

from snakemake_dvc.messages import print_message

# The executor creates this folder for its first job.
SLURM_LOGS = Path(".snakemake/slurm_logs")
# The executor gives all jobs of a run one name: a random UUID, and a prefix where the profile has one.
_NAME = re.compile(r"([A-Za-z0-9_-]+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def cancel_orphaned_jobs() -> set[str]:
    """Cancel the Slurm jobs that a killed run has left in this folder, and wait until they have ended.

    No run waits for them, so they cannot have records, and they would write to the same files as the next run.

    Returns:
        The numbers of the cancelled jobs. Processes of them can be left on this machine: where Slurm has no cgroups, it
        can miss a process whose parent has ended.
    """
    if not SLURM_LOGS.is_dir() or not shutil.which("squeue"):
        return set()
    if jobs := _orphaned_jobs():
        print_message(f"cancelling Slurm jobs of a killed run: {', '.join(jobs)}")
        subprocess.run(["scancel", *jobs], capture_output=True, check=False)
    while _orphaned_jobs():
        time.sleep(1)
    return set(jobs)


def _orphaned_jobs() -> list[str]:
    """Return the numbers of this user's jobs in this folder that are waiting, running or ending."""
    ended = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        print_message(f"squeue failed ({ended.stderr.strip()}): Slurm jobs of a killed run are not cancelled")
        return []
    rows = [line.split("|", maxsplit=2) for line in ended.stdout.splitlines()]
    return [number for number, name, folder in rows if folder == str(Path.cwd()) and _NAME.fullmatch(name)]
