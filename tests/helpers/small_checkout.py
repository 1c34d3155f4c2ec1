"""A checkout with Problems 11 and 12 alone, to change it and to run both engines in it."""

import re
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.checkout import IDENTITY, copy_checkout, make_small

STAGES = ["kernel_regression", "width_sweep"]
CONFIG = "config/config.yaml"
ENGINES = {"snakemake": ["snakemake", "--cores", "2"], "dvc": ["dvc", "repro"]}
NOTHING_TO_DO = {
    "snakemake": (["snakemake", "--dry-run"], "Nothing to be done"),
    "dvc": (["dvc", "status"], "Data and pipelines are up to date."),
}
KERNELS = {f"kernel_regression_{part}" for part in ("fit", "merge", "summary", "theory", "figure")}
# Those of the draws on the data set of the problem set, and all of Problem 12.
FIXED_SWEEP = {"width_sweep_fit", "width_sweep_summary", "width_sweep_figure"}
SWEEP = FIXED_SWEEP | {"width_sweep_redrawn", "width_sweep_theory"}
ALL = KERNELS | SWEEP | {f"kernel_regression_{part}" for part in ("data", "misprints", "curve")}
# The width of the sweep, and its draws for a job that takes a second or more.
K, LONG = 64, 2000


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=state")


def configure(folder: Path, section: str, **keys: Any) -> None:
    path = folder / CONFIG
    config = yaml.safe_load(path.read_text())
    config[section].update(keys)
    path.write_text(yaml.safe_dump(config))


def set_key(folder: Path, key: str, value: Any) -> None:
    path = folder / CONFIG
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {key: value}))


def edit(path: Path) -> None:
    path.write_text(path.read_text() + "\n# edited\n")


def jobs_run(output: str) -> set[str]:
    """Return the rules of the jobs that a run has finished."""
    return set(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", output, flags=re.MULTILINE)) - {"all", *STAGES}


def make_small_checkout(folder: Path) -> Path:
    """Make the checkout, not run yet."""
    make_small(copy_checkout(folder), STAGES)
    # DVC writes this number as 1e-05, which is a string in YAML 1.1.
    configure(folder, "kernel_regression", laplace_L=1e-5, kernels=["relu", "laplace"])
    # One width, and all its draws in one shard, whatever their number.
    configure(folder, "width_sweep", widths=[K], extra_widths=[], shard_size=100_000)
    commit(folder)
    return folder


@dataclass
class Workspace:
    """A checkout to change, and a way to run programs in it."""

    folder: Path
    run: Callable[..., Any]
    engine: str = "snakemake"

    def __call__(self, *command: str) -> str:
        ended = self.run(self.folder, *command)
        assert ended.returncode == 0, ended.stdout
        return str(ended.stdout)

    def run_engine(self) -> str:
        return self(*ENGINES[self.engine])

    def start(self) -> subprocess.Popen[str]:
        """Start the engine in a process group of its own; return when the longest job of the sweep is running."""
        log = self.folder.parent / "started.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                ENGINES[self.engine], cwd=self.folder, stdout=file, stderr=file, text=True, start_new_session=True
            )
        self._wait_for_the_longest_job(lambda: process.poll() is not None)
        return process

    def run_engine_while(self, change: Callable[[], object]) -> subprocess.CompletedProcess[str]:
        """Run the engine, make a change while the longest job of the sweep is running, and return the ended run."""
        with ThreadPoolExecutor() as thread:
            ended = thread.submit(self.run, self.folder, *ENGINES[self.engine])
            self._wait_for_the_longest_job(ended.done)
            change()
        return ended.result()

    def _wait_for_the_longest_job(self, has_ended: Callable[[], bool]) -> None:
        log = self.folder / f"logs/width_sweep_fit_{self.shard}.log"
        end = time.monotonic() + 120
        while not log.exists():
            assert time.monotonic() < end
            assert not has_ended()
            time.sleep(0.05)

    @property
    def shard(self) -> str:
        """The name of the only shard of the sweep."""
        repeats = yaml.safe_load((self.folder / CONFIG).read_text())["width_sweep"]["repeats"]
        return f"relu_k{K}_draws0-{repeats - 1}"

    def draw(self, repeats: int) -> None:
        """Set the number of draws; `LONG` of them keep the job of the sweep running for a second or more."""
        configure(self.folder, "width_sweep", repeats=repeats)
