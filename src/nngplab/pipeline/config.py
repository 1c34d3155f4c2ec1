"""Validation of the configuration against its JSON schema, with one line for each error."""

import math
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

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


@FORMATS.checks("existing-file")
def _is_existing_file(value: object) -> bool:
    return not isinstance(value, str) or Path(value).is_file()


def check_config(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Validate a complete configuration against a JSON schema (draft 2020-12).

    Raises:
        InputError: with one line for each error, which names the key, its value and the allowed values.
    """
    validator = Draft202012Validator(schema, format_checker=FORMATS)
    errors = sorted(validator.iter_errors(config), key=lambda error: [str(part) for part in error.absolute_path])
    lines = [line for error in errors for line in _error_lines(error)]
    lines += [f"{key} is {value}; allowed: a finite number" for key, value in _non_finite_numbers(config)]
    # A value can break two rules of the schema. One line for each key is enough.
    lines = list({line.split(" ")[0]: line for line in reversed(lines)}.values())[::-1]
    if lines:
        raise InputError("\n".join(f"config: {line}" for line in lines))


def describe_schema(schema: dict[str, Any]) -> str:
    """Return a description of the values that a schema allows, such as "an integer from 1 to 10"."""
    if "enum" in schema:
        return "one of " + ", ".join(_format_value(value) for value in schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    description = " or ".join(TYPE_NAMES[name] for name in types)
    if "items" in schema:
        description = "a non-empty list" if schema.get("minItems") else "a list"
        description += " without duplicates" if schema.get("uniqueItems") else ""
        description += "; each item: " + describe_schema(schema["items"])
    if "exclusiveMinimum" in schema:
        description += f" above {schema['exclusiveMinimum']} and up to {schema['maximum']}"
    elif "minimum" in schema:
        description += f" from {schema['minimum']} to {schema['maximum']}"
    if schema.get("format") == "existing-file":
        description += " (the path of an existing file)"
    if "pattern" in schema:
        description += f" that matches {schema['pattern']}"
    if "maxLength" in schema:
        description += f" of at most {schema['maxLength']} characters"
    return description


def load_schema(path: Path) -> dict[str, Any]:
    """Read a schema from a YAML file."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the faster one, since each job of the pipeline needs it
    schema: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506
    return schema


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


def _number_hint(value: Any) -> str:
    """Return why a value that looks like a number is a string: YAML 1.1 reads 1e-3, without a point, as one."""
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    if number is None:
        return ""
    if isinstance(yaml.safe_load(value), str):
        return f" (YAML reads this as a string: write {number!r})"
    return " (this is a string: remove the quotes, or use a file and --configfile instead of --config)"


def _format_key(path: Sequence[str | int]) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return key.removeprefix(".") or "the configuration"


def _format_value(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True).strip()
    text = text.removesuffix("\n...").strip()
    return text if len(text) <= 60 else text[:57] + "..."


def _non_finite_numbers(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, float]]:
    """Yield key and value of each number that is infinite or NaN; the bounds of a JSON schema do not exclude NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        yield _format_key(path), value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _non_finite_numbers(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _non_finite_numbers(inner, (*path, index))
