"""Atomic writing of results (each file is written under a temporary name and then renamed), and checksums of files."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block ends without an error.

    A job that is killed leaves no incomplete file at `path`. The temporary name keeps the suffix, from which many
    writers take the format. On any error, `KeyboardInterrupt` included, the temporary file is removed, and an earlier
    file at `path` stays unchanged.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in lower-case hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_csv(table: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    """Write a table without its index. Floats get the fewest digits that give the same float64 when read."""
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write a JSON file.

    Raises:
        ValueError: if a number is NaN or infinite, which JSON cannot represent.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_npz(path: str | os.PathLike[str], **arrays: Any) -> None:
    """Write named arrays, uncompressed and without pickles. The same arrays give the same bytes."""
    with atomic_write(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)
