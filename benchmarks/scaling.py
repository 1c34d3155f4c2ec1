"""Count how the tiled Cholesky factorisation scales with the number of cores, and which tile size it should then have.

One core is needed: the program measures the seconds of a tile's operations on one core for each tile size, and replays
the schedule of `nngplab.regression.cholesky` with them for any number of cores. The threads take the tiles column by
column. A tile (i, k) waits for the tiles to the left of (i, k) and (k, k) before its product, and for (k, k) before its
triangular solve. What the replay leaves out: cores share caches, memory and clock speed.

The efficiency is the seconds of one core for the smallest of all tile sizes, over the seconds times the cores. The
critical path is the longest chain of operations that wait for one another, in seconds: no number of cores is faster.
"""

import argparse
import heapq
import math
import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.linalg

from benchmarks.kernels import seconds
from nngplab import NNGP
from nngplab.datasets.cifar10 import N_FEATURES
from nngplab.pipeline.cli import run
from nngplab.pipeline.seeds import generator
from nngplab.regression.tiles import BLOCK, one_blas_thread

TILES = (256, 512, 1024, 2048)
CORES = (1, 2, 4, 8, 16, 32, 64, 128)


class Seconds(NamedTuple):
    """The seconds of the operations of one tile on one core."""

    gram: float
    product: float  # with one tile on each side
    diagonal: float
    solve: float


def measure(t: int, dtype: str, seed: int) -> Seconds:
    """Return the median seconds of the operations of a tile of t rows."""
    X = generator(seed, "benchmark", "scaling").standard_normal((2 * t, N_FEATURES)).astype(dtype)
    kernel = NNGP("relu")
    rows = kernel.rows(X)
    K = np.empty((t, t), X.dtype)
    kernel.tile(rows[:t], rows[:t], K, 0)
    L = np.linalg.cholesky(K + np.eye(t, dtype=K.dtype))
    inverses = np.stack([np.linalg.inv(L[s : s + BLOCK, s : s + BLOCK]) for s in range(0, t, BLOCK)])

    def diagonal() -> None:
        scipy.linalg.lapack.get_lapack_funcs("potrf", (K,))(K.T, lower=1)
        for s in range(0, t, BLOCK):
            scipy.linalg.lapack.get_lapack_funcs("trtri", (L,))(L[s : s + BLOCK, s : s + BLOCK], lower=1)

    def solve() -> None:
        b = K.copy()
        for s, inverse in zip(range(0, t, BLOCK), inverses, strict=True):
            part = slice(s, s + BLOCK)
            np.matmul(b[:, part] - b[:, :s] @ L[part, :s].T, inverse.T, out=b[:, part])

    def median(call: Callable[[], object]) -> float:
        return statistics.median(seconds(call) for _ in range(5))

    with one_blas_thread():
        return Seconds(
            median(lambda: kernel.tile(rows[:t], rows[t:], K)),
            median(lambda: np.matmul(L, L.T)),
            median(diagonal),
            median(solve),
        )


def tasks(blocks: int) -> Iterator[tuple[int, int]]:
    """Yield the tiles (i, k) in the order in which threads take them."""
    return ((i, k) for k in range(blocks) for i in range(k, blocks))


def makespan(blocks: int, cores: float, of: Seconds) -> float:
    """Return the seconds of a factorisation, by a replay of its schedule."""
    free = [0.0] * min(int(min(cores, blocks)), blocks)
    finished = np.zeros((blocks, blocks + 1))  # the time at which block row i has its first k tiles
    for i, k in tasks(blocks):
        now = heapq.heappop(free) + of.gram
        now = max(now, finished[i, k], finished[k, k]) + k * of.product
        now = now + of.diagonal if i == k else max(now, finished[k, k + 1]) + of.solve
        finished[i, k + 1] = now
        heapq.heappush(free, now)
    return float(finished.max())


def critical_path(blocks: int, of: Seconds) -> float:
    """Return the seconds of the longest chain: with a thread for each tile."""
    finished = np.zeros((blocks, blocks + 1))
    for i, k in tasks(blocks):
        now = max(of.gram, finished[i, k], finished[k, k]) + k * of.product
        finished[i, k + 1] = now + of.diagonal if i == k else max(now, finished[k, k + 1]) + of.solve
    return float(finished.max())


def main(arguments: argparse.Namespace) -> None:
    rows = []
    for precision, dtype in (("double", "float64"), ("single", "float32")):
        of = {t: measure(t, dtype, arguments.seed) for t in TILES}
        for n in arguments.n:
            alone = min(makespan(math.ceil(n / t), 1, of[t]) for t in TILES)
            for t in TILES:
                blocks = math.ceil(n / t)
                row = {"precision": precision, "n": n, "tile": t, "critical path, s": critical_path(blocks, of[t])}
                row |= {f"{cores} cores": alone / cores / makespan(blocks, cores, of[t]) for cores in CORES}
                rows.append(row)
    print(pd.DataFrame(rows).to_csv(index=False, float_format="%.2f"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[10_000, 50_000, 100_000], help="numbers of samples")
    parser.add_argument("--seed", type=int, default=88, help="seed of the Gaussian rows")
    run(parser, main)
