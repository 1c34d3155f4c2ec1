"""Draw many iterates of an autoencoder of Problem 4 as one image, with their angles to the training images."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from nngplab.datasets.cifar10_torch import LabelledImages
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import atomic_write, write_json
from nngplab.problems.attractors import gaussian_noise, load_network, shuffled_indices
from nngplab.problems.attractors_limits import iterate_directions
from nngplab.report.figures.attractors_frames import plot_angles
from nngplab.report.figures.images import to_images
from nngplab.report.figures.style import save

TEST_IMAGES = 3
# Each of the first iterations, and then fewer and fewer: most of an input's way lies in the first ones.
FRAMES = [*range(11), 12, 15, 20, 25, 30, 40, 50, 60, 80, 100]
# The same steps in every further decade, until the iterates have settled.
DECADE = [150, 200, 300, 500, 700, 1000]
COLOURS = 256


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    files = pd.read_csv(arguments.files)
    train, test = (LabelledImages(arguments.folder, files, train=train) for train in (True, False))
    network, chosen = load_network(arguments.network)
    network.double()
    Z, d = train.pixels(chosen), train.images.shape[1]
    shown = shuffled_indices(arguments.seed, "test", len(test.images))[:TEST_IMAGES].tolist()
    epsilon, noise = (torch.from_numpy(gaussian_noise(arguments.seed, name, 1, d)) for name in ("epsilon", "noise"))

    labels: list[dict[str, Any]] = [
        *({"input": "test", "class": name} for name in test.names(shown)),
        *({"input": "noisy", "class": name} for name in train.names(chosen)),
        {"input": "noise", "class": None},
    ]
    X = torch.cat([test.pixels(shown), Z + arguments.noise * epsilon, noise])
    rounds = frames(pd.read_csv(arguments.errors)["most_iterations"].iloc[0], arguments.iterations)
    iterates = [outputs for _, outputs in iterate_directions(network, X, rounds)]
    degrees = np.stack([angles(outputs, Z) for outputs in iterates])
    by_input = [rounded(of_input) for of_input in degrees.swapaxes(0, 1)]
    record = {
        "trained_on": train.names(chosen),
        "noise": arguments.noise,
        "inputs": [{**label, "degrees": values} for label, values in zip(labels, by_input, strict=True)],
        "iterations": rounds,
    }
    write_json(record, arguments.output)
    write_sprite([to_images(outputs.numpy(), full_contrast=True) for outputs in iterates], arguments.sprite)
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    mark = provenance["label"] if provenance["stand_in"] else None
    save(plot_angles(degrees, rounds, labels), arguments.figure, mark=mark)


def frames(most: int, asked: list[int]) -> list[int]:
    """Return the numbers of iterations to show: those asked for, and others up to the first that is at least `most`."""
    rounds, scale = {*FRAMES, *asked}, 1
    while max(rounds) < most:
        rounds |= {scale * r for r in DECADE}
        scale *= 10
    last = min((r for r in rounds if r >= most), default=max(rounds))
    return sorted(r for r in rounds if r <= max(last, *FRAMES, *asked))


def angles(outputs: Tensor, Z: Tensor) -> npt.NDArray[np.float64]:
    """Return the angles in degrees of outputs (n, d) to images Z (m, d), as (n, m); NaN for an output of zeros.

    The angle is 2 arcsin(|u - v| / 2) of unit vectors, which keeps its digits where it is small.
    """
    u, v = (rows / rows.norm(dim=1, keepdim=True) for rows in (outputs, Z))
    distances = (u[:, None] - v[None]).norm(dim=2)
    return np.degrees(2 * np.arcsin((distances.numpy() / 2).clip(max=1)))


def rounded(degrees: npt.NDArray[np.float64]) -> list[list[float | None]]:
    """Return angles (iterations, images) with four significant digits, as a list for each image; None for NaN."""
    return [[float(f"{value:.4g}") if np.isfinite(value) else None for value in of_image] for of_image in degrees.T]


def write_sprite(columns: list[npt.NDArray[Any]], path: Path) -> None:
    """Write images as one PNG with a palette: a column for each number of iterations, a row for each input.

    Args:
        columns: for each number of iterations, the images (n, 3, 32, 32).
        path: the file.
    """
    grid = np.stack(columns).transpose(1, 3, 0, 4, 2)
    n, height, count, width, channels = grid.shape
    image = Image.fromarray(np.ascontiguousarray(grid.reshape(n * height, count * width, channels)))
    with atomic_write(path) as temporary:
        image.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(temporary, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="record of the source of the images, JSON")
    parser.add_argument("--network", type=Path, required=True, help="the network that is iterated, PT")
    parser.add_argument("--errors", type=Path, required=True, help="how long its inputs take to their limits, CSV")
    parser.add_argument("--iterations", type=int, nargs="+", required=True, metavar="R", help="iterations to show")
    parser.add_argument("--noise", type=float, required=True, help="standard deviation of noise on training images")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--sprite", type=Path, required=True, help="all iterates in one image, PNG")
    parser.add_argument("--output", type=Path, required=True, help="the inputs and their angles, JSON")
    parser.add_argument("--figure", type=Path, required=True, help="the angles, SVG or PNG")
    run(parser, main)
