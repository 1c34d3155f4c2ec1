"""Train networks of Problem 12 on data sets that are drawn anew: all widths, and k = n with several ridges."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import sine_target
from nngplab.kernels.dual import Dual
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import generator, integer_seed
from nngplab.problems.width_sweep import ridge_errors


def main(arguments: argparse.Namespace) -> None:
    # Within the function, so that an error in the code of an activation is one line too.
    from nngplab.kernels.activations import dual_named

    dual = dual_named(arguments.activation, arguments.activation_file)
    # The last digits of the results depend on the number of BLAS threads.
    with threadpool_limits(1, "blas"):
        tables = [errors(arguments, dual, draw) for draw in range(arguments.first_draw, arguments.last_draw + 1)]
    setting = {name: getattr(arguments, name) for name in ("activation", "n", "d", "n_test", "seed")}
    write_csv(pd.concat(tables).assign(**setting), arguments.output)


def errors(arguments: argparse.Namespace, dual: Dual, draw: int) -> pd.DataFrame:
    """Return the test MSE of a draw of the data and of the first layers: a row for each width and ridge."""
    n, d = arguments.n, arguments.d
    data = sine_target(n, d, arguments.n_test, integer_seed(arguments.seed, "width_sweep_redrawn", draw))
    tables = []
    for k in sorted({*arguments.widths, n}):
        B = generator(arguments.seed, "width_sweep_redrawn", k, draw).standard_normal((k, d))
        ridges = np.array([0.0, *arguments.ridges] if k == n else [0.0])
        test_mse = ridge_errors(data, B, dual, ridges)
        tables.append(pd.DataFrame({"k": k, "ridge": ridges, "repeat": draw, "test_mse": test_mse}))
    return pd.concat(tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activation", required=True, help="name of the activation")
    parser.add_argument("--activation-file", type=Path, help="its file (default: it has a closed form)")
    parser.add_argument("--widths", type=int, nargs="+", required=True, metavar="K", help="numbers of hidden units")
    parser.add_argument("--ridges", type=float, nargs="*", default=[], help="ridges for as many units as samples")
    parser.add_argument("--n", type=int, required=True, help="number of training samples")
    parser.add_argument("--d", type=int, required=True, help="number of coordinates")
    parser.add_argument("--n-test", type=int, required=True, help="number of test samples")
    parser.add_argument("--first-draw", type=int, required=True, help="first draw, from 0")
    parser.add_argument("--last-draw", type=int, required=True, help="last draw")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--output", type=Path, required=True, help="a row for each draw, width and ridge, CSV")
    run(parser, main)
