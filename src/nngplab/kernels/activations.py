"""Activations without a closed form, by name: add your own below.

Under its name, one line of the configuration (`extra_activations`) takes an activation through Problems 11 and 12: see
docs/activations.md.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS
from nngplab.kernels.tabulated import dual_of

Array = npt.NDArray[Any]
Activation = Callable[[Array], Array]

ADDED: dict[str, Activation] = {}
# What the tables of Problem 11 name so.
_KERNELS = ("laplace", "linear", "zero")


def activation(function: Activation) -> Activation:
    """Make an elementwise function of arrays of any shape known by its own name; used as a decorator.

    Raises:
        InputError: if the name is taken, or the configuration cannot have it.
    """
    name = function.__name__
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise InputError(f"activations: the name {name} must consist of lower-case letters, digits and underscores")
    if name in (*DUALS, *ADDED, *_KERNELS):
        raise InputError(f"activations: there is an activation {name} already: choose another name")
    ADDED[name] = function
    return function


def check_activation(name: str) -> None:
    """Do nothing if there is an activation of this name, in closed form or below.

    Raises:
        InputError: if there is none.
    """
    if name not in DUALS and name not in ADDED:
        raise InputError(
            f"unknown activation {name!r}: choose one of {', '.join([*DUALS, *ADDED])}, "
            "or add it to src/nngplab/kernels/activations.py"
        )


@cache
def dual_named(name: str) -> Dual:
    """Return the dual of the activation of this name: in closed form if there is one, else from a table.

    Raises:
        InputError: as `check_activation` and `dual_of`.
    """
    check_activation(name)
    return DUALS[name] if name in DUALS else dual_of(ADDED[name])


@activation
def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent."""
    return np.tanh(x)
