"""The files of the course challenge: read to the last digit, each fault really made, and the stand-in for them."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nngplab.datasets import challenge
from nngplab.datasets.challenge import (
    COURSE_SHAPES,
    FILES,
    draw_stand_in,
    find_course_files,
    read_course_data,
    stand_in_target,
)
from tests.helpers.course_files import SMALL, refused, same, write, write_small_files


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_small_files(tmp_path)


def change(path: Path, row: int, new: str, column: int | None = None) -> None:
    """Put another text for a row, or for one field of it; both are counted from 1."""
    lines = path.read_text().splitlines()
    if column is None:
        lines[row - 1] = new
    else:
        fields = lines[row - 1].split(",")
        fields[column - 1] = new
        lines[row - 1] = ",".join(fields)
    path.write_text("\n".join(lines) + "\n")


class TestReading:
    def test_shapes_and_order(self, folder):
        course = read_course_data(folder)
        for split, n in SMALL.items():
            X, y = getattr(course, f"X_{split}"), getattr(course, f"y_{split}")
            assert (X.shape, y.shape, X.dtype, y.dtype) == ((n, 4), (n,), np.float64, np.float64)
        assert course.X_val[1, 2] == float((folder / "X_val.csv").read_text().splitlines()[1].split(",")[2])

    @given(arrays(np.float64, (3, 2), elements=st.floats(allow_nan=False, allow_infinity=False)))
    def test_every_finite_number_is_read_to_the_last_bit(self, tmp_path_factory, X):
        folder = tmp_path_factory.mktemp("course")
        for split in COURSE_SHAPES:
            write(folder / f"X_{split}.csv", X)
            write(folder / f"y_{split}.csv", X[:, :1])
        course = read_course_data(folder)
        np.testing.assert_array_equal(course.X_test.view(np.int64), X.view(np.int64))
        np.testing.assert_array_equal(course.y_val, X[:, 0])

    @pytest.mark.parametrize(
        "rewrite",
        [
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.replace(",", " , "),
            lambda text: "\ufeff" + text,
            lambda text: text.rstrip("\n"),
            lambda text: text + "\n\n",
        ],
        ids=["Windows", "blanks", "byte order mark", "no last line end", "blank last lines"],
    )
    def test_what_spreadsheets_make_of_it(self, folder, rewrite):
        before = read_course_data(folder)
        for path in find_course_files(folder):
            path.write_bytes(rewrite(path.read_text()).encode())
        assert same(read_course_data(folder), before)

    def test_one_feature(self, folder):
        for split, n in SMALL.items():
            write(folder / f"X_{split}.csv", np.zeros((n, 1)))
        assert read_course_data(folder).X_train.shape == (6, 1)


class TestFiles:
    def test_the_files_that_are_there(self, folder):
        assert [path.name for path in find_course_files(folder)] == [
            "X_train.csv", "y_train.csv", "X_val.csv", "y_val.csv", "X_test.csv", "y_test.csv",
        ]  # fmt: skip
        (folder / "X_val.csv").unlink()
        (folder / "X_val.csv").mkdir()
        (folder / "y_test.csv").unlink()
        assert [path.name for path in find_course_files(folder)] == [
            "X_train.csv",
            "y_train.csv",
            "X_val.csv",
            "y_val.csv",
            "X_test.csv",
        ]
        assert find_course_files(folder / "nowhere") == []

    def test_some_but_not_all(self, folder):
        (folder / "X_val.csv").unlink()
        (folder / "y_test.csv").unlink()
        assert refused(folder) == (
            f"{folder} lacks X_val.csv, y_test.csv: put all six files of the challenge there, or none"
        )


class TestFaults:
    @pytest.mark.parametrize(
        "field", ["", "abc", "1.5x", "1_0", "nan", "NaN", "inf", "-Infinity", "1e999", '"1"', "\u0661"]
    )
    def test_what_is_no_finite_number(self, folder, field):
        change(folder / "X_val.csv", 2, field, column=3)
        assert refused(folder) == (
            f"{folder / 'X_val.csv'}, row 2, column 3: {field!r} is not a finite number: "
            "correct it, or remove the sample from both X and y"
        )

    @given(st.sampled_from(FILES), st.data())
    def test_the_first_fault_is_reported(self, tmp_path_factory, name, data):
        folder = tmp_path_factory.mktemp("course")
        for split, n in SMALL.items():
            write(folder / f"X_{split}.csv", np.full((n, 4), 0.5))
            write(folder / f"y_{split}.csv", np.full((n, 1), 0.5))
        path = folder / name
        width = 4 if name.startswith("X") else 1
        places = st.tuples(st.integers(2, SMALL[path.stem[2:]]), st.integers(1, width))
        faults = data.draw(st.lists(places, min_size=1, max_size=3))
        for row, column in faults:
            change(path, row, "none", column)
        row, column = min(faults)
        assert refused(folder).startswith(f"{path}, row {row}, column {column}: 'none' is not a finite number")

    def test_blank_lines_count_as_lines(self, folder):
        text = (folder / "X_test.csv").read_text()
        (folder / "X_test.csv").write_text("\n\n" + text.replace("\n", "\n\n"))
        read_course_data(folder)
        change(folder / "X_test.csv", 5, "none", column=1)
        assert f"{folder / 'X_test.csv'}, row 5, column 1: 'none'" in refused(folder)

    @pytest.mark.parametrize(
        ("name", "row", "line", "message"),
        [
            (
                "X_train.csv",
                4,
                "1,2,3",
                "row 4: the number of columns is 3 instead of 4: correct the row, with commas between numbers",
            ),
            (
                "X_train.csv",
                6,
                "1,2,3,4,5",
                "row 6: the number of columns is 5 instead of 4: correct the row, with commas between numbers",
            ),
            (
                "X_test.csv",
                2,
                "1,2,3,4,",
                "row 2: the number of columns is 5 instead of 4: correct the row, with commas between numbers",
            ),
            (
                "X_test.csv",
                2,
                "1;2;3;4",
                "row 2: the number of columns is 1 instead of 4: correct the row, with commas between numbers",
            ),
            (
                "y_val.csv",
                1,
                "1,2",
                "row 1: the number of columns is 2 instead of 1: correct the row, with commas between numbers",
            ),
            (
                "y_train.csv",
                3,
                "7,8",
                "row 3: the number of columns is 2 instead of 1: correct the row, with commas between numbers",
            ),
        ],
    )
    def test_a_row_of_another_length(self, folder, name, row, line, message):
        change(folder / name, row, line)
        assert refused(folder) == f"{folder / name}, {message}"

    @pytest.mark.parametrize(
        ("name", "line"), [("X_train.csv", "a,b,c,d"), ("X_val.csv", '"x1","x2","x3","x4"'), ("y_test.csv", "target")]
    )
    def test_a_header(self, folder, name, line):
        path = folder / name
        path.write_text(f"{line}\n{path.read_text()}")
        assert refused(folder) == f"{path}, row 1: {line!r} is a header line: remove it"

    def test_the_header_that_pandas_writes(self, folder):
        course = read_course_data(folder)
        for name in FILES:
            pd.DataFrame(getattr(course, Path(name).stem)).to_csv(folder / name, index=False)
        assert refused(folder) == (
            f"{folder / 'X_train.csv'}, row 1: the numbers 0, 1, 2, ... are a header line: remove it"
        )

    def test_a_first_row_like_that_header_in_two_columns(self, folder):
        for split in SMALL:
            (folder / f"X_{split}.csv").write_text("0,1\n" * SMALL[split])
        np.testing.assert_array_equal(read_course_data(folder).X_train, [[0, 1]] * 6)

    @pytest.mark.parametrize("content", ["", "\n\n", "  \n"])
    def test_an_empty_file(self, folder, content):
        (folder / "y_train.csv").write_text(content)
        assert refused(folder) == f"{folder / 'y_train.csv'} is empty: fill it, or remove all six files"

    def test_a_sample_without_a_target(self, folder):
        write(folder / "y_val.csv", np.zeros((2, 1)))
        assert refused(folder) == (
            f"{folder / 'X_val.csv'} has 3 rows and y_val.csv 2: give each sample its target, in the same order"
        )

    def test_other_features_in_one_split(self, folder):
        write(folder / "X_test.csv", np.zeros((4, 5)))
        assert refused(folder) == (
            f"{folder / 'X_test.csv'} has 5 columns and X_train.csv 4: give all samples the same features"
        )

    @pytest.mark.parametrize("content", [b"\x80\x04\x95pickle", np.zeros(4).tobytes() + b"\xff", b"1,2\n\xff\xfe\n"])
    def test_a_file_that_is_no_text(self, folder, content):
        (folder / "X_train.csv").write_bytes(content)
        message = refused(folder)
        assert re.search(r"X_train.csv is not a text file \(byte \d+\): save it as CSV in UTF-8$", message)

    def test_a_long_text_is_cut_short(self, folder):
        change(folder / "X_train.csv", 2, "z" * 10_000, column=1)
        assert len(refused(folder)) < len(str(folder)) + 200

    def test_a_huge_file_is_not_read(self, folder, monkeypatch):
        monkeypatch.setattr(challenge, "MAX_FILE_SIZE", 20)
        size = (folder / "X_train.csv").stat().st_size
        assert refused(folder) == (
            f"{folder / 'X_train.csv'} has {size} bytes, more than 20: check that it is the right file"
        )

    @pytest.mark.parametrize(
        ("make", "named"),
        [
            (Path.mkdir, "is a folder: replace it by a file"),
            (os.mkfifo, "is a device or a pipe: replace it by a file"),
            (lambda path: path.symlink_to("/dev/zero"), "is a device or a pipe: replace it by a file"),
            (
                lambda path: path.symlink_to(path),
                "cannot be read (Too many levels of symbolic links): correct the path",
            ),
        ],
        ids=["folder", "pipe", "device", "link to itself"],
    )
    def test_what_is_no_file(self, folder, make, named):
        (folder / "y_val.csv").unlink()
        make(folder / "y_val.csv")
        assert refused(folder).startswith(f"{folder / 'y_val.csv'} {named}")

    def test_broken_links_are_no_reason_for_the_stand_in(self, tmp_path):
        for name in FILES:
            (tmp_path / name).symlink_to("unmounted")
        assert refused(tmp_path) == f"there is no file {tmp_path / 'X_train.csv'}: correct the path"


class TestStandin:
    def test_shapes_and_truth(self):
        course, u = draw_stand_in(88)
        assert u.shape == (50,)
        assert np.linalg.norm(u) == pytest.approx(1, rel=1e-12)
        assert np.sum(u**2) / np.sum(u**4) > 10, "dense: many features share in the direction"
        for split, shape in COURSE_SHAPES.items():
            X, y = getattr(course, f"X_{split}"), getattr(course, f"y_{split}")
            assert (X.shape, y.shape) == (shape, shape[:1])
            t = X @ u
            np.testing.assert_allclose(y, t + (1 + t * t) ** 0.5 + np.sin(2.5 * t), rtol=1e-12, atol=1e-14)

    def test_the_test_rows_reach_beyond_the_training_range(self):
        course, u = draw_stand_in(88)
        train, test = np.abs(course.X_train @ u), np.abs(course.X_test @ u)
        assert np.sum(test > train.max()) >= 5
        assert course.X_test.std() > 1.1 * course.X_train.std()

    def test_it_depends_on_the_seed_alone(self):
        (one, u), (again, v), (other, w) = draw_stand_in(88), draw_stand_in(88), draw_stand_in(89)
        assert same(one, again)
        np.testing.assert_array_equal(u, v)
        assert not np.array_equal(u, w)
        assert not np.intersect1d(one.X_train, other.X_train).size

    @given(st.floats(-10, 10))
    def test_the_target_is_smooth(self, t):
        """Its slope, 1 + t / sqrt(1 + t²) + 5/2 cos(5 t / 2), never exceeds 4.5."""
        h = 1e-4
        slope = (stand_in_target(np.array(t + h)) - stand_in_target(np.array(t - h))) / (2 * h)
        assert slope == pytest.approx(1 + t / np.sqrt(1 + t * t) + 2.5 * np.cos(2.5 * t), abs=1e-5)

    def test_it_survives_its_files(self, tmp_path):
        course, _ = draw_stand_in(88)
        for name in FILES:
            np.savetxt(tmp_path / name, getattr(course, Path(name).stem), delimiter=",")
        assert same(read_course_data(tmp_path), course)
