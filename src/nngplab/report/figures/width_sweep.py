"""The figures of Problem 12."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from nngplab.report.figures.kernel_colours import KERNEL_COLOURS, kernel_colours
from nngplab.report.figures.style import BLACK, GREY, PIXEL, WHITE, WIDTH, add_legend, figure_style, interval_bars
from nngplab.report.labels import activation_label


def plot_test_mse(summary: pd.DataFrame) -> Figure:
    """Draw test MSE against the width k (Problem 12) on logarithmic axes; a panel for each activation.

    The median over the draws is a line, with its interval as bars where it is finite, and with bands from the 5% to the
    95% quantile and from the 25% to the 75% quantile. Widths of the problem set have filled marks, added widths have
    hollow ones. Lines mark the NNGP (k to infinity), the zero predictor and the interpolation threshold k = n.

    Args:
        summary: columns activation, k, on_sheet (whether the problem set asks for k), median_test_mse, median_low,
            median_high, q05, q25, q75, q95, nngp_test_mse, zero_test_mse, n; one row for each activation and k.
    """
    activations = list(summary["activation"].unique())
    colours = kernel_colours(activations)
    with figure_style():
        figure = Figure(figsize=(WIDTH, (360 * len(activations) + 50) * PIXEL), layout="constrained")
        panels = figure.subplots(len(activations), sharey=True, squeeze=False)[:, 0]
        for axes, activation in zip(panels, activations, strict=True):
            of_activation = summary[summary["activation"] == activation].sort_values("k", ignore_index=True)
            _plot_activation(axes, of_activation, colours[activation])
            if len(activations) > 1:
                axes.set_title(f"networks with {activation_label(activation)} activation", pad=18)
        handles = {label: handle for handle, label in zip(*panels[0].get_legend_handles_labels(), strict=True)}
        add_legend(figure, list(handles.values()), "outside lower center", ncols=4)
    return figure


def _plot_activation(axes: Axes, summary: pd.DataFrame, colour: str) -> None:
    width, first = summary["k"], summary.iloc[0]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.fill_between(width, summary["q05"], summary["q95"], color=colour, alpha=0.16, lw=0, label="5 to 95% of draws")
    axes.fill_between(width, summary["q25"], summary["q75"], color=colour, alpha=0.3, lw=0, label="25 to 75% of draws")
    axes.plot(width, summary["median_test_mse"], color=colour, lw=1.8, label="median of the draws")
    _plot_intervals(axes, summary[np.isfinite(summary["median_high"])])
    for asked, fill, label in ((True, colour, "width of the problem set"), (False, WHITE, "added width")):
        some = summary[summary["on_sheet"] == asked]
        if len(some):
            style: dict[str, Any] = {"ms": 5.5, "mfc": fill, "mec": colour, "mew": 1.6, "zorder": 3, "label": label}
            axes.plot(some["k"], some["median_test_mse"], "o", **style)
    axes.axhline(first["nngp_test_mse"], color=KERNEL_COLOURS["laplace"], lw=1.8, label="NNGP ($k \\to \\infty$)")
    axes.axhline(first["zero_test_mse"], color=KERNEL_COLOURS["zero"], ls="--", lw=1.2, label="zero predictor")
    _mark_threshold(axes, first["n"])
    _set_ticks(axes, summary)
    axes.set_xlabel("width $k$")
    axes.set_ylabel("test MSE")


def _plot_intervals(axes: Axes, summary: pd.DataFrame) -> None:
    if summary.empty:
        return
    bars = np.abs(summary[["median_low", "median_high"]].T - summary["median_test_mse"])
    style: dict[str, Any] = {"fmt": "none", "ecolor": BLACK, "elinewidth": 1.2, "capsize": 3, "zorder": 4}
    axes.errorbar(summary["k"], summary["median_test_mse"], bars, label="95% interval of the median", **style)


def _mark_threshold(axes: Axes, n: int) -> None:
    axes.axvline(n, color=BLACK, ls=":", lw=1.4)
    axes.annotate(
        f"interpolation threshold $k = n = {n:d}$",
        (n, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
    )


def _set_ticks(axes: Axes, summary: pd.DataFrame) -> None:
    """Put a tick at each width of the problem set, and at added widths that are far enough from these."""
    asked = set(summary.loc[summary["on_sheet"], "k"])
    ticks = [k for k in summary["k"] if k in asked or all(max(k / other, other / k) > 1.5 for other in asked)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{k:d}" for k in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())


def plot_redrawn(theory: pd.DataFrame, predicted: pd.DataFrame) -> Figure:
    """Draw the mean test MSE over new data and new networks against the width k, measured and predicted.

    Args:
        theory: columns activation, k, measured_mean, measured_low, measured_high, measured_median,
            nngp_predicted_test_mse, target_power, n; one row for each activation and k.
        predicted: columns activation, k, ridge, predicted_test_mse; those without a ridge are drawn.
    """
    activations = list(theory["activation"].unique())
    colours = kernel_colours(activations)
    with figure_style():
        figure = Figure(figsize=(WIDTH, (330 * len(activations) + 50) * PIXEL), layout="constrained")
        panels = figure.subplots(len(activations), sharey=True, squeeze=False)[:, 0]
        for axes, activation in zip(panels, activations, strict=True):
            measured, curve = (table[table["activation"] == activation] for table in (theory, predicted))
            _plot_redrawn(axes, measured, curve[curve["ridge"] == 0], colours[activation])
            if len(activations) > 1:
                axes.set_title(f"networks with {activation_label(activation)} activation", pad=18)
        add_legend(figure, panels[0].get_legend_handles_labels()[0], "outside lower center", ncols=3)
    return figure


def _plot_redrawn(axes: Axes, measured: pd.DataFrame, predicted: pd.DataFrame, colour: str) -> None:
    first, n = measured.iloc[0], int(measured["n"].iloc[0])
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    # The prediction is infinite at k = n, so that the curve has two parts.
    for place, part in enumerate((predicted[predicted["k"] < n], predicted[predicted["k"] > n])):
        part = part.sort_values("k")
        axes.plot(part["k"], part["predicted_test_mse"], color=colour, lw=1.8, label=[None, "predicted mean"][place])
    _plot_means(axes, measured["k"], measured)
    axes.plot(measured["k"], measured["measured_median"], "_", ms=9, mew=1.6, color=GREY, label="measured median")
    limit = first["nngp_predicted_test_mse"]
    axes.axhline(limit, color=KERNEL_COLOURS["laplace"], lw=1.2, label="predicted mean of the NNGP ($k \\to \\infty$)")
    axes.axhline(first["target_power"], color=KERNEL_COLOURS["zero"], ls="--", lw=1.2, label="zero predictor")
    _bound(axes, measured)
    _mark_threshold(axes, n)
    _set_ticks(axes, measured.assign(on_sheet=np.log2(measured["k"]) % 1 == 0))
    axes.set_xlabel("width $k$")
    axes.set_ylabel("test MSE")


def plot_ridges(ridges: pd.DataFrame, predicted: pd.DataFrame) -> Figure:
    """Draw the mean test MSE of networks with as many hidden units as samples against the ridge.

    Args:
        ridges: columns activation, ridge, measured_mean, measured_low, measured_high, nngp_predicted_test_mse,
            target_power; one row for each activation and ridge. Rows without a ridge are left out.
        predicted: columns activation, k, ridge, predicted_test_mse; those with a ridge are drawn.
    """
    ridges, predicted = ridges[ridges["ridge"] > 0], predicted[predicted["ridge"] > 0]
    activations = list(ridges["activation"].unique())
    colours = kernel_colours(activations)
    with figure_style():
        figure = Figure(figsize=(WIDTH, 260 * PIXEL), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        for activation in activations:
            curve, measured = (table[table["activation"] == activation] for table in (predicted, ridges))
            name = f", {activation_label(activation)}" if len(activations) > 1 else ""
            colour = colours[activation]
            axes.plot(curve["ridge"], curve["predicted_test_mse"], color=colour, lw=1.8, label=f"predicted mean{name}")
            _plot_means(axes, measured["ridge"], measured, colour if len(activations) > 1 else BLACK, name)
            if len(activations) == 1:
                limit, line = measured["nngp_predicted_test_mse"].iloc[0], KERNEL_COLOURS["laplace"]
                axes.axhline(limit, color=line, lw=1.2, label="predicted mean of the NNGP without a ridge")
        power = ridges["target_power"].iloc[0]
        axes.axhline(power, color=KERNEL_COLOURS["zero"], ls="--", lw=1.2, label="zero predictor")
        _bound(axes, ridges)
        axes.set_xlabel("ridge added to the Gram matrix")
        axes.set_ylabel("test MSE at $k = n$")
        add_legend(figure, axes.get_legend_handles_labels()[0], "outside lower center", ncols=4)
    return figure


def _plot_means(axes: Axes, x: "pd.Series[float]", measured: pd.DataFrame, colour: str = BLACK, name: str = "") -> None:
    """Draw measured means as points, with their interval where it is finite."""
    mean, low, high = (measured[f"measured_{name}"] for name in ("mean", "low", "high"))
    style: dict[str, Any] = {"ms": 4, "color": colour, "elinewidth": 1.2, "capsize": 3, "capthick": 1.2}
    label = f"measured mean{name}" + (" (95% interval)" if np.isfinite(high).any() else "")
    axes.errorbar(x, mean, interval_bars(mean, low, high), fmt="o", zorder=4, label=label, **style)


def _bound(axes: Axes, measured: pd.DataFrame) -> None:
    """Bound the vertical axis by what was measured: the prediction has no bound."""
    values = measured[["measured_mean", "nngp_predicted_test_mse", "target_power"]]
    axes.set_ylim(0.7 * float(values.min().min()), 2 * float(values.max().max()))
