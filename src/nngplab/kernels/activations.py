"""Activations by name: in closed form, or in a file of its own.

Under its name, one line of the configuration (`extra_activations`) takes an activation through Problems 11 and 12: see
docs/activations.md.
"""

import re
import runpy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.dual import Activation, Dual
from nngplab.kernels.duals import DUALS
from nngplab.kernels.tabulated import dual_by_quadrature, dual_of

Array = npt.NDArray[Any]

# The name of the optional closed form in a file, and what the tables of Problem 11 name so.
_TAKEN = ("dual", "laplace", "linear", "zero", "ntk", "relu_depth3")


def dual_named(name: str, file: Path | None = None) -> Dual:
    """Return the dual of an activation: in closed form by its name, or of the activation in a file.

    Args:
        name: the name of the activation.
        file: the file of the activation, as for `read_activation`; None for one with a closed form in the library.

    Raises:
        InputError: if there is no such activation, or as `read_activation` and `dual_of`.

    >>> from nngplab.kernels.activations import dual_named
    >>> float(dual_named("step")(0.0))
    0.5
    """
    if file is None:
        check_known(name)
        return DUALS[name]
    function, dual = read_activation(file)
    return dual_of(function, name) if dual is None else _dual_in_closed_form(name, function, dual)


def check_known(name: str, folder: str = "workflow/activations") -> None:
    """Do nothing if there is an activation of this name in closed form.

    Raises:
        InputError: if there is none, with the name of the file that would define it.
    """
    if name not in DUALS:
        raise InputError(
            f"unknown activation {name!r}: choose one of {', '.join(DUALS)}, or write it into {folder}/{name}.py"
        )


def read_activation(file: Path) -> tuple[Activation, Callable[[Array], Array] | None]:
    """Run the Python file of an activation, which has the name of the activation.

    Args:
        file: a file `NAME.py` that defines the function `NAME` of arrays of any shape, elementwise, and perhaps the
            function `dual`: E[NAME(u) NAME(v)] at correlations, elementwise, where any constant factor is allowed.

    Returns:
        The activation, and its dual or None.

    Raises:
        InputError: if the name is taken, or the configuration cannot have it, or there is no such function.
    """
    name = file.stem
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise InputError(f"{file}: the name {name} must consist of lower-case letters, digits and underscores")
    if name in (*DUALS, *_TAKEN):
        raise InputError(f"{file}: there is an activation {name} already: choose another name")
    defined = runpy.run_path(str(file))  # unlike an import, it writes no file beside this one
    if not callable(defined.get(name)):
        raise InputError(f"{file}: it must define the function {name}")
    dual = defined.get("dual")
    if dual is not None and not callable(dual):
        raise InputError(f"{file}: dual must be a function of correlations")
    return defined[name], dual


def _dual_in_closed_form(name: str, function: Activation, dual: Callable[[Array], Array]) -> Dual:
    second_moment = float(dual_by_quadrature(function, 1.0))
    moment = partial(_given_moment, name=name, dual=dual, at_one=float(dual(np.ones(1))[0]))
    return Dual(name, function, second_moment, moment, partial(_unknown_derivative, name=name))


def _given_moment(c: Array, a: Array, b: Array, name: str, dual: Callable[[Array], Array], at_one: float) -> Array:
    if not (np.all(a == 1) and np.all(b == 1)):
        raise InputError(f"the dual of {name} is given for unit variances only: normalise the rows (normalize=True)")
    return dual(np.asarray(c)) / at_one


def _unknown_derivative(*_: Array, name: str) -> Array:
    raise InputError(f"the dual of {name} was given without that of its derivative, which the NTK needs")
