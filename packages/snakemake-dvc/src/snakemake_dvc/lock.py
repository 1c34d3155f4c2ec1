"""The lock of a project folder, and the clean-up after a killed run."""

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from snakemake_dvc.cluster import cancel_orphaned_jobs
from snakemake_dvc.messages import join_names, print_message
from snakemake_dvc.snapshot import VARIABLE


class RunLock:
    """The lock that all runs in a folder share. The system releases it when the process ends or is killed.

    Args:
        state: the folder of the lock file.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / "lock"
        self._file: Any = None

    def acquire(self) -> None:
        """Acquire the lock. If another process holds it, print which one, and wait."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print_message(f"waiting for {_read_holder(file)}, which is running in this folder")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()} (snakemake {' '.join(sys.argv[1:])})")
        file.flush()
        self._file = file

    def holder(self) -> str | None:
        """Return a description of the other process that holds the lock; None if there is none."""
        try:
            with self.path.open("r", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            with self.path.open("r", encoding="utf-8") as file:
                return _read_holder(file)
        return None

    def release(self) -> None:
        """Release the lock."""
        if self._file:
            self._file.close()
            self._file = None


def _read_holder(file: Any) -> str:
    file.seek(0)
    return file.read().strip() or "another process"


def clean_up_killed_runs(runs: Path) -> bool:
    """Wait for the jobs that killed runs have left, or end those of Slurm; return whether a run was killed.

    The caller holds the lock, so no other run is active.

    Args:
        runs: the folder in which each active run has a file.
    """
    cancelled = cancel_orphaned_jobs()
    left = {str(path.resolve()) for path in runs.glob("*.json")}
    jobs = [process for process in psutil.process_iter() if _is_job_of(left, process)] if left else []
    numbers = []
    for process in jobs:
        if _slurm_job(process) in cancelled:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        else:
            numbers.append(str(process.pid))
    if numbers:
        what, it = ("process {}, a job", "it") if len(numbers) == 1 else ("processes {}, jobs", "them")
        command = f"`kill {' '.join(numbers)}` ends {it}"
        print_message(f"waiting for {what.format(join_names(numbers))} of a killed run ({command})")
    psutil.wait_procs(jobs)
    for path in left:
        Path(path).unlink(missing_ok=True)
    return bool(left)


def _is_job_of(runs: set[str], process: psutil.Process) -> bool:
    try:
        is_job = process.environ().get(VARIABLE) in runs
        return is_job and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _slurm_job(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("SLURM_JOB_ID")
    except psutil.Error:
        return None
