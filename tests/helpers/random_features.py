"""A small data set for networks with a random first layer, and one such network by hand."""

import numpy as np

from nngplab.datasets.sine_target import sine_target

DATA = sine_target(10, 8, 60, seed=4)


def by_hand(B: np.ndarray) -> tuple[float, float]:
    """The errors of one net, as the problem set writes it: f(x) = sqrt(2) / sqrt(k) A relu(B x)."""
    k = len(B)
    F, F_test = (np.sqrt(2) / np.sqrt(k) * np.maximum(B @ X.T, 0).T for X in (DATA.X, DATA.X_test))
    A = np.linalg.lstsq(F, DATA.y)[0]
    return np.mean((F @ A - DATA.y) ** 2), np.mean((F_test @ A - DATA.y_test) ** 2)
