"""What the tests of faults share: changes of the small workflow, and ways to end a run."""

from pathlib import Path
from typing import Any

import pytest

from helpers.checkouts import Checkout
from helpers.commands import ENGINES, Run

# The jobs of the second stage of the small workflow.
FITS = {"degree-1", "degree-2", "best"}
QUARANTINE = ".snakemake/dvc/quarantine"

BOTH_ENGINES = pytest.mark.parametrize("engine", sorted(ENGINES))
# The engine of the first run, and that of the next one.
EACH_AFTER_THE_OTHER = pytest.mark.parametrize(("first", "second"), [("snakemake", "dvc"), ("dvc", "snakemake")])


def set_scale(checkout: Checkout, value: Any = 3) -> None:
    """Change a parameter of the fits, so that they must run."""
    checkout.edit("config.yaml", "  scale: 2", f"  scale: {value}")


def set_constant(checkout: Checkout, script: str, value: int = 2) -> None:
    """Change a script, so that the jobs that execute it must run."""
    checkout.edit(f"scripts/{script}.py", "CONSTANT = 1", f"CONSTANT = {value}")


def kill_during(checkout: Checkout, job: str, engine: str, who: str = "group") -> Run:
    """Start an engine, and kill it in the middle of a job; return the run."""
    run = checkout.start_hanging(job, *ENGINES[engine])
    run.kill(who)
    return run.wait()


def quarantined(checkout: Checkout) -> dict[str, bytes]:
    """Return the files in the quarantine, by the paths from which they were moved."""
    root = checkout.folder / QUARANTINE
    paths = [path for path in root.rglob("*") if path.is_file()]
    return {Path(*path.relative_to(root).parts[1:]).as_posix(): path.read_bytes() for path in paths}


def run_python(code: str, checkout: Checkout, *arguments: str) -> Run:
    """Run Python code in a checkout, in a process that must end and has imported Snakemake and DVC."""
    return checkout.start("python", code, *arguments).wait()
