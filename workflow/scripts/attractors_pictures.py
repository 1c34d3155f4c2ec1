"""Draw outputs and iterates of the autoencoders of Problem 4, for images, noise and zeros."""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from nngplab.datasets.cifar10_torch import LabelledImages
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.pipeline.cli import run
from nngplab.problems.attractors import gaussian_noise, load_network, shuffled_indices
from nngplab.problems.attractors_limits import iterate
from nngplab.report.figures.attractors import plot_limit_images
from nngplab.report.figures.images import plot_image_rows, to_images
from nngplab.report.figures.style import power_of_ten, save
from nngplab.report.labels import activation_label
from nngplab.report.tracing import significant
from nngplab.report.visdom import show

# Test images in the pictures of outputs, and in that of iterates.
OUTPUT_TEST_IMAGES = 3
ITERATED_TEST_IMAGES = 6
# The factor by which the remaining noise is amplified.
AMPLIFICATION = 100


class Picture(NamedTuple):
    """A title, rows of images (n, 3, 32, 32) by their labels, and the n labels of the columns."""

    title: str
    rows: dict[str, npt.NDArray[np.uint8]]
    columns: list[str]


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    files = pd.read_csv(arguments.files)
    train, test = (LabelledImages(arguments.folder, files, train=train) for train in (True, False))
    unseen = shuffled_indices(arguments.seed, "training", len(train.images))[-1:].tolist()
    shown = shuffled_indices(arguments.seed, "test", len(test.images))[:ITERATED_TEST_IMAGES].tolist()
    d = train.images.shape[1]
    loaded = [load_network(path) for path in arguments.networks]
    networks = {len(chosen): (network.double(), chosen) for network, chosen in loaded if network.activation == "relu"}

    pictures: dict[Path, Picture] = {}
    noise = torch.from_numpy(gaussian_noise(arguments.seed, "noise", 1, d))
    for (network, chosen), path in zip(networks.values(), arguments.outputs, strict=True):
        X = torch.cat(
            [train.pixels(chosen + unseen), test.pixels(shown[:OUTPUT_TEST_IMAGES]), noise, torch.zeros(1, d)]
        )
        columns = [*training_labels(train, chosen), f"other training\nimage: {train.names(unseen)[0]}"]
        columns += [f"test image:\n{name}" for name in test.names(shown[:OUTPUT_TEST_IMAGES])] + ["noise", "zeros"]
        title = f"Outputs of the network trained on {count_images(len(chosen))}"
        pictures[path] = Picture(title, output_rows(network, X), columns)

    network, chosen = networks[arguments.iterated]
    Z, labels, count = train.pixels(chosen), training_labels(train, chosen), count_images(len(chosen))
    rows = iterate_rows(network, torch.cat([test.pixels(shown), Z]), arguments.iterations)
    columns = [f"test image:\n{name}" for name in test.names(shown)] + labels
    pictures[arguments.iterates] = Picture(f"Iterates of the network trained on {count}", rows, columns)

    epsilon = arguments.noise * torch.from_numpy(gaussian_noise(arguments.seed, "epsilon", 1, d))
    rows = noise_rows(network, Z, epsilon, arguments.noise_iterations, labels)
    columns = ["$x = z + $ noise", *(power_label(r) for r in arguments.noise_iterations)]
    pictures[arguments.noisy] = Picture(f"Noise of {arguments.noise:g} on the {count}", rows, columns)

    same = [network.double() for network, images in loaded if len(images) == len(chosen)]
    X = torch.cat([Z, test.pixels(shown[:OUTPUT_TEST_IMAGES]), noise])
    columns = labels + [f"test image:\n{name}" for name in test.names(shown[:OUTPUT_TEST_IMAGES])] + ["noise"]
    rows = activation_rows(same, X, arguments.iterations[-1])
    pictures[arguments.activations] = Picture(f"Activations, each trained on {count}", rows, columns)

    for path, picture in pictures.items():
        figure = plot_image_rows(picture.rows, picture.columns, picture.title)
        save(figure, path, mark=provenance["label"] if provenance["stand_in"] else None)
    limits = limit_rows(Z, labels, arguments.limit_table, arguments.points)
    figure = plot_limit_images(limits, f"Limits of the iterates, trained on {count}")
    save(figure, arguments.limits, mark=provenance["label"] if provenance["stand_in"] else None)
    if arguments.visdom:
        server, port = arguments.visdom
        windows = {f"{picture.title}: {provenance['label']}": picture.rows for picture in pictures.values()}
        show(windows, server, int(port))


def training_labels(train: LabelledImages, indices: list[int]) -> list[str]:
    return [f"$z_{{{i}}}$: {name}" for i, name in enumerate(train.names(indices), start=1)]


def count_images(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def count_test_images(n: int) -> str:
    return "1 test image" if n == 1 else f"{n} test images"


def power_label(r: int) -> str:
    return "$f(x)$" if r == 1 else f"$f^{{{r}}}(x)$"


def at_full_contrast(r: int) -> str:
    return f"{power_label(r)} at full\ncontrast"


def output_rows(network: OneHiddenLayer, X: Tensor) -> dict[str, npt.NDArray[np.uint8]]:
    """Return inputs, outputs, and outputs at full contrast, where scaled inputs and their outputs look the same."""
    Y = iterate(network, X, 1).detach().numpy()
    return {"$x$": to_images(X.numpy()), "$f(x)$": to_images(Y), at_full_contrast(1): to_images(Y, True)}


def iterate_rows(network: OneHiddenLayer, X: Tensor, iterations: list[int]) -> dict[str, npt.NDArray[np.uint8]]:
    """Return inputs, a row for each number of iterations, and the last of these at full contrast."""
    iterates = {r: iterate(network, X, r).detach().numpy() for r in iterations}
    rows = {power_label(r): to_images(values) for r, values in iterates.items()}
    last = iterations[-1]
    return {"$x$": to_images(X.numpy()), **rows, at_full_contrast(last): to_images(iterates[last], True)}


def activation_rows(networks: list[OneHiddenLayer], X: Tensor, times: int) -> dict[str, npt.NDArray[np.uint8]]:
    """Return inputs, and for each network its outputs and its iterates, at full contrast."""
    rows = {"$x$": to_images(X.numpy(), True)}
    for network in networks:
        for r in (1, times):
            outputs = iterate(network, X, r).numpy()
            rows[f"{power_label(r)},\n{activation_label(network.activation)}"] = to_images(outputs, True)
    return rows


def limit_rows(
    Z: Tensor, labels: list[str], table: Path, points: Path
) -> dict[str, tuple[npt.NDArray[np.uint8], list[str]]]:
    """Return the training images of a network, and for each training error the limits that most inputs reach."""
    rows = {"trained on": (to_images(Z.numpy(), True), labels)}
    with np.load(points) as by_target:
        all_limits = pd.read_csv(table)
        for target in all_limits["target"].unique():
            limits = by_target[f"{target:g}"]
            shown = all_limits[all_limits["target"] == target].head(len(limits))
            titles = [
                f"{significant(degrees, 2)}° from $z_{{{nearest}}}$,\n{count_test_images(count)}"
                for degrees, nearest, count in zip(shown["degrees"], shown["nearest"], shown["test"], strict=True)
            ]
            if titles:
                rows[f"limits at\nerror {power_of_ten(target)}"] = (to_images(limits, True), titles)
    return rows


def noise_rows(
    network: OneHiddenLayer, Z: Tensor, noise: Tensor, iterations: list[int], labels: list[str]
) -> dict[str, npt.NDArray[np.uint8]]:
    """Return two rows for each image: the iterates of the noisy image, and what is left of the noise, amplified."""
    noisy = torch.stack([iterate(network, Z + noise, r) for r in (0, *iterations)], dim=1).detach()
    clean = torch.stack([iterate(network, Z, r) for r in (0, *iterations)], dim=1).detach()
    rows = {}
    for i, (label, iterates, difference) in enumerate(zip(labels, noisy, noisy - clean, strict=True), start=1):
        rows[label] = to_images(iterates.numpy())
        amplified = (0.5 + AMPLIFICATION * difference).numpy()
        rows[f"noise left on $z_{{{i}}}$,\n× {AMPLIFICATION}"] = to_images(amplified)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--networks", type=Path, nargs="+", required=True, help="the networks, PT")
    parser.add_argument("--limit-table", type=Path, required=True, help="limits of the network that is iterated, CSV")
    parser.add_argument("--points", type=Path, required=True, help="the same limits as images, NPZ")
    parser.add_argument(
        "--iterated",
        type=int,
        required=True,
        metavar="N",
        help="number of training images of the network that is iterated",
    )
    parser.add_argument("--iterations", type=int, nargs="+", required=True, metavar="R", help="numbers of iterations")
    parser.add_argument("--noise", type=float, required=True, help="standard deviation of noise on training images")
    parser.add_argument(
        "--noise-iterations", type=int, nargs="+", required=True, metavar="R", help="iterations on these"
    )
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument(
        "--visdom",
        nargs=2,
        metavar=("SERVER", "PORT"),
        help="also show the pictures on this visdom server, such as http://localhost 8097",
    )
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="the outputs of each network, SVG")
    parser.add_argument("--iterates", type=Path, required=True, help="the iterates, SVG")
    parser.add_argument("--noisy", type=Path, required=True, help="the iterates of noisy training images, SVG")
    parser.add_argument("--activations", type=Path, required=True, help="outputs for each activation, SVG")
    parser.add_argument("--limits", type=Path, required=True, help="the limits, SVG")
    run(parser, main)
