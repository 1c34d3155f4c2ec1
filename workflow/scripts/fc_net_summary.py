"""Summarise the networks of Problem 2b: accuracy over the seeds and in each class, and confusion matrices."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.stats

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.metrics import write_metrics
from nngplab.pipeline.statistics import combined_half_width, mean_interval
from nngplab.problems.confusion import confusion

METRICS = ["mean_accuracy", "std_accuracy", "mean_train_accuracy"]
# The confidence level of all intervals.
LEVEL = 0.95


def main(arguments: argparse.Namespace) -> None:
    images = json.loads(arguments.provenance.read_text(encoding="utf-8"))["label"]
    metrics = pd.concat([pd.read_csv(path) for path in arguments.tables], ignore_index=True).assign(images=images)
    counts = pd.read_csv(arguments.counts)
    classes = counts[counts["split"] == "test"].sort_values("label")["class"].to_numpy()
    predictions = pd.concat([read_predictions(path, classes) for path in arguments.outputs], ignore_index=True)
    summary = summarise(metrics, predictions)
    write_csv(metrics, arguments.all_tables)
    write_csv(summary, arguments.summary)
    write_csv(per_class(predictions), arguments.per_class)
    write_csv(confusion(predictions, classes, "loss").assign(images=images), arguments.confusion)
    # One network has no standard deviation, and JSON has no NaN.
    by_loss = {str(loss): row.dropna().to_dict() for loss, row in summary.set_index("loss")[METRICS].iterrows()}
    write_metrics(arguments.metrics, {"images": images}, trained=by_loss)


def read_predictions(path: Path, classes: Any) -> pd.DataFrame:
    """Return loss, seed, class and predicted class of each test image, sorted by class."""
    with np.load(path) as file:
        order = file["labels"].argsort(kind="stable")
        labels, predicted = file["labels"][order], file["outputs"].argmax(axis=1)[order]
        columns = {"class": classes[labels], "predicted": classes[predicted]}
        return pd.DataFrame({"loss": str(file["loss"]), "seed": int(file["seed"]), **columns})


def summarise(metrics: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each loss, for the networks after the last epoch.

    Args:
        metrics: a row for each network, epoch and split.
        predictions: class and predicted class of each test image, in the same order for each network.
    """
    right = {str(loss): correct(group) for loss, group in predictions.groupby("loss", sort=False)}
    rows = []
    for name, group in metrics.groupby("loss", sort=False):
        loss = str(name)
        last = group[group["epoch"] == group["epoch"].max()]
        train, test = (last[last["split"] == split].sort_values("seed") for split in ("train", "test"))
        parameters = test.iloc[0].drop(["loss", "seed", "epoch", "split", "mse", "cross_entropy", "accuracy"])
        gap = train["accuracy"].to_numpy()[:, None] - right[loss]
        others = [right[loss] - right[other] for other in right if other != loss]
        rows.append(
            {
                "loss": loss,
                "seeds": len(test),
                **with_interval("mean_accuracy", right[loss], lowest=0.0),
                "std_accuracy": test["accuracy"].std(),
                "lowest_accuracy": test["accuracy"].min(),
                "highest_accuracy": test["accuracy"].max(),
                "mean_train_accuracy": train["accuracy"].mean(),
                **with_interval("gap", gap),
                **(with_interval("difference", others[0]) if others else {}),
                "mean_loss": test[loss].mean(),
                "mean_train_loss": train[loss].mean(),
                **rise(group, loss),
                "level": LEVEL,
                **parameters,
            }
        )
    return pd.DataFrame(rows)


def correct(predictions: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return whether each network (row) classifies each test image (column) correctly, as 0 and 1."""
    networks = [group for _, group in predictions.groupby("seed")]
    return np.array([(group["class"] == group["predicted"]).to_numpy() for group in networks], dtype=np.int64)


def with_interval(name: str, values: npt.NDArray[Any], lowest: float = -1.0) -> dict[str, float]:
    """Return the mean of values (networks, images), and the interval of its expectation, as NAME, NAME_low, NAME_high.

    An expectation is between `lowest` and 1, and so is the interval.
    Networks and images are crossed random factors: the error of the mean is that of the networks plus that of the
    images, each from the means over the other factor (`combined_half_width`). The interaction counts in both, so the
    interval is rather too wide than too narrow. With one network, the interval is over the images alone.
    """
    factors = [means for means in (values.mean(axis=0), values.mean(axis=1)) if len(means) > 1]
    half = combined_half_width([(scipy.stats.sem(means) ** 2, len(means) - 1) for means in factors], LEVEL)
    mean = float(values.mean())
    return {name: mean, f"{name}_low": max(lowest, mean - half), f"{name}_high": min(1.0, mean + half)}


def rise(metrics: pd.DataFrame, loss: str) -> dict[str, float]:
    """Return the smallest mean test loss, and by how much the loss rises from there to the last epoch.

    Of equal losses, the last epoch counts. The interval of the mean rise is over the networks, by Student's t
    distribution, and infinite for one network. The training loss at both epochs tells whether the networks went on
    to learn the training images.
    """
    test, train = (
        metrics[metrics["split"] == split].pivot_table(index="epoch", columns="seed", values=loss).to_numpy()
        for split in ("test", "train")
    )
    means = test.mean(axis=1)
    epoch = int(np.flatnonzero(means == means.min())[-1])
    rises = test[-1] - test[epoch]
    low, high = mean_interval(rises, LEVEL)
    return {
        "lowest_mean_loss": means[epoch],
        "lowest_mean_loss_epoch": epoch,
        "train_loss_at_lowest": train[epoch].mean(),
        "rise": rises.mean(),
        "rise_low": low,
        "rise_high": high,
    }


def per_class(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each loss and class: the number of test images, and their accuracy over the seeds."""
    right = predictions.assign(right=predictions["class"] == predictions["predicted"])
    groups = right.groupby(["loss", "class", "seed"], sort=False)["right"]
    by_seed = groups.mean().groupby(["loss", "class"], sort=False)
    table = by_seed.agg(mean_accuracy="mean", std_accuracy="std", lowest_accuracy="min", highest_accuracy="max")
    # The mean over all predictions is that of the networks, without its rounding: classes with equal counts tie.
    table["mean_accuracy"] = right.groupby(["loss", "class"], sort=False)["right"].mean()
    table.insert(0, "images", groups.size().groupby(["loss", "class"], sort=False).first())
    return table.reset_index()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="tables of fc_net_train.py, CSV")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="outputs of the networks, NPZ")
    parser.add_argument("--counts", type=Path, required=True, help="the table with the names of the classes, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--all-tables", type=Path, required=True, help="the merged table, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="a row for each loss, CSV")
    parser.add_argument("--per-class", type=Path, required=True, help="a row for each loss and class, CSV")
    parser.add_argument("--confusion", type=Path, required=True, help="a row for each loss and pair of classes, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="the accuracy with each loss, JSON")
    run(parser, main)
