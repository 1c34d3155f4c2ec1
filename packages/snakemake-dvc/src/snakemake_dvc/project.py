"""The settings of a project."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _same_path(path: str) -> str:
    return path


@dataclass(frozen=True)
class Project:
    """The settings of a project: its configuration files, source folders and state folder.

    Attributes:
        config_file: the configuration file that both engines read: Snakemake by `configfile:`, DVC as params.
        python_path: folders from which the Python scripts of the jobs import modules of the project, beside their own.
        environment: files on which every result depends, such as a lock file that pins the versions of packages.
        records: the path of the records of a stage. The file is one more output of the stage.
        dvc_path: a function from a file that a job reads or writes to the path that DVC tracks: the file itself, or a
            folder that contains it.
        state: the folder of locks, digests of unchanged files, and quarantined files.

    Example:
        >>> Project(environment=("requirements.lock",)).records_of("train")
        PosixPath('records/train.jsonl')
    """

    config_file: str = "config.yaml"
    python_path: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    records: str = "records/{stage}.jsonl"
    dvc_path: Callable[[str], str] = _same_path
    state: str = ".snakemake/dvc"

    def records_of(self, stage: str) -> Path:
        """Return the file of the records of a stage."""
        return Path(self.records.format(stage=stage))

    @property
    def quarantine(self) -> Path:
        """The folder to which unknown files are moved."""
        return Path(self.state, "quarantine")
