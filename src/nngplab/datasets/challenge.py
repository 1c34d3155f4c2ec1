"""The data of the course challenge (sheet, Problem 13): six CSV files, or a synthetic stand-in of the same shapes.

By the rules, X_train.csv and X_test.csv have 5,000 rows and X_val.csv 1,000, of 50 numbers each, and y_train.csv,
y_val.csv and y_test.csv one number a row; none has a header. Any other number of rows and of columns of X is read too.
"""

import io
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.pipeline.seeds import generator

Array = npt.NDArray[Any]

# Rows and columns of X in each split, by the rules.
COURSE_SHAPES = {"train": (5000, 50), "val": (1000, 50), "test": (5000, 50)}
# A file larger than this is not read: the largest of the rules has about 6 MB.
FILE_BYTES = 1 << 26
# How far the test rows of the stand-in reach beyond the training rows.
STANDIN_REACH = 1.2


@dataclass(frozen=True)
class Course:
    """Samples X (n, d) and targets y (n,) of the three splits, float64."""

    X_train: Array
    y_train: Array
    X_val: Array
    y_val: Array
    X_test: Array
    y_test: Array


FILES = [f"{part}_{split}.csv" for split in COURSE_SHAPES for part in "Xy"]


def course_files(folder: Path) -> list[Path]:
    """Return those of the six files that are in the folder, X_train.csv and y_train.csv first."""
    return [folder / name for name in FILES if (folder / name).is_file()]


def read_course(folder: Path) -> Course:
    """Read the six files of the challenge.

    Raises:
        InputError: some are not there, or one is no table of finite numbers, or two do not fit together; the first
            fault is told with its file, its row (as an editor counts lines) and its column, both from 1.
    """
    present = course_files(folder)
    lacking = [name for name in FILES if folder / name not in present]
    if lacking:
        raise InputError(f"{folder} lacks {', '.join(lacking)}: put all six files of the challenge there, or none")
    course: dict[str, Array] = {}
    for split in COURSE_SHAPES:
        X_path, y_path = folder / f"X_{split}.csv", folder / f"y_{split}.csv"
        X, y = _read_table(X_path, columns=None), _read_table(y_path, columns=1)[:, 0]
        if len(X) != len(y):
            raise InputError(
                f"{X_path} has {len(X)} rows and {y_path.name} {len(y)}: give each sample its target, in the same order"
            )
        width = course.setdefault("X_train", X).shape[1]
        if X.shape[1] != width:
            raise InputError(
                f"{X_path} has {X.shape[1]} columns and X_train.csv {width}: give all samples the same features"
            )
        course |= {f"X_{split}": X, f"y_{split}": y}
    return Course(**course)


def course_standin(seed: int) -> tuple[Course, Array]:
    """Draw a synthetic stand-in for the files of the challenge, and return it with its direction u, a unit (50,).

    It imitates what is known of them: shapes, a target that is a function of one dense direction, y = g(u.x), and test
    rows that reach beyond the training range.

    u is uniform on the unit sphere; the entries of X_train and X_val are standard normal, those of X_test
    `STANDIN_REACH` times as large; g is `standin_target`; there is no noise. The waves of g are finer than the ReLU
    NNGP kernel can follow in 50 dimensions with 5,000 samples, while its straight and its bent part can be learnt:
    a method does well here as far as it finds u.

    Args:
        seed: the root seed of the configuration.
    """
    random = generator(seed, "challenge", "stand-in")
    u = random.standard_normal(COURSE_SHAPES["train"][1])
    u /= np.linalg.norm(u)
    course: dict[str, Array] = {}
    for split, shape in COURSE_SHAPES.items():
        X = random.standard_normal(shape) * (STANDIN_REACH if split == "test" else 1)
        course |= {f"X_{split}": X, f"y_{split}": standin_target(X @ u)}
    return Course(**course), u


def standin_target(t: Array) -> Array:
    """Return the target of the stand-in where u.x = t: g(t) = t + sqrt(1 + t^2) + sin(5 t / 2)."""
    return t + np.sqrt(1 + t**2) + np.sin(2.5 * t)


def _read_table(path: Path, columns: int | None) -> Array:
    """Read a CSV file of finite numbers (n, columns); `columns` None stands for as many as the first row has."""
    try:
        size = path.stat().st_size
        if size > FILE_BYTES:
            raise InputError(f"{path} has {size:,} bytes, more than the {FILE_BYTES:,} allowed: is it the right file?")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): mend its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text (byte {error.start + 1}): save it as CSV in UTF-8") from error
    if not text.strip():
        raise InputError(f"{path} is empty: fill it, or remove all six files")
    columns = columns or text.lstrip("\n").partition("\n")[0].count(",") + 1
    table = _parsed(text)
    if table is None or not _is_right(table, columns):
        raise InputError(f"{path}, {next(_faults(text, columns))}")
    # Data may begin with 0 and 1, but not like this.
    if columns > 2 and text.startswith(",".join(map(str, range(columns))) + "\n"):
        raise InputError(f"{path}, row 1: the numbers 0, 1, 2, ... are a header line: remove it")
    return table


def _parsed(text: str) -> Array | None:
    """Return the numbers in lines of text, None if there is anything else."""
    if not text.strip():
        return None
    try:
        return np.loadtxt(io.StringIO(text), delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None


def _is_right(table: Array, columns: int) -> bool:
    return table.shape[1] == columns and bool(np.isfinite(table).all())


def _faults(text: str, columns: int) -> Iterator[str]:
    """Say where a table of which `_parsed` or `_is_right` does not approve goes wrong."""
    for row, line in enumerate(text.split("\n"), start=1):
        table = _parsed(line)
        if not line or (table is not None and _is_right(table, columns)):
            continue
        fields = line.split(",")
        numbers = [_parsed(field) for field in fields]
        if row == 1 and all(number is None for number in numbers) and line.strip(" ,"):
            yield f"row 1: {reprlib.repr(line)} is a header line: remove it"
        if len(fields) != columns:
            yield (
                f"row {row}: the number of columns is {len(fields)} instead of {columns}: "
                "mend the row, with commas between numbers"
            )
        for column, (field, number) in enumerate(zip(fields, numbers, strict=True), start=1):
            if number is None or not np.isfinite(number).all():
                yield (
                    f"row {row}, column {column}: {reprlib.repr(field.strip())} is no finite number: "
                    "mend it, or take the sample out of X and y alike"
                )
