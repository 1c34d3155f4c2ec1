"""Summarise the networks of Problem 2b: accuracy over the seeds and in each class, and confusion matrices."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json

METRICS = ["mean_accuracy", "std_accuracy", "mean_train_accuracy"]


def main(arguments: argparse.Namespace) -> None:
    images = json.loads(arguments.provenance.read_text(encoding="utf-8"))["label"]
    metrics = pd.concat([pd.read_csv(path) for path in arguments.tables], ignore_index=True).assign(images=images)
    counts = pd.read_csv(arguments.counts)
    classes = counts[counts["split"] == "test"].sort_values("label")["class"].to_numpy()
    predictions = pd.concat([read_predictions(path, classes) for path in arguments.outputs], ignore_index=True)
    summary = summarise(metrics)
    write_csv(metrics, arguments.all_tables)
    write_csv(summary, arguments.summary)
    write_csv(per_class(predictions), arguments.per_class)
    write_csv(confusion(predictions, classes).assign(images=images), arguments.confusion)
    write_json({"images": images, **summary.set_index("loss")[METRICS].to_dict("index")}, arguments.metrics)


def read_predictions(path: Path, classes: Any) -> pd.DataFrame:
    """Return loss, seed, class and predicted class of each test image, sorted by class."""
    with np.load(path) as file:
        order = file["labels"].argsort(kind="stable")
        labels, predicted = file["labels"][order], file["outputs"].argmax(axis=1)[order]
        columns = {"class": classes[labels], "predicted": classes[predicted]}
        return pd.DataFrame({"loss": str(file["loss"]), "seed": int(file["seed"]), **columns})


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each loss, for the networks after the last epoch."""
    rows = []
    for loss, group in metrics.groupby("loss", sort=False):
        by_epoch = group[group["split"] == "test"].groupby("epoch")[str(loss)].mean()
        last = group[group["epoch"] == group["epoch"].max()]
        train, test = (last[last["split"] == split] for split in ("train", "test"))
        parameters = test.iloc[0].drop(["loss", "seed", "epoch", "split", "mse", "cross_entropy", "accuracy"])
        rows.append(
            {
                "loss": loss,
                "seeds": len(test),
                "mean_accuracy": test["accuracy"].mean(),
                "std_accuracy": test["accuracy"].std(),
                "lowest_accuracy": test["accuracy"].min(),
                "highest_accuracy": test["accuracy"].max(),
                "mean_train_accuracy": train["accuracy"].mean(),
                "mean_loss": test[str(loss)].mean(),
                "mean_train_loss": train[str(loss)].mean(),
                "lowest_mean_loss": by_epoch.min(),
                "lowest_mean_loss_epoch": by_epoch.idxmin(),
                **parameters,
            }
        )
    return pd.DataFrame(rows)


def per_class(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each loss and class: the number of test images, and their accuracy over the seeds."""
    right = predictions.assign(right=predictions["class"] == predictions["predicted"])
    groups = right.groupby(["loss", "class", "seed"], sort=False)["right"]
    accuracy = groups.mean().groupby(["loss", "class"], sort=False)
    table = accuracy.agg(mean_accuracy="mean", std_accuracy="std", lowest_accuracy="min", highest_accuracy="max")
    table.insert(0, "images", groups.size().groupby(["loss", "class"], sort=False).first())
    return table.reset_index()


def confusion(predictions: pd.DataFrame, classes: Any) -> pd.DataFrame:
    """Return a row for each loss, class and predicted class: the number of test images, summed over the seeds."""
    pairs = predictions[["loss", "class"]].drop_duplicates().merge(pd.DataFrame({"predicted": classes}), how="cross")
    counts = predictions.groupby(["loss", "class", "predicted"]).size().rename("count").reset_index()
    table = pairs.merge(counts, how="left").fillna({"count": 0}).astype({"count": int})
    return table.assign(share=table["count"] / table.groupby(["loss", "class"])["count"].transform("sum"))


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
