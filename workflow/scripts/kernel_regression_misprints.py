"""Compare both readings of two misprints of Problem 11: the ReLU formula, and when the test rows are normalised."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import SineTarget, labels_as_drawn, prediction_errors, read_sine_target, target
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import linear
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv


def main(arguments: argparse.Namespace) -> None:
    data = read_sine_target(arguments.data)
    (n, d), n_test = data.X.shape, len(data.X_test)
    with threadpool_limits(1, "blas"):
        write_csv(compare_misprint(data).assign(n=n, d=d, seed=data.seed), arguments.misprint)
        write_csv(compare_labels(data).assign(d=d, n_test=n_test, seed=data.seed), arguments.labels)


def compare_labels(data: SineTarget) -> pd.DataFrame:
    """Return a row for the test labels after normalising, and one for those before; f itself is compared with both.

    `nonlinear_share` is the share of the mean square of the labels that remains after a least-squares fit with a
    multiple of the mean of the coordinates.
    """
    f, mean_coordinate = target(data.X_test), data.X_test.mean(axis=1)
    rows = []
    for reading, norms, y in (
        ("after", np.ones_like(f), f),
        ("before", data.test_norms, labels_as_drawn(data)),
    ):
        slope = (mean_coordinate @ y) / (mean_coordinate @ mean_coordinate)
        rows.append(
            {
                "reading": reading,
                "rms_norm": np.sqrt(np.mean(norms**2)),
                "rms_label": np.sqrt(np.mean(y**2)),
                "zero_test_mse": np.mean(y**2),
                "f_test_mse": np.mean((f - y) ** 2),
                "nonlinear_share": np.mean((y - slope * mean_coordinate) ** 2) / np.mean(y**2),
            }
        )
    return pd.DataFrame(rows)


def compare_misprint(data: SineTarget) -> pd.DataFrame:
    """Return a row for the ReLU formula of Problem 11 as printed, without a minus sign, and one for the right one."""
    rows = []
    for reading, dual in (("printed", printed_relu_dual), ("corrected", DUALS["relu"])):
        cosines = linear(data.X)
        np.fill_diagonal(cosines, 1)
        K = dual(cosines)
        eigenvalues = np.linalg.eigvalsh(K)
        prediction = dual(linear(data.X_test, data.X)) @ np.linalg.solve(K, data.y)
        rows.append(
            {
                "reading": reading,
                "diagonal": K[0, 0],
                "smallest_eigenvalue": eigenvalues[0],
                "largest_eigenvalue": eigenvalues[-1],
                "negative_eigenvalues": np.sum(eigenvalues < 0),
                **prediction_errors(prediction, data.y_test),
            }
        )
    return pd.DataFrame(rows)


def printed_relu_dual(xi: npt.NDArray[Any]) -> npt.NDArray[Any]:
    xi = np.clip(xi, -1, 1)
    return (xi * (np.pi * np.arccos(xi)) + np.sqrt(1 - xi**2)) / np.pi


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the headline data set, NPZ")
    parser.add_argument("--misprint", type=Path, required=True, help="the ReLU formula as printed and corrected, CSV")
    parser.add_argument(
        "--labels", type=Path, required=True, help="the test labels before and after normalising the rows, CSV"
    )
    run(parser, main)
