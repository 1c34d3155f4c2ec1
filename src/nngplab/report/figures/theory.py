"""The figures of Problems 5 to 10: dual activations and the spectra of their kernels."""

import math
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from nngplab.report.figures.style import (
    BLACK,
    COLOURS,
    LIGHT_GREY,
    PIXEL,
    WHITE,
    WIDTH,
    add_legend,
    figure_style,
    shade_colours,
)
from nngplab.report.labels import activation_label


def plot_duals(duals: pd.DataFrame) -> Figure:
    """Draw each dual activation and its derivative against the correlation; a panel for each activation.

    Args:
        duals: columns activation, xi, dual, derivative; the derivative may be infinite.
    """
    activations = list(duals["activation"].unique())
    columns = 5
    rows = math.ceil(len(activations) / columns)
    dual_style = {"color": COLOURS[0], "lw": 2}
    derivative_style = {"color": COLOURS[1], "lw": 1.4, "ls": "--"}
    with figure_style():
        figure = Figure(figsize=(WIDTH, (140 * rows + 60) * PIXEL), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in panels.flat[len(activations) :]:
            axes.set_axis_off()
        for axes, activation in zip(panels.flat, activations, strict=False):
            curve = duals[duals["activation"] == activation]
            axes.plot(curve["xi"], curve["dual"], **dual_style)
            axes.plot(curve["xi"], curve["derivative"], **derivative_style)
            axes.set_title(activation_label(activation))
        panels[0, 0].set_xlim(-1, 1)
        panels[0, 0].set_xticks([-1, 0, 1])
        panels[0, 0].set_ylim(-1.15, 2.3)
        figure.supxlabel("correlation $\\xi$")
        handles = [
            *panels[0, 0].plot([], [], **dual_style, label="dual activation, normalised"),
            *panels[0, 0].plot([], [], **derivative_style, label="its derivative"),
        ]
        add_legend(figure, handles)
    return figure


def plot_spectra(spectra: pd.DataFrame) -> Figure:
    """Draw the power series of each dual and the spectrum of its kernel; a row for each activation.

    The left panel shows the coefficients of the power series of the dual, in percent of its value at one, and the sum
    of the coefficients of all higher degrees. The right panel shows the eigenvalues of the Gram matrix on one data set,
    on a logarithmic axis.

    Args:
        spectra: columns activation, quantity ("coefficient" or "eigenvalue"), index (the degree, or the rank of the
            eigenvalue), value, n, d.
    """
    activations = list(spectra["activation"].unique())
    coefficients = spectra[spectra["quantity"] == "coefficient"]
    eigenvalues = spectra[spectra["quantity"] == "eigenvalue"]
    shares = 100 * coefficients.pivot_table(index="activation", columns="index", values="value").reindex(activations)
    shares[f"> {shares.columns[-1]}"] = 100 - shares.sum(axis=1)
    shares = shares.round(1)
    texts = shares.map(lambda share: f"{share:g}" if share else "")
    first = spectra.iloc[0]
    with figure_style("white"):
        figure = Figure(figsize=(WIDTH, (28 * len(activations) + 70) * PIXEL), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[5, 4])
        annotations: dict[str, Any] = {"annot": texts, "fmt": "", "annot_kws": {"color": BLACK}}
        cells: dict[str, Any] = {"cmap": shade_colours(), "linecolor": WHITE, "linewidths": 0.5}
        seaborn.heatmap(shares, ax=left, vmin=0, vmax=100, cbar=False, **cells, **annotations)
        left.set_yticks(np.arange(len(activations)) + 0.5, [activation_label(name) for name in activations], rotation=0)
        left.set_xlabel("degree")
        left.set_ylabel("")
        left.set_title("coefficients of the power series, %")
        for row, activation in enumerate(activations):
            values = eigenvalues.loc[eigenvalues["activation"] == activation, "value"]
            right.plot(values, [row + 0.5] * len(values), "|", ms=9, mew=0.8, color=COLOURS[0], rasterized=True)
        right.set_xscale("log")
        right.grid(visible=True, axis="x", color=LIGHT_GREY)
        right.set_xlabel("eigenvalue")
        right.set_title(f"Gram matrix of {first['n']:d} points, d = {first['d']:d}")
    return figure
