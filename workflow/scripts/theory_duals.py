"""Tabulate and draw the closed-form dual activations, their power series, and the spectra of their Gram matrices."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.datasets.sine_target import read_sine_target
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import nngp
from nngplab.kernels.tabulated import hermite_coefficients
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.report.figures.style import save
from nngplab.report.figures.theory import plot_duals, plot_spectra

LAST_DEGREE = 8


def main(arguments: argparse.Namespace) -> None:
    duals = duals_table()
    write_csv(duals, arguments.duals)
    save(plot_duals(duals), arguments.duals_figure)

    data = read_sine_target(arguments.data)
    with threadpool_limits(1, "blas"):
        spectra = pd.concat([power_series_table(), eigenvalues_table(data.X)])
    spectra = spectra.assign(n=data.X.shape[0], d=data.X.shape[1], seed=data.seed)
    write_csv(spectra, arguments.spectra)
    save(plot_spectra(spectra), arguments.spectra_figure)


def duals_table() -> pd.DataFrame:
    """Return a row for each activation and correlation."""
    xi = np.linspace(-1, 1, 201)
    return pd.concat(
        pd.DataFrame({"activation": name, "xi": xi, "dual": dual(xi), "derivative": dual.derivative(xi)})
        for name, dual in DUALS.items()
    )


def power_series_table() -> pd.DataFrame:
    """Return a row for each activation and degree, with the squared Hermite coefficients."""
    return pd.concat(
        spectrum_table(name, "coefficient", hermite_coefficients(dual.activation, LAST_DEGREE + 1) ** 2, first=0)
        for name, dual in DUALS.items()
    )


def eigenvalues_table(X: npt.NDArray[Any]) -> pd.DataFrame:
    """Return a row for each activation and eigenvalue of its NNGP Gram matrix of X, in descending order."""
    return pd.concat(
        spectrum_table(name, "eigenvalue", np.linalg.eigvalsh(nngp(X, dual=name))[::-1], first=1) for name in DUALS
    )


def spectrum_table(name: str, quantity: str, values: npt.NDArray[Any], first: int) -> pd.DataFrame:
    index = range(first, first + len(values))
    return pd.DataFrame({"activation": name, "quantity": quantity, "index": index, "value": values})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set of Problem 11, NPZ")
    parser.add_argument("--duals", type=Path, required=True, help="the table of the duals, CSV")
    parser.add_argument("--duals-figure", type=Path, required=True, help="the figure of the duals, SVG or PNG")
    parser.add_argument("--spectra", type=Path, required=True, help="the table of power series and eigenvalues, CSV")
    parser.add_argument("--spectra-figure", type=Path, required=True, help="the figure of the spectra, SVG or PNG")
    run(parser, main)
