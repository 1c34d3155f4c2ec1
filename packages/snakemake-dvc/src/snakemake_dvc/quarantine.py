"""The quarantine: unknown files in the place of outputs are moved there and never deleted."""

import itertools
import os
import shutil
from pathlib import Path

from snakemake_dvc.messages import join_names, print_message

# Why a file in the place of an output is moved.
UNFINISHED = "not left by a finished job"


class Quarantine:
    """A folder to which unknown files are moved.

    Args:
        folder: its path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unreported: list[str] = []

    def move(self, path: str | Path) -> Path:
        """Move a file or folder to the quarantine and return its new path."""
        path = Path(path)
        for number in itertools.count():
            root = self.folder / str(number)
            taken = [root / path, *(root / folder for folder in path.parents if not (root / folder).is_dir())]
            if not any(map(os.path.lexists, taken)):
                break
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, root / path)
        return root / path

    def move_and_report(self, path: str | Path) -> None:
        """Move a file or folder to the quarantine; the next `report` names it."""
        self.move(path)
        self._unreported.append(str(path))

    def keep(self, paths: list[str]) -> None:
        """Move files that a job would delete to the quarantine, and print which ones."""
        for path in paths:
            self.move_and_report(path)
        self.report(UNFINISHED)

    def report(self, reason: str) -> None:
        """Print, in one line, which files were moved since the last report, and why."""
        if self._unreported:
            print_message(f"{join_names(self._unreported)}: {reason}; moved to {self.folder}")
        self._unreported = []
