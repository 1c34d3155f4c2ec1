"""A file with the tiles of a Cholesky factor, from which a factorisation that was killed continues."""

import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.regression import tiles

log = logging.getLogger("nngplab.regression")

Array = npt.NDArray[Any]

_MAGIC = b"nngplab factor "
# The bytes of the header, and the multiple of bytes at which the tiles begin: a page of memory.
_PAGE = 4096
_FINISHED = 1 << 32


class FactorFile:
    """A file with a place for each tile of the lower triangle of a factor L (n, n).

    It holds a header, which says in JSON what the factor is of, a table with a checksum for each finished tile, and the
    tiles, block row by block row. The entry of a tile is written after the tile itself, so that a process that is
    killed at any time leaves a file from which the next one continues. Since a tile depends on earlier tiles alone, and
    none is used without a look at its checksum, a damaged one is computed anew, and no other.

    The file is read and written by positions, not mapped into memory: mapped pages would count as memory, and a full
    disk would end the process. While a fit uses it, a lock keeps others away.

    Args:
        path: the file.
        n: the number of rows.
        dtype: float64 or float32.
        settings: all that the factor depends on, in plain texts and numbers; a file with others is begun anew.
    """

    def __init__(self, path: Path, n: int, dtype: npt.DTypeLike, settings: dict[str, Any]):
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 (links stay)
        self.dtype = np.dtype(dtype)
        self.slices = tiles.slices(n, tiles.tile_size(n))
        settings = settings | {"n": n, "dtype": self.dtype.name, "tile": [tiles.tile_size(n), tiles.BLOCK]}
        self._header = (_MAGIC + json.dumps(settings, sort_keys=True).encode() + b"\n").ljust(_PAGE)
        sizes = [(part.stop - part.start) * part.stop * self.dtype.itemsize for part in self.slices]
        blocks = len(sizes)
        table = 8 * blocks * (blocks + 1) // 2
        first = -(-(len(self._header) + table) // _PAGE) * _PAGE
        self._places = [first, *(first + int(end) for end in np.cumsum(sizes))]
        self._open: tuple[int, Array] | None = None  # its descriptor, and its table, during a fit

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}

    def begin(self) -> list[int]:
        """Open the file for a fit, and return how many tiles each block row has.

        Raises:
            InputError: if the file cannot be written, is something else or in use, or if the disk is too small.
        """
        with self._errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists()
            descriptor = self._locked()
        try:
            with self._errors():
                self._reserve(descriptor)
                self._open = descriptor, self._table(descriptor)
        except BaseException:
            if new:
                self.path.unlink()
            os.close(descriptor)
            raise
        finished = tiles.in_threads(self._finished_in_row, range(len(self.slices)))
        if any(finished):
            log.info("continues after %d tiles, from %s", sum(finished), self.path)
        return finished

    def write(self, i: int, k: int, tile: Array) -> None:
        """Keep tile (i, k).

        Raises:
            InputError: if the disk is full.
        """
        assert self._open  # noqa: S101
        descriptor, table = self._open
        content = np.ascontiguousarray(tile).tobytes()
        entry = zlib.crc32(content) | _FINISHED
        with self._errors():
            _write(descriptor, content, self._place(i, k))
            _write(descriptor, np.uint64(entry).tobytes(), _PAGE + 8 * _number(i, k))
        table[_number(i, k)] = entry

    def row(self, i: int, first: int, stop: int, width: int | None = None) -> Array:
        """Return the tiles of block row i in block columns `first` to `stop` - 1, as the first of `width` columns.

        Raises:
            InputError: if one of them is damaged, or the file is gone or that of another fit.
        """
        part, start = self.slices[i], self.slices[first].start
        end = self.slices[stop - 1].stop - start if stop > first else 0
        out = np.empty((part.stop - part.start, width or end), self.dtype)
        with self._reading() as (descriptor, table):
            for k in range(first, stop):
                columns = slice(self.slices[k].start - start, self.slices[k].stop - start)
                if not self._read_tile(descriptor, table, i, k, out[:, columns]):
                    raise InputError(
                        f"tile ({i}, {k}) of the factor in {self.path} is damaged: fit again, which computes it anew"
                    )
            if hasattr(os, "posix_fadvise") and i + 1 < len(self.slices):
                # While this block row is computed with, the system reads the next one.
                length = (part.stop - part.start) * end * self.dtype.itemsize
                os.posix_fadvise(descriptor, self._place(i + 1, first), length, os.POSIX_FADV_WILLNEED)
        return out

    def close(self, keep: bool) -> None:
        """Close the file after a fit, and remove it unless it is kept."""
        if self._open:
            descriptor, self._open = self._open[0], None
            if not keep:
                self.path.unlink(missing_ok=True)
            os.close(descriptor)

    def _locked(self) -> int:
        """Return a descriptor of the file, which no other process has."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._lock(descriptor, exclusive=True)
                if self.path.exists() and os.path.samestat(os.fstat(descriptor), self.path.stat()):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # another fit has removed the file in between

    def _lock(self, descriptor: int, exclusive: bool) -> None:
        import fcntl  # Windows has none

        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{self.path} is in use by another fit: wait for its end, or name another file") from None

    def _reserve(self, descriptor: int) -> None:
        """Make the file one of these settings, of full length, and reserve its space on the disk."""
        found, size = os.pread(descriptor, _PAGE, 0), self._places[-1]
        if found and not found.startswith(_MAGIC):
            raise InputError(f"{self.path} is not the file of a factor: name another file, or remove it")
        needed = size - min(size, 512 * os.fstat(descriptor).st_blocks)
        free = shutil.disk_usage(self.path.parent).free
        if needed > free:
            raise InputError(
                f"{self.path} needs {needed / 2**30:.3g} GiB, and the disk has {free / 2**30:.3g} GiB free: free some, "
                "or name a file on another disk"
            )
        if found != self._header:
            os.ftruncate(descriptor, 0)
            _write(descriptor, self._header, 0)
        os.ftruncate(descriptor, size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)

    def _finished_in_row(self, i: int) -> int:
        """Return how many tiles a block row has before the first one that is not finished, or damaged."""
        assert self._open  # noqa: S101
        part = self.slices[i]
        tile = np.empty((part.stop - part.start, self.slices[0].stop), self.dtype)
        for k in range(i + 1):
            width = self.slices[k].stop - self.slices[k].start
            if not self._read_tile(*self._open, i, k, tile[:, :width]):
                return k
        return i + 1

    def _read_tile(self, descriptor: int, table: Array, i: int, k: int, out: Array) -> bool:
        """Read tile (i, k); return whether it is finished, and has its checksum."""
        entry = int(table[_number(i, k)])
        if not entry & _FINISHED:
            return False
        content = os.pread(descriptor, out.size * out.itemsize, self._place(i, k))
        if len(content) < out.size * out.itemsize or zlib.crc32(content) | _FINISHED != entry:
            return False
        out[:] = np.frombuffer(content, self.dtype).reshape(out.shape)
        return True

    @contextmanager
    def _reading(self) -> Iterator[tuple[int, Array]]:
        """Yield the descriptor and the table of the file; after the fit, it is opened anew."""
        if self._open:
            yield self._open
            return
        with self._errors():
            if not self.path.exists():
                raise InputError(f"the factor of this model is gone, the file {self.path}: restore it, or fit again")
            descriptor = os.open(self.path, os.O_RDONLY)
        try:
            self._lock(descriptor, exclusive=False)
            if os.pread(descriptor, _PAGE, 0) != self._header:
                raise InputError(f"{self.path} is no longer the factor of this model: fit again")
            yield descriptor, self._table(descriptor)
        finally:
            os.close(descriptor)

    def _table(self, descriptor: int) -> Array:
        content = os.pread(descriptor, 8 * _number(len(self.slices), 0), _PAGE)
        return np.frombuffer(content, np.uint64).copy()

    def _place(self, i: int, k: int) -> int:
        part = self.slices[i]
        return self._places[i] + (part.stop - part.start) * self.slices[k].start * self.dtype.itemsize

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in one line what the system refuses."""
        try:
            yield
        except OSError as error:
            raise InputError(
                f"storage: {self.path} cannot be used ({error.strerror}): correct this and run again; finished tiles "
                "are kept"
            ) from error


def _number(i: int, k: int) -> int:
    """Return the number of tile (i, k) in the order of the file."""
    return i * (i + 1) // 2 + k


def _write(descriptor: int, content: bytes, place: int) -> None:
    """Write bytes to the last of them: the system may take fewer at a time."""
    rest = memoryview(content)
    while rest:
        done = os.pwrite(descriptor, rest, place)
        rest, place = rest[done:], place + done
