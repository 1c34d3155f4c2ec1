"""What a run takes as given from its start to its end, in all of its processes."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VIEW = "NNGPLAB_VIEW"
SOURCES = (
    *("Snakefile", "workflow/rules/*.smk", "workflow/scripts/*.py", "workflow/report/*", "src/nngplab/**/*.py"),
    "docs/theory/*.md",
)


def md5(content: bytes) -> str:
    """Return the MD5 of some bytes, the hash that DVC uses too."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass
class View:
    """What a run takes as given from its start to its end.

    Attributes:
        config: the configuration, overlays included.
        sources: the MD5 of each source file by its path.
    """

    config: dict[str, Any]
    sources: dict[str, str]

    @classmethod
    def of(cls, config: dict[str, Any]) -> "View":
        """Return the view of the run to which this process belongs: handed down, or else the files as they are."""
        return cls(**json.loads(os.environ[VIEW])) if VIEW in os.environ else cls(dict(config), sources())

    def digest(self, paths: Iterable[str]) -> str:
        """Return one hash of the contents of source files. As a param it makes content decide, whatever the times."""
        return md5("".join(f"{path} {self.sources.get(path)}\n" for path in sorted(paths)).encode())

    def environment(self) -> dict[str, str]:
        """Return the environment that hands this view down to another process."""
        return {**os.environ, VIEW: json.dumps({"config": self.config, "sources": self.sources})}


def sources() -> dict[str, str]:
    """Return the MD5 of each source file, as it is now."""
    paths = (path for pattern in SOURCES for path in Path().glob(pattern) if path.is_file())
    return {str(path): md5(path.read_bytes()) for path in paths}


def refuse_to_mix(workflow: Any, view: View) -> None:
    """End the process of a job if an edit since the start of the run would make its result one of two versions."""
    words = sys.argv[sys.argv.index("--target-jobs") + 1 :] if "--target-jobs" in sys.argv else []
    jobs = {word.split(":")[0] for word in words}
    paths = {str(path) for rule in workflow.rules if rule.name in jobs for path in rule.input if not callable(path)}
    now = sources()
    paths |= {path for path in view.sources if path.endswith(".smk") or path == "Snakefile"}
    edited = sorted(path for path in paths & view.sources.keys() if now.get(path) != view.sources[path])
    if edited:
        sys.exit(f"error: {edited[0]} was edited while the run was going; this job did not start: run again")
