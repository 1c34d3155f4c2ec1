"""Train one network of Problem 2b, and resume an interrupted run after its last finished epoch."""

import argparse
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch

from nngplab.datasets.cifar10_torch import read_tensors
from nngplab.errors import InputError
from nngplab.networks.training import TrainingCheckpoint, TrainingRun, save_torch
from nngplab.pipeline.cli import run
from nngplab.pipeline.devices import resolve_device
from nngplab.pipeline.files import write_csv, write_npz
from nngplab.problems.fc_net import (
    LOSSES,
    add_arguments,
    environment,
    failure,
    first_images,
    fit,
    prepare,
    read_settings,
)

COLUMNS = ["loss", "seed", "epoch", "split", "mse", "cross_entropy", "accuracy"]


def main(arguments: argparse.Namespace) -> None:
    # The last digits of a sum depend on the number of threads.
    torch.set_num_threads(1)
    device = resolve_device(arguments.device)
    files = pd.read_csv(arguments.files)
    settings = read_settings(arguments, arguments.seed, read_rate(arguments.learning_rates, arguments.loss))
    images = first_images(read_tensors(arguments.folder, files, train=True), arguments.n_train)
    test_images = read_tensors(arguments.folder, files, train=False)
    data = prepare(images, test_images, settings.standardise, device)
    parameters = asdict(settings) | {"n_train": len(images[0]), "n_test": len(test_images[0])}
    checkpoint = TrainingCheckpoint(arguments.checkpoint, {**parameters, **environment(files, device, Path(__file__))})
    network, training = fit(settings, data.splits, checkpoint)
    failed = failure(training)
    if failed:
        arguments.checkpoint.unlink()
        raise InputError(
            f"fc_net: network {settings.seed} with {settings.loss}: {failed} after epoch {training.epochs}: "
            f"set fc_net.learning_rate to a number below {settings.learning_rate}"
        )

    write_csv(metrics(training).assign(**parameters)[COLUMNS + list(parameters)[2:]], arguments.metrics)
    with torch.no_grad():
        outputs = network(data.splits["test"][0]).cpu().numpy()
    identity = {"loss": settings.loss, "seed": settings.seed}
    write_npz(arguments.outputs, outputs=outputs, labels=test_images[1].numpy(), **identity)
    weights = {name: value.cpu() for name, value in network.state_dict().items()}
    save_torch({"network": weights, "mean": data.mean, "std": data.std, **parameters}, arguments.model)
    arguments.checkpoint.unlink()


def read_rate(path: Path, loss: str) -> float:
    """Return the learning rate that was chosen for a loss."""
    table = pd.read_csv(path)
    return float(table[(table["loss"] == loss) & table["chosen"]]["learning_rate"].item())


def metrics(training: TrainingRun) -> pd.DataFrame:
    """Return a row for each epoch and split."""
    return pd.DataFrame(
        {"epoch": epoch, "split": split} | {name: measured[f"{split}_{name}"] for name in (*LOSSES, "accuracy")}
        for epoch, measured in enumerate(training.history)
        for split in ("train", "test")
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--seed", type=int, required=True, help="index of the network, from 0")
    parser.add_argument(
        "--learning-rates",
        type=Path,
        required=True,
        help="table of fc_net_learning_rates.py with the chosen rates, CSV",
    )
    parser.add_argument("--metrics", type=Path, required=True, help="losses and accuracy after each epoch, CSV")
    parser.add_argument("--outputs", type=Path, required=True, help="outputs for the test images, NPZ")
    parser.add_argument("--model", type=Path, required=True, help="the weights, PT")
    run(parser, main)
