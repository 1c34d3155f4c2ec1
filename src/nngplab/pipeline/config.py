"""Validation of the configuration against its JSON schema, with one line for each error."""

import math
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from nngplab.errors import InputError

FORMATS = FormatChecker(formats=())
TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "a section",
    "string": "a string",
}


# The most lines that are printed, and the most characters of a value.
MAX_LINES = 3
MAX_CHARACTERS = 60


@FORMATS.checks("existing-file")
def _is_existing_file(value: object) -> bool:
    if not isinstance(value, str):
        return True
    # Snakemake would take a name in braces for a wildcard. pathlib raises an error for some names.
    return not re.search(r"\{\s*\w", value) and os.path.isfile(value)  # noqa: PTH113


def _duplicates(_validator: Any, unique: bool, items: Any, _schema: Any) -> Iterator[ValidationError]:
    """Check `uniqueItems` in linear time; the check of jsonschema takes quadratic time for items of several types."""
    if isinstance(items, list) and unique:
        # True equals 1 in Python, and not in JSON. Lists in lists are errors already.
        keys = {(isinstance(item, bool), item if isinstance(item, str | float | int) else id(item)) for item in items}
        if len(keys) < len(items):
            yield ValidationError("duplicates")


_Validator = validators.extend(Draft202012Validator, {"uniqueItems": _duplicates})


def check_config(config: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Validate a complete configuration against a JSON schema (draft 2020-12).

    Returns:
        The configuration, in which whole numbers are integers where the schema asks for integers: 20 instead of 20.0.

    Raises:
        InputError: with one line for each error, which names the key, its value and the allowed values. If there are
            more than `MAX_LINES`, the last line gives the number of the others.
    """
    config = _with_integers(config, schema)
    validator = _Validator(schema, format_checker=FORMATS)
    errors = sorted(validator.iter_errors(config), key=lambda error: [str(part) for part in error.absolute_path])
    lines = [line for error in errors for line in _error_lines(error)]
    if not errors:  # the schema bounds the depth
        lines = [
            f"{_format_key(path)} is {_format_value(value)}; allowed: {allowed}"
            for path, value, allowed in _flaws(config)
        ]
    # A value can break two rules of the schema. One line for each key is enough.
    lines = list({line.split(" ")[0]: line for line in reversed(lines)}.values())[::-1]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"and {len(lines) - MAX_LINES + 1} more errors"]
    if lines:
        raise InputError("\n".join(f"config: {line}" for line in lines))
    return config


def describe_schema(schema: dict[str, Any]) -> str:
    """Return a description of the values that a schema allows, such as "an integer from 1 to 10"."""
    if "enum" in schema:
        return "one of " + ", ".join(_format_value(value) for value in schema["enum"])
    description = " or ".join(TYPE_NAMES[name] for name in _types(schema))
    if "items" in schema:
        description = "a non-empty list" if schema.get("minItems") else "a list"
        description += " without duplicates" if schema.get("uniqueItems") else ""
        description += "; each item: " + describe_schema(schema["items"])
    if "exclusiveMinimum" in schema:
        description += f" above {schema['exclusiveMinimum']} and up to {schema['maximum']}"
    elif "minimum" in schema:
        description += f" from {schema['minimum']} to {schema['maximum']}"
    if "multipleOf" in schema:
        description += f", a multiple of {schema['multipleOf']}"
    if schema.get("format") == "existing-file":
        description += " (the path of an existing file, without names in braces)"
    if "pattern" in schema:
        description += " that is not blank" if schema["pattern"] == r"\S" else f" that matches {schema['pattern']}"
    if "maxLength" in schema:
        description += f" of at most {schema['maxLength']} characters"
    return description


def load_schema(folder: Path, sections: Iterable[str]) -> dict[str, Any]:
    """Read the schema of the configuration: `config.schema.yaml`, and `NAME.schema.yaml` for each of its sections.

    All keys and sections are required.

    Raises:
        InputError: if a section has no schema.
    """
    schema = _load_yaml(folder / "config.schema.yaml")
    for name in sections:
        path = folder / f"{name}.schema.yaml"
        if not path.is_file():
            raise InputError(f"{path}: there is no such file, and each stage needs a schema of its section")
        schema["properties"][name] = _load_yaml(path)
    return {**schema, "required": list(schema["properties"])}


def _load_yaml(path: Path) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the faster one, since each run of Snakemake needs it
    return yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506


def _error_lines(error: ValidationError) -> Iterator[str]:
    schema: Any = error.schema
    value: Any = error.instance
    if error.validator == "additionalProperties":
        known = schema["properties"]
        for name in value:
            if name not in known:
                close = get_close_matches(str(name), known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
                key = _format_key([*error.absolute_path, name])
                yield f"{key} (value {_format_value(value[name])}) is not a known key; {hint}"
    elif error.validator == "required":
        for name in schema["required"]:
            if name not in value:
                allowed = describe_schema(schema["properties"][name])
                yield f"{_format_key([*error.absolute_path, name])} is missing; allowed: {allowed}"
    else:
        key = _format_key(error.absolute_path)
        yield f"{key} is {_format_value(value)}; allowed: {describe_schema(schema)}{_number_hint(value)}"


def _with_integers(value: Any, schema: dict[str, Any]) -> Any:
    """Return a value in which floats that are whole numbers are integers where the schema asks for integers."""
    if isinstance(value, float) and value.is_integer() and "integer" in _types(schema):
        return int(value)
    if isinstance(value, dict) and "properties" in schema:
        return {name: _with_integers(value[name], schema["properties"].get(name, {})) for name in value}
    if isinstance(value, list) and "items" in schema:
        return [_with_integers(item, schema["items"]) for item in value]
    return value


def _types(schema: dict[str, Any]) -> list[str]:
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]


def _number_hint(value: Any) -> str:
    """Return why a value that looks like a number is a string: YAML 1.1 reads 1e-3, without a point, as one."""
    try:
        number = float(value) if isinstance(value, str) else None
        read = yaml.safe_load(value) if number is not None else None
    except (ValueError, yaml.YAMLError):
        number = None
    if number is None:
        return ""
    if isinstance(read, str):
        return f" (YAML reads this as a string: write {number!r})"
    return " (this is a string: remove the quotes, or use a file and --configfile instead of --config)"


def _format_key(path: Sequence[str | int]) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{_printable(str(part))}" for part in path)
    return key.removeprefix(".") or "the configuration"


def _format_value(value: Any) -> str:
    try:
        text = yaml.safe_dump(_start_of(value), default_flow_style=True, width=math.inf, allow_unicode=True).strip()
    except (ValueError, yaml.YAMLError):  # an integer with thousands of digits, a class of the user
        text = f"a value of type {type(value).__name__}"
    return _printable(text.removesuffix("\n...").strip())


def _start_of(value: Any, depth: int = 3) -> Any:
    """Return as much of a value as is printed: it can be long, and contain itself."""
    if isinstance(value, str):
        return value[: MAX_CHARACTERS + 1]
    if not isinstance(value, list | dict):
        return value
    if not depth:
        return "..."
    if isinstance(value, list):
        return [_start_of(item, depth - 1) for item in value[: MAX_CHARACTERS // 2]]
    return {_start_of(name): _start_of(value[name], depth - 1) for name in list(value)[: MAX_CHARACTERS // 2]}


def _printable(text: str) -> str:
    """Return a text of limited length in one line."""
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 3] + "..."


def _flaws(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any, str]]:
    """Yield key and value of what no job can use, and what is allowed: a JSON schema does not exclude NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value, "a finite number"
    elif isinstance(value, str) and any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
        yield path, value, "text in one line, without control characters"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _flaws(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flaws(inner, (*path, index))
