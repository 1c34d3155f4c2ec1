"""Train one network of Problem 2b, and resume an interrupted run after its last finished epoch."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from nngplab.datasets.cifar10 import N_CLASSES, N_FEATURES
from nngplab.datasets.cifar10_torch import VerifiedCIFAR10, channel_statistics, standardise, to_tensors
from nngplab.errors import InputError
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import (
    Loss,
    TrainingCheckpoint,
    TrainingOutcome,
    TrainingRun,
    randomly_mirrored,
    save_torch,
    shuffled_batches,
    train,
)
from nngplab.pipeline.cli import run
from nngplab.pipeline.devices import resolve_device
from nngplab.pipeline.files import file_sha256, write_csv, write_npz
from nngplab.pipeline.seeds import integer_seed

LOSSES: dict[str, Loss] = {"mse": nn.functional.mse_loss, "cross_entropy": nn.functional.cross_entropy}
OPTIMISERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
SHAPE = (3, 32, 32)
COLUMNS = ["loss", "seed", "epoch", "split", "mse", "cross_entropy", "accuracy"]


def main(arguments: argparse.Namespace) -> None:
    # The last digits of a sum depend on the number of threads.
    torch.set_num_threads(1)
    device = resolve_device(arguments.device)
    files = pd.read_csv(arguments.files)
    images, labels = read_images(VerifiedCIFAR10(arguments.folder, files, train=True), arguments.n_train)
    test_images, test_labels = to_tensors(VerifiedCIFAR10(arguments.folder, files, train=False))
    mean, std = channel_statistics(images) if arguments.standardise == "true" else (torch.zeros(3), torch.ones(3))
    data = {
        "train": (standardise(images, mean, std).to(device), labels.to(device)),
        "test": (standardise(test_images, mean, std).to(device), test_labels.to(device)),
    }
    parameters = training_parameters(arguments) | {"n_train": len(images), "n_test": len(test_images)}
    checkpoint = TrainingCheckpoint(arguments.checkpoint, {**parameters, **environment(files, device)})
    network, training = fit(arguments, data, checkpoint)
    if training.outcome in (TrainingOutcome.DIVERGED, TrainingOutcome.DEAD):
        arguments.checkpoint.unlink()
        raise InputError(
            f"fc_net: network {arguments.seed} with {arguments.loss}: {training.outcome} after epoch "
            f"{training.epochs}: lower fc_net.learning_rate, which is {arguments.learning_rate}"
        )

    write_csv(metrics(training).assign(**parameters)[COLUMNS + list(parameters)[2:]], arguments.metrics)
    with torch.no_grad():
        outputs = network(data["test"][0]).cpu().numpy()
    identity = {"loss": arguments.loss, "seed": arguments.seed}
    write_npz(arguments.outputs, outputs=outputs, labels=test_labels.numpy(), **identity)
    weights = {name: value.cpu() for name, value in network.state_dict().items()}
    save_torch({"network": weights, "mean": mean, "std": std, **parameters}, arguments.model)
    arguments.checkpoint.unlink()


def fit(
    arguments: argparse.Namespace, data: dict[str, tuple[Tensor, Tensor]], checkpoint: TrainingCheckpoint
) -> tuple[OneHiddenLayer, TrainingRun]:
    X, y = data["train"]
    # The seed does not depend on the loss: networks with different losses have the same initial weights and batches.
    seed = integer_seed(arguments.root_seed, "fc_net", arguments.seed)
    network = OneHiddenLayer(N_FEATURES, arguments.width, N_CLASSES, "relu", seed).to(X.device)
    optimiser = OPTIMISERS[arguments.optimiser](network.parameters(), lr=arguments.learning_rate, fused=True)
    batches = shuffled_batches(X, one_hot(y), arguments.batch_size, seed)
    training = train(
        network,
        LOSSES[arguments.loss],
        randomly_mirrored(batches, SHAPE, seed) if arguments.mirror == "true" else batches,
        optimiser,
        arguments.epochs,
        lambda: measure(network, arguments.loss, data),
        schedule=one_cycle(optimiser, arguments, len(X)) if arguments.schedule == "one_cycle" else None,
        checkpoint=checkpoint,
    )
    return network, training


def read_images(dataset: VerifiedCIFAR10, n: int | None) -> tuple[Tensor, Tensor]:
    if n is not None and n > len(dataset):
        raise InputError(f"fc_net.n_train is {n:,}, but there are {len(dataset):,} training images: lower it, or null")
    images, labels = to_tensors(dataset)
    return images[:n], labels[:n]


def one_hot(labels: Tensor) -> Tensor:
    return nn.functional.one_hot(labels, N_CLASSES).float()


def one_cycle(
    optimiser: torch.optim.Optimizer, arguments: argparse.Namespace, n: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Return the schedule over all steps. Adam's first momentum is varied inversely to the step size; SGD has none."""
    steps = arguments.epochs * -(-n // arguments.batch_size)
    momentum = arguments.optimiser == "adam"
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, arguments.learning_rate, steps, cycle_momentum=momentum)


@torch.no_grad()
def measure(network: OneHiddenLayer, loss: str, data: dict[str, tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Return the training loss as "loss", and {split}_accuracy, {split}_mse and {split}_cross_entropy."""
    accuracy, errors = {}, {}
    for split in ("test", "train"):
        inputs, labels = data[split]
        outputs = network(inputs).double()
        accuracy[f"{split}_accuracy"] = (outputs.argmax(dim=1) == labels).double().mean().item()
        for name, function in LOSSES.items():
            errors[f"{split}_{name}"] = function(outputs, one_hot(labels).double()).item()
    return {"loss": errors[f"train_{loss}"], **accuracy, **errors}


def metrics(training: TrainingRun) -> pd.DataFrame:
    """Return a row for each epoch and split."""
    return pd.DataFrame(
        {"epoch": epoch, "split": split} | {name: measured[f"{split}_{name}"] for name in (*LOSSES, "accuracy")}
        for epoch, measured in enumerate(training.history)
        for split in ("train", "test")
    )


def training_parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of a training run, loss and seed first."""
    names = ["loss", "seed", "root_seed", "width", "optimiser", "schedule", "learning_rate", "epochs", "batch_size"]
    switches = {name: getattr(arguments, name) == "true" for name in ("standardise", "mirror")}
    return {name: getattr(arguments, name) for name in names} | switches


def environment(files: pd.DataFrame, device: torch.device) -> dict[str, Any]:
    """Return what else the result depends on: the data, the code, the version of PyTorch and the type of device."""
    modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "nngplab"}
    code = {name: file_sha256(Path(str(module.__file__))) for name, module in sorted(modules.items())}
    return {
        "data": dict(zip(files["file"], files["sha256"], strict=True)),
        "code": {**code, "script": file_sha256(Path(__file__))},
        "torch": str(torch.__version__),
        "device": device.type,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--loss", choices=list(LOSSES), required=True, help="the loss function")
    parser.add_argument("--seed", type=int, required=True, help="index of the network, from 0")
    parser.add_argument("--root-seed", type=int, required=True, help="root seed")
    parser.add_argument("--width", type=int, required=True, help="number of hidden units")
    parser.add_argument("--optimiser", choices=list(OPTIMISERS), required=True, help="the optimiser")
    parser.add_argument(
        "--schedule", choices=["one_cycle", "constant"], required=True, help="schedule of the step size"
    )
    parser.add_argument("--learning-rate", type=float, required=True, help="the step size, or its maximum")
    parser.add_argument("--epochs", type=int, required=True, help="number of passes over the training images")
    parser.add_argument("--batch-size", type=int, required=True, help="number of images in a step")
    for name, description in (
        ("--standardise", "shift and scale each channel to mean 0 and standard deviation 1"),
        ("--mirror", "mirror each training image with probability 1/2 in each epoch"),
    ):
        parser.add_argument(name, type=str.lower, choices=["true", "false"], required=True, help=description)
    parser.add_argument("--n-train", type=int, help="number of training images, the first ones (default: all)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="the file with the state after the last finished epoch"
    )
    parser.add_argument("--metrics", type=Path, required=True, help="losses and accuracy after each epoch, CSV")
    parser.add_argument("--outputs", type=Path, required=True, help="outputs for the test images, NPZ")
    parser.add_argument("--model", type=Path, required=True, help="the weights, PT")
    run(parser, main)
