"""Results on disk: written beside and renamed, so that a killed job leaves no half file."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the name `path` only when the block ends well.

    The temporary name keeps the suffix, which tells many writers the format. On any error, `KeyboardInterrupt`
    included, the temporary file is removed and a former file at `path` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_csv(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a tidy table; floats with the shortest digits that read back to the same float64."""
    with written_whole(path) as beside:
        table.to_csv(beside, index=False, lineterminator="\n")


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write a JSON file; NaN and infinity, which JSON does not have, raise ValueError."""
    with written_whole(path) as beside:
        beside.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_npz(path: str | os.PathLike[str], **arrays: Any) -> None:
    """Write named arrays (uncompressed, without pickles); the same arrays give the same bytes."""
    with written_whole(path) as beside:
        np.savez(beside, allow_pickle=False, **arrays)
