"""Draw the test MSE of each kernel of Problem 11 over the repeats, and the learning curves."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.report.figures.kernel_regression import plot_learning_curves, plot_test_mse
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    figure = plot_test_mse(pd.read_csv(arguments.test_mse), pd.read_csv(arguments.summary))
    save(figure, arguments.output)
    curves = plot_learning_curves(pd.read_csv(arguments.curve), pd.read_csv(arguments.predicted))
    save(curves, arguments.curves_output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test-mse", type=Path, required=True, help="the table of test errors, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="the table with a row for each kernel, CSV")
    parser.add_argument("--curve", type=Path, required=True, help="a row for each kernel and number of samples, CSV")
    parser.add_argument("--predicted", type=Path, required=True, help="the predicted learning curves, CSV")
    parser.add_argument("--output", type=Path, required=True, help="the figure of the repeats, SVG or PNG")
    parser.add_argument("--curves-output", type=Path, required=True, help="the figure of the curves, SVG or PNG")
    run(parser, main)
