"""Callbacks before, during and after a run of Snakemake, by methods that are called in place of its own."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from snakemake.dag import DAG
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake_dvc_startup import interrupts

from snakemake_dvc._snakemake.selection import Decisions, drop_restorable_targets, missed_jobs, selected_by_records
from snakemake_dvc._snakemake.workflow import write_metadata
from snakemake_dvc.messages import one_line


class RunCallbacks(Decisions, Protocol):
    """What is called in the main process of a run."""

    def begin(self) -> None:
        """Called once, before Snakemake looks at any file."""

    def before_run(self, dag: Any) -> None:
        """Called each time before Snakemake decides which jobs must run."""

    def restored_jobs(self) -> list[Any]:
        """Return the jobs whose outputs are current and were not made by a job here: Snakemake has no metadata."""

    def job_started(self, job: Any, group_outputs: set[str]) -> None:
        """Called before a job starts.

        Args:
            job: the job.
            group_outputs: the outputs of the other jobs of its group.
        """

    def job_finished(self, job: Any) -> None:
        """Called when a job has succeeded."""

    def after_run(self, workflow: Any) -> None:
        """Called at the end of a run, whether it succeeded or not."""

    def release(self) -> None:
        """Release all locks. Called at the end of a run, and before an error ends the process."""


_callbacks: dict[int, RunCallbacks] = {}


def install(workflow: Any, callbacks: RunCallbacks) -> None:
    """Register the callbacks of a workflow."""
    _callbacks[id(workflow)] = callbacks
    _replace_methods()
    execute = workflow.execute

    def execute_with_callback(*args: Any, **kwargs: Any) -> Any:
        try:
            return execute(*args, **kwargs)
        finally:
            interrupts.handle_again()
            try:
                callbacks.after_run(workflow)
            finally:
                callbacks.release()

    workflow.execute = execute_with_callback


def stop_at_signals() -> None:
    """Stop the scheduler at a defined point after a signal, in this process and from now on.

    Snakemake's own handlers run at any point of the main thread. That of SIGTERM acquires a lock that the main thread
    may hold. The exception of SIGINT can leave a lock acquired.
    """
    exit_gracefully, schedule, finish_jobs = (
        JobScheduler.exit_gracefully,
        JobScheduler.schedule,
        JobScheduler._finish_jobs,
    )
    if hasattr(exit_gracefully, "original"):
        return

    def start_thread(scheduler: Any, *args: Any) -> None:
        threading.Thread(target=exit_gracefully, args=(scheduler, *args)).start()

    def schedule_until_signal(scheduler: Any) -> Any:
        def stop() -> None:
            scheduler.is_interrupted = True
            scheduler._open_jobs.release()

        scheduler.is_interrupted = False
        with interrupts.stopped_by(stop):
            has_succeeded = schedule(scheduler)
        return has_succeeded and not scheduler.is_interrupted

    def finish_jobs_unless_interrupted(scheduler: Any) -> None:
        _raise_if_interrupted(scheduler)
        finish_jobs(scheduler)

    start_thread.original = exit_gracefully  # type: ignore[attr-defined]
    JobScheduler.exit_gracefully = start_thread
    JobScheduler.schedule = schedule_until_signal
    JobScheduler._finish_jobs = finish_jobs_unless_interrupted


def _raise_if_interrupted(scheduler: Any) -> None:
    if scheduler.is_interrupted:
        raise KeyboardInterrupt


def callbacks_of(workflow: Any) -> Any:
    """Return the callbacks of a workflow."""
    return _callbacks[id(workflow)]


def _replace_methods() -> None:
    """Replace methods of Snakemake, once in a process. Workflows without callbacks run as before."""
    if hasattr(DAG.update_needrun, "original"):
        return
    _replace_selection()
    _replace_execution()


def _replace_selection() -> None:
    init, check_incomplete, update_needrun = DAG.init, DAG.check_incomplete, DAG.update_needrun
    check_output_mtime = DAG.check_output_mtime

    async def init_with_callback(dag: Any, *args: Any, **kwargs: Any) -> None:
        if callbacks := _callbacks.get(id(dag.workflow)):
            with _errors_in_one_line(callbacks):
                callbacks.begin()
        await init(dag, *args, **kwargs)

    async def skip_check_incomplete(dag: Any) -> None:
        # An output that a killed job has left is like any other that no record describes.
        if id(dag.workflow) not in _callbacks:
            await check_incomplete(dag)

    async def update_needrun_by_records(dag: Any, *args: Any, **kwargs: Any) -> None:
        callbacks = _callbacks.get(id(dag.workflow))
        if callbacks is None:
            await update_needrun(dag, *args, **kwargs)
            return
        with _errors_in_one_line(callbacks):
            callbacks.before_run(dag)
            dag.update_jobids()  # the command of a job can contain its number
            for job in callbacks.restored_jobs():
                await write_metadata(dag.workflow, job)
        with selected_by_records(callbacks, dag):
            await update_needrun(dag, *args, **kwargs)
            missed = missed_jobs(callbacks, dag)
            if missed:
                dag.forcefiles.update(path for job in missed for path in job.output)
                await update_needrun(dag, *args, **kwargs)
        drop_restorable_targets(callbacks, dag)

    async def skip_check_output_mtime(dag: Any, *args: Any, **kwargs: Any) -> None:
        # Times do not matter here: an input with a time in the future is no error.
        if id(dag.workflow) not in _callbacks:
            await check_output_mtime(dag, *args, **kwargs)

    update_needrun_by_records.original = update_needrun  # type: ignore[attr-defined]
    DAG.init = init_with_callback
    DAG.check_incomplete = skip_check_incomplete
    DAG.update_needrun = update_needrun_by_records
    DAG.check_output_mtime = skip_check_output_mtime


def _replace_execution() -> None:
    run, finish = JobScheduler.run, DAG.finish

    def run_with_callback(scheduler: Any, jobs: Any, *args: Any, **kwargs: Any) -> Any:
        _raise_if_interrupted(scheduler)
        jobs = list(jobs)
        callbacks = _callbacks.get(id(scheduler.workflow))
        if callbacks is not None and not scheduler.workflow.dryrun:
            for group in map(_single_jobs, jobs):
                for job in group:
                    outputs = {str(path) for other in group if other is not job for path in other.output}
                    callbacks.job_started(job, outputs)
        return run(scheduler, jobs, *args, **kwargs)

    async def finish_with_callback(dag: Any, job: Any, *args: Any, **kwargs: Any) -> Any:
        callbacks = _callbacks.get(id(dag.workflow))
        if callbacks is not None and not dag.workflow.dryrun:
            for one in _single_jobs(job):
                callbacks.job_finished(one)
        return await finish(dag, job, *args, **kwargs)

    JobScheduler.run = run_with_callback
    DAG.finish = finish_with_callback


def _single_jobs(job: Any) -> list[Any]:
    return list(job) if job.is_group() else [job]


@contextmanager
def _errors_in_one_line(callbacks: RunCallbacks) -> Iterator[None]:
    """End the process with one line for an error, without locks.

    It ends at once: SystemExit would have to pass through asyncio, whose other tasks and threads may not end.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        callbacks.release()
        print(f"error: {one_line(error)}", file=sys.stderr, flush=True)
        os._exit(1)
