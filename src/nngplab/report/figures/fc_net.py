"""The figures of Problem 2 b."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nngplab.report.figures.style import COLOURS, PIXEL, WIDTH, add_legend, figure_style

LOSS_LABELS = {"mse": "squared error", "cross_entropy": "cross-entropy"}


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
            upper.set_title(f"trained with {LOSS_LABELS[loss]}")
            upper.set_ylabel("accuracy")
            upper.sharey(panels[0, 0])
            lower.set_ylabel(LOSS_LABELS[loss])
            lower.set_xlabel("epoch")
            lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        add_legend(figure, panels[0, 0].get_legend_handles_labels()[0])
    return figure
