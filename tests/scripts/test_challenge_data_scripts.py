"""Problem 13: the scripts that write the samples for the selection and for the test."""

import json
from pathlib import Path

import numpy as np
import pytest

from nngplab.datasets.challenge import COURSE_SHAPES, draw_stand_in
from nngplab.datasets.cifar10 import FOLDER
from nngplab.problems import challenge
from tests.helpers.cifar10_images import write_images
from tests.helpers.scripts import run_script

SIZES = {"train": 80, "val": 40, "test": 50}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("data"))


def course(folder: Path, n_train: object = None, source: Path | None = None, status: int = 0) -> str:
    options = ["--folder", source or folder / "none", "--seed", 88, *(["--n-train", n_train] if n_train else [])]
    options += ["--selection", folder / "selection.npz", "--test", folder / "test.npz"]
    return run_script("challenge_course_data", *options, "--record", folder / "course.json", status=status)


class TestCourseData:
    def test_the_files_of_the_course(self, tmp_path):
        arrays = {}
        for split, n in SIZES.items():
            arrays[f"X_{split}"] = np.random.default_rng(n).normal(size=(n, 4))
            arrays[f"y_{split}"] = arrays[f"X_{split}"][:, 0]
        for name, array in arrays.items():
            np.savetxt(tmp_path / f"{name}.csv", array, delimiter=",", fmt="%.17g")
        assert course(tmp_path, 70, source=tmp_path) == ""
        selection = challenge.read_selection(tmp_path / "selection.npz")
        np.testing.assert_array_equal(selection.train.X, arrays["X_train"][:70])
        np.testing.assert_array_equal(selection.val.y, arrays["y_val"][:, np.newaxis])
        test = challenge.read_test(tmp_path / "test.npz", tmp_path / "selection.npz")
        np.testing.assert_array_equal(test.X, arrays["X_test"])
        record = json.loads((tmp_path / "course.json").read_text())
        assert (record["stand_in"], record["direction"], record["label"]) == (False, None, "the course's data")
        assert (record["n_train"], record["n_val"], record["n_test"], record["d"]) == (70, 40, 50, 4)
        assert len(record["files"]) == 6

    def test_without_files_the_stand_in_is_named(self, tmp_path):
        assert course(tmp_path) == ""
        record = json.loads((tmp_path / "course.json").read_text())
        assert (record["stand_in"], record["label"]) == (True, "STAND-IN DATA, NOT THE COURSE'S")
        drawn, direction = draw_stand_in(88)
        assert record["direction"] == direction.tolist()
        selection = challenge.read_selection(tmp_path / "selection.npz")
        assert selection.train.X.shape == COURSE_SHAPES["train"]
        np.testing.assert_array_equal(selection.train.X, drawn.X_train)

    def test_the_file_for_selection_holds_no_test_samples(self, tmp_path):
        course(tmp_path, 100)
        with np.load(tmp_path / "selection.npz") as file:
            assert not [name for name in file.files if "test" in name]
            rows = {row.tobytes() for name in ("X_train", "X_val") for row in file[name]}
        with np.load(tmp_path / "test.npz") as file:
            assert set(file.files) == {"X_test", "y_test"}
            assert not rows & {row.tobytes() for row in file["X_test"]}

    def test_some_of_the_six_files_give_one_line(self, tmp_path):
        (tmp_path / "X_train.csv").write_text("1,2\n")
        output = course(tmp_path, source=tmp_path, status=1)
        assert output.startswith("error: ")
        assert "lacks y_train.csv" in output
        assert output.count("\n") == 1

    def test_too_many_rows_give_one_line(self, tmp_path):
        line = "error: challenge.course_train is 6,000, but there are 5,000 training rows: lower it, or null\n"
        assert course(tmp_path, 6000, status=1) == line


def cifar10(data: Path, folder: Path, n_train: object, n_val: int, status: int = 0) -> str:
    options = ["--folder", data / FOLDER, "--files", data / "files.csv", "--provenance", data / "provenance.json"]
    options += [*(["--n-train", n_train] if n_train else []), "--n-val", n_val, "--seed", 88]
    options += ["--selection", folder / "selection.npz", "--test", folder / "test.npz"]
    return run_script("challenge_cifar10_data", *options, "--record", folder / "cifar10.json", status=status)


class TestCifar10Data:
    def test_a_split_of_the_training_images_alone(self, data, tmp_path):
        assert cifar10(data, tmp_path, 200, 50) == ""
        with np.load(tmp_path / "selection.npz") as file:
            train, val = ({image.tobytes() for image in file[name]} for name in ("X_train", "X_val"))
        with np.load(tmp_path / "test.npz") as file:
            test = {image.tobytes() for image in file["X_test"]}
        assert (len(train), len(val), len(test)) == (200, 50, 60)
        assert not train & val
        assert not (train | val) & test

    def test_null_takes_all_but_those_for_validation(self, data, tmp_path):
        cifar10(data, tmp_path, None, 50)
        assert len(challenge.read_selection(tmp_path / "selection.npz").train.X) == 250

    def test_each_channel_is_standardised_by_the_training_part(self, data, tmp_path):
        cifar10(data, tmp_path, 200, 50)
        train = challenge.read_selection(tmp_path / "selection.npz").train
        channels = train.X.reshape(200, 3, 1024)
        np.testing.assert_allclose(channels.mean(axis=(0, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(channels.std(axis=(0, 2)), 1, atol=1e-5)
        assert train.classes
        np.testing.assert_array_equal(train.y.sum(axis=1), 1)

    def test_too_many_images_give_one_line(self, data, tmp_path):
        line = "ask for 280 + 50 images, but there are 300 training images: lower one of them\n"
        assert line in cifar10(data, tmp_path, 280, 50, status=1)
