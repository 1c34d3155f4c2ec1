"""Exact kernel regression up to the size of CIFAR-10, as an estimator of scikit-learn."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from numbers import Real
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel
from nngplab.kernels.dual import Dual
from nngplab.kernels.objects import as_kernel
from nngplab.regression import tiles
from nngplab.regression.memory import PRECISIONS
from nngplab.regression.posterior import Posterior
from nngplab.regression.products import gram_product
from nngplab.regression.solution import linear_system, new_tile_cache, solve
from nngplab.regression.tensors import as_array, like
from nngplab.regression.training_set import (
    SAMPLES,
    TrainingSet,
    among_zeros,
    check_parameters,
    checked_ridges,
    gpu_of,
    rows_in_one_format,
    set_input_tags,
    training_set,
)

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]


class KernelRegression(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Kernel regression by a direct solve: f(x) = k(x, X) (K + ridge I)^-1 y, where K is the Gram matrix of X.

    With a ridge of 0 it fits the data exactly, and is the predictor of least norm that does so (Problem 11).
    Where K + ridge I is singular in the working precision (samples that a kernel cannot tell apart, or more samples
    than it has features) and has up to `EIGENVECTORS_UP_TO` rows, `fit` warns and takes the limit of a ridge that goes
    to 0 instead: the least-squares solution of least norm.

    K is computed in tiles and factorised in place, so that the memory is that of its lower triangle (see
    `nngplab.regression.cholesky`, and `memory_needed`). The threads are those that BLAS may use: all cores, or what
    OPENBLAS_NUM_THREADS or `threadpoolctl` says. The results do not depend on their number, to the last bit.

    Args:
        kernel: a kernel object (`nngplab.kernels`), or a short form of one (`nngplab.kernels.objects.as_kernel`):
            "relu", "sine", "erf" or another name in `nngplab.kernels.DUALS` for its normalised NNGP kernel, "ntk",
            "laplace", "rbf", "linear", or a function of X (n, d) and Z (m, d) that returns their Gram matrix (n, m).
            With "precomputed", `fit` takes the Gram matrix (n, n) of the training samples for X, and `predict` that of
            its samples against them (m, n).
        ridge: what is added to the diagonal of the Gram matrix; one number, or one for each target (outputs,). Each
            distinct one takes a factorisation of its own.
        precision: that of the Gram matrix and its factor, and of that for predictions: "double", or "single", which
            takes half of the memory and of the time; `residual_` says what it costs.
        refine: bring the solution to a relative residual of `tol`, in float64: by a step of iterative refinement, which
            computes the Gram matrix once more, and, where that is not enough, by conjugate gradients with the factor as
            preconditioner, which do so in each step. Predictions are then in float64 too.
        tol: the relative residual that `refine` aims at.
        loo: compute `loo_residuals_`, which takes about as long as the factorisation.
        keep_factor: keep the Cholesky factor, which `predict` needs for standard deviations and covariances, and
            `leave_one_out` unless `loo` is set. With "auto" it is kept if it takes up to 128 MiB, as that of 5,500
            samples in double precision does; with several distinct ridges, or in `ridge_path`, if all factors do; with
            `storage` it is not. With True and `storage` it stays in the file, to whose path the model refers.
        storage: a file for a factor that may be larger than the memory, from which a fit that was killed continues; it
            is removed at the end unless `keep_factor` is True. Not for a `Function`, and not on a GPU.
        verbose: show the progress of the factorisation, with the remaining time, on the standard error stream.
        device: "cpu"; "cuda", a GPU, which keeps the whole Gram matrix in its memory, and takes all kernels but a
            `Function` and duals from a table; or "auto", a GPU where there is one. On a GPU, the last digits differ
            from those of the CPU.
        solver: "tiled", in the memory of one machine; or "scalapack", in that of all processes of an MPI program, each
            of which fits the same data and becomes the same model, without a factor (see `docs/kernel_regression.md`).

    Attributes:
        dual_coef_: the solution of (K + ridge I) a = y, of the shape of y, in float64.
        residual_: |(K + ridge I) a - y| / |y|, in float64 whatever the precision, with K computed anew; beyond
            `EXACT_RESIDUAL_UP_TO` rows estimated from `RESIDUAL_ROWS` of them, unless all are needed anyway.
        error_bound_: the error of the solution changes a prediction f(x) by at most error_bound_ k(x, x)^(1/2); it is
            |(K + ridge I) a - y| / (2 ridge^(1/2)), the largest of several ridges, and infinite for a ridge of 0.
        loo_residuals_: y minus the prediction of the model fitted without that sample, of the shape of y; with `loo`.
        log_marginal_likelihood_: of the targets under a Gaussian process of covariance k with noise of variance ridge,
            or ridge / w_i with weights, summed over the outputs (Rasmussen and Williams, "Gaussian Processes for
            Machine Learning", 2006, equation 2.30); an AttributeError where the Gram matrix is singular.
        X_fit_: the training samples, or their Gram matrix if it is precomputed.
        y_fit_: the training targets.
        n_features_in_: their number of columns.

    X can be a sparse matrix or array of SciPy for the kernels NNGP, NTK, Laplace, RBF and Linear on a CPU; it stays
    sparse. All arguments can be tensors of PyTorch: predictions then have the dtype and device of the tensor X, and the
    attributes are arrays of NumPy.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(20, 5))
    >>> model = KernelRegression("relu").fit(X, X[:, 0])
    >>> np.allclose(model.predict(X), X[:, 0])
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "kernel": "no_validation",  # `as_kernel` does it
        "ridge": [Interval(Real, 0, None, closed="left"), "array-like"],
        "precision": [StrOptions(set(PRECISIONS))],
        "refine": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "loo": ["boolean"],
        "keep_factor": [bool, StrOptions({"auto"})],
        "storage": [str, PathLike, None],
        "verbose": ["verbose"],
        "device": [str],
        "solver": [StrOptions({"tiled", "scalapack"})],
    }

    def __init__(
        self,
        kernel: str | Dual | Kernel | Callable[[Array, Array], Array] = "relu",
        ridge: float | Array = 0.0,
        precision: str = "double",
        refine: bool = False,
        tol: float = 1e-10,
        loo: bool = False,
        storage: str | PathLike[str] | None = None,
        verbose: bool = False,
        device: str = "cpu",
        keep_factor: bool | str = "auto",
        solver: str = "tiled",
    ) -> None:
        self.kernel = kernel
        self.ridge = ridge
        self.precision = precision
        self.refine = refine
        self.tol = tol
        self.loo = loo
        self.storage = storage
        self.verbose = verbose
        self.device = device
        self.keep_factor = keep_factor
        self.solver = solver

    def fit(self, X: Array, y: Array, sample_weight: Array | float | None = None) -> Self:
        """Solve for the samples X (n, d) and the targets y, (n,) or (n, outputs).

        X of float32 is kept so; with "single", no other copy is then made.

        With weights w, the solution minimises the sum of w_i |f(x_i) - y_i|^2 plus ridge |f|^2: it solves
        (K + diag(ridge / w)) a = y, as `sklearn.kernel_ridge.KernelRidge` does. A sample of weight 0 is left out; its
        coefficient is 0. With a ridge of 0, weights make a difference only where K is singular: there, the solution is
        the limit of a ridge that goes to 0, the weighted least-squares solution of least norm. `residual_` is that of
        the equations times the roots of the weights.

        Args:
            X: the samples.
            y: their targets.
            sample_weight: their weights (n,), 0 or above, or one number for all; 1 if None.

        Warns:
            ConvergenceWarning: if `refine` does not reach `tol`.
            LinAlgWarning: if the solution is that of least norm.

        Raises:
            InputError: for a wrong parameter, a kernel that does not return finite numbers, a device that is not there,
                if the memory or the disk does not suffice, or if the file for the factor cannot be used.
            NotPositiveDefiniteError: an InputError for a Gram matrix with negative eigenvalues, or a singular one of
                more than `EIGENVECTORS_UP_TO` rows.
        """
        check_parameters(self)
        self.__dict__.pop("dual_coef_", None)  # a fit that fails leaves the model unfitted
        data = training_set(self, X, y, sample_weight)
        factors = len(np.unique(checked_ridges(self.ridge, data.y.shape[1])))
        return self._fit(data, new_tile_cache(self, data.X, factors) if factors > 1 else None, factors)

    def predict(
        self, X: Array, return_std: bool = False, return_cov: bool = False, prior_cov: Array | None = None
    ) -> Any:
        """Return the predictions for the rows of X (m, d), of shape (m,) or (m, outputs).

        With `return_std` or `return_cov` they come with the standard deviations or covariances of the Gaussian process
        f, without noise, as those of scikit-learn's `GaussianProcessRegressor` with `alpha=ridge`. They take m n^2
        operations, and `return_cov` the memory of an m x n matrix. With precision "single" they are of that precision,
        also with `refine`.

        Args:
            X: the samples.
            return_std: return a pair: the predictions, and their standard deviations in the same shape.
            return_cov: return a pair: the predictions, and their covariance matrix (m, m), or (m, m, outputs).
            prior_cov: for the kernel "precomputed" only, with `return_std` or `return_cov`: the Gram matrix (m, m) of
                the samples with one another; for `return_std`, its diagonal (m,) is enough.

        Raises:
            InputError: if both are asked for, if the factor was not kept, or where the Gram matrix is singular.

        >>> model = KernelRegression("rbf", ridge=0.1).fit([[0.0], [1.0]], [0.0, 1.0])
        >>> mean, std = model.predict([[0.5], [9.0]], return_std=True)
        >>> mean.round(3), std.round(3)
        (array([0.517, 0.   ]), array([0.295, 1.   ]))
        """
        if return_std and return_cov:
            raise InputError("at most one of return_std and return_cov can be requested")
        check_is_fitted(self, "dual_coef_")
        samples = validate_data(self, as_array(X), **SAMPLES, reset=False)
        coef = self.dual_coef_.reshape(len(self.dual_coef_), -1)
        mean = like(_gram_product(self, samples, coef).reshape(-1, *self.dual_coef_.shape[1:]), X)
        if not (return_std or return_cov):
            return mean
        kernel, process = as_kernel(self.kernel), self._posterior
        rows = rows_in_one_format(kernel, samples, self.X_fit_, PRECISIONS[self.precision])
        found = (process.covariances if return_cov else process.standard_deviations)(kernel, *rows, as_array(prior_cov))
        return mean, like(found if self.dual_coef_.ndim > 1 else found[..., 0], X)

    @property
    def log_marginal_likelihood_(self) -> float:
        """The log marginal likelihood of the training targets."""
        check_is_fitted(self, "dual_coef_")
        return self._posterior.evidence()

    def leave_one_out(self) -> tuple[Array, Array]:
        """Return the prediction for each training sample by the model without it, and its variance, in the shape of y.

        The variance is that of the target, with its noise of variance ridge / w; of weight 0, it is infinite. Both are
        exact: y_i - a_i / C_ii and 1 / C_ii with C = (K + diag(ridge / w))^-1 (Rasmussen and Williams 2006, equation
        5.12). Unless the fit has done it, with `loo`, this takes about as long as the factorisation.

        Raises:
            InputError: if the factor was not kept (see `keep_factor`), or where the Gram matrix is singular.

        >>> mean, variance = KernelRegression("rbf", ridge=0.5).fit([[0.0], [9.0]], [1.0, 2.0]).leave_one_out()
        >>> mean.round(3), variance  # nothing is known of one sample from the other
        (array([0., 0.]), array([1.5, 1.5]))
        """
        check_is_fitted(self, "dual_coef_")
        diagonal = self._posterior.inverse_diagonal()
        with np.errstate(divide="ignore"):
            variance = 1 / diagonal
        shape = self.y_fit_.shape
        return self.y_fit_ - self._leave_one_out_residuals(diagonal).reshape(shape), variance.reshape(shape)

    def score(self, X: Array, y: Array, sample_weight: Array | None = None) -> float:
        """Return the coefficient of determination of the predictions for X (m, d), as all regressors do."""
        return float(super().score(as_array(X), as_array(y), as_array(sample_weight)))

    def ridge_path(
        self, X: Array, y: Array, ridges: Iterable[float | Array], sample_weight: Array | float | None = None
    ) -> Iterator[Self]:
        """Yield this model, fitted with one ridge after another: a factorisation for each, one Gram matrix for all.

        For several ridges the tiles of the Gram matrix are kept where the memory suffices for a second triangle.
        Otherwise, and on a GPU, they are computed each time, which takes about 3 d / n of the time of a factorisation.
        With `storage`, each has its own file, whose name ends in the ridge. A ridge can be an array, as for `fit`.

        Raises:
            InputError: as `fit`.
        """
        check_parameters(self)
        ridges = list(ridges)
        factors = sum(np.size(as_array(ridge)) for ridge in ridges)
        tile_cache = new_tile_cache(self, check_array(as_array(X), **SAMPLES), factors) if factors > 1 else None
        for ridge in ridges:
            fitted = clone(self).set_params(ridge=ridge)
            check_parameters(fitted)
            if self.storage is not None and np.ndim(ridge) == 0:
                fitted.storage = f"{self.storage}_{float(ridge)!r}"
            yield fitted._fit(training_set(fitted, X, y, sample_weight), tile_cache, factors)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        set_input_tags(tags.input_tags, self.kernel)
        return tags

    @tiles.one_blas_thread()
    @np.errstate(over="ignore", invalid="ignore")  # the solution is checked
    def _fit(self, data: TrainingSet, tile_cache: dict[tuple[int, int], Array] | None, factors: int) -> Self:
        for name in ("loo_residuals_", "_posterior"):  # of an earlier fit, which takes memory
            self.__dict__.pop(name, None)
        X, y, scales, kept = data.without_weight_zero()
        ridges, gpu = checked_ridges(self.ridge, y.shape[1]), _gpu_for(self.device, X)
        system = linear_system(self, X, y, kept, len(np.unique(ridges)), gpu)
        system = replace(system, y=y if scales is None else scales[:, np.newaxis] * y, scales=scales)
        found = solve(replace(system, tile_cache=tile_cache), ridges, self, factors)
        if not (np.isfinite(found.a).all() and np.isfinite(found.residual)):
            raise InputError(f"the solution overflows in {self.precision} precision: scale the targets")
        a = found.a if scales is None else scales[:, np.newaxis] * found.a
        self.residual_, self.error_bound_ = found.residual, found.error_bound
        self.X_fit_, self.y_fit_ = data.X, data.y.reshape(data.shape)
        self.dual_coef_ = (a if kept is None else among_zeros(a, kept, len(data.y))).reshape(data.shape)
        likelihood = found.log_marginal_likelihood
        self._posterior = Posterior(ridges, data.scales, found.factors, likelihood, found.inverse_diagonal)
        if self.loo:
            self.loo_residuals_ = self._leave_one_out_residuals(self._posterior.inverse_diagonal()).reshape(data.shape)
        return self

    def _leave_one_out_residuals(self, diagonal: Array) -> Array:
        """Return the leave-one-out residuals (n, outputs) from the inverse diagonal, which is 0 for weights of 0."""
        y, coef = (values.reshape(diagonal.shape) for values in (self.y_fit_, self.dual_coef_))
        left_out = diagonal[:, 0] == 0
        residuals = np.divide(coef, diagonal, out=np.zeros_like(coef), where=diagonal > 0)
        if left_out.any():  # without a sample of weight 0 the model is what it is
            residuals[left_out] = y[left_out] - _gram_product(self, self.X_fit_[left_out], coef)
        return residuals


def predict_all(models: list[KernelRegression], X: Array) -> list[Array]:
    """Return the predictions of models that differ in their ridge alone (see `KernelRegression.ridge_path`).

    The Gram matrix of the rows of X (m, d) against the training samples is computed once for all.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(20, 5))
    >>> models = list(KernelRegression("relu").ridge_path(X, X[:, 0], [0.0, 0.1]))
    >>> [prediction.shape for prediction in predict_all(models, X[:3])]
    [(3,), (3,)]
    """
    samples = as_array(X)
    coefs = [model.dual_coef_.reshape(len(model.dual_coef_), -1) for model in models]
    product = _gram_product(models[0], samples, np.hstack(coefs))
    edges = np.cumsum([coef.shape[1] for coef in coefs])[:-1]
    parts = np.split(product, edges, axis=1)
    return [like(part.reshape(-1, *model.dual_coef_.shape[1:]), X) for part, model in zip(parts, models, strict=True)]


def _gpu_for(device: str, X: Any) -> "torch.device | None":
    """Return the GPU that a device names, for these samples: for sparse ones, "auto" is the CPU."""
    if scipy.sparse.issparse(X) and device not in ("cpu", "auto"):
        raise InputError(f"device is {device!r}, and X is sparse: set device to cpu, or give X.toarray()")
    return None if scipy.sparse.issparse(X) else gpu_of(device)


@tiles.one_blas_thread()
def _gram_product(model: KernelRegression, X: Array, coef: Array) -> Array:
    """Return K coef, where K is the Gram matrix of X against the training samples of a model."""
    kernel, dtype = as_kernel(model.kernel), np.float64 if model.refine else PRECISIONS[model.precision]
    rows, rows_fit = rows_in_one_format(kernel, X, model.X_fit_, dtype)
    gpu = _gpu_for(model.device, X)
    if gpu is None:
        return gram_product(kernel, rows, rows_fit, coef)
    from nngplab.regression import gpu as on_gpu

    return on_gpu.gram_product(kernel, rows, rows_fit, coef, gpu)
