"""Classification by exact kernel regression of the labels, as an estimator of scikit-learn."""

from collections.abc import Callable
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel
from nngplab.kernels.dual import Dual
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.tensors import as_array, labels_like, like
from nngplab.regression.training_set import SAMPLES, check_parameters, set_input_tags

Array = npt.NDArray[Any]

_SHARED = ("kernel", "ridge", "precision", "refine", "tol", "storage", "verbose", "device", "solver")


class KernelClassifier(ClassifierMixin, BaseEstimator):
    """Classification by kernel regression of one-hot labels: the class with the largest predicted value.

    The targets are 1 in the column of the class of a sample and 0 in the others. Two classes need only the difference
    of their columns: -1 for the first and 1 for the second. So it is to `KernelRegression` what
    `sklearn.linear_model.RidgeClassifier` is to `Ridge`, without an intercept. For weights of classes, give
    `sample_weight=sklearn.utils.compute_sample_weight("balanced", y)` to `fit`; weights make no difference where the
    ridge is 0 and the labels are fitted exactly.

    Args:
        kernel: as for `KernelRegression`, as are the other parameters.
        ridge: what is added to the diagonal of the Gram matrix, one number.
        precision: that of the Gram matrix and its factor: "double" or "single".
        refine: bring the solution to a relative residual of `tol`.
        tol: the relative residual that `refine` aims at.
        storage: a file for the factor, from which a fit that was killed continues.
        verbose: show the progress of the factorisation.
        device: "cpu", "cuda" or "auto".
        solver: "tiled" or "scalapack".

    Attributes:
        classes_: the labels of the classes, sorted.
        regression_: the fitted `KernelRegression`, with `dual_coef_` and `residual_`.
        n_features_in_: the number of columns of the samples.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> y = np.where(X[:, 0] > 0, "right", "left")
    >>> model = KernelClassifier("rbf", ridge=0.1).fit(X, y)
    >>> model.predict([[2.0, 0.0], [-2.0, 0.0]])
    array(['right', 'left'], dtype='<U5')
    >>> model.score(X, y)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: KernelRegression._parameter_constraints[name] for name in _SHARED},
        "ridge": KernelRegression._parameter_constraints["ridge"][:1],
    }

    def __init__(
        self,
        kernel: str | Dual | Kernel | Callable[[Array, Array], Array] = "relu",
        ridge: float = 0.0,
        precision: str = "double",
        refine: bool = False,
        tol: float = 1e-10,
        storage: str | PathLike[str] | None = None,
        verbose: bool = False,
        device: str = "cpu",
        solver: str = "tiled",
    ) -> None:
        self.kernel = kernel
        self.ridge = ridge
        self.precision = precision
        self.refine = refine
        self.tol = tol
        self.storage = storage
        self.verbose = verbose
        self.device = device
        self.solver = solver

    def fit(self, X: Array, y: Array, sample_weight: Array | float | None = None) -> Self:
        """Fit the samples X (n, d) and their labels y (n,), numbers or text.

        Args:
            X: the samples, also sparse or a tensor, as for `KernelRegression.fit`.
            y: their labels.
            sample_weight: their weights (n,), 0 or above, or one number for all; 1 if None.

        Warns:
            ConvergenceWarning: as `KernelRegression.fit`.
            LinAlgWarning: as `KernelRegression.fit`.

        Raises:
            InputError: for labels of one class alone, and as `KernelRegression.fit`.
        """
        check_parameters(self)
        self.__dict__.pop("regression_", None)  # a fit that fails leaves the model unfitted
        X, y = validate_data(self, as_array(X), as_array(y), **SAMPLES)
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise InputError(
                f"the labels are of one class, {classes.tolist()[0]!r}: a classifier needs two classes or more"
            )
        targets = 2.0 * codes - 1 if len(classes) == 2 else np.eye(len(classes))[codes]
        parameters = {name: getattr(self, name) for name in _SHARED}
        self.regression_ = KernelRegression(**parameters, keep_factor=False).fit(X, targets, sample_weight)
        self.classes_ = classes
        return self

    def decision_function(self, X: Array) -> Array:
        """Return the predicted values for X (m, d): (m, classes), or (m,) for two classes, above 0 for the second."""
        check_is_fitted(self, "regression_")
        samples = validate_data(self, as_array(X), **SAMPLES, reset=False)
        return like(self.regression_.predict(samples), X)

    def predict(self, X: Array) -> Array:
        """Return the predicted labels (m,) of the rows of X (m, d)."""
        scores = self.decision_function(as_array(X))
        codes = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return labels_like(self.classes_[codes], X)

    def score(self, X: Array, y: Array, sample_weight: Array | None = None) -> float:
        """Return the share of samples X (m, d) whose predicted label is theirs in y (m,), as all classifiers do."""
        return float(super().score(as_array(X), as_array(y), as_array(sample_weight)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        set_input_tags(tags.input_tags, self.kernel)
        return tags
