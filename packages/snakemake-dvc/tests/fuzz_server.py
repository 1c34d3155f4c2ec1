"""Start snakemake and dvc without the cost of their imports: a process that has imported them forks for each command.

It reads requests from its standard input, one line of JSON each, and answers each with one line: a request with a
command starts it in a session of its own and is answered with the process id, one with a process id asks for its exit
status. A process that was forked leaves the loop and ends as a program does, with all that Python does at exit. What it
lacks is a command line of its own, for others to see: a request can ask for a program that is started anew.
"""

import contextlib
import importlib
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

# What the commands import: a module that a version lacks is left to the command.
MODULES = """
snakemake.cli snakemake.executors.local snakemake.persistence snakemake.scheduling.job_scheduler
snakemake.report snakemake.ioutils snakemake.script
dvc.cli dvc.cli.parser dvc.repo dvc.repo.reproduce dvc.repo.status dvc.repo.commit dvc.repo.experiments
dvc.stage.cache dvc.stage.run dvc.dependency.param dvc.cachemgr dvc.data_cloud dvc.scm dvc.fs dvc.repo.plots dvc.daemon
dvc.commands.repro dvc.commands.status dvc.commands.data_sync dvc.commands.gc dvc_data.index dvc_data.hashfile.state
dvc_objects.fs.local dvc_render scmrepo.git configobj dulwich.ignore dulwich.worktree
sqlite3 ruamel.yaml yaml networkx pathspec
"""


def preload() -> None:
    """Import what the commands need."""
    for name in MODULES.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def serve() -> dict[str, Any] | None:
    """Answer requests until there are no more; in a process that was forked, return what it was told to run."""
    ended: dict[int, int] = {}
    while line := sys.stdin.readline():
        request = json.loads(line)
        _reap(ended)
        if "argv" in request:
            pid = os.fork()
            if not pid:
                return request
            ended.pop(pid, None)  # of an older process with this number
            answer = {"pid": pid}
        else:
            answer = {"rc": ended.get(request["pid"])}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return None


def _reap(ended: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            ended[pid] = os.waitstatus_to_exitcode(status)


def become(request: dict[str, Any]) -> None:
    """Turn this process into the one that a shell would have started for a command."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(3, 64)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    program = request["argv"][0]
    folder = Path(sys.executable).parent
    sys.argv = [str(folder / program), *request["argv"][1:]]
    sys.path[0] = str(folder)
    if request["anew"]:
        os.execve(sys.argv[0], sys.argv, request["env"])  # noqa: S606 - no shell stands between


def main(program: str) -> None:
    """Run a program, as its entry point would."""
    if program == "snakemake":
        from snakemake.cli import main as run
        from snakemake.workflow import Workflow

        Workflow._rundir = str(Path.cwd())  # taken at the import
    else:
        from dvc.cli import main as run
    sys.exit(run())


if __name__ == "__main__":
    preload()
    told = serve()
    if told is not None:
        become(told)
        main(told["argv"][0])
