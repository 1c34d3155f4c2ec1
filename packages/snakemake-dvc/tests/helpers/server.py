"""Start commands without the cost of their imports: a process that has imported them forks for each command.

It reads requests from its standard input, one line of JSON each, and answers each with one line. A request with `argv`
starts a command in a session of its own; the answer is its process id. A request with `pid` is answered with the exit
status of that process.

A forked process has the command line of the server. A request with `execute` executes the program instead, so that
other processes can read its command line. A request whose program is `python` executes the code in its first argument.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warm import ENGINE_MODULES
from warm.server import end

MODULES = f"{ENGINE_MODULES} snakemake_dvc.__main__"

# Of the programs, as long as `sys.executable` is that of this process.
BIN = Path(sys.executable).parent


def preload() -> None:
    """Import the modules that the commands use, and the plugins of Snakemake."""
    for name in MODULES.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    from dvc.cli.parser import get_main_parser
    from snakemake.cli import get_argument_parser
    from snakemake_dvc_startup import outputs, progress, replace

    get_main_parser()
    get_argument_parser()
    replace({**progress.REPLACEMENTS, **outputs.REPLACEMENTS})
    gc.freeze()  # the forked processes share this memory as long as they do not write to it


def serve() -> dict[str, Any] | None:
    """Answer requests until the input ends. In a forked process, return the request."""
    ended: dict[int, int] = {}
    while line := sys.stdin.readline():
        request = dict(json.loads(line))
        _reap(ended)
        if "argv" in request:
            pid = os.fork()
            if not pid:
                return request
            ended.pop(pid, None)  # an older process with this number
            answer = {"pid": pid}
        else:
            answer = {"rc": ended.get(request["pid"])}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return None


def _reap(ended: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])


def run(request: dict[str, Any]) -> None:
    """Run a command in this process as a shell would start it."""
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
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored if the tests run under nohup
    random.seed()
    sys.executable = shutil.which("python") or sys.executable  # with which Snakemake starts jobs
    program, *arguments = request["argv"]
    if program == "python":
        code, sys.argv = arguments[0], ["-c", *arguments[1:]]
        exec(compile(code, "<test>", "exec"), {"__name__": "__main__"})  # noqa: S102
        return
    sys.argv = [str(BIN / program), *arguments]
    sys.path[0] = str(BIN)
    if request["execute"]:
        os.execve(sys.argv[0], sys.argv, request["env"])  # noqa: S606 - no shell is involved
    sys.exit(main_of(program)())


def main_of(program: str) -> Callable[[], Any]:
    """Return the entry point of a program."""
    from snakemake.workflow import Workflow

    Workflow._rundir = str(Path.cwd())  # set when the module was imported
    if program == "snakemake":
        from snakemake.cli import main
    elif program == "snakemake-dvc":
        from snakemake_dvc.__main__ import main
    else:
        from dvc.cli import main
    return main


def main() -> None:
    """Serve, and run the commands in forked processes."""
    preload()
    request = serve()
    if request is None:
        return
    try:
        run(request)
        end(0)
    except SystemExit as exiting:
        end(exiting.code)
    except BaseException:
        traceback.print_exc()
        end(1)


if __name__ == "__main__":
    main()
