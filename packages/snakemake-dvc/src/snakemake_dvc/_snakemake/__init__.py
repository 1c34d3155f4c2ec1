"""All use of Snakemake beyond its public interface. Checked with Snakemake 9.26.0 and 9.27.1.

The package relies on the following, each with a test in test_snakemake_contracts.py, test_paths.py or
test_executors.py:

- `snakemake.cli.parse_args` parses the command line, with `get_argument_parser`, `get_profile_dir` and
  `ExecutorPluginRegistry` (used in `snakemake_dvc_startup.executors`).
- `DAG.init` is called before any file is looked at. It calls `check_incomplete` and then `update_needrun`, which asks
  the persistence layer what has changed since the last run of a job.
- `JobScheduler.run` is called in the main process, with jobs that are about to start.
- `DAG.finish` is called with jobs that have succeeded, and with no others.
- `JobScheduler.exit_gracefully` handles SIGTERM. It acquires a lock that is held while jobs are finished.
- `JobScheduler.schedule` runs the jobs. In each round it waits for `_open_jobs` and calls `_finish_jobs`, and a
  `KeyboardInterrupt` there cancels the jobs.
- `Workflow.execute` runs the workflow and raises an exception if a job failed.
- `Job.prepare` deletes the outputs of a job, in the process that runs the job.
- `RealExecutor.format_job_exec` makes the command of a job's process, with `format_cli_value` for each value.
- `LocalSourceFile.format` replaces the wildcards in the path of a conda file.

The modules: `hooks` replaces methods of Snakemake, `paths` those that fail for some paths, `job_process` those that run
in the process of a job. `selection` decides which jobs must run, and `conflicts` finds inputs that are outputs.
`workflow` and `jobs` read from a workflow and from one job, `all_jobs` builds the graph of all jobs.
"""

import snakemake.api  # noqa: F401 - first, since it imports the rest of Snakemake in the right order

from snakemake_dvc._snakemake.all_jobs import dag_of_all, track_config
from snakemake_dvc._snakemake.conflicts import conflict, logs_of
from snakemake_dvc._snakemake.hooks import callbacks_of, install, stop_at_signals
from snakemake_dvc._snakemake.job_process import before_outputs_are_deleted
from snakemake_dvc._snakemake.jobs import (
    UndeterminedError,
    code_digests,
    config_keys,
    inputs,
    params,
    rereads_rules,
    script,
    temporary_outputs,
)
from snakemake_dvc._snakemake.paths import allow_all_paths
from snakemake_dvc._snakemake.selection import Change
from snakemake_dvc._snakemake.workflow import (
    clear_file_cache,
    executes,
    force_all,
    is_running,
    ordered_jobs,
    output_folders,
    read_config,
    refused_option,
    relative_path,
    rules_files,
    target_files,
    unlock,
    unsupported_files,
)

__all__ = [
    "Change",
    "UndeterminedError",
    "allow_all_paths",
    "before_outputs_are_deleted",
    "callbacks_of",
    "clear_file_cache",
    "code_digests",
    "config_keys",
    "conflict",
    "dag_of_all",
    "executes",
    "force_all",
    "inputs",
    "install",
    "is_running",
    "logs_of",
    "ordered_jobs",
    "output_folders",
    "params",
    "read_config",
    "refused_option",
    "relative_path",
    "rereads_rules",
    "rules_files",
    "script",
    "stop_at_signals",
    "target_files",
    "temporary_outputs",
    "track_config",
    "unlock",
    "unsupported_files",
]
