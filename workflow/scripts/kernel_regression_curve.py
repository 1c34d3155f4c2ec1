"""Measure the learning curve of one kernel of Problem 11: its test error for several numbers of training samples."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import sine_target
from nngplab.kernels.base import Kernel
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import integer_seed
from nngplab.problems.kernel_regression import kernel_named
from nngplab.regression.estimator import KernelRegression


def main(arguments: argparse.Namespace) -> None:
    kernel = kernel_named(arguments.kernel, arguments.activation_file, arguments.laplace_L)
    rows = []
    # The last digits of the results depend on the number of BLAS threads.
    with threadpool_limits(1, "blas"):
        for n in arguments.n:
            for repeat in range(arguments.repeats):
                test_mse = measure(kernel, n, arguments.d, arguments.n_test, arguments.seed, repeat)
                rows.append({"kernel": arguments.kernel, "n": n, "repeat": repeat, "test_mse": test_mse})
    table = pd.DataFrame(rows).assign(d=arguments.d, n_test=arguments.n_test, seed=arguments.seed)
    write_csv(table, arguments.output)


def measure(kernel: Kernel, n: int, d: int, n_test: int, seed: int, repeat: int) -> float:
    """Return the test MSE on a data set that all kernels share."""
    data = sine_target(n, d, n_test, integer_seed(seed, "kernel_regression_curve", n, repeat))
    prediction = KernelRegression(kernel).fit(data.X, data.y).predict(data.X_test)
    return float(np.mean((prediction - data.y_test) ** 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True, help="name of the kernel or of an activation")
    parser.add_argument("--activation-file", type=Path, help="file of the activation (default: it has a closed form)")
    parser.add_argument("--laplace-L", type=float, help="rate of the Laplace kernel exp(-L |x - z|)")
    parser.add_argument("--n", type=int, nargs="+", required=True, metavar="N", help="numbers of training samples")
    parser.add_argument("--d", type=int, required=True, help="number of coordinates")
    parser.add_argument("--n-test", type=int, required=True, help="number of test samples")
    parser.add_argument("--repeats", type=int, required=True, help="number of data sets for each number of samples")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--output", type=Path, required=True, help="a row for each data set, CSV")
    run(parser, main)
