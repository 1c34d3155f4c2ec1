"""Files that no job of ours has made are moved out of the way, and never lost."""

import itertools
import os
import shutil
from pathlib import Path

from snakemake_dvc.messages import say, some


class Quarantine:
    """A folder for files that were moved out of the way.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.moved: list[str] = []

    def move(self, path: str | Path) -> Path:
        """Move a file or folder, and return where it is then."""
        path = Path(path)
        for number in itertools.count():
            root = self.folder / str(number)
            taken = [root / path, *(root / folder for folder in path.parents if not (root / folder).is_dir())]
            if not any(map(os.path.lexists, taken)):
                break
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, root / path)
        return root / path

    def move_and_tell(self, path: str | Path) -> None:
        """Move a file or folder; `tell` says so, in one line for all."""
        self.move(path)
        self.moved.append(str(path))

    def tell(self, why: str) -> None:
        """Say what was moved since the last time, and why."""
        if self.moved:
            say(f"{some(self.moved)}: {why}; moved to {self.folder}")
        self.moved = []
