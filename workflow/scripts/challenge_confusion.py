"""Say which classes of CIFAR-10 the network of Problem 13 and the best kernel confuse, side by side."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.problems.confusion import confusion
from nngplab.report.figures.confusion import plot_confusion
from nngplab.report.figures.style import save
from nngplab.report.labels import model_label


def main(arguments: argparse.Namespace) -> None:
    record = json.loads(arguments.record.read_text(encoding="utf-8"))
    scores = pd.read_csv(arguments.scores).query("dataset == 'cifar10'")
    counts = pd.read_csv(arguments.counts)
    classes = counts[counts["split"] == "test"].sort_values("label")["class"].to_numpy()
    models = scores.loc[(scores["model"] == "network") | scores["best_kernel"], "model"]
    outputs = {path.stem: path for path in arguments.outputs}
    table = confusion(pd.concat(predictions(outputs[model], model, classes) for model in models), classes, "model")
    write_csv(table, arguments.output)
    titles = {model: model_label(model) for model in models}
    save(plot_confusion(table, "model", titles), arguments.figure, record["label"] if record["stand_in"] else "")


def predictions(path: Path, model: str, classes: np.ndarray) -> pd.DataFrame:
    """Return class and predicted class of each test image, sorted by class; for a network, with each seed."""
    with np.load(path) as file:
        predicted = file[f"{model}_seeds" if model == "network" else model].argmax(axis=-1)
        labels = np.broadcast_to(file["y_test"].argmax(axis=1), predicted.shape).ravel()
    order = labels.argsort(kind="stable")
    columns = {"class": classes[labels[order]], "predicted": classes[predicted.ravel()[order]]}
    return pd.DataFrame({"model": model, **columns})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="test scores, with the best kernel, CSV")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="outputs for the test images, NPZ")
    parser.add_argument("--counts", type=Path, required=True, help="the table with the names of the classes, CSV")
    parser.add_argument("--record", type=Path, required=True, help="description of the data set, JSON")
    parser.add_argument("--output", type=Path, required=True, help="a row for each model and pair of classes, CSV")
    parser.add_argument("--figure", type=Path, required=True, help="a confusion matrix for each model, SVG")
    run(parser, main)
