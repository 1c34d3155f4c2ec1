"""Figures from tidy tables: one look, one colour per kernel, the same bytes for the same table."""

import itertools
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from nngplab.errors import InputError
from nngplab.pipeline.files import written_whole
from nngplab.report.labels import DATASETS, activation_label, kernel_label, model_label

_COLOURS = seaborn.color_palette("colorblind").as_hex()

# The colours of what is drawn most; further activations take further colours, in their order.
_KNOWN_COLOURS = {
    "relu": _COLOURS[0],
    "sine": _COLOURS[1],
    "erf": _COLOURS[2],
    "cosine": _COLOURS[4],
    "exponential": _COLOURS[5],
    "laplace": _COLOURS[3],
    "linear": "#777777",
    "zero": "#222222",
}
_DARK_COLOURS = seaborn.color_palette("dark").as_hex()
_FURTHER_COLOURS = [*(_DARK_COLOURS[i] for i in (4, 5, 6, 9, 2, 0, 8, 3, 1)), *_COLOURS[6::3], _COLOURS[8]]
_TRAINED_WITH = {"mse": "squared error", "cross_entropy": "cross-entropy"}
_MARK_COLOUR = "#c00000"

# What became of a training of Problem 3: its mark and colour.
_OUTCOMES = {
    "converged": ("o", _COLOURS[0]),
    "out of steps": ("^", _COLOURS[2]),
    "stalled": ("v", "#777777"),
    "oscillating": ("D", _COLOURS[1]),
    "diverged": ("x", _COLOURS[3]),
}
# The ways to write the squared error of Problem 3.
_LOSSES = {
    "half": "$\\frac{1}{2} ||z - f(z)||^2$ (the sheet's)",
    "sum": "$||z - f(z)||^2$",
    "mean": "$\\frac{1}{d} ||z - f(z)||^2$",
}
# Losses below are shown at the foot (rounding can make them zero); a diverged training stands near the top.
_LOSS_SHOWN = (1e-33, 1e8)
_DIVERGED_SHOWN = 1e7

_SCORES = {"r2": "R²", "accuracy": "accuracy"}


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
    colours = _colours(test_mse["kernel"])
    repeats = test_mse.assign(ratio=test_mse["test_mse"] / test_mse["repeat"].map(linear))
    with _style():
        figure = Figure(figsize=(9.2, 0.62 * len(ranking) + 1.75), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for row, (kernel, mean) in enumerate(ranking.iterrows()):
            colour = colours[str(kernel)]
            of_kernel = repeats[repeats["kernel"] == kernel]
            others, headline = of_kernel[of_kernel["repeat"] > 0], of_kernel[of_kernel["repeat"] == 0]
            heights = row + _spread(len(others))
            for axes, column in ((left, "test_mse"), (right, "ratio")):
                axes.plot(others[column], heights, "o", ms=3.2, mew=0, alpha=0.45, color=colour)
                axes.plot(headline[column], [row] * len(headline), "*", ms=13, mec="white", mew=0.8, color=colour)
            bar = [[mean["mean_test_mse"] - mean["mean_low"]], [mean["mean_high"] - mean["mean_test_mse"]]]
            left.errorbar(mean["mean_test_mse"], row + 0.36, xerr=bar, fmt="D", ms=4, capsize=3, color="black")
        left.axvline(zero["mean_test_mse"], color=_KNOWN_COLOURS["zero"], ls="--", lw=1.2)
        right.axvline(1, color=_KNOWN_COLOURS["linear"], lw=1.2)
        left.set_yticks(range(len(ranking)), [kernel_label(str(kernel)) for kernel in ranking.index])
        left.set_ylim(len(ranking) - 0.45, -0.6)
        left.set_xlabel("test MSE")
        right.set_xlabel("test MSE ÷ that of the linear kernel on the same data")
        left.ticklabel_format(axis="x", style="sci", scilimits=(0, 0), useMathText=True)
        _key_of_repeats(figure, left)
    return figure


def width_sweep_curve(summary: pd.DataFrame) -> Figure:
    """Draw test MSE against the width k (Problem 12), both axes logarithmic; a panel for each activation.

    The median over the draws has a line, with bands from quantile 5 to 95% and 25 to 75%. Widths of the sheet have
    filled marks, others hollow ones. Lines mark the NNGP (k to infinity), the zero predictor and the interpolation
    threshold k = n.

    Args:
        summary: columns activation, k, on_sheet, median_test_mse, q05, q25, q75, q95, nngp_test_mse, zero_test_mse, n;
            one row an activation and k.
    """
    activations = list(summary["activation"].unique())
    colours = _colours(activations)
    with _style():
        figure = Figure(figsize=(9.2, 5.4 * len(activations)), layout="constrained")
        panels = figure.subplots(len(activations), sharey=True, squeeze=False)[:, 0]
        for axes, activation in zip(panels, activations, strict=True):
            _draw_widths(axes, summary[summary["activation"] == activation], colours[activation])
            if len(activations) > 1:
                axes.set_title(f"networks with {activation_label(activation)} activation")
    return figure


def _draw_widths(axes: Axes, summary: pd.DataFrame, colour: str) -> None:
    summary = summary.sort_values("k", ignore_index=True)
    width, first = summary["k"], summary.iloc[0]
    red, dark = _KNOWN_COLOURS["laplace"], _KNOWN_COLOURS["zero"]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.fill_between(width, summary["q05"], summary["q95"], color=colour, alpha=0.16, lw=0, label="5 to 95% of draws")
    axes.fill_between(width, summary["q25"], summary["q75"], color=colour, alpha=0.3, lw=0, label="25 to 75% of draws")
    axes.plot(width, summary["median_test_mse"], color=colour, lw=1.8, label="median of the draws")
    for on_sheet, fill, words in ((True, colour, "width of the sheet"), (False, "white", "width added to the sheet's")):
        some = summary[summary["on_sheet"] == on_sheet]
        if len(some):
            axes.plot(
                some["k"], some["median_test_mse"], "o", ms=7, mfc=fill, mec=colour, mew=1.6, zorder=3, label=words
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


def linear_autoencoder_losses(losses: pd.DataFrame, runs: pd.DataFrame, k: int) -> Figure:
    """Draw the training loss against the step for each step size of the sheet (Problem 3b), both axes logarithmic.

    A panel for each convention of the loss, that of the sheet first. Thin lines are seeds, the thick one is
    their median, for which a seed that has diverged counts as larger than any other. A cross marks its last finite
    loss.

    Args:
        losses: columns convention, k, eta, seed, step, loss; finite losses.
        runs: columns convention, k, eta, seed, on_sheet, outcome; one row a training.
        k: the width shown.
    """
    runs, losses = runs[runs["k"] == k], losses[losses["k"] == k]
    etas = sorted(runs.loc[runs["on_sheet"], "eta"].unique())
    conventions = list(runs["convention"].unique())
    with _style():
        figure = Figure(figsize=(9.2, 4.4), layout="constrained")
        panels = figure.subplots(1, len(conventions), sharex=True, sharey=True, squeeze=False)[0]
        for axes, convention in zip(panels, conventions, strict=True):
            for eta, colour in zip(etas, seaborn.color_palette("viridis", len(etas)), strict=True):
                chosen = losses[(losses["convention"] == convention) & (losses["eta"] == eta) & (losses["step"] > 0)]
                curves = chosen.pivot_table(index="step", columns="seed", values="loss").clip(lower=_LOSS_SHOWN[0])
                # A seed that diverged has steps of its own, and none after.
                curves = curves.interpolate(limit_area="inside")
                axes.plot(curves.index, curves, color=colour, lw=0.8, alpha=0.4)
                median = curves.fillna(math.inf).median(axis=1)
                axes.plot(median.index, median, color=colour, lw=2.2, label=f"$\\eta$ = {eta:g}")
                of_eta = runs[(runs["convention"] == convention) & (runs["eta"] == eta)]
                for seed in of_eta.loc[of_eta["outcome"] == "diverged", "seed"]:
                    last = chosen[chosen["seed"] == seed].iloc[-1]
                    axes.plot(last["step"], min(last["loss"], _DIVERGED_SHOWN), "x", ms=7, mew=1.8, color=colour)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_title(_LOSSES[convention], fontsize=10.5)
            axes.set_xlabel("step")
        panels[0].set_ylim(*_LOSS_SHOWN)
        panels[0].set_ylabel("training loss")
        panels[0].plot([], [], "x", ms=7, mew=1.8, color="#555555", label="diverges")
        panels[0].legend(loc="lower left", fontsize=9.5, frameon=True, framealpha=0.9)
    return figure


def linear_autoencoder_step_sizes(runs: pd.DataFrame, k: int) -> Figure:
    """Draw the final loss of each training against its step size (Problem 3b), both axes logarithmic.

    Left, the sheet's loss at one width: the edges of stability differ from seed to seed, and are bands. Right, all
    trainings, with the step size divided by the largest at which any minimum is stable: then the edge is at 1 for all.
    A diverged training has no final loss and stands at the top.

    Args:
        runs: columns convention, k, eta, on_sheet, outcome, final_loss, small_step_edge, largest_stable_step; one row
            a training; the sheet's convention first.
        k: the width of the left panel.
    """
    sheet = runs[(runs["convention"] == runs["convention"].iloc[0]) & (runs["k"] == k)]
    with _style():
        figure = Figure(figsize=(9.2, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        left.axvspan(sheet["small_step_edge"].min(), sheet["small_step_edge"].max(), color="#777777", alpha=0.25, lw=0)
        left.axvspan(
            sheet["largest_stable_step"].min(), sheet["largest_stable_step"].max(), color=_COLOURS[3], alpha=0.2, lw=0
        )
        right.axvline(1, color=_COLOURS[3], lw=1.4)
        for axes, some, step in ((left, sheet, sheet["eta"]), (right, runs, runs["eta"] / runs["largest_stable_step"])):
            for outcome, (marker, colour) in _OUTCOMES.items():
                chosen = some["outcome"] == outcome
                heights = some["final_loss"].fillna(_DIVERGED_SHOWN).clip(lower=_LOSS_SHOWN[0])
                fill = colour if marker == "x" else [colour if on else "white" for on in some.loc[chosen, "on_sheet"]]
                edge = {} if marker == "x" else {"edgecolors": colour}
                axes.scatter(
                    step[chosen], heights[chosen], s=30, marker=marker, c=fill, linewidths=1.2, zorder=3, **edge
                )
            axes.set_xscale("log")
            axes.set_yscale("log")
        left.set_ylim(*_LOSS_SHOWN)
        left.set_xlabel("step size $\\eta$")
        right.set_xlabel("step size ÷ largest stable step size")
        left.set_ylabel("final training loss")
        handles = [
            *(
                left.plot([], [], marker, ls="", mew=1.2, ms=6, color=colour, label=outcome)[0]
                for outcome, (marker, colour) in _OUTCOMES.items()
                if outcome in set(runs["outcome"])
            ),
            left.plot([], [], "o", mfc="white", mec="#555555", ms=6, ls="", label="not on the sheet")[0],
            Patch(color="#777777", alpha=0.25, lw=0, label="edge at the minimum that small steps reach"),
            Patch(color=_COLOURS[3], alpha=0.3, lw=0, label="edge at the flattest minimum"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9.5)
    return figure


def duals_gallery(duals: pd.DataFrame) -> Figure:
    """Draw each dual activation, and that of the derivative, against the correlation: a panel for each activation.

    Args:
        duals: columns activation, xi, dual, derivative; the derivative may be infinite.
    """
    activations = list(duals["activation"].unique())
    columns = 5
    rows = math.ceil(len(activations) / columns)
    with _style():
        figure = Figure(figsize=(9.2, 2.0 * rows + 0.7), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in panels.flat[len(activations) :]:
            axes.set_axis_off()
        for axes, activation in zip(panels.flat, activations, strict=False):
            curve = duals[duals["activation"] == activation]
            axes.plot(curve["xi"], curve["dual"], color=_COLOURS[0], lw=2)
            axes.plot(curve["xi"], curve["derivative"], color=_COLOURS[1], lw=1.4, ls="--")
            axes.set_title(activation_label(activation))
        panels[0, 0].set_xlim(-1, 1)
        panels[0, 0].set_xticks([-1, 0, 1])
        panels[0, 0].set_ylim(-1.15, 2.3)
        figure.supxlabel("correlation $\\xi$", fontsize=11)
        handles = [
            *panels[0, 0].plot([], [], color=_COLOURS[0], lw=2, label="dual activation, normalised"),
            *panels[0, 0].plot(
                [], [], color=_COLOURS[1], lw=1.4, ls="--", label="its derivative: the derivative's dual"
            ),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    return figure


def kernel_spectra(spectra: pd.DataFrame) -> Figure:
    """Draw where the power of each kernel is: a row for each activation.

    Left, the coefficients of the power series of the dual, in percents of its value at one, and what all higher degrees
    have together. Right, the eigenvalues of its Gram matrix on one data set, a mark each, on a logarithmic axis.

    Args:
        spectra: columns activation, quantity ("coefficient" or "eigenvalue"), index (the degree, or the place among the
            eigenvalues), value, n, d.
    """
    activations = list(spectra["activation"].unique())
    coefficients = spectra[spectra["quantity"] == "coefficient"]
    eigenvalues = spectra[spectra["quantity"] == "eigenvalue"]
    shares = 100 * coefficients.pivot_table(index="activation", columns="index", values="value").reindex(activations)
    shares[f"> {shares.columns[-1]}"] = 100 - shares.sum(axis=1)
    shares = shares.round(1)
    words = shares.map(lambda share: f"{share:g}" if share else "")
    first = spectra.iloc[0]
    with _style("white"):
        figure = Figure(figsize=(9.2, 0.36 * len(activations) + 1.4), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[5, 4])
        text = {"annot": words, "fmt": "", "annot_kws": {"fontsize": 8}}
        seaborn.heatmap(shares, ax=left, vmin=0, vmax=100, cmap="Blues", cbar=False, **text)
        left.set_yticks(np.arange(len(activations)) + 0.5, [activation_label(name) for name in activations], rotation=0)
        left.set_xlabel("degree")
        left.set_ylabel("")
        left.set_title("coefficients of the power series, %")
        for row, activation in enumerate(activations):
            values = eigenvalues.loc[eigenvalues["activation"] == activation, "value"]
            right.plot(values, [row + 0.5] * len(values), "|", ms=9, mew=0.8, color=_COLOURS[0])
        right.set_xscale("log")
        right.grid(visible=True, axis="x", color="#dddddd")
        right.set_xlabel("eigenvalue")
        right.set_title(f"Gram matrix on {first['n']:d} points in {first['d']:d} dimensions")
    return figure


def fc_net_learning_curves(metrics: pd.DataFrame) -> Figure:
    """Draw accuracy, and below it the loss that was minimised, against the epoch, a column for each loss (Problem 2b).

    Each network has a thin line, their mean a thick one.

    Args:
        metrics: columns loss, seed, epoch, split ("train" or "test"), accuracy, mse, cross_entropy.
    """
    losses = list(metrics["loss"].unique())
    with _style():
        figure = Figure(figsize=(4.6 * len(losses), 6.2), layout="constrained")
        panels = figure.subplots(2, len(losses), sharex=True, squeeze=False)
        for column, loss in enumerate(losses):
            upper, lower = panels[:, column]
            for axes, measured in ((upper, "accuracy"), (lower, loss)):
                for split, colour, words in (("train", _COLOURS[1], "training"), ("test", _COLOURS[0], "test")):
                    some = metrics[(metrics["loss"] == loss) & (metrics["split"] == split)]
                    curves = some.pivot_table(index="epoch", columns="seed", values=measured)
                    axes.plot(curves, color=colour, lw=0.8, alpha=0.5)
                    axes.plot(curves.mean(axis=1), color=colour, lw=2, label=f"{words} images, mean")
            upper.set_title(f"trained with {_TRAINED_WITH[loss]}")
            upper.set_ylabel("accuracy")
            upper.sharey(panels[0, 0])
            lower.set_ylabel(_TRAINED_WITH[loss])
            lower.set_xlabel("epoch")
            lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0, 0].legend(loc="lower right", fontsize=9.5)
    return figure


def fc_net_confusion(confusion: pd.DataFrame) -> Figure:
    """Draw how often a class is taken for another, as shares of the images of a class, a matrix for each loss.

    Args:
        confusion: columns loss, class, predicted, share; one row a loss and pair of classes.
    """
    losses = list(confusion["loss"].unique())
    with _style("white"):
        figure = Figure(figsize=(5.4 * len(losses) + 0.6, 5.6), layout="constrained")
        for axes, loss in zip(figure.subplots(1, len(losses), squeeze=False).flat, losses, strict=True):
            some = confusion[confusion["loss"] == loss]
            names = list(some["predicted"].unique())
            shares = some.pivot_table(index="class", columns="predicted", values="share").reindex(columns=names)
            shares = shares.loc[[name for name in names if name in shares.index]]
            seaborn.heatmap(
                100 * shares, ax=axes, vmin=0, vmax=100, cmap="Blues", cbar=False, square=True, annot=True, fmt=".0f"
            )
            axes.set_title(f"trained with {_TRAINED_WITH[loss]}")
            axes.set_xlabel("predicted class")
            axes.set_ylabel("class")
    return figure


def challenge_benchmark(benchmark: pd.DataFrame, scores: dict[str, str]) -> Figure:
    """Draw the score of each selected model on the training, validation and test samples (Problem 13).

    A panel for each data set; the model that is best on the validation samples at the top.

    Args:
        benchmark: columns dataset, model, split ("train", "val" or "test"), r2, accuracy; one row each.
        scores: the column drawn for each data set.
    """
    marks = {
        "train": {"marker": "|", "ms": 13, "mew": 1.6, "color": "#777777", "label": "training"},
        "val": {"marker": "o", "ms": 7, "mew": 1.4, "mfc": "white", "color": _COLOURS[1], "label": "validation"},
        "test": {"marker": "o", "ms": 7, "color": _COLOURS[0], "label": "test"},
    }
    with _style():
        figure = Figure(figsize=(9.2, 4.0), layout="constrained")
        for axes, (dataset, score) in zip(
            figure.subplots(1, len(scores), squeeze=False)[0], scores.items(), strict=True
        ):
            values = benchmark[benchmark["dataset"] == dataset].pivot_table(
                index="model", columns="split", values=score, sort=False
            )
            values = values.sort_values("val", ascending=False, kind="stable")
            rows = range(len(values))
            axes.hlines(rows, values.min(axis=1), values.max(axis=1), color="#bbbbbb", lw=1)
            for split, mark in marks.items():
                axes.plot(values[split], rows, ls="", **mark)
            axes.set_yticks(rows, [model_label(str(model)) for model in values.index])
            axes.invert_yaxis()
            axes.set_xlabel(_SCORES[score])
            axes.set_title(DATASETS[dataset])
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=9.5)
    return figure


def challenge_ridges(validation: pd.DataFrame, scores: dict[str, str]) -> Figure:
    """Draw the validation score of kernel regression against the ridge (Problem 13), a panel for each data set.

    A kernel with further hyper-parameters is drawn with those that are best at each ridge; a dashed line has the best
    network.

    Args:
        validation: columns dataset, model, hyperparameters (JSON), split, r2, accuracy, outcome.
        scores: the column drawn for each data set.
    """
    val = validation[(validation["split"] == "val") & (validation["outcome"] == "fitted")]
    ridges = val["hyperparameters"].map(json.loads).map(lambda values: values.get("ridge"))
    kernels = val.assign(ridge=ridges)[val["model"].map(lambda model: model not in ("network", "rfm", "rfm_direction"))]
    places = {ridge: place for place, ridge in enumerate(sorted(kernels["ridge"].unique()))}
    colours = _colours(kernels["model"]) | {"nngp": _KNOWN_COLOURS["relu"]}
    with _style():
        figure = Figure(figsize=(9.2, 4.2), layout="constrained")
        for axes, (dataset, score) in zip(
            figure.subplots(1, len(scores), squeeze=False)[0], scores.items(), strict=True
        ):
            of_dataset = kernels[kernels["dataset"] == dataset]
            for model, some in of_dataset.groupby("model", sort=False):
                curve = some.groupby("ridge")[score].max()
                heights = curve.index.map(places)
                axes.plot(heights, curve, "o-", ms=5, color=colours[str(model)], label=model_label(str(model)))
            network = val.loc[(val["dataset"] == dataset) & (val["model"] == "network"), score].max()
            axes.axhline(network, color="#222222", ls="--", lw=1.2, label="best network")
            axes.set_xticks(list(places.values()), [f"{ridge:g}" for ridge in places])
            axes.set_xlabel("ridge")
            axes.set_ylabel(f"validation {_SCORES[score]}")
            axes.set_title(DATASETS[dataset])
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=6, frameon=False, fontsize=9.5)
    return figure


def challenge_direction(directions: pd.DataFrame, samples: pd.DataFrame, trained: tuple[float, float]) -> Figure:
    """Draw the target along the direction that a feature machine found, and the direction itself (Problem 13).

    Left, the test samples, with the regression on that coordinate alone; grey is where there were no training samples.
    Right, its components, with the truth where it is known, and those of a network, turned to the same side.

    Args:
        directions: columns model ("rfm", and "network" where there is one), feature, component, truth.
        samples: columns along, y, predicted: test samples.
        trained: least and largest coordinate of the training samples.
    """
    samples = samples.sort_values("along")
    with _style():
        figure = Figure(figsize=(9.2, 4.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(samples["along"], samples["y"], "o", ms=2, mew=0, alpha=0.4, color=_COLOURS[0], label="test samples")
        left.plot(samples["along"], samples["predicted"], lw=1.5, color=_COLOURS[3], label="regression on $u·x$")
        low, high = left.get_xlim()
        for span in ((low, trained[0]), (trained[1], high)):
            left.axvspan(*span, color="#777777", alpha=0.15, lw=0)
        left.set_xlim(low, high)
        left.set_xlabel("coordinate $u·x$ along the direction of the feature machine")
        left.set_ylabel("target")
        left.legend(loc="upper left", fontsize=9.5)
        columns = directions.pivot_table(index="feature", columns="model", values=["component", "truth"], sort=False)
        machine = columns["component"]["rfm"]
        right.plot(machine, "o", ms=5, color=_COLOURS[0], label=model_label("rfm"))
        if "network" in columns["component"]:
            network = columns["component"]["network"]
            right.plot(np.sign(machine @ network) * network, "x", ms=5, color=_COLOURS[1], label=model_label("network"))
        if "truth" in columns:
            right.plot(columns["truth"]["rfm"], "_", ms=9, mew=1.6, color="#222222", label="truth")
        right.axhline(0, color="#222222", lw=0.8)
        right.set_xlabel("feature")
        right.set_ylabel("component of the direction")
        right.legend(loc="best", fontsize=9.5)
    return figure


def image_mosaic(images: npt.NDArray[np.floating[Any]], columns: int = 16, most: int = 128) -> Figure:
    """Draw weights as colour images without words, each on its own scale: grey is 0, the largest entry is at an end.

    Args:
        images: (n, 3, h, w), channels first.
        columns: images in a row.
        most: the number of images drawn, the first ones.
    """
    images = images[:most]
    scale = np.abs(images).max(axis=(1, 2, 3), keepdims=True)
    rows, (height, width) = math.ceil(len(images) / columns), images.shape[2:]
    tiles = np.ones((rows * columns, 3, height + 2, width + 2))
    tiles[: len(images), :, 1:-1, 1:-1] = 0.5 + 0.5 * images / np.where(scale > 0, scale, 1)
    mosaic = tiles.reshape(rows, columns, *tiles.shape[1:]).transpose(0, 3, 1, 4, 2)
    with _style("white"):
        figure = Figure(figsize=(9.2, 9.2 * rows / columns + 0.3), layout="constrained")
        axes = figure.subplots()
        axes.set_axis_off()
        axes.imshow(mosaic.reshape(rows * (height + 2), columns * (width + 2), 3), interpolation="nearest")
    return figure


def pictures(rows: npt.NDArray[np.floating[Any]], full_contrast: bool = False) -> npt.NDArray[np.uint8]:
    """Return values (n, 3072), channels first, as images (n, 3, 32, 32) of bytes: 0 is black, 1 is full.

    Values outside [0, 1] are clipped; with `full_contrast`, each image is scaled and shifted to span [0, 1] instead.
    """
    if full_contrast:
        low, span = rows.min(axis=1, keepdims=True), np.ptp(rows, axis=1, keepdims=True)
        rows = (rows - low) / np.where(span > 0, span, 1)
    return (rows.clip(0, 1) * 255).round().astype(np.uint8).reshape(-1, 3, 32, 32)


def image_rows(rows: dict[str, npt.NDArray[np.uint8]], columns: Sequence[str], title: str) -> Figure:
    """Draw rows of colour images, each row with its name at the left, each column under its name.

    Args:
        rows: the name of a row -> its images, (columns, 3, h, w), channels first.
        columns: the names of the columns.
        title: written above.
    """
    with _style("white"):
        figure = Figure(figsize=(1.15 * len(columns) + 1.7, 1.12 * len(rows) + 1.0), layout="constrained")
        panels = figure.subplots(len(rows), len(columns), squeeze=False)
        for line, (name, images) in zip(panels, rows.items(), strict=True):
            for axes, image in zip(line, images, strict=True):
                axes.set(xticks=[], yticks=[])
                axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
            line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
        for axes, name in zip(panels[0], columns, strict=True):
            axes.set_title(name, fontsize=9, pad=4)
        figure.suptitle(title, parse_math=False, fontsize=11)
    return figure


def attractor_basins(basins: pd.DataFrame) -> Figure:
    """Draw which training image inputs are at, or nearest to, after some iterations (Problem 4).

    A column of panels for each network, a row for test images and one for noise; a bar for each number of iterations.

    Args:
        basins: columns n_images, input ("test" or "noise"), iterations, image, and image_share, mixture_share and
            elsewhere_share: the inputs that are nearest to the image and at it, between it and others, or neither.
    """
    # Of the colour of an image: how much, for those that are at it, between it and others, or nearest to it.
    strengths = {"image_share": 1.0, "mixture_share": 0.45, "elsewhere_share": 0.15}
    networks = sorted(basins["n_images"].unique())
    inputs = {"test": "test images", "noise": "noise"}
    counts = sorted(basins["iterations"].unique())
    with _style("white"):
        figure = Figure(figsize=(3.0 * len(networks) + 0.6, 5.4), layout="constrained")
        panels = figure.subplots(len(inputs), len(networks), sharex=True, sharey=True, squeeze=False)
        for line, (kind, words) in zip(panels, inputs.items(), strict=True):
            for axes, n in zip(line, networks, strict=True):
                some = basins[(basins["n_images"] == n) & (basins["input"] == kind)]
                left = np.zeros(len(counts))
                for image, shares in some.sort_values("iterations").groupby("image"):
                    colour = _COLOURS[(image - 1) % len(_COLOURS)]
                    for column, strength in strengths.items():
                        wide = shares[column].to_numpy()
                        axes.barh(range(len(counts)), wide, left=left, color=(colour, strength), lw=0)
                        left += wide
                axes.set_xlim(0, 1)
                axes.set_yticks(range(len(counts)), [f"{count:d}" for count in counts])
            line[0].set_ylabel(f"{words}\niterations")
        panels[0, 0].invert_yaxis()
        for axes, n in zip(panels[0], networks, strict=True):
            axes.set_title("trained on 1 image" if n == 1 else f"trained on {n} images")
        for axes in panels[-1]:
            axes.set_xlabel("share of the inputs")
        handles = [
            *(
                Patch(color=_COLOURS[i % len(_COLOURS)], lw=0, label=f"nearest: image {i + 1}")
                for i in range(networks[-1])
            ),
            *(
                Patch(color=("#444444", strength), lw=0, label=words)
                for strength, words in zip(strengths.values(), ("at it", "a mixture", "elsewhere"), strict=True)
            ),
        ]
        figure.legend(
            handles=handles, loc="outside lower center", ncols=min(len(handles), 5), frameon=False, fontsize=9.5
        )
    return figure


def _colours(names: Iterable[str]) -> dict[str, str]:
    """Return the colour of each kernel or activation: its own, else the next of the further ones."""
    further = [name for name in dict.fromkeys(names) if name not in _KNOWN_COLOURS]
    return _KNOWN_COLOURS | dict(zip(further, itertools.cycle(_FURTHER_COLOURS), strict=False))


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
        *axes.plot([], [], "--", lw=1.2, color=_KNOWN_COLOURS["zero"], label="zero predictor"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9.5)
