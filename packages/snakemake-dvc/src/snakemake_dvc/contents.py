"""Digests of files and folders, with a cache for unchanged files."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A file that was changed this recently can change again without a change of its times: its digest is not cached.
SETTLED_NS = 100_000_000

Fingerprint = tuple[int, int, int, int]


def md5(content: bytes) -> str:
    """Return the MD5 of some bytes. DVC uses this digest."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def fingerprint(path: str | Path) -> Fingerprint | None:
    """Return size, times and inode of a file; None if there is no file.

    An edit that keeps size and modification time changes the time of the inode, which no program can set.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - this is called thousands of times
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def files_in(folder: str | Path) -> list[Path]:
    """Return the files in a folder and its subfolders, without the time stamp that Snakemake writes there."""
    return sorted(path for path in Path(folder).rglob("*") if path.is_file() and path.name != ".snakemake_timestamp")


def fingerprints(path: str) -> list[tuple[str, Fingerprint | None, int]]:
    """Return the name, the fingerprint and the number of links of a file, or of each file in a folder."""
    files = files_in(path) if Path(path).is_dir() else [Path(path)] if Path(path).exists() else []
    return [(str(file), fingerprint(file), file.stat().st_nlink) for file in files]


def folder_list(digests: dict[str, str]) -> bytes:
    """Return the list of the files of a folder, in the format of DVC.

    Args:
        digests: the MD5 of each file, by its path in the folder.
    """
    entries = [{"md5": digest, "relpath": name} for name, digest in digests.items()]
    return json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True).encode()


class Ledger:
    """The digests of files, and what follows from their contents; both are cached for unchanged files.

    Args:
        path: the file of the ledger; a damaged one counts as empty.

    Attributes:
        hash_cache: the fingerprint and the digest of each file.
        produced: the key of the recipe from which each output was made.
        derived_values: the results of `derived`.
        logs: the digest of each log and benchmark that a job has left.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self.hash_cache: dict[str, list[Any]] = dict(content["hash_cache"])
            self.produced: dict[str, str] = dict(content["produced"])
            self.derived_values: dict[str, Any] = dict(content["derived_values"])
            self.logs: dict[str, str | None] = dict(content.get("logs", {}))
        except (OSError, ValueError, KeyError, TypeError):
            self.hash_cache, self.produced, self.derived_values, self.logs = {}, {}, {}, {}

    def write(self) -> None:
        """Write the ledger to its file, which is replaced as a whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "hash_cache": {path: entry for path, entry in self.hash_cache.items() if fingerprint(path)},
            "produced": self.produced,
            "derived_values": self.derived_values,
            "logs": self.logs,
        }
        beside = self.path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(content), encoding="utf-8")
        beside.replace(self.path)

    def digest(self, path: str | Path) -> str | None:
        """Return the MD5 of a file, or of a folder as DVC computes it; None if there is neither."""
        path = str(path)
        seen = fingerprint(path)
        if seen is None:
            return None
        if Path(path).is_dir():
            return self._folder_digest(Path(path))
        cached = self.hash_cache.get(path)
        if cached and tuple(cached[0]) == seen:
            return str(cached[1])
        if not Path(path).is_file():
            return None  # a named pipe or a device, which could not be read to its end
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if time.time_ns() - seen[2] > SETTLED_NS and fingerprint(path) == seen:
            self.hash_cache[path] = [seen, digest]
        return digest

    def readable_digest(self, path: str | Path) -> str | None:
        """Return the digest of what is at a path; None if it may not be read."""
        try:
            return self.digest(path)
        except PermissionError:
            return None

    def _folder_digest(self, folder: Path) -> str:
        digests = {path.relative_to(folder).as_posix(): self.digest(path) or "" for path in files_in(folder)}
        return md5(folder_list(digests)) + ".dir"

    def derived(self, kind: str, path: str, derive: Callable[[bytes], Any]) -> Any:
        """Return what follows from the content of a file. It is computed once for each content.

        Args:
            kind: what is derived, such as the modules that a script imports.
            path: the file, which must exist.
            derive: the function from the content; its value is stored as JSON.
        """
        name = f"{kind}:{self.digest(path)}"
        if name not in self.derived_values:
            self.derived_values[name] = derive(Path(path).read_bytes())
        return self.derived_values[name]
