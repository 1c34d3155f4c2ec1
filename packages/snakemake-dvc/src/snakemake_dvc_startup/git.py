"""Which files differ from the last commit of git. Here, since DVC's process needs it, and must not import Snakemake."""

import os
import subprocess


def uncommitted(paths: list[str]) -> list[str]:
    """Return those of some files that a commit would change: new, edited or staged ones, and no ignored ones.

    Args:
        paths: the files, relative to the current folder. It may be a subfolder of the repository.

    Returns:
        None of them outside of a repository.
    """
    if not paths:
        return []
    literal = {**os.environ, "GIT_LITERAL_PATHSPECS": "1"}
    found: set[str] = set()
    for command in (
        ["ls-files", "--others", "--modified", "--exclude-standard", "-z"],
        ["diff", "--cached", "--name-only", "--relative", "-z"],  # of the index and the last commit, if there is one
    ):
        ended = subprocess.run(["git", *command, "--", *paths], capture_output=True, env=literal, check=False)
        found.update(os.fsdecode(ended.stdout).split("\0") if ended.returncode == 0 else [])
    return [path for path in paths if path in found]
