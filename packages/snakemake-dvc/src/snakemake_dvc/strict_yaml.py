"""Strict reading of configuration files: a file that holds less or more than it seems to is an error in one line.

Without these checks the first of two equal keys is dropped, a short file can expand to gigabytes by its aliases, and
deep nesting ends in thousands of lines.
"""

import re
import stat
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# Far more than a configuration needs, and checked within a second.
MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_VALUES = 100_000
MAX_DIGITS = 1_000

_CORE = "tag:yaml.org,2002:"
_TAGS = {None, *(_CORE + name for name in ("str", "map", "seq"))}
_TEMPLATE = "__use_yte__"
# What YAML does not allow, and the next-line character, which YAML 1.1 and 1.2 read differently.
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, whose errors name the line also if a text looks like a number or a date and is none."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError) as error:
            raise _error(node, f"{shortened(str(node.value))} is not valid ({error})") from None


@dataclass
class _Part:
    """A value: the number of values in it, itself included, and how deep they are nested, aliases replaced."""

    is_open: bool = False
    size: int = 1
    height: int = 0


def check_file(path: str | Path, template: bool = False) -> None:
    """Check that a file is a plain YAML or JSON file with keys at top level.

    Args:
        path: the file.
        template: whether Snakemake may run it as a template (YTE).

    Raises:
        ValueError: with one line, which names the file, the line and what is wrong.
    """
    try:
        check_text(read_text(path), template=template)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_text(path: str | Path) -> str:
    """Return the text of a configuration file, without a byte order mark.

    Raises:
        ValueError: with one line, if it is no regular file, or too long, or not in UTF-8.
    """
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"has {status.st_size:,} bytes; a configuration file has at most {MAX_BYTES:,}")
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    return decode(content)


def decode(content: bytes) -> str:
    """Return the text of the content of a configuration file, without a byte order mark.

    Raises:
        ValueError: with one line, if it is not in UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: is not UTF-8 text") from None


def check_text(text: str, mapping: bool = True, template: bool = False) -> None:
    """Check the text of a configuration file, or of a value of the command line.

    Args:
        text: the text.
        mapping: whether there must be keys at top level.
        template: whether Snakemake may run it as a template (YTE).

    Raises:
        ValueError: with one line, which names the line and what is wrong.
    """
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"line {line}: the character U+{ord(found[0]):04X} is not allowed")
    try:
        _check_structure(text)
        loader = _Loader(text)
        root = loader.get_single_node()
        keys = _check_nodes(loader, root)
        if root is not None:
            loader.construct_document(root)
    except yaml.YAMLError as error:
        raise ValueError(describe(error)) from None
    if mapping and not isinstance(root, yaml.MappingNode):
        raise ValueError("has no keys at top level; write lines such as `name: value`")
    if not template and _TEMPLATE in keys:
        raise ValueError(f"the key {_TEMPLATE} is not supported, since only Snakemake would run the file as a template")


def describe(error: Any) -> str:
    """Return a YAML error, of PyYAML or of ruamel.yaml, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "is not YAML"
    return f"line {mark.line + 1}: {' '.join(str(problem).split())}" if mark else " ".join(str(problem).split())


def _check_structure(text: str) -> None:
    """Check nesting, size and tags before any value is constructed."""
    root = _Part()
    stack, anchors = [root], dict[str, _Part]()
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.DocumentStartEvent) and root.size > 1:
            raise _error(event, "a second document starts; a configuration file has one")
        if isinstance(event, yaml.CollectionEndEvent):
            part = stack.pop()
            part.is_open = False
        elif isinstance(event, yaml.NodeEvent):
            part = _part(event, anchors)
            if isinstance(event, yaml.CollectionStartEvent):
                part.is_open = True
                stack.append(part)
                _check_depth(event, len(stack) - 1)
                continue
        else:
            continue
        stack[-1].size += part.size
        stack[-1].height = max(stack[-1].height, part.height + 1)
        _check_depth(event, len(stack) - 1 + part.height)
        if stack[-1].size > MAX_VALUES:
            raise _error(event, f"has more than {MAX_VALUES:,} values, aliases included")


def _part(event: Any, anchors: dict[str, _Part]) -> _Part:
    """Return the value that starts at an event."""
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise _error(event, f"the alias *{event.anchor} has no anchor")
        if anchors[event.anchor].is_open:
            raise _error(event, f"the alias *{event.anchor} is inside of its own value")
        return anchors[event.anchor]
    if event.tag not in _TAGS:
        raise _error(event, f"the tag {shortened(event.tag.replace(_CORE, '!!'))} is not supported")
    part = _Part()
    if event.anchor:
        anchors[event.anchor] = part
    return part


def _check_depth(event: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _error(event, f"is nested more than {MAX_DEPTH} levels deep")


def _check_nodes(loader: Any, root: Any) -> set[Any]:
    """Check the keys of all sections, and the length of all numbers; return the keys at top level."""
    at_top_level: set[Any] = set()
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            keys = _check_keys(loader, node)
            at_top_level = keys if node is root else at_top_level
        elif node.tag in (f"{_CORE}int", f"{_CORE}float") and len(node.value) > MAX_DIGITS:
            raise _error(node, f"a number has more than {MAX_DIGITS:,} characters")
    return at_top_level


def _check_keys(loader: Any, node: Any) -> set[Any]:
    lines: dict[Any, int] = {}
    for key_node, _ in node.value:
        key = key_node.value if key_node.tag == f"{_CORE}merge" else loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise _error(key_node, "a key is a list or a section; it must be a text or a number")
        if key in lines:
            raise _error(key_node, f"the key {shortened(str(key))} is in line {lines[key]} already: remove one of them")
        lines[key] = key_node.start_mark.line + 1
    return set(lines)


def _nodes(root: Any) -> Iterator[Any]:
    """Yield each node once."""
    stack, seen = [root], set[int]()
    while stack:
        node = stack.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            stack += [inner for pair in node.value for inner in pair]
        elif isinstance(node, yaml.SequenceNode):
            stack += node.value


def _error(place: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


def shortened(text: str) -> str:
    """Return the start of a text."""
    return text if len(text) <= 60 else f"{text[:57]}..."
