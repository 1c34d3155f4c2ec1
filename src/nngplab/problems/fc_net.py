"""ReLU networks with one hidden layer and no biases that classify images (Problem 2b)."""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from nngplab.datasets.cifar10 import N_CLASSES, N_FEATURES, SHAPE
from nngplab.datasets.cifar10_torch import channel_statistics, standardise
from nngplab.errors import InputError
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import (
    Loss,
    TrainingCheckpoint,
    TrainingOutcome,
    TrainingRun,
    randomly_mirrored,
    shuffled_batches,
    train,
)
from nngplab.pipeline.files import file_sha256
from nngplab.pipeline.seeds import integer_seed

LOSSES: dict[str, Loss] = {"mse": nn.functional.mse_loss, "cross_entropy": nn.functional.cross_entropy}
OPTIMISERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}

Images = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class TrainingSettings:
    """The parameters of a training run: the keys of the configuration, with the loss and the index of the network."""

    loss: str
    seed: int
    root_seed: int
    width: int
    optimiser: str
    schedule: str
    learning_rate: float
    epochs: int
    batch_size: int
    standardise: bool
    mirror: bool


@dataclass(frozen=True)
class ImageSplits:
    """Standardised images for training and evaluation, on one device.

    Attributes:
        splits: inputs (n, 3072) float32 and labels (n,) int64 of "train" and "test".
        mean: what was subtracted from each channel, (3,).
        std: what each channel was divided by, (3,).
    """

    splits: dict[str, Images]
    mean: Tensor
    std: Tensor


def prepare(train_images: Images, test_images: Images, standardised: bool, device: torch.device) -> ImageSplits:
    """Standardise images (n, 3072) uint8 with the statistics of the training images."""
    mean, std = channel_statistics(train_images[0]) if standardised else (torch.zeros(3), torch.ones(3))
    splits = {
        name: (standardise(images, mean, std).to(device), labels.to(device))
        for name, (images, labels) in (("train", train_images), ("test", test_images))
    }
    return ImageSplits(splits, mean, std)


def first_images(images: Images, n: int | None) -> Images:
    """Return the first `n` training images, or all.

    Raises:
        InputError: if there are fewer.
    """
    if n is not None and n > len(images[0]):
        raise InputError(
            f"fc_net.n_train is {n:,}, but there are {len(images[0]):,} training images: lower it, or null"
        )
    return images[0][:n], images[1][:n]


def fit(
    settings: TrainingSettings, data: dict[str, Images], checkpoint: TrainingCheckpoint
) -> tuple[OneHiddenLayer, TrainingRun]:
    """Train a network on the split "train", and measure it on both splits after each epoch."""
    X, y = data["train"]
    # The seed does not depend on the loss: networks with different losses have the same initial weights and batches.
    seed = integer_seed(settings.root_seed, "fc_net", settings.seed)
    network = OneHiddenLayer(N_FEATURES, settings.width, N_CLASSES, "relu", seed).to(X.device)
    optimiser = OPTIMISERS[settings.optimiser](network.parameters(), lr=settings.learning_rate, fused=True)
    batches = shuffled_batches(X, one_hot(y), settings.batch_size, seed)
    training = train(
        network,
        LOSSES[settings.loss],
        randomly_mirrored(batches, SHAPE, seed) if settings.mirror else batches,
        optimiser,
        settings.epochs,
        lambda: measure(network, settings.loss, data),
        schedule=one_cycle(optimiser, settings, len(X)) if settings.schedule == "one_cycle" else None,
        checkpoint=checkpoint,
    )
    return network, training


def failure(training: TrainingRun) -> TrainingOutcome | None:
    """Return how a training run failed: dead, or diverged, also where an error of the test images is not finite."""
    if training.outcome is TrainingOutcome.DEAD:
        return TrainingOutcome.DEAD
    finite = all(math.isfinite(value) for value in training.history[-1].values())
    return None if finite and training.outcome is not TrainingOutcome.DIVERGED else TrainingOutcome.DIVERGED


def one_hot(labels: Tensor) -> Tensor:
    """Return labels (n,) as vectors (n, 10) float32."""
    return nn.functional.one_hot(labels, N_CLASSES).float()


def one_cycle(
    optimiser: torch.optim.Optimizer, settings: TrainingSettings, n: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Return the schedule over all steps. Adam's first momentum is varied inversely to the step size; SGD has none."""
    steps = settings.epochs * -(-n // settings.batch_size)
    momentum = settings.optimiser == "adam"
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, steps, cycle_momentum=momentum)


@torch.no_grad()
def measure(network: OneHiddenLayer, loss: str, data: dict[str, Images]) -> dict[str, float]:
    """Return the training loss as "loss", and {split}_accuracy, {split}_mse and {split}_cross_entropy."""
    accuracy, errors = {}, {}
    for split in ("test", "train"):
        inputs, labels = data[split]
        outputs = network(inputs).double()
        accuracy[f"{split}_accuracy"] = (outputs.argmax(dim=1) == labels).double().mean().item()
        for name, function in LOSSES.items():
            errors[f"{split}_{name}"] = function(outputs, one_hot(labels).double()).item()
    return {"loss": errors[f"train_{loss}"], **accuracy, **errors}


def environment(files: pd.DataFrame, device: torch.device, script: Path) -> dict[str, Any]:
    """Return what else the result depends on: the data, the code, the version of PyTorch and the type of device."""
    modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "nngplab"}
    code = {name: file_sha256(Path(str(module.__file__))) for name, module in sorted(modules.items())}
    return {
        "data": dict(zip(files["file"], files["sha256"], strict=True)),
        "code": {**code, "script": file_sha256(script)},
        "torch": str(torch.__version__),
        "device": device.type,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a training run, except for its learning rate and its outputs."""
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--loss", choices=list(LOSSES), required=True, help="the loss function")
    parser.add_argument("--root-seed", type=int, required=True, help="root seed")
    parser.add_argument("--width", type=int, required=True, help="number of hidden units")
    parser.add_argument("--optimiser", choices=list(OPTIMISERS), required=True, help="the optimiser")
    parser.add_argument(
        "--schedule", choices=["one_cycle", "constant"], required=True, help="schedule of the step size"
    )
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


def read_settings(arguments: argparse.Namespace, seed: int, learning_rate: float) -> TrainingSettings:
    """Return the settings of a training run from the options of `add_arguments`."""
    names = ["loss", "root_seed", "width", "optimiser", "schedule", "epochs", "batch_size"]
    switches = {name: getattr(arguments, name) == "true" for name in ("standardise", "mirror")}
    given = {name: getattr(arguments, name) for name in names} | switches
    return TrainingSettings(seed=seed, learning_rate=learning_rate, **given)
