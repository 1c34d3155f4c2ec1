"""The figures of Problem 11."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from nngplab.report.figures.kernel_colours import KERNEL_COLOURS, kernel_colours
from nngplab.report.figures.style import BLACK, DARK_GREY, PIXEL, WHITE, WIDTH, add_legend, figure_style, interval_bars
from nngplab.report.labels import kernel_label


def plot_test_mse(test_mse: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Draw the test MSE of each kernel over the repeats (Problem 11), with the best mean at the top.

    The left panel shows the test MSE. The right panel shows it divided by that of the linear kernel on the same data,
    which removes what all kernels share in one draw of the data.

    Args:
        test_mse: columns kernel, repeat (0 is the headline data set), test_mse; one row for each kernel and repeat.
        summary: columns kernel, mean_test_mse, mean_low, mean_high; one row for each kernel.
    """
    zero = summary.set_index("kernel").loc["zero"]
    ranking = summary[summary["kernel"] != "zero"].sort_values("mean_test_mse", kind="stable").set_index("kernel")
    linear = test_mse[test_mse["kernel"] == "linear"].set_index("repeat")["test_mse"]
    colours = kernel_colours(test_mse["kernel"])
    repeats = test_mse.assign(ratio=test_mse["test_mse"] / test_mse["repeat"].map(linear))
    with figure_style():
        figure = Figure(figsize=(WIDTH, (48 * len(ranking) + 110) * PIXEL), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for row, (kernel, mean) in enumerate(ranking.iterrows()):
            colour = colours[str(kernel)]
            of_kernel = repeats[repeats["kernel"] == kernel]
            others, headline = of_kernel[of_kernel["repeat"] > 0], of_kernel[of_kernel["repeat"] == 0]
            heights = row + _jitter(len(others))
            for axes, column in ((left, "test_mse"), (right, "ratio")):
                axes.plot(others[column], heights, "o", ms=3, mew=0, alpha=0.6, color=colour, rasterized=True)
                axes.plot(headline[column], [row] * len(headline), "*", ms=11, mec=WHITE, mew=0.8, color=colour)
            bar = [[mean["mean_test_mse"] - mean["mean_low"]], [mean["mean_high"] - mean["mean_test_mse"]]]
            # One repeat alone has no finite interval.
            bars = bar if np.isfinite(bar).all() else None
            left.errorbar(mean["mean_test_mse"], row + 0.36, xerr=bars, fmt="D", ms=4, capsize=3, color=BLACK)
        left.axvline(zero["mean_test_mse"], color=KERNEL_COLOURS["zero"], ls="--", lw=1.2)
        right.axvline(1, color=KERNEL_COLOURS["linear"], lw=1.2)
        left.set_yticks(range(len(ranking)), [kernel_label(str(kernel)) for kernel in ranking.index])
        left.set_ylim(len(ranking) - 0.45, -0.6)
        left.set_xlabel("test MSE")
        right.set_xlabel("test MSE ÷ test MSE of the linear kernel")
        left.ticklabel_format(axis="x", style="sci", scilimits=(0, 0), useMathText=True)
        _add_legend(figure, left)
    return figure


def _jitter(count: int) -> npt.NDArray[np.float64]:
    """Return `count` offsets in [-0.22, 0.22] that are evenly spread and not random; neighbours are far apart."""
    golden = (math.sqrt(5) - 1) / 2
    return np.asarray(0.44 * ((np.arange(count) * golden) % 1 - 0.5))


def _add_legend(figure: Figure, axes: Axes) -> None:
    handles = [
        *axes.plot([], [], "o", ms=4, mew=0, color=DARK_GREY, label="one repeat"),
        *axes.plot([], [], "*", ms=11, color=DARK_GREY, label="headline data set"),
        *axes.plot([], [], "D", ms=4, color=BLACK, label="mean of the repeats (95% interval)"),
        *axes.plot([], [], "--", lw=1.2, color=KERNEL_COLOURS["zero"], label="zero predictor"),
    ]
    add_legend(figure, handles)


def plot_learning_curves(measured: pd.DataFrame, predicted: pd.DataFrame) -> Figure:
    """Draw the mean test MSE of each kernel against the number of training samples, on logarithmic axes.

    The test MSE is divided by that of predicting zero. Predictions are lines, and measured means are points with their
    interval where it is finite. Lines mark n = d and the number of harmonics of degree 2 and below.

    Args:
        measured: columns kernel, n, measured_mean, measured_low, measured_high, target_power, d,
            harmonics_of_two_degrees; one row for each kernel and n.
        predicted: columns kernel, n, predicted_test_mse; more values of n.
    """
    first = measured.iloc[0]
    colours = kernel_colours(measured["kernel"])
    with figure_style():
        figure = Figure(figsize=(WIDTH, 380 * PIXEL), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        handles = []
        for kernel, group in measured.groupby("kernel", sort=False):
            colour, zero = colours[str(kernel)], group["target_power"].iloc[0]
            line = predicted[predicted["kernel"] == kernel]
            finite = line[np.isfinite(line["predicted_test_mse"])]
            axes.plot(finite["n"], finite["predicted_test_mse"] / zero, color=colour, lw=1.4)
            mean, low, high = (group[f"measured_{name}"] / zero for name in ("mean", "low", "high"))
            style: dict[str, Any] = {
                "ms": 3.5,
                "color": colour,
                "elinewidth": 1.2,
                "capsize": 3,
                "capthick": 1.2,
            }
            axes.errorbar(group["n"], mean, interval_bars(mean, low, high), fmt="o", **style)
            handles += axes.plot([], [], "o-", ms=4, mew=0, lw=1.4, color=colour, label=kernel_label(str(kernel)))
        axes.axhline(1, color=KERNEL_COLOURS["zero"], ls="--", lw=1.2)
        ratio = measured["measured_mean"] / measured["target_power"]
        axes.set_ylim(0.5 * float(ratio.min()), 2 * max(float(ratio.max()), 1))
        handles += axes.plot([], [], "--", lw=1.2, color=KERNEL_COLOURS["zero"], label="zero predictor")
        _mark_numbers(axes, int(first["d"]), int(first["harmonics_of_two_degrees"]))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("number of training samples $n$")
        axes.set_ylabel("test MSE ÷ that of predicting zero")
        add_legend(figure, handles, "outside lower center")
    return figure


def _mark_numbers(axes: Axes, d: int, harmonics: int) -> None:
    """Mark n = d, and the number of harmonics up to degree 2, where they are on the axis."""
    low, high = axes.get_xlim()
    for n, text, side in (
        (d, f"$n = d = {d}$", "right"),
        (harmonics, f"{harmonics} harmonics up to degree 2", "left"),
    ):
        if low < n < high:
            axes.axvline(n, color=BLACK, ls=":", lw=1.4)
            place: dict[str, Any] = {"xytext": (0, 3), "textcoords": "offset points", "va": "bottom"}
            axes.annotate(text, (n, 1), xycoords=("data", "axes fraction"), ha=side, **place)
