"""Records of jobs that have succeeded: what they were made from, and what they made."""

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_dvc.cache import make_folder
from snakemake_dvc.values import canonical


@dataclass(frozen=True)
class Recipe:
    """All that the outputs of a job can depend on.

    Attributes:
        rule: the name of the rule.
        code: digests of the rule's command and of the files that are its code, by name.
        environment: digests of the files on which every result depends.
        params: the values of the parameters.
        inputs: the digest of each input; empty for one whose content does not count (`ancient`).
        outputs: the paths of the outputs.
    """

    rule: str
    code: dict[str, str]
    environment: dict[str, str]
    params: dict[str, Any]
    inputs: dict[str, str]
    outputs: tuple[str, ...]

    @property
    def key(self) -> str:
        """The digest of the recipe. Numbers that are equal are the same: 88 and 88.0."""
        return _sha256(
            [self.rule, self.code, self.environment, canonical(self.params), self.inputs, sorted(self.outputs)]
        )


@dataclass(frozen=True)
class Record:
    """A recipe, and the digest of each output that it made."""

    recipe: Recipe
    made: dict[str, str]

    def line(self) -> str:
        """Return the record as one line of text. A digest shows whether the line is whole."""
        content = {
            "rule": self.recipe.rule,
            "code": self.recipe.code,
            "environment": self.recipe.environment,
            "params": self.recipe.params,
            "inputs": self.recipe.inputs,
            "outputs": self.made,
        }
        return json.dumps({**content, "sha256": _sha256(content)}, sort_keys=True)

    @classmethod
    def of(cls, line: str) -> "Record | None":
        """Return the record in a line; None if the line is damaged."""
        try:
            content = json.loads(line)
            if content.pop("sha256") != _sha256(content):
                return None
            made = content.pop("outputs")
            return cls(Recipe(**content, outputs=tuple(made)), made)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


class RecordStore:
    """The records of all jobs that were run here or came with results from elsewhere, by the keys of their recipes.

    Args:
        folder: where they lie, beside the contents that they name.
        is_shared: whether the members of a group share the folder.
    """

    def __init__(self, folder: Path, is_shared: bool = False) -> None:
        self.folder = folder
        self.is_shared = is_shared

    def find(self, key: str) -> list[Record]:
        """Return the records of a recipe, the newest first: more than one if its job is not deterministic."""
        try:
            lines = self._path(key).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        records = [record for line in lines if (record := Record.of(line)) and record.recipe.key == key]
        return records[::-1]

    def add(self, record: Record) -> None:
        """Keep a record, as the newest of its recipe."""
        path = self._path(record.recipe.key)
        line = record.line()
        others = [other.line() for other in self.find(record.recipe.key)[::-1]]
        if others[-1:] == [line]:
            return
        make_folder(path.parent, self.is_shared)
        beside = path.with_suffix(f".{socket.gethostname()}.{os.getpid()}")
        beside.write_text("\n".join([*(other for other in others if other != line), line, ""]), encoding="utf-8")
        beside.replace(path)

    def add_all(self, text: str) -> None:
        """Keep the records of a file that came with results. They count as older than those made here."""
        for record in records_in(text):
            found = self.find(record.recipe.key)
            if record not in found:
                for one in [record, *found[::-1]]:
                    self.add(one)

    def has_read(self, name: str) -> bool:
        """Return whether the records of a file are here already; the name is its digest or that of a former run."""
        return (self.folder / "read" / name).exists()

    def note_read(self, name: str) -> None:
        """Remember that the records of a file are here."""
        make_folder(self.folder / "read", self.is_shared)
        (self.folder / "read" / name).touch()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.jsonl"


def records_in(text: str) -> Iterator[Record]:
    """Yield the records in the text of a file; damaged lines are left out."""
    yield from filter(None, map(Record.of, text.splitlines()))


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
