"""The figure of Problem 11."""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nngplab.report.figures.kernel_colours import KERNEL_COLOURS, kernel_colours
from nngplab.report.figures.style import BLACK, DARK_GREY, PIXEL, WHITE, WIDTH, add_legend, figure_style
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
