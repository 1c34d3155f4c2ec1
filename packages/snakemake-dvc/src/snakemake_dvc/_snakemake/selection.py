"""Which jobs must run. Snakemake reads its metadata and compares times; here the records decide instead."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from snakemake.io import _IOFile
from snakemake.jobs import Job
from snakemake.persistence import NO_PARAMS_CHANGE, ParamsChange
from snakemake.settings.types import RerunTrigger


@dataclass
class Change:
    """Why a job must run: what differs from the job that made the present outputs.

    Attributes:
        inputs: the inputs whose contents differ.
        params: the parameters before and now, as Snakemake prints them; empty where they are the same.
        code: whether the command or a source differs.
        input_set: whether the job reads other files.
        environment: whether the environment differs.
    """

    inputs: set[str] = field(default_factory=set)
    params: tuple[set[str], set[str]] = (set(), set())
    code: bool = False
    input_set: bool = False
    environment: bool = False


class Decisions(Protocol):
    """The decisions about the jobs and files of a run, which follow from the records."""

    def change_of(self, job: Any) -> Change | None:
        """Return why a job must run.

        None if its outputs are current, or if this depends on another job that must run.
        """

    def would_restore(self, path: str) -> bool:
        """Return whether a run would restore a file, which a dry run does not."""


@contextmanager
def selected_by_records(decisions: Decisions, dag: Any) -> Iterator[None]:
    """Replace what Snakemake takes from times and its own metadata, while it selects the jobs that must run."""
    workflow = dag.workflow
    persistence = workflow._persistence
    replaced = _replacements(decisions, dag)
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, function in replaced:
        setattr(owner, name, function)
    workflow._persistence = _Persistence(persistence, decisions)
    try:
        yield
    finally:
        workflow._persistence = persistence
        for owner, name, function in originals:
            setattr(owner, name, function)


def _replacements(decisions: Decisions, dag: Any) -> list[tuple[Any, str, Any]]:
    """Return classes, the names of their methods, and the functions to use instead."""
    changed = {path for job in dag.jobs if (change := decisions.change_of(job)) for path in change.inputs}
    original_missing = Job.missing_output

    async def is_newer(path: Any, time: float) -> bool:
        return not path.is_ancient and str(path) in changed

    async def is_checksum_eligible(path: Any, threshold: int) -> bool:
        return True

    async def is_same_checksum(path: Any, other: str, threshold: int, force: bool = False) -> bool:
        return other == "same"

    async def no_older_outputs(job: Any) -> Any:
        for _ in ():
            yield

    async def missing_output(job: Any, requested: Any) -> Any:
        async for path in original_missing(job, requested):
            if not decisions.would_restore(str(path)):
                yield path

    return [
        (_IOFile, "is_newer", is_newer),
        (_IOFile, "is_checksum_eligible", is_checksum_eligible),
        (_IOFile, "is_same_checksum", is_same_checksum),
        (Job, "outputs_older_than_script_or_notebook", no_older_outputs),
        (Job, "missing_output", missing_output),
    ]


class _Persistence:
    """Snakemake's persistence layer, but what has changed since the last run of a job follows from the records.

    Snakemake's own metadata cannot be used: it also writes them for jobs that have failed.
    """

    def __init__(self, original: Any, decisions: Decisions) -> None:
        self._original = original
        self._change_of = decisions.change_of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def has_metadata(self, job: Any) -> bool:
        return True

    def has_outdated_metadata(self, job: Any) -> bool:
        return False

    def params_changed(self, job: Any, file: Any = None) -> Any:
        change = self._change_of(job)
        if not change or not any(change.params):
            return NO_PARAMS_CHANGE
        return ParamsChange(*change.params, files=set(job.output))

    def input_changed(self, job: Any, file: Any = None) -> Any:
        change = self._change_of(job)
        return iter([bool(change and change.input_set)])

    def code_changed(self, job: Any, file: Any = None) -> Any:
        change = self._change_of(job)
        return iter([bool(change and change.code)])

    def software_stack_changed(self, job: Any, file: Any = None) -> Any:
        change = self._change_of(job)
        return iter([bool(change and change.environment)])

    def input_checksums(self, job: Any, path: Any) -> set[str]:
        change = self._change_of(job)
        return {"other" if change and str(path) in change.inputs else "same"}


def missed_jobs(decisions: Decisions, dag: Any) -> list[Any]:
    """Return the jobs that must run and that Snakemake has not selected, since it has no such reason to run a job."""
    if frozenset(dag.workflow.rerun_triggers) != RerunTrigger.all():
        return []
    allowed = dag.rules_allowed_for_needrun
    return [
        job
        for job in dag.jobs
        if decisions.change_of(job) is not None
        and not dag.needrun(job)
        and not dag.finished(job)
        and (not allowed or job.rule.name in allowed)
    ]


def drop_restorable_targets(decisions: Decisions, dag: Any) -> None:
    """Remove from a dry run the target rules that only wait for files that a run would restore."""
    for job in list(dag._needrun):
        needs_nothing = not any(other in dag._needrun for other in dag.job_dependencies(job))
        if job.rule.norun and needs_nothing and any(decisions.would_restore(str(path)) for path in job.input):
            dag._needrun.discard(job)
            dag._n_until_ready.pop(job, None)
            dag._len -= 1
