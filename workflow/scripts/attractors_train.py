"""Train the autoencoder of Problem 4 on some images, and note every attempt at it."""

import argparse
from pathlib import Path

import pandas as pd
import torch

from nngplab.datasets.cifar10_torch import VerifiedCIFAR10, to_tensors
from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.devices import resolve_device
from nngplab.pipeline.files import write_csv
from nngplab.problems.attractors import Attempt, curvature_bound, descend, fit, new_network, save_network, shuffled


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    files = pd.read_csv(arguments.files)
    images, _ = to_tensors(VerifiedCIFAR10(arguments.folder, files, train=True))
    n, size = arguments.n_images, len(images)
    if n >= size:
        raise InputError(
            f"a network on {n} images needs more than the {size} training images: lower attractors.n_images"
        )
    chosen = shuffled(arguments.seed, "training", size)[:n]
    Z = (images[chosen].float() / 255).to(resolve_device(arguments.device))
    start = new_network(Z.shape[1], arguments.width, arguments.seed).to(Z.device)

    goal = (arguments.target, arguments.max_steps)
    network, attempts = fit(Z, arguments.width, arguments.seed, *goal, arguments.step_size)
    trials = []
    for step_size in arguments.trial_step_sizes:
        trial = new_network(Z.shape[1], arguments.width, arguments.seed).to(Z.device)
        trials.append(descend(trial, Z, step_size, arguments.target, arguments.trial_steps))

    table = pd.concat(
        [as_table(attempts, "fit", arguments.max_steps), as_table(trials, "trial", arguments.trial_steps)]
    )
    table.insert(0, "n_images", n)
    table = table.assign(
        initial_mse=attempts[0].training.losses[0],
        zero_mse=Z.square().mean().item(),
        step_size_limit=2 / curvature_bound(start, Z),
        rule="given" if arguments.step_size else "auto",
        target=arguments.target,
        width=arguments.width,
        seed=arguments.seed,
    )
    write_csv(table, arguments.attempts)
    save_network(network.cpu(), chosen, arguments.network)


def as_table(attempts: list[Attempt], purpose: str, max_steps: int) -> pd.DataFrame:
    rows = [
        {
            "purpose": purpose,
            "step_size": attempt.step_size,
            "outcome": str(attempt.training.outcome),
            "steps": attempt.training.epochs,
            "final_mse": attempt.final_mse,
            "max_steps": max_steps,
        }
        for attempt in attempts
    ]
    return pd.DataFrame(rows)


def step_size(text: str) -> float | None:
    return None if text == "auto" else float(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the unpacked batches")
    parser.add_argument("--files", type=Path, required=True, help="CSV of the verified files")
    parser.add_argument("--n-images", type=int, required=True, metavar="N", help="train on so many images")
    parser.add_argument("--width", type=int, required=True, help="hidden units")
    parser.add_argument("--target", type=float, required=True, help="mean squared error at which training ends")
    parser.add_argument("--max-steps", type=int, required=True, help="steps at which it ends at the latest")
    parser.add_argument("--step-size", type=step_size, required=True, metavar="ETA", help="a number, or auto")
    parser.add_argument(
        "--trial-step-sizes",
        type=float,
        nargs="*",
        default=[],
        metavar="ETA",
        help="further ones, only to see their end",
    )
    parser.add_argument("--trial-steps", type=int, default=0, help="steps for each of these")
    parser.add_argument("--device", required=True, help="auto, cpu or cuda")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the images and the network")
    parser.add_argument("--network", type=Path, required=True, help="the network, PT")
    parser.add_argument("--attempts", type=Path, required=True, help="the table of attempts, CSV")
    run(parser, main)
