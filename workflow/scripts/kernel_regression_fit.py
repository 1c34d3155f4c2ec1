"""Fit one kernel of Problem 11 to the headline data set and its repeats, or predict zero."""

import argparse
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import (
    SineTarget,
    labels_as_drawn,
    prediction_errors,
    read_sine_target,
    sine_target,
)
from nngplab.kernels.base import Kernel
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import integer_seed
from nngplab.problems.kernel_regression import kernel_named
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.singular import condition_number

log = logging.getLogger("nngplab")


def main(arguments: argparse.Namespace) -> None:
    headline = read_sine_target(arguments.data)
    # The zero predictor has no kernel.
    kernel = (
        None
        if arguments.kernel == "zero"
        else kernel_named(arguments.kernel, arguments.activation_file, arguments.laplace_L)
    )
    rows = []
    # For many small systems, one thread is faster than BLAS with several.
    with threadpool_limits(1, "blas"):
        for repeat in range(arguments.first_repeat, arguments.last_repeat + 1):
            data = headline if repeat == 0 else draw_repeat(headline, repeat)
            rows.append({"seed": data.seed, "repeat": repeat, **fit(data, kernel)})
            if repeat == 0:
                log.info("%s: test MSE %.4g, R² %.3f", arguments.kernel, rows[0]["test_mse"], rows[0]["r2"])
    (n, d), n_test = headline.X.shape, len(headline.X_test)
    setting = {"n": n, "d": d, "n_test": n_test, "labels_before_normalising": headline.labels_before_normalising}
    write_csv(pd.DataFrame(rows).assign(kernel=arguments.kernel, **setting), arguments.output)


def draw_repeat(headline: SineTarget, repeat: int) -> SineTarget:
    """Draw a data set of the size of the headline data set, with the seed of a repeat."""
    seed = integer_seed(headline.seed, "kernel_regression", repeat)
    n, d = headline.X.shape
    return sine_target(n, d, len(headline.X_test), seed, headline.labels_before_normalising)


def fit(data: SineTarget, kernel: Kernel | None) -> dict[str, Any]:
    """Return the errors of a kernel, or of the zero predictor, on the test samples of a data set."""
    if kernel is None:
        prediction, fitted = np.zeros_like(data.y_test), {"condition_number": np.nan, "residual": np.nan}
    else:
        model = KernelRegression(kernel).fit(data.X, data.y)
        prediction = model.predict(data.X_test)
        fitted = {"condition_number": condition_number(kernel(data.X)), "residual": model.residual_}
    return {
        **prediction_errors(prediction, data.y_test),
        **fitted,
        "zero_mse": np.mean(data.y_test**2),
        "test_mse_labels_before": np.mean((prediction - labels_as_drawn(data)) ** 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the headline data set, NPZ, with the root seed")
    parser.add_argument("--kernel", required=True, help="name of the kernel, of an activation, or zero")
    parser.add_argument("--activation-file", type=Path, help="file of the activation (default: it has a closed form)")
    parser.add_argument("--laplace-L", type=float, help="rate of the Laplace kernel exp(-L |x - z|)")
    parser.add_argument("--first-repeat", type=int, required=True, help="first data set; 0 is the headline data set")
    parser.add_argument("--last-repeat", type=int, required=True, help="last data set")
    parser.add_argument("--output", type=Path, required=True, help="a row for each data set, CSV")
    run(parser, main)
