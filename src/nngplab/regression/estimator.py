"""Exact kernel regression up to the size of CIFAR-10, as an estimator in scikit-learn's manner."""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import scipy
import scipy.linalg
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data
from tqdm import tqdm

from nngplab.errors import InputError
from nngplab.kernels.duals import Dual
from nngplab.kernels.gram import Kernel, Rows, TileKernel
from nngplab.regression.cholesky import (
    BLOCK,
    Checkpoint,
    CholeskyFactor,
    NotPositiveDefiniteError,
    blas_threads,
    in_threads,
    slices,
    tile_size,
)
from nngplab.regression.memory import available_memory

if TYPE_CHECKING:
    # Imported where a GPU is asked for only: PyTorch takes seconds to start.
    from nngplab.regression.gpu import DenseFactor, DenseKernel

Array = npt.NDArray[Any]

PRECISIONS = {"double": np.float64, "single": np.float32}

# An eigendecomposition takes some thirty times as long as a Cholesky factorisation, and several times its memory.
EIGENVECTORS_UP_TO = 10_000
# Beyond this many rows the residual is computed for RESIDUAL_ROWS of them: all would cost as much as the Gram matrix.
EXACT_RESIDUAL_UP_TO = 1_000
RESIDUAL_ROWS = 128
# Rows of samples whose predictions are computed at a time.
PREDICT_ROWS = 1024
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left"
# Steps of the conjugate gradients. Where the factor is of any use, a few are enough.
REFINE_STEPS = 50


class KernelRegression(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Kernel regression by a direct solve: f(x) = k(x, X) (K + ridge I)^-1 y, where K is the Gram matrix of X.

    With a ridge of 0 it fits the data exactly, and is the predictor of least norm that does so (sheet, Problem 11).
    Where K + ridge I is singular in the working precision (samples that a kernel cannot tell apart, or more samples
    than it has features) and has up to `EIGENVECTORS_UP_TO` rows, `fit` warns and takes the limit of a ridge that goes
    to 0 instead: the least-squares solution of least norm.

    K is computed in tiles and factorised in place, so that the memory is that of its lower triangle (see
    `nngplab.regression.cholesky`, and `memory_needed`). The threads are those that BLAS may use: all cores, or what
    OPENBLAS_NUM_THREADS or `threadpoolctl` says. The results do not depend on their number.

    Args:
        kernel: "relu", "sine", "erf" or another name in `nngplab.duals.DUALS`, or a `Dual`, for the normalised NNGP
            kernel; "laplace", "linear", or a function of X (n, d) and Z (m, d) that returns their Gram matrix (n, m).
            A function is called for a tile at a time, from several threads.
        ridge: what is added to the diagonal of the Gram matrix.
        precision: that of the Gram matrix and its factor, and of that for predictions: "double", or "single", which
            takes half of the memory and of the time; `residual_` says what it costs.
        L: the rate of the Laplace kernel exp(-L |x - z|).
        refine: bring the solution to a relative residual of `tol`, in float64: by a step of iterative refinement, which
            computes the Gram matrix once more, and, where that is not enough, by conjugate gradients with the factor as
            preconditioner, which do so in each step. Predictions are then in float64 too.
        tol: the relative residual that `refine` aims at.
        loo: compute `loo_residuals_`, which takes about as long as the factorisation.
        checkpoint: a file where the factor grows, so that a fit that was killed goes on from it; it is removed at the
            end. Not for a kernel that is a function, whose name says nothing of what it computes, and not on a GPU.
        verbose: show the progress of the factorisation, with the remaining time, on the standard error stream.
        device: "cpu"; "cuda", a GPU, which keeps the whole Gram matrix in its memory, and takes kernels with a name or
            a closed form; or "auto", a GPU where there is one. On a GPU, the last digits differ from those of the CPU.

    Attributes:
        dual_coef_: the solution of (K + ridge I) a = y, of the shape of y, in float64.
        residual_: |(K + ridge I) a - y| / |y|, in float64 whatever the precision, with K computed anew; beyond
            `EXACT_RESIDUAL_UP_TO` rows estimated from `RESIDUAL_ROWS` of them, spread evenly, unless a GPU or the
            conjugate gradients of `refine` have all.
        loo_residuals_: y minus the prediction of the model fitted without that sample, of the shape of y; with `loo`.
        X_fit_: the training samples.
        n_features_in_: their number of columns.
    """

    def __init__(
        self,
        kernel: str | Dual | Kernel = "relu",
        ridge: float = 0.0,
        precision: str = "double",
        L: float = 1 / 200,
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
        self.L = L
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
            InputError: for a parameter out of its range, a device that is not there, if the memory does not suffice,
                for a Gram matrix with negative eigenvalues, or a singular one of more than `EIGENVECTORS_UP_TO` rows.
        """
        return self._fit(self._problem(X, y))

    def predict(self, X: Array) -> Array:
        """Return the predictions for the rows of X (m, d), of shape (m,) or (m, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        kernel, dtype = TileKernel(self.kernel, self.L), np.float64 if self.refine else PRECISIONS[self.precision]
        rows, rows_fit = (kernel.rows(samples.astype(dtype, copy=False)) for samples in (X, self.X_fit_))
        coef = self.dual_coef_.reshape(len(rows_fit), -1)
        dense = self._dense()
        predictions = dense.product(rows, rows_fit, coef) if dense else _products(kernel, rows, rows_fit, coef)
        return predictions.reshape(len(X), *self.dual_coef_.shape[1:])

    def _problem(self, X: Array, y: Array) -> "_Problem":
        if self.precision not in PRECISIONS:
            raise InputError(f"unknown precision {self.precision!r}: choose one of {', '.join(PRECISIONS)}")
        if not 0 <= self.ridge < np.inf:
            raise InputError(f"the ridge is {self.ridge!r}: it must be a finite number, 0 or above")
        kernel = TileKernel(self.kernel, self.L)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True)
        dtype = PRECISIONS[self.precision]
        dense = self._dense()
        if dense:
            dense.check_memory(X.shape[0], X.shape[1], dtype)
        else:
            _check_memory(X, self.precision, self.loo)
        self.X_fit_ = X
        rows, y = kernel.rows(X.astype(dtype, copy=False)), y.astype(np.float64, copy=False)
        return _DenseProblem(kernel, X, rows, y, dense=dense) if dense else _Problem(kernel, X, rows, y)

    def _dense(self) -> "DenseKernel | None":
        """Return the kernel on the GPU, if it shall be there."""
        if self.device == "cpu":
            return None
        from nngplab.pipeline.devices import resolve_device
        from nngplab.regression.gpu import DenseKernel

        device = resolve_device(self.device)
        return None if device.type == "cpu" else DenseKernel(self.kernel, self.L, device)

    def _fit(self, problem: "_Problem") -> Self:
        self.__dict__.pop("loo_residuals_", None)  # of an earlier fit, whose `loo` may have been another
        y = problem.y.reshape(len(problem.y), -1)
        try:
            with tqdm(total=1, desc=f"factorising {len(y):,} rows", bar_format=_BAR, disable=not self.verbose) as bar:
                factor = problem.factor(self.ridge, self._kept(problem), bar.update)
        except NotPositiveDefiniteError as error:
            a = self._solve_singular(problem, error)
            self.residual_ = problem.residual(a, self.ridge)
        else:
            a = factor.solve(y).astype(np.float64, copy=False)
            if self.refine:
                a, self.residual_ = _refined(problem, factor, a, self.ridge, self.tol)
            else:
                self.residual_ = problem.residual(a, self.ridge)
            if self.loo:
                inverse = factor.inverse_diagonal()
                self.loo_residuals_ = (a / inverse[:, np.newaxis]).reshape(problem.y.shape)
        self.dual_coef_ = a.reshape(problem.y.shape)
        if self.refine and self.residual_ > self.tol:
            warnings.warn(
                f"the relative residual stays at {self.residual_:.3g}, and tol is {self.tol:.3g}: raise tol, set a "
                "larger ridge, or take double precision",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _solve_singular(self, problem: "_Problem", failure: NotPositiveDefiniteError) -> Array:
        """Solve in the eigenvectors of K, without those whose eigenvalue is zero but for rounding."""
        n, dtype = len(problem.y), problem.rows.values.dtype
        case = (
            f"the Gram matrix of kernel {self.kernel!r} (n_samples = {n}, n_features = {self.n_features_in_}, "
            f"ridge = {self.ridge!r}, {self.precision} precision)"
        )
        remedy = (
            "remove samples that the kernel cannot tell apart (to an NNGP kernel, of one direction), or set a ridge"
        )
        where = f"the pivot of row {failure.row} is {failure.pivot:.3g}{problem.twin(failure.row)}"
        if n > EIGENVECTORS_UP_TO or self.loo:
            raise InputError(f"{case} is not positive definite, {where}: {remedy}")
        K = problem.lower_triangle(self.ridge)
        eigenvalues, eigenvectors = scipy.linalg.eigh(K, lower=True, overwrite_a=True, check_finite=False)
        largest, eps = eigenvalues[-1], np.finfo(dtype).eps
        if eigenvalues[0] < -np.sqrt(eps) * abs(largest):
            raise InputError(
                f"{case} has the negative eigenvalue {eigenvalues[0]:.3g} ({where}): the function is no kernel"
            )
        # A negative eigenvalue shows how far off the entries of K are, where they are further off than the last digit.
        kept = eigenvalues > max(n * eps * largest, -eigenvalues[0])
        warnings.warn(
            f"{case} has only {np.sum(kept)} eigenvalues above rounding, {where}: taking the least-squares solution of "
            f"least norm; to avoid this, {remedy}",
            scipy.linalg.LinAlgWarning,
            stacklevel=4,
        )
        V = eigenvectors[:, kept]
        y = problem.y.reshape(n, -1).astype(dtype, copy=False)
        solution: Array = ((V / eigenvalues[kept]) @ (V.T @ y)).astype(np.float64, copy=False)
        return solution

    def _kept(self, problem: "_Problem") -> Checkpoint | None:
        if self.checkpoint is None:
            return None
        if not isinstance(self.kernel, str):
            raise InputError(f"checkpoint: kernel {self.kernel!r} has no name that says what it computes: name one")
        if isinstance(problem, _DenseProblem):
            raise InputError("checkpoint: a fit on a GPU keeps none: leave it out, or set device to cpu")
        settings = {
            "kernel": self.kernel,
            "L": self.L,
            "ridge": self.ridge,
            "precision": self.precision,
            "shape": problem.X.shape,
            "tile": [tile_size(len(problem.y)), BLOCK],
            "samples": hashlib.sha256(np.ascontiguousarray(problem.X).tobytes()).hexdigest(),
            "versions": [np.__version__, scipy.__version__],
        }
        return Checkpoint(Path(self.checkpoint), settings)


def ridge_path(model: KernelRegression, X: Array, y: Array, ridges: Iterable[float]) -> Iterator[KernelRegression]:
    """Yield the model fitted with one ridge after another: a factorisation for each, but the Gram matrix only once.

    For several ridges its tiles are kept where the memory suffices for a second triangle. Otherwise, and on a GPU, they
    are computed each time, which takes about 3 d / n of the time of a factorisation.

    Raises:
        InputError: as `KernelRegression.fit`.
    """
    (n, d), ridges = np.shape(X), list(ridges)
    triangle = _triangle_bytes(n, np.dtype(PRECISIONS[model.precision]).itemsize)
    keep = len(ridges) > 1 and memory_needed(n, d, model.precision, model.loo) + triangle <= available_memory()
    known: dict[tuple[int, int], Array] | None = {} if keep else None
    for ridge in ridges:
        fitted = clone(model).set_params(ridge=ridge)
        yield fitted._fit(replace(fitted._problem(X, y), known=known))


def memory_needed(n: int, d: int, precision: str = "double", loo: bool = False, copied: bool = True) -> int:
    """Return the bytes that a fit of n samples with d features takes beside the data, in all its threads.

    These are the triangle of the Gram matrix with the other halves of its diagonal tiles, the inverses of the blocks on
    its diagonal, a copy of the samples if their precision is another (`copied`), and for each thread some tiles to work
    on; with `loo`, a tile's columns more.
    """
    itemsize, t, threads = np.dtype(PRECISIONS[precision]).itemsize, min(n, tile_size(n)), blas_threads()
    of_thread = 4 * t * t + (n * t if loo else 0)
    return _triangle_bytes(n, itemsize) + itemsize * (n * BLOCK + n * d * copied + threads * of_thread)


def condition_number(K: Array) -> float:
    """Return the condition number, in the spectral norm, of a symmetric matrix; infinity if it is singular."""
    magnitudes = np.abs(np.linalg.eigvalsh(K))
    smallest = float(magnitudes.min())
    return float(magnitudes.max()) / smallest if smallest else np.inf


@dataclass(frozen=True)
class _Problem:
    """Samples X (n, d), as given and as the kernel takes them in the working precision, and targets y, in float64.

    Where `known` is a dictionary, it keeps the tiles of the Gram matrix for a further problem of the same samples.
    """

    kernel: TileKernel
    X: Array
    rows: Rows
    y: Array
    known: dict[tuple[int, int], Array] | None = None

    def factor(
        self, ridge: float, checkpoint: Checkpoint | None, progress: Callable[[float], object]
    ) -> "CholeskyFactor | DenseFactor":
        """Return the factor of K + ridge I."""
        tiles = partial(self.tile, ridge)
        return CholeskyFactor(tiles, len(self.y), self.rows.values.dtype, checkpoint, progress)

    def lower_triangle(self, ridge: float) -> Array:
        """Return K + ridge I (n, n), of which what is above the diagonal need not be set."""
        parts = slices(len(self.y), tile_size(len(self.y)))
        K = np.empty((len(self.y), len(self.y)), self.rows.values.dtype)
        for i, rows in enumerate(parts):
            for columns in parts[: i + 1]:
                self.tile(ridge, rows, columns, K[rows, columns])
        return K

    def tile(self, ridge: float, rows: slice, columns: slice, out: Array) -> None:
        """Write a tile of K + ridge I to `out`."""
        place = (rows.start, columns.start)
        if self.known is not None and place in self.known:
            out[:] = self.known[place]
        else:
            # The same object where they are the same, which is how a kernel knows its diagonal.
            A = self.rows[rows]
            self.kernel(A, A if rows == columns else self.rows[columns], out)
            if self.known is not None:
                self.known[place] = out.copy()
        if rows == columns:
            out[np.diag_indices_from(out)] += ridge

    def exact(self, chosen: slice | Array) -> Rows:
        """Return some of the samples in float64."""
        if self.rows.values.dtype == np.float64 and isinstance(chosen, slice):
            return self.rows[chosen]
        return self.kernel.rows(self.X[chosen].astype(np.float64, copy=False))

    def residual(self, a: Array, ridge: float) -> float:
        """Return |(K + ridge I) a - y| / |y|, with K in float64; from some of the rows if there are many."""
        n = len(self.y)
        chosen = np.arange(n)
        if n > EXACT_RESIDUAL_UP_TO:
            edges = np.linspace(0, n, RESIDUAL_ROWS + 1).astype(int)
            chosen = np.random.default_rng(0).integers(edges[:-1], edges[1:])
        y = self.y.reshape(n, -1)
        A = self.exact(chosen)

        def of_columns(columns: slice) -> Array:
            K = self.kernel(A, self.exact(columns))
            return _times(K, _centre(K), a[columns])

        product = np.sum(in_threads(of_columns, slices(n, tile_size(n))), axis=0).astype(np.float64)
        difference = product + ridge * a[chosen] - y[chosen]
        share = np.sqrt(n / len(chosen))
        return float(share * np.linalg.norm(difference) / (np.linalg.norm(y) or 1))

    def product(self, a: Array, ridge: float) -> Array:
        """Return (K + ridge I) a for a (n, outputs), with K in float64, of which each half is computed once."""
        parts = slices(len(self.y), tile_size(len(self.y)))

        def of_block_row(i: int) -> Array:
            rows, total = parts[i], np.zeros((parts[i].stop, a.shape[1]), np.longdouble)
            A = self.exact(rows)
            for columns in parts[:i]:
                K = self.kernel(A, self.exact(columns))
                level = _centre(K)
                total[rows] += _times(K, level, a[columns])
                total[columns] += _times(K.T, level, a[rows])
            K = self.kernel(A, A)
            total[rows] += _times(K, _centre(K), a[rows])
            return total

        product = (ridge * a).astype(np.longdouble)
        for part in in_threads(of_block_row, range(len(parts))):
            product[: len(part)] += part
        return product.astype(np.float64)

    def twin(self, row: int) -> str:
        """Say which earlier sample has the direction of this one, if one has."""
        x, before = self.rows.values[row], self.rows.values[:row]
        lengths = np.linalg.norm(x) * np.sqrt(np.einsum("ij,ij->i", before, before))
        same = np.flatnonzero(before @ x >= (1 - 8 * np.finfo(x.dtype).eps) * lengths)
        return f" (its sample has the direction of that of row {same[0]})" if len(same) else ""


@dataclass(frozen=True, kw_only=True)
class _DenseProblem(_Problem):
    """A problem whose whole Gram matrix is in the memory of a GPU."""

    dense: "DenseKernel"

    def factor(
        self,
        ridge: float,
        checkpoint: Checkpoint | None,  # noqa: ARG002 (there is none, see _kept)
        progress: Callable[[float], object],
    ) -> "CholeskyFactor | DenseFactor":
        factor = self.dense.factor(self.rows, ridge)
        progress(1)
        return factor

    def lower_triangle(self, ridge: float) -> Array:
        return self.dense.matrix(self.rows, ridge)

    def residual(self, a: Array, ridge: float) -> float:
        y = self.y.reshape(len(self.y), -1)
        return float(np.linalg.norm(self.product(a, ridge) - y) / (np.linalg.norm(y) or 1))

    def product(self, a: Array, ridge: float) -> Array:
        rows = self.exact(slice(None))
        return self.dense.product(rows, rows, a) + ridge * a


def _products(kernel: TileKernel, A: Rows, B: Rows, coef: Array) -> Array:
    """Return K coef (m, outputs), where K (m, n) is the Gram matrix of A against B."""
    parts = slices(len(coef), tile_size(len(coef)))

    def of_block(block: slice) -> Array:
        total = np.zeros((block.stop - block.start, coef.shape[1]), np.longdouble)
        scratch = np.empty((len(total), tile_size(len(coef))), A.values.dtype)
        for part in parts:
            K = kernel(A[block], B[part], scratch[:, : part.stop - part.start])
            total += _times(K, _centre(K), coef[part])
        return total.astype(np.float64)

    return np.concatenate(in_threads(of_block, slices(len(A), PREDICT_ROWS)))


def _centre(K: Array) -> float:
    """Subtract the mean of a block of a Gram matrix from it, and return that mean.

    Without a ridge the coefficients are large and of both signs. The sums of a product with them are far smaller than
    their terms, and so lose digits; the less, the smaller the entries are. Those of a Gram matrix are much alike.
    """
    mean = K.mean()
    K -= mean
    return float(mean)


def _times(K: Array, mean: float, a: Array) -> Array:
    """Return (K + mean) a (n, outputs), for a block of a Gram matrix without its mean; in the longest floats."""
    product: Array = K.astype(np.float64, copy=False) @ a + mean * a.sum(axis=0, dtype=np.longdouble)
    return product


def _refined(
    problem: _Problem, factor: "CholeskyFactor | DenseFactor", a: Array, ridge: float, tol: float
) -> tuple[Array, float]:
    """Return a solution of relative residual `tol`, or the best that REFINE_STEPS steps find, and its residual.

    What costs is the product with the whole Gram matrix. None is needed where a (n, outputs) will do as it is; one, for
    a plain step of iterative refinement, in most other cases. Either solution is taken if its estimated residual is at
    most `tol` / 2. That an estimate is below half of the truth has a probability of at most exp(-36 / k), where k is
    the mean square of the rows' squared residuals over the square of their mean: 6e-6 for normal residuals of one
    output, less for more (Maurer 2003, "A bound on the deviation probability for sums of non-negative random
    variables", with RESIDUAL_ROWS of them).

    Otherwise come conjugate gradients, preconditioned with the factor, for the correction of a, each output by itself.
    Their own residual drifts from the true one, which is computed in the end, and decides whether another round follows
    (Saad, "Iterative Methods for Sparse Linear Systems", 9.2).
    """
    estimate = problem.residual(a, ridge)
    if estimate <= tol / 2:
        return a, estimate
    y = problem.y.reshape(len(problem.y), -1)
    size = float(np.linalg.norm(y)) or 1.0
    r = y - problem.product(a, ridge)
    stepped = a + _solved(factor, r)
    estimate = problem.residual(stepped, ridge)
    if estimate <= tol / 2:
        return stepped, estimate
    # A plain step may lead away. So it is dropped: the first of the conjugate gradients goes the same way, so far as is
    # best, at the price of the product that would judge it.
    best, smallest, steps = a, np.inf, REFINE_STEPS
    while True:
        before, now = smallest, float(np.linalg.norm(r)) / size
        if now < smallest:
            best, smallest = a, now
        if now <= tol or now > before / 2 or steps == 0:
            return best, smallest
        correction, steps = _conjugate_gradients(problem, factor, r, ridge, tol * size / 2, steps)
        a = a + correction
        r = y - problem.product(a, ridge)


def _conjugate_gradients(
    problem: _Problem, factor: "CholeskyFactor | DenseFactor", r: Array, ridge: float, wanted: float, steps: int
) -> tuple[Array, int]:
    """Return x with |(K + ridge I) x - r| <= wanted, as far as `steps` steps go, and how many steps are left."""
    x, p, before = np.zeros_like(r), np.zeros_like(r), np.ones(r.shape[1])
    while steps and np.linalg.norm(r) > wanted:
        z = _solved(factor, r)
        now = np.einsum("ij,ij->j", r, z)
        p = z + now / np.where(before > 0, before, 1) * p
        q = problem.product(p, ridge)
        curvature = np.einsum("ij,ij->j", p, q)
        alpha = now / np.where(curvature > 0, curvature, 1)
        x, r, before, steps = x + alpha * p, r - alpha * q, now, steps - 1
    return x, steps


def _solved(factor: "CholeskyFactor | DenseFactor", r: Array) -> Array:
    """Return what the factor makes of the residual r (n, outputs), in float64."""
    lengths = np.linalg.norm(r, axis=0)  # in single precision, small numbers have few digits
    lengths[lengths == 0] = 1
    return factor.solve(r / lengths).astype(np.float64, copy=False) * lengths


def _triangle_bytes(n: int, itemsize: int) -> int:
    return itemsize * sum((part.stop - part.start) * part.stop for part in slices(n, tile_size(n)))


def _check_memory(X: Array, precision: str, loo: bool) -> None:
    """Refuse a fit that the memory does not suffice for, before it is killed for it."""
    n, d = X.shape
    needed = {name: memory_needed(n, d, name, loo, X.dtype != PRECISIONS[name]) for name in PRECISIONS}
    available = available_memory()
    if needed[precision] > available:
        gib = {name: f"{size / 2**30:.2f} GiB" for name, size in needed.items()}
        remedy = f'precision="single" takes {gib["single"]}' if precision == "double" else "take fewer samples"
        raise InputError(
            f"{n:,} samples need {gib[precision]} of memory in {precision} precision, and {available / 2**30:.2f} GiB "
            f"are available: free some, or {remedy}"
        )
