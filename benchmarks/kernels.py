"""Compare kernels with one another, and their compiled formulas with those of NumPy.

The first table has the nanoseconds that a dual and its derivative take for an entry, on one core, in blocks that stay
in the cache: compiled by Numba, by NumPy, and the paired ratio. The second has kernel regression as a whole, from
samples to predictions, on all cores: for each kernel the seconds, and the paired ratios to the NNGP of ReLU and to the
same kernel without Numba. The imports and the compilation are not timed.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pandas as pd

from nngplab import NNGP, NTK, KernelRegression, Laplace, dual_of
from nngplab.datasets.cifar10 import N_FEATURES
from nngplab.kernels import objects
from nngplab.kernels.compiled import compiled
from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS
from nngplab.pipeline.cli import run
from nngplab.pipeline.seeds import generator

Array = npt.NDArray[Any]

KERNELS = {
    "NNGP of ReLU": NNGP("relu"),
    "depth 3": NNGP("relu", depth=3),
    "not normalised": NNGP("relu", normalize=False),
    "NTK": NTK("relu"),
    "NTK, depth 3": NTK("relu", depth=3),
    "NNGP of GELU": NNGP("gelu"),
    "NNGP of tanh, from a table": NNGP(dual_of(np.tanh)),
    "Laplace": Laplace(bandwidth=100),
}


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def fit_and_predict(model: KernelRegression, X: Array, y: Array, X_test: Array) -> None:
    model.fit(X, y).predict(X_test)


def nanoseconds_of_duals(rounds: int, seed: int) -> pd.DataFrame:
    """Return the median nanoseconds for an entry, compiled and by NumPy, and the median of their ratios."""
    rng = generator(seed, "benchmark", "duals")
    rows = []
    for (name, dual), dtype, unit in product(DUALS.items(), ("float64", "float32"), (True, False)):
        c = rng.uniform(-1, 1, (64, 1024)).astype(dtype)
        a, b = (np.ones((), dtype),) * 2
        if not unit:
            a, b = rng.uniform(0.5, 2, (64, 1)).astype(dtype), rng.uniform(0.5, 2, 1024).astype(dtype)
            c = (c * np.sqrt(a) * np.sqrt(b)).astype(dtype)
        for kind in ("moment", "derivative_moment"):
            case = {"dual": name, "function": kind, "precision": dtype, "variances": "1" if unit else "any"}
            rows.append(case | compared(dual, kind, (c, a, b), rounds))
    return pd.DataFrame(rows)


def compared(dual: Dual, kind: str, arguments: tuple[Array, Array, Array], rounds: int) -> dict[str, float]:
    by_numpy, by_loop = getattr(dual, kind), getattr(compiled(dual), kind)
    with np.errstate(all="ignore"):
        by_loop(*arguments)  # compiles
        pairs = np.array([[seconds(partial(f, *arguments)) for f in (by_loop, by_numpy)] for _ in range(rounds)])
    loop, numpy = np.median(pairs, axis=0) / arguments[0].size * 1e9
    return {"compiled, ns": loop, "NumPy, ns": numpy, "ratio": float(np.median(pairs[:, 1] / pairs[:, 0]))}


def whole_regressions(n: int, n_test: int, rounds: int, seed: int, precision: str) -> pd.DataFrame:
    """Return the seconds of fits and predictions with each kernel, and the ratios to ReLU and to NumPy's formulas."""
    rng = generator(seed, "benchmark", "kernels")
    dtype = {"double": "float64", "single": "float32"}[precision]
    X, X_test = (rng.standard_normal((rows, N_FEATURES)).astype(dtype) for rows in (n, n_test))
    y = X[:, :10].copy()
    runs: dict[tuple[str, bool], list[float]] = {(name, many): [] for name in KERNELS for many in (True, False)}
    for _ in range(rounds):
        for (name, many), measured in runs.items():
            model = KernelRegression(KERNELS[name], ridge=1e-2, precision=precision)
            with patch.object(objects, "MANY", 0 if many else n + 1):
                measured.append(seconds(partial(fit_and_predict, model, X, y, X_test)))
    found = {key: np.array(measured) for key, measured in runs.items()}
    relu = found["NNGP of ReLU", True]
    return pd.DataFrame(
        {
            "kernel": name,
            "precision": precision,
            "seconds": np.median(found[name, True]),
            "over ReLU": np.median(found[name, True] / relu),
            "NumPy over compiled": np.median(found[name, False] / found[name, True]),
        }
        for name in KERNELS
    )


def main(arguments: argparse.Namespace) -> None:
    for dual in [*DUALS.values(), *(kernel.dual for kernel in KERNELS.values() if hasattr(kernel, "dual"))]:
        if isinstance(dual, Dual):
            compiled(dual)(np.zeros((2, 2)))
    print(nanoseconds_of_duals(31, arguments.seed).to_csv(index=False, float_format="%.3g"))
    for precision in ("double", "single"):
        table = whole_regressions(arguments.n, arguments.n_test, arguments.rounds, arguments.seed, precision)
        print(table.to_csv(index=False, float_format="%.3g"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000, help="number of training samples")
    parser.add_argument("--n-test", type=int, default=2_000, help="number of test samples")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds")
    parser.add_argument("--seed", type=int, default=88, help="seed of the Gaussian rows")
    run(parser, main)
