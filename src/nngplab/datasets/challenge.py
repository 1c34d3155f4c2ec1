"""The data of the course challenge (Problem 13): six CSV files, or a synthetic stand-in of the same shapes.

By the rules of the challenge, X_train.csv and X_test.csv have 5,000 rows of 50 numbers, X_val.csv has 1,000 such rows,
and y_train.csv, y_val.csv and y_test.csv have one number in each row. No file has a header. Files with other numbers of
rows, and of columns of X, are read too.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.datasets.csv_numbers import find_error, is_valid, parse
from nngplab.datasets.input_file import read_input_file
from nngplab.errors import InputError
from nngplab.pipeline.seeds import generator

Array = npt.NDArray[Any]

# Rows and columns of X in each split, by the rules of the challenge.
COURSE_SHAPES = {"train": (5000, 50), "val": (1000, 50), "test": (5000, 50)}
# The largest file that is read, in bytes. The largest file of the challenge has about 6 MB.
MAX_FILE_SIZE = 1 << 26
MAX_COLUMNS = 10_000
# Standard deviation of the test inputs of the stand-in; that of the training inputs is 1.
STAND_IN_TEST_SCALE = 1.2


@dataclass(frozen=True)
class CourseData:
    """Inputs X (n, d) and targets y (n,) of the three splits, float64.

    >>> data, u = draw_stand_in(seed=0)
    >>> data
    <CourseData X_train: (5000, 50), X_val: (1000, 50), X_test: (5000, 50)>
    """

    X_train: Array
    y_train: Array
    X_val: Array
    y_val: Array
    X_test: Array
    y_test: Array

    def __repr__(self) -> str:
        shapes = (f"X_{split}: {getattr(self, f'X_{split}').shape}" for split in COURSE_SHAPES)
        return f"<CourseData {', '.join(shapes)}>"


FILES = [f"{part}_{split}.csv" for split in COURSE_SHAPES for part in "Xy"]


def find_course_files(folder: Path) -> list[Path]:
    """Return the paths of those of the six files that exist in the folder, in the order of `FILES`.

    A folder or a broken link with such a name is one of them: reading it is an error, not a reason for the stand-in.
    """
    return [folder / name for name in FILES if os.path.lexists(folder / name)]


def read_course_data(folder: Path) -> CourseData:
    r"""Read the six files of the challenge.

    Raises:
        InputError: if files are missing, a file is not a table of finite numbers, or the sizes of two files differ. The
            message gives the file of the first error, and its row and column, both counted from 1 (blank lines count
            as rows, as in an editor).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for split in ("train", "val", "test"):
    ...         _ = (Path(folder) / f"X_{split}.csv").write_text("1.0,2.0\n3.0,4.0\n")
    ...         _ = (Path(folder) / f"y_{split}.csv").write_text("0.5\n-0.5\n")
    ...     data = read_course_data(Path(folder))
    >>> data.y_train
    array([ 0.5, -0.5])
    """
    present = find_course_files(folder)
    missing = [name for name in FILES if folder / name not in present]
    if missing:
        raise InputError(f"{folder} lacks {', '.join(missing)}: put all six files of the challenge there, or none")
    data: dict[str, Array] = {}
    for split in COURSE_SHAPES:
        X_path, y_path = folder / f"X_{split}.csv", folder / f"y_{split}.csv"
        X, y = _read_table(X_path, columns=None), _read_table(y_path, columns=1)[:, 0]
        if len(X) != len(y):
            raise InputError(
                f"{X_path} has {len(X)} rows and {y_path.name} {len(y)}: give each sample its target, in the same order"
            )
        width = data.setdefault("X_train", X).shape[1]
        if X.shape[1] != width:
            raise InputError(
                f"{X_path} has {X.shape[1]} columns and X_train.csv {width}: give all samples the same features"
            )
        data |= {f"X_{split}": X, f"y_{split}": y}
    return CourseData(**data)


def draw_stand_in(seed: int) -> tuple[CourseData, Array]:
    """Draw a synthetic stand-in for the data of the challenge.

    It imitates what is known of the real data: the shapes, a target y = g(u.x) that depends on one dense direction u,
    and test inputs outside the range of the training inputs.

    The direction u is uniform on the unit sphere. The entries of X_train and X_val are standard normal, and those of
    X_test normal with standard deviation `STAND_IN_TEST_SCALE`. The function g is `stand_in_target`, and there is no
    noise. The ReLU NNGP kernel can learn the linear and the convex term of g from 5,000 samples in 50 dimensions, but
    not the oscillating term. So the error of a method shows how well it finds u.

    Args:
        seed: the root seed of the configuration.

    Returns:
        The data, and the unit vector u (50,).

    >>> data, u = draw_stand_in(seed=0)
    >>> data.X_train.shape, data.y_val.shape, u.shape
    ((5000, 50), (1000,), (50,))
    """
    rng = generator(seed, "challenge", "stand-in")
    u = rng.standard_normal(COURSE_SHAPES["train"][1])
    u /= np.linalg.norm(u)
    data: dict[str, Array] = {}
    for split, shape in COURSE_SHAPES.items():
        X = rng.standard_normal(shape) * (STAND_IN_TEST_SCALE if split == "test" else 1)
        data |= {f"X_{split}": X, f"y_{split}": stand_in_target(X @ u)}
    return CourseData(**data), u


def stand_in_target(t: Array) -> Array:
    """Return the target of the stand-in for u.x = t: g(t) = t + sqrt(1 + t^2) + sin(5 t / 2)."""
    return t + np.sqrt(1 + t**2) + np.sin(2.5 * t)


def _read_table(path: Path, columns: int | None) -> Array:
    """Read a CSV file of finite numbers (n, columns); if `columns` is None, the first row gives their number."""
    text = _read_text(path)
    if not text.strip():
        raise InputError(f"{path} is empty: fill it, or remove all six files")
    columns = columns or text.lstrip("\n").partition("\n")[0].count(",") + 1
    if columns > MAX_COLUMNS:
        raise InputError(f"{path} has {columns:,} columns, more than {MAX_COLUMNS:,}: check that it is the right file")
    table = parse(text)
    if table is None or not is_valid(table, columns):
        raise InputError(f"{path}, {find_error(text, columns)}")
    # The header that pandas writes for columns without names. A row of two columns may well be 0,1.
    if columns > 2 and text.startswith(",".join(map(str, range(columns))) + "\n"):
        raise InputError(f"{path}, row 1: the numbers 0, 1, 2, ... are a header line: remove it")
    return table


def _read_text(path: Path) -> str:
    content = read_input_file(path, MAX_FILE_SIZE)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        kind = "in UTF-16" if utf_16 else f"not a text file (byte {error.start + 1})"
        raise InputError(f"{path} is {kind}: save it as CSV in UTF-8") from error
    if "\0" in text:
        raise InputError(f"{path} is not a text file (byte {content.index(0) + 1}): save it as CSV in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")
