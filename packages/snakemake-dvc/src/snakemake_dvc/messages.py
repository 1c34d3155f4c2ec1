"""What is said to the user."""

import sys


def say(line: str, of: str = "dvc") -> None:
    """Print one line, with what it is of, where Snakemake prints its own."""
    print(f"{of}: {line}", file=sys.stderr, flush=True)


def some(names: list[str], limit: int = 3) -> str:
    """Return a list in words, cut after a few.

    Example:
        >>> some(["a", "b"]), some(["a", "b", "c", "d", "e"])
        ('a, b', 'a, b, c and 2 more')
    """
    rest = len(names) - limit
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:limit])} and {rest} more"
