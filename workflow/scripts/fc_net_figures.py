"""Draw learning curves, confusion matrices, first-layer weights and predictions of the networks of Problem 2b."""

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from matplotlib.figure import Figure

from nngplab.datasets.cifar10 import label_names, read_images
from nngplab.pipeline.cli import run
from nngplab.pipeline.seeds import generator
from nngplab.report.figures.confusion import plot_confusion
from nngplab.report.figures.fc_net import LOSS_LABELS, plot_learning_curves
from nngplab.report.figures.images import Line, plot_lines, plot_weights, without_mathematics
from nngplab.report.figures.style import save

# The number of correct predictions that are shown, and of wrong ones.
SHOWN = 8


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    mark = provenance["label"] if provenance["stand_in"] else None
    images = read_images(arguments.folder, pd.read_csv(arguments.files), train=False)[0].reshape(-1, 3, 32, 32)

    save(plot_learning_curves(pd.read_csv(arguments.metrics)), arguments.learning_curves, mark)
    titles = {loss: f"trained with {label}" for loss, label in LOSS_LABELS.items()}
    save(plot_confusion(pd.read_csv(arguments.confusion), "loss", titles), arguments.confusion_matrix, mark)
    for path, output in zip(arguments.models, arguments.first_layers, strict=True):
        save(plot_weights(first_layer(path)), output, mark)
    for path, output in zip(arguments.outputs, arguments.predictions, strict=True):
        save(predictions(path, images, label_names(arguments.folder), arguments.seed), output, mark)


def first_layer(path: Path) -> npt.NDArray[np.float32]:
    """Return the rows of B as images (k, 3, 32, 32), those with the largest weights in the outputs first."""
    weights = torch.load(path, weights_only=True)["network"]
    B, A = weights["first.weight"], weights["last.weight"]
    order = (B.norm(dim=1) * A.norm(dim=0)).argsort(descending=True, stable=True)
    images: npt.NDArray[np.float32] = B[order].view(-1, 3, 32, 32).numpy()
    return images


def predictions(path: Path, images: npt.NDArray[np.uint8], classes: list[str], seed: int) -> Figure:
    """Draw random test images: first some that the network classifies correctly, then some that it does not."""
    with np.load(path) as file:
        labels, predicted, loss = file["labels"], file["outputs"].argmax(axis=1), str(file["loss"])
    rng = generator(seed, "fc_net_figures", loss)
    lines = []
    for kind, of_kind in (("correct", labels == predicted), ("wrong", labels != predicted)):
        group = np.flatnonzero(of_kind)
        chosen = rng.choice(group, min(SHOWN, len(group)), replace=False)
        titles = [
            without_mathematics(classes[label] if label == guess else f"{classes[label]}\n→ {classes[guess]}")
            for label, guess in zip(labels[chosen], predicted[chosen], strict=True)
        ]
        lines.append(Line(kind, images[chosen], titles))
    return plot_lines([line for line in lines if line.titles], "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--metrics", type=Path, required=True, help="errors and accuracy after each epoch, CSV")
    parser.add_argument("--confusion", type=Path, required=True, help="a row for each loss and pair of classes, CSV")
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help="weights of one network for each loss, PT"
    )
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="outputs of the same networks, NPZ")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the random choice of images")
    parser.add_argument("--learning-curves", type=Path, required=True, help="SVG")
    parser.add_argument("--confusion-matrix", type=Path, required=True, help="SVG")
    parser.add_argument("--first-layers", type=Path, nargs="+", required=True, help="SVG, one for each network")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="SVG, one for each network")
    run(parser, main)
