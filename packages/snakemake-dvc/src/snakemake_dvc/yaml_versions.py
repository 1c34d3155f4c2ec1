"""Values of a configuration file that Snakemake reads differently (YAML 1.1) than DVC (YAML 1.2)."""

from collections.abc import Iterator
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from snakemake_dvc.strict_yaml import check_text, decode, describe

MAX_LINES = 3


def differences(content: bytes) -> list[str]:
    """Return one line for each value of a configuration file that the two engines read differently.

    Of more than three, the first two are described, and the others counted.

    Args:
        content: the content of the file, in UTF-8.

    Raises:
        ValueError: with one line, if one of the engines cannot read it, or `check_text` refuses it.

    Example:
        >>> differences(b"seed: 010")[0].partition(";")[0]
        'seed: Snakemake reads 8 (YAML 1.1), but DVC reads 10 (YAML 1.2)'
    """
    text = decode(content)
    if not text.strip():
        return []
    try:
        check_text(text, mapping=False)
        old = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        new = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ValueError(describe(error)) from None
    lines = [
        f"{key}: Snakemake reads {_described(one)} (YAML 1.1), but DVC reads {_described(other)} (YAML 1.2); "
        "write decimal digits, true or false, or put quotes around a text"
        for key, one, other in _compare(old, new, "")
    ]
    rest = len(lines) - MAX_LINES + 1
    return lines if rest <= 1 else [*lines[: MAX_LINES - 1], f"and {rest} more values"]


def _compare(old: Any, new: Any, key: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict) and list(map(repr, old)) == list(map(repr, new)):
        for name in old:
            yield from _compare(old[name], new[name], f"{key}.{name}" if key else str(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _compare(one, other, f"{key}[{index}]")
    elif type(old) is not type(new) or (old != new and not (old != old and new != new)):
        yield key or "the whole file", old, new


def _described(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, dict):
        return f"a section with the keys {', '.join(map(repr, value))}"
    return {True: "true", False: "false"}.get(value, repr(value)) if isinstance(value, bool) else repr(value)
