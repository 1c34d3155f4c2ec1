"""Train an autoencoder of Problem 4 further, and find the limits of its iterates at each training error."""

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from nngplab.datasets.cifar10_torch import read_tensors
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingOutcome
from nngplab.pipeline.cli import run
from nngplab.pipeline.devices import resolve_device
from nngplab.pipeline.files import atomic_write, write_csv
from nngplab.problems.attractors import gaussian_noise, load_network, shuffled_indices, train_autoencoder
from nngplab.problems.attractors_homogeneity import describe_homogeneity
from nngplab.problems.attractors_limits import (
    SETTLED_STEP,
    Limits,
    arrival_angle,
    describe_limits,
    find_limits,
    is_homogeneous,
)

log = logging.getLogger("nngplab")

# The limits that most inputs reach, for the picture.
SHOWN_LIMITS = 8


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    files = pd.read_csv(arguments.files)
    train_images, test_images = (read_tensors(arguments.folder, files, train=train)[0] for train in (True, False))
    network, chosen = load_network(arguments.network)
    Z = train_images[chosen].double() / 255
    inputs = inputs_by_kind(Z, train_images, test_images, arguments)
    angle = arrival_angle(Z, inputs["test"])

    errors, limit_tables, input_tables, homogeneity = [], [], [], []
    points: dict[str, Any] = {}
    for training in trainings(network, Z.float(), arguments):
        key = {"activation": network.activation, "n_images": len(Z), "target": training["target"]}
        log.info("%s, %d images, mean squared error %.1e: iterating", *list(key.values())[:2], training["mse"])
        with threadpool_limits(1, "blas"):
            network.double()
            limits = find_limits(network, torch.cat(list(inputs.values())), angle)
            table = describe_limits(network, limits, Z, angle)
            homogeneity.append(describe_homogeneity(network, Z).assign(**key, homogeneous=is_homogeneous(network)))
        reached = inputs_table(inputs, limits)
        errors.append({**key, **training, "limits": len(table), "most_iterations": limits.iterations.max()})
        limit_tables.append(table.assign(**key, **count_inputs(table["limit"], reached)))
        input_tables.append(reached.assign(**key))
        points[f"{training['target']:g}"] = limits.points[:SHOWN_LIMITS].float().numpy()

    constants = {"arrival_degrees": np.degrees(angle), "settled_step": SETTLED_STEP, "seed": arguments.seed}
    write_csv(pd.DataFrame(errors).assign(**constants), arguments.errors)
    for tables, path in (
        (limit_tables, arguments.limits),
        (input_tables, arguments.inputs),
        (homogeneity, arguments.homogeneity),
    ):
        table = pd.concat(tables)
        write_csv(table[[*key, *table.columns.drop(list(key))]], path)
    with atomic_write(arguments.points) as temporary, temporary.open("wb") as file:
        np.savez(file, **points)


def trainings(network: OneHiddenLayer, Z: Tensor, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield how the network is trained on images Z (n, d): first as it is, then after training to each smaller error.

    The step size stays that of the first training. It ends with the first training that does not reach its target.
    """
    attempt = pd.read_csv(arguments.attempts).query("purpose == 'fit'").iloc[-1]
    outcome, steps, target, mse = attempt["outcome"], int(attempt["steps"]), attempt["target"], attempt["final_mse"]
    yield {"target": target, "outcome": outcome, "steps": steps, "mse": mse}
    device = resolve_device(arguments.device)
    for target in sorted((target for target in arguments.targets if target < attempt["target"]), reverse=True):
        if outcome != TrainingOutcome.CONVERGED:
            return
        network.float().to(device)
        further = train_autoencoder(network, Z.to(device), attempt["step_size"], target, arguments.max_steps)
        network.cpu()
        outcome, steps, mse = str(further.run.outcome), steps + further.run.epochs, further.final_mse
        yield {"target": target, "outcome": outcome, "steps": steps, "mse": mse}


def inputs_by_kind(
    Z: Tensor, train_images: Tensor, test_images: Tensor, arguments: argparse.Namespace
) -> dict[str, Tensor]:
    """Return the inputs: the training images, these with one vector of noise, test images, other images and noise."""
    count, d = arguments.test_images, Z.shape[1]
    order = shuffled_indices(arguments.seed, "training", len(train_images))
    unseen = order[len(Z) :][-count:]
    shown = shuffled_indices(arguments.seed, "test", len(test_images))[:count]
    return {
        "training": Z,
        "noisy": Z + arguments.noise * torch.from_numpy(gaussian_noise(arguments.seed, "epsilon", 1, d)),
        "test": test_images[shown].double() / 255,
        "unseen": train_images[unseen].double() / 255,
        "noise": torch.from_numpy(gaussian_noise(arguments.seed, "noise", count, d)),
    }


def inputs_table(inputs: dict[str, Tensor], limits: Limits) -> pd.DataFrame:
    """Return the limit of each input: its number, 0 for zero and -1 for inputs that still move."""
    table = pd.DataFrame([(kind, i) for kind, X in inputs.items() for i in range(1, len(X) + 1)])
    return table.set_axis(["input", "number"], axis=1).assign(limit=limits.group, iterations=limits.iterations)


def count_inputs(limits: "pd.Series[int]", reached: pd.DataFrame) -> dict[str, list[int]]:
    """Return the number of inputs of each kind that reach each limit."""
    kinds = reached.groupby("input", sort=False)["limit"]
    return {str(kind): [int((of_kind == limit).sum()) for limit in limits] for kind, of_kind in kinds}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--network", type=Path, required=True, help="the network, PT")
    parser.add_argument("--attempts", type=Path, required=True, help="its training, CSV")
    parser.add_argument(
        "--targets", type=float, nargs="*", default=[], metavar="MSE", help="mean squared errors of further training"
    )
    parser.add_argument("--max-steps", type=int, required=True, help="largest number of further steps to each of these")
    parser.add_argument("--test-images", type=int, required=True, help="number of inputs of each kind")
    parser.add_argument("--noise", type=float, required=True, help="standard deviation of noise on training images")
    parser.add_argument("--device", required=True, help="device of the further training: auto, cpu or cuda")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--inputs", type=Path, required=True, help="the limit of each input, CSV")
    parser.add_argument("--limits", type=Path, required=True, help="the limits, CSV")
    parser.add_argument("--errors", type=Path, required=True, help="a row for each training error, CSV")
    parser.add_argument("--homogeneity", type=Path, required=True, help="a row for each training image, CSV")
    parser.add_argument("--points", type=Path, required=True, help="the limits that most inputs reach, NPZ")
    run(parser, main)
