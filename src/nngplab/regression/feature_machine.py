"""Recursive feature machines: kernel regression that learns which directions of its inputs matter.

A trained network puts weight on the directions in which its output moves: W.T W of its first layer is close to a power
of the average gradient outer product. A recursive feature machine gives a kernel such weights (Radhakrishnan,
Beaglehole, Pandit and Belkin 2024, "Mechanism for feature learning in neural networks and backpropagation-free machine
learning models", Science 383).
"""

from collections.abc import Iterator
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from nngplab.kernels.gram import distances, row_blocks
from nngplab.kernels.objects import Laplace
from nngplab.kernels.parameters import check_boolean, check_integer, check_number
from nngplab.regression import tiles
from nngplab.regression.estimator import KernelRegression

Array = npt.NDArray[Any]


class RecursiveFeatureMachine(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Regression with the Laplace kernel exp(-|x - z|_M / bandwidth), whose matrix M is learnt from the data.

    Here |x|_M is the square root of x.M x. M starts as the identity; an iteration fits the kernel regression and makes
    M the average outer product of its gradients at the training samples, summed over the outputs, scaled to the trace
    d of the identity so that the bandwidth keeps its meaning (the paper leaves M unscaled, which ties the bandwidth to
    the scale of y). Which number of iterations predicts best is for validation data to say:
    `iteration_path` fits all of them at the price of the last.

    Args:
        bandwidth: the distance at which the kernel has fallen to 1/e.
        iterations: how often M is learnt anew; with 0 this is `KernelRegression(Laplace(bandwidth))`.
        ridge: what is added to the diagonal of the Gram matrix.
        centre: take the mean gradient off each gradient first, so that M shows where the slope changes and not where
            it is steep throughout, as the authors' code can.

    Attributes:
        feature_matrix_: M (d, d), symmetric, positive semi-definite and of trace d, as the predictor uses it.
        leading_direction_: its leading eigenvector (d,), with the sign that `leading_direction` gives; without an
            iteration M is the identity and singles out none.
        root_: M^(1/2) (d, d).
        regression_: the fitted `KernelRegression` of y on X M^(1/2).
        n_features_in_: d.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> model = RecursiveFeatureMachine().fit(X, np.sin(2 * X[:, 0]))
    >>> np.abs(model.leading_direction_).round(1)  # that of the first coordinate
    array([1., 0., 0., 0., 0.])
    """

    def __init__(self, bandwidth: float = 10.0, iterations: int = 5, ridge: float = 0.0, centre: bool = True) -> None:
        self.bandwidth = bandwidth
        self.iterations = iterations
        self.ridge = ridge
        self.centre = centre

    def fit(self, X: Array, y: Array) -> Self:
        """Learn M, and the predictor with it, from the samples X (n, d) and the targets y, (n,) or (n, outputs).

        Raises:
            InputError: for a parameter out of its range, or as `KernelRegression.fit`.
        """
        X, y = self._checked(X, y)
        self._fit_with(np.eye(X.shape[1]), X, y)
        for _ in range(self.iterations):
            self._iterate(X, y)
        return self

    @tiles.one_blas_thread()
    def predict(self, X: Array) -> Array:
        """Return the predictions for the rows of X (m, d), of shape (m,) or (m, outputs)."""
        check_is_fitted(self, "regression_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        predictions: Array = self.regression_.predict(X @ self.root_)
        return predictions

    def iteration_path(self, X: Array, y: Array) -> Iterator[Self]:
        """Yield this model, fitted with 0, 1, 2, ..., `iterations` iterations, each of which continues the last.

        Raises:
            InputError: as `fit`.
        """
        fitted = clone(self)
        X, y = fitted._checked(X, y)
        fitted.set_params(iterations=0)._fit_with(np.eye(X.shape[1]), X, y)
        yield fitted
        for iterations in range(1, self.iterations + 1):
            fitted = copy(fitted).set_params(iterations=iterations)
            fitted._iterate(X, y)
            yield fitted

    def _checked(self, X: Array, y: Array) -> tuple[Array, Array]:
        check_number("the bandwidth", self.bandwidth, above=0)
        check_integer("the number of iterations", self.iterations, 0)
        check_boolean("centre", self.centre)
        self.__dict__.pop("regression_", None)  # a fit that fails leaves the model unfitted
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        return X, y

    @tiles.one_blas_thread()
    def _iterate(self, X: Array, y: Array) -> None:
        gradients = laplace_gradient_outer_product(
            X @ self.root_, self.regression_.dual_coef_, self.bandwidth, self.centre
        )
        M = self.root_ @ gradients @ self.root_
        # A target of zero, or a single sample, has no gradients to learn from.
        if np.trace(M) > 0:
            self._fit_with((M + M.T) / 2 * (len(M) / np.trace(M)), X, y)

    @tiles.one_blas_thread()
    def _fit_with(self, M: Array, X: Array, y: Array) -> None:
        self.feature_matrix_ = M
        eigenvalues, V = np.linalg.eigh(M)
        self.root_ = (V * np.sqrt(np.maximum(eigenvalues, 0))) @ V.T
        self.leading_direction_ = _with_sign(V[:, -1])
        regression = KernelRegression(Laplace(self.bandwidth), self.ridge, keep_factor=False)
        self.regression_ = regression.fit(X @ self.root_, y)


def laplace_gradient_outer_product(X: Array, dual_coef: Array, bandwidth: float, centre: bool = False) -> Array:
    """Return the mean over the rows of X (n, d) of the outer product of the gradients of a kernel predictor: (d, d).

    The predictor is f(x) = sum_i a_i exp(-|x - x_i| / bandwidth) over the same rows, with a (n,) or (n, outputs) in
    `dual_coef`; the products are summed over the outputs. At x = x_i itself the term i has a kink, the mean of whose
    slopes is 0.

    Args:
        X: the rows, of floats.
        dual_coef: a.
        bandwidth: that of the Laplace kernel.
        centre: take the mean gradient of each output off its gradients first.
    """
    n, d = X.shape
    X = X - X.mean(axis=0)  # Only differences matter: the smaller the rows, the fewer digits they cancel.
    outputs = dual_coef.reshape(n, -1).T
    products, sums = np.zeros((d, d)), np.zeros((len(outputs), d))
    for block in row_blocks(n, n):
        D = distances(X[block], X)
        # The kernel over the distance, 0 at the kinks.
        W = np.divide(np.exp(D / -bandwidth), D, out=np.zeros_like(D), where=D > 0)
        for a, total in zip(outputs, sums, strict=True):
            # sum_i a_i W(x, x_i) (x_i - x) / bandwidth
            gradients = (W @ (a[:, np.newaxis] * X) - (W @ a)[:, np.newaxis] * X[block]) / bandwidth
            products += gradients.T @ gradients
            total += gradients.sum(axis=0)
    if centre:
        products -= sums.T @ sums / n
    return products / n


def leading_direction(M: Array) -> Array:
    """Return the unit eigenvector (d,) of the largest eigenvalue of a symmetric M (d, d).

    An eigenvector has no sign of its own: the component largest in modulus is made positive.
    """
    return _with_sign(np.linalg.eigh(M)[1][:, -1])


def _with_sign(v: Array) -> Array:
    return v * np.sign(v[np.argmax(np.abs(v))])
