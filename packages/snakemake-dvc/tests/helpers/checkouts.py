"""Checkouts of a workflow, with git, DVC and a remote, in which commands run."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from helpers.commands import ENGINES, SNAKEMAKE, Run, Server, kill_processes_of
from helpers.small_workflow import expected, files_in


class Checkout:
    """A folder in which commands run.

    Args:
        folder: the folder; the output of the commands is written to a folder beside it.
        server: the process that starts the commands.
    """

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.beside = folder.with_name(f"{folder.name}.runs")
        self.beside.mkdir(exist_ok=True)
        self.hang = self.beside / "hang"
        self.env = {**server.env, "JOB_HANG": str(self.hang), "TEST_ROOT": str(folder.parent)}

    # Commands.

    def start(self, *argv: str, execute: bool = False, env: dict[str, str] | None = None) -> Run:
        """Start a command, with the environment variables of this checkout or with others."""
        number = len(list(self.beside.glob("*.out")))
        output = self.beside / f"{number}.out"
        output.touch()
        return Run(self.server, argv, self.folder, env or self.env, output, execute)

    def run(self, *argv: str, rc: int | None = 0, execute: bool = False) -> Run:
        """Run a command to its end, and check that it prints no traceback.

        Args:
            argv: the command.
            rc: 0 if the command must succeed, 1 if it must fail, None if either is right.
            execute: whether the program is executed, so that other processes can read its command line.
        """
        # Nobody kills it: what it starts can be programs that start quickly.
        quick = {**self.env, "PATH": f"{self.server.quick}{os.pathsep}{self.env['PATH']}"}
        run = self.start(*argv, execute=execute, env=self.env if execute else quick).wait()
        assert "Traceback" not in run.text, run
        assert rc is None or bool(run.rc) == bool(rc), run
        return run

    def start_hanging(self, job: str, *argv: str, execute: bool = False) -> Run:
        """Start a command, and return when one of its jobs has stopped in the middle of its work."""
        self.hang.write_text(job)
        run = self.start(*argv, execute=execute).wait_for_job(job)
        assert job in run.jobs("hang"), run
        return run

    def resume(self) -> None:
        """Let the job that has stopped continue."""
        self.hang.unlink(missing_ok=True)

    def git(self, *arguments: str, rc: int | None = 0) -> str:
        """Run git and return what it prints."""
        ended = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        assert rc is None or bool(ended.returncode) == bool(rc), (arguments, ended.stdout, ended.stderr)
        return ended.stdout + ended.stderr

    def commit(self, message: str = "state") -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")

    def write_stages(self) -> None:
        """Run `snakemake-dvc stages`."""
        self.run("snakemake-dvc", "stages")

    def remove_remote(self) -> None:
        """Remove the remote, as `dvc remote remove lab` does."""
        config = self.folder / ".dvc/config"
        assert "lab" in config.read_text()
        config.write_text("")

    # Copies.

    def copy(self, name: str = "copy") -> "Checkout":
        """Copy the folder with everything in it to a folder beside it."""
        folder = self.folder.with_name(name)
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return Checkout(folder, self.server)

    def clone(self, name: str = "clone") -> "Checkout":
        """Clone the last commit into a folder beside this one."""
        folder = self.folder.with_name(name)
        self.git("clone", "--quiet", ".", str(folder))
        return Checkout(folder, self.server)

    # Edits.

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file: write another file and rename it, as editors do."""
        file = self.folder / path
        text = file.read_text()
        assert old in text
        beside = file.with_name("beside")
        beside.write_text(text.replace(old, new, 1))
        beside.replace(file)

    def write(self, files: dict[str, str]) -> None:
        """Write files."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    # Checks, for the small workflow.

    def is_right(self) -> None:
        """Check that the results are those of the present sources, and that there are no others."""
        present, right = files_in(self.folder), expected(self.folder)
        assert present.keys() == right.keys()
        assert [path for path in right if present[path] != right[path]] == []

    def has_nothing_to_do(self, *engines: str) -> None:
        """Check that engines, both by default, report that all results are up to date."""
        if "snakemake" in engines or not engines:
            run = self.run(*SNAKEMAKE, "--dry-run")
            assert "Nothing to be done" in run.text, run
        if "dvc" in engines or not engines:
            run = self.run("dvc", "status")
            assert "Data and pipelines are up to date" in run.text, run

    def computes(self, engine: str, jobs: set[str]) -> Run:
        """Check that a run of an engine runs exactly these jobs, and that everything is right and recorded then."""
        run = self.run(*ENGINES[engine])
        assert run.jobs() == jobs, run
        self.is_right()
        self.has_nothing_to_do("dvc" if engine == "snakemake" else "snakemake")
        return run

    def locked(self, stage: str) -> dict[str, Any]:
        """Return the entry of a stage in dvc.lock; empty if there is none."""
        path = self.folder / "dvc.lock"
        content = yaml.safe_load(path.read_text()) if path.exists() else {"stages": {}}
        return dict(content["stages"].get(stage, {}))


def build(root: Path, server: Server, files: dict[str, str]) -> Checkout:
    """Create a project with git, DVC, a remote beside it, and the stages of its rules. Nothing has run in it."""
    folder = root / "main"
    folder.mkdir(parents=True)
    checkout = Checkout(folder, server)
    checkout.write(files)
    checkout.git("init", "--quiet", "--initial-branch=main")
    checkout.run("dvc", "init", "--quiet")
    checkout.run("dvc", "remote", "add", "--quiet", "--default", "lab", "../remote")
    checkout.write_stages()
    checkout.commit("the workflow")
    return checkout


def plain_project(root: Path, server: Server, files: dict[str, str]) -> Checkout:
    """Create a folder with files that do not use the package."""
    (root / "main").mkdir()
    checkout = Checkout(root / "main", server)
    checkout.write(files)
    return checkout


def copied(base: Path, root: Path, server: Server) -> Checkout:
    """Copy the checkout `main` and its remote into another folder."""
    for name in ("main", "remote"):
        if (base / name).exists():
            subprocess.run(["cp", "-a", "--reflink=auto", base / name, root / name], check=True)
    return Checkout(root / "main", server)


@contextlib.contextmanager
def cleaned_up(root: Path) -> Iterator[None]:
    """At the end, kill the processes that commands have left running in a folder, and remove the folder."""
    try:
        yield
    finally:
        kill_processes_of(root)
        shutil.rmtree(root, ignore_errors=True)
