"""The results that several modules of tests read."""

from pathlib import Path

import pytest

from nngplab.datasets.cifar10 import FOLDER
from tests.helpers.attractors import make_results


@pytest.fixture(scope="session")
def trained(make_once) -> Path:
    """A folder with images, networks of Problem 4, and their tables."""
    return make_once("attractors", make_results)


@pytest.fixture(scope="session")
def image_options(trained) -> list[object]:
    """The options that name these images."""
    return ["--folder", trained / "data" / FOLDER, "--files", trained / "data/files.csv"]
