"""How much memory a fit needs, and how much a computation may take here."""

import os
import sys
from pathlib import Path

import numpy as np

from nngplab.errors import InputError
from nngplab.regression import tiles

PRECISIONS = {"double": np.float64, "single": np.float32}


def memory_needed(n: int, d: int, precision: str = "double", loo: bool = False, copied: bool = True) -> int:
    """Return the bytes that a fit of n samples with d features takes beside the data, in all its threads.

    These are the triangle of the Gram matrix with the other halves of its diagonal tiles, the inverses of the blocks on
    its diagonal, a copy of the samples if their precision is another (`copied`), and for each thread some tiles to work
    on; with `loo`, a tile's columns more.

    >>> gigabytes = memory_needed(50_000, 3072) / 1e9  # for the training images of CIFAR-10
    >>> 10 < gigabytes < 20  # the lower triangle has 10; the more threads, the more is added
    True
    """
    itemsize, t = np.dtype(PRECISIONS[precision]).itemsize, min(n, tiles.tile_size(n))
    of_thread = 4 * t * t + (n * t if loo else 0)
    return triangle_bytes(n, itemsize) + itemsize * (
        n * tiles.BLOCK + n * d * copied + tiles.blas_threads() * of_thread
    )


def memory_for_block_rows(n: int, itemsize: int) -> int:
    """Return the bytes that block rows may take in memory while the rest of a factor of n rows is in a file.

    A tenth of what is available is left to others, and to each thread a block row and some tiles to work on.
    """
    t = min(n, tiles.tile_size(n))
    return int(0.9 * available_memory()) - itemsize * (n * tiles.BLOCK + tiles.blas_threads() * (4 * t * t + n * t))


def triangle_bytes(n: int, itemsize: int) -> int:
    """Return the bytes of the tiles of the lower triangle of a matrix of n rows."""
    return itemsize * sum((part.stop - part.start) * part.stop for part in tiles.slices(n, tiles.tile_size(n)))


def check_memory(
    n: int, d: int, precision: str, loo: bool, itemsize: int, factors: int = 1, storage: bool = False
) -> None:
    """Refuse a fit that the memory does not suffice for, before it is killed for it.

    Args:
        n: the number of samples.
        d: the number of their features.
        precision: the working precision.
        loo: as for `memory_needed`.
        itemsize: the bytes of a number of the samples as they were given.
        factors: how many factors are in memory at once.
        storage: whether a file has the factor, so that the memory needs a block row of it for each thread and one more.

    Raises:
        InputError: with both figures.
    """
    block_rows = (tiles.blas_threads() * (not loo) + 1) * n * min(n, tiles.tile_size(n))
    needed = {}
    for name, dtype in PRECISIONS.items():
        size = np.dtype(dtype).itemsize
        needed[name] = memory_needed(n, d, name, loo, itemsize != size) + (factors - 1) * triangle_bytes(n, size)
        if storage:
            needed[name] += size * block_rows - factors * triangle_bytes(n, size)
    available = int(0.9 * available_memory()) if storage else available_memory()
    if needed[precision] > available:
        gib = {name: f"{size / 2**30:.2f} GiB" for name, size in needed.items()}
        remedy = f'precision="single" takes {gib["single"]}' if precision == "double" else "take fewer samples"
        if not storage:
            remedy = f"keep the factor in a file with storage=, or {remedy}"
        raise InputError(
            f"{n:,} samples need {gib[precision]} of memory in {precision} precision, and {available / 2**30:.2f} GiB "
            f"are available: free some, or {remedy}"
        )


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes that this process can still take: what is free on the machine, or left to its control group.

    Containers and the jobs of a cluster are held to the limit of a control group, or of one around it; beyond that they
    are killed, however much the machine has. Cached files do not count as taken, since they make way.

    Args:
        root: the root of the file system whose proc and sys/fs/cgroup are read.
    """
    groups = [folder for line in _lines(root / "proc/self/cgroup") for folder in _folders(root, line)]
    return min([_free(root), *(left for group in groups for left in _left(group))])


def _free(root: Path) -> int:
    """Return what is free on the machine; where the system does not say so, all of its memory."""
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024  # Linux, from version 3.14 on
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return sys.maxsize  # Windows: no fit is refused


def _folders(root: Path, line: str) -> list[Path]:
    """Return the control group of a line of /proc/self/cgroup that has to do with memory, and those around it."""
    _, controllers, path = line.split(":", 2)
    if controllers not in ("", "memory"):
        return []
    mounts = (
        [root / "sys/fs/cgroup/memory"] if controllers else [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
    )
    inner = [Path(path), *Path(path).parents]
    return [mount / group.relative_to("/") for mount in mounts for group in inner]


def _left(group: Path) -> list[int]:
    """Return what is left to a control group, of version 2 or 1; nothing where it has no limit."""
    for limit, usage, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limits = _lines(group / limit)
        if limits and limits[0] != "max":
            statistics = dict(line.split() for line in _lines(group / "memory.stat"))
            return [max(0, int(limits[0]) - int(_lines(group / usage)[0]) + int(statistics.get(cache, 0)))]
    return []


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").splitlines() if path.is_file() else []
