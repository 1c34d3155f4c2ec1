"""Where each file of results comes from: the rule, the script and the parameters that make it, and the command."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_SHOWN = (".csv", ".json", ".png", ".svg")


def origins_of(workflow: Any, paths: Iterable[str]) -> dict[str, Any]:
    """Return where the files that a report can show come from, by the rules: also those that are not made in this run.

    Args:
        workflow: the workflow of Snakemake, with its graph of jobs.
        paths: files that rules write. Those of other kinds than CSV, JSON, PNG and SVG are left out.

    Returns:
        `command`, which computes a file anew if its path follows, with the configuration files and values of this run
        of Snakemake; `files`, the `rule` and the `wildcards` of each file; and `rules`, the `script` and the
        `parameters` of each rule, as text. The script is the input of this name. A parameter that differs between the
        jobs of a rule follows from their wildcards, and is left out.
    """
    from snakemake.jobs import Job  # only where rules are read

    files: dict[str, Any] = {}
    rules: dict[str, Any] = {}
    for path in (str(path) for path in paths if Path(path).suffix in _SHOWN):
        rule = next(rule for rule in workflow.rules if rule.is_producer(path))
        # The job may not be in the graph: `dvc repro` asks Snakemake for the report alone.
        job = Job(rule, workflow.dag, rule.get_wildcards(path), targetfile=path)
        files[path] = {"rule": rule.name, "wildcards": dict(job.wildcards.items())}
        parameters = {name: text for name, value in job.params.items() if (text := parameter_text(value))}
        common = rules.setdefault(rule.name, {"script": str(job.input.get("script", "")), "parameters": parameters})
        common["parameters"] = dict(common["parameters"].items() & parameters.items())
    for rule in rules.values():
        rule["parameters"] = dict(sorted(rule["parameters"].items()))
    return {"command": _command(workflow.config_settings), "files": files, "rules": rules}


def only_files(origins: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return the part of `origins_of` that is about some files; files that it does not have are left out."""
    files = {path: origins["files"][path] for path in sorted(paths) if path in origins["files"]}
    used = sorted({file["rule"] for file in files.values()})
    return {**origins, "files": files, "rules": {name: origins["rules"][name] for name in used}}


def parameter_text(value: Any) -> str:
    """Return a parameter of a rule as text; "" for one that adds nothing to the command."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value)
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _command(settings: Any) -> str:
    files = [os.path.relpath(path) for path in settings.configfiles]
    values = list(settings.config_args or [])
    options = [*(["--configfile", *files] if files else []), *(["--config", *values] if values else [])]
    return shlex.join(["snakemake", "--cores", "2", *options, "--force"])
