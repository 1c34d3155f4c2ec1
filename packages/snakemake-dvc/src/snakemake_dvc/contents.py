"""Digests of files, and the digests of unchanged files remembered."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A file that changed this recently can change again without a change of its times: its digest is not remembered.
SETTLED_NS = 100_000_000

Fingerprint = tuple[int, int, int, int]


def md5(content: bytes) -> str:
    """Return the MD5 of some bytes, the digest that DVC uses."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def fingerprint(path: str | Path) -> Fingerprint | None:
    """Return size, times and inode of a file; None where there is no file.

    The time of the last change of the inode cannot be set: an edit that keeps size and time is seen too.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - this is called thousands of times
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def files_in(folder: str | Path) -> list[Path]:
    """Return the files in a folder and its folders, but for the time stamp that Snakemake puts there."""
    return sorted(path for path in Path(folder).rglob("*") if path.is_file() and path.name != ".snakemake_timestamp")


def folder_list(digests: dict[str, str]) -> bytes:
    """Return the list of a folder as DVC writes it, from the digests of its files by their names in the folder."""
    entries = [{"md5": digest, "relpath": name} for name, digest in digests.items()]
    return json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True).encode()


class Ledger:
    """The digests of files, with a memory for those that have not changed since they were read.

    Args:
        path: the file of the memory; a damaged one counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self.hash_cache: dict[str, list[Any]] = dict(content["hash_cache"])
            self.produced: dict[str, str] = dict(content["produced"])
            self.notes: dict[str, Any] = dict(content["notes"])
        except (OSError, ValueError, KeyError, TypeError):
            self.hash_cache, self.produced, self.notes = {}, {}, {}

    def write(self) -> None:
        """Write the memory, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "hash_cache": {path: known for path, known in self.hash_cache.items() if fingerprint(path)},
            "produced": self.produced,
            "notes": self.notes,
        }
        beside = self.path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(content), encoding="utf-8")
        beside.replace(self.path)

    def digest(self, path: str | Path) -> str | None:
        """Return the MD5 of a file, or of a folder as DVC computes it; None where there is nothing."""
        path = str(path)
        seen = fingerprint(path)
        if seen is None:
            return None
        if Path(path).is_dir():
            return self._folder_digest(Path(path))
        known = self.hash_cache.get(path)
        if known and tuple(known[0]) == seen:
            return str(known[1])
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if time.time_ns() - seen[2] > SETTLED_NS and fingerprint(path) == seen:
            self.hash_cache[path] = [seen, digest]
        return digest

    def _folder_digest(self, folder: Path) -> str:
        digests = {path.relative_to(folder).as_posix(): self.digest(path) or "" for path in files_in(folder)}
        return md5(folder_list(digests)) + ".dir"

    def derived(self, kind: str, path: str, derive: Callable[[bytes], Any]) -> Any:
        """Return what follows from the content of a file, computed once for each content.

        Args:
            kind: what is derived, such as the modules that a script imports.
            path: the file, which is there.
            derive: the function from the content; its value is kept as JSON.
        """
        name = f"{kind}:{self.digest(path)}"
        if name not in self.notes:
            self.notes[name] = derive(Path(path).read_bytes())
        return self.notes[name]
