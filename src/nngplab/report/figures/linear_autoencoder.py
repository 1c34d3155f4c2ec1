"""The figures of Problem 3 b."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from nngplab.problems.linear_autoencoder_map import CONVERGES, DIVERGES, NEITHER, iterate
from nngplab.report.figures.style import BLACK, COLOURS, DARK_GREY, GREY, PIXEL, WHITE, WIDTH, add_legend, figure_style

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
# More curves of one colour are drawn as pixels.
_MOST_PATHS = 20
# Smaller losses are drawn at the lower limit (rounding can make them zero), a diverged training near the upper one.
_LOSS_LIMITS = (1e-33, 1e8)
_DIVERGED_HEIGHT = 1e7
_BEHAVIOURS = {CONVERGES: (COLOURS[0], 0.2), NEITHER: (COLOURS[1], 0.25), DIVERGES: (GREY, 0.2)}
# The cells of the plane along an axis, and the steps for which the map is iterated in each.
_CELLS = 301
_MAP_STEPS = 1000
# The limits of the right panel: rho and relative step.
_NEAR_RHO = (0, 5)
_NEAR_STEPS = (0, 2.2)


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
        figure = Figure(figsize=(WIDTH, 320 * PIXEL), layout="constrained")
        panels = figure.subplots(1, len(conventions), sharex=True, sharey=True, squeeze=False)[0]
        for axes, convention in zip(panels, conventions, strict=True):
            for eta, colour in zip(etas, itertools.cycle(COLOURS), strict=False):
                chosen = losses[(losses["convention"] == convention) & (losses["eta"] == eta) & (losses["step"] > 0)]
                of_eta = runs[(runs["convention"] == convention) & (runs["eta"] == eta)]
                diverged = of_eta.loc[of_eta["outcome"] == "diverged", "seed"]
                _plot_step_size(axes, chosen, diverged, eta, colour)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_title(_LOSSES[convention])
            axes.set_xlabel("step")
        panels[0].set_ylim(*_LOSS_LIMITS)
        panels[0].set_ylabel("training loss")
        panels[0].plot([], [], "x", ms=7, mew=1.8, color=DARK_GREY, label="diverges")
        add_legend(figure, panels[0].get_legend_handles_labels()[0])
    return figure


def _plot_step_size(axes: Axes, losses: pd.DataFrame, diverged: "pd.Series[int]", eta: float, colour: Any) -> None:
    """Draw the losses of all seeds with one step size and their median; `diverged` are the seeds that diverged."""
    curves = losses.pivot_table(index="step", columns="seed", values="loss").clip(lower=_LOSS_LIMITS[0])
    # The losses of a seed that diverged are at other steps, and end earlier.
    curves = curves.interpolate(limit_area="inside")
    # As paths, the curves of a hundred seeds would be a sixth of the page.
    axes.plot(curves.index, curves, color=colour, lw=0.8, alpha=0.4, rasterized=curves.shape[1] > _MOST_PATHS)
    median = curves.fillna(math.inf).median(axis=1)
    axes.plot(median.index, median, color=colour, lw=2.2, label=f"$\\eta$ = {eta:g}")
    for seed in diverged:
        last = losses[losses["seed"] == seed].iloc[-1]
        axes.plot(last["step"], min(last["loss"], _DIVERGED_HEIGHT), "x", ms=7, mew=1.8, color=colour)


def plot_convergence(runs: pd.DataFrame) -> Figure:
    """Draw where the exact map converges, with all training runs.

    Across is ρ = ||h||² / ||z||², up is the relative step s, the step size times 2 c ||z||². The left panel
    shows all runs, on logarithmic axes. The right one shows the surroundings of the edge of stability.

    Args:
        runs: columns rho, relative_step, on_sheet (whether the problem set asks for it), outcome; one row for each
            training.
    """
    with figure_style("ticks"):
        figure = Figure(figsize=(WIDTH, 480 * PIXEL), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(2, 3))
        rho, relative_step = (
            np.geomspace(min(0.1, runs[name].min() / 1.5), max(10, 1.5 * runs[name].max()), _CELLS)
            for name in ("rho", "relative_step")
        )
        left.set_xscale("log")
        left.set_yscale("log")
        left.xaxis.set_minor_formatter(NullFormatter())
        _draw_behaviours(left, rho, relative_step)
        _draw_behaviours(right, np.linspace(*_NEAR_RHO, _CELLS), np.linspace(*_NEAR_STEPS, _CELLS))
        near = runs["rho"].between(*_NEAR_RHO) & runs["relative_step"].between(*_NEAR_STEPS)
        for axes, shown in ((left, runs), (right, runs[near])):
            _scatter_outcomes(axes, shown)
            axes.set_xlabel("$\\rho = ||h||^2 / ||z||^2$")
        left.set_ylabel("relative step $s = 2 c\\, \\eta\\, ||z||^2$")
        _draw_edges(right)
        _add_legend(figure, right, set(runs["outcome"]))
    return figure


def _draw_behaviours(axes: Axes, rho: np.ndarray, relative_step: np.ndarray) -> None:
    """Colour the cells between these values by what the iteration of the map proves at their centres."""
    centres = np.meshgrid((rho[1:] + rho[:-1]) / 2, (relative_step[1:] + relative_step[:-1]) / 2)
    behaviours = iterate(centres[0].ravel(), centres[1].ravel(), _MAP_STEPS).behaviour
    kinds = np.searchsorted(sorted(_BEHAVIOURS), behaviours).reshape(centres[0].shape)
    colours = ListedColormap([_BEHAVIOURS[behaviour] for behaviour in sorted(_BEHAVIOURS)])
    axes.pcolormesh(rho, relative_step, kinds, cmap=colours, vmin=-0.5, vmax=len(_BEHAVIOURS) - 0.5, rasterized=True)


def _draw_edges(axes: Axes) -> None:
    """Draw the edges of the convergence set, and the step up to which the minimum that small steps reach is stable."""
    rho = np.linspace(*_NEAR_RHO, 200)
    axes.axhline(1, color=BLACK, lw=1.2)
    axes.plot(rho, (np.hypot(rho, 4) - rho) / 2, color=BLACK, lw=1.2, ls="--")
    axes.plot(rho, 2 / np.hypot(rho, 2), color=BLACK, lw=1.2, ls=":")
    axes.set_xlim(*_NEAR_RHO)
    axes.set_ylim(*_NEAR_STEPS)


def _scatter_outcomes(axes: Axes, runs: pd.DataFrame) -> None:
    for outcome, (marker, colour) in _OUTCOMES.items():
        chosen = runs[runs["outcome"] == outcome]
        fill = colour if marker == "x" else [colour if asked else "none" for asked in chosen["on_sheet"]]
        edge: dict[str, Any] = {} if marker == "x" else {"edgecolors": colour}
        axes.scatter(
            chosen["rho"], chosen["relative_step"], s=18, marker=marker, c=fill, linewidths=1.2, rasterized=True, **edge
        )


def _add_legend(figure: Figure, axes: Axes, outcomes: set[str]) -> None:
    handles = [
        *(Patch(color=colour, lw=0, label=f"recursion: {behaviour}") for behaviour, colour in _BEHAVIOURS.items()),
        *(
            axes.plot([], [], marker, ls="", mew=1.2, ms=5, color=colour, label=f"run: {outcome}")[0]
            for outcome, (marker, colour) in _OUTCOMES.items()
            if outcome in outcomes
        ),
        axes.plot([], [], "o", mfc=WHITE, mec=DARK_GREY, ms=5, ls="", label="not in the problem set")[0],
        axes.plot([], [], color=BLACK, lw=1.2, label="$s = 1$")[0],
        axes.plot([], [], color=BLACK, lw=1.2, ls="--", label="$s\\,(\\rho + s) = 4$")[0],
        axes.plot([], [], color=BLACK, lw=1.2, ls=":", label="edge at the minimum of small steps")[0],
    ]
    add_legend(figure, handles, "outside lower center", ncols=3)
