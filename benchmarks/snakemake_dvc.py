"""Measure the overhead of snakemake-dvc, for a run without jobs and a run of 100 small jobs.

The same workflow is created twice in a temporary folder, with the call of `reconcile` and without. Each job starts
Python and writes a line. Both workflows run alternately, in several rounds. The table shows the median seconds of each,
and the medians of the paired differences and ratios with their ranges.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SNAKEFILE = """
{reconcile}
configfile: "config.yaml"


{call}
rule all:
    input:
        expand("results/small/{{number}}.txt", number=range({jobs})),


include: "small.smk"
"""
RULES = """
rule small_job:
    input:
        script="job.py",
    output:
        "results/small/{number}.txt",
    params:
        seed=config["seed"],
    shell:
        "python {input.script} {params.seed} {wildcards.number} >{output}"


rule small:
    input:
        rules.all.input,
"""
IMPORT = "from snakemake_dvc import Project, reconcile\n\n"
CALL = (
    'reconcile(workflow, config, Project(dvc_path=lambda path: "results/small" if "results" in path else path))\n\n\n'
)
JOB = "import json\nimport sys\nimport time\n\ntime.sleep({seconds})\nprint(json.dumps(sys.argv[1:]))\n"


def run_command(folder: Path, *command: str) -> None:
    process = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder}:\n{process.stdout}")


def make_workflow(folder: Path, jobs: int, seconds: float, reconciles: bool) -> Path:
    """Create a workflow of small jobs, with or without the call of `reconcile`."""
    folder.mkdir()
    imported, call = (IMPORT, CALL) if reconciles else ("", "")
    (folder / "Snakefile").write_text(SNAKEFILE.format(reconcile=imported, call=call, jobs=jobs), encoding="utf-8")
    (folder / "small.smk").write_text(RULES, encoding="utf-8")
    (folder / "job.py").write_text(JOB.format(seconds=seconds), encoding="utf-8")
    set_seed(folder, 0)
    if reconciles:
        run_command(folder, "git", "init", "--quiet")
        run_command(folder, "dvc", "init", "--quiet")
        run_command(folder, sys.executable, "-m", "snakemake_dvc", "stages")
    return folder


def set_seed(folder: Path, seed: int) -> None:
    (folder / "config.yaml").write_text(f"seed: {seed}\n", encoding="utf-8")


def measure(folder: Path, *command: str) -> float:
    """Return the seconds of a command."""
    start = time.perf_counter()
    run_command(folder, *command)
    return time.perf_counter() - start


def row(name: str, seconds: list[tuple[float, float]]) -> dict[str, str | float]:
    """Return a row of the table from pairs of seconds, with `reconcile` and without."""
    reconciled, bare = np.array(seconds).T
    return {
        "run": name,
        "reconciled_seconds": np.median(reconciled),
        "bare_seconds": np.median(bare),
        "difference": np.median(reconciled - bare),
        "difference_low": (reconciled - bare).min(),
        "difference_high": (reconciled - bare).max(),
        "ratio": np.median(reconciled / bare),
        "ratio_low": (reconciled / bare).min(),
        "ratio_high": (reconciled / bare).max(),
    }


def main(arguments: argparse.Namespace) -> None:
    command = ["snakemake", "--cores", str(arguments.cores)]
    no_jobs: list[tuple[float, float]] = []
    all_jobs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as home:
        folders = [
            make_workflow(Path(home, name), arguments.jobs, arguments.seconds, name == "reconciled")
            for name in ("reconciled", "bare")
        ]
        for seed in range(1, arguments.rounds + 1):
            for folder in folders:
                set_seed(folder, seed)
            reconciled, bare = (measure(folder, *command) for folder in folders)
            all_jobs.append((reconciled, bare))
            for _ in range(3):
                reconciled, bare = (measure(folder, *command) for folder in folders)
                no_jobs.append((reconciled, bare))
            print(f"round {seed} of {arguments.rounds} timed", file=sys.stderr)
    table = pd.DataFrame([row("no jobs", no_jobs), row(f"{arguments.jobs} jobs", all_jobs)])
    print(table.to_csv(index=False, float_format="%.3g"), end="")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100, help="number of jobs of the workflow")
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds that each job sleeps")
    parser.add_argument("--cores", type=int, default=2, help="number of jobs at a time")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds")
    main(parser.parse_args())
