"""The figures of Problem 3 b that are computed from its recursion: probabilities of outcomes, and runs in the plane."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nngplab.problems.linear_autoencoder_map import CONVERGES, DIVERGES, NEITHER
from nngplab.report.figures.style import BLACK, COLOURS, DARK_GREY, GREY, PIXEL, WHITE, WIDTH, add_legend, figure_style

# The columns of the probabilities of outcomes from below, with their labels and colours.
_OUTCOMES = {
    "probability": ("converges", (COLOURS[0], 0.2)),
    "bounded": ("stays bounded, never converges", (COLOURS[1], 0.25)),
    "diverges": ("diverges", (GREY, 0.2)),
}
# The two marks of a step size are drawn at this share of it, and at the inverse, so that both are seen.
_LEFT = 0.985
# The limit of both axes of the plane. The ellipse of the second condition reaches to 2.
_LIMIT = 2.4
# Each step up to this one has a mark, and is connected with the one before.
_SHOWN_STEPS = 60
_KINDS = {
    "small steps": "small steps",
    CONVERGES: "converges",
    NEITHER: "stays bounded",
    DIVERGES: "diverges",
}


def plot_outcomes(curves: pd.DataFrame, settings: pd.DataFrame) -> Figure:
    """Draw the probability of each outcome over the step size, with the observed shares of the runs.

    There is a panel for each width. The probabilities are stacked, so that the lower edge of "diverges" is the
    probability that a run does not diverge.

    Args:
        curves: columns k, eta, probability (of convergence), bounded and diverges; sorted by k and eta.
        settings: columns k, eta, runs, converged, low, high, diverged, diverged_low and diverged_high: the numbers of
            runs, and the confidence intervals of the shares that converge and diverge. Also on_sheet (whether the
            problem set asks for it) and in_time (the probability of convergence within the steps of the runs).
    """
    widths = sorted(curves["k"].unique())
    with figure_style("ticks"):
        figure = Figure(figsize=(WIDTH, (110 * len(widths) + 110) * PIXEL), layout="constrained")
        panels = figure.subplots(len(widths), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axes, k in zip(panels, widths, strict=True):
            of_width = curves[curves["k"] == k]
            shares = [of_width[name] for name in _OUTCOMES]
            axes.stackplot(
                of_width["eta"], shares, colors=[colour for _, colour in _OUTCOMES.values()], lw=0, rasterized=True
            )
            _plot_shares(axes, settings[settings["k"] == k])
            axes.tick_params(which="minor", bottom=False)
            axes.set(ylim=(-0.08, 1.08), yticks=[0, 0.5, 1], ylabel=f"width {k}\nshare of the draws")
        panels[0].set(xscale="log", xlim=(curves["eta"].min(), curves["eta"].max()))
        panels[-1].set_xlabel("step size $\\eta$")
        add_legend(figure, _legend_of_outcomes(panels[0]), ncols=3)
    return figure


def _plot_shares(axes: Axes, settings: pd.DataFrame) -> None:
    converged, survived = (settings["converged"] / settings["runs"], 1 - settings["diverged"] / settings["runs"])
    intervals = {
        "o": (_LEFT, converged, settings["low"], settings["high"], COLOURS[0]),
        "x": (1 / _LEFT, survived, 1 - settings["diverged_high"], 1 - settings["diverged_low"], COLOURS[3]),
    }
    for marker, (place, share, low, high, colour) in intervals.items():
        axes.vlines(place * settings["eta"], low, high, color=colour, lw=1, rasterized=True)
        for asked, rows in share.groupby(settings["on_sheet"]):
            fill = colour if asked or marker == "x" else WHITE
            etas = place * settings.loc[rows.index, "eta"]
            style: dict[str, Any] = {"ls": "", "ms": 5, "mew": 1.2, "color": colour, "mfc": fill}
            axes.plot(etas, rows, marker, **style)
    axes.plot(settings["eta"], settings["in_time"], "_", ls="", ms=9, mew=1.4, color=BLACK)


def _legend_of_outcomes(axes: Axes) -> list[Any]:
    marks: dict[str, dict[str, Any]] = {
        "runs: converged": {"marker": "o", "color": COLOURS[0]},
        "runs: not diverged": {"marker": "x", "color": COLOURS[3], "mew": 1.2},
        "not in the problem set": {"marker": "o", "color": DARK_GREY, "mfc": WHITE},
        "computed: converges in the steps of the runs": {"marker": "_", "color": BLACK, "ms": 9, "mew": 1.4},
    }
    regions = [Patch(color=colour, lw=0, label=f"computed: {label}") for label, colour in _OUTCOMES.values()]
    return regions + [axes.plot([], [], ls="", label=label, **{"ms": 5} | style)[0] for label, style in marks.items()]


def plot_phase(path: pd.DataFrame) -> Figure:
    """Draw runs in the plane of b and a of `linear_autoencoder_map.plane_step`; a panel for each.

    Marks are the steps of the network, the line through them is the recursion. The hyperbola a b = s are the minima of
    the loss, those inside the circle a² + b² = 2 are stable. No run crosses the ellipse a² + b² - s a b = 4 - s².

    Args:
        path: columns kind, eta, relative_step, step, b, a, predicted_b and predicted_a, a row for each step.
    """
    kinds = list(path["kind"].unique())
    columns = max(len(kinds), 3)
    with figure_style("ticks"):
        figure = Figure(figsize=(WIDTH, (720 / columns + 90) * PIXEL), layout="constrained")
        panels = figure.subplots(1, columns, sharex=True, sharey=True, squeeze=False)[0]
        for axes in panels[len(kinds) :]:
            axes.set_axis_off()
        for axes, kind in zip(panels, kinds, strict=False):
            rows = path[(path["kind"] == kind) & (path["step"] <= _SHOWN_STEPS)]
            s = float(rows["relative_step"].iloc[0])
            _draw_plane(axes, s)
            axes.plot(rows["predicted_b"], rows["predicted_a"], color=COLOURS[0], lw=0.8, alpha=0.7)
            axes.plot(rows["b"], rows["a"], "o", ms=2.5, color=COLOURS[0], rasterized=True)
            axes.plot(rows["b"].iloc[0], rows["a"].iloc[0], "o", ms=6, mfc="none", mew=1.4, color=COLOURS[3])
            axes.set_title(f"{_KINDS[kind]}\n$\\eta$ = {rows['eta'].iloc[0]:g}, s = {s:.3g}")
        panels[0].set(xlim=(-_LIMIT, _LIMIT), ylim=(-_LIMIT, _LIMIT), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        panels[0].set_ylabel("$a$, from the second layer")
        figure.supxlabel("$b$, from the first layer")
        add_legend(figure, _legend_of_plane(panels[0]), ncols=4)
    return figure


def _draw_plane(axes: Axes, s: float) -> None:
    axes.set_aspect("equal")
    b = np.geomspace(s / _LIMIT, _LIMIT, 40)
    stable = np.where(b**2 + (s / b) ** 2 < 2, s / b, np.nan)
    for sign in (1, -1):
        axes.plot(sign * b, sign * s / b, color=GREY, lw=1)
        axes.plot(sign * b, sign * stable, color=COLOURS[2], lw=3)
    turn = np.linspace(0, 2 * np.pi, 49)
    axes.plot(np.sqrt(2) * np.cos(turn), np.sqrt(2) * np.sin(turn), color=BLACK, lw=0.8, ls=":")
    if s < 2:
        # Along the diagonals, a² + b² - s a b is (1 - s/2) u² and (1 + s/2) v².
        u, v = np.sqrt(4 + 2 * s) * np.cos(turn), np.sqrt(4 - 2 * s) * np.sin(turn)
        axes.plot((u + v) / np.sqrt(2), (u - v) / np.sqrt(2), color=BLACK, lw=1.2, ls="--")


def _legend_of_plane(axes: Axes) -> list[Any]:
    styles: dict[str, dict[str, Any]] = {
        "network": {"marker": "o", "ms": 2.5, "ls": "", "color": COLOURS[0]},
        "recursion": {"color": COLOURS[0], "lw": 0.8, "alpha": 0.7},
        "start": {"marker": "o", "ms": 6, "mfc": "none", "mew": 1.4, "ls": "", "color": COLOURS[3]},
        "minima, $ab = s$": {"color": GREY, "lw": 1},
        "stable minima": {"color": COLOURS[2], "lw": 3},
        "$a^2 + b^2 = 2$": {"color": BLACK, "lw": 0.8, "ls": ":"},
        "$a^2 + b^2 - s\\,ab = 4 - s^2$": {"color": BLACK, "lw": 1.2, "ls": "--"},
    }
    return [axes.plot([], [], label=label, **style)[0] for label, style in styles.items()]
