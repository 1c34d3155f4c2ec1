"""The checkouts of a simulation, and the commands that run in them."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.commands import TIMEOUT, Run, Server, kill_processes_of, processes_of, wait_until
from helpers.environment import environment

from fuzz import model

# The folders of the results.
RESULTS = ("data", "results")


class ViolationError(AssertionError):
    """Something does not hold that must hold."""


@dataclass
class Place:
    """A checkout.

    Attributes:
        folder: its path.
        recorded: the keys of the jobs that have records there.
        hidden: whether a result was changed so that DVC does not see it: size, time and inode are the same.
    """

    folder: Path
    recorded: set[str] = field(default_factory=set)
    hidden: bool = False


class Checkouts:
    """Checkouts beside each other in one folder, with a remote of DVC.

    Args:
        root: the folder, which contains a finished checkout `main` and `remote`.
        server: the process that starts the commands.
        recorded: the keys of the jobs that have records in `main`.

    Attributes:
        here: the checkout in which the next step is performed.
        runs: the commands that were started.
        steps: the steps that were performed, with their arguments.
        transcript: the steps, the commands and their outputs as text.
    """

    def __init__(self, root: Path, server: Server, recorded: Iterable[str] = ()) -> None:
        self.root = root
        self.server = server
        self.fail, self.hang = root / "fail", root / "hang"
        own = {"TEST_ROOT": root, "JOB_FAIL": self.fail, "JOB_HANG": self.hang}
        self.env = {**environment(root / "home"), **{name: str(path) for name, path in own.items()}}
        self.places = [Place(root / "main", set(recorded))]
        self.here = self.places[0]
        self.runs: list[Run] = []
        self.steps: list[tuple[str, dict[str, Any]]] = []
        self.transcript: list[str] = []
        self.counter = 0

    @property
    def folder(self) -> Path:
        """The folder of the checkout in which the next step is performed."""
        return self.here.folder

    def perform(self, step: str, arguments: dict[str, Any]) -> None:
        """Perform a step."""
        self.steps.append((step, arguments))
        self.transcript.append(f"== {step} {arguments}")
        getattr(self, step)(**arguments)

    def close(self) -> None:
        """Kill the commands that are still running."""
        for run in self.runs:
            if run.poll() is None:
                run.kill("group")
        kill_processes_of(self.root)

    # Commands.

    def _start(self, *argv: str, execute: bool = False) -> Run:
        """Start a command; with `execute`, so that other processes can read its command line."""
        self.counter += 1
        run = Run(self.server, argv, self.folder, self.env, self.root / f"{self.counter}.out", execute)
        self.runs.append(run)
        return run

    def _end(self, run: Run, traceback: bool = False) -> Run:
        """Wait for a command, and check that it prints no traceback, unless one is allowed."""
        run.wait()
        self.transcript.append(repr(run))
        self._require(traceback or "Traceback" not in run.text, f"{' '.join(run.argv)} printed a traceback")
        return run

    def _run(self, *argv: str) -> Run:
        return self._end(self._start(*argv))

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        self.transcript.append(f"$ git {' '.join(arguments)}  # exit {ended.returncode}\n{ended.stdout}{ended.stderr}")
        return ended

    def _write_stages(self) -> None:
        run = self._run("snakemake-dvc", "stages")
        self._require(run.rc == 0, f"no dvc.yaml: {run.text}")

    def _wait_for_processes(self) -> None:
        """Wait for the processes that a killed run has left."""
        wait_until(lambda: not processes_of(self.root), "a killed run has left processes", TIMEOUT)

    # What all steps use.

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise ViolationError(what)

    def _jobs(self, overlay: dict[str, Any] | None = None) -> dict[str, model.Job]:
        return model.jobs_of(self.folder, overlay)

    def _files(self) -> list[str]:
        """Return the results in the checkout."""
        paths = (path for top in RESULTS for path in (self.folder / top).rglob("*"))
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in paths
            if path.is_file() and path.name not in (".snakemake_timestamp", ".gitignore")
        )
