"""Sum up the cost of the models of Problem 13 in seconds and memory; these measurements differ from run to run."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.report.provenance import provenance

SOFTWARE = ("numpy", "scipy", "torch")


def main(arguments: argparse.Namespace) -> None:
    jobs = pd.concat([pd.read_csv(path) for path in arguments.costs], ignore_index=True)
    steps = jobs.groupby(["dataset", "model", "step"], sort=False)
    table = steps.agg({"fits": "sum", "seconds": "sum", "cpu_seconds": "sum", "peak_memory_mib": "max"}).reset_index()
    facts = provenance(Path.cwd(), SOFTWARE)
    machine = {name.replace(" ", "_"): value for name, value in facts["machine"].items()}
    software = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    write_csv(table.assign(**machine, software=software), arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--costs", type=Path, nargs="+", required=True, help="tables of the cost of jobs, CSV")
    parser.add_argument("--output", type=Path, required=True, help="a row for each data set, model and step, CSV")
    run(parser, main)
