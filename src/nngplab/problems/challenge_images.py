"""How the images of Problem 13 are prepared for networks and kernels: regularised ZCA whitening, left-right flips."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nngplab.datasets.cifar10 import SHAPE
from nngplab.kernels.base import Kernel
from nngplab.kernels.group import GroupAverage, left_right_flips
from nngplab.preprocessing import ZCA
from nngplab.problems.challenge import Hyperparameters, Samples

Array = npt.NDArray[np.float64]


def fit_whitening(train: Samples, epsilon: float) -> dict[str, Array]:
    """Return the whitening of training images and their flips, as the arrays of a file: epsilon, mean and components.

    Args:
        train: the training images.
        epsilon: the strength of the regularisation (`nngplab.preprocessing.ZCA`).
    """
    zca = ZCA(epsilon, left_right_flips(SHAPE)).fit(train.X)
    return {"epsilon": np.array(epsilon), "mean": zca.mean_, "components": zca.components_}


def whiten(samples: Samples, whitening: Mapping[str, Array]) -> Samples:
    """Return samples whitened with the arrays of `fit_whitening`."""
    return replace(samples, X=(samples.X - whitening["mean"]) @ whitening["components"])


def prepare(samples: Samples, hyperparameters: Hyperparameters, whitenings: Iterable[Path] = ()) -> Samples:
    """Return samples whitened with the hyper-parameter `zca`, and as they are where it is missing or None.

    Args:
        samples: the samples.
        hyperparameters: those of a model.
        whitenings: files with the arrays of `fit_whitening`; that with the epsilon `zca` is used.
    """
    epsilon = hyperparameters.get("zca")
    if epsilon is None:
        return samples
    for path in whitenings:
        with np.load(path) as file:
            if file["epsilon"] == epsilon:
                return whiten(samples, file)
    raise ValueError(f"there is no file with the whitening of strength {epsilon}")


def averaged_over_flips(kernel: Kernel, features: int) -> Kernel:
    """Return the mean of a kernel of images over their flips; features beyond the pixels stay where they are."""
    flips = left_right_flips(SHAPE)
    pixels = flips.shape[1]
    others = np.broadcast_to(np.arange(pixels, features), (len(flips), features - pixels))
    return GroupAverage(kernel, np.hstack([flips, others]))
