"""Checks of added activations before the jobs start: in a process of its own, since their code can do anything."""

import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nngplab.errors import InputError

# Seconds that all checks may take. The imports take about one, and an activation less.
LIMIT = 30
_FILE = "src/nngplab/kernels/activations.py"
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from nngplab.kernels import activation_check; "
_PROGRAM += "activation_check.report(sys.argv[2:])"


def check_activations(names: list[str]) -> None:
    """Do nothing if there are activations of these names, and the code of those that were added is usable.

    Raises:
        InputError: if not, with one line.
    """
    source = str(Path(__file__).resolve().parents[2])
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-c", _PROGRAM, source, *names]
        quiet = subprocess.DEVNULL
        try:
            status = subprocess.run(command, stdin=quiet, stdout=output, stderr=quiet, timeout=LIMIT).returncode
            ended = f"ends the process (exit status {status})"
        except subprocess.TimeoutExpired:
            ended = f"does not end within {LIMIT} seconds"
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines() or [_FILE]
    place, *faults = lines[-1].split("\t")
    if place != "done":
        raise InputError(faults[0] if faults else f"{place} {ended}: correct it in {_FILE}")


def report(names: list[str]) -> None:
    """Check activations, and write to the standard output what is checked, then "done" or the fault.

    A line has the place and, after a tab, the fault. What the activations print goes nowhere.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        place = _FILE

        def say(text: str) -> None:
            output.write(f"{text}\n")
            output.flush()

        try:
            say(place)
            from nngplab.kernels import activations

            for name in names:
                place = f"activation {name}"
                say(place)
                activations.check_activation(name)
                if name in activations.ADDED:
                    check_function(name, activations.ADDED[name])
        except InputError as error:
            say(f"{place}\t{_one_line(error)}")
        except BaseException as error:
            say(f"{place}\t{place} fails{_line_of(error)}: {type(error).__name__}: {_one_line(error)}")
        else:
            say("done")
        os._exit(0)  # threads that an activation started may not end


def check_function(name: str, function: Callable[[Any], Any]) -> None:
    """Do nothing if a function is elementwise and real, and has a finite and positive second moment.

    Raises:
        InputError: if not.
    """
    import numpy as np

    from nngplab.kernels.tabulated import dual_by_quadrature

    x = 4 * np.sin(np.arange(60.0))  # in no order
    x.flags.writeable = False
    with np.errstate(all="ignore"):
        try:
            whole, parts = function(x), function(x.reshape(3, 4, 5))
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise InputError(f"activation {name} changes its argument: let it change a copy ({error})") from error
    fault = _fault_of(whole, x.shape) or _fault_of(parts, (3, 4, 5))
    if not fault and not np.allclose(parts.ravel(), whole, rtol=1e-12, atol=1e-300, equal_nan=True):
        fault = "returns other values for the same numbers in an array of another shape: it must be elementwise"
    if fault:
        raise InputError(f"activation {name} {fault}")
    try:
        second_moment = float(dual_by_quadrature(function, 1.0))
    except InputError as error:
        raise InputError(f"activation {name}: {error}") from error
    if second_moment == 0:
        raise InputError(f"activation {name} is zero everywhere")


def _fault_of(values: Any, shape: tuple[int, ...]) -> str:
    import numpy as np

    if not isinstance(values, np.ndarray):
        return f"returns {type(values).__name__}, not an array of NumPy"
    if np.ma.isMaskedArray(values) or values.dtype not in (np.float64, np.int64, np.bool_):
        return f"returns {type(values).__name__} of {values.dtype}: it must return an array of float64"
    if values.shape != shape:
        return f"returns shape {values.shape} for an array of shape {shape}: it must be elementwise"
    return ""


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _line_of(error: BaseException) -> str:
    """Return the last line of the file of activations that an error comes from, as text."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(_FILE)]
    return f" in line {lines[-1]}" if lines else ""
