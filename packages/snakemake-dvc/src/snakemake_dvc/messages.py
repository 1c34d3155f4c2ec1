"""Messages to the user."""

import errno
import os
import shutil
import sys
from functools import cache
from typing import NamedTuple


def print_message(message: str) -> None:
    """Print one line, with the name of this package, to the standard error, where Snakemake prints its own."""
    print(f"snakemake-dvc: {message}", file=sys.stderr, flush=True)


@cache
def print_once(message: str) -> None:
    """Print one line, but only the first time that it is the same."""
    print_message(message)


class Problem(NamedTuple):
    """What is wrong with one thing, in words that are the same for other things of which the same is wrong.

    Attributes:
        before: the words before the name of the thing.
        name: its name; empty if there is none.
        after: the words after it.
    """

    before: str
    name: str
    after: str

    @property
    def kind(self) -> tuple[str, str]:
        """The words without the name."""
        return self.before, self.after

    def __str__(self) -> str:
        return f"{self.before}{self.name}{self.after}"


def join_names(names: list[str], limit: int = 3) -> str:
    """Return names as one text, of which only the first ones are listed.

    Example:
        >>> join_names(["a", "b"]), join_names(["a", "b", "c", "d", "e"])
        ('a, b', 'a, b, c and 2 more')
    """
    rest = len(names) - limit
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:limit])} and {rest} more"


def join_paths(paths: list[str], limit: int = 3) -> str:
    """Return paths as one text; of many, their number, their folder and the first ones.

    Example:
        >>> join_paths(["results/a", "b"]), join_paths([f"results/{name}" for name in "abcd"])
        ('results/a, b', '4 files in results (a, b, c, ...)')
    """
    if len(paths) <= limit:
        return ", ".join(paths)
    try:
        folder = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # some are absolute
        folder = ""
    names = [os.path.relpath(path, folder) if folder else path for path in paths[:limit]]
    return f"{len(paths)} files{f' in {folder}' if folder else ''} ({', '.join(names)}, ...)"


def one_line(error: BaseException) -> str:
    """Return the text of an error in one line; the name of its class if it has no text.

    Example:
        >>> one_line(FileNotFoundError(2, "No such file or directory", "a.csv"))
        'a.csv: No such file or directory'
    """
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"{error.strerror} ({', '.join(_full_folders()) or 'disk quota'})"
    return " ".join(str(error).split()) or type(error).__name__


def _full_folders() -> list[str]:
    """Return those of the folders written to whose disk is full. An error of writing does not name its file."""
    folders = filter(os.path.isdir, (".", ".snakemake", ".dvc/tmp", ".dvc/cache"))
    return [folder for folder in folders if shutil.disk_usage(folder).free < 1_000_000]
