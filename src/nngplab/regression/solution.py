"""The solution of the linear system of kernel regression, on the CPU or a GPU."""

import math
import sys
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from nngplab.errors import InputError
from nngplab.kernels.acceleration import compiler_version
from nngplab.kernels.objects import as_kernel
from nngplab.pipeline.progress import Progress
from nngplab.regression import memory, singular
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.digests import digest, kernel_digest
from nngplab.regression.linear_system import Factor, LinearSystem
from nngplab.regression.memory import PRECISIONS
from nngplab.regression.posterior import log_marginal_likelihood
from nngplab.regression.refinement import refine
from nngplab.regression.storage import FactorFile
from nngplab.regression.training_set import shape_for_memory
from nngplab.regression.warning import warn

if TYPE_CHECKING:
    import torch

    from nngplab.regression.estimator import KernelRegression

Array = npt.NDArray[Any]

# The bytes of all factors of a fit that keep_factor="auto" keeps: 128 MiB.
KEPT_UP_TO = 2**27

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left"


class Solution(NamedTuple):
    """The solution of a linear system.

    Attributes:
        a: the coefficients (n, outputs) in float64.
        residual: their relative residual.
        error_bound: a bound on the error of any prediction at an x with k(x, x) = 1; infinite if a ridge is 0.
        inverse_diagonal: the diagonal of (K + ridge I)^-1 for each output (n, outputs); None if it is not asked for.
        log_marginal_likelihood: see `nngplab.regression.posterior`; None where the matrix is singular.
        factors: the factor of each distinct ridge, in ascending order; empty if they are not kept.
    """

    a: Array
    residual: float
    error_bound: float
    inverse_diagonal: Array | None
    log_marginal_likelihood: float | None
    factors: list[Factor]


def new_tile_cache(model: "KernelRegression", X: Any, factors: int) -> dict[tuple[int, int], Array] | None:
    """Return an empty cache of tiles if the memory of one process suffices for one more triangle than the factors."""
    if model.solver == "scalapack":
        return None
    n, d = shape_for_memory(X)
    triangle = memory.triangle_bytes(n, np.dtype(PRECISIONS[model.precision]).itemsize)
    more = factors if model.keep_factor is True else 1
    needed = memory.memory_needed(n, d, model.precision, model.loo) + more * triangle
    return {} if needed <= memory.available_memory() else None


def linear_system(
    model: "KernelRegression", X: Any, y: Array, kept: Array | None, factors: int, gpu: "torch.device | None"
) -> LinearSystem:
    """Return the linear system of samples X (n, d) and targets y (n, outputs), without a ridge.

    Args:
        model: the estimator, for its parameters.
        X: the samples.
        y: the targets in float64.
        kept: the places of the samples in the Gram matrix of "precomputed"; None if all of it is used.
        factors: how many factors there will be.
        gpu: where to solve it; None for the CPU.

    Raises:
        InputError: if the memory does not suffice.
    """
    kernel, dtype, (n, d) = as_kernel(model.kernel), PRECISIONS[model.precision], shape_for_memory(X)
    grid = None
    if model.solver == "scalapack":
        from nngplab.regression.scalapack import ScalapackLinearSystem, checked_grid

        grid = checked_grid(model, n, d, X.dtype.itemsize)
    elif gpu is None:
        at_once = factors if model.keep_factor is True else 1
        memory.check_memory(n, d, model.precision, model.loo, X.dtype.itemsize, at_once, model.storage is not None)
    else:
        from nngplab.regression.gpu import GpuLinearSystem, check_memory

        check_memory(n, d, dtype, gpu)
    rows = kernel.rows(X.astype(dtype, copy=False))
    if rows.index is not None and kept is not None:
        rows = replace(rows, index=kept)
    if grid is not None:
        return ScalapackLinearSystem(kernel, X, rows, y, 0.0, grid=grid)
    if gpu is None:
        return LinearSystem(kernel, X, rows, y, 0.0)
    return GpuLinearSystem(kernel, X, rows, y, 0.0, device=gpu)


def solve(system: LinearSystem, ridges: Array, model: "KernelRegression", factors: int) -> Solution:
    """Return the solution of a system, by a factorisation for each distinct ridge.

    Args:
        system: the system, without a ridge.
        ridges: the ridge of each output (outputs,).
        model: the estimator, for its parameters.
        factors: how many factors there are to keep, with those of other fits.
    """
    distinct = np.unique(ridges)
    if len(distinct) == 1:
        return _solution(replace(system, ridge=float(ridges[0])), model.storage, model, factors)
    a, diagonal, squares, bound = np.empty_like(system.y), np.empty_like(system.y), 0.0, 0.0
    kept: list[Factor] = []
    likelihoods: list[float | None] = []
    for ridge in map(float, distinct):
        chosen = ridges == ridge
        part = replace(system, ridge=ridge, y=np.ascontiguousarray(system.y[:, chosen]))
        found = _solution(part, model.storage and f"{model.storage}_{ridge!r}", model, factors)
        a[:, chosen], diagonal[:, chosen] = found.a, 0 if found.inverse_diagonal is None else found.inverse_diagonal
        squares += (found.residual * (float(np.linalg.norm(part.y)) or 1)) ** 2
        bound = max(bound, found.error_bound)
        kept += found.factors
        likelihoods.append(found.log_marginal_likelihood)
    residual = float(np.sqrt(squares)) / (float(np.linalg.norm(system.y)) or 1)
    defined = [likelihood for likelihood in likelihoods if likelihood is not None]
    likelihood = sum(defined) if len(defined) == len(distinct) else None
    return Solution(a, residual, bound, diagonal if model.loo else None, likelihood, kept)


def _solution(
    system: LinearSystem, storage: str | PathLike[str] | None, model: "KernelRegression", factors: int
) -> Solution:
    """Return the solution of a system with one ridge; an interrupt leaves the file of its factor."""
    file = _factor_file(system, storage, model.precision)
    if file is None:
        return _solution_with(system, None, model, factors)
    keep = True
    try:
        found = _solution_with(system, file, model, factors)
        keep = bool(found.factors)
    except NotPositiveDefiniteError:
        keep = False
        raise
    finally:
        file.close(keep)
    return found


def _solution_with(system: LinearSystem, file: FactorFile | None, model: "KernelRegression", factors: int) -> Solution:
    n, diagonal, likelihood, kept = len(system.y), None, None, []
    try:
        factor = _factor(system, file, model.verbose)
    except NotPositiveDefiniteError as failure:
        if n > singular.EIGENVECTORS_UP_TO or model.loo or model.solver == "scalapack":
            raise singular.not_positive_definite(system, failure) from failure
        a = singular.least_norm_solution(system, failure)
        residual = system.residual(a)
    else:
        a = factor.solve(system.y).astype(np.float64, copy=False)
        if model.refine:
            a, residual = refine(system, factor, a, model.tol)
        else:
            residual = system.residual(a)
        if model.loo:
            diagonal = np.broadcast_to(factor.inverse_diagonal()[:, np.newaxis], a.shape)
        likelihood = log_marginal_likelihood(system, a, factor)
        small = file is None and model.solver == "tiled" and factors * factor.nbytes <= KEPT_UP_TO
        if model.keep_factor is True or (model.keep_factor == "auto" and small):
            kept = [factor]
    if model.refine and residual > model.tol:
        warn(
            f"the relative residual stays at {residual:.3g}, and tol is {model.tol:.3g}: raise tol, set a larger "
            "ridge, or take double precision",
            ConvergenceWarning,
        )
    # The function sum_i delta_i k(x_i, .) with delta = (K + ridge I)^-1 r is the error. By the eigenvalues s of K, its
    # norm is at most |r| max sqrt(s) / (s + ridge), which is largest for s = ridge.
    r = residual * float(np.linalg.norm(system.y))
    bound = r / (2 * math.sqrt(system.ridge)) if system.ridge > 0 else math.inf
    return Solution(a, residual, bound, diagonal, likelihood, kept)


def _factor(system: LinearSystem, file: FactorFile | None, verbose: bool) -> Factor:
    """Return the factor of a system, and show the progress."""
    task = f"factorising {len(system.y):,} rows"
    with tqdm(total=1, desc=task, bar_format=_BAR, disable=not verbose) as bar:
        progress = Progress(1, f"{task}:")

        def advance(share: float) -> None:
            bar.update(share)
            progress.advance(share)

        return system.factorise(file, advance)


def _factor_file(system: LinearSystem, path: str | PathLike[str] | None, precision: str) -> FactorFile | None:
    if path is None:
        return None
    if type(system) is not LinearSystem:
        raise InputError("storage: a fit on a GPU keeps its factor there: leave it out, or set device to cpu")
    if sys.platform == "win32":
        raise InputError(
            "storage: it is not for Windows, which has no locks for it: leave it out, or use Linux or macOS"
        )
    settings = {
        "kernel": kernel_digest(system.kernel),
        "ridge": system.ridge,
        "shape": system.X.shape,
        "samples": digest(system.X, system.scales, system.rows.index),
        "versions": [np.__version__, scipy.__version__, compiler_version()],
    }
    return FactorFile(Path(path), len(system.y), PRECISIONS[precision], settings)
