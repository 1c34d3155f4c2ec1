"""Values and code in a form that can be compared and stored."""

import hashlib
import json
import pickle
import tokenize
from pathlib import PurePath
from typing import Any

from snakemake_dvc.contents import md5


def as_json(value: Any) -> Any:
    """Return a value as JSON can hold it; a digest of what JSON cannot hold.

    Example:
        >>> as_json({"widths": (1, 2), "folder": PurePath("results")})
        {'widths': [1, 2], 'folder': 'results'}
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | PurePath):
        return str(value)
    if isinstance(value, dict):
        return {key if isinstance(key, str) else f"{type(key).__name__} {key}": as_json(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((as_json(inner) for inner in value), key=repr)
    try:
        return "pickle:" + hashlib.sha256(pickle.dumps(value, protocol=5)).hexdigest()
    except Exception:  # a class of the user can raise anything
        return repr(value)


def canonical(value: Any) -> Any:
    """Return a value in which floats that are whole numbers are integers.

    Example:
        >>> canonical({"seed": 88.0, "rates": [0.5, True]})
        {'seed': 88, 'rates': [0.5, True]}
    """
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [canonical(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def digest_without_comments(source: bytes) -> str:
    """Return a digest of Python or Snakemake code that comments and empty lines do not change."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING}
    lines = iter(source.splitlines(keepends=True))
    try:
        tokens = [token.string for token in tokenize.tokenize(lambda: next(lines, b"")) if token.type not in skipped]
    except (tokenize.TokenError, SyntaxError):
        return md5(source)
    return md5(json.dumps(tokens).encode())
