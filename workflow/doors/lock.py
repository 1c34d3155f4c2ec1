"""One lock for all runs in a folder, and what a killed run leaves behind."""

import fcntl
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil

from workflow.doors.cluster import cancel_left_jobs
from workflow.doors.contents import FOLDER
from workflow.doors.tell import say

LOCK = FOLDER / "lock"

_held: list[Any] = []


def hold(waits: bool) -> bool:
    """Take the lock that all runs in this folder share; wait for it, or return False."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = LOCK.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        if not waits:
            say(
                f"{holder} is running in this folder: what follows is how things stand in the middle of it "
                "(and a result called write-protected is being replaced: ask again)"
            )
            return False
        say(f"waiting for {holder}, which is running in this folder")
        fcntl.flock(file, fcntl.LOCK_EX)
    file.truncate(0)
    file.write(f"process {os.getpid()} (snakemake {' '.join(sys.argv[1:])})")
    file.flush()
    _held.append(file)
    if waits:
        _after_a_killed_run()
    return True


def let_go() -> None:
    """Release the lock."""
    for file in _held:
        file.close()
    _held.clear()


def _after_a_killed_run() -> None:
    """End or wait for jobs that a killed run has left, and remove its locks: with our lock held, no run is going."""
    cancel_left_jobs()
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter(["pid", "cwd", "cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if process.info["cwd"] != str(Path.cwd()) or process.info["pid"] in ours:
            continue
        if "--mode subprocess" in words or (" workflow/scripts/" in words and "--log logs/" in words):
            say(
                f"waiting for process {process.pid}, a job left by a run that was killed (`kill {process.pid}` ends it)"
            )
            psutil.wait_procs([process])
    shutil.rmtree(".snakemake/locks", ignore_errors=True)


def forget_dead_holders() -> None:
    """Remove from DVC's own lock file the processes that have ended, even if another has their number by now."""
    from dvc.fs import localfs
    from dvc.rwlock import RWLockFileCorruptedError, RWLockFileFormatError, _edit_rwlock

    folder = Path(".dvc/tmp").absolute()
    folder.mkdir(exist_ok=True)
    try:
        with _edit_rwlock(str(folder), localfs, False) as lock:
            lock["write"] = {path: holder for path, holder in lock["write"].items() if _is_alive(holder)}
            readers = {path: [*filter(_is_alive, holders)] for path, holders in lock["read"].items()}
            lock["read"] = {path: holders for path, holders in readers.items() if holders}
    except (RWLockFileCorruptedError, RWLockFileFormatError):
        (folder / "rwlock").unlink()  # its writer was killed; another would have kept us out of reading it


def _is_alive(holder: dict[str, Any]) -> bool:
    try:
        words = psutil.Process(holder["pid"]).cmdline()
    except psutil.Error:
        return False
    return " ".join(words).endswith(" ".join(holder["cmd"].split()[1:]))
