"""Train networks of Problem 13 and evaluate them on the training and validation samples."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from nngplab.networks.training import TrainingOutcome
from nngplab.pipeline.cli import run
from nngplab.pipeline.devices import resolve_device
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.progress import track
from nngplab.pipeline.seeds import integer_seed
from nngplab.problems.challenge import (
    CostMeter,
    Hyperparameters,
    Samples,
    candidate_rows,
    read_selection,
)
from nngplab.problems.challenge_images import prepare
from nngplab.problems.challenge_networks import best_epoch, train_network
from nngplab.problems.challenge_selection import read_choice

METRICS = ("mse", "r2", "accuracy")


def main(arguments: argparse.Namespace) -> None:
    # The last digits of a sum depend on the number of threads.
    torch.set_num_threads(1)
    device = resolve_device(arguments.device)
    cost = CostMeter()
    with threadpool_limits(1, "blas"):
        selection = read_selection(arguments.selection).first(arguments.n)
        seed = integer_seed(arguments.seed, "challenge", arguments.dataset)
        common = {"batch_size": arguments.batch_size, "epochs": arguments.epochs}
        networks = arguments.networks or read_choice(arguments.selected, arguments.dataset, "network")
        # The networks of a job have the same preparation.
        first = networks[0] if networks else {}
        train, val = (prepare(part, first, arguments.whitening) for part in (selection.train, selection.val))
        tracked = track(networks, "network")
        rows = [row for network in tracked for row in train_one(network | common, train, val, seed, device)]
    write_csv(pd.DataFrame(rows).assign(dataset=arguments.dataset, n=len(selection.train.X)), arguments.output)
    write_csv(cost.table(arguments.dataset, "network", "selection", len(networks)), arguments.cost)


def train_one(
    hyperparameters: Hyperparameters, train: Samples, val: Samples, seed: int, device: torch.device
) -> list[dict[str, Any]]:
    """Return the rows of one network, after the epoch with the best score on the validation samples."""
    _, training = train_network(hyperparameters, train, seed, val, device)
    epoch = best_epoch(training, val)
    metrics = {
        split: {name: training.history[epoch][f"{split}_{name}"] for name in METRICS} for split in ("train", "val")
    }
    failed = training.outcome in (TrainingOutcome.DIVERGED, TrainingOutcome.DEAD)
    outcome = str(training.outcome) if failed else "fitted"
    return candidate_rows("network", {**hyperparameters, "epochs": epoch}, metrics, outcome)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--n", type=int, help="number of training samples to use, the first ones (default: all)")
    parser.add_argument("--networks", type=json.loads, help="hyper-parameters of each network, a JSON list")
    parser.add_argument(
        "--selected", type=Path, help="hyper-parameters by data set and model, JSON, instead of --networks"
    )
    parser.add_argument("--whitening", type=Path, nargs="+", default=[], help="files of challenge_whitening.py")
    parser.add_argument("--epochs", type=int, required=True, help="largest number of passes over the training samples")
    parser.add_argument("--batch-size", type=int, required=True, help="number of samples in a step")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--output", type=Path, required=True, help="two rows for each network, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
