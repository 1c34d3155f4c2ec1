"""Before a run, results are compared with the records, and restored; after it, what is settled is recorded."""

import atexit
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from snakemake_dvc import _dvc, _snakemake
from snakemake_dvc._snakemake import Change, UndeterminedError
from snakemake_dvc.cache import remove_unfinished
from snakemake_dvc.contents import Ledger, files_in, fingerprint
from snakemake_dvc.lock import RunLock, end_killed_runs
from snakemake_dvc.messages import say
from snakemake_dvc.project import Project
from snakemake_dvc.quarantine import Quarantine
from snakemake_dvc.recipes import Recipes, change_between
from snakemake_dvc.recording import Recorder
from snakemake_dvc.records import Recipe
from snakemake_dvc.results import Results
from snakemake_dvc.snapshot import RunSnapshot, refuse_if_edited_since_start
from snakemake_dvc.stages import Stage, in_order, managed_stages
from snakemake_dvc.yaml_versions import differences


def reconcile(workflow: Any, config: dict[str, Any], project: Project | None = None) -> None:
    """Let Snakemake and DVC agree on the results of a workflow. Call it once, in the Snakefile, after `configfile:`.

    The process of a job takes the configuration with which its run was started. It ends with one line if the rules
    were edited since.

    Args:
        workflow: Snakemake's workflow, a name that every Snakefile knows.
        config: its configuration.
        project: what differs between projects.
    """
    project = project or Project()
    if workflow.is_main_process:
        reconciliation = Reconciliation(workflow, project, RunSnapshot(dict(config)))
        reconciliation.check_configuration()
        _snakemake.install(workflow, reconciliation)
        _snakemake.note_config_reads(workflow)
    elif snapshot := RunSnapshot.handed_down():
        abort_if_rules_changed(snapshot)
        config.clear()
        config.update(snapshot.config)


def abort_if_rules_changed(snapshot: RunSnapshot) -> None:
    """End the process of a job whose rules are no longer those of its run."""
    if edited := snapshot.edited_rules_files():
        sys.exit(f"error: {edited[0]} was edited while the run was going; this job did not start: run again")


class Reconciliation:
    """The agreement of Snakemake, DVC and the records over the results of one run.

    Args:
        workflow: Snakemake's workflow.
        project: what differs between projects.
        snapshot: what the run takes as given.
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
        self._held = ExitStack()
        self._dag: Any = None
        self._changes: dict[Any, Change | None] = {}
        self._started: dict[Any, tuple[Recipe | None, dict[str, Any], tuple[Any, Any]]] = {}

    def check_configuration(self) -> None:
        """End the process, with one line for each value that the engines read differently."""
        for path in dict.fromkeys(map(str, [self.project.config_file, *self.workflow.configfiles])):
            try:
                lines = self.ledger.derived("yaml", path, differences) if Path(path).is_file() else []
            except (ValueError, OSError) as error:
                sys.exit(f"error: {path}: {' '.join(str(error).split())}")
            if lines:
                sys.exit("\n".join(f"error: {path}: {line}" for line in lines))

    # Before a run.

    def begin(self) -> None:
        """Take the locks, and note what the run takes as given.

        Raises:
            ValueError, OSError: with one line.
        """
        if option := _snakemake.refused_option(self.workflow):
            raise ValueError(f"{option} lets stale results pass as current, and nothing needs it: run without it")
        if lacking := _snakemake.without_records(self.workflow):
            raise ValueError(lacking)
        self.executes = _snakemake.executes(self.workflow)
        self.snapshot.add_rules_files(_snakemake.rules_files_of(self.workflow))
        refuse_if_edited_since_start(self.project.config_file)
        self.base = _snakemake.read_config(self.project.config_file)
        self.dvc = _dvc.Dvc()
        if self.executes:
            self._acquire()
            self._hand_down()
        elif holder := self.lock.holder():
            say(f"{holder} is running in this folder: what follows is how things stand in the middle of it")
        else:
            _snakemake.release_locks(self.workflow)
        stages = in_order(self._stages())
        self.results = Results(self.workflow, self.dvc, self.ledger, stages, self.quarantine, self.executes)
        self._clear_the_way()
        if _dvc.running_stage() and _dvc.is_forced():
            _snakemake.force_all(self.workflow)

    def _stages(self) -> list[Stage]:
        return managed_stages(self.project.records_of)

    def _acquire(self) -> None:
        """Take the lock of this folder, and DVC's own locks, whoever must be waited for."""
        atexit.register(self.release)
        said = False
        while True:
            self.lock.acquire()
            if _dvc.running_stage():
                break
            try:
                outs = [out for stage in self._stages() for out in [*stage.outs, stage.records]]
                self._held.enter_context(self.dvc.kept_out(outs))
                break
            except BlockingIOError as holder:
                if not said:
                    say(f"waiting for {holder}, which is running in this folder")
                said = True
                self.lock.release()  # a stage that this process of DVC runs needs the lock before DVC can end
                time.sleep(1)
        if end_killed_runs(Path(self.project.state, "runs")):
            for folder in _snakemake.folders_of_outputs(self.workflow):
                remove_unfinished(folder)
        _snakemake.release_locks(self.workflow)

    def _hand_down(self) -> None:
        path = Path(self.project.state, "runs", f"{os.getpid()}.json").resolve()
        self.snapshot.hand_down(path)
        self._held.callback(path.unlink, missing_ok=True)

    def release(self) -> None:
        """Release all locks."""
        self._held.close()
        self.lock.release()

    def _clear_the_way(self) -> None:
        """Move files that lie where a folder of outputs must be; a run that only looks refuses them."""
        for folder in sorted(_snakemake.folders_of_outputs(self.workflow)):
            if os.path.lexists(folder) and not folder.is_dir():
                if not self.executes:
                    raise ValueError(f"{folder} is a file, and jobs make files in a folder of this name: move it away")
                self.quarantine.move_and_tell(folder)
        self.quarantine.tell("not the folder that jobs need")

    def before_run(self, dag: Any) -> None:
        """Compare the results with the records; if jobs are about to run, restore what can be restored.

        Raises:
            ValueError, OSError: with one line.
        """
        self._dag = dag
        if self.dvc.has_remote:
            self.results.collecting = True
            self._judge(dag)
            self.results.collecting = False
            self.results.fetch_collected()
        self._judge(dag)
        self.quarantine.tell("not what the jobs made")
        _snakemake.forget_inventory(self.workflow)
        if self.executes:
            self.ledger.write()

    def _judge(self, dag: Any) -> None:
        """Decide, for each job after those whose files it reads, whether its outputs are current."""
        self._changes = {}
        self.results.start_over()
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
                self.results.set_aside_foreign(outputs)
            pending |= outputs

    def _change(self, job: Any) -> Change | None:
        """Return what differs from the job that made the present outputs; None if a record says that nothing does."""
        try:
            recipe = self.recipes.of(job, self.results.digest)
        except UndeterminedError:
            return Change()
        if self.results.obtain(recipe, _snakemake.temporary(job)):
            return None
        before = self.results.recipe_of_present(recipe.outputs)
        return change_between(before, recipe) if before else Change()

    def change_of(self, job: Any) -> Change | None:
        """Return why a job must run; None if its outputs are current, or if that depends on a job that must run."""
        return self._changes.get(job)

    def is_virtual(self, path: str) -> bool:
        """Return whether a run would restore a file that is missing or differs (in a dry run)."""
        return path in self.results.virtual

    def restored_jobs(self) -> list[Any]:
        """Return the jobs whose outputs are current and were made by others, so that Snakemake has no metadata."""
        restored = self.results.restored
        return [job for job, change in self._changes.items() if change is None and restored & set(map(str, job.output))]

    # While jobs run.

    def job_started(self, job: Any, made_beside: set[str]) -> None:
        """Note what a job is about to read.

        Args:
            job: the job.
            made_beside: what jobs make that run in one group with it. If it reads of that, its recipe is known at
                the end.
        """
        self.recipes.look_again()
        self.results.look_at_files()
        recipe = self._recipe(job) if made_beside.isdisjoint(_snakemake.inputs(job)) else None
        read = {*_snakemake.inputs(job), *self.recipes.sources_of(job), *self.project.environment} - made_beside
        looks = {path: _looks(path) for path in read}
        self._started[job] = recipe, looks, self.results.last_uses()

    def _recipe(self, job: Any) -> Recipe | None:
        try:
            return self.recipes.of(job, self.results.digest)
        except (UndeterminedError, OSError):
            return None

    def job_finished(self, job: Any) -> None:
        """Keep the outputs of a job that has succeeded, and write its record, unless what it read was changed."""
        if job not in self._started or not job.output:
            return
        recipe, before, last_uses = self._started.pop(job)
        recipe = recipe or self._recipe(job)
        if recipe is None:
            return
        changed = [path for path, looks in before.items() if _looks(path) != looks]
        if _snakemake.runs_elsewhere(job):
            changed += self.snapshot.edited_rules_files()
        if changed:
            say(f"{changed[0]} was changed while {recipe.rule} ran: its results do not count, and the job runs again")
            return
        if replaced := self.results.replaced(recipe, last_uses):
            say(f"{replaced} while {recipe.rule} ran: its results do not count, and the job runs again")
            return
        try:
            self.results.keep(recipe, _snakemake.temporary(job))
        except OSError as error:
            say(f"no record of {recipe.outputs[0]}: {' '.join(str(error).split())}")

    # After a run.

    def after_run(self, workflow: Any) -> None:
        """Record the stages whose results are all there and current, and release the locks."""
        if self._dag is None or not self.executes:
            return
        is_complete = False
        try:
            self.recipes.look_again()
            self.results.look_at_files()
            jobs = _snakemake.ordered_jobs(self._dag)
            recorder = Recorder(workflow, jobs, self.recipes, self.results, self.base)
            is_complete = recorder.record(self.results.stages)
            self.ledger.write()
        except (ValueError, OSError) as error:
            say(f"not recorded in dvc.lock: {' '.join(str(error).split())}")
        finally:
            self.release()
        if not is_complete and _dvc.running_stage():
            sys.exit(1)  # so that DVC does not record the stage


def _looks(path: str) -> Any:
    """Return what a file or folder looks like, to see later whether it was changed."""
    return [(str(file), fingerprint(file)) for file in files_in(path)] if Path(path).is_dir() else fingerprint(path)
