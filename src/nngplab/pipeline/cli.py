"""The command line that all scripts share: a log file, errors in one line, the exit status."""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from nngplab.errors import InputError

log = logging.getLogger("nngplab")


def run(parser: argparse.ArgumentParser, main: Callable[[argparse.Namespace], None]) -> None:
    """Parse the command line and call `main`; if that fails, print one line and exit with status 1.

    Adds the option `--log FILE`. All messages of the logger `nngplab` go to the standard error stream and to this file,
    which also gets the traceback of an error. Without `--log`, the traceback of an unexpected error (any but
    `InputError`) goes to the standard error stream. There, lines of progress begin with the name of the job, since
    several jobs can run at a time.
    """
    parser.add_argument("--log", type=Path, metavar="FILE", help="also write messages and tracebacks to this file")
    arguments = parser.parse_args()
    _set_up_logging(arguments.log, arguments.log.stem if arguments.log else parser.prog.removesuffix(".py"))
    try:
        main(arguments)
    except Exception as error:
        line = " ".join(str(error).split())
        expected = isinstance(error, InputError)
        log.error("error: %s", line if expected else f"{type(error).__name__}: {line}")
        log.error("traceback:", exc_info=True, extra={"only_in_file": expected or bool(arguments.log)})
        sys.exit(1)


class _JobFormatter(logging.Formatter):
    """Writes messages, with the name of the job before progress."""

    def __init__(self, job: str) -> None:
        super().__init__("%(message)s")
        self.job = job

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return f"{self.job}: {line}" if getattr(record, "is_progress", False) else line


def _set_up_logging(path: Path | None, job: str) -> None:
    log.setLevel(logging.INFO)
    terminal = logging.StreamHandler()
    terminal.setFormatter(_JobFormatter(job))
    terminal.addFilter(lambda record: not getattr(record, "only_in_file", False))
    log.addHandler(terminal)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, mode="w", encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(file)
