"""What a dual activation is: the class, and what the formulas of its instances share."""

import math
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.kernels.parameters import real_array

Array = npt.NDArray[Any]
Activation = Callable[[Array], Array]
Moment = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Dual:
    r"""The dual of an activation that is scaled so that E[phi(u)^2] = 1 for u ~ N(0, 1): its dual has dual(1) = 1.

    Attributes:
        name: the name of the activation.
        plain: the activation as it is usually written, not scaled; elementwise.
        second_moment: E[plain(u)^2] for u ~ N(0, 1): phi is plain / sqrt(second_moment).
        moment: moment(c, a, b) = E[phi(u) phi(v)] for (u, v) ~ N(0, [[a, c], [c, b]]), with the scaled phi;
            elementwise, c, a and b broadcast against each other.
        derivative_moment: E[phi'(u) phi'(v)], likewise. It is the derivative of `moment` with respect to c (Price 1958,
            "A useful theorem for nonlinear devices having Gaussian inputs").
        label: the name in words, for figures and pages; the name itself, with spaces, if empty.
        formula: LaTeX of dual(xi) in terms of \xi; empty if there is no closed form.
        colour: that of its lines in figures, as "#rrggbb"; None for any that is free.

    Two duals with the same functions and parameters are equal, in another process too.

    A dual can be pickled. Functions that pickle cannot refer to by name, such as lambdas, are pickled by their code;
    they are equal to themselves alone.

    >>> from nngplab import DUALS
    >>> DUALS["sine"]
    <Dual sine>
    >>> DUALS["sine"]([0.0, 0.5, 1.0]).round(4)
    array([0.    , 0.4434, 1.    ])
    """

    name: str
    plain: Activation
    second_moment: float
    moment: Moment
    derivative_moment: Moment
    label: str = ""
    formula: str = ""
    colour: str | None = None

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name.replace("_", " "))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dual):
            return NotImplemented
        return all(_is_same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))

    def __hash__(self) -> int:
        return hash((self.name, self.second_moment))

    def __repr__(self) -> str:
        return f"<Dual {self.name}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Dual":
        return self  # it cannot change; so scikit-learn's `clone` keeps lambdas

    def __getstate__(self) -> dict[str, Any]:
        return {name: _picklable(value) for name, value in vars(self).items()}

    def activation(self, x: Array) -> Array:
        """Return phi(x), scaled; elementwise."""
        return self.plain(x) / math.sqrt(self.second_moment)

    def __call__(self, xi: npt.ArrayLike) -> Array:
        """Return the dual at the correlations xi, elementwise, in the dtype of xi (float64 for integers).

        Of a tensor of PyTorch it is a tensor on the same device, unless the dual is from a table.

        Rounding takes the product of two unit vectors outside [-1, 1], so xi is clipped to that interval. The absolute
        error is a few units of rounding, at the ends of the interval too.
        """
        return self._at_unit_variance(self.moment, xi)

    def derivative(self, xi: npt.ArrayLike) -> Array:
        """Return E[phi'(u) phi'(v)] at the correlations xi, as `__call__` does: the derivative of the dual.

        It is not scaled again, so that its value at 1 is E[phi'(u)^2], which is infinite where phi jumps.
        """
        return self._at_unit_variance(self.derivative_moment, xi)

    @staticmethod
    def _at_unit_variance(moment: Moment, xi: Any) -> Array:
        xp = namespace(xi)
        if xp is np:
            xi = real_array("correlations", xi)
        one = np.ones((), xi.dtype) if xp is np else xi.new_ones(())
        return moment(xp.clip(xi, -one, one), one, one)


def _picklable(value: Any) -> Any:
    """Return a function in a form that pickle takes; any other value as it is."""
    if not callable(value):
        return value
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        from joblib import wrap_non_picklable_objects  # joblib comes with scikit-learn

        return wrap_non_picklable_objects(value, keep_wrapper=False)
    return value


def _is_same(a: Any, b: Any) -> bool:
    """Return whether two attributes are equal, where partial functions are so if what they are made of is."""
    if isinstance(a, partial) and isinstance(b, partial):
        return (
            a.func == b.func
            and a.keywords.keys() == b.keywords.keys()
            and all(_is_same(value, b.keywords[key]) for key, value in a.keywords.items())
        )
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else bool(a == b)


def namespace(x: Any) -> Any:
    """Return the module whose functions take x: torch for its tensors, and otherwise NumPy, in the names of both."""
    return sys.modules["torch"] if type(x).__module__ == "torch" else np


def length_and_cosine(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Return sqrt(a b) and the correlation c / sqrt(a b), which counts as 0 where a or b is 0."""
    xp = namespace(c)
    if np.ndim(a) == 0 == np.ndim(b) and a == 1 == b:
        return a, xp.clip(c, -1, 1)
    # Of the same vector the correlation is 1 to the last bit: near 1, some duals change by the root of a change.
    s = xp.where(a == b, a, xp.sqrt(a) * xp.sqrt(b))
    return s, xp.clip(c / xp.where(s > 0, s, 1), -1, 1)
