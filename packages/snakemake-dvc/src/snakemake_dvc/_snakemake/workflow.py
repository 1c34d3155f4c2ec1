"""What is read from and changed in a workflow and its graph of jobs."""

from pathlib import Path
from typing import Any

import yaml
from snakemake.io import is_flagged

# Options of the command line, and files.


def executes(workflow: Any) -> bool:
    """Return whether a run executes jobs. A dry run, `--summary` and others do not."""
    return workflow.executor_plugin is not None and not workflow.dryrun and not workflow.touch


def refused_option(workflow: Any) -> str | None:
    """Return an option of this run that can hide stale results; None if there is none."""
    if workflow.touch:
        return "--touch"
    settings = workflow.workflow_settings
    if settings is None:
        return None
    return "--consider-ancient" if settings.consider_ancient else "--cache" if settings.cache is not None else None


def force_all(workflow: Any) -> None:
    """Run every job, as `--forceall` does."""
    workflow.dag.forcerules.update(workflow.rules)


def unsupported_files(workflow: Any) -> str | None:
    """Return a message about a rule whose files cannot have records; None if there is no such rule."""
    for rule in workflow.rules:
        for path in [*rule.input, *rule.output]:
            for flag in ("pipe", "service", "update"):
                if is_flagged(path, flag):
                    return f"rule {rule.name}: {flag}() is not supported, since such files have no digest"
            if is_flagged(path, "storage_object"):
                return f"rule {rule.name}: files in remote storage are not supported; download them in a rule"
    return None


def rules_files(workflow: Any) -> list[str]:
    """Return the Snakefile and the files that it includes, as paths in the current folder."""
    here = Path.cwd()
    found = []
    for source in workflow.included:
        path = Path(source.get_path_or_uri(secret_free=True))
        resolved = path if path.is_absolute() else here / path
        if resolved.is_relative_to(here):
            found.append(resolved.relative_to(here).as_posix())
    return found


def relative_path(path: Path) -> str:
    """Return a path relative to the current folder if it lies there, as the rules write it."""
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else str(path)


def output_folders(workflow: Any) -> set[Path]:
    """Return the folders in which rules write files, except those whose names depend on wildcards."""
    folders = {folder for rule in workflow.rules for path in rule.output for folder in Path(str(path)).parents}
    return {folder for folder in folders if "{" not in str(folder)}


def target_files(workflow: Any, target: str) -> set[str] | None:
    """Return the files that a target of the command line requests; None if they are not known yet."""
    if not workflow.is_rule(target):
        return {target}
    rule = workflow.get_rule(target)
    try:
        inputs = rule.expand_input({})[0]
    except Exception:  # an input function that needs wildcards, or a checkpoint that has not run
        return None
    return {str(path) for path in [*inputs, *rule.output]}


def read_config(path: str) -> dict[str, Any]:
    """Return the content of a configuration file as Snakemake reads it; empty if the file does not exist."""
    if not Path(path).is_file():
        return {}
    return dict(yaml.load(Path(path).read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {})  # noqa: S506


def clear_file_cache(workflow: Any) -> None:
    """Clear Snakemake's cache of the times and sizes of files, after some were restored."""
    cache = workflow.iocache
    for values in (cache.mtime, cache.exists_local, cache.exists_in_storage, cache.size, cache.checksum):
        values.clear()
    cache.exists_local.has_inventory.clear()
    cache.exists_in_storage.has_inventory.clear()


# The graph of jobs.


def ordered_jobs(dag: Any) -> list[Any]:
    """Return the jobs that write files, each after the jobs whose files it reads."""
    return [job for level in dag.toposorted() for job in level if job.output]


def is_running(dag: Any, job: Any) -> bool:
    """Return whether a job has started and not ended."""
    return job in dag._running


# The persistence layer.


def unlock(workflow: Any) -> None:
    """Remove the locks that a killed run has left, as `--unlock` does."""
    persistence = workflow.persistence
    if any(True for _ in persistence._read_locks()):
        persistence._delete_locks()
    if folder := getattr(persistence, "_lockdir", None):
        Path(folder).mkdir(exist_ok=True)  # Snakemake removes it with the locks, at the end of each run


def marked_incomplete(workflow: Any, paths: list[str]) -> set[str]:
    """Return those of some outputs whose job has started and not ended."""
    return set(workflow.persistence._filter_incomplete_keys(paths))


async def write_metadata(workflow: Any, job: Any) -> None:
    """Write Snakemake's metadata of the outputs of a job, which are current, where the metadata differ."""
    persistence = workflow.persistence
    incomplete = marked_incomplete(workflow, [str(path) for path in job.output])
    if (
        incomplete
        or not persistence.has_metadata(job)
        or persistence.params_changed(job)
        or any(persistence.input_changed(job))
        or any(persistence.code_changed(job))
    ):
        await persistence.finished(job)
