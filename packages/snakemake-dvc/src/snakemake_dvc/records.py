"""Records of jobs that have succeeded: what their outputs were made from, and the digests of the outputs."""

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
    """Everything that the outputs of a job can depend on.

    Attributes:
        rule: the name of the rule.
        code: digests of the rule's command and of the source files of the job, by name.
        environment: digests of the files on which every result depends.
        params: the values of the parameters.
        inputs: the digest of each input; empty for one whose content is ignored (`ancient`).
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
        """The digest of the recipe. Numbers that are equal give the same digest: 88 and 88.0."""
        return _sha256(
            [self.rule, self.code, self.environment, canonical(self.params), self.inputs, sorted(self.outputs)]
        )


@dataclass(frozen=True)
class Record:
    """A recipe, and the digest of each output that was made from it."""

    recipe: Recipe
    digests: dict[str, str]

    def line(self) -> str:
        """Return the record as one line of text, with a digest of its own that shows damage."""
        content = {
            "rule": self.recipe.rule,
            "code": self.recipe.code,
            "environment": self.recipe.environment,
            "params": self.recipe.params,
            "inputs": self.recipe.inputs,
            "outputs": self.digests,
        }
        return json.dumps({**content, "sha256": _sha256(content)}, sort_keys=True)

    @classmethod
    def from_line(cls, line: str) -> "Record | None":
        """Return the record in a line; None if the line is damaged."""
        try:
            content = json.loads(line)
            if content.pop("sha256") != _sha256(content):
                return None
            digests = content.pop("outputs")
            return cls(Recipe(**content, outputs=tuple(digests)), digests)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


class RecordStore:
    """The records of all jobs that have run here, and of results from other checkouts, by the keys of their recipes.

    Args:
        folder: the folder of the store, in DVC's cache.
        is_shared: whether the members of a group share the folder.
    """

    def __init__(self, folder: Path, is_shared: bool = False) -> None:
        self.folder = folder
        self.is_shared = is_shared

    def find(self, key: str) -> list[Record]:
        """Return the records of a recipe, the newest first. There are several if its job is not deterministic."""
        try:
            lines = self._path(key).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        records = [record for line in lines if (record := Record.from_line(line)) and record.recipe.key == key]
        return records[::-1]

    def add(self, record: Record) -> None:
        """Add a record as the newest of its recipe."""
        path = self._path(record.recipe.key)
        line = record.line()
        others = [other.line() for other in self.find(record.recipe.key)[::-1]]
        if others[-1:] == [line]:
            return
        make_folder(path.parent, self.is_shared)
        beside = path.with_suffix(f".{socket.gethostname()}.{os.getpid()}")
        beside.write_text("\n".join([*(other for other in others if other != line), line, ""]), encoding="utf-8")
        beside.replace(path)

    def import_records(self, text: str) -> None:
        """Add the records of a file from another checkout, as older than those made here."""
        for record in records_in(text):
            found = self.find(record.recipe.key)
            if record not in found:
                for one in [record, *found[::-1]]:
                    self.add(one)

    def has_imported(self, name: str) -> bool:
        """Return whether a file of records was imported before.

        Args:
            name: the digest of the file, or the name of an entry of the run cache.
        """
        return (self.folder / "read" / name).exists()

    def mark_imported(self, name: str) -> None:
        """Note that a file of records was imported."""
        make_folder(self.folder / "read", self.is_shared)
        (self.folder / "read" / name).touch()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.jsonl"


def records_in(text: str) -> Iterator[Record]:
    """Yield the records in the text of a file, without damaged lines."""
    yield from filter(None, map(Record.from_line, text.splitlines()))


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
