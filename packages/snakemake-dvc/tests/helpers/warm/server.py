"""Import the packages that the programs of the project need, and fork for each program that a client asks for."""

import atexit
import contextlib
import gc
import importlib
import json
import logging
import multiprocessing.util
import os
import random
import runpy
import select
import signal
import site
import socket
import sys
import threading
import weakref
from pathlib import Path
from typing import Any, NoReturn

Request = dict[str, Any]


def preload(modules: list[str]) -> None:
    for name in modules:
        with contextlib.suppress(ImportError):  # a module that a version lacks is left to the program
            importlib.import_module(name)
    from snakemake.cli import get_argument_parser

    get_argument_parser()  # it looks for plugins in all folders of packages
    own = {name.partition(".")[0] for name in sys.modules} & {"nngplab", "snakemake_dvc", "tests"}
    assert not own, own
    gc.freeze()  # the forked processes share this memory as long as they do not write to it
    gc.set_threshold(20_000)  # what these short programs leave is freed at their end
    _leave_nothing_for_the_end()


def _leave_nothing_for_the_end() -> None:
    """Let programs do at their end what they ask for themselves.

    What PyTorch's compiler and others have asked for when they were imported would take most of the time of a short
    program.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    atexit._clear()
    for function in (weakref.finalize._exitfunc, multiprocessing.util._exit_function, logging.shutdown):  # type: ignore[attr-defined]
        atexit.register(function)


def serve(listener: socket.socket) -> tuple[Request, list[int]] | None:
    """Answer clients while test processes are connected. In a forked process, return the request and its streams."""
    tests: set[socket.socket] | None = None
    clients: dict[socket.socket, int] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    while tests or tests is None:
        for ready in select.select([listener, woken, *(tests or ()), *clients], [], [])[0]:
            if ready is listener:
                connection = listener.accept()[0]
                message, streams, *_ = socket.recv_fds(connection, 1, 3)
                if not streams:
                    tests = {*(tests or ()), connection}
                    continue
                request = json.loads(message + connection.makefile("rb").readline())
                if not (pid := os.fork()):
                    return request, streams
                clients[connection] = pid
                for stream in streams:
                    os.close(stream)
            elif ready == woken:
                os.read(woken, 4096)
                _answer(clients)
            elif tests and ready in tests:
                tests.discard(ready)
            elif ready in clients:
                # A signal, or the client was killed.
                signals = ready.recv(16) or bytes([signal.SIGKILL])
                os.kill(clients[ready], signals[-1])
                if signals[-1] == signal.SIGKILL:
                    del clients[ready]
                    ready.close()
    return None


def _answer(clients: dict[socket.socket, int]) -> None:
    """Tell the clients whose programs have ended how they ended."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            for connection in [connection for connection, pid in clients.items() if pid == found[0]]:
                del clients[connection]
                with contextlib.suppress(OSError), connection:
                    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(found[1]))


def become(request: Request, streams: list[int], base: list[str]) -> None:
    """Take over the folder, streams, variables and paths of a client, as if Python had started there."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    os.closerange(3, 256)
    os.chdir(request["cwd"])
    as_imported = threads_at_import()
    os.sched_setaffinity(0, request["cores"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.executable = request["python"]
    sys.argv = request["argv"]
    sys.orig_argv = [sys.executable, *sys.argv]
    paths = [str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path = [*paths, *base]
    random.seed()
    if "torch" in sys.modules:
        _set_up_torch(as_imported)
    from snakemake.workflow import Workflow

    Workflow._rundir = request["cwd"]  # set when the module was imported
    # As Python does at each start.
    for folder in site.getsitepackages():
        if (startup := Path(folder) / "snakemake_dvc.pth").exists():
            exec(startup.read_text())  # noqa: S102
    sys.modules.pop("sitecustomize", None)
    with contextlib.suppress(ImportError):
        importlib.import_module("sitecustomize")


def _set_up_torch(threads_of_server: int) -> None:
    """Let NumPy and PyTorch have their own seeds, and the threads for which they look when they are imported."""
    import numpy as np
    import torch
    from threadpoolctl import threadpool_limits

    np.random.seed()
    torch.seed()
    if (threads := threads_at_import()) != threads_of_server:
        threadpool_limits(threads)
        torch.set_num_threads(threads)


def threads_at_import() -> int:
    """Return the number of threads that NumPy and PyTorch take when they are imported."""
    return int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0))))


def run(words: list[str]) -> None:
    """Run a script, a module (`-m`) or code (`-c`)."""
    what, *rest = words
    if what == "-c":
        sys.argv, sys.path[:0] = ["-c", *rest[1:]], [""]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102
    elif what == "-m":
        sys.argv, sys.path[:0] = rest, [str(Path.cwd())]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[:0] = [str(Path(what).absolute().parent)]
        runpy.run_path(str(Path(what).absolute()), run_name="__main__")


def end(code: Any) -> NoReturn:
    """End this process as Python does, but without freeing all modules, which takes a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))


def main() -> None:
    """Serve, and run the programs in forked processes."""
    base = sys.path[1:]  # PYTHONPATH is that of each client
    folder = Path(sys.argv[1])
    preload((folder / "modules").read_text().split())
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket"))
    listener.listen(64)
    if (asked := serve(listener)) is None:
        return
    try:
        become(*asked, base)
        run(asked[0]["argv"])
        end(0)
    except SystemExit as exiting:
        end(exiting.code)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        end(1)


if __name__ == "__main__":
    main()
