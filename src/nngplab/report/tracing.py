"""Values that carry their origin: the file, row and column that they were read from.

`Number` and `Text` compare and sort like floats and strings. In HTML they are an element <data>, whose title names the
origin: "0.5 in results/x.csv, k = 1, column y". The script of the page reads the title, so that nothing is there twice.
Arithmetic on a number gives a number whose origin is the formula.
"""

import math
from collections.abc import Mapping

from markupsafe import Markup

# Powers of ten of the numbers that are written without one: from 0.01 to 99,999.
PLAIN_POWERS = range(-2, 5)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Origin:
    """The place of a value: a file, the row (as the values of its key columns) and the column."""

    def __init__(self, file: str, row: Mapping[str, str], column: str):
        self._file, self._row, self._column = file, dict(row), column

    def __str__(self) -> str:
        row = ", ".join(f"{key}={value}" for key, value in self._row.items())
        return f"{self._file}[{row}].{self._column}"

    def title(self, value: object = "") -> str:
        """Return the place, after the value if it is given."""
        row = [f"{key} = {text}" for key, text in self._row.items()]
        place = ", ".join([self._file, *row, f"column {self._column}"])
        return f"{value} in {place}" if value != "" else place


class Formula:
    """The origin of a computed value: the formula, with the origins of its operands."""

    def __init__(self, symbol: str, *operands: object):
        names = [str(operand.origin if isinstance(operand, Number) else operand) for operand in operands]
        self._text = f"({f' {symbol} '.join(names)})" if len(names) > 1 else f"({symbol}{names[0]})"

    def __str__(self) -> str:
        return self._text

    def title(self, value: object) -> str:
        """Return the value and the formula."""
        return f"{value} = {self._text}"


class Number(float):
    """A number with its origin. In HTML it has three significant digits unless it is an integer."""

    origin: Origin | Formula
    whole: bool

    def __new__(cls, value: float, origin: Origin | Formula, whole: bool = False) -> "Number":
        """Make a number; `whole` says that it is an integer."""
        self = super().__new__(cls, value)
        self.origin = origin
        self.whole = whole
        return self

    def __html__(self) -> str:
        return self.written_as(f"{int(self):,}".replace("-", "−") if self.whole else significant(self))

    def written_as(self, text: str) -> Markup:
        """Return the HTML element of the number, with this text."""
        value = int(self) if self.whole else float(self)
        # A line never ends before or after the sign of multiplication.
        return _data_element(value, self.origin.title(value), text.replace(" × ", "\u00a0×\u00a0"))

    def __truediv__(self, other: float) -> "Number":
        return Number(float(self) / float(other), Formula("/", self, other))

    def __rtruediv__(self, other: float) -> "Number":
        return Number(float(other) / float(self), Formula("/", other, self))

    def __rmul__(self, other: float) -> "Number":
        return Number(float(other) * float(self), Formula("*", other, self), self.whole and _is_whole(other))

    def __sub__(self, other: float) -> "Number":
        return Number(float(self) - float(other), Formula("-", self, other), self.whole and _is_whole(other))

    def __rsub__(self, other: float) -> "Number":
        return Number(float(other) - float(self), Formula("-", other, self), self.whole and _is_whole(other))

    def __neg__(self) -> "Number":
        return Number(-float(self), Formula("-", self), self.whole)


class Text(str):
    """A text with its origin. In HTML an empty text (a value that does not apply) is a dash."""

    __slots__ = ("origin",)
    origin: Origin

    def __new__(cls, value: str, origin: Origin) -> "Text":
        """Make a text."""
        self = super().__new__(cls, value)
        self.origin = origin
        return self

    def __html__(self) -> str:
        return _data_element(str(self), self.origin.title(), str(self) or "–")


def significant(value: float, count: int = 3) -> str:
    """Write a number with `count` significant digits, very small and large ones as 1.28 × 10⁻⁵."""
    if not math.isfinite(value):
        return f"{value:.0f}".replace("inf", "∞").replace("-", "−")
    mantissa, exponent = f"{value:.{count - 1}e}".split("e")
    power = int(exponent)
    if value == 0:
        return "0"
    if power in PLAIN_POWERS:
        text = f"{float(f'{mantissa}e{exponent}'):,.{max(0, count - 1 - power)}f}"
    else:
        text = f"{mantissa} × 10{str(power).translate(SUPERSCRIPTS)}"
    return text.replace("-", "−")


def fixed_point(value: float, decimals: int) -> str:
    """Write a number with `decimals` digits after the point; a value that rounds to zero has no sign."""
    text = f"{value:,.{decimals}f}"
    return (text.lstrip("-") if float(text.replace(",", "")) == 0 else text).replace("-", "−")


def _data_element(value: object, title: str, text: str) -> Markup:
    return Markup('<data value="{}" title="{}">{}</data>').format(str(value), title, text)


def _is_whole(value: object) -> bool:
    return value.whole if isinstance(value, Number) else isinstance(value, int)
