"""Split CIFAR-10 for Problem 13: a file for model selection, from training images alone, and a file for the test."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.datasets.cifar10 import N_CLASSES
from nngplab.datasets.cifar10_torch import channel_statistics, read_tensors
from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_json, write_npz
from nngplab.pipeline.seeds import generator


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    files = pd.read_csv(arguments.files)
    images, labels = read_tensors(arguments.folder, files, train=True)
    test_images, test_labels = read_tensors(arguments.folder, files, train=False)
    n_train = len(images) - arguments.n_val if arguments.n_train is None else arguments.n_train
    if n_train < 1 or n_train + arguments.n_val > len(images):
        raise InputError(
            f"challenge.cifar10_train and challenge.cifar10_val ask for {n_train:,} + {arguments.n_val:,} images, but "
            f"there are {len(images):,} training images: lower one of them"
        )
    order = generator(arguments.seed, "challenge", "cifar10").permutation(len(images))
    val, train = np.split(order[: arguments.n_val + n_train], [arguments.n_val])
    # Each channel is shifted and scaled by its mean and standard deviation over the training images.
    mean, std = (np.repeat(value.numpy(), images.shape[1] // 3) for value in channel_statistics(images[train]))
    write_npz(
        arguments.selection,
        X_train=images[train].numpy(),
        y_train=labels[train].numpy(),
        X_val=images[val].numpy(),
        y_val=labels[val].numpy(),
        shift=255.0 * mean,
        scale=255.0 * std,
        classes=N_CLASSES,
    )
    write_npz(arguments.test, X_test=test_images.numpy(), y_test=test_labels.numpy())
    write_json(
        {
            "label": provenance["label"],
            "stand_in": provenance["stand_in"],
            "files": {},
            "direction": None,
            "n_train": n_train,
            "n_val": arguments.n_val,
            "n_test": len(test_images),
            "d": images.shape[1],
            "score": "accuracy",
        },
        arguments.record,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--n-train", type=int, help="number of training images (default: all but those for validation)")
    parser.add_argument("--n-val", type=int, required=True, help="number of images for validation")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--selection", type=Path, required=True, help="images for training and validation, NPZ")
    parser.add_argument("--test", type=Path, required=True, help="images for the test, NPZ")
    parser.add_argument("--record", type=Path, required=True, help="description of the data, JSON")
    run(parser, main)
