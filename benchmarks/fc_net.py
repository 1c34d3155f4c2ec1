"""Compare the time of an epoch of Problem 2b with images in memory and with a DataLoader of torchvision.

Both use the same images, preprocessing and network, on one thread. They run alternately, in several rounds. The table
shows the median seconds, and the median of the paired ratios with its range, once for loading the batches alone, and
once for loading and training. The arithmetic of training is the same for both, and limits the second ratio.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms

from nngplab.datasets.cifar10 import N_CLASSES, N_FEATURES
from nngplab.datasets.cifar10_torch import channel_statistics, read_tensors, standardise
from nngplab.datasets.cifar10_torchvision import VerifiedCIFAR10
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import Batches, randomly_mirrored, shuffled_batches, train
from nngplab.pipeline.devices import resolve_device


def loader_batches(dataset: VerifiedCIFAR10, steps: list[object], size: int, device: torch.device) -> Batches:
    """Return batches from a DataLoader that preprocesses one image at a time."""
    dataset.transform = transforms.Compose(steps)
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(dataset, batch_size=size, shuffle=True)
    return lambda _: ((images.flatten(1).to(device), labels.to(device)) for images, labels in loader)


def load(batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    for _ in batches:
        pass


def measure_epoch(batches: Batches, device: torch.device, training: bool) -> float:
    """Return the seconds of an epoch, with or without training."""
    network = OneHiddenLayer(N_FEATURES, 128, N_CLASSES, "relu", seed=0).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    start = time.perf_counter()
    if training:
        train(network, nn.functional.cross_entropy, batches, optimiser, 1, lambda: {"loss": 1.0})
    else:
        load(batches(0))
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    device = resolve_device(arguments.device)
    files = pd.read_csv(arguments.files)
    dataset = VerifiedCIFAR10(arguments.folder, files, train=True)
    images, labels = read_tensors(arguments.folder, files, train=True)
    mean, std = channel_statistics(images)
    X, plain_X, y = (tensor.to(device) for tensor in (standardise(images, mean, std), images.float() / 255, labels))
    size = arguments.batch_size
    full = [transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize(mean, std)]
    pairs = {
        "none": ([transforms.ToTensor()], shuffled_batches(plain_X, y, size, seed=0)),
        "mirror and standardise": (full, randomly_mirrored(shuffled_batches(X, y, size, seed=0), (3, 32, 32), seed=0)),
    }
    rows = []
    for preprocessing, (steps, memory_batches) in pairs.items():
        for training in (False, True):
            seconds = []
            for _ in range(arguments.rounds):
                slow = measure_epoch(loader_batches(dataset, steps, size, device), device, training)
                seconds.append((slow, measure_epoch(memory_batches, device, training)))
            slow_seconds, fast_seconds = np.transpose(seconds)
            ratio = slow_seconds / fast_seconds
            rows.append(
                {
                    "preprocessing": preprocessing,
                    "epoch": "load and train" if training else "load",
                    "one_by_one_seconds": np.median(slow_seconds),
                    "in_memory_seconds": np.median(fast_seconds),
                    "ratio": np.median(ratio),
                    "ratio_low": ratio.min(),
                    "ratio_high": ratio.max(),
                }
            )
            print(f"{preprocessing}: {rows[-1]['epoch']} timed", file=sys.stderr)
    print(f"{len(y):,} images in batches of {size} on {device.type}, {arguments.rounds} rounds")
    print(pd.DataFrame(rows).to_csv(index=False, float_format="%.3g"), end="")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, default=Path("data/cifar10/cifar-10-batches-py"), help="folder of the extracted batches"
    )
    parser.add_argument("--files", type=Path, default=Path("results/cifar10/files.csv"), help="the verified files, CSV")
    parser.add_argument("--batch-size", type=int, default=128, help="number of images in a batch")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds")
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda")
    main(parser.parse_args())
