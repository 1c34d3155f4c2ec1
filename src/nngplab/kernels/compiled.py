"""Duals whose formulas Numba compiles: one loop over the entries, in vector code on every CPU.

NumPy computes a formula in as many passes as it has operations, and some of its functions have no vector code on CPUs
without AVX-512. Here, the very formulas of `nngplab.kernels.duals` are compiled: for a number, `namespace` returns
`nngplab.kernels.elementary` in the place of NumPy. The arithmetic is in float64, also for arrays of float32.
"""

import hashlib
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core import registry
from numba.extending import overload, register_jitable

from nngplab.kernels import dual as shared
from nngplab.kernels import duals, elementary, polynomials
from nngplab.kernels.dual import Array, Dual, Moment
from nngplab.kernels.tabulated import tabulated_moment

# Of the freedoms of fast mathematics, only those that keep NaN, infinities and the order of sums.
_jit = partial(numba.njit, fastmath={"contract", "nsz"}, error_model="numpy", nogil=True)
_FORMULAS = (duals, polynomials)
_SOURCES = [Path(__file__), *(Path(str(module.__file__)) for module in (shared, *_FORMULAS, elementary))]
# Numbers whose series are computed together: three arrays of them stay in the first-level cache.
_TOGETHER = 512


def compiled(dual: Dual) -> Dual:
    """Return a dual of the same values to rounding, which compiles its formulas when they are first needed.

    Formulas of one's own stay as they are.

    >>> from nngplab import DUALS
    >>> compiled(DUALS["relu"])([[0.0, 0.5, 1.0]]).round(4)
    array([[0.3183, 0.609 , 1.    ]])
    """
    return replace(
        dual, moment=_compiled_moment(dual.moment), derivative_moment=_compiled_moment(dual.derivative_moment)
    )


def _compiled_moment(moment: Moment) -> Moment:
    function = moment.func if isinstance(moment, partial) else moment
    parameters = moment.keywords if isinstance(moment, partial) else {}
    if function is tabulated_moment:
        return partial(function, **{**parameters, "series": series})
    if getattr(function, "__module__", "") not in {module.__name__ for module in _FORMULAS}:
        return moment
    return partial(_moment, formula=moment)


def _moment(c: Array, a: Array, b: Array, formula: Moment) -> Array:
    """Return formula(c, a, b) by a compiled loop; by NumPy if there is none for arrays of these shapes and types."""
    if not isinstance(c, np.ndarray) or c.dtype not in (np.float32, np.float64):
        return formula(c, a, b)
    out = np.empty(c.shape)
    if np.ndim(a) == 0 == np.ndim(b) and a == 1 == b:
        _loops(formula).of_unit_variances(_doubles(c).ravel(), out.ravel())
    elif np.shape(a) == np.shape(b) == c.shape and c.ndim == 1:
        _loops(formula).of_pairs(_doubles(c), _doubles(a), _doubles(b), out)
    elif c.ndim == 2 and np.shape(a) == (len(c), 1) and np.shape(b) == c.shape[1:]:
        _loops(formula).of_rows(_doubles(c), _doubles(a).ravel(), _doubles(b), out)
    else:
        return formula(c, a, b)
    return out.astype(c.dtype, copy=False)


def _doubles(x: Array) -> Array:
    """Return an array as all compiled loops take them: they are compiled for one type of argument alone."""
    return np.require(x, np.float64, ["C", "ALIGNED", "WRITEABLE"])


@overload(shared.namespace)
def _namespace(x: Any) -> Any:  # noqa: ARG001
    def of_a_number(x: Any) -> Any:  # noqa: ARG001
        return elementary

    return of_a_number


@overload(shared.length_and_cosine, jit_options={"forceinline": True})
def _length_and_cosine(c: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    def of_numbers(c: Any, a: Any, b: Any) -> Any:
        root = math.sqrt(a) * math.sqrt(b)
        s = a if a == b else root
        return s, elementary.clip(c / (s if s > 0 else 1.0), -1.0, 1.0)

    return of_numbers


for _module in _FORMULAS:
    for _function in vars(_module).values():
        if isinstance(_function, FunctionType) and _function.__module__ == _module.__name__:
            register_jitable(forceinline=True)(_function)  # without calls inside, a loop becomes vector code


def _jitted(of: tuple[Any, ...]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator: a function becomes compiled code, made at its first call, which a file keeps.

    Where there is no folder for the file, the disk is full or the file is damaged, each process compiles for itself.

    Args:
        of: the formula that the function computes, and its parameters.
    """

    def decorator(function: Callable[..., None]) -> Callable[..., None]:
        function.__qualname__ = f"{function.__name__}_{_digest(of)}"  # Numba names the file so
        loops: list[Any] = [_jit(function)]
        with suppress(RuntimeError):  # there is no folder
            loops.append(_jit(function, cache=True))

        def run(*arrays: Array) -> None:
            try:
                loops[-1](*arrays)
            except Exception:  # it is of the file, since the arithmetic raises none
                del loops[1:]
                loops[0](*arrays)

        return run

    return decorator


def _digest(of: tuple[Any, ...]) -> str:
    """Return a digest of all that compiled code depends on, so that a file has one content for ever.

    With one name for several contents, Numba has an index of them. Two processes that add to it at once can exchange
    their code, and a third one would then compute another formula.
    """
    cpu = registry.cpu_target.target_context.codegen().magic_tuple()
    found = hashlib.sha256(repr((numba.__version__, cpu, of)).encode())
    for path in _SOURCES:
        found.update(path.read_bytes())
    return found.hexdigest()[:32]


class _Loops:
    """The compiled loops of a formula."""

    def __init__(self, formula: Moment) -> None:
        function: Callable[..., Any] = formula.func if isinstance(formula, partial) else formula
        parameters = tuple(formula.keywords.values()) if isinstance(formula, partial) else ()
        of = function.__module__, function.__name__, parameters

        @_jitted(of)
        def of_unit_variances(c: Array, out: Array) -> None:
            for j in range(len(c)):
                out[j] = function(c[j], 1.0, 1.0, *parameters)

        @_jitted(of)
        def of_pairs(c: Array, a: Array, b: Array, out: Array) -> None:
            for j in range(len(c)):
                out[j] = function(c[j], a[j], b[j], *parameters)

        @_jitted(of)
        def of_rows(c: Array, a: Array, b: Array, out: Array) -> None:
            for i in range(len(a)):
                for j in range(len(b)):
                    out[i, j] = function(c[i, j], a[i], b[j], *parameters)

        self.of_unit_variances, self.of_pairs, self.of_rows = of_unit_variances, of_pairs, of_rows


_loops = lru_cache(maxsize=None)(_Loops)


def series(table: Array, xi: Array) -> Array:
    """Evaluate a table at correlations, as `nngplab.kernels.tabulated.series` does."""
    out = np.empty(xi.shape)
    _series(np.append(table, np.zeros(len(table) % 2)), _doubles(xi).ravel(), out.ravel())
    return out.astype(xi.dtype, copy=False)


@_jitted(("series",))
def _series(table: Array, xi: Array, out: Array) -> None:
    """Clenshaw's recurrence for a Chebyshev series of an even number of coefficients."""
    twice, last, before = np.empty(_TOGETHER), np.empty(_TOGETHER), np.empty(_TOGETHER)
    for start in range(0, len(xi), _TOGETHER):
        count = min(_TOGETHER, len(xi) - start)
        for j in range(count):
            twice[j] = elementary.arccos(xi[start + j]) * (4 / math.pi) - 2
            last[j] = before[j] = 0.0
        # Two steps of the recurrence at once, which need no copy of `last`.
        for k in range(len(table) - 1, 0, -2):
            for j in range(count):
                before[j] = table[k] + twice[j] * last[j] - before[j]
                last[j] = table[k - 1] + twice[j] * before[j] - last[j]
        for j in range(count):
            out[start + j] = last[j] - twice[j] / 2 * before[j]
