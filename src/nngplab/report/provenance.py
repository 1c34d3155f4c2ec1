"""The provenance of a result: the commit, the versions of packages and the machine."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def provenance(folder: Path, packages: Iterable[str], exclude: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """Return the commit of the checkout at `folder`, versions of packages and the machine, in words.

    The same checkout and machine give the same words at any time. The name of the machine is not among them.

    Args:
        folder: a folder of a git checkout, or any other folder.
        packages: distribution names of Python packages.
        exclude: paths in `folder` whose changes do not count as changes of the checkout.
    """
    return {
        "code": {"git commit": _commit(folder, exclude)},
        "versions": {"Python": platform.python_version(), **{name: _version(name) for name in packages}},
        "machine": {
            "processor": _processor(),
            "cores": str(os.cpu_count()),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
            "operating system": _operating_system(),
        },
    }


def _commit(folder: Path, exclude: Iterable[str]) -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changes = git("status", "--porcelain", "--", ".", *(f":(exclude){path}" for path in exclude))
    except (OSError, subprocess.CalledProcessError):
        return "none: not a git checkout"
    return f"{commit}, with uncommitted changes" if changes else commit


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _operating_system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.platform()
    return f"{name} ({platform.machine()})"
