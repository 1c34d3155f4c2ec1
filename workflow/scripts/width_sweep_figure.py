"""Draw the test MSE against the width for Problem 12."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.report.figures.style import save
from nngplab.report.figures.width_sweep import plot_test_mse


def main(arguments: argparse.Namespace) -> None:
    save(plot_test_mse(pd.read_csv(arguments.summary)), arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", type=Path, required=True, help="the table with a row for each width, CSV")
    parser.add_argument("--output", type=Path, required=True, help="the figure, SVG or PNG")
    run(parser, main)
