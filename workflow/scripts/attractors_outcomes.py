"""Iterate the autoencoders of Problem 4 on images, noise and zeros, and compute the eigenvalues of their Jacobians."""

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
    classify_outputs,
    gaussian_noise,
    iterate,
    iterate_directions,
    jacobian_eigenvalues,
    jacobian_vector_product,
    load_network,
    shuffled_indices,
)

log = logging.getLogger("nngplab")


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    seed, files = arguments.seed, pd.read_csv(arguments.files)
    train_set, test_set = (VerifiedCIFAR10(arguments.folder, files, train=train) for train in (True, False))
    train_images, test_images = to_tensors(train_set)[0], to_tensors(test_set)[0]
    shown = shuffled_indices(seed, "test", len(test_images))[: arguments.test_images]
    test = test_images[shown].double() / 255
    noise = torch.from_numpy(gaussian_noise(seed, "noise", len(test), test.shape[1]))
    iterations = sorted({0, *arguments.iterations, *arguments.extra_iterations})

    outcomes, images, eigenvalues, noisy = [], [], [], []
    with threadpool_limits(1, "blas"):
        for path in arguments.networks:
            network, chosen = load_network(path)
            n, Z = len(chosen), train_images[chosen].double() / 255
            log.info("network on %d images: iterating on %d test images and as many samples of noise", n, len(test))
            inputs = {"test": test, "noise": noise, "training": Z, "zeros": torch.zeros_like(Z[:1])}
            indices = {"test": shown.tolist(), "training": chosen}
            outcomes.append(outcomes_table(network, inputs, indices, Z, iterations).assign(n_images=n))
            network.double()
            classes = [train_set.classes[train_set.targets[index]] for index in chosen]
            images.append(images_table(network, Z).assign(n_images=n, index=chosen, **{"class": classes}))
            eigenvalues.append(eigenvalues_table(network, Z, arguments.eigenvalues).assign(n_images=n))
            epsilon = torch.from_numpy(gaussian_noise(seed, "epsilon", n, Z.shape[1]))
            table = noise_table(network, Z, arguments.noise * epsilon, [0, *arguments.noise_iterations])
            noisy.append(table.assign(n_images=n, noise=arguments.noise))

    tables = {"outcomes": outcomes, "images": images, "jacobian": eigenvalues, "noisy": noisy}
    for name, parts in tables.items():
        table = pd.concat(parts, ignore_index=True).assign(seed=seed)
        table.insert(0, "n_images", table.pop("n_images"))
        write_csv(table, vars(arguments)[name])


def outcomes_table(
    network: OneHiddenLayer,
    inputs: dict[str, Tensor],
    indices: dict[str, list[int]],
    Z: Tensor,
    iterations: list[int],
) -> pd.DataFrame:
    """Return the class of the output for each input and number of iterations; `index` is the index of the input."""
    input_columns = pd.DataFrame(
        [{"input": name, "index": index} for name, X in inputs.items() for index in indices.get(name, range(len(X)))]
    )
    tables = []
    for r, outputs in iterate_directions(network, torch.cat(list(inputs.values())).float(), iterations):
        classified = classify_outputs(outputs.double().numpy(), Z.numpy())
        tables.append(pd.concat([input_columns.assign(iterations=r), classified], axis=1))
    table = pd.concat(tables)
    return table.assign(index=table.pop("index"))


def images_table(network: OneHiddenLayer, Z: Tensor) -> pd.DataFrame:
    """Return how well each image is fitted, and how close the other images are to it."""
    outputs = iterate(network, Z, 1)
    scale = Z.norm(dim=1)
    cosines = (Z @ Z.T / torch.outer(scale, scale)).fill_diagonal_(-1)
    on = network.hidden(Z).detach() > 0
    jacobian_products = torch.stack([jacobian_vector_product(network, z, z) for z in Z])
    return pd.DataFrame(
        {
            "image": range(1, len(Z) + 1),
            "relative_error": (outputs - Z).norm(dim=1) / scale,
            "homogeneity_error": (jacobian_products - outputs).norm(dim=1) / scale,
            "units_on": on.sum(dim=1),
            "units_shared": int(on.all(dim=0).sum()),
            "closest_cosine": cosines.amax(dim=1) if len(Z) > 1 else np.nan,
        }
    )


def eigenvalues_table(network: OneHiddenLayer, Z: Tensor, count: int) -> pd.DataFrame:
    """Return the leading eigenvalues of the Jacobian at each image."""
    return pd.concat([jacobian_eigenvalues(network, z, count).assign(image=i) for i, z in enumerate(Z, start=1)])


def noise_table(network: OneHiddenLayer, Z: Tensor, noise: Tensor, iterations: list[int]) -> pd.DataFrame:
    """Return the distance of f^r(z + noise) from z, and that from f^r(z) relative to the noise (`noise_left`)."""
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
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--networks", type=Path, nargs="+", required=True, help="the networks, PT")
    parser.add_argument("--iterations", type=int, nargs="+", required=True, metavar="R", help="numbers of iterations")
    parser.add_argument("--extra-iterations", type=int, nargs="*", default=[], metavar="R", help="further numbers")
    parser.add_argument("--test-images", type=int, required=True, help="number of test images and of samples of noise")
    parser.add_argument("--noise", type=float, required=True, help="standard deviation of noise on training images")
    parser.add_argument(
        "--noise-iterations", type=int, nargs="+", required=True, metavar="R", help="iterations on these"
    )
    parser.add_argument("--eigenvalues", type=int, required=True, help="number of eigenvalues of each Jacobian")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--outcomes", type=Path, required=True, help="the class of each iterated output, CSV")
    parser.add_argument("--images", type=Path, required=True, help="the fit of each training image, CSV")
    parser.add_argument("--jacobian", type=Path, required=True, help="the eigenvalues, CSV")
    parser.add_argument("--noisy", type=Path, required=True, help="iterates of noisy training images, CSV")
    run(parser, main)
