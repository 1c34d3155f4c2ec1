"""CIFAR-10 as tensors, read from verified files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nngplab.datasets.cifar10 import label_names, read_images


def read_tensors(folder: Path, files: pd.DataFrame, train: bool) -> tuple[Tensor, Tensor]:
    """Return what `nngplab.datasets.cifar10.read_images` does as tensors: (n, 3 * 32 * 32) uint8, and (n,) int64."""
    images, labels = read_images(folder, files, train)
    return torch.from_numpy(images), torch.from_numpy(labels)


class LabelledImages:
    """The images of a split and the names of their classes, by indices; arguments as in `read_tensors`."""

    def __init__(self, folder: Path, files: pd.DataFrame, train: bool):
        self.images, self.labels = read_tensors(folder, files, train)
        self.classes = label_names(folder)

    def pixels(self, indices: Sequence[int] | np.ndarray) -> Tensor:
        """Return images as rows (n, 3072), channels first, in [0, 1]."""
        return self.images[indices].double() / 255

    def names(self, indices: Sequence[int] | np.ndarray) -> list[str]:
        """Return the names of the classes of images."""
        return [self.classes[label] for label in self.labels[indices]]


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
