"""Draw the test MSE against the width and against the ridge for Problem 12."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.report.figures.style import save
from nngplab.report.figures.width_sweep import plot_redrawn, plot_ridges, plot_test_mse


def main(arguments: argparse.Namespace) -> None:
    save(plot_test_mse(pd.read_csv(arguments.summary)), arguments.output)
    predicted = pd.read_csv(arguments.predicted)
    save(plot_redrawn(pd.read_csv(arguments.theory), predicted), arguments.redrawn_output)
    save(plot_ridges(pd.read_csv(arguments.ridges), predicted), arguments.ridge_output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", type=Path, required=True, help="the table with a row for each width, CSV")
    parser.add_argument("--theory", type=Path, required=True, help="predicted and measured means of each width, CSV")
    parser.add_argument("--ridges", type=Path, required=True, help="predicted and measured means of each ridge, CSV")
    parser.add_argument("--predicted", type=Path, required=True, help="the predicted curves, CSV")
    parser.add_argument("--output", type=Path, required=True, help="the figure of the medians, SVG or PNG")
    parser.add_argument("--redrawn-output", type=Path, required=True, help="the figure of the means, SVG or PNG")
    parser.add_argument("--ridge-output", type=Path, required=True, help="the figure of the ridges, SVG or PNG")
    run(parser, main)
