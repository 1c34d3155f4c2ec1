"""Any character in the path of a checkout or of the Python environment.

Snakemake starts the processes of jobs with shell commands that contain such paths. It writes texts in them as Python
does and not as a shell reads them, and the path of Python without quotes.
"""

import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import Any

from snakemake.sourcecache import LocalSourceFile
from snakemake_interface_executor_plugins import utils
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


@cache
def allow_all_paths() -> None:
    """Replace the functions of Snakemake that fail for some paths, in this process and from now on."""
    _quote_commands()
    _format_below_current_folder()
    _check_cluster_files()


def _quote_commands() -> None:
    format_value, format_job = utils.format_cli_value, RealExecutor.format_job_exec

    def format_for_shell(value: Any, *args: Any, **kwargs: Any) -> str:
        text = format_value(value, *args, **kwargs)
        return shlex.quote(value) if isinstance(value, str) and text == repr(value) else text

    def format_with_quoted_python(executor: Any, job: Any) -> str:
        python = type(executor).get_python_executable(executor)
        executor.get_python_executable = lambda: shlex.quote(python)
        return format_job(executor, job)

    utils.format_cli_value = format_for_shell
    RealExecutor.format_job_exec = format_with_quoted_python


def _format_below_current_folder() -> None:
    """Replace wildcards in the path of a conda file, but not braces in the path of the current folder."""
    format_path = LocalSourceFile.format

    def format_rest(file: Any, **wildcards: Any) -> Any:
        folder = f"{Path.cwd()}/"
        if not file.path.startswith(folder):
            return format_path(file, **wildcards)
        return type(file)(folder + format_path(type(file)(file.path.removeprefix(folder)), **wildcards).path)

    LocalSourceFile.format = format_rest


def _check_cluster_files() -> None:
    init, absolute = RemoteExecutor.__init__, RemoteExecutor.tmpdir

    def init_with_check(executor: Any, *args: Any, **kwargs: Any) -> None:
        init(executor, *args, **kwargs)
        logs = str(getattr(executor, "slurm_logdir", ""))
        if re.search(r"[%\\]", logs):  # the beginning of a pattern in the name of a log
            sys.exit(f"error: Slurm cannot write logs to {logs}: set slurm-logdir to a path without % and \\")

    def tmpdir(executor: Any) -> str:
        """Return the folder of the jobs' scripts, relative if a shell changes its path even in double quotes."""
        path = absolute.fget(executor)
        return os.path.relpath(path) if re.search(r'["$`\\]', path) else path

    RemoteExecutor.__init__ = init_with_check
    RemoteExecutor.tmpdir = property(tmpdir)
