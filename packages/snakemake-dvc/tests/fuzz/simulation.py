"""A simulation: checkouts, the steps that users perform in them, and what must hold after them.

The public methods with arguments in `strategies.STEPS` are the steps. Their arguments are plain values, and each step
can be performed in any state, so a list of steps can be replayed and made shorter.
"""

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from helpers.commands import ENGINES, SNAKEMAKE, Server

from fuzz import model
from fuzz.checkouts import ViolationError
from fuzz.runs import Runs
from fuzz.versions import Versions


class Simulation(Runs, Versions):
    """Checkouts with all steps."""

    def settle(self, engine: str, dry: bool = False) -> None:
        """Run an engine without disturbance, and check everything: results, dvc.lock, and that no job ran needlessly.

        Args:
            engine: the engine.
            dry: whether a dry run of Snakemake comes first, which must announce the jobs that run.
        """
        if self.here.hidden:
            engine = "snakemake"
        if model.stages_lack_an_import(self.folder):
            self._write_stages()  # a merge can bring the import of a module without its entry in dvc.yaml
        announced = self._announced() if dry and engine == "snakemake" else None
        jobs = self._jobs()
        run = self._run_engine(*ENGINES[engine])
        self.here.hidden = False
        ran = run.jobs("start")
        faults = self._wrong(model.results_of(jobs))
        if announced is not None and announced != ran:
            faults.append(f"the dry run announced {sorted(announced)}, but {sorted(ran)} ran")
        for stage in sorted(set(model.STAGES.values())):
            faults += self._lock_faults(jobs, stage)
        faults += self._not_up_to_date()
        self._require(not faults, f"after {' '.join(run.argv)}, which ran {sorted(ran)}:\n" + "\n".join(faults))

    def _announced(self) -> set[str]:
        """Return the jobs that a dry run announces, and check that it changes no file."""
        self._wait_for_processes()
        before = self._state()
        run = self._run(*SNAKEMAKE, "--dry-run")
        self._require(run.rc == 0, "the dry run failed")
        self._require(before == self._state(), "the dry run changed something")
        return set(re.findall(r"^Job \d+: JOB (\S+)$", run.text, flags=re.MULTILINE))

    def _state(self) -> dict[str, str]:
        files = [*self._files(), *(["dvc.lock"] if (self.folder / "dvc.lock").exists() else [])]
        return {path: hashlib.sha256((self.folder / path).read_bytes()).hexdigest() for path in files}

    def _not_up_to_date(self) -> list[str]:
        faults = []
        for argv, words in (
            ((*SNAKEMAKE, "--dry-run"), "Nothing to be done"),
            (("dvc", "status"), "Data and pipelines are up to date"),
        ):
            run = self._run(*argv)
            if run.rc or words not in run.text:
                faults.append(f"{' '.join(argv)} does not print: {words}")
        return faults


def build(root: Path, server: Server) -> set[str]:
    """Create the finished checkout with which all simulations begin: recorded, committed and pushed.

    It has two more branches, which are finished too.

    Returns:
        The keys of the jobs that have records in it.
    """
    shutil.copytree(Path(__file__).with_name("project"), root / "main")
    simulation = Simulation(root, server)
    try:
        _build(simulation)
    except ViolationError as error:
        raise ViolationError("\n".join([*simulation.transcript, str(error)])) from error
    return simulation.here.recorded


def _build(simulation: Simulation) -> None:
    simulation._git("init", "--quiet", "--initial-branch=main")
    for argv in (["init", "--quiet"], ["remote", "add", "--quiet", "--default", "lab", "../remote"]):
        simulation._require(simulation._run("dvc", *argv).rc == 0, "DVC could not be set up")
    with (simulation.folder / ".dvc/config").open("a") as file:
        file.write("[cache]\n    type = copy\n")
    simulation._write_stages()
    simulation.commit()
    branches: dict[str, Callable[[], None]] = {
        "main": lambda: None,
        "one": lambda: simulation.set_values([1, 2, 3]),
        "two": lambda: simulation.set_constant("scripts/final.py", 1),
    }
    for branch, edit in branches.items():
        if branch != "main":
            simulation.switch(branch, commits=False, restores=False)
        edit()
        simulation.settle("snakemake")
        simulation.commit()
        simulation._require(simulation._run("dvc", "push").rc == 0, "the results could not be pushed")
        simulation.switch("main", commits=False, restores=True)
