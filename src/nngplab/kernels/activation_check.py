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
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from nngplab.kernels import activation_check; "
_PROGRAM += "activation_check.report(sys.argv[2], sys.argv[3:])"


def check_activations(names: list[str], folder: str | os.PathLike[str]) -> None:
    """Do nothing if each name is that of a closed form, or of a file in a folder whose code is usable.

    Args:
        names: the names of the activations.
        folder: the folder of files `NAME.py`, see `nngplab.kernels.activations.read_activation`.

    Raises:
        InputError: if not, with one line.
    """
    source = str(Path(__file__).resolve().parents[2])
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-c", _PROGRAM, source, os.fspath(folder), *names]
        quiet = subprocess.DEVNULL
        try:
            status = subprocess.run(command, stdin=quiet, stdout=output, stderr=quiet, timeout=LIMIT).returncode
            ended = f"ends the process (exit status {status})"
        except subprocess.TimeoutExpired:
            ended = f"does not end within {LIMIT} seconds"
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines() or [os.fspath(folder)]
    place, *faults = lines[-1].split("\t")
    if place != "done":
        raise InputError(faults[0] if faults else f"{place} {ended}: correct it")


def report(folder: str, names: list[str]) -> None:
    """Check activations, and write to the standard output what is checked, then "done" or the fault.

    A line has the place and, after a tab, the fault. What the activations print goes nowhere.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        place, file = folder, Path()

        def say(text: str) -> None:
            output.write(f"{text}\n")
            output.flush()

        try:
            from nngplab.kernels.activations import check_known, read_activation

            for name in names:
                file = Path(folder, f"{name}.py")
                place = str(file)
                say(place)
                if not file.exists():
                    check_known(name, folder)
                    continue
                function, dual = read_activation(file)
                place = f"activation {name} of {file}"
                say(place)
                check_function(name, function)
                if dual:
                    check_dual(name, function, dual)
        except InputError as error:
            say(f"{place}\t{_one_line(error)}")
        except BaseException as error:
            say(f"{place}\t{place} fails{_line_of(error, file)}: {type(error).__name__}: {_one_line(error)}")
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


def check_dual(name: str, function: Callable[[Any], Any], dual: Callable[[Any], Any]) -> None:
    """Do nothing if a dual, up to a factor, is that of a function.

    Raises:
        InputError: if not: it is compared with quadrature of the definition.
    """
    import numpy as np

    from nngplab.kernels.tabulated import dual_by_quadrature

    xi = np.array([[1, 0.999, 0.7], [0.3, 0, -0.2], [-0.6, -0.95, -1]])
    values = dual(xi)
    if fault := _fault_of(values, xi.shape):
        raise InputError(f"the dual of activation {name} {fault}")
    expected = dual_by_quadrature(function, xi)
    with np.errstate(all="ignore"):
        errors = np.abs(values / values[0, 0] - expected / expected[0, 0])
    if not np.all(errors <= 1e-8):
        worst = np.unravel_index(np.argmax(np.where(np.isnan(errors), np.inf, errors)), xi.shape)
        given, right = values[worst] / values[0, 0], expected[worst] / expected[0, 0]
        raise InputError(
            f"the dual of activation {name} is wrong: divided by its value at 1, it is {given:.6g} at {xi[worst]}, "
            f"and quadrature of the definition gives {right:.6g}"
        )


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


def _line_of(error: BaseException, file: Path) -> str:
    """Return the last line of a file that an error comes from, as text."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f" in line {lines[-1]}" if lines else ""
