"""Fit all kernels of Problem 11, on the headline data set and its repeats, and both readings of two misprints."""

import argparse
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import SineTarget, read_sine_target, sine_target, target
from nngplab.kernels.base import Kernel
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import linear
from nngplab.kernels.objects import NNGP, Laplace, Linear, as_kernel
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import integer_seed
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.singular import condition_number

log = logging.getLogger("nngplab")


def main(arguments: argparse.Namespace) -> None:
    # Within the function, so that an error in the code of an activation is one line too.
    from nngplab.kernels.activations import dual_named

    data = read_sine_target(arguments.data)
    seed, before = data.seed, data.labels_before_normalising
    (n, d), n_test = data.X.shape, len(data.X_test)
    laplace = Laplace(bandwidth=1 / arguments.laplace_L)
    kernels = {name: laplace if name == "laplace" else as_kernel(name) for name in arguments.kernels}
    kernels |= {name: NNGP(dual_named(name)) for name in arguments.extra_activations}
    fit = partial(fit_kernels, kernels={**kernels, "linear": Linear()})

    def fit_repeat(repeat: int) -> pd.DataFrame:
        repeat_seed = integer_seed(seed, "kernel_regression", repeat)
        repeated_data = sine_target(n, d, n_test, repeat_seed, before)
        return fit(repeated_data).assign(seed=repeat_seed, repeat=repeat)

    # For many small systems, one thread for each is faster than BLAS with several threads, and the results do not
    # depend on the number of threads.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(arguments.threads) as pool:
        headline = fit(data).assign(seed=seed, repeat=0)
        for row in headline.itertuples():
            log.info("%s: test MSE %.4g, R² %.3f", row.kernel, row.test_mse, row.r2)
        tables = [headline, *pool.map(fit_repeat, range(1, arguments.repeats + 1))]
        misprint = compare_misprint(data).assign(n=n, d=d, seed=seed)
        labels = compare_labels(data).assign(d=d, n_test=n_test, seed=seed)

    table = pd.concat(tables, ignore_index=True).assign(
        laplace_L=arguments.laplace_L, n=n, d=d, n_test=n_test, labels_before_normalising=before
    )
    columns = ["kernel", "seed", "test_mse", "r2", "condition_number", "repeat", "zero_mse", "residual", "laplace_L"]
    columns += ["n", "d", "n_test", "labels_before_normalising", "test_mse_labels_before"]
    write_csv(table[columns], arguments.output)
    write_csv(misprint, arguments.misprint)
    write_csv(labels, arguments.labels)


def fit_kernels(data: SineTarget, kernels: dict[str, Kernel]) -> pd.DataFrame:
    """Return a row for each kernel, and one for the zero predictor."""
    labels_before = labels_before_normalising(data)
    rows = []
    for name, kernel in kernels.items():
        model = KernelRegression(kernel).fit(data.X, data.y)
        prediction = model.predict(data.X_test)
        rows.append(
            {
                "kernel": name,
                **test_errors(prediction, data.y_test),
                "condition_number": condition_number(kernel(data.X)),
                "residual": model.residual_,
                "test_mse_labels_before": np.mean((prediction - labels_before) ** 2),
            }
        )
    zero = test_errors(np.zeros_like(data.y_test), data.y_test)
    rows.append({"kernel": "zero", **zero, "test_mse_labels_before": np.mean(labels_before**2)})
    return pd.DataFrame(rows).assign(zero_mse=np.mean(data.y_test**2))


def labels_before_normalising(data: SineTarget) -> npt.NDArray[Any]:
    """Return the labels of the test rows by the letter of the problem set: f of the rows as drawn."""
    return target(data.test_norms[:, None] * data.X_test)


def test_errors(prediction: npt.NDArray[Any], y: npt.NDArray[Any]) -> dict[str, float]:
    test_mse = np.mean((prediction - y) ** 2)
    return {"test_mse": test_mse, "r2": 1 - test_mse / np.var(y)}


def compare_labels(data: SineTarget) -> pd.DataFrame:
    """Return a row for the test labels after normalising, and one for those before; f itself is compared with both.

    `nonlinear_share` is the share of the mean square of the labels that remains after a least-squares fit with a
    multiple of the mean of the coordinates.
    """
    f, mean_coordinate = target(data.X_test), data.X_test.mean(axis=1)
    rows = []
    for reading, norms, y in (
        ("after", np.ones_like(f), f),
        ("before", data.test_norms, labels_before_normalising(data)),
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
                **test_errors(prediction, data.y_test),
            }
        )
    return pd.DataFrame(rows)


def printed_relu_dual(xi: npt.NDArray[Any]) -> npt.NDArray[Any]:
    xi = np.clip(xi, -1, 1)
    return (xi * (np.pi * np.arccos(xi)) + np.sqrt(1 - xi**2)) / np.pi


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the headline data set, NPZ, with the root seed")
    parser.add_argument("--kernels", nargs="+", required=True, metavar="KERNEL", help="names of kernels")
    parser.add_argument(
        "--extra-activations", nargs="*", default=[], metavar="NAME", help="further activations for NNGP kernels"
    )
    parser.add_argument("--laplace-L", type=float, required=True, help="rate of the Laplace kernel exp(-L |x - z|)")
    parser.add_argument("--repeats", type=int, required=True, help="number of further data sets")
    parser.add_argument(
        "--threads", type=int, default=1, help="data sets that are fitted at a time (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, required=True, help="the table of test errors, CSV")
    parser.add_argument("--misprint", type=Path, required=True, help="the ReLU formula as printed and corrected, CSV")
    parser.add_argument(
        "--labels", type=Path, required=True, help="the test labels before and after normalising the rows, CSV"
    )
    run(parser, main)
