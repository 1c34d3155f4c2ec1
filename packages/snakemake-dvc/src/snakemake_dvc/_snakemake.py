"""All that is used of Snakemake beyond its public interface. Checked with Snakemake 9.26.0 and 9.27.1.

What is relied on, each with a test in tests/test_contracts.py: `DAG.init` is called before any file is looked at, and
calls `check_incomplete` and then `update_needrun`, which asks the persistence layer what has changed since a job's last
run; `JobScheduler.run` is called with jobs that are about to start, in the main process; `DAG.finish` is called with
jobs that have succeeded, and with no others; `Workflow.execute` runs the workflow and raises an exception if a job
failed.
"""

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any, Protocol

import yaml
from snakemake.api import SnakemakeApi  # before the rest, which it imports in the right order
from snakemake.common.tbdstring import TBDString
from snakemake.dag import DAG
from snakemake.io import _IOFile, is_flagged
from snakemake.jobs import Job
from snakemake.persistence import NO_PARAMS_CHANGE, ParamsChange
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.settings.types import (
    DAGSettings,
    ExecutionSettings,
    OutputSettings,
    Quietness,
    RerunTrigger,
    ResourceSettings,
)
from snakemake.shell import shell

from snakemake_dvc.config_reads import ConfigReads
from snakemake_dvc.contents import md5
from snakemake_dvc.values import as_json, canonical


class UndeterminedError(Exception):
    """A parameter follows from a file that is not there yet."""


@dataclass
class Change:
    """Why a job must run: what differs from the job that made the outputs that are there.

    Attributes:
        inputs: the inputs whose contents differ.
        params: the parameters before and now, as Snakemake prints them; empty where they are the same.
        code: whether the command or a source differs.
        input_set: whether other files are read.
        environment: whether the environment differs.
    """

    inputs: set[str] = field(default_factory=set)
    params: tuple[set[str], set[str]] = (set(), set())
    code: bool = False
    input_set: bool = False
    environment: bool = False


class Listener(Protocol):
    """What is told of a run."""

    def begin(self) -> None:
        """Called once, before Snakemake looks at any file."""

    def before_run(self, dag: Any) -> None:
        """Called whenever Snakemake is about to decide which jobs must run."""

    def restored_jobs(self) -> list[Any]:
        """Return the jobs whose outputs are current and were made by others, so that Snakemake has no metadata."""

    def change_of(self, job: Any) -> Change | None:
        """Return why a job must run; None if its outputs are current, or if that depends on a job that must run."""

    def is_virtual(self, path: str) -> bool:
        """Return whether a run would restore a file that is missing or differs (in a dry run)."""

    def job_started(self, job: Any, made_beside: set[str]) -> None:
        """Called in the main process when a job is about to start, with the outputs of others of its group."""

    def job_finished(self, job: Any) -> None:
        """Called in the main process when a job has succeeded."""

    def after_run(self, workflow: Any) -> None:
        """Called at the end of a run, however it ended."""


_listeners: dict[int, Listener] = {}


def install(workflow: Any, listener: Listener) -> None:
    """Let a listener take part in the runs of a workflow."""
    _listeners[id(workflow)] = listener
    _patch_classes()
    execute = workflow.execute

    def execute_and_conclude(*args: Any, **kwargs: Any) -> Any:
        try:
            return execute(*args, **kwargs)
        finally:
            listener.after_run(workflow)

    workflow.execute = execute_and_conclude


def listener_of(workflow: Any) -> Any:
    """Return the listener that takes part in the runs of a workflow."""
    return _listeners[id(workflow)]


def _patch_classes() -> None:
    if hasattr(DAG.update_needrun, "original"):
        return
    init, check_incomplete, update_needrun, finish = DAG.init, DAG.check_incomplete, DAG.update_needrun, DAG.finish
    check_output_mtime, run = DAG.check_output_mtime, JobScheduler.run

    async def init_when_ready(dag: Any, *args: Any, **kwargs: Any) -> None:
        if listener := _listeners.get(id(dag.workflow)):
            with _errors_in_one_line():
                listener.begin()
        await init(dag, *args, **kwargs)

    async def check_incomplete_by_records(dag: Any) -> None:
        # An output that a killed job has left is like any other that no record describes.
        if id(dag.workflow) not in _listeners:
            await check_incomplete(dag)

    async def update_needrun_by_records(dag: Any, *args: Any, **kwargs: Any) -> None:
        listener = _listeners.get(id(dag.workflow))
        if listener is None:
            await update_needrun(dag, *args, **kwargs)
            return
        with _errors_in_one_line():
            listener.before_run(dag)
            dag.update_jobids()  # the command of a job can name its number
            for job in listener.restored_jobs():
                await write_metadata(dag.workflow, job)
        with _decided_by(listener, dag):
            await update_needrun(dag, *args, **kwargs)
            unseen = _stale_but_not_to_run(listener, dag)
            if unseen:
                dag.forcefiles.update(path for job in unseen for path in job.output)
                await update_needrun(dag, *args, **kwargs)
        _drop_targets_of_virtual_files(listener, dag)

    async def finish_and_record(dag: Any, job: Any, *args: Any, **kwargs: Any) -> Any:
        listener = _listeners.get(id(dag.workflow))
        if listener is not None and not dag.workflow.dryrun:
            for one in _single_jobs(job):
                listener.job_finished(one)
        return await finish(dag, job, *args, **kwargs)

    def run_and_note(scheduler: Any, jobs: Any, *args: Any, **kwargs: Any) -> Any:
        jobs = list(jobs)
        listener = _listeners.get(id(scheduler.workflow))
        if listener is not None and not scheduler.workflow.dryrun:
            for group in map(_single_jobs, jobs):
                for one in group:
                    listener.job_started(one, {str(path) for job in group if job is not one for path in job.output})
        return run(scheduler, jobs, *args, **kwargs)

    async def no_check_of_times(dag: Any, *args: Any, **kwargs: Any) -> None:
        # Where contents decide, an input dated in the future does no harm.
        if id(dag.workflow) not in _listeners:
            await check_output_mtime(dag, *args, **kwargs)

    update_needrun_by_records.original = update_needrun  # type: ignore[attr-defined]
    DAG.init = init_when_ready
    DAG.check_incomplete = check_incomplete_by_records
    DAG.update_needrun = update_needrun_by_records
    DAG.finish = finish_and_record
    DAG.check_output_mtime = no_check_of_times
    JobScheduler.run = run_and_note


def _single_jobs(job: Any) -> list[Any]:
    return list(job) if job.is_group() else [job]


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    # asyncio would note an interrupt and let us go on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except (ValueError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted before any job has started")
    finally:
        signal.signal(signal.SIGINT, before)


def _stale_but_not_to_run(listener: Listener, dag: Any) -> list[Any]:
    """Return the jobs that must run for a reason that Snakemake does not know."""
    if frozenset(dag.workflow.rerun_triggers) != RerunTrigger.all():
        return []
    allowed = dag.rules_allowed_for_needrun
    return [
        job
        for job in dag.jobs
        if listener.change_of(job) is not None
        and not dag.needrun(job)
        and not dag.finished(job)
        and (not allowed or job.rule.name in allowed)
    ]


def _drop_targets_of_virtual_files(listener: Listener, dag: Any) -> None:
    """Let a dry run not announce a target rule whose files a run would restore."""
    for job in list(dag._needrun):
        needs_nothing = not any(other in dag._needrun for other in dag.job_dependencies(job))
        if job.rule.norun and needs_nothing and any(listener.is_virtual(str(path)) for path in job.input):
            dag._needrun.discard(job)
            dag._n_until_ready.pop(job, None)
            dag._len -= 1


class _Persistence:
    """Snakemake's persistence layer, with what has changed since a job's last run told by the records.

    Snakemake's own metadata are no evidence: it writes them for jobs that have failed, too.
    """

    def __init__(self, original: Any, listener: Listener) -> None:
        self._original = original
        self._change_of = listener.change_of

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


@contextmanager
def _decided_by(listener: Listener, dag: Any) -> Iterator[None]:
    """Let contents decide and no times: while Snakemake looks for jobs to run, it asks the listener."""
    changed = {path for job in dag.jobs if (change := listener.change_of(job)) for path in change.inputs}

    async def is_newer(path: Any, time: float) -> bool:
        return not path.is_ancient and str(path) in changed

    async def is_checksum_eligible(path: Any, threshold: int) -> bool:
        return True

    async def is_same_checksum(path: Any, other: str, threshold: int, force: bool = False) -> bool:
        return other == "same"

    async def none_older(job: Any) -> Any:
        for _ in ():
            yield

    original_missing = Job.missing_output

    async def missing_output(job: Any, requested: Any) -> Any:
        async for path in original_missing(job, requested):
            if not listener.is_virtual(str(path)):
                yield path

    workflow = dag.workflow
    persistence = workflow._persistence
    replaced = [
        (_IOFile, "is_newer", is_newer),
        (_IOFile, "is_checksum_eligible", is_checksum_eligible),
        (_IOFile, "is_same_checksum", is_same_checksum),
        (Job, "outputs_older_than_script_or_notebook", none_older),
        (Job, "missing_output", missing_output),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, function in replaced:
        setattr(owner, name, function)
    workflow._persistence = _Persistence(persistence, listener)
    try:
        yield
    finally:
        workflow._persistence = persistence
        for owner, name, function in originals:
            setattr(owner, name, function)


# What is asked about a workflow.


def executes(workflow: Any) -> bool:
    """Return whether a workflow is about to run jobs, and not only to look at them."""
    return workflow.executor_plugin is not None and not workflow.dryrun and not workflow.touch


def refused_option(workflow: Any) -> str | None:
    """Return an option of this run under which a stale result could pass as current."""
    if workflow.touch:
        return "--touch"
    settings = workflow.workflow_settings
    if settings is None:
        return None
    return "--consider-ancient" if settings.consider_ancient else "--cache" if settings.cache is not None else None


def without_records(workflow: Any) -> str | None:
    """Return, in words, a rule of which no record can be written; None if there is none."""
    for rule in workflow.rules:
        for path in [*rule.input, *rule.output]:
            for flag in ("pipe", "service", "update"):
                if is_flagged(path, flag):
                    return f"rule {rule.name}: {flag}() files have no digest that says what made them"
            if is_flagged(path, "storage_object"):
                return f"rule {rule.name}: files in remote storage have no digest here; fetch them by a rule"
    return None


def rules_files_of(workflow: Any) -> list[str]:
    """Return the Snakefile and the files that it includes, as paths in the current folder."""
    here = Path.cwd()
    found = []
    for source in workflow.included:
        path = Path(source.get_path_or_uri(secret_free=True))
        resolved = path if path.is_absolute() else here / path
        if resolved.is_relative_to(here):
            found.append(resolved.relative_to(here).as_posix())
    return found


def ordered_jobs(dag: Any) -> list[Any]:
    """Return the jobs that make files, each after those whose files it reads."""
    return [job for level in dag.toposorted() for job in level if job.output]


def forget_inventory(workflow: Any) -> None:
    """Let Snakemake look at the files again, after some were restored."""
    cache = workflow.iocache
    for known in (cache.mtime, cache.exists_local, cache.exists_in_storage, cache.size, cache.checksum):
        known.clear()
    cache.exists_local.has_inventory.clear()
    cache.exists_in_storage.has_inventory.clear()


def folders_of_outputs(workflow: Any) -> set[Path]:
    """Return the folders in which rules make files, as far as their names do not follow from wildcards."""
    folders = {folder for rule in workflow.rules for path in rule.output for folder in Path(str(path)).parents}
    return {folder for folder in folders if "{" not in str(folder)}


def release_locks(workflow: Any) -> None:
    """Remove the locks that a killed run has left."""
    persistence = workflow.persistence
    if any(True for _ in persistence._read_locks()):
        persistence._delete_locks()
    if folder := getattr(persistence, "_lockdir", None):
        Path(folder).mkdir(exist_ok=True)  # Snakemake removes it with the locks, at the end of each run


def force_all(workflow: Any) -> None:
    """Let every job run."""
    workflow.dag.forcerules.update(workflow.rules)


def is_running(dag: Any, job: Any) -> bool:
    """Return whether a job has started and not ended."""
    return job in dag._running


def marked_incomplete(workflow: Any, paths: list[str]) -> set[str]:
    """Return those of some outputs whose job has started and not ended."""
    return set(workflow.persistence._filter_incomplete_keys(paths))


async def write_metadata(workflow: Any, job: Any) -> None:
    """Write Snakemake's metadata of the outputs of a job, which are current, where they say something else."""
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


def temporary(job: Any) -> set[str]:
    """Return the outputs of a job that Snakemake deletes when they are not needed any more."""
    return set(map(str, job.temp_output))


def inputs(job: Any) -> dict[str, bool]:
    """Return the inputs of a job, and of each whether only its existence counts (`ancient`)."""
    return {str(path): bool(path.is_ancient) for path in job.input if not path.is_storage}


def params(job: Any) -> dict[str, Any]:
    """Return the values of the parameters of a job, by name or number, and of its wildcards, as JSON can hold them.

    Raises:
        UndeterminedError: if one follows from a file that is not there.
    """
    job._params = None  # it may have been computed when a file was not there yet
    spans = [(start, end or start + 1) for start, end in job.params._names.values()]
    named = {number for start, end in spans for number in range(start, end)}
    values = {str(number): value for number, value in enumerate(job.params) if number not in named}
    values |= dict(job.params.items())
    if any(_is_undetermined(value) for value in values.values()):
        raise UndeterminedError
    found = {f"params.{name}": as_json(value) for name, value in values.items()}
    return found | {f"wildcards.{name}": str(value) for name, value in job.wildcards.items()}


def _is_undetermined(value: Any) -> bool:
    """Return whether a parameter follows from a file that is not there: Snakemake then puts a text in its place."""
    if isinstance(value, dict):
        return any(map(_is_undetermined, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_is_undetermined, value))
    return isinstance(value, str) and str(TBDString()) in str(value)


def commands(job: Any, rules: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return digests of what a rule runs: its shell command, or the text of its `run:` block, and its environment.

    Args:
        job: a job of the rule.
        rules: the digests of the files of the rules without their comments, for a `run:` block, which can call any
            function that stands there.
    """
    rule = job.rule
    found = {"files": _digest([_layout(job.input), _layout(job.output)])}
    config = _digest(as_json(canonical(job.dag.workflow.globals["config"])))
    if rule.shellcmd is not None:
        found["shell"] = md5(f"{_portable(shell._process_prefix or '')}\n{rule.shellcmd}".encode())
        if names := _globals_in(rule.shellcmd, job.dag.workflow.globals):
            found["globals"] = _digest(names)
    elif rule.is_run:
        found["run"] = md5(f"{rule.run_func_src}\n{_digest(rules())}\n{config}".encode())
    if rule.wrapper or rule.cwl or rule.template_engine:
        found["wrapper"] = md5(f"{rule.wrapper} {rule.cwl} {rule.template_engine}\n{config}".encode())
    if (script := script_of(job)) and b"config" in Path(script).read_bytes():
        found["config"] = config  # a script can read all of it, as snakemake.config
    stack = job.dag.workflow.persistence._software_stack_hash(job)
    return found | {"software": stack}


def _layout(files: Any) -> list[list[str]]:
    """Return the names of inputs or outputs in their order, which a command can depend on."""
    spans = {(start, end or start + 1): name for name, (start, end) in files._names.items()}
    named = {number: name for (start, end), name in spans.items() for number in range(start, end)}
    return [[named.get(number, ""), str(path)] for number, path in enumerate(files)]


def _digest(value: Any) -> str:
    return md5(json.dumps(value, sort_keys=True).encode())


def _globals_in(command: str, names: dict[str, Any]) -> dict[str, str]:
    """Return the values of the fields of a command that are neither the job's own nor part of its recipe."""
    fields = {field for _, field, _, _ in Formatter().parse(command) if field}
    fields = {field for field in fields if re.split(r"[.\[]", field)[0] not in _OF_THE_JOB}
    known = {**names, "config": canonical(names["config"])}
    return {field: _text_of(field, known) for field in fields}


# What a command can name of its job, beside the parameters and files that the recipe has.
_OF_THE_JOB = {
    *("input", "output", "params", "wildcards", "threads", "resources", "log", "jobid", "name", "rule", "rulename"),
    *("bench_iteration", "version", "conda_env", "container_img", "env_modules", "attempt"),
}


def _text_of(field: str, names: dict[str, Any]) -> str:
    try:
        return str(Formatter().get_field(re.sub(r":.*", "", field), (), names)[0])
    except (KeyError, AttributeError, IndexError, TypeError, ValueError):
        return ""


def config_keys_of(job: Any, keys: set[str]) -> set[str]:
    """Return those of some keys of the configuration that the command of a job names itself."""
    rule = job.rule
    if rule.shellcmd is None:
        return keys
    fields = {field for _, field, _, _ in Formatter().parse(rule.shellcmd) if field}
    found = {found[1] for field in fields if (found := re.match(r"config\[([^]]+)\]", field))}
    return keys if "config" in fields else {key for key in keys if str(key) in found}


def script_of(job: Any) -> str | None:
    """Return the file of a `script:` or `notebook:` directive, as a path in the current folder."""
    path = job.rule.script or job.rule.notebook
    if not path:
        return None
    source = job._path_to_source_file(path)
    return relative(Path(source.get_path_or_uri(secret_free=True)))


def relative(path: Path) -> str:
    """Return a path as the rules write it, in the current folder where it lies there."""
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else str(path)


def _portable(prefix: str) -> str:
    """Return a shell prefix without the folders of this machine, so that a clone has the same.

    The environment of Python can lie in the current folder or elsewhere: so its folders come first.
    """
    for folder, name in ((str(Path(sys.executable).parent), "{bin}"), (sys.prefix, "{prefix}"), (str(Path.cwd()), ".")):
        prefix = prefix.replace(folder, name)
    return re.sub(r"'([^'\s]*)'", r"\1", prefix)  # quotes that only a folder with a space needs


def runs_elsewhere(job: Any) -> bool:
    """Return whether a job runs in a process that reads the rules anew."""
    return not job.dag.workflow.local_exec or bool(job.rule.is_run)


def target_files(workflow: Any, target: str) -> set[str] | None:
    """Return the files that a target of the command line asks for; None if that is not known yet."""
    if not workflow.is_rule(target):
        return {target}
    rule = workflow.get_rule(target)
    try:
        inputs = rule.expand_input({})[0]
    except Exception:  # an input function that needs wildcards, or a checkpoint that has not run
        return None
    return {str(path) for path in [*inputs, *rule.output]}


def read_config(path: str) -> dict[str, Any]:
    """Return the content of a configuration file as Snakemake reads it; nothing where there is none."""
    if not Path(path).is_file():
        return {}
    return dict(yaml.load(Path(path).read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {})  # noqa: S506


_notes_config = False


def note_config_reads(workflow: Any) -> None:
    """Note which keys of the configuration the rules read, if the graph of all jobs is wanted for that."""
    if not _notes_config:
        return
    config = ConfigReads(workflow.globals["config"])
    lookup = workflow.globals["lookup"]

    def lookup_and_note(*args: Any, **kwargs: Any) -> Any:
        # Snakemake's own walks over the whole configuration.
        if kwargs.get("within") is config:
            path = str(kwargs.get("dpath") or kwargs.get("query") or next(iter(args), ""))
            first = path.strip("/").split("/")[0]
            _ = config.keys() if "{" in first else config.get(first)
            kwargs["within"] = config.plain
        return lookup(*args, **kwargs)

    workflow.globals.update(config=config, lookup=lookup_and_note)


def dag_of_all(snakefile: Path = Path("Snakefile")) -> Any:
    """Return the graph of all jobs of the first rule, for the workflow in the current folder.

    Its configuration notes which keys the rules read.
    """
    global _notes_config
    _notes_config = True
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow_api = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=snakefile)
        workflow = workflow_api.dag(DAGSettings(forceall=True)).workflow_api._workflow
        workflow.execution_settings = ExecutionSettings()
        workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
        workflow._build_dag()
        return workflow.dag
