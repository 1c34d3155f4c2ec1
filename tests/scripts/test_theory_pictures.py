"""The tables and pictures of the duals and of the spectra of their kernels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nngplab.datasets.sine_target import sine_target, write_sine_target
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import nngp
from nngplab.report.figures.theory import plot_duals, plot_spectra
from nngplab.report.labels import activation_label
from tests.helpers.scripts import run_script

DATA = sine_target(12, 20, 5, seed=3)
NAMES = ("duals.csv", "duals.svg", "spectra.csv", "spectra.svg")


def draw(folder: Path) -> Path:
    folder.mkdir()
    write_sine_target(DATA, folder / "data.npz")
    options = [(f"--{name.replace('.csv', '').replace('.svg', '-figure')}", folder / name) for name in NAMES]
    run_script("theory_duals", "--data", folder / "data.npz", *(word for option in options for word in option))
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return draw(tmp_path_factory.mktemp("theory") / "one")


def test_the_duals(results):
    table = pd.read_csv(results / "duals.csv")
    assert table["activation"].unique().tolist() == list(DUALS)
    for name, rows in table.groupby("activation"):
        np.testing.assert_array_equal(rows["dual"], DUALS[name](rows["xi"].to_numpy()))
        np.testing.assert_array_equal(rows["derivative"], DUALS[name].derivative(rows["xi"].to_numpy()))
        assert (rows["xi"].min(), rows["xi"].max()) == (-1, 1)


def test_the_spectra(results):
    table = pd.read_csv(results / "spectra.csv")
    assert (table[["n", "d", "seed"]] == [12, 20, 3]).all(axis=None)
    for name, rows in table.groupby("activation"):
        values = rows.set_index(["quantity", "index"])["value"]
        coefficients, eigenvalues = values["coefficient"], values["eigenvalue"]
        # At xi = 0.1, the degrees beyond the eighth are lost in rounding.
        assert np.polynomial.polynomial.polyval(0.1, coefficients) == pytest.approx(DUALS[name](0.1), abs=1e-9)
        K = nngp(DATA.X, dual=name)
        assert eigenvalues.is_monotonic_decreasing
        assert np.sum(eigenvalues) == pytest.approx(np.trace(K))
        assert np.sum(eigenvalues**2) == pytest.approx(np.sum(K**2))


def test_the_same_bytes_twice(results):
    again = draw(results.parent / "two")
    assert [(results / name).read_bytes() for name in NAMES] == [(again / name).read_bytes() for name in NAMES]


def test_a_panel_for_each_dual(results):
    table = pd.read_csv(results / "duals.csv")
    panels = [axes for axes in plot_duals(table).axes if axes.axison]
    assert [axes.get_title() for axes in panels] == [activation_label(name) for name in DUALS]
    for axes, name in zip(panels, DUALS, strict=True):
        rows = table[table["activation"] == name]
        np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), rows["dual"])
        np.testing.assert_array_equal(axes.get_lines()[1].get_ydata(), rows["derivative"])


def test_a_row_for_each_spectrum(results):
    table = pd.read_csv(results / "spectra.csv")
    left, right = plot_spectra(table).axes
    assert [label.get_text() for label in left.get_yticklabels()] == [activation_label(name) for name in DUALS]
    written = [text.get_text() for text in left.texts]
    columns = len(written) // len(DUALS)
    relu = written[columns * list(DUALS).index("relu") :][:columns]
    # 1/pi, 1/2, 1/(2 pi), 0, 1/(24 pi) (Cho and Saul 2009, expanded), in percents; the rest is above degree 8.
    assert relu == ["31.8", "50", "15.9", "", "1.3", "", "0.4", "", "0.2", "0.4"]
    for line, name in zip(right.get_lines(), DUALS, strict=True):
        rows = table[(table["activation"] == name) & (table["quantity"] == "eigenvalue")]
        np.testing.assert_array_equal(line.get_xdata(), rows["value"])
