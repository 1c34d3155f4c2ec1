"""Merge the learning curves of Problem 13 on CIFAR-10, which end at the test, and draw them beside published values."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.problems.challenge_published import PUBLISHED
from nngplab.report.figures.challenge import plot_learning_curves
from nngplab.report.figures.style import save

COLUMNS = ["dataset", "n", "model", "hyperparameters", "value", "low", "high", "seeds", "failed"]


def main(arguments: argparse.Namespace) -> None:
    record = json.loads(arguments.record.read_text(encoding="utf-8"))
    selected = json.loads(arguments.selected.read_text(encoding="utf-8"))["cifar10"]
    curves = pd.concat([*map(pd.read_csv, arguments.tables), last_points(arguments.scores, selected, record)])
    # Stand-in images are another problem.
    published = pd.DataFrame(PUBLISHED)[: 0 if record["stand_in"] else None]
    write_csv(curves, arguments.output)
    write_csv(published, arguments.published)
    save(plot_learning_curves(curves, published), arguments.figure, record["label"] if record["stand_in"] else "")


def last_points(scores: Path, selected: dict[str, Any], record: dict[str, Any]) -> pd.DataFrame:
    """Return the test scores of the networks and their kernels, which are fitted to training and validation images."""
    tested = pd.read_csv(scores).query("dataset == 'cifar10'")
    prepared = {model: json.dumps(chosen) for model, chosen in selected.items() if "flips" in chosen}
    tested = tested.assign(n=record["n_train"] + record["n_val"], hyperparameters=tested["model"].map(prepared))
    return tested.dropna(subset="hyperparameters")[COLUMNS]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, nargs="*", required=True, help="a table for each number of images, CSV")
    parser.add_argument("--scores", type=Path, required=True, help="test scores with their intervals, CSV")
    parser.add_argument("--selected", type=Path, required=True, help="hyper-parameters by data set and model, JSON")
    parser.add_argument("--record", type=Path, required=True, help="description of the data set, JSON")
    parser.add_argument("--output", type=Path, required=True, help="the merged table, CSV")
    parser.add_argument("--published", type=Path, required=True, help="published values for these images, CSV")
    parser.add_argument("--figure", type=Path, required=True, help="test accuracy against the number of images, SVG")
    run(parser, main)
