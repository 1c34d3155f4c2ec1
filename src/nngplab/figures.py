"""Figures from tidy tables: one look, one colour per kernel, the same bytes for the same table."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from nngplab.errors import InputError
from nngplab.files import written_whole

_COLOURS = seaborn.color_palette("colorblind").as_hex()

# The kernels in the order in which they are listed, each with its name in words and its colour.
_KERNELS = {
    "relu": ("ReLU NNGP", _COLOURS[0]),
    "sine": ("sine NNGP", _COLOURS[1]),
    "erf": ("erf NNGP", _COLOURS[2]),
    "cosine": ("cosine NNGP", _COLOURS[4]),
    "exponential": ("exponential NNGP", _COLOURS[5]),
    "laplace": ("Laplace kernel", _COLOURS[3]),
    "linear": ("linear kernel", "#777777"),
    "zero": ("zero predictor", "#222222"),
}
_MARK_COLOUR = "#c00000"


def kernel_label(kernel: str) -> str:
    """Return the name in words of a kernel or baseline: "relu" is the ReLU NNGP.

    Raises:
        InputError: for a kernel without a name here.
    """
    return _known(kernel)[0]


def save(figure: Figure, path: str | os.PathLike[str], mark: str | None = None) -> None:
    """Write a figure as .svg or .png, whole or not at all; the same figure gives the same bytes.

    Args:
        figure: the figure; a mark is added to it.
        path: its suffix, .svg or .png, is the format.
        mark: words printed in red across the foot, for a figure that could be taken for what it is not.

    Raises:
        InputError: if the suffix is neither.
    """
    # Left out, these would put the time, or the version of matplotlib, into the file.
    undated: dict[str, dict[str, str | None]] = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
    suffix = Path(path).suffix
    if suffix not in undated:
        raise InputError(f"{path}: a figure is written as .svg or .png, not as '{suffix}'; change the suffix")
    if mark:
        figure.supxlabel(mark, color=_MARK_COLOUR, weight="bold", fontsize=13, parse_math=False)
    # Identifiers inside an SVG are random unless salted.
    with matplotlib.rc_context({"svg.hashsalt": "nngplab"}), written_whole(path) as beside:
        figure.savefig(beside, dpi=160, metadata=undated[suffix])


def image_grid(images: npt.NDArray[np.uint8], titles: Sequence[str], columns: int = 10, title: str = "") -> Figure:
    """Draw colour images in a grid, each under its title.

    Args:
        images: (n, 3, h, w), channels first as torch has them, 0 to 255.
        titles: n titles, one an image.
        columns: images in a row.
        title: written above the grid.

    Raises:
        InputError: if the images have another shape or type, or the titles another number.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != np.uint8 or len(images) == 0:
        raise InputError(f"image_grid: images are {images.dtype} of shape {images.shape}; give uint8 of (n, 3, h, w)")
    if len(titles) != len(images):
        raise InputError(f"image_grid: {len(titles)} titles for {len(images)} images; give one title an image")
    rows = math.ceil(len(images) / columns)
    with _style("white"):
        figure = Figure(figsize=(columns, 1.22 * rows + (0.4 if title else 0)), layout="constrained")
        for axes in figure.subplots(rows, columns, squeeze=False).flat:
            axes.set_axis_off()
        for axes, image, words in zip(figure.axes, images, titles, strict=False):
            axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
            axes.set_title(words, fontsize=9, pad=3, parse_math=False)
        if title:
            figure.suptitle(title, parse_math=False)
    return figure


def kernel_regression_repeats(test_mse: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Draw the test MSE of each kernel over the repeats (Problem 11), the best mean at the top.

    The left panel has the test MSE itself. The right one divides it by that of the linear kernel on the same data,
    which takes away what all kernels share in one draw of the data.

    Args:
        test_mse: columns kernel, repeat (0 is the headline data set), test_mse; one row a kernel and repeat.
        summary: columns kernel, mean_test_mse, mean_low, mean_high; one row a kernel.
    """
    zero = summary.set_index("kernel").loc["zero"]
    ranking = summary[summary["kernel"] != "zero"].sort_values("mean_test_mse", kind="stable").set_index("kernel")
    linear = test_mse[test_mse["kernel"] == "linear"].set_index("repeat")["test_mse"]
    repeats = test_mse.assign(ratio=test_mse["test_mse"] / test_mse["repeat"].map(linear))
    with _style():
        figure = Figure(figsize=(9.2, 0.62 * len(ranking) + 1.75), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for row, (kernel, mean) in enumerate(ranking.iterrows()):
            colour = _known(str(kernel))[1]
            of_kernel = repeats[repeats["kernel"] == kernel]
            others, headline = of_kernel[of_kernel["repeat"] > 0], of_kernel[of_kernel["repeat"] == 0]
            heights = row + _spread(len(others))
            for axes, column in ((left, "test_mse"), (right, "ratio")):
                axes.plot(others[column], heights, "o", ms=3.2, mew=0, alpha=0.45, color=colour)
                axes.plot(headline[column], [row] * len(headline), "*", ms=13, mec="white", mew=0.8, color=colour)
            bar = [[mean["mean_test_mse"] - mean["mean_low"]], [mean["mean_high"] - mean["mean_test_mse"]]]
            left.errorbar(mean["mean_test_mse"], row + 0.36, xerr=bar, fmt="D", ms=4, capsize=3, color="black")
        left.axvline(zero["mean_test_mse"], color=_known("zero")[1], ls="--", lw=1.2)
        right.axvline(1, color=_known("linear")[1], lw=1.2)
        left.set_yticks(range(len(ranking)), [kernel_label(str(kernel)) for kernel in ranking.index])
        left.set_ylim(len(ranking) - 0.45, -0.6)
        left.set_xlabel("test MSE")
        right.set_xlabel("test MSE ÷ that of the linear kernel on the same data")
        left.ticklabel_format(axis="x", style="sci", scilimits=(0, 0), useMathText=True)
        _key_of_repeats(figure, left)
    return figure


def width_sweep_curve(summary: pd.DataFrame) -> Figure:
    """Draw test MSE against the width k (Problem 12), both axes logarithmic.

    The median over the draws has a line, with bands from quantile 5 to 95% and 25 to 75%. Widths of the sheet have
    filled marks, others hollow ones. Lines mark the NNGP (k to infinity), the zero predictor and the interpolation
    threshold k = n.

    Args:
        summary: columns k, on_sheet, median_test_mse, q05, q25, q75, q95, nngp_test_mse, zero_test_mse, n; one row a k.
    """
    summary = summary.sort_values("k", ignore_index=True)
    width, first = summary["k"], summary.iloc[0]
    blue, red, dark = _known("relu")[1], _known("laplace")[1], _known("zero")[1]
    with _style():
        figure = Figure(figsize=(9.2, 5.4), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.fill_between(
            width, summary["q05"], summary["q95"], color=blue, alpha=0.16, lw=0, label="5 to 95% of draws"
        )
        axes.fill_between(
            width, summary["q25"], summary["q75"], color=blue, alpha=0.3, lw=0, label="25 to 75% of draws"
        )
        axes.plot(width, summary["median_test_mse"], color=blue, lw=1.8, label="median of the draws")
        for on_sheet, fill, words in (
            (True, blue, "width of the sheet"),
            (False, "white", "width added to the sheet's"),
        ):
            some = summary[summary["on_sheet"] == on_sheet]
            if len(some):
                axes.plot(
                    some["k"], some["median_test_mse"], "o", ms=7, mfc=fill, mec=blue, mew=1.6, zorder=3, label=words
                )
        axes.axhline(first["nngp_test_mse"], color=red, lw=1.8, label="NNGP ($k \\to \\infty$)")
        axes.axhline(first["zero_test_mse"], color=dark, ls="--", lw=1.2, label="zero predictor")
        axes.axvline(first["n"], color=dark, ls=":", lw=1.4)
        axes.annotate(
            f"$k = n = {first['n']:d}$\ninterpolation threshold",
            (first["n"], 1),
            xycoords=("data", "axes fraction"),
            xytext=(6, -6),
            textcoords="offset points",
            va="top",
            fontsize=10,
        )
        sheet = set(summary.loc[summary["on_sheet"], "k"])
        ticks = [k for k in width if k in sheet or all(max(k / other, other / k) > 1.5 for other in sheet)]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{k:d}" for k in ticks]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("width $k$")
        axes.set_ylabel("test MSE")
        axes.legend(loc="upper left", fontsize=9.5, frameon=True, framealpha=0.9)
    return figure


def _known(kernel: str) -> tuple[str, str]:
    if kernel not in _KERNELS:
        raise InputError(f"figures: no name and colour for the kernel {kernel!r}; known are {', '.join(_KERNELS)}")
    return _KERNELS[kernel]


@contextmanager
def _style(name: str = "whitegrid") -> Iterator[None]:
    with matplotlib.rc_context({**seaborn.axes_style(name), "axes.titlesize": 11, "font.family": "DejaVu Sans"}):
        yield


def _spread(count: int) -> npt.NDArray[np.float64]:
    """Spread `count` points evenly over [-0.22, 0.22], neighbours far apart: a jitter without randomness."""
    golden = (math.sqrt(5) - 1) / 2
    return np.asarray(0.44 * ((np.arange(count) * golden) % 1 - 0.5))


def _key_of_repeats(figure: Figure, axes: Axes) -> None:
    grey = "#555555"
    handles = [
        *axes.plot([], [], "o", ms=4, mew=0, color=grey, label="one repeat"),
        *axes.plot([], [], "*", ms=11, color=grey, label="headline data set"),
        *axes.plot([], [], "D", ms=4, color="black", label="mean of the repeats (95% interval)"),
        *axes.plot([], [], "--", lw=1.2, color=_known("zero")[1], label="zero predictor"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9.5)
