"""Tables (CSV) and records (JSON) of the folder of results, with values that carry their origin."""

import csv
import hashlib
import io
import json
import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nngplab.errors import InputError
from nngplab.report.inline_svg import inline_svg, inline_webp
from nngplab.report.tracing import Number, Origin, Text

_NUMBER = re.compile(r"[-+]?(\d+)(\.\d+)?(e[-+]?\d+)?|[-+]?inf")


class Fields:
    """The named values of one row of a table, or of one JSON object."""

    def __init__(self, file: str, values: Mapping[str, Any]):
        self._file = file
        self._values = values

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            names = ", ".join(self._values)
            raise InputError(f"{self._file} has no {name!r}, only {names}; rerun the job that writes it")
        return self._values[name]


class Table:
    """The rows of a CSV file."""

    def __init__(self, file: str, rows: list[Fields]):
        self._file = file
        self._rows = rows

    def __iter__(self) -> Iterator[Fields]:
        return iter(self._rows)

    def where(self, **values: object) -> "Table":
        """Return the rows whose columns have these values."""
        rows = [row for row in self._rows if all(row[column] == value for column, value in values.items())]
        return Table(self._file, rows)

    def sort_by(self, column: str) -> "Table":
        """Return the rows in ascending order of a column."""
        return Table(self._file, sorted(self._rows, key=operator.itemgetter(column)))

    def find(self, **values: object) -> Fields | None:
        """Return the first row whose columns have these values, or None."""
        return next(iter(self.where(**values)), None)

    def row(self, **values: object) -> Fields:
        """Return the first row whose columns have these values.

        Raises:
            InputError: if there is none.
        """
        found = self.find(**values)
        if found is None:
            wanted = " with " + ", ".join(f"{column} = {value}" for column, value in values.items()) if values else ""
            raise InputError(f"{self._file} has no row{wanted}; rerun the job that writes it")
        return found


class Results:
    """The folder of results; it lists the files that were read from it.

    Every method that reads raises InputError if the file is missing or has another format than its suffix says.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._contents: dict[str, bytes] = {}

    def table(self, name: str, key: Iterable[str]) -> Table:
        """Read a CSV file. The values of the columns `key` together identify a row."""
        file = self._path(name)
        lines = list(csv.reader(io.StringIO(self._text(name))))
        if len(lines) < 2 or any(len(line) != len(lines[0]) for line in lines):
            raise InputError(f"{file} is not a table with rows of equal length; rerun the job that writes it")
        rows = []
        for line in lines[1:]:
            texts = dict(zip(lines[0], line, strict=True))
            identity = {column: str(Fields(file, texts)[column]) for column in key}
            values = {column: _parse(text, Origin(file, identity, column)) for column, text in texts.items()}
            rows.append(Fields(file, values))
        return Table(file, rows)

    def record(self, name: str) -> Fields:
        """Read a JSON file that holds one object."""
        file = self._path(name)
        try:
            value = json.loads(self._text(name))
        except json.JSONDecodeError as error:
            raise InputError(f"{file} is not JSON ({error}); rerun the job that writes it") from error
        if not isinstance(value, dict):
            raise InputError(f"{file} is not a JSON object; rerun the job that writes it")
        fields: Fields = _parse_json(value, file, "")
        return fields

    def image(self, name: str, alt: str) -> Markup:
        """Return an image: an .svg as an element <svg>, a .png as an element <img> that contains its bytes."""
        plain_alt = alt.striptags() if isinstance(alt, Markup) else alt
        if name.endswith(".svg"):
            return inline_svg(self._text(name), self._path(name), plain_alt)
        try:
            source = inline_webp(self._bytes(name))
        except (OSError, SyntaxError) as error:  # Pillow raises either
            raise InputError(f"{self._path(name)} is not a PNG ({error}); rerun the job that writes it") from error
        return Markup('<img src="{}" alt="{}" data-file="{}">').format(source, plain_alt, self._path(name))

    def json_block(self, name: str) -> Markup:
        """Return a JSON file as an element <script> that holds its data, for the script of an interactive picture."""
        self.record(name)
        text = json.dumps(json.loads(self._text(name)), separators=(",", ":"), ensure_ascii=False)
        # The only text that could end the element.
        escaped = text.replace("<", "\\u003c")
        return Markup('<script type="application/json" data-file="{}">{}</script>').format(
            self._path(name),
            Markup(escaped),  # noqa: S704
        )

    def files_read(self) -> list[dict[str, Any]]:
        """Return path, bytes and SHA-256 of each file read so far, sorted by path."""
        return [
            {"path": self._path(name), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(self._contents.items())
        ]

    def _path(self, name: str) -> str:
        return f"{self._folder.name}/{name}"

    def _text(self, name: str) -> str:
        try:
            return self._bytes(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{self._path(name)} is not UTF-8 text; rerun the job that writes it") from error

    def _bytes(self, name: str) -> bytes:
        try:
            self._contents[name] = (self._folder / name).read_bytes()
        except OSError as error:
            raise InputError(
                f"{self._path(name)} cannot be read ({error.strerror}); run the job that writes it"
            ) from error
        return self._contents[name]


def _parse(text: str, origin: Origin) -> Number | Text | bool:
    if text in ("True", "False"):
        return text == "True"
    found = _NUMBER.fullmatch(text)
    if found:
        return Number(float(text), origin, whole=found[1] is not None and not (found[2] or found[3]))
    return Text(text, origin)


def _parse_json(value: Any, file: str, path: str) -> Any:
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        return Fields(file, {key: _parse_json(inner, file, f"{prefix}{key}") for key, inner in value.items()})
    if isinstance(value, list):
        return [_parse_json(inner, file, f"{path}[{index}]") for index, inner in enumerate(value)]
    if isinstance(value, bool) or value is None:
        return value
    origin = Origin(file, {}, path)
    return Text(value, origin) if isinstance(value, str) else Number(value, origin, whole=isinstance(value, int))
