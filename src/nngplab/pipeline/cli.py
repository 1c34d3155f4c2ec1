"""What every program of the pipeline does alike: a log, one line for an error, an exit status."""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from nngplab.errors import InputError

log = logging.getLogger("nngplab")


def run(parser: argparse.ArgumentParser, main: Callable[[argparse.Namespace], None]) -> None:
    """Parse the command line and call `main`; exit with status 1 and one line on the terminal if it fails.

    Adds the option `--log FILE`: the file takes each message of the logger `nngplab` and the traceback of a failure.
    Messages go to the standard error stream as well. Without `--log`, so does the traceback of an unexpected error.
    """
    parser.add_argument("--log", type=Path, metavar="FILE", help="write messages and tracebacks to this file as well")
    arguments = parser.parse_args()
    log.setLevel(logging.INFO)
    terminal = logging.StreamHandler()
    terminal.setFormatter(logging.Formatter("%(message)s"))
    terminal.addFilter(lambda record: not getattr(record, "only_in_file", False))
    log.addHandler(terminal)
    if arguments.log:
        arguments.log.parent.mkdir(parents=True, exist_ok=True)
        to_file = logging.FileHandler(arguments.log, mode="w", encoding="utf-8")
        to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(to_file)
    try:
        main(arguments)
    except Exception as error:
        line = " ".join(str(error).split())
        log.error("error: %s", line if isinstance(error, InputError) else f"{type(error).__name__}: {line}")
        hidden = bool(arguments.log) or isinstance(error, InputError)
        log.error("traceback:", exc_info=True, extra={"only_in_file": hidden})
        sys.exit(1)
