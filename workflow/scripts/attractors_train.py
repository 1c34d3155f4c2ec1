"""Train an autoencoder of Problem 4 on some images, and record all attempts."""

import argparse
from pathlib import Path

import pandas as pd
import torch

from nngplab.datasets.cifar10_torch import read_tensors
from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.devices import resolve_device
from nngplab.pipeline.files import write_csv
from nngplab.problems.attractors import (
    Attempt,
    curvature_bound,
    fit_autoencoder,
    initial_network,
    save_network,
    shuffled_indices,
    train_autoencoder,
)


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    files = pd.read_csv(arguments.files)
    images, _ = read_tensors(arguments.folder, files, train=True)
    n, size = arguments.n_images, len(images)
    if n >= size:
        raise InputError(
            f"a network on {n} images needs more than the {size} training images: lower attractors.n_images"
        )
    chosen = shuffled_indices(arguments.seed, "training", size)[:n]
    Z = (images[chosen].float() / 255).to(resolve_device(arguments.device))
    width, seed, activation = arguments.width, arguments.seed, arguments.activation
    start = initial_network(Z.shape[1], width, seed, activation).to(Z.device)

    network, attempts = fit_autoencoder(
        Z, width, seed, arguments.target, arguments.max_steps, arguments.step_size, activation
    )
    trials = []
    for step_size in arguments.trial_step_sizes:
        trial = initial_network(Z.shape[1], width, seed, activation).to(Z.device)
        trials.append(train_autoencoder(trial, Z, step_size, arguments.target, arguments.trial_steps))

    table = pd.concat(
        [attempts_table(attempts, "fit", arguments.max_steps), attempts_table(trials, "trial", arguments.trial_steps)]
    )
    table.insert(0, "n_images", n)
    table = table.assign(
        activation=activation,
        initial_mse=attempts[0].run.losses[0],
        zero_mse=Z.square().mean().item(),
        step_size_limit=2 / curvature_bound(start, Z),
        rule="given" if arguments.step_size else "auto",
        target=arguments.target,
        width=width,
        seed=seed,
    )
    write_csv(table, arguments.attempts)
    save_network(network.cpu(), chosen, arguments.network)


def attempts_table(attempts: list[Attempt], purpose: str, max_steps: int) -> pd.DataFrame:
    rows = [
        {
            "purpose": purpose,
            "step_size": attempt.step_size,
            "outcome": str(attempt.run.outcome),
            "steps": attempt.run.epochs,
            "final_mse": attempt.final_mse,
            "max_steps": max_steps,
        }
        for attempt in attempts
    ]
    return pd.DataFrame(rows)


def parse_step_size(text: str) -> float | None:
    return None if text == "auto" else float(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--n-images", type=int, required=True, metavar="N", help="number of training images")
    parser.add_argument("--activation", required=True, help="relu, tanh or sine")
    parser.add_argument("--width", type=int, required=True, help="number of hidden units")
    parser.add_argument("--target", type=float, required=True, help="mean squared error at which training ends")
    parser.add_argument("--max-steps", type=int, required=True, help="largest number of steps")
    parser.add_argument("--step-size", type=parse_step_size, required=True, metavar="ETA", help="a number, or auto")
    parser.add_argument(
        "--trial-step-sizes",
        type=float,
        nargs="*",
        default=[],
        metavar="ETA",
        help="step sizes of further runs, of which only the outcome is recorded",
    )
    parser.add_argument("--trial-steps", type=int, default=0, help="number of steps of these runs")
    parser.add_argument("--device", required=True, help="auto, cpu or cuda")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--network", type=Path, required=True, help="the network, PT")
    parser.add_argument("--attempts", type=Path, required=True, help="the table of attempts, CSV")
    run(parser, main)
