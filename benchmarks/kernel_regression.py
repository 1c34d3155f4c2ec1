"""Time exact kernel regression (Problem 13) against its peers and against the least that the machine could need.

Every route solves (K + ridge I) a = y for the normalised ReLU kernel of the same samples and predicts the same test
rows, from the samples to the predictions, in a process of its own: so each has its own BLAS and its own peak of memory,
and one that dies is a row that says so. The routes take turns, several times over. The table shows the median seconds
and their range, the median of the paired ratios to ours, the peak of memory, how far the predictions are from the
reference and the residual |(K + ridge I) a - y| / |y|, computed by this program in extended precision for all of them
alike, from some of the rows.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nngplab.datasets.cifar10 import FOLDER, N_CLASSES, N_FEATURES, TEST_BATCHES, TRAIN_BATCHES, read_batch
from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_json
from nngplab.pipeline.seeds import generator
from nngplab.regression.memory import available_memory

Array = npt.NDArray[Any]
# X (n, d), y (n, outputs) and X_test (m, d) -> dual coefficients (n, outputs) and predictions (m, outputs).
Solve = Callable[[Array, Array, Array], tuple[Array, Array]]
Job = Callable[[Path], dict[str, Any]]

DTYPES = {"double": "float64", "single": "float32"}
GIB = 2**30
# Rates hardly rise beyond this size, and OpenBLAS, as the wheels bring it, crashes with two threads beyond 16,000 rows.
RATE_ROWS = 10_000
# Of so many rows of the Gram matrix the residuals are computed, so that they are right to a few percent.
RESIDUAL_ROWS = 128
# The share of the memory at hand that a route may take: the system and the rest of the machine need some too.
SHARE = 0.9


# The routes. Each imports what it needs, which is not timed, and returns the function that is.


def ours(ridge: float, **options: Any) -> Solve:
    from nngplab.regression.estimator import KernelRegression

    def solve(X: Array, y: Array, X_test: Array) -> tuple[Array, Array]:
        model = KernelRegression("relu", ridge=ridge, **options).fit(X, y)
        return model.dual_coef_, model.predict(X_test)

    return solve


def ours_on_gpu(ridge: float, **options: Any) -> Solve:
    import torch

    torch.zeros(1, device="cuda") @ torch.zeros(1, device="cuda")  # the start of CUDA is no part of a fit
    return ours(ridge, device="cuda", **options)


def numpy_solve(ridge: float) -> Solve:
    """Solve Problem 11 as the course does. In single precision NumPy converts, computes in double and rounds."""

    def solve(X: Array, y: Array, X_test: Array) -> tuple[Array, Array]:
        K = numpy_gram(X, X)
        K.flat[:: len(K) + 1] += ridge
        a = np.linalg.solve(K, y)
        return a, numpy_gram(X_test, X) @ a

    return solve


def numpy_gram(X: Array, Z: Array) -> Array:
    return numpy_relu(unit_rows(X) @ unit_rows(Z).T)


def unit_rows(X: Array) -> Array:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def numpy_relu(xi: Array) -> Array:
    """Return the normalised NNGP of ReLU as the problem set writes it, on whole matrices."""
    xi, pi = np.clip(xi, -1, 1), np.arccos(-np.ones((), xi.dtype))
    return (xi * (pi - np.arccos(xi)) + np.sqrt(1 - xi * xi)) / pi


def scikit_learn(ridge: float) -> Solve:
    """Give the Gram matrix precomputed: a callable would be asked for one entry at a time."""
    from sklearn.kernel_ridge import KernelRidge

    def solve(X: Array, y: Array, X_test: Array) -> tuple[Array, Array]:
        model = KernelRidge(alpha=ridge, kernel="precomputed").fit(numpy_gram(X, X), y)
        return model.dual_coef_, model.predict(numpy_gram(X_test, X))

    return solve


def torch_lu(ridge: float) -> Solve:
    import torch

    return plain_torch(ridge, torch.linalg.solve)


def torch_cholesky(ridge: float) -> Solve:
    import torch

    return plain_torch(ridge, lambda K, y: torch.cholesky_solve(y, torch.linalg.cholesky(K)))


def gpytorch_solve(ridge: float) -> Solve:
    """Solve as GPyTorch's exact GP does for its posterior mean, by default: with conjugate gradients.

    It takes all outputs as columns of one system; the model itself would make a batch of them, each with a Gram matrix.
    """
    import gpytorch
    import torch
    from linear_operator import to_linear_operator

    def conjugate_gradients(K: Any, y: Any) -> Any:
        # Kept apart from K, the ridge lets the preconditioner be made.
        covariance = to_linear_operator(K).add_diagonal(torch.tensor(ridge, dtype=K.dtype))
        with gpytorch.settings.cg_tolerance(gpytorch.settings.eval_cg_tolerance.value()):
            return covariance.solve(y)

    return plain_torch(0, conjugate_gradients)


def plain_torch(ridge: float, solve_system: Callable[[Any, Any], Any]) -> Solve:
    import torch

    def gram(X: Any, Z: Any) -> Any:
        unit = torch.nn.functional.normalize
        xi = (unit(X) @ unit(Z).T).clamp(-1, 1)
        return (xi * (torch.pi - xi.arccos()) + (1 - xi * xi).sqrt()) / torch.pi

    def solve(*arrays: Array) -> tuple[Array, Array]:
        X, y, X_test = map(torch.from_numpy, arrays)
        K = gram(X, X)
        K.diagonal().add_(ridge)
        a = solve_system(K, y)
        return a.numpy(), (gram(X_test, X) @ a).numpy()

    return solve


def torch_in_place(ridge: float) -> Solve:
    """Do with torch what can be done with care: one square, in which the kernel and then the factor are computed."""
    import torch

    def gram(X: Any, Z: Any) -> Any:
        K = X @ Z.T
        for block in K.split(max(1, 2**22 // len(Z))):
            xi = block.clamp_(-1, 1).clone()
            block.arccos_().neg_().add_(torch.pi).mul_(xi)
            block.add_(xi.square_().neg_().add_(1).sqrt_()).div_(torch.pi)
        return K

    def solve(*arrays: Array) -> tuple[Array, Array]:
        X, y, X_test = map(torch.from_numpy, arrays)
        X, X_test = (torch.nn.functional.normalize(rows) for rows in (X, X_test))
        K = gram(X, X)
        K.diagonal().add_(ridge)
        # The transpose of K is K, in the order of memory that LAPACK wants: anything else makes torch copy.
        L = torch.linalg.cholesky(K.mT, out=K.mT)
        half = torch.linalg.solve_triangular(L, y, upper=False)
        a = torch.linalg.solve_triangular(L.mT, half, upper=True)
        predictions = torch.cat([gram(rows, X) @ a for rows in X_test.split(256)])
        return a.numpy(), predictions.numpy()

    return solve


@dataclass(frozen=True)
class Route:
    """A way to solve the problem.

    Attributes:
        prepare: a function of the ridge that imports the packages and returns what is timed.
        squares: how many n x n matrices of the route's precision there are at its peak of memory, about.
    """

    prepare: Callable[[float], Solve]
    squares: float


ROUTES = {
    ("ours", "double"): Route(partial(ours, precision="double"), 0.5),
    ("ours", "single"): Route(partial(ours, precision="single"), 0.5),
    **{("ours, refined", name): Route(partial(ours, precision=name, refine=True), 0.5) for name in DTYPES},
    **{("ours, GPU", precision): Route(partial(ours_on_gpu, precision=precision), 0) for precision in DTYPES},
    **{
        (name, precision): Route(prepare, squares)
        for name, prepare, squares in (
            ("torch.linalg.cholesky in place", torch_in_place, 1),
            ("torch.cholesky_solve", torch_cholesky, 3),
            ("torch.linalg.solve", torch_lu, 3),
            ("scikit-learn KernelRidge", scikit_learn, 3),
            ("GPyTorch", gpytorch_solve, 3),
        )
        for precision in DTYPES
    },
    ("numpy.linalg.solve", "double"): Route(numpy_solve, 3),
    ("numpy.linalg.solve", "single"): Route(numpy_solve, 4),
}
# The predictions of the first of these that ended are what the others are compared with.
REFERENCES = [("numpy.linalg.solve", "double"), ("ours", "double")]
EXTRA = {"GPyTorch": "gpytorch"}


def needed(route: tuple[str, str], case: dict[str, Any]) -> float:
    """Return the bytes that a route needs at its peak: its squares, the samples, and the samples with unit rows."""
    n, rows, d = case["n"], case["n"] + case["n_test"], case["d"]
    return float(np.dtype(DTYPES[route[1]]).itemsize * (ROUTES[route].squares * n**2 + 2 * rows * d))


# The jobs, each in a process of its own.


def clocks() -> Array:
    """Return the seconds on the wall, and those of all threads and children of this process on the cores."""
    return np.array([time.perf_counter(), sum(os.times()[:4])])


def resident(line: str) -> int:
    """Return the bytes that Linux notes for this process: VmRSS, those resident now, or VmHWM, the most ever.

    `resource.getrusage` would not do: there a process inherits the peak of the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"^{line}:\s+(\d+) kB$", status, flags=re.MULTILINE)
    if not found:
        raise InputError("/proc/self/status does not tell the memory of a process: this benchmark needs Linux")
    return int(found[1]) * 1024


def file_name(route: tuple[str, str]) -> str:
    return re.sub(r"\W+", "_", " ".join(route)) + ".npz"


def route_job(route: tuple[str, str], folder: Path) -> dict[str, Any]:
    solve = ROUTES[route].prepare(read_case(folder)["ridge"])
    before = resident("VmRSS")
    data = [np.load(folder / f"{name}.npy").astype(DTYPES[route[1]], copy=False) for name in ("X", "y", "X_test")]
    start = clocks()
    a, predictions = solve(*data)
    wall, cpu = clocks() - start
    peak = resident("VmHWM") - before
    np.savez(folder / file_name(route), a=a, predictions=predictions)
    return {"wall": wall, "cpu": cpu, "peak": peak}


def residuals_job(folder: Path) -> dict[str, Any]:
    """Return the relative residual of each route that ended, estimated from some rows of the Gram matrix.

    They are computed in extended precision, and not by the package's kernels: without a ridge, what a product in
    float64 loses is as large as the residuals.
    """
    case = read_case(folder)
    X, y = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("X", "y"))
    n = len(X)
    rows = np.sort(generator(0, "residuals").choice(n, min(n, RESIDUAL_ROWS), replace=False))
    ended = {" ".join(route): file_name(route) for route in ROUTES if (folder / file_name(route)).exists()}
    if not ended:
        return {}
    a = np.concatenate([np.load(folder / name)["a"] for name in ended.values()], axis=1).astype(np.longdouble)
    A = unit_rows(X[rows].astype(np.longdouble))
    difference = case["ridge"] * a[rows] - np.tile(y[rows], len(ended))
    for start in range(0, n, 1000):
        block = slice(start, start + 1000)
        difference += numpy_relu(A @ unit_rows(X[block].astype(np.longdouble)).T) @ a[block]
    squares = np.sum(difference.reshape(len(rows), len(ended), -1) ** 2, axis=(0, 2)) * (n / len(rows))
    norms = np.sqrt(squares.astype(np.float64)) / np.linalg.norm(y)
    return dict(zip(ended, norms.tolist(), strict=True))


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
    """Measure the matrix products and the factorisation of this size, with one thread and with all."""
    case = read_case(folder)
    n, d = min(case["n"], RATE_ROWS), case["d"]
    m = min(case["n_test"], n)
    operations = {"gemm": 2 * m * n * d, "syrk": n**2 * d, "potrf": n**3 / 3}
    rows = []
    for precision, dtype in DTYPES.items():
        X = np.load(folder / "X.npy", mmap_mode="r")[:n].astype(dtype)
        K = np.empty((n, n), dtype)
        for threads in sorted({1, os.cpu_count() or 1}):
            for operation, call in LIBRARIES[library](X, K, m, threads).items():
                K.fill(0.5)  # for the factorisation: a positive definite matrix, with ones on its diagonal
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


def read_case(folder: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return case


JOBS: dict[str, Job] = {
    **{" ".join(route): partial(route_job, route) for route in ROUTES},
    **{f"rates of {library}": partial(rates_job, library) for library in LIBRARIES},
    "residuals": residuals_job,
}


# The program that starts them and makes the table.


def in_own_process(job: str, folder: Path) -> dict[str, Any]:
    """Return what a job returns, or, under "died", why it did not."""
    command = [sys.executable, __file__, "--job", job, "--data", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        error = re.search(r"^error: (.*)$", ended.stderr, flags=re.MULTILINE)
        killed = f"killed by {signal.Signals(-ended.returncode).name}" if ended.returncode < 0 else "it failed"
        died = error[1] if error else killed
        print(f"{job}: {died}", file=sys.stderr)
        return {"died": died}
    sys.stderr.write(ended.stderr)
    returned: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return returned


def obstacle(route: tuple[str, str], case: dict[str, Any]) -> str | None:
    """Return why a route need not even be started, if so."""
    if "GPU" in route[0] and not has_gpu():
        return "not run: PyTorch sees no GPU here"
    package = EXTRA.get(route[0])
    if package and not importlib.util.find_spec(package):
        return f"{package} is not installed: python -m pip install --editable '.[benchmarks]'"
    needs, available = needed(route, case), available_memory()
    if needs > SHARE * available:
        free = f"{SHARE:.0%} of the {available / GIB:.1f} GiB free"
        return f"not run: it needs about {needs / GIB:.1f} GiB, more than {free}"
    return None


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def samples(arguments: argparse.Namespace) -> tuple[Array, Array, Array, Array, str]:
    """Return X (n, d), labels (n,), X_test (m, d), its labels, in numbers that both precisions hold, and what it is."""
    folder = arguments.project / "data/cifar10" / FOLDER
    n, n_test = arguments.n, arguments.n_test
    if not folder.is_dir():
        rng = generator(arguments.seed, "benchmark")
        X, X_test = (rng.standard_normal((rows, N_FEATURES), dtype=np.float32) for rows in (n, n_test))
        teacher = rng.standard_normal((N_FEATURES, N_CLASSES), dtype=np.float32)
        labels, labels_test = (np.argmax(rows @ teacher, axis=1) for rows in (X, X_test))
        what = "Gaussian rows"
        print(f"{folder} is not there: taking {what}; for images, `snakemake --cores 2 cifar10` first", file=sys.stderr)
    else:
        train, test = (
            {key: np.concatenate([batch[key] for batch in batches]) for key in ("data", "labels")}
            for batches in ([read_batch(folder / name) for name in names] for names in (TRAIN_BATCHES, TEST_BATCHES))
        )
        if len(train["data"]) < n or len(test["data"]) < n_test:
            raise InputError(
                f"{folder} holds {len(train['data']):,} training and {len(test['data']):,} test images, of which {n:,} "
                f"and {n_test:,} are asked for: give a smaller --n or --n-test"
            )
        X, X_test = train["data"][:n].astype(np.float32), test["data"][:n_test].astype(np.float32)
        labels, labels_test = train["labels"][:n], test["labels"][:n_test]
        provenance = arguments.project / "results/cifar10/provenance.json"
        what = json.loads(provenance.read_text(encoding="utf-8"))["label"]
    return X, labels, X_test, labels_test, what


def measure(arguments: argparse.Namespace, case: dict[str, Any], folder: Path) -> tuple[pd.DataFrame, ...]:
    """Return the rates, the runs (round, route, precision, wall, cpu, peak), and why some routes did not end."""
    rates, runs = [], []
    notes: dict[tuple[str, str], str] = {}
    for number in range(1, arguments.rounds + 1):
        for library in LIBRARIES:
            print(f"round {number}: rates of {library}", file=sys.stderr)
            measured = in_own_process(f"rates of {library}", folder)
            if "died" in measured:
                raise InputError(f"the rates of {library} could not be measured: {measured['died']}")
            rates += measured["rates"]
        for route in ROUTES:
            if not {route[0], " ".join(route)} & set(arguments.routes) or route in notes:
                continue
            print(f"round {number}: {' '.join(route)}, about {needed(route, case) / GIB:.2g} GiB", file=sys.stderr)
            why_not = obstacle(route, case)
            outcome = {"died": why_not} if why_not else in_own_process(" ".join(route), folder)
            if "died" in outcome:
                notes[route] = outcome["died"]
                print(outcome["died"], file=sys.stderr)
            else:
                runs.append({"round": number, "route": route[0], "precision": route[1], **outcome})
    columns = ["round", "route", "precision", "wall", "cpu", "peak"]
    reasons = [{"route": name, "precision": precision, "note": note} for (name, precision), note in notes.items()]
    return (
        pd.DataFrame(rates),
        pd.DataFrame(runs, columns=columns),
        pd.DataFrame(reasons, columns=["route", "precision", "note"]),
    )


def limits(rates: pd.DataFrame, case: dict[str, Any]) -> pd.DataFrame:
    """Return the seconds that the arithmetic alone takes at the best rate measured for each part of it.

    With n training rows, m test rows, d columns and p outputs these are n^2 d operations for the symmetric half of the
    Gram matrix (syrk), n^3 / 3 for the Cholesky factor (potrf), 2 n^2 p for the two substitutions and 2 m n (d + p) for
    the predictions (gemm). The kernel's elementwise functions and all reading and writing are left out, so that nothing
    reaches it. The best is taken over libraries, threads and rounds, for the wall and for the cores by itself. The
    memory is that of the lower triangle and the samples.
    """
    n, m, d, p = case["n"], case["n_test"], case["d"], case["outputs"]
    operations = {"syrk": n**2 * d, "potrf": n**3 / 3, "gemm": 2 * n**2 * p + 2 * m * n * (d + p)}
    rows = []
    for precision, dtype in DTYPES.items():
        best = rates[rates["precision"] == precision].groupby("operation")[["wall_gflops", "cpu_gflops"]].max()
        seconds = {
            clock: sum(count / best[f"{clock}_gflops"][operation] for operation, count in operations.items()) / 1e9
            for clock in ("wall", "cpu")
        }
        memory = np.dtype(dtype).itemsize * (n * (n + 1) / 2 + (n + m) * d)
        rows.append({"route": "limit", "precision": precision, **seconds, "peak": memory})
    return pd.DataFrame(rows)


def judged(folder: Path, labels_test: Array) -> tuple[dict[str, float], dict[str, float], str]:
    """Return the relative error and the accuracy of each route's predictions, and whose they are compared with."""
    predictions = {
        route: np.load(folder / file_name(route))["predictions"].astype(np.float64)
        for route in ROUTES
        if (folder / file_name(route)).exists()
    }
    reference = next((route for route in REFERENCES if route in predictions), None)
    if not reference:
        return {}, {}, "nothing"
    right = predictions[reference]
    size = np.linalg.norm(right)
    errors = {" ".join(route): float(np.linalg.norm(found - right) / size) for route, found in predictions.items()}
    hits = {" ".join(route): float(np.mean(found.argmax(1) == labels_test)) for route, found in predictions.items()}
    return errors, hits, " ".join(reference)


def summary(runs: pd.DataFrame, limit: pd.DataFrame) -> pd.DataFrame:
    """Return one row a route: median and range over the rounds, times the limit, and, round by round, times ours."""
    runs = pd.concat([limit.assign(round=1), runs], ignore_index=True)
    keys = ["round", "precision"]
    of_ours = runs[runs["route"] == "ours"].set_index(keys)[["wall", "cpu"]].add_suffix("_of_ours")
    of_limit = limit.set_index("precision")[["wall", "cpu"]].add_suffix("_of_limit")
    runs = runs.join(of_ours, on=keys).join(of_limit, on="precision")
    for clock in ("wall", "cpu"):
        runs[f"{clock}_over_ours"] = runs[clock] / runs[f"{clock}_of_ours"]
    groups = runs.groupby(["route", "precision"], sort=False)
    columns = {"peak_gib": groups["peak"].max() / GIB}
    for clock in ("wall", "cpu"):
        columns[f"{clock}_seconds"] = groups[clock].median()
        columns[f"{clock}_seconds_low"] = groups[clock].min()
        columns[f"{clock}_seconds_high"] = groups[clock].max()
        columns[f"{clock}_over_limit"] = groups[clock].median() / groups[f"{clock}_of_limit"].first()
        columns[f"{clock}_over_ours"] = groups[f"{clock}_over_ours"].median()
        columns[f"{clock}_over_ours_low"] = groups[f"{clock}_over_ours"].min()
        columns[f"{clock}_over_ours_high"] = groups[f"{clock}_over_ours"].max()
    return pd.DataFrame(columns).reset_index()


def markdown(table: pd.DataFrame) -> str:
    """Return the table for the README; a route that did not end has its reason instead of its seconds."""
    lines = [
        "| route | precision | wall, s | CPU, s | CPU over limit | wall over ours | peak, GiB | error | residual "
        "| accuracy |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        if isinstance(row["note"], str):
            cells = [row["note"], *[""] * 7]
        else:
            low, high = row["wall_over_ours_low"], row["wall_over_ours_high"]
            cells = [
                f"{row['wall_seconds']:.3g}",
                f"{row['cpu_seconds']:.3g}",
                f"{row['cpu_over_limit']:.2f}",
                f"{row['wall_over_ours']:.2f} ({low:.2f} to {high:.2f})",
                f"{row['peak_gib']:.3g}",
                f"{row['prediction_error']:.0e}",
                f"{row['residual']:.1e}",
                f"{row['accuracy']:.1%}",
            ]
        lines.append("| " + " | ".join([row["route"], row["precision"], *cells]) + " |")
    return re.sub(r"\bnan(%| \(nan to nan\))?", "", "\n".join(lines))


def versions() -> str:
    packages = ["numpy", "scipy", "scikit-learn", "torch"]
    packages += [package for package in EXTRA.values() if importlib.util.find_spec(package)]
    return ", ".join(f"{package} {version(package)}" for package in packages)


def compare(arguments: argparse.Namespace) -> None:
    X, labels, X_test, labels_test, what = samples(arguments)
    y = np.eye(N_CLASSES, dtype=np.float32)[labels]
    case = {"n": len(X), "n_test": len(X_test), "d": X.shape[1], "outputs": y.shape[1], "ridge": arguments.ridge}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_json(case, folder / "case.json")
        for name, array in {"X": X, "y": y, "X_test": X_test}.items():
            np.save(folder / f"{name}.npy", array)
        del X, y, X_test, array
        rates, runs, notes = measure(arguments, case, folder)
        print("residuals", file=sys.stderr)
        residuals = in_own_process("residuals", folder)
        errors, accuracies, reference = judged(folder, labels_test)
    table = summary(runs, limits(rates, case)).merge(notes, on=["route", "precision"], how="outer")
    names = table["route"] + " " + table["precision"]
    columns = {"prediction_error": errors, "residual": residuals, "accuracy": accuracies}
    table = table.assign(**{column: names.map(values) for column, values in columns.items()})
    order = ["limit", *dict.fromkeys(route for route, _ in ROUTES)]
    table = table.sort_values("route", key=lambda routes: routes.map(order.index), kind="stable")
    print(
        f"{case['n']:,} training and {case['n_test']:,} test rows of {case['d']:,} columns ({what}), "
        f"{case['outputs']} outputs, ridge {case['ridge']}, rounds: {arguments.rounds}, on {os.cpu_count()} cores of "
        f"{platform.machine()}; errors of the predictions against {reference}; {versions()}"
    )
    print(rates.to_csv(index=False, float_format="%.3g"))
    print(table.to_csv(index=False, float_format="%.3g"))
    print(markdown(table))


def main(arguments: argparse.Namespace) -> None:
    if arguments.job:
        print(json.dumps(JOBS[arguments.job](arguments.data)))
    else:
        compare(arguments)


if __name__ == "__main__":
    names = list(dict.fromkeys(name for route, precision in ROUTES for name in (route, f"{route} {precision}")))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="the folder whose CIFAR-10 images are taken")
    parser.add_argument("--n", type=int, default=10_000, help="training samples")
    parser.add_argument("--n-test", type=int, default=2_000, help="test samples")
    parser.add_argument("--ridge", type=float, default=1e-2, help="what is added to the diagonal of the Gram matrix")
    parser.add_argument("--rounds", type=int, default=3, help="times that each route takes its turn")
    parser.add_argument(
        "--routes",
        nargs="+",
        choices=names,
        default=names,
        metavar="ROUTE",
        help="of the table, with its precision or without",
    )
    parser.add_argument("--seed", type=int, default=88, help="seed of the rows that stand in for missing images")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)  # with these two it starts its own processes
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    run(parser, main)
