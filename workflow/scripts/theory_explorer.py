"""Tabulate activations with their duals, the NNGP at several depths and Monte Carlo estimates, for the explorer."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS
from nngplab.kernels.tabulated import dual_of
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_json
from nngplab.pipeline.seeds import generator
from nngplab.report.figures.explorer import plot_explorer
from nngplab.report.figures.style import save

Array = npt.NDArray[np.float64]

DEPTHS = [1, 2, 3, 4, 5, 10]
# As many pairs as a network of this width has hidden units: enough to follow the dual, few enough to see an error.
PAIRS = 1000
X = np.linspace(-3, 3, 61)
XI = np.linspace(-1, 1, 41)
SAMPLED_XI = np.linspace(-1, 1, 9)
# What the explorer starts with, and the figure shows.
FIRST = "relu"
DIGITS = 4


def main(arguments: argparse.Namespace) -> None:
    duals = [*DUALS.values(), dual_of(np.tanh, "tanh")]
    record = {
        "first": FIRST,
        "pairs": PAIRS,
        "depths": DEPTHS,
        "x": decimals(X),
        "xi": decimals(XI),
        "sampled_xi": decimals(SAMPLED_XI),
        "activations": [explore(dual, arguments.seed) for dual in duals],
    }
    write_json(record, arguments.output)
    save(plot_explorer(record), arguments.figure)


def explore(dual: Dual, seed: int) -> dict[str, Any]:
    """Return the curves of an activation that is scaled so that E[phi(u)^2] = 1, and estimates of its dual."""
    estimates, errors = monte_carlo(dual, seed)
    return {
        "name": dual.name,
        "label": dual.label,
        "activation": decimals(dual.activation(X)),
        "nngp": [decimals(values) for values in nngp_by_depth(dual)],
        "estimates": decimals(estimates),
        "errors": decimals(errors),
    }


def nngp_by_depth(dual: Dual) -> list[Array]:
    """Return the NNGP at the correlations XI for each depth: the dual, composed with itself."""
    values, by_depth = XI, {}
    for depth in range(1, DEPTHS[-1] + 1):
        values = dual(values)
        by_depth[depth] = values
    return [by_depth[depth] for depth in DEPTHS]


def monte_carlo(dual: Dual, seed: int) -> tuple[Array, Array]:
    """Return the means of phi(u) phi(v) over random pairs at the correlations SAMPLED_XI, and their standard errors."""
    random = generator(seed, "theory_explorer", dual.name)
    u, independent = random.standard_normal((2, len(SAMPLED_XI), PAIRS))
    xi = SAMPLED_XI[:, None]
    products = dual.activation(u) * dual.activation(xi * u + np.sqrt(1 - xi**2) * independent)
    return products.mean(axis=1), products.std(axis=1, ddof=1) / np.sqrt(PAIRS)


def decimals(values: Array) -> list[float]:
    """Return numbers rounded for a picture; -0 becomes 0."""
    return [float(value) + 0.0 for value in values.round(DIGITS)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--output", type=Path, required=True, help="the curves and estimates, JSON")
    parser.add_argument("--figure", type=Path, required=True, help="those of one activation, SVG or PNG")
    run(parser, main)
