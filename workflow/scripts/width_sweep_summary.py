"""Merge the tables of networks of Problem 12, and compare the networks of each width with their NNGP."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import read_sine_target
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.metrics import write_metrics
from nngplab.pipeline.statistics import median_interval
from nngplab.regression.estimator import KernelRegression

LEVEL = 0.95


def main(arguments: argparse.Namespace) -> None:
    # Within the function, so that an error in the code of an activation is one line too.
    from nngplab.kernels.activations import dual_named

    data = read_sine_target(arguments.data)
    zero_test_mse = np.mean(data.y_test**2)
    files = {path.stem: path for path in arguments.activation_files}
    errors = merge(arguments.shards, arguments.widths)
    tables = []
    for activation, table in errors.groupby("activation", sort=False):
        with threadpool_limits(1, "blas"):
            dual = dual_named(str(activation), files.get(str(activation)))
            nngp = KernelRegression(dual).fit(data.X, data.y)
            nngp_test_mse = np.mean((nngp.predict(data.X_test) - data.y_test) ** 2)
        tables.append(summarise(table, nngp_test_mse, zero_test_mse).assign(activation=activation))
    summary = pd.concat(tables)
    write_csv(errors, arguments.test_mse)
    write_csv(summary, arguments.output)
    write_metrics(arguments.metrics, metrics(summary[summary["activation"] == "relu"]))


def merge(shards: list[Path], widths: list[int]) -> pd.DataFrame:
    """Return the errors of all networks; the column `on_sheet` is true for the widths of the problem set."""
    table = pd.concat(map(pd.read_csv, shards), ignore_index=True)
    table.insert(list(table.columns).index("n"), "on_sheet", table["k"].isin(widths))
    return table


def summarise(table: pd.DataFrame, nngp_test_mse: float, zero_test_mse: float) -> pd.DataFrame:
    """Return a row for each width, with quantiles besides the mean, since the errors are heavy-tailed at k = n.

    `median_low` and `median_high` are the ends of the 95% interval of the median by order statistics. Those from
    `joint_low` to `joint_high` enclose the medians of all widths together at this level (Bonferroni).
    """
    groups = table.groupby("k")
    test_mse = groups["test_mse"]
    parameters = groups[["on_sheet", "n", "d", "n_test", "seed"]].first()
    joint_level = 1 - (1 - LEVEL) / len(groups)
    lows, highs = zip(*test_mse.apply(median_interval, LEVEL), strict=True)
    joint_lows, joint_highs = zip(*test_mse.apply(median_interval, joint_level), strict=True)
    summary = pd.DataFrame(
        {
            "on_sheet": parameters["on_sheet"],
            "repeats": groups.size(),
            "median_test_mse": test_mse.median(),
            "mean_test_mse": test_mse.mean(),
            "q05": test_mse.quantile(0.05),
            "q25": test_mse.quantile(0.25),
            "q75": test_mse.quantile(0.75),
            "q95": test_mse.quantile(0.95),
            "median_train_mse": groups["train_mse"].median(),
            "share_better_than_nngp": test_mse.agg(lambda errors: (errors < nngp_test_mse).mean()),
            "nngp_test_mse": nngp_test_mse,
            "zero_test_mse": zero_test_mse,
            "median_low": lows,
            "median_high": highs,
            "joint_low": joint_lows,
            "joint_high": joint_highs,
            "draws_better_than_nngp": test_mse.agg(lambda errors: (errors < nngp_test_mse).sum()),
            "draws_worse_than_zero": test_mse.agg(lambda errors: (errors > zero_test_mse).sum()),
            "median_condition_number": groups["condition_number"].median(),
        }
    )
    return summary.join(parameters.drop(columns="on_sheet")).reset_index()


def metrics(summary: pd.DataFrame) -> dict[str, Any]:
    """Return the errors of the baselines, and those of the width with the largest error and of the largest width."""
    table = summary.assign(ratio_to_nngp=summary["median_test_mse"] / summary["nngp_test_mse"])
    (peak,), (widest,) = (table.nlargest(1, column).to_dict("records") for column in ("median_test_mse", "k"))
    return {
        **{baseline: widest[baseline] for baseline in ("nngp_test_mse", "zero_test_mse")},
        "peak": {column: peak[column] for column in ("k", "median_test_mse", "ratio_to_nngp")},
        "widest": {column: widest[column] for column in ("k", "median_test_mse", "ratio_to_nngp")},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="tables of width_sweep_fit.py, CSV")
    parser.add_argument("--widths", type=int, nargs="+", required=True, metavar="K", help="widths of the problem set")
    parser.add_argument("--data", type=Path, required=True, help="the data set, NPZ")
    parser.add_argument(
        "--activation-files", type=Path, nargs="*", default=[], help="the files of activations without a closed form"
    )
    parser.add_argument("--test-mse", type=Path, required=True, help="the errors of all networks, CSV")
    parser.add_argument("--output", type=Path, required=True, help="the table with a row for each width, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="errors of the baselines and of two widths, JSON")
    run(parser, main)
