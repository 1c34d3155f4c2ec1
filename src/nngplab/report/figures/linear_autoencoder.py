"""The figures of Problem 3 b."""

import math
from typing import Any

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nngplab.report.figures.style import COLOURS, DARK_GREY, GREY, figure_style

# The outcome of a training: its marker and colour.
_OUTCOMES = {
    "converged": ("o", COLOURS[0]),
    "out of steps": ("^", COLOURS[2]),
    "stalled": ("v", GREY),
    "oscillating": ("D", COLOURS[1]),
    "diverged": ("x", COLOURS[3]),
}
# The conventions of the loss.
_LOSSES = {
    "half": "$\\frac{1}{2} ||z - f(z)||^2$ (the problem set's)",
    "sum": "$||z - f(z)||^2$",
    "mean": "$\\frac{1}{d} ||z - f(z)||^2$",
}
# Smaller losses are drawn at the lower limit (rounding can make them zero), a diverged training near the upper one.
_LOSS_LIMITS = (1e-33, 1e8)
_DIVERGED_HEIGHT = 1e7
_EDGE_COLOUR = COLOURS[3]


def plot_losses(losses: pd.DataFrame, runs: pd.DataFrame, k: int) -> Figure:
    """Draw the training loss against the step for each step size of the problem set, on logarithmic axes.

    There is a panel for each convention of the loss, in the order of `runs`. Thin lines are seeds. The thick line is
    their median, for which a seed that has diverged counts as larger than any other. A cross marks its last finite
    loss.

    Args:
        losses: columns convention, k, eta, seed, step, loss; finite losses.
        runs: columns convention, k, eta, seed, on_sheet (whether the problem set asks for it), outcome; one row for
            each training.
        k: the width shown.
    """
    runs, losses = runs[runs["k"] == k], losses[losses["k"] == k]
    etas = sorted(runs.loc[runs["on_sheet"], "eta"].unique())
    conventions = list(runs["convention"].unique())
    with figure_style():
        figure = Figure(figsize=(9.2, 4.4), layout="constrained")
        panels = figure.subplots(1, len(conventions), sharex=True, sharey=True, squeeze=False)[0]
        for axes, convention in zip(panels, conventions, strict=True):
            for eta, colour in zip(etas, seaborn.color_palette("viridis", len(etas)), strict=True):
                chosen = losses[(losses["convention"] == convention) & (losses["eta"] == eta) & (losses["step"] > 0)]
                of_eta = runs[(runs["convention"] == convention) & (runs["eta"] == eta)]
                diverged = of_eta.loc[of_eta["outcome"] == "diverged", "seed"]
                _plot_step_size(axes, chosen, diverged, eta, colour)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_title(_LOSSES[convention], fontsize=10.5)
            axes.set_xlabel("step")
        panels[0].set_ylim(*_LOSS_LIMITS)
        panels[0].set_ylabel("training loss")
        panels[0].plot([], [], "x", ms=7, mew=1.8, color=DARK_GREY, label="diverges")
        panels[0].legend(loc="lower left", fontsize=9.5, frameon=True, framealpha=0.9)
    return figure


def _plot_step_size(axes: Axes, losses: pd.DataFrame, diverged: "pd.Series[int]", eta: float, colour: Any) -> None:
    """Draw the losses of all seeds with one step size and their median; `diverged` are the seeds that diverged."""
    curves = losses.pivot_table(index="step", columns="seed", values="loss").clip(lower=_LOSS_LIMITS[0])
    # The losses of a seed that diverged are at other steps, and end earlier.
    curves = curves.interpolate(limit_area="inside")
    axes.plot(curves.index, curves, color=colour, lw=0.8, alpha=0.4)
    median = curves.fillna(math.inf).median(axis=1)
    axes.plot(median.index, median, color=colour, lw=2.2, label=f"$\\eta$ = {eta:g}")
    for seed in diverged:
        last = losses[losses["seed"] == seed].iloc[-1]
        axes.plot(last["step"], min(last["loss"], _DIVERGED_HEIGHT), "x", ms=7, mew=1.8, color=colour)


def plot_step_sizes(runs: pd.DataFrame, k: int) -> Figure:
    """Draw the final loss of each training against its step size, on logarithmic axes.

    The left panel shows the loss of the problem set at one width. The edges of stability differ between seeds, and are
    drawn as bands. The right panel shows all trainings, with the step size divided by the largest at which any minimum
    is stable, so that the edge is at 1 for all. A diverged training has no final loss and is drawn at the top.

    Args:
        runs: columns convention, k, eta, on_sheet (whether the problem set asks for it), outcome, final_loss,
            small_step_edge, largest_stable_step; one row for each training; the convention of the problem set first.
        k: the width of the left panel.
    """
    asked = runs[(runs["convention"] == runs["convention"].iloc[0]) & (runs["k"] == k)]
    small_step_edge, largest_stable_step = asked["small_step_edge"], asked["largest_stable_step"]
    with figure_style():
        figure = Figure(figsize=(9.2, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        left.axvspan(small_step_edge.min(), small_step_edge.max(), color=GREY, alpha=0.25, lw=0)
        left.axvspan(largest_stable_step.min(), largest_stable_step.max(), color=_EDGE_COLOUR, alpha=0.2, lw=0)
        right.axvline(1, color=_EDGE_COLOUR, lw=1.4)
        _scatter_outcomes(left, asked, asked["eta"])
        _scatter_outcomes(right, runs, runs["eta"] / runs["largest_stable_step"])
        left.set_ylim(*_LOSS_LIMITS)
        left.set_xlabel("step size $\\eta$")
        right.set_xlabel("step size ÷ largest stable step size")
        left.set_ylabel("final training loss")
        _add_legend(figure, left, set(runs["outcome"]))
    return figure


def _scatter_outcomes(axes: Axes, runs: pd.DataFrame, step_sizes: "pd.Series[float]") -> None:
    heights = runs["final_loss"].fillna(_DIVERGED_HEIGHT).clip(lower=_LOSS_LIMITS[0])
    for outcome, (marker, colour) in _OUTCOMES.items():
        chosen = runs["outcome"] == outcome
        fill = colour if marker == "x" else [colour if asked else "white" for asked in runs.loc[chosen, "on_sheet"]]
        edge: dict[str, Any] = {} if marker == "x" else {"edgecolors": colour}
        axes.scatter(step_sizes[chosen], heights[chosen], s=30, marker=marker, c=fill, linewidths=1.2, zorder=3, **edge)
    axes.set_xscale("log")
    axes.set_yscale("log")


def _add_legend(figure: Figure, axes: Axes, outcomes: set[str]) -> None:
    handles = [
        *(
            axes.plot([], [], marker, ls="", mew=1.2, ms=6, color=colour, label=outcome)[0]
            for outcome, (marker, colour) in _OUTCOMES.items()
            if outcome in outcomes
        ),
        axes.plot([], [], "o", mfc="white", mec=DARK_GREY, ms=6, ls="", label="not in the problem set")[0],
        Patch(color=GREY, alpha=0.25, lw=0, label="edge at the minimum that small steps reach"),
        Patch(color=_EDGE_COLOUR, alpha=0.3, lw=0, label="edge at the flattest minimum"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9.5)
