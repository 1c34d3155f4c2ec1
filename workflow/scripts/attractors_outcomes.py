"""Iterate the autoencoders of Problem 4: where images, noise and zeros go, and what the Jacobian says of it."""

import argparse
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from nngplab.datasets.cifar10_torch import VerifiedCIFAR10, to_tensors
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.problems.attractors import (
    destinations,
    directions,
    iterate,
    jacobian_times,
    leading_eigenvalues,
    load_network,
    shuffled,
    standard_normal,
)

log = logging.getLogger("nngplab")


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    seed, files = arguments.seed, pd.read_csv(arguments.files)
    train_set, test_set = (VerifiedCIFAR10(arguments.folder, files, train=train) for train in (True, False))
    train_images, test_images = to_tensors(train_set)[0], to_tensors(test_set)[0]
    shown = shuffled(seed, "test", len(test_images))[: arguments.test_images]
    test = test_images[shown].double() / 255
    noise = torch.from_numpy(standard_normal(seed, "noise", len(test), test.shape[1]))
    iterations = sorted({0, *arguments.iterations, *arguments.extra_iterations})

    outcomes, images, eigenvalues, noisy = [], [], [], []
    with threadpool_limits(1, "blas"):
        for path in arguments.networks:
            network, chosen = load_network(path)
            n, Z = len(chosen), train_images[chosen].double() / 255
            log.info("network on %d images: following %d test images and as much noise", n, len(test))
            inputs = {"test": test, "noise": noise, "training": Z, "zeros": torch.zeros_like(Z[:1])}
            numbers = {"test": shown.tolist(), "training": chosen}
            outcomes.append(follow(network, inputs, numbers, Z, iterations).assign(n_images=n))
            network.double()
            classes = [train_set.classes[train_set.targets[number]] for number in chosen]
            images.append(fitted(network, Z).assign(n_images=n, index=chosen, **{"class": classes}))
            eigenvalues.append(spectra(network, Z, arguments.eigenvalues).assign(n_images=n))
            epsilon = torch.from_numpy(standard_normal(seed, "epsilon", n, Z.shape[1]))
            table = noisy_starts(network, Z, arguments.noise * epsilon, [0, *arguments.noise_iterations])
            noisy.append(table.assign(n_images=n, noise=arguments.noise))

    tables = {"outcomes": outcomes, "images": images, "jacobian": eigenvalues, "noisy": noisy}
    for name, parts in tables.items():
        whole = pd.concat(parts, ignore_index=True).assign(seed=seed)
        whole.insert(0, "n_images", whole.pop("n_images"))
        write_csv(whole, vars(arguments)[name])


def follow(
    network: OneHiddenLayer,
    inputs: dict[str, Tensor],
    numbers: dict[str, list[int]],
    Z: Tensor,
    iterations: list[int],
) -> pd.DataFrame:
    """Return where each input is after each number of iterations; `index` is its number in its set."""
    of_input = pd.DataFrame(
        [{"input": name, "index": number} for name, X in inputs.items() for number in numbers.get(name, range(len(X)))]
    )
    tables = []
    for r, outputs in directions(network, torch.cat(list(inputs.values())).float(), iterations):
        where = destinations(outputs.double().numpy(), Z.numpy())
        tables.append(pd.concat([of_input.assign(iterations=r), where], axis=1))
    table = pd.concat(tables)
    return table.assign(index=table.pop("index"))


def fitted(network: OneHiddenLayer, Z: Tensor) -> pd.DataFrame:
    """Return how well each image is fitted, and how close the other images are to it."""
    outputs = iterate(network, Z, 1)
    scale = Z.norm(dim=1)
    cosines = (Z @ Z.T / torch.outer(scale, scale)).fill_diagonal_(-1)
    on = network.hidden(Z).detach() > 0
    by_euler = torch.stack([jacobian_times(network, z, z) for z in Z])
    return pd.DataFrame(
        {
            "image": range(1, len(Z) + 1),
            "relative_error": (outputs - Z).norm(dim=1) / scale,
            "homogeneity_error": (by_euler - outputs).norm(dim=1) / scale,
            "units_on": on.sum(dim=1),
            "units_shared": int(on.all(dim=0).sum()),
            "closest_cosine": cosines.amax(dim=1) if len(Z) > 1 else np.nan,
        }
    )


def spectra(network: OneHiddenLayer, Z: Tensor, count: int) -> pd.DataFrame:
    """Return the leading eigenvalues of the Jacobian at each image."""
    return pd.concat([leading_eigenvalues(network, z, count).assign(image=i) for i, z in enumerate(Z, start=1)])


def noisy_starts(network: OneHiddenLayer, Z: Tensor, noise: Tensor, iterations: list[int]) -> pd.DataFrame:
    """Return how far f^r(z + noise) is from z, and how much of the noise is left: from f^r(z)."""
    tables = []
    for r in iterations:
        outputs, clean = iterate(network, Z + noise, r), iterate(network, Z, r)
        table = pd.DataFrame(
            {
                "image": range(1, len(Z) + 1),
                "iterations": r,
                "cosine": torch.cosine_similarity(outputs, Z),
                "relative_distance": (outputs - Z).norm(dim=1) / Z.norm(dim=1),
                "noise_left": (outputs - clean).norm(dim=1) / noise.norm(dim=1),
            }
        )
        tables.append(table)
    return pd.concat(tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the unpacked batches")
    parser.add_argument("--files", type=Path, required=True, help="CSV of the verified files")
    parser.add_argument("--networks", type=Path, nargs="+", required=True, help="the networks, PT")
    parser.add_argument("--iterations", type=int, nargs="+", required=True, metavar="R", help="those of the sheet")
    parser.add_argument("--extra-iterations", type=int, nargs="*", default=[], metavar="R", help="further ones")
    parser.add_argument("--test-images", type=int, required=True, help="test images to follow, and as much noise")
    parser.add_argument("--noise", type=float, required=True, help="standard deviation of the noise on noisy starts")
    parser.add_argument("--noise-iterations", type=int, nargs="+", required=True, metavar="R", help="from noisy starts")
    parser.add_argument("--eigenvalues", type=int, required=True, help="of each Jacobian to note")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the inputs")
    parser.add_argument("--outcomes", type=Path, required=True, help="where each input goes, CSV")
    parser.add_argument("--images", type=Path, required=True, help="the training images, CSV")
    parser.add_argument("--jacobian", type=Path, required=True, help="the eigenvalues, CSV")
    parser.add_argument("--noisy", type=Path, required=True, help="what becomes of the noise, CSV")
    run(parser, main)
