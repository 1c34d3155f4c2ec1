"""Say what each step from the ReLU NNGP without a ridge, and from a network on plain images, brings in Problem 13."""

import argparse
import json
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.problems.challenge_steps import COLUMNS, step_rows
from nngplab.report.figures.challenge import plot_steps
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    record = json.loads(arguments.record.read_text(encoding="utf-8"))
    steps = pd.DataFrame(step_rows(pd.read_csv(arguments.validation)), columns=COLUMNS)
    write_csv(steps, arguments.output)
    save(plot_steps(steps), arguments.figure, record["label"] if record["stand_in"] else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validation", type=Path, required=True, help="metrics of all candidates, CSV")
    parser.add_argument("--record", type=Path, required=True, help="description of the data set, JSON")
    parser.add_argument("--output", type=Path, required=True, help="a row for each step, CSV")
    parser.add_argument("--figure", type=Path, required=True, help="validation accuracy after each step, SVG")
    run(parser, main)
