"""The figures of the attractors of Problem 4."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from nngplab.report.figures.images import Line, plot_lines
from nngplab.report.figures.style import BLACK, COLOURS, GREY, PIXEL, WIDTH, add_legend, figure_style, power_of_ten

# A class of outputs or limits: its opacity, and its label.
_CLASSES = {
    "image": (1.0, "at this image"),
    "negative": (0.7, "at its negative"),
    "mixture": (0.45, "mixture of images"),
    "elsewhere": (0.15, "elsewhere"),
}
# The names of activations that are not their labels, and the marks of the activations in turn.
_ACTIVATIONS = {"relu": "ReLU"}
_MARKERS = "osDv^"
# Smaller distances and angles are drawn as this.
_ROUNDING = 1e-16
_INPUTS = {"test": "test images", "unseen": "unseen images", "noise": "noise"}


def plot_basins(basins: pd.DataFrame) -> Figure:
    """Draw which training image the inputs are at, or nearest to, after some iterations (Problem 4).

    There is a column of panels for each network, a row for each kind of input, and in each panel a bar for each number
    of iterations.

    Args:
        basins: columns n_images, input ("test", "unseen" or "noise"), iterations, image, image_share, negative_share,
            mixture_share and elsewhere_share. The shares are of the inputs that are nearest to the image: those at the
            image, those at its negative, those between it and other images, and the rest.
    """
    parts = basins.melt(["n_images", "input", "iterations", "image"], [f"{name}_share" for name in _CLASSES])
    parts["outcome"] = parts["variable"].str.removesuffix("_share")
    parts = parts.rename(columns={"image": "nearest", "value": "share"})
    counts = sorted(parts["iterations"].unique())
    return _plot_panels(parts, "iterations", counts, [f"{count:d}" for count in counts], "iterations")


def plot_limits(shares: pd.DataFrame) -> Figure:
    """Draw the limits of inputs for networks that are trained to smaller and smaller errors (Problem 4).

    Args:
        shares: columns n_images, target (the mean squared error to which the network is trained), input ("test",
            "unseen" or "noise"), outcome (the class of the limit), nearest (the nearest image) and share.
    """
    targets = sorted(shares["target"].unique(), reverse=True)
    return _plot_panels(shares, "target", targets, [power_of_ten(target) for target in targets], "error")


def _plot_panels(parts: pd.DataFrame, column: str, values: list[float], labels: list[str], name: str) -> Figure:
    networks = sorted(parts["n_images"].unique())
    # The label of a row of panels needs the height of four bars.
    height = 20 * max(4, len(values)) * len(_INPUTS) + 160
    with figure_style("white"):
        figure = Figure(figsize=(WIDTH, height * PIXEL), layout="constrained")
        panels = figure.subplots(len(_INPUTS), len(networks), sharex=True, sharey=True, squeeze=False)
        for line, (kind, label) in zip(panels, _INPUTS.items(), strict=True):
            for axes, n in zip(line, networks, strict=True):
                chosen = parts[(parts["n_images"] == n) & (parts["input"] == kind)]
                _plot_bars(axes, chosen, column, values)
                axes.set_yticks(range(len(values)), labels)
            line[0].set_ylabel(f"{label}\n{name}")
        panels[0, 0].set(xlim=(0, 1), ylim=(len(values) - 0.5, -0.5), xticks=[0, 0.5, 1])
        panels[0, 0].xaxis.set_major_formatter(PercentFormatter(1))
        for axes, n in zip(panels[0], networks, strict=True):
            axes.set_title("trained on 1 image" if n == 1 else f"trained on {n} images")
        for axes in panels[-1]:
            axes.set_xlabel("share of the inputs")
        _add_legend(figure, networks[-1], set(parts.loc[parts["share"] > 0, "outcome"]))
    return figure


def _plot_bars(axes: Axes, parts: pd.DataFrame, column: str, values: list[float]) -> None:
    """Draw stacked bars, the colour of a part for the nearest image and its opacity for its class."""
    for place, value in enumerate(values):
        left = 0.0
        of_value = parts[parts[column] == value]
        for image in sorted(of_value["nearest"].unique()):
            for outcome, (opacity, _) in _CLASSES.items():
                width = of_value.loc[(of_value["nearest"] == image) & (of_value["outcome"] == outcome), "share"].sum()
                if width > 0:
                    axes.barh(place, width, left=left, color=(_image_colour(image), opacity), lw=0)
                left += width
        if len(of_value) and left < 1 - 1e-9:
            # What is left is at zero or still moves.
            axes.barh(place, 1 - left, left=left, color="none", edgecolor=GREY, hatch="////", lw=0)


def _add_legend(figure: Figure, images: int, outcomes: set[str]) -> None:
    colours = [Patch(color=_image_colour(i), lw=0, label=f"$z_{{{i}}}$") for i in range(1, images + 1)]
    shades = [
        Patch(color=(BLACK, opacity), lw=0, label=label)
        for name, (opacity, label) in _CLASSES.items()
        if name in outcomes
    ]
    if outcomes & {"zero", "moving"}:
        shades.append(Patch(facecolor="none", edgecolor=GREY, hatch="////", lw=0, label="zero, or still moving"))
    columns = min(images, 10)
    add_legend(figure, colours, ncols=columns, title="colour: the nearest training image", handlelength=1.2)
    add_legend(figure, shades, "outside lower center", title="shade: where the input is", handlelength=1.2)


def _image_colour(image: int) -> str:
    """Return the colour of a training image by its number, which starts at 1."""
    return COLOURS[(image - 1) % len(COLOURS)]


def plot_homogeneity(images: pd.DataFrame) -> Figure:
    """Draw the eigenvalue of the Jacobian nearest to 1 at each training image, against the error of its fit.

    The left panel shows the distance of the eigenvalue from 1, and for homogeneous networks the one that the error
    predicts. The right panel shows the angle between its eigenvector and the image. All axes are logarithmic.

    Args:
        images: columns activation, homogeneous, relative_error, distance, predicted_distance and degrees.
    """
    with figure_style():
        figure = Figure(figsize=(WIDTH, 300 * PIXEL), layout="constrained")
        left, right = figure.subplots(1, 2, sharex=True)
        handles = []
        for index, (activation, rows) in enumerate(images.groupby("activation", sort=False)):
            style: dict[str, Any] = {"ls": "", "marker": _MARKERS[index % len(_MARKERS)], "ms": 5, "mew": 1.2}
            style |= {
                "color": COLOURS[index % len(COLOURS)],
                "mfc": "none",
                "label": _ACTIVATIONS.get(str(activation), activation),
            }
            handles += left.plot(rows["relative_error"], _positive(rows["distance"]), **style)
            right.plot(rows["relative_error"], _positive(rows["degrees"]), **style)
        predicted = images[images["homogeneous"]]
        handles += left.plot(
            predicted["relative_error"],
            _positive(predicted["predicted_distance"]),
            "+",
            color=BLACK,
            ms=4,
            label="predicted by homogeneity and the error",
        )
        left.set(xscale="log", yscale="log", ylabel="distance of the eigenvalue from 1")
        right.set(yscale="log", ylabel="angle of the eigenvector to $z$, degrees")
        for axes in (left, right):
            axes.set_xlabel("relative error $||f(z) - z||\\, /\\, ||z||$")
        add_legend(figure, handles)
    return figure


def _positive(values: "pd.Series[float]") -> "pd.Series[float]":
    """Return the values with rounding errors instead of zeros, which have no place on a logarithmic axis."""
    return values.clip(lower=_ROUNDING)


def plot_limit_images(rows: dict[str, tuple[npt.NDArray[np.uint8], list[str]]], title: str) -> Figure:
    """Draw labelled rows of colour images, each image under a title of its own.

    Args:
        rows: the label of each row -> its images (n, 3, h, w), channels first, and their n titles. Rows can have
            different lengths.
        title: the title of the figure.
    """
    return plot_lines([Line(label, *row) for label, row in rows.items()], title)
