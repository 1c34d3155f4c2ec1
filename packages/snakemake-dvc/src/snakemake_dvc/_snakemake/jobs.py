"""What is read from one job: its inputs, parameters and code."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from string import Formatter
from typing import Any

from snakemake.common.tbdstring import TBDString
from snakemake.shell import shell

from snakemake_dvc._snakemake.workflow import relative_path
from snakemake_dvc.contents import md5
from snakemake_dvc.values import as_json, canonical


class UndeterminedError(Exception):
    """A parameter or an input depends on a file that does not exist yet."""


def temporary_outputs(job: Any) -> set[str]:
    """Return the outputs of a job that Snakemake deletes as soon as no job needs them."""
    return set(map(str, job.temp_output))


def inputs(job: Any) -> dict[str, bool]:
    """Return the inputs of a job, and for each whether its content is ignored (`ancient`)."""
    return {str(path): bool(path.is_ancient) for path in job.input if not path.is_storage}


def params(job: Any) -> dict[str, Any]:
    """Return the values of the parameters of a job, by name or number, and of its wildcards, as JSON can hold them.

    Raises:
        UndeterminedError: if a value depends on a file that does not exist.
    """
    job._params = None  # it may have been computed before a file existed
    spans = [(start, end or start + 1) for start, end in job.params._names.values()]
    named = {number for start, end in spans for number in range(start, end)}
    values = {str(number): value for number, value in enumerate(job.params) if number not in named}
    values |= dict(job.params.items())
    if any(_is_undetermined(value) for value in values.values()):
        raise UndeterminedError
    found = {f"params.{name}": as_json(value) for name, value in values.items()}
    return found | {f"wildcards.{name}": str(value) for name, value in job.wildcards.items()}


def _is_undetermined(value: Any) -> bool:
    """Return whether a value contains the text that Snakemake uses while a file does not exist."""
    if isinstance(value, dict):
        return any(map(_is_undetermined, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_is_undetermined, value))
    return isinstance(value, str) and str(TBDString()) in str(value)


def code_digests(job: Any, rules: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return digests of what a job executes: its shell command or `run:` block, and its software environment.

    Args:
        job: the job.
        rules: returns the digests of the rules files without comments. They count for a `run:` block, which can call
            any function in these files.
    """
    rule = job.rule
    found = {"files": _digest([_named_paths(job.input), _named_paths(job.output)])}
    config = _digest(as_json(canonical(job.dag.workflow.globals["config"])))
    if rule.shellcmd is not None:
        found["shell"] = md5(f"{_without_machine_paths(shell._process_prefix or '')}\n{rule.shellcmd}".encode())
        if values := _global_values(rule.shellcmd, job.dag.workflow.globals):
            found["globals"] = _digest(values)
    elif rule.is_run and not rule.template_engine:
        found["run"] = md5(f"{rule.run_func_src}\n{_digest(rules())}\n{config}".encode())
    if rule.wrapper or rule.cwl or rule.template_engine:
        found["wrapper"] = md5(f"{rule.wrapper} {rule.cwl} {rule.template_engine}\n{config}".encode())
    if (path := script(job)) and b"config" in Path(path).read_bytes():
        found["config"] = config  # a script can read all of it, as snakemake.config
    stack = job.dag.workflow.persistence._software_stack_hash(job)
    return found | {"software": stack}


def _named_paths(files: Any) -> list[list[str]]:
    """Return the names and paths of inputs or outputs in their order: a command can depend on both."""
    spans = {(start, end or start + 1): name for name, (start, end) in files._names.items()}
    named = {number: name for (start, end), name in spans.items() for number in range(start, end)}
    return [[named.get(number, ""), str(path)] for number, path in enumerate(files)]


def _digest(value: Any) -> str:
    return md5(json.dumps(value, sort_keys=True).encode())


def _without_machine_paths(prefix: str) -> str:
    """Return a shell prefix without the folders of this machine, so that a clone has the same digest.

    The Python environment can lie in the current folder or elsewhere: so its folders are replaced first.
    """
    for folder, name in ((str(Path(sys.executable).parent), "{bin}"), (sys.prefix, "{prefix}"), (str(Path.cwd()), ".")):
        prefix = prefix.replace(folder, name)
    return re.sub(r"'([^'\s]*)'", r"\1", prefix)  # quotes that only a folder with a space needs


# What a command can contain of its job, beside the parameters and files, which the recipe has.
_JOB_FIELDS = {
    *("input", "output", "params", "wildcards", "threads", "resources", "log", "jobid", "name", "rule", "rulename"),
    *("bench_iteration", "version", "conda_env", "container_img", "env_modules", "attempt"),
}


def _fields(command: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(command) if field}


def _global_values(command: str, names: dict[str, Any]) -> dict[str, str]:
    """Return the values of those fields of a command that are global variables of the rules."""
    fields = {field for field in _fields(command) if re.split(r"[.\[]", field)[0] not in _JOB_FIELDS}
    values = {**names, "config": canonical(names["config"])}
    return {field: _field_value(field, values) for field in fields}


def _field_value(field: str, values: dict[str, Any]) -> str:
    try:
        return str(Formatter().get_field(re.sub(r":.*", "", field), (), values)[0])
    except (KeyError, AttributeError, IndexError, TypeError, ValueError):
        return ""


def config_keys(job: Any, keys: set[str]) -> set[str]:
    """Return those of some keys of the configuration that the command of a job contains itself."""
    rule = job.rule
    if rule.shellcmd is None:
        return keys
    fields = _fields(rule.shellcmd)
    found = {found[1] for field in fields if (found := re.match(r"config\[([^]]+)\]", field))}
    return keys if "config" in fields else {key for key in keys if str(key) in found}


def script(job: Any) -> str | None:
    """Return the file of a `script:` or `notebook:` directive, as a path in the current folder."""
    path = job.rule.script or job.rule.notebook
    if not path:
        return None
    source = job._path_to_source_file(path)
    return relative_path(Path(source.get_path_or_uri(secret_free=True)))


def rereads_rules(job: Any) -> bool:
    """Return whether a job runs in a process that reads the rules files again."""
    return not job.dag.workflow.local_exec or bool(job.rule.is_run)
