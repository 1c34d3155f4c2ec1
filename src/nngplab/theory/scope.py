r"""What a check covers, in Markdown with LaTeX between dollar signs.

The text is made from the symbols, points, arrays and instances that the check has used, so that it cannot differ from
them.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from numbers import Integral
from typing import Any

import numpy as np
import sympy

# Names of arguments that differ from their LaTeX in more than a backslash or an index.
_LATEX = {
    "z": r"\tilde{x}",
    "z1": r"\tilde{x}_1",
    "z2": r"\tilde{x}_2",
    "z3": r"\tilde{x}_3",
    "re1": r"\mathrm{Re}(C_1)",
    "im1": r"\mathrm{Im}(C_1)",
    "re2": r"\mathrm{Re}(C_2)",
    "im2": r"\mathrm{Im}(C_2)",
}


def join(*parts: str) -> str:
    """Join descriptions; empty ones are left out."""
    return "; ".join(part for part in parts if part)


def of_symbols(sides: Iterable[Any]) -> str:
    """Describe the symbols that are free in the sides, with what sympy assumes of them."""
    symbols = sorted(set().union(*(sympy.sympify(side).free_symbols for side in sides)), key=str)
    groups = []
    for assumption in ("complex", "real", "positive"):
        names = [f"${_name(str(symbol))}$" for symbol in symbols if _assumed(symbol) == assumption]
        if names:
            kind = f"a {assumption} symbol" if len(names) == 1 else f"{assumption} symbols"
            groups.append(f"{kind} {', '.join(names)}")
    return join(*groups)


def of_instances(instances: Mapping[str, Any]) -> str:
    """Describe the instances of a general equation: functions (sympy.Lambda), ranges of indices, and numbers.

    Symbols are left out; `of_symbols` describes them.
    """
    chosen = {name: value for name, value in instances.items() if not isinstance(value, sympy.Symbol)}
    return ", ".join(f"${_name(name)}{_value(value)}$" for name, value in chosen.items())


def of_points(points: Sequence[Mapping[str, Fraction]]) -> str:
    """Describe points: for each, the value of each variable. Points without variables have no description."""
    names = [_name(name) for name in points[0]]
    if not names:
        return ""
    values = [", ".join(map(str, point.values())) for point in points]
    if len(names) == 1:
        return f"${names[0]}$ = {' and '.join(f'${value}$' for value in values)}"
    return f"$({', '.join(names)})$ = {' and '.join(f'$({value})$' for value in values)}"


def of_draws(draws: Sequence[Mapping[str, Any]]) -> str:
    """Describe random draws: the shapes of their arrays and the values of their numbers, with the range of each."""
    flat = [dict(_fields(draw)) for draw in draws]
    if not flat[0]:
        return ""
    parts = [_over_draws(_name(name), [draw[name] for draw in flat]) for name in flat[0]]
    return f"{len(draws)} random {'draw' if len(draws) == 1 else 'draws'} of {', '.join(parts)}"


def _assumed(symbol: sympy.Symbol) -> str:
    if symbol.is_positive:
        return "positive"
    return "real" if symbol.is_real else "complex"


def _name(name: str) -> str:
    return _LATEX.get(name) or str(sympy.latex(sympy.Symbol(name)))


def _value(value: Any) -> str:
    if isinstance(value, sympy.Lambda):
        return f"({sympy.latex(value.variables[0])}) = {sympy.latex(value.expr)}"
    if isinstance(value, range):
        return rf" = {value[0]}, \ldots, {value[-1]}"
    return f" = {value}"


def _fields(arguments: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return names and values, those of the fields of a named tuple in place of the tuple."""
    for name, value in arguments.items():
        yield from value._asdict().items() if hasattr(value, "_asdict") else [(name, value)]


def _over_draws(name: str, values: Sequence[Any]) -> str:
    if np.ndim(values[0]) == 0:
        ends = _extent(values, "$ to $")
        return f"${name} = {ends}$" if isinstance(values[0], Integral) else rf"${name} \approx {ends}$"
    shape = r" \times ".join(_extent(lengths, "..") for lengths in zip(*map(np.shape, values), strict=True))
    return rf"${name} \in \mathbb{{R}}^{{{shape}}}$"


def _extent(values: Sequence[Any], separator: str) -> str:
    """Write the smallest and the largest value, or the value that all have."""
    ends = dict.fromkeys([min(values), max(values)])
    return separator.join(str(end) if isinstance(end, Integral) else f"{float(end):.2f}" for end in ends)
