"""Draw the loss curves of Problem 3b, where the exact map converges, and what it predicts for runs."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.report.figures.linear_autoencoder import plot_convergence, plot_losses
from nngplab.report.figures.linear_autoencoder_plane import plot_outcomes, plot_phase
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    runs = pd.read_csv(arguments.runs).query("part == 'b'")
    losses = pd.read_csv(arguments.losses).query("part == 'b'")
    save(plot_losses(losses, runs, arguments.width), arguments.losses_figure)
    save(plot_convergence(runs), arguments.convergence_figure)
    settings = pd.read_csv(arguments.probability).query("convention == 'half'")
    save(plot_outcomes(pd.read_csv(arguments.outcomes), settings), arguments.outcomes_figure)
    save(plot_phase(pd.read_csv(arguments.phase)), arguments.phase_figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="the table with a row for each training run, CSV")
    parser.add_argument("--losses", type=Path, required=True, help="the table of loss curves, CSV")
    parser.add_argument(
        "--width", type=int, required=True, metavar="K", help="width of the networks whose losses are drawn"
    )
    parser.add_argument("--probability", type=Path, required=True, help="a row for each step size, CSV")
    parser.add_argument("--outcomes", type=Path, required=True, help="the probabilities over step sizes, CSV")
    parser.add_argument("--phase", type=Path, required=True, help="a row for each step of some runs, CSV")
    parser.add_argument("--losses-figure", type=Path, required=True, help="the loss curves, SVG or PNG")
    parser.add_argument(
        "--convergence-figure", type=Path, required=True, help="where the map converges, with all runs, SVG or PNG"
    )
    parser.add_argument("--outcomes-figure", type=Path, required=True, help="outcomes by step size, SVG or PNG")
    parser.add_argument("--phase-figure", type=Path, required=True, help="the plane of the recursion, SVG or PNG")
    run(parser, main)
