"""The figure of the attractors of Problem 4."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nngplab.report.figures.style import COLOURS, figure_style

# A column of the table: its opacity, and its label.
_SHARES = {"image_share": (1.0, "at it"), "mixture_share": (0.45, "a mixture"), "elsewhere_share": (0.15, "elsewhere")}
_INPUTS = {"test": "test images", "noise": "noise"}


def plot_basins(basins: pd.DataFrame) -> Figure:
    """Draw which training image the inputs are at, or nearest to, after some iterations (Problem 4).

    There is a column of panels for each network, a row for test images and one for noise, and in each panel a bar for
    each number of iterations.

    Args:
        basins: columns n_images, input ("test" or "noise"), iterations, image, image_share, mixture_share and
            elsewhere_share. The shares are of the inputs that are nearest to the image: those at the image, those
            between it and other images, and the rest.
    """
    networks = sorted(basins["n_images"].unique())
    counts = sorted(basins["iterations"].unique())
    with figure_style("white"):
        figure = Figure(figsize=(3.0 * len(networks) + 0.6, 5.4), layout="constrained")
        panels = figure.subplots(len(_INPUTS), len(networks), sharex=True, sharey=True, squeeze=False)
        for line, (kind, label) in zip(panels, _INPUTS.items(), strict=True):
            for axes, n in zip(line, networks, strict=True):
                _plot_bars(axes, basins[(basins["n_images"] == n) & (basins["input"] == kind)], len(counts))
                axes.set_xlim(0, 1)
                axes.set_yticks(range(len(counts)), [f"{count:d}" for count in counts])
            line[0].set_ylabel(f"{label}\niterations")
        panels[0, 0].invert_yaxis()
        for axes, n in zip(panels[0], networks, strict=True):
            axes.set_title("trained on 1 image" if n == 1 else f"trained on {n} images")
        for axes in panels[-1]:
            axes.set_xlabel("share of the inputs")
        _add_legend(figure, networks[-1])
    return figure


def _plot_bars(axes: Axes, basins: pd.DataFrame, count: int) -> None:
    """Draw `count` stacked bars, the colour of a part for the nearest image and its opacity for the kind of share."""
    left = np.zeros(count)
    for image in sorted(basins["image"].unique()):
        shares = basins[basins["image"] == image].sort_values("iterations")
        for column, (opacity, _) in _SHARES.items():
            width = shares[column].to_numpy()
            axes.barh(range(count), width, left=left, color=(_image_colour(image), opacity), lw=0)
            left += width


def _add_legend(figure: Figure, images: int) -> None:
    handles = [
        *(Patch(color=_image_colour(i), lw=0, label=f"nearest: image {i}") for i in range(1, images + 1)),
        *(Patch(color=("#444444", opacity), lw=0, label=label) for opacity, label in _SHARES.values()),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5), frameon=False, fontsize=9.5)


def _image_colour(image: int) -> str:
    """Return the colour of a training image by its number, which starts at 1."""
    return COLOURS[(image - 1) % len(COLOURS)]
