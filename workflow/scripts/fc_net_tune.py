"""Train one network of Problem 2b with one learning rate, and measure it on training images that were held out.

The test images are not read. An interrupted run is resumed after its last finished epoch.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch

from nngplab.datasets.cifar10_torch import read_tensors
from nngplab.networks.training import TrainingCheckpoint
from nngplab.pipeline.cli import run
from nngplab.pipeline.devices import resolve_device
from nngplab.pipeline.files import write_csv
from nngplab.problems.fc_net import (
    Images,
    add_arguments,
    environment,
    failure,
    first_images,
    fit,
    prepare,
    read_settings,
)


def main(arguments: argparse.Namespace) -> None:
    # The last digits of a sum depend on the number of threads.
    torch.set_num_threads(1)
    device = resolve_device(arguments.device)
    files = pd.read_csv(arguments.files)
    # The network has the initial weights of the first one that is trained on all images.
    settings = read_settings(arguments, 0, arguments.learning_rate)
    images = first_images(read_tensors(arguments.folder, files, train=True), arguments.n_train)
    kept, held_out = split(images, arguments.validation_share)
    data = prepare(kept, held_out, settings.standardise, device)
    sizes = {"tuning_images": len(kept[0]), "validation_images": len(held_out[0])}
    identity = {**asdict(settings), **sizes, **environment(files, device, Path(__file__))}
    _, training = fit(settings, data.splits, TrainingCheckpoint(arguments.checkpoint, identity))
    failed = failure(training)
    row = {
        "loss": settings.loss,
        "learning_rate": settings.learning_rate,
        "outcome": failed or training.outcome,
        "validation_accuracy": None if failed else training.history[-1]["test_accuracy"],
        "epochs": settings.epochs,
    }
    write_csv(pd.DataFrame([row | sizes]), arguments.output)
    arguments.checkpoint.unlink()


def split(images: Images, share: float) -> tuple[Images, Images]:
    """Return all images but the last ones, and this share of them, the last ones: at least one."""
    n = max(1, round(share * len(images[0])))
    return (images[0][:-n], images[1][:-n]), (images[0][-n:], images[1][-n:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--learning-rate", type=float, required=True, help="the step size, or its maximum")
    parser.add_argument(
        "--validation-share", type=float, required=True, help="share of the training images to hold out, the last ones"
    )
    parser.add_argument("--output", type=Path, required=True, help="the accuracy on the images held out, CSV")
    run(parser, main)
