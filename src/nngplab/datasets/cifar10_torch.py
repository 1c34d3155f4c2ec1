"""CIFAR-10 as a torchvision data set, over files that passed verification."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torchvision

from nngplab.datasets.cifar10 import META, TEST_BATCHES, TRAIN_BATCHES
from nngplab.errors import InputError


class VerifiedCIFAR10(torchvision.datasets.CIFAR10):
    """`torchvision.datasets.CIFAR10` over any verified archive: official, one's own, or the stand-in.

    Args:
        folder: the folder with the batches.
        files: the table of `nngplab.datasets.cifar10.verified_files`; torchvision opens a file only if it has its MD5.
        train: the training images, else the test images.
        transform: as in torchvision.

    Raises:
        InputError: a file is missing or is not the one that was verified.
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
                f"{folder} does not hold the files that were verified: unpack the archive again"
            ) from error
