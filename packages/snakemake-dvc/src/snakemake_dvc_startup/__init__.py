"""What the commands `snakemake` and `snakemake-dvc` do at their start, before they have read any file.

The file snakemake_dvc.pth, which is installed beside the package, calls `prepare` in each of their processes. Without
it, `reconcile` does, and only what happens after that is covered. A package of its own, since `snakemake_dvc` imports
Snakemake.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib.abc import MetaPathFinder
from typing import Any

from snakemake_dvc_startup import config_files, executors, home, interrupts, outputs, plots, progress

COMMANDS = ("snakemake", "snakemake-dvc")
# The classes, by name, of exceptions whose cause lies outside of the program: a file, or a value on the command line.
# Their text says what is wrong. For all others the traceback is needed.
EXPECTED = {"OSError", "UnicodeError", "YAMLError", "RecursionError"}

# When Python started, in seconds since the epoch; None if this package was imported later than that. The process can be
# older: a shell becomes the last of its commands, after it has edited files.
STARTED = None if "snakemake" in sys.modules else time.time()

_EXCEPTIONS = "snakemake.exceptions"


def prepare() -> None:
    """Let signals and expected exceptions end the process with one line; provide a home folder for Snakemake and DVC.

    In the process of a job in Python, an interrupt is reported in one line. It does nothing in other programs.
    """
    program = _program()
    if program not in (*COMMANDS, "dvc"):
        interrupts.report_in_one_line()
    if program in (*COMMANDS, "dvc"):
        home.provide()
        replace(progress.REPLACEMENTS)
    if program == "dvc":
        replace(outputs.REPLACEMENTS)
        replace(plots.REPLACEMENTS)
    if program in COMMANDS:
        interrupts.handle()
        replace({_EXCEPTIONS: _replace_format, **config_files.REPLACEMENTS})
        replace(executors.REPLACEMENTS)


def replace(replacements: Mapping[str, Callable[[Any], None]]) -> None:
    """Replace functions in modules of Snakemake and DVC, in this process and from now on.

    Args:
        replacements: for each module, a function that is called with it once: now or as soon as it is imported.
    """
    for name, function in replacements.items():
        if name in sys.modules:
            _call_once(function, sys.modules[name])
        elif (name, function) not in _after_import():
            sys.meta_path.insert(0, _AfterImport(name, function))


def _after_import() -> list[tuple[str, Callable[[Any], None]]]:
    finders = [finder for finder in sys.meta_path if isinstance(finder, _AfterImport)]
    return [(finder.name, finder.function) for finder in finders]


def _call_once(function: Callable[[Any], None], module: Any) -> None:
    done = module.__dict__.setdefault("_replaced_by_snakemake_dvc", set())
    if function not in done:
        done.add(function)
        function(module)


def _program() -> str:
    """Return the name of the program or module that Python executes."""
    path = sys.argv[0] if sys.argv else ""
    if path == "-m":  # before Python has found the module
        path = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    return os.path.basename(path.removesuffix("/__main__.py"))  # noqa: PTH119 - pathlib is slow to import


class _AfterImport(MetaPathFinder):
    """Calls a function with a module as soon as it is imported, before other modules use it."""

    def __init__(self, name: str, function: Callable[[Any], None]) -> None:
        self.name = name
        self.function = function

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:  # noqa: ARG002
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_replace(module: Any) -> None:
                execute(module)
                _call_once(self.function, module)

            spec.loader.exec_module = execute_and_replace  # type: ignore[method-assign]
        return spec


def _replace_format(exceptions: Any) -> None:
    """Let Snakemake print one line for an expected exception that none of its own functions explains."""
    import logging  # not for the signals

    logging.raiseExceptions = False  # a full disk is reported once, and not for each line of Snakemake's log
    format_exception = exceptions.format_exception_to_string

    def format_in_one_line(error: BaseException, linemaps: Any = None) -> str:
        if is_expected(error) and not (linemaps and exceptions.get_exception_origin(error, linemaps)):
            from snakemake_dvc.messages import one_line

            return f"error: {one_line(error)}"
        return str(format_exception(error, linemaps))

    exceptions.format_exception_to_string = format_in_one_line


def is_expected(error: BaseException) -> bool:
    """Return whether the cause of an exception lies outside of the program."""
    return not EXPECTED.isdisjoint(kind.__name__ for kind in type(error).__mro__)
