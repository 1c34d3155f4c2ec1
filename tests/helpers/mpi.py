"""How the tests start programs of several processes."""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from nngplab.regression.estimator import KernelRegression
from tests.helpers.checkout import ROOT
from tests.helpers.mpi_fits import FITS, data

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
    # With more threads than cores, the processes, which wait busily, would keep each other from working.
    "OPENBLAS_NUM_THREADS": "1",
}


def why_no_mpi() -> str | None:
    """Return why there is no MPI for these programs, or None if there is one."""
    try:
        for package in ("mkl", "mpi4py", "mpich"):
            version(package)
    except PackageNotFoundError as error:
        return f"the package {error.name} is not installed: make mpi"
    return None if shutil.which("mpiexec") else "mpiexec is not installed: make mpi"


def command(folder: Path, *programs: str) -> list[str]:
    """Return the command of each process for programs of `tests.helpers.mpi_fits`, one after the other."""
    return [sys.executable, "-m", "tests.helpers.mpi_fits", str(folder), *programs]


def assert_same_as_tiled(folder: Path, name: str, rank: int) -> None:
    """Compare what a process has saved of a fit with the tiled solver."""
    found = np.load(folder / f"{name} {rank}.npz")
    X, y, weights = data(name)
    model = KernelRegression(**FITS[name][1]).fit(X, y, weights)
    expected = model.predict(X)
    coef, model.dual_coef_ = model.dual_coef_, found["coef"]
    assert np.abs(model.predict(X) - expected).max() <= 1e-9 * np.abs(expected).max()
    assert found["coef"].shape == coef.shape
    if np.isscalar(model.ridge):
        assert found["bound"] / found["residual"] == pytest.approx(model.error_bound_ / model.residual_)
    assert found["residual"] < 1e-10
    assert found["evidence"] == pytest.approx(
        model.log_marginal_likelihood_, rel=1e-5 if "precision" in FITS[name][1] else 1e-9
    )
