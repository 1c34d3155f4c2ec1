"""Compare the time of the batched computation of Problem 12 with that of a loop over the networks.

Both use the same draws of the first layer. They run alternately, in several rounds. For each width, the table shows the
median seconds, the median of the paired ratios with its range, and the largest difference of the test errors.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import SineTarget, sine_target
from nngplab.networks.random_features import draw_batches, random_feature_errors
from nngplab.pipeline.seeds import generator

Array = npt.NDArray[Any]


def loop(data: SineTarget, seed: int, k: int, draws: int) -> Array:
    """Return the test MSE of each draw, one network at a time, with the default number of BLAS threads."""
    errors = []
    for draw in range(draws):
        B = generator(seed, "width_sweep", k, draw).standard_normal((k, data.X.shape[1]))
        features = np.sqrt(2 / k) * np.maximum(data.X @ B.T, 0)
        A = np.linalg.lstsq(features, data.y)[0]
        prediction = np.sqrt(2 / k) * np.maximum(data.X_test @ B.T, 0) @ A
        errors.append(np.mean((prediction - data.y_test) ** 2))
    return np.array(errors)


def batched(data: SineTarget, seed: int, k: int, draws: int, threads: int) -> Array:
    """Return the test MSE of each draw, as in the pipeline."""

    def batch_errors(batch: range) -> Array:
        layers = [generator(seed, "width_sweep", k, draw).standard_normal((k, data.X.shape[1])) for draw in batch]
        return random_feature_errors(data.X, data.y, data.X_test, data.y_test, np.stack(layers))[1]

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(batch_errors, draw_batches(0, draws - 1, k))))[:draws]


def timed(function: Callable[..., Array], *arguments: Any) -> tuple[float, Array]:
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def compare(data: SineTarget, k: int, arguments: argparse.Namespace) -> dict[str, Any]:
    seconds = []
    for _ in range(arguments.rounds):
        loop_seconds, loop_errors = timed(loop, data, arguments.seed, k, arguments.draws)
        batched_seconds, batched_errors = timed(batched, data, arguments.seed, k, arguments.draws, arguments.threads)
        seconds.append((loop_seconds, batched_seconds))
    loop_seconds, batched_seconds = np.transpose(seconds)
    ratio = loop_seconds / batched_seconds
    return {
        "k": k,
        "loop_seconds": np.median(loop_seconds),
        "batched_seconds": np.median(batched_seconds),
        "ratio": np.median(ratio),
        "ratio_low": ratio.min(),
        "ratio_high": ratio.max(),
        "largest_relative_difference": np.max(np.abs(batched_errors / loop_errors - 1)),
    }


def main(arguments: argparse.Namespace) -> None:
    data = sine_target(arguments.n, arguments.d, arguments.n_test, arguments.seed)
    rows = []
    for k in arguments.widths:
        rows.append(compare(data, k, arguments))
        print(f"k = {k} timed", file=sys.stderr)
    table = pd.DataFrame(rows)
    total = table[["loop_seconds", "batched_seconds"]].sum()
    print(table.to_csv(index=False, float_format="%.3g"), end="")
    print(
        f"all widths: loop {total['loop_seconds']:.2f} s, batched {total['batched_seconds']:.2f} s, "
        f"ratio {total['loop_seconds'] / total['batched_seconds']:.2f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[2**power for power in range(11)], help="widths k")
    parser.add_argument("--draws", type=int, default=50, help="number of draws of the first layer at each width")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="number of threads of the batched computation"
    )
    parser.add_argument("--n", type=int, default=100, help="number of training samples")
    parser.add_argument("--d", type=int, default=200, help="number of coordinates")
    parser.add_argument("--n-test", type=int, default=5000, help="number of test samples")
    parser.add_argument("--seed", type=int, default=88, help="seed of the data and the draws")
    main(parser.parse_args())
