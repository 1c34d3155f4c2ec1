"""Draw sample images with their class names, read through torchvision and a DataLoader."""

import argparse
import json
from pathlib import Path

import pandas as pd
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import PILToTensor

from nngplab.datasets.cifar10_torchvision import VerifiedCIFAR10
from nngplab.pipeline.cli import run
from nngplab.pipeline.seeds import integer_seed
from nngplab.report.figures.images import plot_image_grid
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    files = pd.read_csv(arguments.files)
    dataset = VerifiedCIFAR10(arguments.folder, files, train=arguments.split == "train", transform=PILToTensor())
    order = torch.Generator().manual_seed(integer_seed(arguments.seed, "cifar10_samples", arguments.split))
    images, labels = next(iter(DataLoader(dataset, batch_size=arguments.images, shuffle=True, generator=order)))
    titles = [dataset.classes[label] for label in labels]
    kind = "training" if arguments.split == "train" else "test"
    title = f"{len(images)} of {len(dataset):,} {kind} images"
    figure = plot_image_grid(images.numpy(), titles, title=title)
    save(figure, arguments.output, mark=provenance["label"] if provenance["stand_in"] else None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--split", choices=("train", "test"), required=True)
    parser.add_argument("--images", type=int, required=True, help="the number of images")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the random choice")
    parser.add_argument("--output", type=Path, required=True, help="the figure, SVG")
    run(parser, main)
