"""How much memory a computation may take here."""

from pathlib import Path

import psutil


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes that this process can still take: what is free on the machine, or left to its control group.

    Containers and the jobs of a cluster are held to the limit of a control group, or of one around it; beyond that they
    are killed, however much the machine has. Cached files do not count as taken, since they make way.

    Args:
        root: the root of the file system whose proc and sys/fs/cgroup are read.
    """
    groups = [folder for line in _lines(root / "proc/self/cgroup") for folder in _folders(root, line)]
    return min([psutil.virtual_memory().available, *(left for group in groups for left in _left(group))])


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
