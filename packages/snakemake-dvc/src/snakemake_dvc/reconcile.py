"""Before a run, results are compared with the records and restored. After it, current results are recorded."""

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from snakemake_dvc_startup import interrupts, prepare

from snakemake_dvc import _dvc, _snakemake
from snakemake_dvc._snakemake import Change, UndeterminedError
from snakemake_dvc.cache import remove_unfinished
from snakemake_dvc.contents import Ledger, fingerprints
from snakemake_dvc.lock import RunLock, clean_up_killed_runs
from snakemake_dvc.messages import Problem, join_paths, one_line, print_message
from snakemake_dvc.project import Project
from snakemake_dvc.quarantine import FILE_AT_FOLDER, Quarantine
from snakemake_dvc.recipes import Recipes, change_between
from snakemake_dvc.recording import Recorder
from snakemake_dvc.records import Recipe
from snakemake_dvc.results import Results
from snakemake_dvc.snapshot import RunSnapshot, abort_if_rules_changed, raise_if_edited_since_start, start_of_run
from snakemake_dvc.stages import Stage, in_order, managed_stages
from snakemake_dvc.yaml_versions import differences


def reconcile(workflow: Any, config: dict[str, Any], project: Project | None = None) -> None:
    """Keep Snakemake and DVC consistent over the results of a workflow.

    Call it once, in the Snakefile, after `configfile:`. In the process of a job it replaces the configuration by that
    of the run, and ends the process with one line if the rules were edited since the start of the run.

    Args:
        workflow: Snakemake's workflow, the global variable `workflow` of every Snakefile.
        config: its configuration, the global variable `config`.
        project: the settings of the project.
    """
    project = project or Project()
    prepare()
    _snakemake.stop_at_signals()
    _snakemake.allow_all_paths()
    if workflow.is_main_process:
        reconciliation = Reconciliation(workflow, project, RunSnapshot(dict(config)))
        reconciliation.check_configuration()
        _snakemake.install(workflow, reconciliation)
        _snakemake.track_config(workflow)
    elif snapshot := RunSnapshot.from_environment():
        abort_if_rules_changed(snapshot)
        config.clear()
        config.update(snapshot.config)
        _snakemake.before_outputs_are_deleted(start_of_run(), Quarantine(project.quarantine).keep)


class StartedJob(NamedTuple):
    """What is known of a job at its start.

    Attributes:
        recipe: its recipe; None if it depends on files that other jobs of its group write.
        read: the fingerprints of the files that it reads, see `contents.fingerprints`.
        fingerprints: those of DVC and git, see `Results.fingerprints`.
    """

    recipe: Recipe | None
    read: dict[str, Any]
    fingerprints: tuple[Any, Any]


class Reconciliation:
    """Compares the results of one run with the records, restores them, and records new ones.

    Args:
        workflow: Snakemake's workflow.
        project: the settings of the project.
        snapshot: the configuration and the rules of the run.
    """

    def __init__(self, workflow: Any, project: Project, snapshot: RunSnapshot) -> None:
        self.workflow = workflow
        self.project = project
        self.snapshot = snapshot
        self.ledger = Ledger(Path(project.state, "ledger.json"))
        self.recipes = Recipes(project, snapshot, self.ledger)
        self.quarantine = Quarantine(project.quarantine)
        self.lock = RunLock(Path(project.state))
        self.executes = False
        self._outputs_lock = ExitStack()
        self._exported = ExitStack()
        self._dag: Any = None
        self._changes: dict[Any, Change | None] = {}
        self._started: dict[Any, StartedJob] = {}
        self._recorded: set[Any] = set()
        self._unrecorded: dict[tuple[str, str], list[str]] = {}

    def check_configuration(self) -> None:
        """End the process, with one line for each value that the engines read differently."""
        for path in dict.fromkeys(map(str, [self.project.config_file, *self.workflow.configfiles])):
            try:
                lines = self.ledger.derived("yaml", path, differences) if Path(path).is_file() else []
            except (ValueError, OSError) as error:
                sys.exit(f"error: {path}: {one_line(error)}")
            if lines:
                sys.exit("\n".join(f"error: {path}: {line}" for line in lines))

    # Before a run.

    def begin(self) -> None:
        """Acquire the locks, and complete the snapshot of the run.

        Raises:
            ValueError, OSError: with one line.
        """
        if option := _snakemake.refused_option(self.workflow):
            raise ValueError(f"{option} can hide stale results: run without it")
        if message := _snakemake.unsupported_files(self.workflow):
            raise ValueError(message)
        self.executes = _snakemake.executes(self.workflow)
        self.snapshot.add_rules_files(_snakemake.rules_files(self.workflow))
        raise_if_edited_since_start(self.project.config_file)
        self.base = _snakemake.read_config(self.project.config_file)
        self.dvc = _dvc.Dvc()
        if self.executes:
            self._acquire()
            self._export_snapshot()
        elif holder := self.lock.holder():
            print_message(f"{holder} is running in this folder: the following is an intermediate state")
        else:
            _snakemake.unlock(self.workflow)
        stages = in_order(self._stages())
        self.results = Results(self.workflow, self.dvc, self.ledger, stages, self.quarantine, self.executes)
        self._quarantine_files_at_folders()
        if _dvc.running_stage() and _dvc.is_forced():
            _snakemake.force_all(self.workflow)

    def _stages(self) -> list[Stage]:
        return managed_stages(self.project.records_of)

    def _acquire(self) -> None:
        """Acquire the lock of this folder and DVC's own locks, and wait for other processes that hold them."""
        # The file of the run stays, so that the next run removes what this one has left unfinished.
        interrupts.at_exit(self._outputs_lock.close)
        reported = False
        while True:
            self.lock.acquire()
            if _dvc.running_stage():
                break
            try:
                outs = [out for stage in self._stages() for out in [*stage.outs, stage.records]]
                with interrupts.deferred():
                    self._outputs_lock.enter_context(self.dvc.lock_outputs(outs))
                break
            except BlockingIOError as holder:
                if not reported:
                    print_message(f"waiting for {holder}, which is running in this folder")
                reported = True
                self.lock.release()  # a stage that this process of DVC runs needs the lock before DVC can end
                time.sleep(1)
        if clean_up_killed_runs(Path(self.project.state, "runs")):
            for folder in _snakemake.output_folders(self.workflow):
                remove_unfinished(folder)
        _snakemake.unlock(self.workflow)

    def _export_snapshot(self) -> None:
        path = Path(self.project.state, "runs", f"{os.getpid()}.json").resolve()
        self.snapshot.export(path)
        self._exported.callback(path.unlink, missing_ok=True)

    def release(self) -> None:
        """Release all locks."""
        with interrupts.deferred():
            self._exported.close()
            self._outputs_lock.close()
            self.lock.release()

    def _quarantine_files_at_folders(self) -> None:
        """Move files that lie in the place of a folder of outputs; in a dry run, raise an error instead."""
        for folder in sorted(_snakemake.output_folders(self.workflow)):
            if os.path.lexists(folder) and not folder.is_dir():
                if not self.executes:
                    raise ValueError(f"{folder} is a file, but rules write into a folder with this name: move the file")
                self.quarantine.move_and_report(folder, FILE_AT_FOLDER)
        self.quarantine.report()

    def before_run(self, dag: Any) -> None:
        """Compare the results with the records; restore them if jobs are about to run.

        Raises:
            ValueError, OSError: with one line.
        """
        if message := _snakemake.conflict(dag, self.results.is_unknown):
            raise ValueError(message)
        self._dag = dag
        if self.dvc.has_remote:
            self.results.collecting = True
            self._compare(dag)
            self.results.collecting = False
            self.results.fetch_collected()
        self._compare(dag)
        self.quarantine.report()
        _snakemake.clear_file_cache(self.workflow)
        if self.executes:
            self.ledger.write()

    def _compare(self, dag: Any) -> None:
        """Determine for each job, after the jobs whose files it reads, whether its outputs are current."""
        self._changes = {}
        self.results.reset()
        pending: set[str] = set()
        for job in _snakemake.ordered_jobs(dag):
            outputs = set(map(str, job.output))
            if dag.finished(job):
                continue
            if not _snakemake.is_running(dag, job):
                if pending.isdisjoint(_snakemake.inputs(job)):
                    self._changes[job] = self._change(job)
                    if self._changes[job] is None:
                        continue
                self.results.quarantine_unknown(outputs)
            pending |= outputs

    def _change(self, job: Any) -> Change | None:
        """Return what differs from the job that made the present outputs; None if they are current."""
        try:
            recipe = self.recipes.of(job, self.results.digest)
        except UndeterminedError:
            return Change()
        if self.results.restore(recipe, _snakemake.temporary_outputs(job)):
            return None
        before = self.results.recipe_of_present(recipe.outputs)
        return change_between(before, recipe) if before else Change()

    def change_of(self, job: Any) -> Change | None:
        """Return why a job must run.

        None if its outputs are current, or if this depends on another job that must run.
        """
        return self._changes.get(job)

    def would_restore(self, path: str) -> bool:
        """Return whether a run would restore a file, which a dry run does not."""
        return path in self.results.would_restore

    def restored_jobs(self) -> list[Any]:
        """Return the jobs whose outputs are current and were not made by a job here: Snakemake has no metadata."""
        restored = self.results.restored
        return [job for job, change in self._changes.items() if change is None and restored & set(map(str, job.output))]

    # While jobs run.

    def job_started(self, job: Any, group_outputs: set[str]) -> None:
        """Move unknown files in the place of outputs. Note the recipe of a job, and the fingerprints of what it reads.

        Args:
            job: the job.
            group_outputs: the outputs of the other jobs of its group. If the job reads one of them, its recipe is
                determined when the group has ended.
        """
        self.recipes.clear_imports()
        self.results.use_present_files()
        # The log of an earlier attempt of this run is the job's own.
        logs = [] if job in self._started else _snakemake.logs_of(job)
        self.results.quarantine_unknown([*map(str, job.output), *logs])
        self.quarantine.report()
        recipe = self._recipe(job) if group_outputs.isdisjoint(_snakemake.inputs(job)) else None
        read = {*_snakemake.inputs(job), *self.recipes.sources_of(job), *self.project.environment} - group_outputs
        before = {path: fingerprints(path) for path in read}
        self._started[job] = StartedJob(recipe, before, self.results.fingerprints())

    def _recipe(self, job: Any) -> Recipe | None:
        try:
            return self.recipes.of(job, self.results.digest)
        except (UndeterminedError, OSError):
            return None

    def job_finished(self, job: Any) -> None:
        """Add the outputs of a job that has succeeded to the cache, and write its record.

        No record is written if a file that the job has read was changed, or if DVC or git has replaced an output. The
        run fails then, and the next one runs the job.
        """
        if job not in self._started:
            return
        started = self._started.pop(job)
        self._note_logs(job)
        try:
            problem = self._record(job, started) if job.output else None
        except OSError as error:
            problem = Problem("no record of ", str(job.output[0]), f": {one_line(error)}")
        if problem is None:
            self._recorded.add(job)
            return
        if problem.kind not in self._unrecorded:  # the end of the run names the other jobs
            print_message(str(problem))
        self._unrecorded.setdefault(problem.kind, []).extend(map(str, job.output))

    def _record(self, job: Any, started: StartedJob) -> Problem | None:
        """Write the record of a job; return why there is none."""
        recipe = started.recipe or self._recipe(job)
        event = self._disturbance(job, recipe, started) if recipe else "an input was removed"
        if event or recipe is None:
            what = f"{event} while rule {job.rule.name} ran"
            return Problem("", what, ": no record is written, and the next run repeats the job")
        if not self.results.record(recipe, _snakemake.temporary_outputs(job)):
            return Problem("no record of ", str(job.output[0]), ": an output is neither a file nor a folder")
        return None

    def _note_logs(self, job: Any) -> None:
        """Note the logs that a job has left, so that they are not mistaken for files of the user."""
        self.ledger.logs |= {path: self.ledger.digest(path) for path in _snakemake.logs_of(job)}

    def _disturbance(self, job: Any, recipe: Recipe, started: StartedJob) -> str | None:
        """Return what has happened to the files of a job while it ran; None if nothing has."""
        changed = [path for path, before in started.read.items() if not self.results.is_unchanged(path, before, recipe)]
        if _snakemake.rereads_rules(job):
            changed += self.snapshot.edited_rules_files()
        if changed:
            return f"{changed[0]} was changed"
        if replaced := self.results.replaced_output(recipe, started.fingerprints):
            program, output = replaced
            return f"{program} replaced {output}"
        return None

    # After a run.

    def after_run(self, workflow: Any) -> None:
        """Record the stages whose results are complete and current; end the process with one line if this fails."""
        if self._dag is None or not self.executes:
            return
        try:
            self.recipes.clear_imports()
            self.results.use_present_files()
            for job in self._started:  # those that have failed
                self._note_logs(job)
            jobs = _snakemake.ordered_jobs(self._dag)
            recorder = Recorder(workflow, jobs, self.recipes, self.results, self.base)
            is_complete = recorder.record(self.results.stages)
            self.ledger.write()
        except (ValueError, OSError) as error:
            sys.exit(f"error: not recorded in dvc.lock: {one_line(error)}")
        done = self._recorded | {job for job, change in self._changes.items() if not change} - self._started.keys()
        if self._unrecorded or self.results.are_replaced(done):
            outputs = [path for paths in self._unrecorded.values() for path in paths]
            named = f" ({join_paths(outputs)})" if outputs else ""
            sys.exit(f"error: there are results without a record{named}: run again")
        if not is_complete and _dvc.running_stage():
            sys.exit(1)  # so that DVC does not record the stage
        recorder.print_commit_command()
