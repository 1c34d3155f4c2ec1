"""Show what the autoencoders of Problem 4 make of images, noise and zeros, once and iterated."""

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from nngplab.datasets.cifar10_torch import VerifiedCIFAR10, to_tensors
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.pipeline.cli import run
from nngplab.problems.attractors import iterate, load_network, shuffled, standard_normal
from nngplab.report.figures.images import plot_image_rows, to_images
from nngplab.report.figures.style import save
from nngplab.report.visdom import show

Rows = dict[str, npt.NDArray[np.uint8]]

# Test images in a picture.
SHOWN = 3
SHOWN_ITERATED = 6
# Noise is shown so many times stronger.
AMPLIFICATION = 100


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    files = pd.read_csv(arguments.files)
    train, test = (Labelled(VerifiedCIFAR10(arguments.folder, files, train=train)) for train in (True, False))
    unseen = shuffled(arguments.seed, "training", len(train.images))[-1:].tolist()
    shown = shuffled(arguments.seed, "test", len(test.images))[:SHOWN_ITERATED].tolist()
    d = train.images.shape[1]
    noise = torch.from_numpy(standard_normal(arguments.seed, "noise", 1, d))
    networks = {}
    for path in arguments.networks:
        network, chosen = load_network(path)
        networks[len(chosen)] = (network.double(), chosen)

    made: dict[Path, tuple[str, Rows, list[str]]] = {}
    for (n, (network, chosen)), path in zip(networks.items(), arguments.outputs, strict=True):
        X = torch.cat([train.pixels(chosen + unseen), test.pixels(shown[:SHOWN]), noise, torch.zeros(1, d)])
        columns = [f"$z_{{{i}}}$: {name}" for i, name in enumerate(train.names(chosen), start=1)]
        columns += [f"other training\nimage: {train.names(unseen)[0]}"]
        columns += [f"test image:\n{name}" for name in test.names(shown[:SHOWN])] + ["noise", "zeros"]
        made[path] = (f"Outputs of the network trained on {images(n)}", outputs(network, X), columns)

    network, chosen = networks[arguments.iterated]
    Z, own = train.pixels(chosen), [f"$z_{{{i}}}$: {name}" for i, name in enumerate(train.names(chosen), start=1)]
    columns = [f"test image:\n{name}" for name in test.names(shown)] + own
    rows = iterates(network, torch.cat([test.pixels(shown), Z]), arguments.iterations)
    made[arguments.iterates] = (f"Iterates of the network trained on {images(len(chosen))}", rows, columns)

    noise = arguments.noise * torch.from_numpy(standard_normal(arguments.seed, "epsilon", len(chosen), d))
    rows = returns(network, Z, noise, arguments.noise_iterations, own)
    columns = ["$x = z + $ noise", *(power(r) for r in arguments.noise_iterations)]
    made[arguments.noisy] = (f"Noise of {arguments.noise:g} on the {images(len(chosen))}", rows, columns)

    for path, (title, rows, columns) in made.items():
        figure = plot_image_rows(rows, columns, f"{title}\n{provenance['label']}")
        save(figure, path, mark=provenance["label"] if provenance["stand_in"] else None)
    if arguments.visdom:
        server, port = arguments.visdom
        live = {f"{title}: {provenance['label']}": rows for title, rows, _ in made.values()}
        show(live, server, int(port))


class Labelled:
    """Images by their numbers in a data set, and the names of their classes."""

    def __init__(self, dataset: VerifiedCIFAR10):
        self.images, self.labels = to_tensors(dataset)
        self.classes = dataset.classes

    def pixels(self, numbers: list[int]) -> Tensor:
        """Return images as rows (n, 3072), channels first, in [0, 1]."""
        return self.images[numbers].double() / 255

    def names(self, numbers: list[int]) -> list[str]:
        """Return the classes of images."""
        return [self.classes[label] for label in self.labels[numbers]]


def images(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def power(r: int) -> str:
    return "$f(x)$" if r == 1 else f"$f^{{{r}}}(x)$"


def outputs(network: OneHiddenLayer, X: Tensor) -> Rows:
    """Inputs, outputs, and outputs at full contrast: scaling an input scales its output, and shows as much."""
    Y = iterate(network, X, 1).detach().numpy()
    return {"$x$": to_images(X.numpy()), "$f(x)$": to_images(Y), "$f(x)$ at full\ncontrast": to_images(Y, True)}


def iterates(network: OneHiddenLayer, X: Tensor, iterations: list[int]) -> Rows:
    after = {power(r): to_images(iterate(network, X, r).detach().numpy()) for r in iterations}
    return {"$x$": to_images(X.numpy()), **after}


def returns(network: OneHiddenLayer, Z: Tensor, noise: Tensor, iterations: list[int], names: list[str]) -> Rows:
    """Each noisy image and its iterates, above what is left of the noise: how far they are from those without it."""
    noisy = torch.stack([iterate(network, Z + noise, r) for r in (0, *iterations)], dim=1).detach()
    clean = torch.stack([iterate(network, Z, r) for r in (0, *iterations)], dim=1).detach()
    rows = {}
    for i, (name, at, left) in enumerate(zip(names, noisy, noisy - clean, strict=True), start=1):
        rows[name] = to_images(at.numpy())
        rows[f"noise left on $z_{{{i}}}$,\n× {AMPLIFICATION}"] = to_images((0.5 + AMPLIFICATION * left).numpy())
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the unpacked batches")
    parser.add_argument("--files", type=Path, required=True, help="CSV of the verified files")
    parser.add_argument("--provenance", type=Path, required=True, help="JSON: where the images come from")
    parser.add_argument("--networks", type=Path, nargs="+", required=True, help="the networks, PT")
    parser.add_argument("--iterated", type=int, required=True, metavar="N", help="iterate the network on N images")
    parser.add_argument("--iterations", type=int, nargs="+", required=True, metavar="R", help="from test images")
    parser.add_argument("--noise", type=float, required=True, help="standard deviation of the noise on noisy starts")
    parser.add_argument("--noise-iterations", type=int, nargs="+", required=True, metavar="R", help="from noisy starts")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the inputs")
    parser.add_argument(
        "--visdom",
        nargs=2,
        metavar=("SERVER", "PORT"),
        help="show the pictures there as well, as http://localhost 8097",
    )
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="the outputs of each network, PNG")
    parser.add_argument("--iterates", type=Path, required=True, help="the iterates, PNG")
    parser.add_argument("--noisy", type=Path, required=True, help="the iterates from noisy starts, PNG")
    run(parser, main)
