"""The figures of Problem 13."""

import json
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from nngplab.report.figures.kernel_colours import KERNEL_COLOURS, kernel_colours
from nngplab.report.figures.style import BLACK, COLOURS, GREY, PIXEL, WHITE, WIDTH, add_legend, figure_style
from nngplab.report.labels import DATASETS, model_label

_SCORES = {"r2": "R²", "accuracy": "accuracy"}


def plot_benchmark(benchmark: pd.DataFrame, tested: pd.DataFrame, scores: dict[str, str]) -> Figure:
    """Draw the score of each selected model on the training, validation and test samples.

    There is a panel for each data set, with the highest test score at the top.

    Args:
        benchmark: columns dataset, model, split ("train", "val" or "test"), r2, accuracy; one row for each of them.
        tested: columns dataset, model, low, high, the 95% interval of the test score.
        scores: data set -> the column drawn.
    """
    marks = {
        "train": {"marker": "|", "ms": 10, "mew": 1.6, "color": GREY, "label": "training"},
        "val": {"marker": "o", "ms": 6, "mew": 1.4, "mfc": WHITE, "color": COLOURS[1], "label": "validation"},
        "test": {"marker": "o", "ms": 5, "color": COLOURS[0], "label": "test"},
    }
    with figure_style():
        most = benchmark.groupby("dataset")["model"].nunique().max()
        figure = Figure(figsize=(WIDTH, (24 * most + 90) * PIXEL), layout="constrained")
        panels = figure.subplots(1, len(scores), squeeze=False)[0]
        for axes, (dataset, score) in zip(panels, scores.items(), strict=True):
            of_dataset = benchmark[benchmark["dataset"] == dataset]
            values = of_dataset.pivot_table(index="model", columns="split", values=score, sort=False)
            values = values.sort_values("test", ascending=False, kind="stable")
            rows = range(len(values))
            axes.hlines(rows, values.min(axis=1), values.max(axis=1), color=GREY, lw=0.8)
            for split, mark in marks.items():
                axes.plot(values[split], rows, ls="", **mark)
            ends = tested[tested["dataset"] == dataset].set_index("model").loc[values.index]
            axes.hlines(rows, ends["low"], ends["high"], color=COLOURS[0], lw=3, alpha=0.5)
            axes.set_yticks(rows, [model_label(str(model)) for model in values.index])
            axes.invert_yaxis()
            axes.set_xlabel(_SCORES[score])
            axes.set_title(DATASETS[dataset])
        add_legend(figure, figure.axes[0].get_legend_handles_labels()[0])
    return figure


def plot_ridges(validation: pd.DataFrame, scores: dict[str, str]) -> Figure:
    """Draw the validation score of kernel regression against the ridge; a panel for each data set.

    Other hyper-parameters of a kernel are those that are best at each ridge. A dashed line shows the selected network.

    Args:
        validation: columns dataset, model, hyperparameters (JSON), split, r2, accuracy, outcome.
        scores: data set -> the column drawn.
    """
    val = validation[(validation["split"] == "val") & (validation["outcome"] == "fitted")]
    ridges = val["hyperparameters"].map(json.loads).map(lambda values: values.get("ridge"))
    kernels = val.assign(ridge=ridges)[val["model"].map(lambda model: model not in ("network", "rfm", "rfm_direction"))]
    places = {ridge: place for place, ridge in enumerate(sorted(kernels["ridge"].unique()))}
    colours = kernel_colours(kernels["model"]) | {"nngp": KERNEL_COLOURS["relu"]}
    with figure_style():
        figure = Figure(figsize=(WIDTH, 300 * PIXEL), layout="constrained")
        panels = figure.subplots(1, len(scores), squeeze=False)[0]
        for axes, (dataset, score) in zip(panels, scores.items(), strict=True):
            of_dataset = kernels[kernels["dataset"] == dataset]
            for model, some in of_dataset.groupby("model", sort=False):
                curve = some.groupby("ridge")[score].max()
                x = curve.index.map(places)
                axes.plot(x, curve, "o-", ms=5, color=colours[str(model)], label=model_label(str(model)))
            network = val.loc[(val["dataset"] == dataset) & (val["model"] == "network"), score].max()
            axes.axhline(network, color=BLACK, ls="--", lw=1.2, label="selected network")
            axes.set_xticks(list(places.values()), [f"{ridge:g}" for ridge in places])
            axes.set_xlabel("ridge")
            axes.set_ylabel(f"validation {_SCORES[score]}")
            axes.set_title(DATASETS[dataset])
        # The panels have different kernels.
        handles = {handle.get_label(): handle for axes in panels for handle in axes.get_legend_handles_labels()[0]}
        add_legend(figure, list(handles.values()), ncols=6)
    return figure


def plot_learning_curves(curves: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the test accuracy of each model against the number of training images, with its 95% interval.

    Published values are open diamonds in the colour of the model.

    Args:
        curves: columns n, model, value, low, high; one row for each number of images and model.
        published: columns source, n, model, value; it can be empty.
    """
    models = pd.concat([curves["model"], published["model"]])
    # Those of the other figures, in which the network has no colour of a kernel.
    colours = kernel_colours(models[models != "network"]) | {"nngp": KERNEL_COLOURS["relu"], "network": BLACK}
    with figure_style():
        figure = Figure(figsize=(WIDTH, 300 * PIXEL), layout="constrained")
        axes = figure.subplots()
        for model, some in curves.sort_values("n").groupby("model", sort=False):
            colour = colours[str(model)]
            axes.fill_between(some["n"], some["low"], some["high"], color=colour, alpha=0.15, lw=0)
            axes.plot(some["n"], some["value"], "o-", ms=5, color=colour, label=model_label(str(model)))
        mark: dict[str, Any] = {"marker": "D", "ls": "", "ms": 6, "mew": 1.4, "mfc": "none"}
        for (name, source), values in published.groupby(["model", "source"], sort=False):
            label = f"{model_label(str(name))}, {source}"
            axes.plot(values["n"], values["value"], color=colours[str(name)], label=label, **mark)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("number of training images")
        axes.set_ylabel("test accuracy")
        add_legend(figure, axes.get_legend_handles_labels()[0])
    return figure


def plot_steps(steps: pd.DataFrame) -> Figure:
    """Draw the best validation accuracy after each step, from the ReLU NNGP and from a network.

    Args:
        steps: columns start, step, accuracy, in the order of the steps.
    """
    places = {step: place for place, step in enumerate(dict.fromkeys(steps["step"]))}
    colours = {"nngp": KERNEL_COLOURS["relu"], "network": BLACK}
    with figure_style():
        figure = Figure(figsize=(WIDTH, 280 * PIXEL), layout="constrained")
        axes = figure.subplots()
        for start, some in steps.groupby("start", sort=False):
            label = "kernels of networks" if start == "nngp" else model_label(str(start))
            axes.plot(some["step"].map(places), some["accuracy"], "o-", ms=5, color=colours[str(start)], label=label)
        axes.set_xticks(list(places.values()), [step if step == "start" else f"+ {step}" for step in places])
        axes.set_ylabel("validation accuracy")
        add_legend(figure, axes.get_legend_handles_labels()[0])
    return figure


def plot_direction(directions: pd.DataFrame, samples: pd.DataFrame, training_range: tuple[float, float]) -> Figure:
    """Draw the target along the direction that a feature machine found, and the components of the direction.

    The left panel shows the test samples, and the regression on their coordinate along the direction. It is grey where
    there are no training samples. The right panel shows the components of the direction, those of the direction of a
    network, with the same sign, and the true ones where they are known.

    Args:
        directions: columns model ("rfm", and "network" where there is one), feature, component, truth.
        samples: columns along, y, predicted; one row for each test sample.
        training_range: the smallest and the largest coordinate of the training samples.
    """
    samples = samples.sort_values("along")
    with figure_style():
        figure = Figure(figsize=(WIDTH, 320 * PIXEL), layout="constrained")
        left, right = figure.subplots(1, 2)
        points: dict[str, Any] = {"ms": 3, "mew": 0, "color": COLOURS[0]}
        left.plot(samples["along"], samples["y"], "o", **points, alpha=0.4, rasterized=True, zorder=2)
        left.plot([], [], "o", **points, label="test samples")
        left.plot(samples["along"], samples["predicted"], lw=1.2, color=COLOURS[3], label="regression on $u·x$")
        low, high = left.get_xlim()
        for span in ((low, training_range[0]), (training_range[1], high)):
            left.axvspan(*span, color=GREY, alpha=0.15, lw=0)
        left.set_xlim(low, high)
        left.set_xlabel("coordinate $u·x$ along the direction")
        left.set_ylabel("target")
        columns = directions.pivot_table(index="feature", columns="model", values=["component", "truth"], sort=False)
        machine = columns["component"]["rfm"]
        right.plot(machine, "o", ms=4, color=COLOURS[0], label=model_label("rfm"))
        if "network" in columns["component"]:
            network = columns["component"]["network"]
            right.plot(np.sign(machine @ network) * network, "x", ms=5, color=COLOURS[1], label=model_label("network"))
        if "truth" in columns:
            right.plot(columns["truth"]["rfm"], "_", ms=9, mew=1.6, color=BLACK, label="truth")
        right.axhline(0, color=BLACK, lw=0.8)
        right.set_xlabel("feature")
        right.set_ylabel("component of the direction")
        for axes, place in ((left, "left"), (right, "right")):
            add_legend(figure, axes.get_legend_handles_labels()[0], f"outside upper {place}")
    return figure
