"""CIFAR-10 as a torchvision data set, read from verified files, and as tensors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torchvision
from torch import Tensor

from nngplab.datasets.cifar10 import META, TEST_BATCHES, TRAIN_BATCHES
from nngplab.errors import InputError


class VerifiedCIFAR10(torchvision.datasets.CIFAR10):
    """`torchvision.datasets.CIFAR10` for any verified archive: official, the user's own, or the stand-in.

    Args:
        folder: the folder with the batches.
        files: the table of `nngplab.datasets.cifar10.verify_files`. Only files with the MD5 in this table are opened.
        train: True for the training images, False for the test images.
        transform: as in torchvision.

    Raises:
        InputError: if a file is missing or has changed since it was verified.
    """

    def __init__(self, folder: Path, files: pd.DataFrame, train: bool, transform: Callable[[Any], Any] | None = None):
        md5 = dict(zip(files["file"], files["md5"], strict=True))
        self.base_folder = folder.name
        self.train_list = [[name, md5[name]] for name in TRAIN_BATCHES]
        self.test_list = [[name, md5[name]] for name in TEST_BATCHES]
        self.meta = {"filename": META, "key": "label_names", "md5": md5[META]}
        try:
            super().__init__(root=folder.parent, train=train, transform=transform)
        except RuntimeError as error:
            raise InputError(
                f"{folder} does not hold the files that were verified: extract the archive again"
            ) from error


def to_tensors(dataset: VerifiedCIFAR10) -> tuple[Tensor, Tensor]:
    """Return all images, (n, 3 * 32 * 32) uint8 with the channels first, and all labels, (n,) int64."""
    return torch.from_numpy(dataset.data).permute(0, 3, 1, 2).flatten(1), torch.tensor(dataset.targets)


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each channel, (3,) float32, of images (n, 3072) uint8 divided by 255."""
    channels = images.view(len(images), 3, -1).unbind(dim=1)
    counts = torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in channels])
    shares = counts.double() / counts.sum(dim=1, keepdim=True)
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = shares @ values
    return mean.float(), (shares @ values**2 - mean**2).sqrt().float()


def standardise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return images (n, 3072) uint8 as float32: divided by 255, less `mean` (3,), divided by `std` (3,) per channel."""
    return images.view(len(images), 3, -1).float().div_(255).sub_(mean[:, None]).div_(std[:, None]).flatten(1)
