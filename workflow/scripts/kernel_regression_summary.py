"""Summarise the test errors of Problem 11 over the repeats, for each kernel and each pair of kernels."""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.metrics import write_metrics
from nngplab.pipeline.statistics import mean_interval

# Relative differences up to this are rounding: that of two names for the same kernel, say.
ROUNDING = 1e-9
METRICS = ["headline_test_mse", "headline_r2", "mean_test_mse", "mean_r2"]


def main(arguments: argparse.Namespace) -> None:
    table = pd.read_csv(arguments.test_mse)
    summary = summarise(table)
    write_csv(summary, arguments.summary)
    write_csv(compare_pairs(table), arguments.paired)
    write_metrics(arguments.metrics, summary.set_index("kernel")[METRICS].to_dict("index"))


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each kernel, with the errors on the headline data set (repeat 0) and over the repeats."""
    rows = []
    for kernel, group in table.groupby("kernel", sort=False):
        headline, repeats = group[group["repeat"] == 0].iloc[0], group[group["repeat"] > 0]
        low, high = mean_interval(repeats["test_mse"])
        rows.append(
            {
                "kernel": kernel,
                "headline_seed": headline["seed"],
                "headline_test_mse": headline["test_mse"],
                "headline_r2": headline["r2"],
                "headline_condition_number": headline["condition_number"],
                "repeats": len(repeats),
                "mean_test_mse": repeats["test_mse"].mean(),
                "mean_low": low,
                "mean_high": high,
                "median_test_mse": repeats["test_mse"].median(),
                "std_test_mse": repeats["test_mse"].std(),
                "mean_r2": repeats["r2"].mean(),
                "mean_ratio_to_zero": (repeats["test_mse"] / repeats["zero_mse"]).mean(),
                "median_condition_number": repeats["condition_number"].median(),
                "headline_test_mse_labels_before": headline["test_mse_labels_before"],
                "mean_test_mse_labels_before": repeats["test_mse_labels_before"].mean(),
            }
        )
    return pd.DataFrame(rows)


def compare_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each pair of kernels, with paired differences: each repeat has the same data for both."""
    by_repeat = table[table["repeat"] > 0].pivot_table(index="repeat", columns="kernel", values="test_mse")
    rows = []
    for kernel, other in combinations(table["kernel"].unique(), 2):
        mine, others = by_repeat[kernel], by_repeat[other]
        difference = (mine - others).mask(np.isclose(mine, others, rtol=ROUNDING, atol=0), 0)
        low, high = mean_interval(difference)
        rows.append(
            {
                "kernel": kernel,
                "other": other,
                "repeats": len(by_repeat),
                "mean_difference": difference.mean(),
                "low": low,
                "high": high,
                "wins": (difference < 0).sum(),
                "mean_ratio": (mine / others).mean(),
                "losses": (difference > 0).sum(),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test-mse", type=Path, required=True, help="the table of test errors, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="the table with a row for each kernel, CSV")
    parser.add_argument("--paired", type=Path, required=True, help="the table with a row for each pair of kernels, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="the errors and R² of each kernel, JSON")
    run(parser, main)
