"""Iterate the autoencoders of Problem 4 on images, noise and zeros, and compute the eigenvalues of their Jacobians."""

import argparse
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from nngplab.datasets.cifar10_torch import LabelledImages, read_tensors
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.progress import track
from nngplab.problems.attractors import gaussian_noise, load_network, shuffled_indices
from nngplab.problems.attractors_jacobian import jacobian_eigenvalues, jacobian_vector_product, slow_part
from nngplab.problems.attractors_limits import arrival_angle, classify_outputs, iterate, iterate_directions

log = logging.getLogger("nngplab")

# What is left of the noise agrees with a prediction if they differ by at most this share of it.
TOLERANCE = 0.1


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    seed, files = arguments.seed, pd.read_csv(arguments.files)
    train = LabelledImages(arguments.folder, files, train=True)
    test_images, _ = read_tensors(arguments.folder, files, train=False)
    order = shuffled_indices(seed, "training", len(train.images))
    shown = shuffled_indices(seed, "test", len(test_images))[: arguments.test_images]
    test = test_images[shown].double() / 255
    noise = torch.from_numpy(gaussian_noise(seed, "noise", len(test), test.shape[1]))
    iterations = sorted({0, *arguments.iterations, *arguments.extra_iterations})

    outcomes, images, eigenvalues, noisy = [], [], [], []
    with threadpool_limits(1, "blas"):
        for path in track(arguments.networks, "network"):
            network, chosen = load_network(path)
            n, Z = len(chosen), train.pixels(chosen)
            log.info("network on %d images: iterating on %d test images and as many samples of noise", n, len(test))
            other = order[n:][-len(test) :]
            unseen = train.pixels(other)
            inputs = {"test": test, "unseen": unseen, "noise": noise, "training": Z, "zeros": torch.zeros_like(Z[:1])}
            indices = {"test": shown.tolist(), "unseen": other.tolist(), "training": chosen}
            angle = arrival_angle(Z, test)
            table = outcomes_table(network, inputs, indices, Z, iterations, angle)
            outcomes.append(table.assign(n_images=n, arrival_degrees=np.degrees(angle)))
            network.double()
            images.append(images_table(network, Z).assign(n_images=n, index=chosen, **{"class": train.names(chosen)}))
            eigenvalues.append(eigenvalues_table(network, Z, arguments.eigenvalues).assign(n_images=n))
            epsilon = torch.from_numpy(gaussian_noise(seed, "epsilon", 1, Z.shape[1]))[0]
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
    angle: float,
) -> pd.DataFrame:
    """Return the class of the output for each input and number of iterations; `index` is the index of the input."""
    input_columns = pd.DataFrame(
        [{"input": name, "index": index} for name, X in inputs.items() for index in indices.get(name, range(len(X)))]
    )
    tables = []
    for r, outputs in iterate_directions(network, torch.cat(list(inputs.values())).float(), iterations):
        classified = classify_outputs(outputs.double().numpy(), Z.numpy(), angle)
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
            "step_degrees": torch.rad2deg(torch.arccos(torch.cosine_similarity(outputs, Z).clamp(-1, 1))),
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
    """Return what is left of the noise (d,), added to each image z.

    Returns:
        The columns image, iterations, cosine (of f^r(z + noise) and z), relative_distance (between these), noise_left
        (the distance between f^r(z + noise) and f^r(z)), and what `slow_part` predicts for it: slow_directions,
        oblique_share, orthogonal_share and agrees, which says whether the difference is the oblique projection up to
        the share `tolerance` of its length. Lengths are relative to the noise. These are missing for r = 0.
    """
    rows = []
    for r in iterations:
        outputs, clean = iterate(network, Z + noise, r), iterate(network, Z, r)
        left = ((outputs - clean) / noise.norm()).numpy()
        for i, z in enumerate(Z):
            row = {"image": i + 1, "iterations": r, "cosine": float(torch.cosine_similarity(outputs[i], z, dim=0))}
            row["relative_distance"] = float((outputs[i] - z).norm() / z.norm())
            row["noise_left"] = float(np.linalg.norm(left[i]))
            if r > 0:
                row["slow_directions"], oblique, orthogonal = slow_part(network, z, noise / noise.norm(), r)
                row["oblique_share"], row["orthogonal_share"] = map(float, map(np.linalg.norm, (oblique, orthogonal)))
                row["agrees"] = bool(np.linalg.norm(left[i] - oblique) <= TOLERANCE * np.linalg.norm(left[i]))
            rows.append(row | {"tolerance": TOLERANCE})
    return pd.DataFrame(rows).astype({"slow_directions": "Int64"})


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
