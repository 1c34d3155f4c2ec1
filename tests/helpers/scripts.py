"""The scripts of the workflow, run in the process of the test."""

import contextlib
import io
import logging
import runpy
import sys

import torch

from tests.helpers.checkout import SCRIPTS


def script(name: str, *options: object) -> tuple[int, str]:
    """Run a script in this process, which has PyTorch loaded already; return its exit status and what it said."""
    said, threads, log = io.StringIO(), torch.get_num_threads(), logging.getLogger("nngplab")
    before = sys.argv, log.level, log.handlers[:]
    sys.argv = [name, *map(str, options)]
    try:
        with contextlib.redirect_stderr(said):
            runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    except SystemExit as ended:
        return int(ended.code or 0), said.getvalue()
    finally:
        torch.set_num_threads(threads)
        sys.argv, log.level, log.handlers[:] = before
    return 0, said.getvalue()
