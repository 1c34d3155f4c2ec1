"""The command line that all scripts share: a log file, errors in one line, the exit status."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nngplab.errors import InputError

log = logging.getLogger("nngplab")

# What launchers set to the number of a process among those that they have started.
_RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")


def run(parser: argparse.ArgumentParser, main: Callable[[argparse.Namespace], None]) -> None:
    """Parse the command line and call `main`; if that fails, print one line and exit with status 1.

    Adds the option `--log FILE`. All messages of the logger `nngplab` go to the standard error stream and to this file,
    which also gets the traceback of an error. Without `--log`, the traceback of an unexpected error (any but
    `InputError`) goes to the standard error stream. There, lines of progress begin with the name of the job, since
    several jobs can run at a time.

    Of the processes of an MPI program, the first one does so. The others print errors only, and an `InputError` late:
    most often it is that of all, and the first one ends the others when it has printed it.
    """
    parser.add_argument("--log", type=Path, metavar="FILE", help="also write messages and tracebacks to this file")
    arguments = parser.parse_args()
    first = is_first_process()
    path = arguments.log if first else None
    _set_up_logging(path, arguments.log.stem if arguments.log else parser.prog.removesuffix(".py"))
    try:
        main(arguments)
    except Exception as error:
        line = " ".join(str(error).split())
        expected = isinstance(error, InputError)
        if expected and not first:
            time.sleep(5)
        log.error("error: %s", line if expected else f"{type(error).__name__}: {line}")
        log.error("traceback:", exc_info=True, extra={"only_in_file": expected or bool(path)})
        mpi = sys.modules.get("mpi4py.MPI")
        if mpi and mpi.COMM_WORLD.size > 1:
            # At its end, a process waits for the others, and these wait for it if the error is not that of all.
            mpi.COMM_WORLD.Abort(1)
        sys.exit(1)


def is_first_process() -> bool:
    """Return whether this process is the first, or the only one, of those that a launcher of MPI programs started."""
    return not any(int(os.environ.get(name, 0)) for name in _RANKS)


class _JobFormatter(logging.Formatter):
    """Writes messages, with the name of the job before progress."""

    def __init__(self, job: str) -> None:
        super().__init__("%(message)s")
        self.job = job

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return f"{self.job}: {line}" if getattr(record, "is_progress", False) else line


def _set_up_logging(path: Path | None, job: str) -> None:
    log.setLevel(logging.INFO if is_first_process() else logging.ERROR)
    terminal = logging.StreamHandler()
    terminal.setFormatter(_JobFormatter(job))
    terminal.addFilter(lambda record: not getattr(record, "only_in_file", False))
    log.addHandler(terminal)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, mode="w", encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(file)
