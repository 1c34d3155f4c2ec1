"""DVC's cache, which stores contents by their digests."""

import functools
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snakemake_dvc.contents import Ledger, files_in, folder_list, md5

# The suffix of a file that is being restored.
UNFINISHED = ".snakemake-dvc"


class Cache:
    """DVC's cache of contents.

    Args:
        root: DVC's cache folder.
        ledger: the digests of files.
        is_shared: whether the members of a group share the cache (DVC's `cache.shared`).
    """

    def __init__(self, root: Path, ledger: Ledger, is_shared: bool = False) -> None:
        self.root = root
        self.ledger = ledger
        self.is_shared = is_shared

    def path(self, digest: str) -> Path:
        """Return the path of the content with a digest."""
        return self.root / "files/md5" / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        """Return whether the cache contains a file, or a folder with all its files."""
        if not digest.endswith(".dir"):
            return self.path(digest).is_file()
        files = self.files_of(digest)
        return files is not None and all(map(self.has, files.values()))

    def is_intact(self, digest: str) -> bool:
        """Return whether the cache contains a file, or a folder with all its files, and none of them is damaged."""
        if digest.endswith(".dir"):
            files = self.files_of(digest)
            return files is not None and all(map(self.is_intact, files.values()))
        try:
            with self.path(digest).open("rb") as file:
                return _md5_of(file) == digest
        except OSError:
            return False

    def has_copy_of(self, path: str | Path) -> bool:
        """Return whether the cache, undamaged, or git contains what is at a path, so that it can be deleted."""
        digest = self.ledger.readable_digest(path)
        return digest is not None and (self.is_intact(digest) or content_in_git(path, digest) is not None)

    def files_of(self, digest: str) -> dict[str, str] | None:
        """Return the digest of each file of a folder, by its path in the folder; None if there is no valid list.

        A damaged list is removed.
        """
        try:
            text = self.path(digest).read_bytes()
        except OSError:
            return None
        if f"{md5(text)}.dir" != digest:
            self.path(digest).unlink(missing_ok=True)
            return None
        return {entry["relpath"]: entry["md5"] for entry in json.loads(text)}

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Return those of some digests whose contents are not in the cache."""
        return {digest for digest in digests if not self.has(digest)}

    def add(self, path: str | Path) -> str | None:
        """Add a file or folder to the cache and return its digest; None if there is neither."""
        digest = self.ledger.digest(path)
        if digest is None or self.has(digest):
            return digest
        if Path(path).is_dir():
            return self._add_folder(Path(path))
        return self._add_file(Path(path))

    def _add_folder(self, folder: Path) -> str:
        digests = {path.relative_to(folder).as_posix(): self.add(path) or "" for path in files_in(folder)}
        return self._add_list(digests)

    def _add_list(self, digests: dict[str, str]) -> str:
        text = folder_list(digests)
        digest = f"{md5(text)}.dir"
        if not self.path(digest).is_file():
            beside = self._beside()
            beside.write_bytes(text)
            self._place(beside, digest)
        return digest

    def _add_file(self, path: Path) -> str:
        # The digest is that of the copy, so it is right even if the file changes meanwhile.
        beside = self._beside()
        try:
            shutil.copyfile(path, beside)
            with beside.open("rb") as file:
                digest = _md5_of(file)
            self._place(beside, digest)
        finally:
            beside.unlink(missing_ok=True)
        return digest

    def _beside(self) -> Path:
        folder = self.root / "snakemake-dvc/tmp"
        make_folder(folder, self.is_shared)
        return folder / f"{socket.gethostname()}.{os.getpid()}"

    def _place(self, beside: Path, digest: str) -> None:
        beside.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        make_folder(self.path(digest).parent, self.is_shared)
        beside.replace(self.path(digest))

    def restore(self, path: str | Path, digest: str) -> bool:
        """Write a content from the cache to a file or folder, completely or not at all; return whether it was written.

        A damaged content is removed from the cache, since DVC does not check it. A file that is not in DVC's cache,
        such as a metric, can be in git.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
        try:
            if not (self._copy(digest, beside) or self._copy_from_git(path, digest, beside)):
                return False
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif beside.is_dir():
                path.unlink(missing_ok=True)
            beside.replace(path)
            return True
        finally:
            if beside.is_dir():
                shutil.rmtree(beside)
            beside.unlink(missing_ok=True)

    def _copy(self, digest: str, to: Path) -> bool:
        to.parent.mkdir(parents=True, exist_ok=True)
        if digest.endswith(".dir"):
            to.mkdir()
            files = self.files_of(digest)
            return files is not None and all(self._copy(inner, to / name) for name, inner in files.items())
        try:
            shutil.copyfile(self.path(digest), to)
        except FileNotFoundError:
            return False
        if md5(to.read_bytes()) == digest:
            return True
        self.path(digest).unlink(missing_ok=True)
        return False

    def _copy_from_git(self, path: Path, digest: str, to: Path) -> bool:
        content = content_in_git(path, digest)
        if content is not None:
            to.write_bytes(content)
        return content is not None


def _md5_of(file: Any) -> str:
    return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def remove_unfinished(folder: Path) -> None:
    """Remove from a folder what a process has left that was killed while it restored a file."""
    for path in folder.glob(f".*{UNFINISHED}"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def make_folder(folder: Path, is_shared: bool) -> None:
    """Create a folder and its parents; if a group shares it, with the permissions that DVC sets."""
    if not folder.is_dir():
        make_folder(folder.parent, is_shared)
        folder.mkdir(exist_ok=True)
        if is_shared:
            folder.chmod(0o2775)


@functools.cache
def git_files() -> set[str]:
    """Return the files that git tracks, relative to the current folder; none outside of a repository."""
    ended = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=False)
    return set(ended.stdout.split("\0"))


@functools.cache
def git_index() -> Path:
    """Return the path of git's index."""
    command = ["git", "rev-parse", "--git-path", "index"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or ".git/index")


def is_checked_out(path: str, digest: str | None) -> bool:
    """Return whether git has written a file, by its inode in git's index."""
    if not digest or content_in_git(path, digest) is None:
        return False
    command = ["git", "ls-files", "--debug", "--", path]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return re.findall(r"ino: (\d+)", listed) == [str(Path(path).lstat().st_ino)]


def content_in_git(path: str | Path, digest: str) -> bytes | None:
    """Return the content of a file with a digest from git's index or last commit; None if neither has it."""
    path = Path(path).as_posix()
    if path not in git_files():
        return None
    for revision in ("", "HEAD"):
        ended = subprocess.run(["git", "cat-file", "blob", f"{revision}:./{path}"], capture_output=True, check=False)
        if ended.returncode == 0 and md5(ended.stdout) == digest:
            return ended.stdout
    return None
