"""Draw the test MSE of each kernel of Problem 11 over the repeats."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.report.figures.kernel_regression import plot_test_mse
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    figure = plot_test_mse(pd.read_csv(arguments.test_mse), pd.read_csv(arguments.summary))
    save(figure, arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test-mse", type=Path, required=True, help="the table of test errors, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="the table with a row for each kernel, CSV")
    parser.add_argument("--output", type=Path, required=True, help="the figure, SVG or PNG")
    run(parser, main)
