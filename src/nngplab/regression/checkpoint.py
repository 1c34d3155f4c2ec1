"""A file from which a factorisation that was killed continues."""

import hashlib
import json
import logging
import pickle
import shutil
import zlib
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel
from nngplab.kernels.objects import Function

log = logging.getLogger("nngplab.regression")

Array = npt.NDArray[Any]

_CHECKPOINT = b"nngplab factor "


class FactorCheckpoint:
    """A file with the finished tiles of a factorisation, from which a factorisation that was killed continues.

    It holds a line that says what it is, with the settings in JSON, and then for each tile its place, a checksum and
    its numbers. What follows the first damaged or unfinished tile is not used.

    Attributes:
        path: the file; removed when the factorisation has ended.
        settings: all that the factor depends on, in plain texts and numbers; a file with others is begun anew.
    """

    def __init__(self, path: Path, settings: dict[str, Any]):
        self.path = path
        self.settings = settings
        self._lock = Lock()

    def open(self, rows: list[Array], parts: list[slice]) -> list[int]:
        """Fill block rows (see `CholeskyFactor`) with the tiles in the file, and return how many tiles each then has.

        Raises:
            InputError: if the file is no checkpoint, or the disk has no space for the rest.
        """
        header = _CHECKPOINT + json.dumps(self.settings, sort_keys=True).encode() + b"\n"
        finished = [0] * len(rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        self._file.seek(0)
        found = self._file.readline(2 * len(header))
        if found and not found.startswith(_CHECKPOINT):
            self.close(keep=True)
            raise InputError(f"{self.path} is not a checkpoint of a factor: name another file, or remove it")
        if found != header:
            self._file.truncate(0)
            self._file.write(header)
        end = self._file.tell()
        while self._read_tile(rows, parts, finished):
            end = self._file.tell()
        self._file.truncate(end)
        if any(finished):
            log.info("continues after %d tiles, from %s", sum(finished), self.path)
        rest = sum(row.nbytes for row in rows) - end
        if rest > shutil.disk_usage(self.path.parent).free:
            self.close(keep=False)
            raise InputError(f"{self.path} needs {rest / 2**30:.3g} GiB more than the disk has: name a file on another")
        return finished

    def add(self, i: int, k: int, tile: Array) -> None:
        """Keep a finished tile."""
        content = np.ascontiguousarray(tile).tobytes()
        with self._lock:
            self._file.write(np.array([i, k, zlib.crc32(content)]).tobytes() + content)
            self._file.flush()

    def close(self, keep: bool) -> None:
        """Close the file, and remove it unless a later run shall go on from it."""
        self._file.close()
        if not keep:
            self.path.unlink()

    def _read_tile(self, rows: list[Array], parts: list[slice], finished: list[int]) -> bool:
        start = self._file.read(24)
        if len(start) < 24:
            return False
        i, k, checksum = np.frombuffer(start, np.int64)
        if not (0 <= k <= i < len(rows) and finished[i] == k):
            return False
        tile = rows[i][:, parts[k]]
        content = self._file.read(tile.nbytes)
        if len(content) < tile.nbytes or zlib.crc32(content) != checksum:
            return False
        tile[:] = np.frombuffer(content, tile.dtype).reshape(tile.shape)
        finished[i] += 1
        return True


def kernel_digest(kernel: Kernel) -> str:
    """Return a digest of a kernel and its parameters, the same in each process.

    Raises:
        InputError: for a `Function`, and a kernel that cannot be pickled.
    """
    if any(isinstance(value, Function) for value in [kernel, *kernel.get_params().values()]):
        raise InputError(f"checkpoint: kernel {kernel!r} is a function, whose name does not say what it computes")
    try:
        return hashlib.sha256(pickle.dumps(kernel)).hexdigest()
    except (pickle.PicklingError, AttributeError) as error:
        raise InputError(f"checkpoint: kernel {kernel!r} cannot be saved: {error}") from error


def digest(*values: Any) -> str:
    """Return a digest of arrays, sparse matrices and None."""
    found = hashlib.sha256()
    for value in values:
        for array in (value.indptr, value.indices, value.data) if scipy.sparse.issparse(value) else (value,):
            found.update(b"None" if array is None else np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
