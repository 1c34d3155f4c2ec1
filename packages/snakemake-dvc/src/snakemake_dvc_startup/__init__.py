"""What the commands `snakemake` and `snakemake-dvc` do at their start, before they have read any file.

The file snakemake_dvc.pth, which is installed beside the package, calls `prepare` in each of their processes. Without
it, `reconcile` does, and only what happens after that is covered. A package of its own, since `snakemake_dvc` imports
Snakemake.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from typing import Any

from snakemake_dvc_startup import config_files, home, interrupts, progress

COMMANDS = ("snakemake", "snakemake-dvc")
# The classes, by name, of exceptions whose cause lies outside of the program: a file, or a value on the command line.
# Their text says what is wrong. For all others the traceback is needed.
EXPECTED = {"OSError", "UnicodeError", "YAMLError", "RecursionError"}

_EXCEPTIONS = "snakemake.exceptions"


def prepare() -> None:
    """Let signals and expected exceptions end the process with one line; provide a home folder for Snakemake and DVC.

    It does nothing in other programs.
    """
    program = _program()
    if program in (*COMMANDS, "dvc"):
        home.provide()
        progress.allow_braces()
    if program not in COMMANDS:
        return
    interrupts.handle()
    if _EXCEPTIONS in sys.modules:
        _replace_format(sys.modules[_EXCEPTIONS])
    else:
        for name, replace in {_EXCEPTIONS: _replace_format, **config_files.AFTER_IMPORT}.items():
            sys.meta_path.insert(0, _AfterImport(name, replace))


def _program() -> str:
    """Return the name of the program or module that Python executes."""
    path = sys.argv[0] if sys.argv else ""
    if path == "-m":  # before Python has found the module
        path = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    return os.path.basename(path.removesuffix("/__main__.py"))  # noqa: PTH119 - pathlib is slow to import


class _AfterImport(MetaPathFinder):
    """Calls a function with a module of Snakemake as soon as it is imported, before other modules use it."""

    def __init__(self, name: str, replace: Callable[[Any], None]) -> None:
        self.name = name
        self.replace = replace

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:  # noqa: ARG002
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_replace(module: Any) -> None:
                execute(module)
                self.replace(module)

            spec.loader.exec_module = execute_and_replace  # type: ignore[method-assign]
        return spec


def _replace_format(exceptions: Any) -> None:
    """Let Snakemake print one line for an expected exception that none of its own functions explains."""
    import logging  # not for the signals

    logging.raiseExceptions = False  # a full disk is reported once, and not for each line of Snakemake's log
    format_exception = exceptions.format_exception_to_string
    if hasattr(format_exception, "original"):
        return

    def format_in_one_line(error: BaseException, linemaps: Any = None) -> str:
        if is_expected(error) and not (linemaps and exceptions.get_exception_origin(error, linemaps)):
            from snakemake_dvc.messages import one_line

            return f"error: {one_line(error)}"
        return str(format_exception(error, linemaps))

    format_in_one_line.original = format_exception  # type: ignore[attr-defined]
    exceptions.format_exception_to_string = format_in_one_line


def is_expected(error: BaseException) -> bool:
    """Return whether the cause of an exception lies outside of the program."""
    return not EXPECTED.isdisjoint(kind.__name__ for kind in type(error).__mro__)
