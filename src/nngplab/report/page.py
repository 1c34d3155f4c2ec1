"""A page whose numbers are read from files of results, each traced to the file, row and column that it came from.

Templates see tables (`Results.table`) and JSON files (`Results.record`) whose entries are `Number`s and `Text`s. These
compare and sort like floats and strings, and print as an HTML element <data> that names their origin. Arithmetic on a
number gives a number whose origin is the formula.
"""

import base64
import csv
import hashlib
import io
import json
import math
import operator
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
import yaml
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from mdit_py_plugins.dollarmath import dollarmath_plugin

from nngplab.errors import InputError

_NUMBER = re.compile(r"[-+]?(\d+)(\.\d+)?(e[-+]?\d+)?|[-+]?inf")
# Numbers from 0.01 to 99,999 are written without a power of ten.
_PLAIN_POWERS = range(-2, 5)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Origin:
    """Where a value stands: a file, the row (which key columns have which values) and the column."""

    def __init__(self, file: str, row: Mapping[str, str], column: str):
        self.attributes = {
            "data-file": file,
            "data-row": ", ".join(f"{key}={value}" for key, value in row.items()),
            "data-column": column,
        }
        self.words = ", ".join([file, *(f"{key} = {value}" for key, value in row.items()), f"column {column}"])

    def __str__(self) -> str:
        return "{}[{}].{}".format(*self.attributes.values())


class Formula:
    """The origin of a value computed from others: the formula over their origins."""

    def __init__(self, symbol: str, *operands: object):
        named = [str(_origin(operand)) for operand in operands]
        self._text = f"({f' {symbol} '.join(named)})" if len(named) > 1 else f"({symbol}{named[0]})"
        self.attributes = {"data-formula": self._text}
        self.words = f"computed from {self._text}"

    def __str__(self) -> str:
        return self._text


class Number(float):
    """A number that knows its origin. Printed, it is traced, and has three significant digits unless it is whole."""

    origin: Origin | Formula
    whole: bool

    def __new__(cls, value: float, origin: Origin | Formula, whole: bool = False) -> "Number":
        """Make a number; a `whole` one is an integer."""
        self = super().__new__(cls, value)
        self.origin = origin
        self.whole = whole
        return self

    def __html__(self) -> str:
        return self.shown(f"{int(self):,}".replace("-", "−") if self.whole else significant(self))

    def shown(self, text: str) -> Markup:
        """Return the number traced, written as `text`."""
        return _traced(int(self) if self.whole else float(self), self.origin, text)

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
    """Words that know their origin; empty ones (a value that does not apply) print as a dash."""

    __slots__ = ("origin",)
    origin: Origin

    def __new__(cls, value: str, origin: Origin) -> "Text":
        """Make a text."""
        self = super().__new__(cls, value)
        self.origin = origin
        return self

    def __html__(self) -> str:
        return _traced(str(self), self.origin, str(self) or "–")


class Fields:
    """The named values of one row of a table, or of one JSON object."""

    def __init__(self, where: str, values: Mapping[str, Any]):
        self._where = where
        self._values = values

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            known = ", ".join(self._values)
            raise InputError(f"{self._where} has no {name!r}, only {known}: make it again with the present programs")
        return self._values[name]


class Table:
    """Rows of a CSV file, in its order or in one asked for."""

    def __init__(self, where: str, rows: list[Fields]):
        self._where = where
        self._rows = rows

    def __iter__(self) -> Iterator[Fields]:
        return iter(self._rows)

    def where(self, **values: object) -> "Table":
        """Keep the rows whose columns have these values."""
        rows = [row for row in self._rows if all(row[column] == value for column, value in values.items())]
        return Table(self._where, rows)

    def by(self, column: str) -> "Table":
        """Sort the rows by a column, upwards."""
        return Table(self._where, sorted(self._rows, key=operator.itemgetter(column)))

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
            asked = ", ".join(f"{column} = {value}" for column, value in values.items()) or "at all"
            raise InputError(f"{self._where} has no row {asked}: make it again with the present programs")
        return found


class Results:
    """The folder of results, and which of its files a page has used.

    Every method raises InputError if the file is missing or is not what its name says.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._used: dict[str, bytes] = {}

    def table(self, name: str, key: Iterable[str]) -> Table:
        """Read a CSV file, whose columns in `key` together tell its rows apart."""
        where = self._where(name)
        lines = list(csv.reader(io.StringIO(self._text(name))))
        if len(lines) < 2 or any(len(line) != len(lines[0]) for line in lines):
            raise InputError(f"{where} is no table with rows of equal length: make it again")
        rows = []
        for line in lines[1:]:
            texts = dict(zip(lines[0], line, strict=True))
            identity = {column: str(Fields(where, texts)[column]) for column in key}
            values = {column: _parsed(text, Origin(where, identity, column)) for column, text in texts.items()}
            rows.append(Fields(where, values))
        return Table(where, rows)

    def record(self, name: str) -> Fields:
        """Read a JSON file that holds one object."""
        where = self._where(name)
        try:
            value = json.loads(self._text(name))
        except json.JSONDecodeError as error:
            raise InputError(f"{where} is no JSON ({error}): make it again") from error
        if not isinstance(value, dict):
            raise InputError(f"{where} holds no JSON object: make it again")
        fields: Fields = _parsed_json(value, where, "")
        return fields

    def image(self, name: str, alt: str) -> Markup:
        """Return a picture (.svg or .png) as an element <img> that carries its bytes."""
        kind = {".svg": "image/svg+xml", ".png": "image/png"}[Path(name).suffix]
        data = base64.b64encode(self._bytes(name)).decode()
        return Markup('<img src="data:{};base64,{}" alt="{}" data-file="{}">').format(
            kind, data, _plain(alt), self._where(name)
        )

    def used(self) -> list[dict[str, Any]]:
        """Return path, bytes and SHA-256 of each file read so far, sorted by path."""
        return [
            {"path": self._where(name), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(self._used.items())
        ]

    def _where(self, name: str) -> str:
        return f"{self._folder.name}/{name}"

    def _text(self, name: str) -> str:
        try:
            return self._bytes(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{self._where(name)} is no UTF-8 text: make it again") from error

    def _bytes(self, name: str) -> bytes:
        try:
            self._used[name] = (self._folder / name).read_bytes()
        except OSError as error:
            raise InputError(f"{self._where(name)} cannot be read ({error.strerror}): make it first") from error
        return self._used[name]


class Page:
    """The page of a folder of templates (Jinja2), filled from a folder of results.

    `page.html.j2` is the frame; each section is a template `<name>.html.j2`. In templates, LaTeX between dollar signs
    becomes MathML.
    """

    def __init__(self, templates: Path, results: Results, **context: Any):
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.do", _Mathematics],
        )
        self._environment.filters.update(digits=digits, fixed=fixed, percent=percent, plain=plain, words=words)
        self._environment.filters.update(latex=latex, markdown=markdown, markdown_line=markdown_line)
        self._environment.globals.update(results=results, interval=interval, **context)

    def render(self, sections: Iterable[str]) -> str:
        """Return the page with these sections.

        Raises:
            InputError: a template, a file of results, a row or a column is missing.
        """
        try:
            # A section is a module: it prints as its text, and the names that it sets, like its title, are attributes.
            modules = {name: self._environment.get_template(f"{name}.html.j2").make_module() for name in sections}
            return self._environment.get_template("page.html.j2").render(sections=modules)
        except jinja2.TemplateNotFound as error:
            raise InputError(f"no template {error.name}: write it, or leave the section out") from error


class _Mathematics(jinja2.ext.Extension):
    """LaTeX between dollar signs in a template becomes MathML; between doubled ones, a formula on its own line."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        return re.sub(r"(\$\$?)(.+?)\1", lambda match: _mathml(match[2], match[1] == "$$"), source, flags=re.DOTALL)


def _mathml(latex: str, display: bool) -> str:
    mathml = convert(latex, display="block" if display else "inline")
    # Browsers stretch an accent over the whole letter, which makes the check of a dual activation a breve.
    return mathml.replace("<mo>&#x002C7;</mo>", '<mo stretchy="false">&#x002C7;</mo>')


def latex(text: str, display: bool = False) -> Markup:
    """Jinja filter: LaTeX as MathML."""
    return Markup(_mathml(text, display))  # noqa: S704


def markdown_line(text: str) -> Markup:
    """Jinja filter: a line of Markdown with LaTeX between dollar signs as HTML and MathML."""
    return Markup(_markdown_parser().renderInline(text))  # noqa: S704


def markdown(text: str, deeper: int = 2) -> Markup:
    """Jinja filter: Markdown with LaTeX between dollar signs as HTML and MathML.

    Headings go `deeper` levels down. A link to a page beside, like other.md, leads to the element with the id `other`.
    Elements of HTML in the text are shown as they are written.
    """
    parser = _markdown_parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + deeper}"
        for child in token.children or []:
            if child.type == "link_open":
                child.attrs["href"] = re.sub(r"^([\w-]+)\.md$", r"#\1", str(child.attrs["href"]))
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def _markdown_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    return parser.use(
        dollarmath_plugin, renderer=lambda content, options: _mathml(content.strip(), options["display_mode"])
    )


def significant(value: float, count: int = 3) -> str:
    """Write a number with `count` significant digits, very small and large ones as 1.28 × 10⁻⁵."""
    if not math.isfinite(value):
        return f"{value:.0f}".replace("inf", "∞").replace("-", "−")
    mantissa, exponent = f"{value:.{count - 1}e}".split("e")
    power = int(exponent)
    if value == 0:
        return "0"
    if power in _PLAIN_POWERS:
        text = f"{float(f'{mantissa}e{exponent}'):,.{max(0, count - 1 - power)}f}"
    else:
        text = f"{mantissa} × 10{str(power).translate(_SUPERSCRIPTS)}"
    return text.replace("-", "−")


def digits(number: Any, count: int) -> Any:
    """Jinja filter: the number traced, with `count` significant digits. Text stays as it is."""
    return number.shown(significant(number, count)) if isinstance(number, Number) else number


def fixed(number: Any, decimals: int) -> Any:
    """Jinja filter: the number traced, with `decimals` digits after the point. Text stays as it is."""
    return number.shown(_fixed(number, decimals)) if isinstance(number, Number) else number


def plain(number: Number) -> Markup:
    """Jinja filter: the number traced, with all its digits and nothing else: for parameters, like a width or a seed."""
    return number.shown(repr(int(number) if number.whole else float(number)))


def percent(number: Number, decimals: int = 0) -> Markup:
    """Jinja filter: the share traced, in percents with `decimals` digits after the point."""
    return number.shown(f"{_fixed(100 * float(number), decimals)}%")


def interval(low: Number, high: Number) -> Markup:
    """Jinja function: "(1.27 to 1.31) × 10⁻⁵", both ends traced, with two digits of its width."""
    largest = max(abs(low), abs(high))
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    scale = 0 if power in _PLAIN_POWERS else power
    width = (high - low) / 10.0**scale
    decimals = max(0, 1 - math.floor(math.log10(width))) if width > 0 else 2
    ends = [end.shown(_fixed(float(end) / 10.0**scale, decimals)) for end in (low, high)]
    written = Markup("{} to {}").format(*ends)
    if scale:
        written = Markup("({}) × 10{}").format(written, str(scale).translate(_SUPERSCRIPTS))
    return Markup('<span class="interval">{}</span>').format(written)


def words(items: Iterable[object]) -> Markup:
    """Jinja filter: "a, b and c"."""
    *first, last = [escape(item) for item in items]
    return Markup(" and ").join([Markup(", ").join(first), last]) if first else last


def provenance(folder: Path, packages: Iterable[str], made: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """Return what made a page, in words: the commit of the checkout at `folder`, versions of packages, the machine.

    Nothing in it changes from one minute to the next, nor names the machine. The paths in `made`, which a run writes
    itself, do not count as changes of the checkout.
    """
    return {
        "code": {"git commit": _commit(folder, made)},
        "versions": {"Python": platform.python_version(), **{name: _version(name) for name in packages}},
        "machine": {
            "processor": _processor(),
            "cores": str(os.cpu_count()),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
            "operating system": _operating_system(),
        },
    }


def as_yaml(value: Any) -> str:
    """Write a configuration as YAML, in its order."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def _commit(folder: Path, made: Iterable[str]) -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--", ".", *(f":(exclude){path}" for path in made))
    except (OSError, subprocess.CalledProcessError):
        return "none: not a git checkout"
    return f"{commit}, with changes that are not committed" if changed else commit


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _operating_system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.platform()
    return f"{name} ({platform.machine()})"


def _parsed(text: str, origin: Origin) -> Number | Text | bool:
    if text in ("True", "False"):
        return text == "True"
    found = _NUMBER.fullmatch(text)
    if found:
        return Number(float(text), origin, whole=found[1] is not None and not (found[2] or found[3]))
    return Text(text, origin)


def _parsed_json(value: Any, where: str, path: str) -> Any:
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        return Fields(where, {key: _parsed_json(inner, where, f"{prefix}{key}") for key, inner in value.items()})
    if isinstance(value, list):
        return [_parsed_json(inner, where, f"{path}[{index}]") for index, inner in enumerate(value)]
    if isinstance(value, bool) or value is None:
        return value
    origin = Origin(where, {}, path)
    return Text(value, origin) if isinstance(value, str) else Number(value, origin, whole=isinstance(value, int))


def _traced(value: object, origin: Origin | Formula, text: str) -> Markup:
    attributes = {"value": value, **origin.attributes, "title": origin.words}
    written = Markup(" ").join(Markup('{}="{}"').format(name, str(value)) for name, value in attributes.items())
    return Markup("<data {}>{}</data>").format(written, text)


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return (text.lstrip("-") if float(text.replace(",", "")) == 0 else text).replace("-", "−")


def _plain(text: str) -> str:
    """Words without markup, for an attribute."""
    return text.striptags() if isinstance(text, Markup) else text


def _origin(operand: object) -> object:
    return operand.origin if isinstance(operand, Number) else operand


def _is_whole(value: object) -> bool:
    return value.whole if isinstance(value, Number) else isinstance(value, int)
