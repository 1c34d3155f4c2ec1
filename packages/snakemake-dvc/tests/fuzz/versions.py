"""Steps with git and DVC that run no job."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz import model
from fuzz.checkouts import Place
from fuzz.checks import Checks


class Versions(Checks):
    """Checkouts, and steps with git and DVC that run no job."""

    def commit(self) -> None:
        """Commit everything."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=state")

    def switch(self, branch: str, commits: bool, restores: bool) -> None:
        """Switch to a branch, which may be new, with or without `dvc checkout`."""
        if commits:
            self.commit()
        if self._git("switch", "--quiet", branch).returncode:
            self._git("switch", "--quiet", "--create", branch)
        if restores:
            self._run("dvc", "checkout")

    def merge(self, branch: str, side: str) -> None:
        """Merge a branch. Take a side if dvc.lock or metrics conflict; abort on other conflicts."""
        self.commit()
        ended = self._git("merge", "--no-edit", self._name_here(branch))
        if ended.returncode and not self._take(side, "commit", "--no-edit"):
            self._git("merge", "--abort")

    def rebase(self, branch: str, side: str) -> None:
        """Rebase on a branch, with conflicts as for a merge."""
        self.commit()
        ended = self._git("rebase", self._name_here(branch))
        while ended.returncode and self._take(side, "add", "dvc.lock"):
            ended = self._git("rebase", "--continue")
        if ended.returncode:
            self._git("rebase", "--abort")

    def _name_here(self, branch: str) -> str:
        """Return the name of a branch, which is another in a clone."""
        return branch if self._git("rev-parse", "--verify", branch).returncode == 0 else f"origin/{branch}"

    def _take(self, side: str, *then: str) -> bool:
        conflicts = self._git("diff", "--name-only", "--diff-filter=U").stdout.split()
        if not conflicts or not set(conflicts) <= {"dvc.lock", "results/final/metrics.json"}:
            return False
        self._git("checkout", f"--{side}", *conflicts)
        self._git("add", *conflicts)
        return self._git(*then).returncode == 0

    def stash(self) -> None:
        """Stash what is not committed, or apply the stash; its version is taken in a conflict."""
        if not self._git("stash", "list").stdout:
            self._git("stash")
        elif self._git("stash", "pop").returncode:
            conflicts = self._git("diff", "--name-only", "--diff-filter=U").stdout.split()
            if conflicts:
                self._git("checkout", "--theirs", *conflicts)
                self._git("reset", "--quiet")
                self._git("stash", "drop")

    # Other checkouts.

    def worktree(self) -> None:
        """Go to a new worktree."""
        self._go_to_new(lambda folder: self._git("worktree", "add", "-b", folder.name, str(folder)), set())

    def clone(self, commits: bool, pushes: bool, pulls: bool) -> None:
        """Go to a fresh clone of the last commit."""
        if commits:
            self.commit()
        if pushes:
            self._run("dvc", "push")
        if self._go_to_new(lambda folder: self._git("clone", "--quiet", ".", str(folder)), set()) and pulls:
            self._run("dvc", "pull")

    def copy(self) -> None:
        """Go to a copy of the checkout with everything in it."""
        command = ["cp", "-a", "--reflink=auto"]
        recorded = set(self.here.recorded)
        self._go_to_new(lambda folder: subprocess.run([*command, self.folder, folder], check=True), recorded)

    def _go_to_new(self, make: Callable[[Path], Any], recorded: set[str]) -> bool:
        if len(self.places) > 3:
            return False
        folder = self.root / f"place{len(self.places)}"
        if make(folder).returncode:
            return False
        self.here = Place(folder, recorded)
        self.places.append(self.here)
        return True

    def go(self, place: int) -> None:
        """Go to another checkout."""
        self.here = self.places[place % len(self.places)]

    def take_from(self, place: int, side: str) -> None:
        """Merge the last commit of another checkout."""
        self.commit()
        self._git("fetch", "--quiet", str(self.places[place % len(self.places)].folder), "HEAD")
        self.merge("FETCH_HEAD", side)

    # DVC.

    def dvc(self, *, command: list[str]) -> None:
        """Run a command of DVC that runs no stage. It may fail, for example if a content is lost."""
        self._run("dvc", *command)

    def dvc_commit(self) -> None:
        """Run `dvc commit`, if the results are right and have records."""
        jobs = self._jobs()
        are_recorded = self.here.recorded >= {job.key for job in jobs.values()}
        if are_recorded and not self._wrong(model.results_of(jobs)):
            self._run("dvc", "commit", "--force")
