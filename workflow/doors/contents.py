"""The contents of results: as their jobs left them, and in DVC's cache."""

import functools
import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflow.doors.view import md5

FOLDER = Path(".snakemake/nngplab")
LEDGER = FOLDER / "ledger.json"


@dataclass
class Ledger:
    """The contents of results as their jobs left them, and a cache of hashes.

    Attributes:
        made: the MD5 of each result that Snakemake's record describes.
        known: for each file that was hashed, what it looked like and its hashes by algorithm.
    """

    made: dict[str, str] = field(default_factory=dict)
    known: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> "Ledger":
        """Return the ledger of the last run, or an empty one."""
        try:
            return cls(**json.loads(LEDGER.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return cls()

    def write(self) -> None:
        """Write the ledger, whole or not at all."""
        beside = LEDGER.with_suffix(".part")
        beside.write_text(json.dumps({"made": self.made, "known": self.known}), encoding="utf-8")
        beside.replace(LEDGER)

    def digest(self, path: str, algorithm: str = "md5") -> str | None:
        """Return the hash of a file, or the MD5 of a folder as DVC writes it; None where there is nothing."""
        try:
            status = Path(path).stat()
        except FileNotFoundError:
            return None
        if Path(path).is_dir():
            return self._folder_digest(Path(path))
        # The time of the last change of the inode cannot be set: an edit that keeps size and time is seen too.
        looks = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        if path not in self.known or self.known[path][0] != looks:
            self.known[path] = [looks, {}]
        digests: dict[str, str] = self.known[path][1]
        if algorithm not in digests:
            with Path(path).open("rb") as file:
                digests[algorithm] = hashlib.file_digest(file, algorithm).hexdigest()
        return digests[algorithm]

    def _folder_digest(self, folder: Path) -> str:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        entries = [{"md5": self.digest(str(path)), "relpath": path.relative_to(folder).as_posix()} for path in files]
        return md5(json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True).encode()) + ".dir"


class Cache:
    """DVC's cache of contents."""

    @functools.cached_property
    def config(self) -> Any:
        """DVC's configuration, of the project and of the user."""
        from dvc.config import Config  # takes longer than all else here and is seldom needed

        return Config(".dvc")

    @functools.cached_property
    def folder(self) -> Path:
        """Where the contents lie."""
        return Path(self.config["cache"].get("dir") or ".dvc/cache") / "files/md5"

    @property
    def has_remote(self) -> bool:
        """Whether there is a default remote."""
        return bool(self.config["core"].get("remote"))

    def path(self, digest: str) -> Path:
        """Where the content with an MD5 lies."""
        return self.folder / digest[:2] / digest[2:]

    def has(self, digests: Iterable[str | None]) -> bool:
        """Whether all of these contents are there, and are what their names say."""
        return all(digest and self._is_sound(digest) for digest in digests)

    def _is_sound(self, digest: str) -> bool:
        """Whether a content is there; what a disk or a hand has damaged is removed, since DVC would trust it."""
        path = self.path(digest)
        if path.is_file() and md5(path.read_bytes()) != digest:
            path.unlink()
        return path.is_file()

    def put_back(self, path: str, digest: str) -> None:
        """Write a content to a file, whole or not at all."""
        beside = Path(path).with_name(f".{Path(path).name}.part")
        beside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path(digest), beside)
        beside.replace(path)
