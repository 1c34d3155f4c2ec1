"""Figures of confusion matrices."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from nngplab.report.figures.style import BLACK, WHITE, WIDTH, figure_style, shade_colours


def plot_confusion(confusion: pd.DataFrame, by: str, titles: Mapping[str, str]) -> Figure:
    """Draw a confusion matrix for each group: predicted classes, in percent of the images of a class.

    Args:
        confusion: columns `by`, class, predicted, share; one row for each group and pair of classes.
        by: the column with the names of the groups.
        titles: the title of each group.
    """
    groups = list(confusion[by].unique())
    with figure_style("white"):
        figure = Figure(figsize=(WIDTH, (WIDTH - 0.6) / max(2, len(groups)) + 0.6), layout="constrained")
        for axes, group in zip(figure.subplots(1, len(groups), squeeze=False).flat, groups, strict=True):
            some = confusion[confusion[by] == group]
            names = list(some["predicted"].unique())
            shares = some.pivot_table(index="class", columns="predicted", values="share").reindex(columns=names)
            shares = shares.loc[[name for name in names if name in shares.index]]
            texts: dict[str, Any] = {"annot": True, "fmt": ".0f", "annot_kws": {"color": BLACK}}
            cells: dict[str, Any] = {"cmap": shade_colours(), "linecolor": WHITE, "linewidths": 0.5}
            seaborn.heatmap(100 * shares, ax=axes, vmin=0, vmax=100, cbar=False, square=True, **cells, **texts)
            axes.set_title(titles[group])
            axes.tick_params(axis="y", rotation=0)
            axes.set_xlabel("predicted class")
            axes.set_ylabel("class")
    return figure
