"""Train the last layer of the random-feature networks of Problem 12, at each width on many draws of the first layer."""

import argparse
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.activations import dual_named
from nngplab.datasets.sine_target import read_sine_target
from nngplab.duals import Dual
from nngplab.files import write_csv
from nngplab.program import run
from nngplab.random_features import batches, random_feature_errors
from nngplab.seeds import generator

log = logging.getLogger("nngplab")


def main(arguments: argparse.Namespace) -> None:
    data = read_sine_target(arguments.data)
    n, d = data.X.shape

    def fit_batch(dual: Dual, k: int, draws: range) -> pd.DataFrame:
        B = np.stack([generator(arguments.seed, "width_sweep", k, draw).standard_normal((k, d)) for draw in draws])
        samples = (data.X, data.y, data.X_test, data.y_test)
        train_mse, test_mse = random_feature_errors(*samples, B, dual)
        table = {"k": k, "repeat": draws, "train_mse": train_mse, "test_mse": test_mse, "activation": dual.name}
        return pd.DataFrame(table)

    tables = []
    # One thread to a batch keeps the cores busier than BLAS does, and the numbers free of their count.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(arguments.threads) as pool:
        widths = sorted({*arguments.widths, *arguments.extra_widths})
        duals = [dual_named(name) for name in dict.fromkeys(["relu", *arguments.extra_activations])]
        for dual, k in product(duals, widths):
            table = pd.concat(pool.map(partial(fit_batch, dual, k), batches(arguments.repeats, k)))
            table = table[: arguments.repeats]
            median = table["test_mse"].median()
            log.info("%s, k = %d: median test MSE %.4g over %d draws", dual.name, k, median, len(table))
            tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    table = table.assign(
        on_sheet=table["k"].isin(arguments.widths), n=n, d=d, n_test=len(data.X_test), seed=arguments.seed
    )
    write_csv(table, arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set, NPZ")
    parser.add_argument(
        "--widths", type=int, nargs="+", required=True, metavar="K", help="widths that the sheet asks for"
    )
    parser.add_argument("--extra-widths", type=int, nargs="*", default=[], metavar="K", help="further widths")
    parser.add_argument(
        "--extra-activations", nargs="*", default=[], metavar="NAME", help="activations beside ReLU, on the same draws"
    )
    parser.add_argument("--repeats", type=int, required=True, help="draws of the first layer at each width")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the draws")
    parser.add_argument("--threads", type=int, default=1, help="batches at a time (default: %(default)s)")
    parser.add_argument("--output", type=Path, required=True, help="the table of errors, CSV")
    run(parser, main)
