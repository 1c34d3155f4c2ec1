"""What happens in the process of a job, which a cluster can start long after its run has submitted it."""

import os
from collections.abc import Callable
from typing import Any

from snakemake.jobs import Job


def before_outputs_are_deleted(moment: float, keep: Callable[[list[str]], None]) -> None:
    """Call a function with those outputs of a job that were changed after a moment, before Snakemake deletes them.

    The job has not started then, so it has not written them. The main process has looked at older files.

    Args:
        moment: seconds since the epoch.
        keep: the function.
    """
    prepare = Job.prepare

    async def prepare_with_callback(job: Any) -> None:
        paths = [str(path) for path in job.output if os.path.lexists(path)]
        keep([path for path in paths if os.lstat(path).st_ctime > moment])
        await prepare(job)

    Job.prepare = prepare_with_callback
