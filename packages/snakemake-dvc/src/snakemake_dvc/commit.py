"""The shell command that commits the results of a run."""

import glob
import os
import shlex

# As many files of one name in neighbouring folders are written as a pattern.
MANY = 4


def commit_command(changed: list[str], others: set[str]) -> str:
    """Return the command that commits files.

    Args:
        changed: the files.
        others: further files that the command may name, since git has them and they have not changed.

    Example:
        >>> commit_command(["dvc.lock", "my results/metrics.json"], set())
        "git add dvc.lock 'my results/metrics.json' && git commit"
    """
    words: dict[str, None] = {}
    for path in changed:
        pattern, matches = _pattern(path)
        same = {one for one in changed if _pattern(one)[0] == pattern}
        is_plain = all(_quoted(one) == shlex.quote(one) for one in matches)
        is_exact = len(same) >= MANY and is_plain and same <= matches <= {*changed, *others}
        words[pattern if is_exact else _quoted(path)] = None
    return f"git add {' '.join(words)} && git commit"


def _pattern(path: str) -> tuple[str, set[str]]:
    """Return a pattern of the shell for all files of this name in neighbouring folders, and its matches."""
    folder, name = os.path.split(path)
    above = os.path.dirname(folder)  # noqa: PTH120
    if not folder or os.path.isabs(path) or _is_special(path):  # noqa: PTH117
        return "", set()
    matches = glob.glob(os.path.join(glob.escape(above), "*", glob.escape(name)))  # noqa: PTH118, PTH207
    return "/".join([*([_quoted(above)] if above else []), "*", shlex.quote(name)]), set(matches)


def _quoted(path: str) -> str:
    """Return a path as the shell and git read it: to git too, some characters have a meaning."""
    if _is_special(path):
        return shlex.quote(f":(literal){path}")
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _is_special(path: str) -> bool:
    return path.startswith(":") or any(character in path for character in "*?[\\")
