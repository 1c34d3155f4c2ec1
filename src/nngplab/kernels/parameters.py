"""Checks of parameters. Each error names the parameter, its value, and what is allowed."""

import math
import sys
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError


def check_integer(what: str, value: Any, lowest: int) -> None:
    """Raise InputError unless a value is an integer, `lowest` or above."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < lowest:
        raise InputError(f"{what} is {value!r}: it must be an integer, {lowest} or above")


def check_number(what: str, value: Any, above: float = -math.inf) -> None:
    """Raise InputError unless a value is a finite number, larger than `above`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not above < value <= sys.float_info.max:
        raise InputError(f"{what} is {value!r}: it must be a finite number{f' above {above:g}' if above == 0 else ''}")


def check_boolean(what: str, value: object) -> None:
    """Raise InputError unless a value is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{what} is {value!r}: it must be True or False")


def real_array(what: str, values: Any) -> npt.NDArray[Any]:
    """Return values as an array of floats, or raise InputError; floats keep their dtype."""
    try:
        array = np.asarray(values)
        if np.issubdtype(array.dtype, np.floating):
            return array
        if array.dtype.kind in "iub":
            return array.astype(np.float64)
        if array.dtype.kind == "O":
            return np.array([float(value) for value in array.flat]).reshape(array.shape)
    except (TypeError, ValueError):
        pass
    raise InputError(f"{what} must be real numbers; got {type(values).__name__} {str(values)[:40]!r}")
