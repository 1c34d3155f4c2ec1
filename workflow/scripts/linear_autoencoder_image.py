"""Train the linear autoencoder of Problem 3c on one image, and compute the outputs for test images."""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from nngplab.datasets.cifar10_torch import LabelledImages
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingRun
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json
from nngplab.pipeline.seeds import generator
from nngplab.problems.linear_autoencoder import (
    ReducedDynamics,
    hessian_eigenvalue,
    loss_factor,
    squared_error,
    train_autoencoder,
)
from nngplab.report.figures.images import Line, plot_lines, to_images, without_mathematics
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    files = pd.read_csv(arguments.files)
    torch.set_num_threads(1)
    rng = generator(arguments.seed, "linear_autoencoder_image")
    train, test = (LabelledImages(arguments.folder, files, train=train) for train in (True, False))
    training_index = int(rng.integers(len(train.images)))
    test_indices = rng.permutation(len(test.images))[: arguments.test_images]
    z = train.pixels([training_index])[0].numpy()
    X = test.pixels(test_indices).numpy()
    B = rng.standard_normal((arguments.width, len(z))) / math.sqrt(arguments.width)
    dynamics = ReducedDynamics(z, B, loss_factor("half", len(z)))
    eta = arguments.edge_share * 2 / dynamics.small_step_curvature

    with threadpool_limits(1, "blas"):
        network, training = train_autoencoder(dynamics, eta, arguments.steps)
        record = {
            "training_image": training_index,
            "class": train.names([training_index])[0],
            "edge_share": arguments.edge_share,
            "eta": eta,
            "steps": training.epochs,
            "seed": arguments.seed,
            **describe_training(dynamics, network, training),
        }
        outputs = network(torch.from_numpy(np.vstack([z, X]))).detach().numpy()
        table = constants_table(dynamics, X, outputs[1:], *dynamics.after(training.epochs, eta))

    classes = test.names(test_indices)
    parameters = {"k": len(B), "eta": eta, "steps": training.epochs, "seed": arguments.seed}
    write_csv(
        pd.DataFrame({"image": test_indices, "class": classes}).join(table.assign(**parameters)),
        arguments.constants,
    )
    shown = min(arguments.shown_images, len(X))
    write_json({**record, "shown": shown, **summarise_constants(table)}, arguments.record)

    names = ["$z$: " + without_mathematics(record["class"]), *map(without_mathematics, classes[:shown])]
    figure = plot_outputs(z, X[:shown], outputs[: shown + 1], names)
    save(figure, arguments.output, mark=provenance["label"] if provenance["stand_in"] else None)


def describe_training(dynamics: ReducedDynamics, network: OneHiddenLayer, training: TrainingRun) -> dict[str, float]:
    """Return the losses, the curvature at the end, and the step sizes at the edge of stability."""
    image = torch.from_numpy(dynamics.z)[None]
    curvature = hessian_eigenvalue(network, squared_error(dynamics.c), image, image)
    return {
        "d": len(dynamics.z),
        "k": len(dynamics.B),
        "z_squared": float(dynamics.z @ dynamics.z),
        "initial_loss": training.losses[0],
        "final_loss": training.losses[-1],
        "small_step_edge": 2 / dynamics.small_step_curvature,
        "largest_stable_step": dynamics.largest_stable_step,
        "curvature": curvature,
        "edge": 2 / curvature,
    }


def constants_table(
    dynamics: ReducedDynamics, X: np.ndarray, outputs: np.ndarray, alpha: float, gamma: float
) -> pd.DataFrame:
    """Return, for each row x of X, the constant of its output f(x) = constant · z, measured and predicted.

    The column `relative_distance` is the distance of the output from constant · z, divided by the largest norm of an
    output, and `relative_difference` that of the two constants, divided by the largest: rounding errors are as large in
    an output near zero, where terms cancel. The column `projection` is the constant of the orthogonal projection on z.
    """
    z = dynamics.z
    measured, predicted = outputs @ z / (z @ z), dynamics.constants(X, alpha, gamma)
    distance = np.linalg.norm(outputs - np.outer(measured, z), axis=1)
    return pd.DataFrame(
        {
            "constant": measured,
            "predicted": predicted,
            "relative_difference": relative(np.abs(measured - predicted), np.abs(predicted).max()),
            "relative_distance": relative(distance, np.linalg.norm(outputs, axis=1).max()),
            "projection": X @ z / (z @ z),
        }
    )


def relative(differences: np.ndarray, largest: float) -> np.ndarray:
    """Return differences divided by the largest value; 0 where both are 0, as for a network that is not trained yet."""
    return differences / largest if largest > 0 else differences


def summarise_constants(table: pd.DataFrame) -> dict[str, float | None]:
    """Return the extremes of the constants; the correlation is None if all constants are equal."""
    correlation = table["constant"].corr(table["projection"]) if table["constant"].std() > 0 else None
    return {
        "test_images": len(table),
        "largest_relative_distance": table["relative_distance"].max(),
        "largest_relative_difference": table["relative_difference"].max(),
        "smallest_constant": table["constant"].min(),
        "median_constant": table["constant"].median(),
        "largest_constant": table["constant"].max(),
        "negative_constants": int((table["constant"] < 0).sum()),
        "correlation_with_projection": correlation,
    }


def plot_outputs(z: np.ndarray, X: np.ndarray, outputs: np.ndarray, names: list[str]) -> Figure:
    """Draw z and test images X (n, 3072) in one row, and their outputs and scaled outputs in two rows below."""
    constants = [f"${constant:.2f} \\, z$" for constant in outputs @ z / (z @ z)]
    lines = [
        Line("$x$", to_images(np.vstack([z, X])), names),
        Line("$f(x)$", to_images(outputs), constants),
        Line("$f(x)$ at full\ncontrast", to_images(outputs, full_contrast=True), []),
    ]
    return plot_lines(lines, "The linear autoencoder trained on the image z")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--width", type=int, required=True, metavar="K", help="number k of hidden units")
    parser.add_argument(
        "--edge-share", type=float, required=True, help="the step size, as a share of the edge of stability"
    )
    parser.add_argument("--steps", type=int, required=True, help="number of steps of gradient descent")
    parser.add_argument("--test-images", type=int, required=True, help="number of test images")
    parser.add_argument("--shown-images", type=int, required=True, help="number of these in the figure")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--constants", type=Path, required=True, help="the table with a row for each test image, CSV")
    parser.add_argument(
        "--record", type=Path, required=True, help="the training run and a summary of the constants, JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="the figure, SVG")
    run(parser, main)
