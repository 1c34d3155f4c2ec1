"""The figures of Problem 2 b."""

from typing import Any

import pandas as pd
import seaborn
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nngplab.report.figures.style import BLACK, COLOURS, PIXEL, WHITE, WIDTH, add_legend, figure_style, shade_colours

_LOSS_LABELS = {"mse": "squared error", "cross_entropy": "cross-entropy"}


def plot_learning_curves(metrics: pd.DataFrame) -> Figure:
    """Draw accuracy (top) and the loss that was minimised (bottom) against the epoch; a column for each loss.

    Each network is a thin line, their mean a thick one.

    Args:
        metrics: columns loss, seed, epoch, split ("train" or "test"), accuracy, mse, cross_entropy.
    """
    losses = list(metrics["loss"].unique())
    with figure_style():
        figure = Figure(figsize=(WIDTH, 440 * PIXEL), layout="constrained")
        panels = figure.subplots(2, len(losses), sharex=True, squeeze=False)
        for column, loss in enumerate(losses):
            upper, lower = panels[:, column]
            for axes, measured in ((upper, "accuracy"), (lower, loss)):
                for split, colour, label in (("train", COLOURS[1], "training"), ("test", COLOURS[0], "test")):
                    some = metrics[(metrics["loss"] == loss) & (metrics["split"] == split)]
                    curves = some.pivot_table(index="epoch", columns="seed", values=measured)
                    axes.plot(curves, color=colour, lw=0.8, alpha=0.5)
                    axes.plot(curves.mean(axis=1), color=colour, lw=2, label=f"{label} images")
            upper.set_title(f"trained with {_LOSS_LABELS[loss]}")
            upper.set_ylabel("accuracy")
            upper.sharey(panels[0, 0])
            lower.set_ylabel(_LOSS_LABELS[loss])
            lower.set_xlabel("epoch")
            lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        add_legend(figure, panels[0, 0].get_legend_handles_labels()[0])
    return figure


def plot_confusion(confusion: pd.DataFrame) -> Figure:
    """Draw a confusion matrix for each loss: predicted classes, in percent of the images of a class.

    Args:
        confusion: columns loss, class, predicted, share; one row for each loss and pair of classes.
    """
    losses = list(confusion["loss"].unique())
    with figure_style("white"):
        figure = Figure(figsize=(WIDTH, (WIDTH - 0.6) / max(2, len(losses)) + 0.6), layout="constrained")
        for axes, loss in zip(figure.subplots(1, len(losses), squeeze=False).flat, losses, strict=True):
            some = confusion[confusion["loss"] == loss]
            names = list(some["predicted"].unique())
            shares = some.pivot_table(index="class", columns="predicted", values="share").reindex(columns=names)
            shares = shares.loc[[name for name in names if name in shares.index]]
            texts: dict[str, Any] = {"annot": True, "fmt": ".0f", "annot_kws": {"color": BLACK}}
            cells: dict[str, Any] = {"cmap": shade_colours(), "linecolor": WHITE, "linewidths": 0.5}
            seaborn.heatmap(100 * shares, ax=axes, vmin=0, vmax=100, cbar=False, square=True, **cells, **texts)
            axes.set_title(f"trained with {_LOSS_LABELS[loss]}")
            axes.tick_params(axis="y", rotation=0)
            axes.set_xlabel("predicted class")
            axes.set_ylabel("class")
    return figure
