"""The scripts of the workflow, run in the process of the test."""

import contextlib
import io
import logging
import re
import runpy
import sys

import torch

from tests.helpers.checkout import SCRIPTS


def run_script(name: str, *options: object, status: int = 0) -> str:
    """Run a script in this process, which has imported PyTorch already, and return what it wrote to standard error.

    Without the lines on its progress, whose number depends on the speed of the machine.

    Args:
        name: the name of the script, without `.py`.
        options: its command line; lists are taken apart.
        status: the exit status that it must have.
    """
    output, threads, log = io.StringIO(), torch.get_num_threads(), logging.getLogger("nngplab")
    before, ended = (sys.argv, log.level, log.handlers[:]), 0
    sys.argv = [name, *(str(word) for option in options for word in (option if isinstance(option, list) else [option]))]
    try:
        with contextlib.redirect_stderr(output):
            runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    except SystemExit as error:
        ended = int(error.code or 0)
    finally:
        torch.set_num_threads(threads)
        sys.argv, log.level, log.handlers[:] = before
    assert ended == status, output.getvalue()
    return re.sub(r"^.* left\n", "", output.getvalue(), flags=re.MULTILINE)


def options_of(**values: object) -> list[object]:
    """Return a command line: `--some-name value` for each argument, with all values of a list."""
    words: list[object] = []
    for name, value in values.items():
        words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    return words
