"""What is said to the user, and to DVC."""

import os
import subprocess
import sys

from workflow.doors.view import VIEW


def say(line: str, of: str = "dvc") -> None:
    """Tell the user one line, where Snakemake tells its own."""
    print(f"{of}: {line}", file=sys.stderr, flush=True)


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run DVC, not as part of the run of this process."""
    environment = {name: value for name, value in os.environ.items() if name != VIEW}
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def last_line(ended: subprocess.CompletedProcess[str]) -> str:
    """Return why it failed, in a line."""
    lines = (ended.stderr or ended.stdout).strip().splitlines()
    return lines[-1] if lines else f"dvc ended with {ended.returncode}"
