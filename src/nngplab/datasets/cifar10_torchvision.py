"""CIFAR-10 as a torchvision data set, read from verified files.

To import torchvision takes two seconds, since it imports the compiler of PyTorch. Where a job needs only the pixels,
`nngplab.datasets.cifar10_torch` reads them without it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torchvision

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
