"""The figure of one activation with its dual, the NNGP at several depths, and Monte Carlo estimates."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from nngplab.report.figures.contrast import legible
from nngplab.report.figures.style import COLOURS, PIXEL, WIDTH, add_legend, figure_style


def plot_explorer(record: Mapping[str, Any]) -> Figure:
    """Draw the activation that a record names first, beside the NNGP of networks with this activation.

    Args:
        record: the numbers of the explorer of dual activations, as results/theory/explorer.json has them.
    """
    (shown,) = (entry for entry in record["activations"] if entry["name"] == record["first"])
    shades = [legible(shade) for shade in matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(record["depths"])))]
    with figure_style():
        figure = Figure(figsize=(WIDTH, 290 * PIXEL), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(record["x"], shown["activation"], color=COLOURS[0], lw=2)
        left.set(xlabel="$x$", title=f"{shown['label']}, scaled to mean square 1")
        for depth, values, shade in zip(record["depths"], shown["nngp"], shades, strict=True):
            right.plot(record["xi"], values, color=shade, label=f"depth {depth}")
        points = record["sampled_xi"], shown["estimates"], shown["errors"]
        right.errorbar(*points, fmt="o", ms=4, color=COLOURS[3], label="Monte Carlo")
        right.set(xlabel="correlation $\\xi$", title="its dual (depth 1) and the NNGP")
        add_legend(figure, right.get_legend_handles_labels()[0], "outside right center", ncols=1)
    return figure
