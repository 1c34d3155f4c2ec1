"""Fits by ScaLAPACK in the processes of an MPI program.

mpiexec -n 4 python -m tests.helpers.mpi_fits FOLDER PROGRAM ...
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from nngplab.kernels.group import GroupAverage
from nngplab.kernels.objects import NNGP, Laplace
from nngplab.regression import scalapack, tiles
from nngplab.regression.estimator import KernelRegression

# Of each fit: the number of samples, the parameters, and whether the samples have weights.
FITS: dict[str, tuple[int, dict[str, Any], bool]] = {
    "uneven blocks": (70, {"ridge": 1e-3}, False),
    "fewer samples than a block": (5, {"ridge": 1e-3}, False),
    "fewer blocks than processes": (20, {"kernel": Laplace(3.0), "ridge": 0.0}, False),
    "weights": (70, {"ridge": 1e-3}, True),
    "two ridges": (40, {"ridge": [0.1, 0.2, 0.1]}, False),
    "refined": (70, {"ridge": 0.1, "precision": "single", "refine": True}, False),
    "sparse samples": (40, {"kernel": "linear", "ridge": 0.1}, False),
    "average over a group": (
        40,
        {"kernel": GroupAverage(NNGP("relu"), [range(6), range(6)[::-1]]), "ridge": 0.1},
        False,
    ),
}


def data(name: str) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return the samples, targets and weights of a fit; some weights are 0."""
    rng = np.random.default_rng(0)
    n, _, weighted = FITS[name]
    X, y, weights = rng.normal(size=(n, 6)), rng.normal(size=(n, 3)), rng.integers(0, 4, n).astype(float)
    return scipy.sparse.csr_array(X) if name.startswith("sparse") else X, y, weights if weighted else None


def fit(name: str, folder: Path, rank: int) -> None:
    """Save what a fit makes in this process."""
    model = KernelRegression(**FITS[name][1], solver="scalapack").fit(*data(name))
    found = {"coef": model.dual_coef_, "residual": model.residual_, "evidence": model.log_marginal_likelihood_}
    np.savez(folder / f"{name} {rank}.npz", **found, bound=model.error_bound_)


def fits(folder: Path, rank: int) -> None:
    """Save what all fits make, as on machines with different numbers of cores."""
    tiles.tile_size = lambda _: 16 * (rank + 1)
    for name in FITS:
        fit(name, folder, rank)
    X, y, _ = data("uneven blocks")
    path = KernelRegression("erf", solver="scalapack").ridge_path(X, y, [0.1, 1.0])
    np.save(folder / f"path {rank}.npy", [model.dual_coef_ for model in path])


def errors(folder: Path, rank: int) -> None:
    """Save the message of each fit that fails."""
    X, y, _ = data("uneven blocks")

    def of_one_process(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        if rank == 1:
            raise ValueError("not here")
        return A @ B.T

    def error_of(kernel: Any, X: np.ndarray = X, ridge: float = 0.1) -> str:
        try:
            KernelRegression(kernel, ridge, solver="scalapack").fit(X, np.resize(y, len(X)))
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "no error"

    found = {
        "negative": error_of(lambda A, B: -A @ B.T),
        "singular": error_of("linear", ridge=0.0),
        "one process": error_of(of_one_process),
        "other samples": error_of("relu", X + rank),
    }
    os.environ["SLURM_MEM_PER_NODE"] = "1"
    found["memory of the job"] = error_of("relu")
    del os.environ["SLURM_MEM_PER_NODE"]
    scalapack.available_memory = lambda: 1000
    found["memory of the machine"] = error_of("relu")
    scalapack.available_memory = lambda: 2**60
    found["integers"] = error_of("relu", np.zeros((100_000, 6)))
    (folder / f"errors {rank}.json").write_text(json.dumps(found))


def killed(folder: Path, rank: int) -> None:
    """Let a fit that follows kill one process, for which the other waits."""
    tile = scalapack.ScalapackLinearSystem.tile

    def last(self: Any, *arguments: Any) -> None:
        tile(self, *arguments)
        if rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    scalapack.ScalapackLinearSystem.tile = last


def limited(folder: Path, rank: int) -> None:
    """Fit 4,500 samples, whose matrix has 154 MiB, and save the size of the residual."""
    scalapack.BLOCK = 64
    X = np.random.default_rng(0).normal(size=(4_500, 6))
    model = KernelRegression("laplace", 0.1, solver="scalapack").fit(X, X[:, 0])
    (folder / f"residual {rank}").write_text(repr(model.residual_))


def large(folder: Path, rank: int) -> None:
    """Fit with integers of 64 bits, and use PyTorch, whose BLAS has the same names, afterwards."""
    scalapack.process_grid().load(2**31)
    fit("uneven blocks", folder, rank)
    import torch

    A = torch.arange(10_000.0, dtype=torch.float64).reshape(100, 100)
    np.savez(folder / "product.npz", torch=(A @ A).numpy(), numpy=A.numpy() @ A.numpy())


def beside_torch(folder: Path, rank: int) -> None:
    """Fit in several threads when PyTorch has loaded its OpenMP, and save the size of the residual."""
    importlib.import_module("torch")
    scalapack.BLOCK = 256
    X = np.random.default_rng(0).normal(size=(600, 6))
    model = KernelRegression("laplace", 0.1, solver="scalapack").fit(X, X[:, 0])
    (folder / f"residual {rank}").write_text(repr(model.residual_))


if __name__ == "__main__":
    scalapack.BLOCK = 16
    for program in sys.argv[2:]:
        {each.__name__: each for each in (fits, errors, killed, limited, large, beside_torch)}[program](
            Path(sys.argv[1]), scalapack.process_grid().comm.rank
        )
