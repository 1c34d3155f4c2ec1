"""Samples and small tiles for the tests of kernel regression."""

import numpy as np
import pytest

from nngplab.datasets.sine_target import sine_target
from nngplab.regression import products, tiles


@pytest.fixture(scope="session")
def many():
    """Samples for several tiles of 64 rows, and three outputs."""
    data = sine_target(300, 40, 150, seed=5)
    y = np.stack([data.y, np.cos(3 * data.y), data.X[:, 0]], axis=1)
    return data.X, y, data.X_test


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "tile_size", lambda _: 64)
    monkeypatch.setattr(products, "_rows_together", lambda _: 50)
