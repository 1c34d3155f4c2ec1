"""The stages of dvc.yaml: how they follow from the rules, and their entries in dvc.lock."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from snakemake_dvc import _dvc

# The parts of a stage of dvc.yaml that name its outputs.
OUTPUTS = ("outs", "metrics", "plots")


@dataclass
class Stage:
    """A stage of dvc.yaml whose results have records.

    Attributes:
        name: its name.
        declared: its entry in dvc.yaml.
        recorded: its entry in dvc.lock; empty if there is none.
        records: the file of its records, one of its outputs.
    """

    name: str
    declared: dict[str, Any]
    recorded: dict[str, Any]
    records: str

    @property
    def deps(self) -> list[str]:
        """The paths of its dependencies."""
        return list(self.declared.get("deps") or [])

    @property
    def keys(self) -> dict[str, list[str]]:
        """The keys of its params, for each configuration file."""
        entries = [entry for entry in self.declared.get("params") or [] if isinstance(entry, dict)]
        return {path: list(keys or []) for entry in entries for path, keys in entry.items()}

    @property
    def outs(self) -> list[str]:
        """The paths of its outputs, metrics and plots, without the records."""
        return [path for path in outs_of(self.declared) if path != self.records]

    @property
    def outs_in_git(self) -> list[str]:
        """The paths of its outputs, metrics and plots that DVC does not cache."""
        entries = [entry for part in OUTPUTS for entry in self.declared.get(part) or [] if isinstance(entry, dict)]
        return [path for entry in entries for path, options in entry.items() if (options or {}).get("cache") is False]

    @property
    def targets(self) -> list[str]:
        """The targets of its Snakemake command."""
        return str(self.declared["cmd"]).partition(" -- ")[2].split()

    @property
    def recorded_outs(self) -> dict[str, str]:
        """The MD5 of each output in dvc.lock."""
        return {out["path"]: out.get("md5", "") for out in self.recorded.get("outs", [])}

    def is_recorded_as(self, entry: dict[str, Any]) -> bool:
        """Return whether the entry in dvc.lock is equal to another."""
        return all(_digests(self.recorded.get(part)) == _digests(entry[part]) for part in ("deps", "outs")) and (
            self.recorded.get("cmd") == entry["cmd"] and (self.recorded.get("params") or {}) == entry["params"]
        )


def _digests(entries: Iterable[dict[str, Any]] | None) -> dict[str, str]:
    return {entry["path"]: entry.get("md5", "") for entry in entries or []}


def managed_stages(records_of: Any) -> list[Stage]:
    """Return the stages of dvc.yaml that have their records among their outputs. Others are written by the user.

    Args:
        records_of: a function from the name of a stage to the file of its records.
    """
    declared = _dvc.load(_dvc.PIPELINE_FILE).get("stages") or {}
    recorded = _dvc.recorded_stages()
    return [
        Stage(name, stage, recorded.get(name, {}), str(records_of(name)))
        for name, stage in declared.items()
        if isinstance(stage, dict) and isinstance(stage.get("cmd"), str) and str(records_of(name)) in outs_of(stage)
    ]


def in_order(stages: list[Stage]) -> list[Stage]:
    """Return stages, each after the stages whose outputs it reads."""
    by_name = {stage.name: stage for stage in stages}
    before = {
        stage.name: {
            other.name for other in stages if other is not stage and any(reads(stage, out) for out in other.outs)
        }
        for stage in stages
    }
    return [by_name[name] for name in TopologicalSorter(before).static_order()]


def reads(stage: Stage, out: str) -> bool:
    """Return whether a stage depends on a path, or on a file in it."""
    return is_within(out, stage.deps) or any(is_within(dep, [out]) for dep in stage.deps)


def outs_of(declared: dict[str, Any]) -> list[str]:
    """Return the paths of the outputs, metrics and plots of a stage of dvc.yaml."""
    entries = [entry for part in OUTPUTS for entry in declared.get(part) or []]
    return [str(next(iter(entry)) if isinstance(entry, dict) else entry) for entry in entries]


def is_within(path: str, outs: Iterable[str]) -> bool:
    """Return whether a path is among some outputs, or lies in one of them."""
    return any(path == out or path.startswith(f"{out}/") for out in outs)


def lookup(config: dict[str, Any], key: str) -> Any:
    """Return the value of a key of a configuration, which may be in a section: `section.key`; None if there is none."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def stages_of_rules(jobs: Iterable["JobInfo"], config: dict[str, Any], project: Any) -> dict[str, Any]:
    """Return the stages of dvc.yaml: one for each rules file.

    A stage runs the rules of its file and no others. The file has a rule of the same name, which requests all results
    of the stage. The dependencies are the files that the rules read and do not write, and their code. The params are
    the section of the configuration with the name of the stage, and the keys that the rules read. A file
    `metrics.json` is a metric: it is tracked by git and not by the cache, so that a clone can compare commits before
    it has pulled the results.

    Args:
        jobs: all jobs of the workflow.
        config: the configuration.
        project: the settings of the project.

    Raises:
        ValueError: with one line, if DVC ignores changes of a key.
    """
    by_stage: dict[str, list[JobInfo]] = {}
    for job in jobs:
        by_stage.setdefault(job.stage, []).append(job)
    return {name: _stage(name, by_stage[name], config, project) for name in sorted(by_stage)}


@dataclass
class JobInfo:
    """What the stage of a job takes from it.

    Attributes:
        stage: the name of the stage.
        rule: the name of the rule.
        message: the description of the stage.
        inputs: the paths of the inputs.
        outputs: the paths of the outputs.
        sources: the source files of the job that are not among its inputs.
        rules_files: the rules files that can affect the job.
        keys: the keys of the configuration that the job reads.
    """

    stage: str
    rule: str
    message: str
    inputs: set[str]
    outputs: set[str]
    sources: set[str]
    rules_files: set[str]
    keys: set[str]


def _ignored_keys(section: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield the paths of the keys named `size` and `nfiles`, which DVC leaves out of the key of its run cache.

    DVC uses these names itself. If it left them out, it would restore the results of another value. It does not leave
    them out where dvc.yaml names them by a path with dots.

    Raises:
        ValueError: with one line, if such a key has no path with dots.
    """
    for name, value in section.items():
        path = f"{above}.{name}" if above else str(name)
        if name in ("size", "nfiles"):
            if not above:
                raise ValueError(f"DVC ignores a change of the key {name}: move it into a section of the configuration")
            yield path
        if isinstance(value, dict):
            yield from _ignored_keys(value, path)
        elif isinstance(value, list):
            for inner in value:
                if isinstance(inner, dict) and list(_ignored_keys(inner, path)):
                    raise ValueError(
                        f"DVC ignores a change of the keys size and nfiles in the list {path}: rename them"
                    )


def _stage(name: str, jobs: list[JobInfo], config: dict[str, Any], project: Any) -> dict[str, Any]:
    outs = {project.dvc_path(path) for job in jobs for path in job.outputs}
    metrics = {path for path in outs if Path(path).name == "metrics.json"}
    read = {project.dvc_path(path) for job in jobs for path in job.inputs} - outs
    sources = {path for job in jobs for path in job.sources | job.rules_files}
    rules = dict.fromkeys([*(job.rule for job in jobs), name])
    used = {name}.union(*(job.keys for job in jobs))
    keys = [key for key in config if key in used]
    keys += [path for key in keys for path in _ignored_keys({key: config[key]})]
    return {
        "desc": jobs[0].message,
        "cmd": f"snakemake --cores all --allowed-rules {' '.join(rules)} -- {name}",
        "deps": sorted(read | sources | set(project.environment)),
        **({"params": [{project.config_file: keys}]} if keys else {}),
        "outs": sorted((outs - metrics) | {str(project.records_of(name))}),
        **({"metrics": [{path: {"cache": False}} for path in sorted(metrics)]} if metrics else {}),
    }
