"""Tables of numbers in CSV text, and what is wrong with one: where it is, and what to do without losing a row."""

import io
import itertools
import re
import reprlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", ":": "colons", " ": "spaces"}
# What programs write in the place of a missing number. A row of them is no header.
MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "nil", "none", "missing", "inf", "infinity"}
BLOCK = 1000  # rows that are searched for an error at once


def parse(text: str) -> Array | None:
    """Return the table of numbers that a CSV text holds, or None if any field is not a number."""
    if not text.strip():
        return None
    try:
        return np.loadtxt(io.StringIO(text), delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None


def is_valid(table: Array | None, columns: int) -> bool:
    """Return whether there is a table of finite numbers with so many columns."""
    return table is not None and table.shape[1] == columns and bool(np.isfinite(table).all())


def find_error(text: str, columns: int) -> str:
    """Return the first error of a table: its row and column, counted from 1, what it is, and what to do."""
    row, line = next(_wrong_rows(text, columns))
    fields = line.split(",")
    if row == 1 + len(text) - len(text.lstrip("\n")):
        description = _describe_format(line) or _describe_header(line, text)
        if description:
            return f"row {row}: {description}"
    if len(fields) != columns:
        return (
            f"row {row}: the number of columns is {len(fields)} instead of {columns}: "
            "correct the row, with commas between numbers"
        )
    column, field = next((k, field) for k, field in enumerate(fields, start=1) if not is_valid(parse(field), 1))
    advice = "correct it, or remove the sample from both X and y"
    return f"row {row}, column {column}: {reprlib.repr(field.strip())} is not a finite number: {advice}"


def _wrong_rows(text: str, columns: int) -> Iterator[tuple[int, str]]:
    """Yield the rows that are not valid, with their numbers; blank lines are valid."""
    lines = enumerate(io.StringIO(text), start=1)
    while block := list(itertools.islice(lines, BLOCK)):
        if is_valid(parse("".join(line for _, line in block)), columns):
            continue
        for row, line in block:
            if line != "\n" and not is_valid(parse(line), columns):
                yield row, line.removesuffix("\n")


def _describe_format(line: str) -> str | None:
    """Return what to do about a row of numbers in another format, or None if it is not one."""
    if '"' in line or "'" in line:
        plain = re.sub("[\"']", "", line)
        if parse(plain) is not None or _describe_format(plain):
            return "the numbers are in quotes: save the file without quotes, with commas between numbers"
    for separator, name in SEPARATORS.items():
        fields = line.strip().split(separator if separator != " " else None)
        if len(fields) < 2 or not all(fields):
            continue
        if parse("\n".join(fields)) is not None and "," not in line:
            return f"the numbers are separated by {name}: save the file with commas between numbers"
        if _are_numbers(fields):
            return (
                f"the numbers are separated by {name} and have decimal commas: "
                "save the file with decimal points, and commas between numbers"
            )
    if line.endswith(",") and parse(line.rstrip(",")) is not None:
        return "a comma is at the end: remove the commas at the ends of the rows"
    return None


def _are_numbers(fields: list[str]) -> bool:
    """Return whether fields are numbers if a decimal comma is allowed."""
    plain = [re.sub(r"^([+-]?(?:0|[1-9]\d*)),(\d)", r"\1.\2", field.strip()) for field in fields]
    return all("," not in field and parse(field) is not None for field in plain)


def _describe_header(line: str, text: str) -> str | None:
    """Return what to do about the first row if it is not a sample, or None if it may be one."""
    if re.fullmatch(r"\s*,0(,\d+)*", line):
        return (
            "the numbers 0, 1, 2, ... are a header line, and the first column is an index: save the file without both"
        )
    names = [field.strip(" \"'#") for field in line.split(",")]
    if any(name.lower() in MISSING or not re.match(r"[^\W\d]", name) for name in names):
        return None
    others = [row for row in text.split("\n", 20)[:20] if row.strip() and row != line]
    if others and not any(parse(field) is not None for field in others[0].split(",")):
        return f"{reprlib.repr(line)} is not a row of numbers with commas between them: save the file as such rows"
    return f"{reprlib.repr(line)} is a header line: remove it"
