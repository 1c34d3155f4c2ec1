"""Draw the loss curves of Problem 3b, and where the exact map converges."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.report.figures.linear_autoencoder import plot_convergence, plot_losses
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    runs = pd.read_csv(arguments.runs).query("part == 'b'")
    losses = pd.read_csv(arguments.losses).query("part == 'b'")
    save(plot_losses(losses, runs, arguments.width), arguments.losses_figure)
    save(plot_convergence(runs), arguments.convergence_figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="the table with a row for each training run, CSV")
    parser.add_argument("--losses", type=Path, required=True, help="the table of loss curves, CSV")
    parser.add_argument(
        "--width", type=int, required=True, metavar="K", help="width of the networks whose losses are drawn"
    )
    parser.add_argument("--losses-figure", type=Path, required=True, help="the loss curves, SVG or PNG")
    parser.add_argument(
        "--convergence-figure", type=Path, required=True, help="where the map converges, with all runs, SVG or PNG"
    )
    run(parser, main)
