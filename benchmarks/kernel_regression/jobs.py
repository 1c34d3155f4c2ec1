"""The jobs of the benchmark, each in a process of its own: methods, residuals, and rates of matrix operations."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from benchmarks.kernel_regression.methods import (
    DTYPES,
    METHODS,
    SCALAPACK,
    Array,
    Setting,
    numpy_relu,
    output_file,
    unit_rows,
)
from nngplab.errors import InputError
from nngplab.pipeline.cli import is_first_process
from nngplab.pipeline.seeds import generator
from nngplab.regression.process_grid import process_grid

ROOT = Path(__file__).parents[2]
Job = Callable[[Path], dict[str, Any]]

# The largest matrices for which rates are measured. The rates hardly increase for larger ones, and OpenBLAS of the
# wheels crashes with two threads for more than 16,000 rows.
RATE_ROWS = 10_000
# The number of rows from which residuals are estimated, enough for a relative error of a few percent.
RESIDUAL_ROWS = 128


def clocks() -> Array:
    """Return the wall-clock time, and the CPU time of all threads and children of this process, in seconds."""
    return np.array([time.perf_counter(), sum(os.times()[:4])])


def resident_memory(line: str) -> int:
    """Return the resident memory of this process in bytes: VmRSS for the present, or VmHWM for the peak.

    `resource.getrusage` does not serve, since a process inherits the peak of its parent there.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"^{line}:\s+(\d+) kB$", status, flags=re.MULTILINE)
    if not found:
        raise InputError("/proc/self/status has no memory of the process: this benchmark needs Linux")
    return int(found[1]) * 1024


def method_job(method: tuple[str, str], folder: Path) -> dict[str, Any]:
    """Run a method, write its results, and return its times and its peak memory, summed over its processes."""
    solve = METHODS[method].prepare(Setting.read(folder).ridge)
    before = resident_memory("VmRSS")
    data = [np.load(folder / f"{name}.npy").astype(DTYPES[method[1]], copy=False) for name in ("X", "y", "X_test")]
    start = clocks()
    a, predictions = solve(*data)
    wall, cpu = clocks() - start
    peak = resident_memory("VmHWM") - before
    if method[0] == SCALAPACK:
        comm = process_grid().comm
        cpu, peak = comm.allreduce(cpu), comm.allreduce(peak)
    if is_first_process():
        np.savez(folder / output_file(method), a=a, predictions=predictions)
    return {"wall": wall, "cpu": cpu, "peak": peak}


def residuals_job(folder: Path) -> dict[str, Any]:
    """Return the relative residual of each method that finished, estimated from some rows of the Gram matrix.

    They are computed in extended precision, and without the kernels of the package: without a ridge, the rounding
    errors of a product in float64 are as large as the residuals.
    """
    setting = Setting.read(folder)
    X, y = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("X", "y"))
    n = len(X)
    rows = np.sort(generator(0, "residuals").choice(n, min(n, RESIDUAL_ROWS), replace=False))
    finished = {" ".join(method): folder / output_file(method) for method in METHODS}
    finished = {name: path for name, path in finished.items() if path.exists()}
    if not finished:
        return {}
    a = np.concatenate([np.load(path)["a"] for path in finished.values()], axis=1).astype(np.longdouble)
    A = unit_rows(X[rows].astype(np.longdouble))
    difference = setting.ridge * a[rows] - np.tile(y[rows], len(finished))
    for block in gen_batches(n, 1000):
        difference += numpy_relu(A @ unit_rows(X[block].astype(np.longdouble)).T) @ a[block]
    squares = np.sum(difference.reshape(len(rows), len(finished), -1) ** 2, axis=(0, 2)) * (n / len(rows))
    norms = np.sqrt(squares.astype(np.float64)) / np.linalg.norm(y)
    return dict(zip(finished, norms.tolist(), strict=True))


def scipy_operations(X: Array, K: Array, m: int, threads: int) -> dict[str, Callable[[], Any]]:
    from scipy.linalg import get_blas_funcs, get_lapack_funcs
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    gemm, syrk = get_blas_funcs(("gemm", "syrk"), (X,))
    potrf = get_lapack_funcs("potrf", (X,))
    return {
        "gemm": lambda: gemm(1, X.T, X[:m].T, trans_a=True, c=K[:m].T, overwrite_c=True),
        "syrk": lambda: syrk(1, X.T, trans=True, c=K.T, lower=True, overwrite_c=True),
        "potrf": lambda: potrf(K.T, lower=True, overwrite_a=True, clean=False),
    }


def torch_operations(X: Array, K: Array, m: int, threads: int) -> dict[str, Callable[[], Any]]:
    import torch

    torch.set_num_threads(threads)
    rows, square = torch.from_numpy(X), torch.from_numpy(K)
    return {
        "gemm": lambda: torch.mm(rows[:m], rows.T, out=square[:m]),
        "potrf": lambda: torch.linalg.cholesky(square.mT, out=square.mT),
    }


LIBRARIES = {"scipy": scipy_operations, "torch": torch_operations}


def rates_job(library: str, folder: Path) -> dict[str, Any]:
    """Measure the rates of matrix products and of the factorisation, with one thread and with all threads."""
    setting = Setting.read(folder)
    n, d = min(setting.n, RATE_ROWS), setting.d
    m = min(setting.n_test, n)
    operations = {"gemm": 2 * m * n * d, "syrk": n**2 * d, "potrf": n**3 / 3}
    rows = []
    for precision, dtype in DTYPES.items():
        X = np.load(folder / "X.npy", mmap_mode="r")[:n].astype(dtype)
        K = np.empty((n, n), dtype)
        for threads in sorted({1, os.cpu_count() or 1}):
            for operation, call in LIBRARIES[library](X, K, m, threads).items():
                K.fill(0.5)  # with ones on the diagonal, a positive definite matrix for the factorisation
                np.fill_diagonal(K, 1)
                start = clocks()
                call()
                wall, cpu = operations[operation] / (clocks() - start) / 1e9
                rows.append(
                    {
                        "library": library,
                        "operation": operation,
                        "precision": precision,
                        "threads": threads,
                        "wall_gflops": wall,
                        "cpu_gflops": cpu,
                    }
                )
    return {"rates": rows}


JOBS: dict[str, Job] = {
    **{" ".join(method): partial(method_job, method) for method in METHODS},
    **{f"rates of {library}": partial(rates_job, library) for library in LIBRARIES},
    "residuals": residuals_job,
}


def run_in_process(job: str, folder: Path) -> dict[str, Any]:
    """Return the result of a job, or why it failed under the key "error"."""
    # A process of one thread for each core.
    launcher = (
        ["env", "OPENBLAS_NUM_THREADS=1", "mpiexec", "-n", str(os.cpu_count())] if job.startswith(SCALAPACK) else []
    )
    command = [*launcher, sys.executable, "-m", "benchmarks.kernel_regression", "--job", job, "--data", str(folder)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        found = re.search(r"^error: (.*)$", process.stderr, flags=re.MULTILINE)
        killed = f"killed by {signal.Signals(-process.returncode).name}" if process.returncode < 0 else "it failed"
        error = found[1] if found else killed
        print(f"{job}: {error}", file=sys.stderr)
        return {"error": error}
    sys.stderr.write(process.stderr)
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return result
