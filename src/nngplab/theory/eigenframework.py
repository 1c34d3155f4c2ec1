"""The mean errors that theory predicts for kernel regression and for regression on random features.

The predictions are the deterministic equivalents for n samples and k random features, at finite n and k. For kernels
(k infinite) see Jacot, Simsek, Spadaro, Hongler and Gabriel 2020, "Kernel alignment risk estimator"; Bordelon, Canatar
and Pehlevan 2020, "Spectrum dependent learning curves"; Canatar, Bordelon and Pehlevan 2021, "Spectral bias and
task-model alignment"; Simon, Dickens, Karkada and DeWeese 2023, "The eigenlearning framework". For random features see
Mei and Montanari 2022, "The generalization error of random features regression"; Simon, Karkada, Ghosh and Belkin 2024,
"More is better", whose equations these are; Defilippis, Loureiro and Misiakiewicz 2024, "Dimension-free deterministic
equivalents". They treat the eigenfunctions as independent of each other, which holds ever better as n and k grow.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from nngplab.errors import InputError
from nngplab.kernels.parameters import real_array
from nngplab.kernels.spectra import Spectrum
from nngplab.theory.targets import TargetPower

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class PredictedErrors:
    """What theory predicts for a regression. Each array has the shape (...) of the settings, () for one setting.

    >>> from nngplab.kernels import spectrum
    >>> from nngplab.theory import predicted_errors, sine_target_power
    >>> predicted_errors(spectrum("erf", d=200), sine_target_power(200, 4), n=100)
    <PredictedErrors of 1 setting, mean test MSE: 1.283e-05>

    Attributes:
        test_mse: the mean of the mean squared error on new samples, (...), whose labels have noise too.
        train_mse: that on the training samples, (...).
        kappa: the effective regularisation (...): an eigenvalue far above it is learned, one far below is not.
        learnability: the share of each harmonic of a degree that the mean prediction has learned, (..., degrees + 1).
    """

    test_mse: Array
    train_mse: Array
    kappa: Array
    learnability: Array

    def __repr__(self) -> str:
        lowest, highest, count = np.min(self.test_mse), np.max(self.test_mse), self.test_mse.size
        ends = f"{lowest:.4g}" if lowest == highest else f"{lowest:.4g} to {highest:.4g}"
        return f"<PredictedErrors of {count} setting{'' if count == 1 else 's'}, mean test MSE: {ends}>"


def predicted_errors(
    spectrum: Spectrum,
    target: TargetPower,
    n: npt.ArrayLike,
    features: npt.ArrayLike = math.inf,
    ridge: npt.ArrayLike = 0.0,
    noise: npt.ArrayLike = 0.0,
) -> PredictedErrors:
    """Predict the mean errors of kernel regression, or of regression on random features of that kernel.

    The mean is over training samples that are uniform on the unit sphere, and over the features. The equations are in
    docs/theory/learning_curves.md and docs/theory/random_feature_regression.md. Without a ridge, the regression is that
    of minimum norm. Its test MSE is infinite where there are as many samples as features or nonzero eigenvalues.

    Args:
        spectrum: that of the kernel, or of the mean kernel of the features. The features are divided by k^(1/2), as in
            `nngplab.networks.hidden_features`. Eigenvalues beyond the last degree act as a ridge, which is right if n
            and k are small against the number of harmonics of the next degree.
        target: the power of the target in each degree of the spectrum.
        n: numbers of training samples, above 0.
        features: the numbers k of random features, above 0; infinite for the kernel itself.
        ridge: what is added to the diagonal of the Gram matrix, 0 or above.
        noise: the variance of independent noise of the labels, 0 or above; n to noise broadcast against each other.

    Raises:
        InputError: if a number is out of its range, or the target has other degrees than the spectrum.

    >>> import numpy as np
    >>> from nngplab.kernels import spectrum
    >>> from nngplab.theory import sine_target_power
    >>> relu = spectrum("relu", d=200)
    >>> target = sine_target_power(200, relu.degrees)
    >>> (predicted_errors(relu, target, n=[50, 100]).test_mse / target.total).round(4)  # of kernel regression
    array([0.7953, 0.5868])
    >>> (predicted_errors(relu, target, 100, features=[50, 100, 200]).test_mse / target.total).round(4)  # Problem 12
    array([1.6585,    inf, 1.264 ])
    """
    if len(target.power) != len(spectrum.eigenvalues):
        raise InputError(
            f"the target has its power in degrees up to {len(target.power) - 1}, and the spectrum has degrees up to "
            f"{spectrum.degrees}: give both the same degrees"
        )
    settings = _settings(n, features, ridge, noise)
    rows = [_predict(spectrum, target, *map(float, setting)) for setting in settings]
    test, train, kappa = (np.array([row[i] for row in rows]).reshape(settings.shape) for i in range(3))
    learnability = np.array([row[3] for row in rows]).reshape(*settings.shape, spectrum.degrees + 1)
    return PredictedErrors(test, train, kappa, learnability)


def _settings(n: npt.ArrayLike, features: npt.ArrayLike, ridge: npt.ArrayLike, noise: npt.ArrayLike) -> np.broadcast:
    n, features = _checked("n", n, above=True), _checked("features", features, above=True)
    ridge, noise = _checked("ridge", ridge), _checked("noise", noise)
    if not all(np.all(np.isfinite(values)) for values in (n, ridge, noise)):
        raise InputError("n, ridge and noise must be finite; features alone may be infinite, for the kernel itself")
    try:
        return np.broadcast(n, features, ridge, noise)
    except ValueError:
        shapes = ", ".join(str(np.shape(values)) for values in (n, features, ridge, noise))
        raise InputError(f"n, features, ridge and noise have the shapes {shapes}: they must broadcast") from None


def _checked(name: str, values: npt.ArrayLike, above: bool = False) -> Array:
    array = real_array(name, values)
    allowed = array > 0 if above else array >= 0
    if not np.all(allowed):
        raise InputError(f"{name} is {array[~allowed].flat[0]:g}: it must be {'above 0' if above else '0 or above'}")
    return array


def _predict(
    spectrum: Spectrum, target: TargetPower, n: float, k: float, ridge: float, noise: float
) -> tuple[float, float, float, Array]:
    """Return the test MSE, the train MSE, kappa and the learnability (degrees + 1,) for one setting.

    z is the sum of the learnabilities of all eigenfunctions, and q that of their squares.
    """
    kappa = _effective_regularisation(spectrum, n, k, ridge)
    L = _learnability(spectrum, kappa)
    q = float(spectrum.multiplicities @ L**2)
    if kappa == 0:  # there are no more eigenfunctions than samples and features, and all are learned
        z, denominator, correction = q, 1 - q / n, 1.0
    else:
        # Without a ridge, the smaller of n and k, to the last digit.
        z = min(n, k) if ridge == 0 else _degrees_of_freedom(spectrum, kappa)
        correction = (1 - z / k) / (1 - q / k)
        if ridge == 0:
            denominator = 1 - k / n if k <= n else (1 - n / k) * (1 - q / n) / (1 - q / k)
        else:
            denominator = 1 - (q * (1 - 2 * z / k) + z * (z / k)) / (n * (1 - q / k))
    not_learned = float(target.power @ ((1 - L) * (1 - correction * L))) + target.tail + noise
    if denominator <= 0:
        return (math.inf if not_learned > 0 else 0.0), 0.0, kappa, L
    return not_learned / denominator, (1 - z / n) ** 2 * not_learned / denominator, kappa, L


def _effective_regularisation(spectrum: Spectrum, n: float, k: float, ridge: float) -> float:
    """Return kappa, the root of (n - z)(1 - z / k) kappa = ridge at which z is at most n and k."""
    smaller = min(n, k)
    rank = math.inf if spectrum.tail > 0 else float(np.sum(spectrum.multiplicities[spectrum.eigenvalues > 0]))
    if ridge == 0 and rank <= smaller:
        return 0.0

    def excess(logarithm: float) -> float:
        kappa = math.exp(logarithm)
        z = _degrees_of_freedom(spectrum, kappa)
        if ridge == 0 or z >= smaller:
            return smaller - z - ridge
        return (n - z) * (1 - z / k) * kappa - ridge

    # z is at most the sum of the eigenvalues over kappa.
    largest = max(2 * (float(spectrum.shares.sum()) + spectrum.tail) / smaller, 4 * ridge / n)
    low = high = math.log(largest)
    while excess(low) > 0:
        low -= 5
    return math.exp(brentq(excess, low, high, xtol=1e-14, rtol=1e-15))


def _degrees_of_freedom(spectrum: Spectrum, kappa: float) -> float:
    """Return z."""
    return float(spectrum.multiplicities @ _learnability(spectrum, kappa)) + spectrum.tail / kappa


def _learnability(spectrum: Spectrum, kappa: float) -> Array:
    eigenvalues = spectrum.eigenvalues
    return np.divide(eigenvalues, eigenvalues + kappa, out=np.zeros_like(eigenvalues), where=eigenvalues > 0)
