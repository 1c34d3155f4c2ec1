"""The quarantine: unknown files in the place of outputs are moved there and never deleted."""

import itertools
import os
import shutil
from pathlib import Path

from snakemake_dvc.messages import join_paths, print_message

# Why a file is moved, and what else is done.
UNFINISHED = "not left by a finished job; moved to {}"
LEFTOVER = "not an output of any job; moved to {}"
FILE_AT_FOLDER = "a file in the place of a folder; moved to {}"
DIFFERENT = "different from the record; moved to {}"
RESTORED = "restored from the record; the files that were there are moved to {}"


class Quarantine:
    """A folder to which unknown files are moved.

    Args:
        folder: its path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unreported: dict[str, list[str]] = {}

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

    def move_and_report(self, path: str | Path, reason: str) -> None:
        """Move a file or folder to the quarantine; the next `report` names it."""
        self.move(path)
        self.note(path, reason)

    def note(self, path: str | Path, reason: str) -> None:
        """Let the next `report` name a file that was moved."""
        self._unreported.setdefault(reason, []).append(str(path))

    def keep(self, paths: list[str]) -> None:
        """Move files that a job would delete to the quarantine, and print which ones."""
        for path in paths:
            self.move_and_report(path, UNFINISHED)
        self.report()

    def report(self) -> None:
        """Print which files were moved since the last report, in one line for each reason."""
        for reason, paths in self._unreported.items():
            print_message(f"{join_paths(paths)}: {reason.format(self.folder)}")
        self._unreported = {}
