"""Time how long Snakemake and DVC need to find that nothing has changed, against a bare workflow of the same size.

The bare workflow is made in a temporary folder: as many jobs and stages as the project has, each with one empty file,
and nothing else. Both are asked in turns, several times over; the table shows the median seconds and the median of the
paired ratios with its range. The project must be up to date: `make report` first.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ENGINES = {
    "snakemake --dry-run": (["snakemake", "--dry-run", "--cores", "1"], "Nothing to be done"),
    "dvc status": (["dvc", "status"], "Data and pipelines are up to date."),
}
SNAKEFILE = """
rule all:
    input:
        expand("jobs/{{number}}", number=range({jobs})),


rule job:
    output:
        touch("jobs/{{number}}"),
"""


def said(folder: Path, *command: str) -> str:
    ended = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ended.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder}:\n{ended.stdout}")
    return ended.stdout


def size(project: Path) -> tuple[int, int]:
    """Return how many jobs and stages a project has."""
    total = re.search(r"^total +(\d+)$", said(project, "snakemake", "--dry-run", "--forceall"), flags=re.MULTILINE)
    stages = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return int(total[1]) if total else 0, len(stages)


def make_bare(folder: Path, jobs: int, stages: int) -> None:
    """Make a workflow and a pipeline of empty files, up to date."""
    (folder / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs), encoding="utf-8")
    said(folder, "snakemake", "--cores", "all")
    said(folder, "git", "init", "--quiet")
    said(folder, "dvc", "init", "--quiet")
    names = [f"stage_{number}" for number in range(stages)]
    bare = {name: {"cmd": f"touch {name}", "outs": [name]} for name in names}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": bare}), encoding="utf-8")
    said(folder, "dvc", "repro", "--quiet")


def seconds(folder: Path, command: list[str], nothing: str) -> float:
    start = time.perf_counter()
    text = said(folder, *command)
    taken = time.perf_counter() - start
    if nothing not in text:
        sys.exit(f"{folder} is not up to date, says {' '.join(command)}: `make report` first\n{text}")
    return taken


def main(arguments: argparse.Namespace) -> None:
    jobs, stages = size(arguments.project)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder)
        make_bare(bare, jobs, stages)
        for engine, (command, nothing) in ENGINES.items():
            turns = range(arguments.rounds + 1)
            taken = [[seconds(where, command, nothing) for where in (arguments.project, bare)] for _ in turns]
            project_seconds, bare_seconds = np.transpose(taken[1:])  # the first turn fills the caches of the system
            ratio = project_seconds / bare_seconds
            rows.append(
                {
                    "engine": engine,
                    "project_seconds": np.median(project_seconds),
                    "bare_seconds": np.median(bare_seconds),
                    "ratio": np.median(ratio),
                    "ratio_low": ratio.min(),
                    "ratio_high": ratio.max(),
                }
            )
            print(f"{engine} timed", file=sys.stderr)
    print(f"{jobs} jobs in {stages} stages, {arguments.rounds} rounds")
    print(pd.DataFrame(rows).to_csv(index=False, float_format="%.3g"), end="")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="the project's folder, up to date")
    parser.add_argument("--rounds", type=int, default=9, help="times that each pair of measurements is taken")
    main(parser.parse_args())
