"""What a run takes as given from its start to its end, in all of its processes."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from snakemake_dvc.contents import fingerprint, md5


class _Dumper(yaml.SafeDumper):
    """The safe dumper, for the kinds of dictionaries that Snakemake uses, too."""


_Dumper.add_multi_representer(dict, lambda dumper, value: dumper.represent_dict(value.items()))

# Names the file in which the processes of the jobs of a run find its snapshot.
VARIABLE = "SNAKEMAKE_DVC_RUN"


@dataclass
class RunSnapshot:
    """The configuration and the rules of a run.

    Attributes:
        config: the configuration, overlays included.
        rules_files: the MD5 of the Snakefile and of each file that it includes.
    """

    config: dict[str, Any]
    rules_files: dict[str, str] = field(default_factory=dict)

    def hand_down(self, path: Path) -> None:
        """Write the snapshot for the processes of the jobs, which inherit the environment of this one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"config": self.config, "rules_files": self.rules_files}
        path.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False), encoding="utf-8")
        os.environ[VARIABLE] = str(path)

    @classmethod
    def handed_down(cls) -> "RunSnapshot | None":
        """Return the snapshot of the run to which this process belongs, if it belongs to one."""
        try:
            return cls(**yaml.safe_load(Path(os.environ[VARIABLE]).read_text(encoding="utf-8")))
        except (KeyError, OSError, TypeError, yaml.YAMLError):
            return None

    def add_rules_files(self, paths: list[str]) -> None:
        """Add the files from which the rules were read.

        Raises:
            ValueError: with one line, if one has changed since the process began to read them.
        """
        for path in paths:
            refuse_if_edited_since_start(path)
            self.rules_files[path] = digest_of(path)

    def edited_rules_files(self) -> list[str]:
        """Return the files of the rules that are no longer what they were."""
        return sorted(path for path, digest in self.rules_files.items() if digest_of(path) != digest)


def digest_of(path: str) -> str:
    """Return the MD5 of a small file; empty where there is none."""
    try:
        return md5(Path(path).read_bytes())
    except OSError:
        return ""


def refuse_if_edited_since_start(path: str) -> None:
    """Refuse a file that this process may have read before its last change.

    Raises:
        ValueError: with one line.
    """
    seen = fingerprint(path)
    # Where the clock was set back, a change can lie in the future: that says nothing.
    if seen and _process_start() < seen[2] / 1e9 <= time.time():
        raise ValueError(f"{path} was edited while Snakemake was reading the workflow: run again")


def _process_start() -> float:
    """Return when this process has started, in seconds since the epoch, with room for the clock's steps."""
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        return time.time() - age + 0.05
    except (OSError, AttributeError):
        return float(psutil.Process().create_time())
