"""The configuration checked against its schema, each fault told in one line."""

import math
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from nngplab.errors import InputError

FORMATS = FormatChecker(formats=())
NOUNS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "a section",
    "string": "a text",
}


@FORMATS.checks("existing-file")
def _is_existing_file(value: object) -> bool:
    return not isinstance(value, str) or Path(value).is_file()


def check_config(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Check a configuration, whole, against a JSON schema (draft 2020-12).

    Raises:
        InputError: with one line for each fault, which names the key, its value and what is allowed.
    """
    validator = Draft202012Validator(schema, format_checker=FORMATS)
    faults = sorted(validator.iter_errors(config), key=lambda fault: [str(part) for part in fault.absolute_path])
    lines = [line for fault in faults for line in _lines(fault)]
    lines += [f"{key} is {value}; allowed: a finite number" for key, value in _not_finite(config)]
    # A value can break two rules of the schema: one line a key is enough.
    lines = list({line.split(" ")[0]: line for line in reversed(lines)}.values())[::-1]
    if lines:
        raise InputError("\n".join(f"config: {line}" for line in lines))


def describe(schema: dict[str, Any]) -> str:
    """Say in words which values a schema allows."""
    if "enum" in schema:
        return "one of " + ", ".join(_shown(value) for value in schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = " or ".join(NOUNS[kind] for kind in types)
    if "exclusiveMinimum" in schema:
        words += f" above {schema['exclusiveMinimum']} and up to {schema['maximum']}"
    elif "minimum" in schema:
        words += f" from {schema['minimum']} to {schema['maximum']}"
    if "items" in schema:
        words += (", not empty," if schema.get("minItems") else "") + " of which each is " + describe(schema["items"])
        words += ", none twice" if schema.get("uniqueItems") else ""
    if schema.get("format") == "existing-file":
        words += " (the path of an existing file)"
    if "pattern" in schema:
        words += f" that matches {schema['pattern']}"
    if "maxLength" in schema:
        words += f", up to {schema['maxLength']} characters long"
    return words


def load_schema(path: Path) -> dict[str, Any]:
    """Read a schema from a YAML file."""
    fastest = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # each job of the pipeline waits for this
    schema: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), fastest)  # noqa: S506
    return schema


def _lines(fault: ValidationError) -> Iterator[str]:
    schema: Any = fault.schema
    value: Any = fault.instance
    if fault.validator == "additionalProperties":
        known = schema["properties"]
        for name in value:
            if name not in known:
                close = get_close_matches(str(name), known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
                yield f"{_key([*fault.absolute_path, name])} (value {_shown(value[name])}) is no known key; {hint}"
    elif fault.validator == "required":
        for name in schema["required"]:
            if name not in value:
                allowed = describe(schema["properties"][name])
                yield f"{_key([*fault.absolute_path, name])} is missing; allowed: {allowed}"
    else:
        yield f"{_key(fault.absolute_path)} is {_shown(value)}; allowed: {describe(schema)}{_number_in_text(value)}"


def _number_in_text(value: Any) -> str:
    """Say why what looks like a number is a text: YAML 1.1 reads 1e-3, without a point, as one."""
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    if number is None:
        return ""
    if isinstance(yaml.safe_load(value), str):
        return f" (YAML reads this as text: write {number!r})"
    return " (this is a text: remove its quotes, or, instead of --config, use a file and --configfile)"


def _key(path: Any) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return key.removeprefix(".") or "the configuration"


def _shown(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True).strip()
    text = text.removesuffix("\n...").strip()
    return text if len(text) <= 60 else text[:57] + "..."


def _not_finite(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, float]]:
    """JSON schema bounds let NaN pass."""
    if isinstance(value, float) and not math.isfinite(value):
        yield _key(path), value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _not_finite(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_finite(inner, (*path, index))
