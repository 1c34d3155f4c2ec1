"""Files that a job would both read and overwrite, and files that are read as sources although a rule makes them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from snakemake.io import is_flagged

from snakemake_dvc._snakemake.jobs import inputs


def conflict(dag: Any, is_unknown: Callable[[str], bool]) -> str | None:
    """Return which file a job would both read and overwrite, or which file cannot be made; None if there is none.

    Snakemake deletes the outputs of a job before it runs the job. If an input is the same file under any name, the
    user loses it. If a rule cannot run, and a file is in the place of its output, Snakemake reads the file as a source.

    Args:
        dag: the graph of jobs.
        is_unknown: whether a file in the place of an output is none that a job has made.
    """
    written = {path: job for job in dag.jobs for path in written_files(job)}
    places: dict[str, str] = {}
    for path, job in written.items():
        other = places.setdefault(_place(path), path)
        if other != path:
            rules = f"rule {written[other].rule.name} and rule {job.rule.name}"
            return f"{other} and {path}, which {rules} write, are one file: use another name"
    identities = {key: path for path in written if (key := _identity(path))}
    for job in dag.jobs:
        for path in inputs(job):
            if written.get(path, job) is not job:
                continue  # the output of another job, by its name
            same = next((places[key] for key in (_place(path), os.path.realpath(path)) if key in places), None)
            same = same or _other_name(path, identities, is_unknown) or _nested(path, job)
            if same:
                return _message(job, path, written[same], same)
            if path not in written and (message := _not_made(dag, path, is_unknown)):
                return message
    return None


def written_files(job: Any) -> list[str]:
    """Return all files that a job writes: its outputs, logs and benchmark."""
    return [*map(str, job.output), *logs_of(job)]


def logs_of(job: Any) -> list[str]:
    """Return the logs and the benchmark of a job."""
    return list(map(str, [*job.log, *([job.benchmark] if job.benchmark else [])]))


def _message(reader: Any, path: str, writer: Any, same: str) -> str:
    if path == same:
        return f"rule {reader.rule.name} reads and writes {path}: move the input to another place"
    output = f"its output {same}" if reader is writer else f"{same}, the output of rule {writer.rule.name}"
    files = f"the input {path} and {output} are one file, or one contains the other"
    return f"rule {reader.rule.name}: {files}: move the input to another place"


def _place(path: str) -> str:
    """Return the path without links in its folders. A link in the place of an output is replaced and not followed."""
    folder, name = os.path.split(path.rstrip("/"))
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118 - this is called thousands of times


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _other_name(path: str, identities: dict[tuple[int, int], str], is_unknown: Callable[[str], bool]) -> str | None:
    """Return the output that is the same file as an input: by a hard link, or on a file system that ignores case.

    A job may make its output by a hard link to its input, and DVC may link outputs of equal content.
    """
    if not Path(path).is_file():
        return None
    status = os.stat(path)  # noqa: PTH116
    same = identities.get((status.st_dev, status.st_ino))
    return same if same and (status.st_nlink == 1 or is_unknown(same)) else None


def _nested(path: str, job: Any) -> str | None:
    """Return the output of a job that contains one of its inputs, or lies in it."""
    real = os.path.realpath(path)
    for output in job.output:
        place = _place(str(output))
        if (is_flagged(output, "directory") and real.startswith(f"{place}/")) or place.startswith(f"{real}/"):
            return str(output)
    return None


def _not_made(dag: Any, path: str, is_unknown: Callable[[str], bool]) -> str | None:
    """Return why a file is not made, if a rule makes it and is not in the graph, since it cannot run."""
    if not os.path.lexists(path):
        return None
    for rule in dag.output_index.match_producers(path):
        read = list(_inputs_of(rule, path))
        if path in read:
            return f"rule {rule.name} reads and writes {path}: move the input to another place"
        if not rule.has_wildcards() and is_unknown(path):
            missing = (f"{name} is missing" for name in read if not os.path.lexists(name))
            lacks = next(missing, "an input cannot be made")
            return f"no job has made {path}, and rule {rule.name}, which makes it, cannot run: {lacks}"
    return None


def _inputs_of(rule: Any, path: str) -> Iterator[str]:
    try:
        yield from map(str, rule.expand_input(rule.get_wildcards(path))[0])
    except Exception:  # an input function, which is code of the user
        return
