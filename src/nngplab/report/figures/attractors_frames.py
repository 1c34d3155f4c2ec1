"""The figure of the angles of iterates to the training images (Problem 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from nngplab.report.figures.style import COLOURS, PIXEL, WIDTH, add_legend, figure_style

_TITLES = {"test": "test image: {}", "noisy": "$z_{{{number}}}$ + noise: {}", "noise": "noise"}
_COLUMNS = 3


def plot_angles(
    degrees: npt.NDArray[np.float64], iterations: Sequence[int], inputs: Sequence[Mapping[str, Any]]
) -> Figure:
    """Draw the angle of the iterates of each input to each training image; a panel for each input.

    Args:
        degrees: (iterations, inputs, training images); NaN where an iterate is zero.
        iterations: the numbers of iterations.
        inputs: for each input its kind, `input` ("test", "noisy" or "noise"), and the name of its `class`.
    """
    rows = -(-len(inputs) // _COLUMNS)
    noisy = 0
    with figure_style():
        figure = Figure(figsize=(WIDTH, (140 * rows + 80) * PIXEL), layout="constrained")
        panels = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
        for axes in panels.flat[len(inputs) :]:
            axes.set_axis_off()
        for index, (axes, shown) in enumerate(zip(panels.flat, inputs, strict=False)):
            noisy += shown["input"] == "noisy"
            lines = [axes.plot(iterations, of_image, **_style(i)) for i, of_image in enumerate(degrees[:, index].T)]
            axes.set_title(_TITLES[str(shown["input"])].format(shown["class"], number=noisy))
        panels[0, 0].set_xscale("symlog", linthresh=1)
        panels[0, 0].set_xlim(0, iterations[-1])
        if np.nanmax(degrees, initial=0) > 0:
            panels[0, 0].set_yscale("log")
        figure.supxlabel("iterations")
        figure.supylabel("angle, degrees")
        handles = [line for (line,) in lines]
        add_legend(figure, handles, ncols=min(6, len(handles)), title="angle to the training image")
    return figure


def _style(image: int) -> dict[str, str]:
    """Return the style of the line of a training image, by its index from 0."""
    label = f"$z_{{{image + 1}}}$"
    return {"color": COLOURS[image % len(COLOURS)], "ls": "--" if image else "-", "label": label}
