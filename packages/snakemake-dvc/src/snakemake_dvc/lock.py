"""One lock for all runs in a folder, and what a killed run leaves behind."""

import fcntl
import os
import sys
from pathlib import Path
from typing import Any

import psutil

from snakemake_dvc.cluster import cancel_left_jobs
from snakemake_dvc.messages import say
from snakemake_dvc.snapshot import VARIABLE


class RunLock:
    """The lock that all runs in a folder share. The system releases it when its process ends, however that ends.

    Args:
        state: the folder of the lock.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / "lock"
        self._file: Any = None

    def acquire(self) -> None:
        """Take the lock; wait for it, and say for whom."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {_holder(file)}, which is running in this folder")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()} (snakemake {' '.join(sys.argv[1:])})")
        file.flush()
        self._file = file

    def holder(self) -> str | None:
        """Return who has the lock, if another process has it."""
        try:
            with self.path.open("r", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            with self.path.open("r", encoding="utf-8") as file:
                return _holder(file)
        return None

    def release(self) -> None:
        """Release the lock."""
        if self._file:
            self._file.close()
            self._file = None


def _holder(file: Any) -> str:
    file.seek(0)
    return file.read().strip() or "another process"


def end_killed_runs(runs: Path) -> bool:
    """Wait for or cancel the jobs that killed runs have left; return whether a run was killed.

    The lock is held, so no run is going.

    Args:
        runs: the folder in which each run that is going has a file.
    """
    cancel_left_jobs()
    left = {str(path.resolve()) for path in runs.glob("*.json")}
    for process in psutil.process_iter() if left else ():
        if _is_of_a_run(process, left):
            say(
                f"waiting for process {process.pid}, a job left by a run that was killed (`kill {process.pid}` ends it)"
            )
            psutil.wait_procs([process])
    for path in left:
        Path(path).unlink(missing_ok=True)
    return bool(left)


def _is_of_a_run(process: psutil.Process, runs: set[str]) -> bool:
    try:
        is_left = process.environ().get(VARIABLE) in runs
        return is_left and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
