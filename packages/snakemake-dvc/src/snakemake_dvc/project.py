"""What differs between projects."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _itself(path: str) -> str:
    return path


@dataclass(frozen=True)
class Project:
    """What differs between projects.

    Attributes:
        config_file: the configuration file that both engines read: Snakemake by `configfile:`, DVC as params.
        python_path: folders in which the Python scripts of the jobs find modules of the project, beside their own.
        environment: files on which every result depends, such as a lock file that pins the versions of packages.
        records: where the records of a stage lie, as one more output of the stage.
        dvc_path: from a file that a job reads or writes to what DVC tracks: the file itself, or a folder that holds it.
        state: a folder for locks, digests of unchanged files, and files that were moved out of the way.

    Example:
        >>> Project(environment=("requirements.lock",)).records_of("train")
        PosixPath('records/train.jsonl')
    """

    config_file: str = "config.yaml"
    python_path: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    records: str = "records/{stage}.jsonl"
    dvc_path: Callable[[str], str] = _itself
    state: str = ".snakemake/dvc"

    def records_of(self, stage: str) -> Path:
        """Return the file that holds the records of a stage."""
        return Path(self.records.format(stage=stage))

    @property
    def quarantine(self) -> Path:
        """The folder for files that were moved out of the way."""
        return Path(self.state, "quarantine")
