"""Merge the tables of kernel_regression_fit.py for Problem 11: all kernels on each data set."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv

COLUMNS = ["kernel", "seed", "test_mse", "r2", "condition_number", "repeat", "zero_mse", "residual", "laplace_L"]
COLUMNS += ["n", "d", "n_test", "labels_before_normalising", "test_mse_labels_before"]


def main(arguments: argparse.Namespace) -> None:
    # As texts, so that each number is written as it was.
    table = pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False) for path in arguments.shards])
    table = table.assign(laplace_L=arguments.laplace_L).sort_values("repeat", kind="stable", key=pd.to_numeric)
    write_csv(table[COLUMNS], arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--shards", type=Path, nargs="+", required=True, help="tables of kernel_regression_fit.py, in order, CSV"
    )
    parser.add_argument("--laplace-L", type=float, required=True, help="rate of the Laplace kernel exp(-L |x - z|)")
    parser.add_argument("--output", type=Path, required=True, help="the table of test errors, CSV")
    run(parser, main)
