"""Train the linear autoencoder of Problem 3 c on one image, and see what constant of it each test image becomes."""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from nngplab.datasets.cifar10_torch import VerifiedCIFAR10, to_tensors
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingRun, full_batch, train
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json
from nngplab.pipeline.seeds import generator
from nngplab.problems.linear_autoencoder import FromZero, curvature, network_from_zero, scale, squared_error
from nngplab.report.figures.images import plot_image_grid, to_images
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    files = pd.read_csv(arguments.files)
    torch.set_num_threads(1)
    random = generator(arguments.seed, "linear_autoencoder_image")
    train_set, test_set = (VerifiedCIFAR10(arguments.folder, files, train=train) for train in (True, False))
    (train_images, _), (test_images, _) = to_tensors(train_set), to_tensors(test_set)
    training_index = int(random.integers(len(train_images)))
    test_indices = random.permutation(len(test_images))[: arguments.test_images]
    z = (train_images[training_index].double() / 255).numpy()
    X = (test_images[test_indices].double() / 255).numpy()
    B = random.standard_normal((arguments.width, len(z))) / math.sqrt(arguments.width)
    problem = FromZero(z, B, scale("half", len(z)))
    eta = arguments.edge_share * 2 / problem.small_step_curvature

    with threadpool_limits(1, "blas"):
        network, training = trained(problem, eta, arguments.steps)
        facts = {
            "training_image": training_index,
            "class": train_set.classes[train_set.targets[training_index]],
            "edge_share": arguments.edge_share,
            "eta": eta,
            "steps": training.epochs,
            "seed": arguments.seed,
            **facts_of_training(problem, network, training),
        }
        outputs = network(torch.from_numpy(np.vstack([z, X]))).detach().numpy()
        table = constants(problem, X, outputs[1:], *problem.after(training.epochs, eta))

    classes = [test_set.classes[test_set.targets[index]] for index in test_indices]
    parameters = {"k": len(B), "eta": eta, "steps": training.epochs, "seed": arguments.seed}
    write_csv(
        pd.DataFrame({"image": test_indices, "class": classes}).join(table.assign(**parameters)), arguments.constants
    )
    shown = min(arguments.shown_images, len(X))
    write_json({**facts, "shown": shown, **facts_of_constants(table)}, arguments.record)

    figure = grid(
        np.vstack([z, X[:shown]]),
        outputs[: shown + 1],
        [f"z: {facts['class']}", *classes[:shown]],
        outputs[: shown + 1] @ z / (z @ z),
        provenance["label"],
    )
    save(figure, arguments.output, mark=provenance["label"] if provenance["stand_in"] else None)


def trained(problem: FromZero, eta: float, steps: int) -> tuple[OneHiddenLayer, TrainingRun]:
    network, loss, image = network_from_zero(problem.B), squared_error(problem.c), torch.from_numpy(problem.z)[None]

    @torch.no_grad()
    def measure() -> dict[str, float]:
        return {"loss": loss(network(image), image).item()}

    optimiser = torch.optim.SGD(network.parameters(), lr=eta)
    return network, train(network, loss, full_batch(image, image), optimiser, steps, measure)


def facts_of_training(problem: FromZero, network: OneHiddenLayer, training: TrainingRun) -> dict[str, float]:
    image = torch.from_numpy(problem.z)[None]
    at_the_end = curvature(network, squared_error(problem.c), image, image)
    return {
        "d": len(problem.z),
        "k": len(problem.B),
        "z_squared": float(problem.z @ problem.z),
        "initial_loss": training.losses[0],
        "final_loss": training.losses[-1],
        "small_step_edge": 2 / problem.small_step_curvature,
        "largest_stable_step": problem.largest_stable_step,
        "curvature": at_the_end,
        "edge": 2 / at_the_end,
    }


def constants(problem: FromZero, X: np.ndarray, outputs: np.ndarray, alpha: float, gamma: float) -> pd.DataFrame:
    """Return, for each row of X, the constant that its output is of z, and the one predicted without the network.

    `relative_distance` is that of the output from the constant times z, as a share of the output's length;
    `projection` is the constant of the orthogonal projection on z.
    """
    z = problem.z
    measured, predicted = outputs @ z / (z @ z), problem.constants(X, alpha, gamma)
    distance = np.linalg.norm(outputs - np.outer(measured, z), axis=1)
    return pd.DataFrame(
        {
            "constant": measured,
            "predicted": predicted,
            "relative_difference": np.abs(measured - predicted) / np.abs(predicted),
            "relative_distance": distance / np.linalg.norm(outputs, axis=1),
            "projection": X @ z / (z @ z),
        }
    )


def facts_of_constants(table: pd.DataFrame) -> dict[str, float]:
    return {
        "test_images": len(table),
        "largest_relative_distance": table["relative_distance"].max(),
        "largest_relative_difference": table["relative_difference"].max(),
        "smallest_constant": table["constant"].min(),
        "median_constant": table["constant"].median(),
        "largest_constant": table["constant"].max(),
        "negative_constants": int((table["constant"] < 0).sum()),
        "correlation_with_projection": table["constant"].corr(table["projection"]),
    }


def grid(inputs: np.ndarray, outputs: np.ndarray, names: list[str], multiples: np.ndarray, title: str) -> Figure:
    """Draw three rows: inputs, outputs, and outputs scaled to the full range, each a row (n, 3072) in about [0, 1]."""
    lowest = outputs.min(axis=1, keepdims=True)
    rows = [inputs, outputs, (outputs - lowest) / np.ptp(outputs, axis=1, keepdims=True)]
    titles = [*names, *(f"{multiple:.2f} z" for multiple in multiples), *["scaled"] * len(inputs)]
    return plot_image_grid(to_images(np.vstack(rows)), titles, columns=len(inputs), title=title)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--width", type=int, required=True, metavar="K", help="width k of the network")
    parser.add_argument(
        "--edge-share", type=float, required=True, help="the step size, as a share of the edge of stability"
    )
    parser.add_argument("--steps", type=int, required=True, help="steps of gradient descent")
    parser.add_argument("--test-images", type=int, required=True, help="test images to put into the network")
    parser.add_argument("--shown-images", type=int, required=True, help="how many of them to show")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the images and the network")
    parser.add_argument("--constants", type=Path, required=True, help="the table with a row for each test image, CSV")
    parser.add_argument("--record", type=Path, required=True, help="the training, JSON")
    parser.add_argument("--output", type=Path, required=True, help="the pictures, PNG")
    run(parser, main)
