"""Small files of the course challenge, and what reading them says."""

from pathlib import Path

import numpy as np
import pytest

from nngplab.datasets.challenge import FILES, CourseData, read_course_data
from nngplab.errors import InputError

SMALL = {"train": 6, "val": 3, "test": 4}


def write_small_files(folder: Path) -> Path:
    """Write six small files, four columns in X."""
    random = np.random.default_rng(0)
    for split, n in SMALL.items():
        write(folder / f"X_{split}.csv", random.standard_normal((n, 4)))
        write(folder / f"y_{split}.csv", random.standard_normal((n, 1)))
    return folder


def write(path: Path, table: np.ndarray) -> None:
    path.write_text("".join(",".join(map(repr, row)) + "\n" for row in table.tolist()))


def refused(folder: Path) -> str:
    """Return what reading the folder says, which must be a single line."""
    with pytest.raises(InputError) as caught:
        read_course_data(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same(one: CourseData, other: CourseData) -> bool:
    return all(np.array_equal(getattr(one, Path(name).stem), getattr(other, Path(name).stem)) for name in FILES)
