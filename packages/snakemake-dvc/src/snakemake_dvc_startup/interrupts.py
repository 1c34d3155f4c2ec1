"""Signals that end a process of Snakemake: at any moment it ends with one line, and no lock is left.

An exception that a signal raises can appear between any two instructions: it can leave a lock acquired, and asyncio and
thread pools can wait for each other then. So no signal raises an exception. Before and after the jobs of a run, the
process ends at once, as the next run expects from a killed run. While jobs run, Snakemake's scheduler is stopped at a
defined point.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    **({signal.SIGHUP: signal.SIG_DFL} if hasattr(signal, "SIGHUP") else {}),
}

_at_exit: list[Callable[[], None]] = []
_stop: list[Callable[[], None]] = []
_deferring: list[None] = []
_deferred: list[int] = []


def handle() -> None:
    """Handle the signals from now on, except those that the parent process ignores, as `nohup` does."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number, default in _DEFAULTS.items():
        if signal.getsignal(number) == default:
            signal.signal(number, _end)


def report_in_one_line() -> None:
    """Print one line for an interrupt that the program does not handle, instead of a traceback."""
    report = sys.excepthook

    def report_interrupt(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("error: interrupted", file=sys.stderr)
        else:
            report(kind, error, traceback)

    sys.excepthook = report_interrupt


def handle_again() -> None:
    """Handle the signals for which Snakemake's scheduler has set a handler of its own."""
    if signal.getsignal(signal.SIGINT) == _end:
        signal.signal(signal.SIGTERM, _end)


def at_exit(function: Callable[[], None]) -> None:
    """Call a function before a signal ends the process."""
    _at_exit.append(function)


@contextmanager
def stopped_by(stop: Callable[[], None]) -> Iterator[None]:
    """Within this context, a signal does not end the process, but calls a function in a thread of its own.

    The main thread may hold the lock that the function acquires, and would wait for itself.
    """
    _stop.append(stop)
    try:
        yield
    finally:
        _stop.pop()


@contextmanager
def deferred() -> Iterator[None]:
    """Within this context, which must be short, a signal has no effect; it takes effect at the end."""
    _deferring.append(None)
    try:
        yield
    finally:
        _deferring.pop()
        if _deferred and not _deferring:
            _end(_deferred.pop())


def _end(number: int, _frame: Any = None) -> None:
    if _deferring:
        _deferred.append(number)
    elif _stop:
        threading.Thread(target=_stop[-1]).start()
    else:
        _exit(number)


def _exit(number: int) -> None:
    for function in [*_at_exit]:
        with suppress(Exception):
            function()
    if "--mode" not in sys.argv:  # Snakemake itself reports that a job was interrupted
        with suppress(OSError):  # the terminal may be closed
            os.write(2, f"error: interrupted by {signal.Signals(number).name}: run again to continue\n".encode())
    os._exit(128 + number)
