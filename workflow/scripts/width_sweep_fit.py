"""Train the last layer of random-feature networks of Problem 12, for one width and some draws of the first layer."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import read_sine_target
from nngplab.kernels.dual import Dual
from nngplab.networks.random_features import draw_batches, hidden_features, random_feature_errors
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import generator
from nngplab.regression.singular import condition_number


def main(arguments: argparse.Namespace) -> None:
    # Within the function, so that an error in the code of an activation is one line too.
    from nngplab.kernels.activations import dual_named

    data, dual = read_sine_target(arguments.data), dual_named(arguments.activation, arguments.activation_file)
    k = arguments.width
    n, d = data.X.shape

    def fit_batch(draws: range) -> pd.DataFrame:
        B = np.stack([generator(arguments.seed, "width_sweep", k, draw).standard_normal((k, d)) for draw in draws])
        train_mse, test_mse = random_feature_errors(data.X, data.y, data.X_test, data.y_test, B, dual)
        errors = {"train_mse": train_mse, "test_mse": test_mse}
        return pd.DataFrame({"k": k, "repeat": draws, **errors, "condition_number": gram_conditions(data.X, B, dual)})

    # The last digits of the results depend on the number of BLAS threads.
    with threadpool_limits(1, "blas"):
        table = pd.concat(map(fit_batch, draw_batches(arguments.first_draw, arguments.last_draw, k)))
    table = table[table["repeat"].between(arguments.first_draw, arguments.last_draw)]
    write_csv(
        table.assign(activation=dual.name, n=n, d=d, n_test=len(data.X_test), seed=arguments.seed), arguments.output
    )


def gram_conditions(X: npt.NDArray[Any], B: npt.NDArray[Any], dual: Dual) -> list[float]:
    """Return the condition number of the Gram matrix of the features of X (n, d), for each layer in B (draws, k, d).

    With fewer features than samples the Gram matrix of the samples is singular, and that of the features is taken: it
    has the same eigenvalues but for zeros.
    """
    features = hidden_features(X, B, dual)
    n, k = len(X), B.shape[1]
    return [condition_number(F.T @ F if k >= n else F @ F.T) for F in features]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set, NPZ")
    parser.add_argument("--activation", required=True, help="name of the activation")
    parser.add_argument("--activation-file", type=Path, help="its file (default: it has a closed form)")
    parser.add_argument("--width", type=int, required=True, help="number of hidden units")
    parser.add_argument("--first-draw", type=int, required=True, help="first draw of the first layer, from 0")
    parser.add_argument("--last-draw", type=int, required=True, help="last draw of the first layer")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--output", type=Path, required=True, help="a row for each draw, CSV")
    run(parser, main)
