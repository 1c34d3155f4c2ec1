"""The configuration and the rules of a run, which stay the same in all of its processes until it ends."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from snakemake_dvc_startup import STARTED

from snakemake_dvc.contents import fingerprint, md5


class _Dumper(yaml.SafeDumper):
    """The safe dumper, also for the subclasses of `dict` that Snakemake uses."""


_Dumper.add_multi_representer(dict, lambda dumper, value: dumper.represent_dict(value.items()))

# The environment variable with the file from which the processes of the jobs of a run read its snapshot.
VARIABLE = "SNAKEMAKE_DVC_RUN"


@dataclass
class RunSnapshot:
    """The configuration and the rules of a run, as they were at its start.

    Attributes:
        config: the configuration, overlays included.
        rules_files: the MD5 of the Snakefile and of each file that it includes.
    """

    config: dict[str, Any]
    rules_files: dict[str, str] = field(default_factory=dict)

    def export(self, path: Path) -> None:
        """Write the snapshot to a file, and name the file in an environment variable, which the jobs inherit."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"config": self.config, "rules_files": self.rules_files}
        path.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False), encoding="utf-8")
        os.environ[VARIABLE] = str(path)

    @classmethod
    def from_environment(cls) -> "RunSnapshot | None":
        """Return the snapshot of the run to which this process belongs; None if it belongs to none."""
        try:
            return cls(**yaml.safe_load(Path(os.environ[VARIABLE]).read_text(encoding="utf-8")))
        except (KeyError, OSError, TypeError, yaml.YAMLError):
            return None

    def add_rules_files(self, paths: list[str]) -> None:
        """Add the files from which the rules were read.

        Raises:
            ValueError: with one line, if one of them was edited after the start of this process.
        """
        for path in paths:
            raise_if_edited_since_start(path)
            self.rules_files[path] = digest_of(path)

    def edited_rules_files(self) -> list[str]:
        """Return the rules files that were edited since they were added."""
        return sorted(path for path, digest in self.rules_files.items() if digest_of(path) != digest)


def abort_if_rules_changed(snapshot: RunSnapshot) -> None:
    """End the process of a job, with one line, if the rules were edited since the start of its run."""
    if edited := snapshot.edited_rules_files():
        sys.exit(f"error: {edited[0]} was edited during the run, so this job did not start: run again")


def start_of_run() -> float:
    """Return when the run to which this process belongs has written its snapshot, in seconds since the epoch."""
    return Path(os.environ[VARIABLE]).stat().st_mtime


def digest_of(path: str) -> str:
    """Return the MD5 of a small file; empty if there is no file."""
    try:
        return md5(Path(path).read_bytes())
    except OSError:
        return ""


def raise_if_edited_since_start(path: str) -> None:
    """Raise an error if a file was edited after the start of this process, which may have read it before.

    Raises:
        ValueError: with one line.
    """
    seen = fingerprint(path)
    # A time in the future is ignored: the clock was set back.
    if seen and _start() < seen[2] / 1e9 <= time.time():
        raise ValueError(f"{path} was edited while Snakemake was reading the workflow: run again")


def _start() -> float:
    """Return the start of this program in seconds since the epoch, plus the resolution of the clock.

    The process can be older, see `STARTED`; it can also be younger, if it was forked.
    """
    return max(_process_start(), STARTED or 0) + 0.05


def _process_start() -> float:
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19])
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return float(psutil.Process().create_time())
