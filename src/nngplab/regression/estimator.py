"""Exact kernel regression up to the size of CIFAR-10, as an estimator of scikit-learn."""

import hashlib
import pickle
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import scipy
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from tqdm import tqdm

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel
from nngplab.kernels.dual import Dual
from nngplab.kernels.objects import Function, as_kernel
from nngplab.pipeline.devices import gpu_named
from nngplab.pipeline.progress import Progress
from nngplab.regression import memory, singular, tiles
from nngplab.regression.checkpoint import FactorCheckpoint
from nngplab.regression.cholesky import NotPositiveDefiniteError
from nngplab.regression.linear_system import LinearSystem
from nngplab.regression.memory import PRECISIONS
from nngplab.regression.products import gram_product
from nngplab.regression.refinement import refine

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left"


class KernelRegression(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Kernel regression by a direct solve: f(x) = k(x, X) (K + ridge I)^-1 y, where K is the Gram matrix of X.

    With a ridge of 0 it fits the data exactly, and is the predictor of least norm that does so (Problem 11).
    Where K + ridge I is singular in the working precision (samples that a kernel cannot tell apart, or more samples
    than it has features) and has up to `EIGENVECTORS_UP_TO` rows, `fit` warns and takes the limit of a ridge that goes
    to 0 instead: the least-squares solution of least norm.

    K is computed in tiles and factorised in place, so that the memory is that of its lower triangle (see
    `nngplab.regression.cholesky`, and `memory_needed`). The threads are those that BLAS may use: all cores, or what
    OPENBLAS_NUM_THREADS or `threadpoolctl` says. Each of them holds BLAS to one core, so that the results do not depend
    on their number, to the last bit. This limit is one of the process: a number of threads that is set elsewhere during
    a fit takes effect, and the last digits may then differ.

    Args:
        kernel: a kernel object (`nngplab.kernels`), or a short form of one (`nngplab.kernels.objects.as_kernel`):
            "relu", "sine", "erf" or another name in `nngplab.duals.DUALS` for its normalised NNGP kernel, "laplace",
            "linear", or a function of X (n, d) and Z (m, d) that returns their Gram matrix (n, m).
        ridge: what is added to the diagonal of the Gram matrix.
        precision: that of the Gram matrix and its factor, and of that for predictions: "double", or "single", which
            takes half of the memory and of the time; `residual_` says what it costs.
        refine: bring the solution to a relative residual of `tol`, in float64: by a step of iterative refinement, which
            computes the Gram matrix once more, and, where that is not enough, by conjugate gradients with the factor as
            preconditioner, which do so in each step. Predictions are then in float64 too.
        tol: the relative residual that `refine` aims at.
        loo: compute `loo_residuals_`, which takes about as long as the factorisation.
        checkpoint: a file for the finished part of the factor, from which a fit that was killed continues; it is
            removed at the end. Not for a `Function`, whose name does not say what it computes, and not on a GPU.
        verbose: show the progress of the factorisation, with the remaining time, on the standard error stream.
        device: "cpu"; "cuda", a GPU, which keeps the whole Gram matrix in its memory, and takes all kernels but a
            `Function` and duals from a table; or "auto", a GPU where there is one. On a GPU, the last digits differ
            from those of the CPU.

    Attributes:
        dual_coef_: the solution of (K + ridge I) a = y, of the shape of y, in float64.
        residual_: |(K + ridge I) a - y| / |y|, in float64 whatever the precision, with K computed anew; beyond
            `EXACT_RESIDUAL_UP_TO` rows estimated from `RESIDUAL_ROWS` of them, spread evenly, unless a GPU or the
            conjugate gradients of `refine` have all.
        loo_residuals_: y minus the prediction of the model fitted without that sample, of the shape of y; with `loo`.
        X_fit_: the training samples.
        n_features_in_: their number of columns.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(20, 5))
    >>> model = KernelRegression("relu").fit(X, X[:, 0])
    >>> np.allclose(model.predict(X), X[:, 0])
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "kernel": "no_validation",  # `as_kernel` does it
        "ridge": [Interval(Real, 0, None, closed="left")],
        "precision": [StrOptions(set(PRECISIONS))],
        "refine": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "loo": ["boolean"],
        "checkpoint": [str, PathLike, None],
        "verbose": ["verbose"],
        "device": [str],
    }

    def __init__(
        self,
        kernel: str | Dual | Kernel | Callable[[Array, Array], Array] = "relu",
        ridge: float = 0.0,
        precision: str = "double",
        refine: bool = False,
        tol: float = 1e-10,
        loo: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        verbose: bool = False,
        device: str = "cpu",
    ) -> None:
        self.kernel = kernel
        self.ridge = ridge
        self.precision = precision
        self.refine = refine
        self.tol = tol
        self.loo = loo
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.device = device

    def fit(self, X: Array, y: Array) -> Self:
        """Solve for the samples X (n, d) and the targets y, (n,) or (n, outputs).

        X of float32 is kept so; with "single", no other copy is then made.

        Warns:
            ConvergenceWarning: if `refine` does not reach `tol`.
            LinAlgWarning: if the solution is that of least norm.

        Raises:
            InputError: for a wrong parameter, a kernel that does not return finite numbers, a device that is not there,
                or if the memory does not suffice.
            NotPositiveDefiniteError: an InputError for a Gram matrix with negative eigenvalues, or a singular one of
                more than `EIGENVECTORS_UP_TO` rows.
        """
        self._check_parameters()
        self.__dict__.pop("dual_coef_", None)  # a fit that fails leaves the model unfitted
        return self._solve(*self._system(X, y))

    def predict(self, X: Array) -> Array:
        """Return the predictions for the rows of X (m, d), of shape (m,) or (m, outputs)."""
        check_is_fitted(self, "dual_coef_")
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        coef = self.dual_coef_.reshape(len(self.X_fit_), -1)
        return _gram_product(self, X, coef).reshape(len(X), *self.dual_coef_.shape[1:])

    def ridge_path(self, X: Array, y: Array, ridges: Iterable[float]) -> Iterator[Self]:
        """Yield this model, fitted with one ridge after another: a factorisation for each, one Gram matrix for all.

        For several ridges the tiles of the Gram matrix are kept where the memory suffices for a second triangle.
        Otherwise, and on a GPU, they are computed each time, which takes about 3 d / n of the time of a factorisation.
        Each ridge has a checkpoint of its own, whose name ends in the ridge.

        Raises:
            InputError: as `fit`.
        """
        self._check_parameters()
        (n, d), ridges = check_array(X, dtype=[np.float64, np.float32]).shape, list(ridges)
        triangle = memory.triangle_bytes(n, np.dtype(PRECISIONS[self.precision]).itemsize)
        needed = memory.memory_needed(n, d, self.precision, self.loo) + triangle
        keep = len(ridges) > 1 and needed <= memory.available_memory()
        tile_cache: dict[tuple[int, int], Array] | None = {} if keep else None
        for ridge in ridges:
            fitted = clone(self).set_params(ridge=ridge)
            fitted._check_parameters()
            if self.checkpoint is not None:
                fitted.checkpoint = f"{self.checkpoint}_{float(ridge)!r}"
            system, shape = fitted._system(X, y)
            yield fitted._solve(replace(system, tile_cache=tile_cache), shape)

    def _check_parameters(self) -> None:
        try:
            self._validate_params()
        except InvalidParameterError as error:
            raise InputError(str(error)) from None
        except TypeError as error:  # for numbers without a NaN, such as fractions
            raise InputError(f"a parameter of {' '.join(repr(self).split())} is of a wrong type: {error}") from None

    @tiles.one_blas_thread()
    def _system(self, X: Array, y: Array) -> tuple[LinearSystem, tuple[int, ...]]:
        """Return the linear system, and the shape of the targets."""
        kernel, gpu = as_kernel(self.kernel), gpu_of(self.device)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True)
        dtype, (n, d) = PRECISIONS[self.precision], X.shape
        if gpu is None:
            memory.check_memory(n, d, self.precision, self.loo, X.dtype.itemsize)
        else:
            from nngplab.regression.gpu import GpuLinearSystem, check_memory

            check_memory(n, d, dtype, gpu)
        rows = kernel.rows(X.astype(dtype, copy=False))
        targets = y.astype(np.float64, copy=False).reshape(len(y), -1)
        if gpu is None:
            return LinearSystem(kernel, X, rows, targets, float(self.ridge)), y.shape
        return GpuLinearSystem(kernel, X, rows, targets, float(self.ridge), device=gpu), y.shape

    @tiles.one_blas_thread()
    @np.errstate(over="ignore", invalid="ignore")  # the solution is checked
    def _solve(self, system: LinearSystem, shape: tuple[int, ...]) -> Self:
        self.__dict__.pop("loo_residuals_", None)  # of an earlier fit, whose `loo` may have been another
        n = len(system.y)
        try:
            task = f"factorising {n:,} rows"
            with tqdm(total=1, desc=task, bar_format=_BAR, disable=not self.verbose) as bar:
                progress = Progress(1, f"{task}:")

                def advance(share: float) -> None:
                    bar.update(share)
                    progress.advance(share)

                factor = system.factorise(self._checkpoint(system), advance)
        except NotPositiveDefiniteError as failure:
            if n > singular.EIGENVECTORS_UP_TO or self.loo:
                raise singular.not_positive_definite(system, failure) from failure
            a = singular.least_norm_solution(system, failure)
            self.residual_ = system.residual(a)
        else:
            a = factor.solve(system.y).astype(np.float64, copy=False)
            if self.refine:
                a, self.residual_ = refine(system, factor, a, self.tol)
            else:
                self.residual_ = system.residual(a)
            if self.loo:
                self.loo_residuals_ = (a / factor.inverse_diagonal()[:, np.newaxis]).reshape(shape)
        if not (np.isfinite(a).all() and np.isfinite(self.residual_)):
            raise InputError(f"the solution overflows in {self.precision} precision: scale the targets")
        self.X_fit_, self.dual_coef_ = system.X, a.reshape(shape)
        if self.refine and self.residual_ > self.tol:
            warnings.warn(
                f"the relative residual stays at {self.residual_:.3g}, and tol is {self.tol:.3g}: raise tol, set a "
                "larger ridge, or take double precision",
                ConvergenceWarning,
                stacklevel=5,
            )
        return self

    def _checkpoint(self, system: LinearSystem) -> FactorCheckpoint | None:
        if self.checkpoint is None:
            return None
        if type(system) is not LinearSystem:
            raise InputError("checkpoint: a fit on a GPU keeps none: leave it out, or set device to cpu")
        settings = {
            "kernel": _fingerprint(system.kernel),
            "ridge": system.ridge,
            "precision": self.precision,
            "shape": system.X.shape,
            "tile": [tiles.tile_size(len(system.y)), tiles.BLOCK],
            "samples": hashlib.sha256(np.ascontiguousarray(system.X).tobytes()).hexdigest(),
            "versions": [np.__version__, scipy.__version__],
        }
        return FactorCheckpoint(Path(self.checkpoint), settings)


def predict_all(models: list[KernelRegression], X: Array) -> list[Array]:
    """Return the predictions of models that differ in their ridge alone (see `KernelRegression.ridge_path`).

    The Gram matrix of the rows of X (m, d) against the training samples is computed once for all.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(20, 5))
    >>> models = list(KernelRegression("relu").ridge_path(X, X[:, 0], [0.0, 0.1]))
    >>> [prediction.shape for prediction in predict_all(models, X[:3])]
    [(3,), (3,)]
    """
    coefs = [model.dual_coef_.reshape(len(model.X_fit_), -1) for model in models]
    product = _gram_product(models[0], X, np.hstack(coefs))
    edges = np.cumsum([coef.shape[1] for coef in coefs])[:-1]
    parts = np.split(product, edges, axis=1)
    return [part.reshape(len(X), *model.dual_coef_.shape[1:]) for part, model in zip(parts, models, strict=True)]


def _fingerprint(kernel: Kernel) -> str:
    """Return a digest of a kernel and its parameters, the same in each process."""
    if any(isinstance(value, Function) for value in [kernel, *kernel.get_params().values()]):
        raise InputError(f"checkpoint: kernel {kernel!r} is a function, whose name does not say what it computes")
    try:
        return hashlib.sha256(pickle.dumps(kernel)).hexdigest()
    except (pickle.PicklingError, AttributeError) as error:
        raise InputError(f"checkpoint: kernel {kernel!r} cannot be saved: {error}") from error


def gpu_of(device: str) -> "torch.device | None":
    """Return the GPU that a device names; None for the CPU."""
    if not re.fullmatch(r"cpu|auto|cuda(:\d+)?", device):
        raise InputError(f"device is {device!r}: choose cpu, cuda or auto")
    return gpu_named(device)


@tiles.one_blas_thread()
def _gram_product(model: KernelRegression, X: Array, coef: Array) -> Array:
    """Return K coef, where K is the Gram matrix of X against the training samples of a model."""
    kernel, dtype = as_kernel(model.kernel), np.float64 if model.refine else PRECISIONS[model.precision]
    rows, rows_fit = (kernel.rows(samples.astype(dtype, copy=False)) for samples in (X, model.X_fit_))
    gpu = gpu_of(model.device)
    if gpu is None:
        return gram_product(kernel, rows, rows_fit, coef)
    from nngplab.regression import gpu as on_gpu

    return on_gpu.gram_product(kernel, rows, rows_fit, coef, gpu)
