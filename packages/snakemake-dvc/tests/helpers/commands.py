"""Commands that run in the background: snakemake, dvc and snakemake-dvc."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from helpers.environment import environment
from helpers.warm import connect

# Seconds. A busy machine can be slow; a command that hangs is reported in any case.
TIMEOUT = 300
SNAKEMAKE = ("snakemake", "--cores", "2")
REPRO = ("dvc", "repro")
ENGINES = {"snakemake": SNAKEMAKE, "dvc": REPRO}


class Server:
    """The client of server.py, which starts commands quickly.

    Args:
        home: the home folder of all commands.
        quick: the folder of programs that start quickly; a program ends as usual if it is not killed.

    Attributes:
        env: the environment variables of commands.
        quick: the argument.
    """

    def __init__(self, home: Path, quick: Path) -> None:
        self.env = environment(home)
        self.quick = quick
        quick.mkdir(exist_ok=True)
        self._connection = connect(quick, environment=self.env)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.env,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._connection.close()


class Run:
    """A command that was started.

    Args:
        server: the process that starts it.
        argv: the command.
        cwd: the folder in which it runs.
        env: its environment variables.
        output: the file of its output; the jobs write to the file beside it with the suffix `.log`.
        execute: whether the program is executed, so that other processes can read its command line.
    """

    def __init__(
        self, server: Server, argv: tuple[str, ...], cwd: Path, env: dict[str, str], output: Path, execute: bool = False
    ) -> None:
        self.argv, self.output, self.log = argv, output, output.with_suffix(".log")
        self._server = server
        env = {**env, "JOB_LOG": str(self.log)}
        self.pid = server.ask(argv=list(argv), cwd=str(cwd), env=env, output=str(output), execute=execute)["pid"]
        self.rc: int | None = None

    def poll(self) -> int | None:
        """Return the exit status; None while the command runs."""
        if self.rc is None:
            self.rc = self._server.ask(pid=self.pid)["rc"]
        return self.rc

    def wait(self, seconds: float = TIMEOUT) -> "Run":
        """Wait until the command has ended."""
        wait_until(lambda: self.poll() is not None, f"{self}\ndoes not end", seconds)
        return self

    def wait_for(self, words: str) -> "Run":
        """Wait until the command has printed something."""
        wait_until(lambda: words in self.text or self.poll() is not None, f"{self}\ndoes not print {words}")
        assert words in self.text, self
        return self

    def wait_for_job(self, job: str) -> "Run":
        """Wait until a job has stopped in the middle of its work, or the command has ended."""
        wait_until(lambda: job in self.jobs("hang") or self.poll() is not None, f"{self}\n{job} does not start")
        return self

    @property
    def text(self) -> str:
        """What the command has printed."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def messages(self) -> list[str]:
        """Return the lines that the package has printed."""
        return [line for line in self.text.splitlines() if line.startswith(("snakemake-dvc: ", "error: "))]

    def jobs(self, what: str = "start") -> set[str]:
        """Return the names of the jobs that have started, have stopped (`hang`), or are done (`done`)."""
        return {name for word, name, _ in self._lines() if word == what}

    def pid_of(self, job: str) -> int:
        """Return the process of a job."""
        return next(int(pid) for _, name, pid in self._lines() if name == job)

    def kill(self, who: str = "group", sign: int = signal.SIGKILL) -> None:
        """Send a signal to the process (`main`), or to its process group (`group`)."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if who == "group" else os.kill)(self.pid, sign)

    def _lines(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def __repr__(self) -> str:
        return f"$ {' '.join(self.argv)}  # exit {self.rc}\n{self.text}"


def wait_until(holds: Callable[[], bool], what: str, seconds: float = TIMEOUT) -> None:
    """Wait until something holds; fail if it takes too long."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def processes_of(root: Path) -> list[psutil.Process]:
    """Return the running processes that commands with the variable `TEST_ROOT` have left."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("TEST_ROOT") == str(root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_processes_of(root: Path) -> None:
    """Kill the processes that commands with the variable `TEST_ROOT` have left."""
    for process in processes_of(root):
        with contextlib.suppress(psutil.Error):
            process.kill()
