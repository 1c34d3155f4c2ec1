"""The stages of dvc.yaml, with what dvc.lock records of them."""

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workflow.doors.contents import Cache

CONFIG = "config/config.yaml"


@dataclass
class Stage:
    """A stage of dvc.yaml, with what dvc.lock records of it.

    Attributes:
        outputs: the files that it makes, those in folders one by one.
        recorded: its entry in dvc.lock; empty if there is none.
    """

    name: str
    declared: dict[str, Any]
    recorded: dict[str, Any]
    outputs: list[str]

    @property
    def keys(self) -> list[str]:
        """The keys of config/config.yaml that it depends on."""
        return [key for params in self.declared["params"] for key in params[CONFIG]]

    @property
    def recorded_params(self) -> dict[str, Any]:
        """The values of those keys in dvc.lock."""
        return dict(self.recorded.get("params", {}).get(CONFIG, {}))

    @property
    def recorded_deps(self) -> dict[str, str]:
        """The MD5 of each dependency in dvc.lock."""
        return {dep["path"]: dep["md5"] for dep in self.recorded.get("deps", [])}

    def locked(self, cache: Cache) -> dict[str, str]:
        """Return the MD5 that dvc.lock records of each output, as far as the lists of its folders are in the cache."""
        found = {}
        for out in self.recorded.get("outs", []):
            if not out["md5"].endswith(".dir"):
                found[out["path"]] = out["md5"]
            elif cache.path(out["md5"]).is_file():
                entries = json.loads(cache.path(out["md5"]).read_text(encoding="utf-8"))
                found |= {f"{out['path']}/{entry['relpath']}": entry["md5"] for entry in entries}
        return found


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, in C where it can be, which is ten times as fast; 1e-05 is a number, as DVC writes it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load(path: str) -> dict[str, Any]:
    """Return the content of a YAML file, nothing where there is none.

    Ends the process with one line if the file cannot be read, as after a merge with conflicts.
    """
    try:
        return yaml.load(Path(path).read_bytes(), _Loader) or {}  # noqa: S506
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        where = " ".join(str(getattr(error, "problem_mark", "")).split())
        sys.exit(
            f"error: {path} cannot be read {where}; if a merge left it so, take one side: git checkout --ours {path}"
        )


def recorded_stages() -> dict[str, Any]:
    """Return the stages of dvc.lock.

    Ends the process with one line if they are not what DVC writes, as after a crash that cut the file short.
    """
    try:
        stages: dict[str, Any] = load("dvc.lock").get("stages", {})
        for stage in stages.values():
            for entry in [*stage.get("deps", []), *stage.get("outs", [])]:
                entry["path"] + entry["md5"]
    except (AttributeError, KeyError, TypeError):
        sys.exit("error: dvc.lock is damaged: git checkout dvc.lock")
    return stages


def is_source(path: str) -> bool:
    """Whether a dependency is a source, which the view of a run holds fast, and not data."""
    return path.startswith(("src/", "workflow/", "docs/"))


def outs_of(declared: dict[str, Any]) -> list[str]:
    """Return the paths that a stage of dvc.yaml declares as its own: outputs, metrics and plots."""
    entries = [*declared.get("outs", []), *declared.get("metrics", []), *declared.get("plots", [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def overlap(paths: Iterable[str], outs: Iterable[str]) -> bool:
    """Return whether any of the paths is among the outs or in a folder of them."""
    outs = list(outs)
    return any(path == out or path.startswith(f"{out}/") for path in paths for out in outs)
