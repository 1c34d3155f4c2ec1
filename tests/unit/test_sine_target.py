"""The data of Problems 11 and 12, against the problem set, line by line."""

import pickle

import numpy as np
import pytest

from nngplab.datasets.sine_target import read_sine_target, sine_target, write_sine_target
from nngplab.errors import InputError
from nngplab.regression.estimator import KernelRegression


def test_the_problem_set_line_by_line():
    np.random.seed(88)
    X = np.random.normal(size=(100, 200))
    X_t = np.random.normal(size=(5000, 200))
    X /= np.linalg.norm(X, axis=1)[:, None]
    X_t /= np.linalg.norm(X_t, axis=1)[:, None]
    data = sine_target(100, 200, 5000, seed=88)
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.X_test, X_t)
    np.testing.assert_allclose(data.y, [sum(np.sin(row)) / 200 for row in X], rtol=1e-12)
    np.testing.assert_allclose(data.y_test, np.sum(np.sin(X_t), axis=1) / 200, rtol=1e-12)


# A student's published solution, with numpy.random.seed(88). Rounding is magnified by the condition number of the Gram
# matrix: 140 at most, but 26,000 with the Laplace kernel.
@pytest.mark.parametrize(
    ("kernel", "published", "tolerance"),
    [
        ("relu", 1.2834868216461425e-05, 1e-12),
        ("sine", 1.1123702543306741e-05, 1e-12),
        ("erf", 1.0596552628058157e-05, 1e-12),
        ("laplace", 1.5891550859031584e-05, 1e-11),
    ],
)
def test_a_published_solution(kernel, published, tolerance):
    data = sine_target(100, 200, 5000, seed=88)
    prediction = KernelRegression(kernel).fit(data.X, data.y).predict(data.X_test)
    assert np.mean((prediction - data.y_test) ** 2) == pytest.approx(published, rel=tolerance)


def test_the_other_reading_changes_the_test_labels_alone():
    data, other = sine_target(100, 200, 5000, 88), sine_target(100, 200, 5000, 88, labels_before_normalising=True)
    for name in ("X", "y", "X_test", "test_norms"):
        np.testing.assert_array_equal(getattr(data, name), getattr(other, name))
    raw = np.random.RandomState(88).normal(size=(5100, 200))[100:]
    np.testing.assert_allclose(other.y_test, np.sin(raw).mean(axis=1), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(data.test_norms[:, None] * data.X_test, raw, rtol=1e-12)
    model = KernelRegression("relu").fit(data.X, data.y)
    mse, other_mse = (np.mean((model.predict(d.X_test) - d.y_test) ** 2) for d in (data, other))
    assert 50 < other_mse / mse < 500


def test_another_seed_gives_other_data_and_the_same_seed_the_same():
    data, same, other = sine_target(5, 3, 4, 1), sine_target(5, 3, 4, 1), sine_target(5, 3, 4, 2)
    np.testing.assert_array_equal(data.X_test, same.X_test)
    assert not np.any(data.X == other.X)


class TestFile:
    def test_what_is_written_is_read(self, tmp_path):
        write_sine_target(sine_target(5, 4, 6, seed=88, labels_before_normalising=True), tmp_path / "a.npz")
        data = read_sine_target(tmp_path / "a.npz")
        again = sine_target(5, 4, 6, seed=88, labels_before_normalising=True)
        for name in ("X", "y", "X_test", "y_test", "test_norms"):
            np.testing.assert_array_equal(getattr(data, name), getattr(again, name))
        assert (data.seed, data.labels_before_normalising) == (88, True)

    @pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off", pickle.dumps({"X": 1})])
    def test_another_file_gives_one_line(self, content, tmp_path):
        (tmp_path / "sine_target.npz").write_bytes(content)
        with pytest.raises(
            InputError, match=r"sine_target\.npz is not a sine-target data set .*: remove it and run again$"
        ):
            read_sine_target(tmp_path / "sine_target.npz")

    def test_so_is_another_archive(self, tmp_path):
        np.savez(tmp_path / "sine_target.npz", X=np.zeros((2, 2)))
        with pytest.raises(InputError, match="not a sine-target data set"):
            read_sine_target(tmp_path / "sine_target.npz")
