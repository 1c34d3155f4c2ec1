"""Small images in the layout of CIFAR-10."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.datasets.cifar10 import FILES, FOLDER, verify_files
from nngplab.pipeline.files import write_csv

CLASSES = [f"kind {number}" for number in range(10)]
LABEL = "small images"


def write_batches(home: Path, draw: Callable[[np.random.Generator], np.ndarray]) -> Path:
    """Write an unpacked archive and `files.csv`, its table of verified files; return the folder of the archive.

    Args:
        home: the folder for both.
        draw: returns the images of a batch, `uint8` of shape (n, 3072); their labels are 0 to 9, again and again.
    """
    folder = home / FOLDER
    folder.mkdir(parents=True)
    for seed, name in enumerate(FILES[:6]):
        images = draw(np.random.default_rng(seed))
        batch = {"labels": [number % 10 for number in range(len(images))], "data": images}
        (folder / name).write_bytes(pickle.dumps(batch, 3))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": CLASSES}, 3))
    (folder / "readme.html").write_bytes(b"small")
    write_csv(verify_files(folder), home / "files.csv")
    return folder


def striped(random: np.random.Generator) -> np.ndarray:
    """Sixty images that a network can learn: to each class its own bright stripe, under noise."""
    images = random.normal(110, 40, (60, 3, 32, 32))
    for number, image in enumerate(images):
        image[:, 3 * (number % 10) : 3 * (number % 10) + 2] += 60
    return images.clip(0, 255).astype(np.uint8).reshape(60, -1)


def write_images(home: Path) -> Path:
    """Write striped images, with the provenance and the counts that the pipeline writes beside them."""
    write_batches(home, striped)
    (home / "provenance.json").write_text(json.dumps({"label": LABEL, "stand_in": True}))
    rows = [(split, name, label, 6) for split in ("train", "test") for label, name in enumerate(CLASSES)]
    pd.DataFrame(rows, columns=["split", "class", "label", "count"]).to_csv(home / "counts.csv", index=False)
    return home


def write_provenance(results: Path) -> Path:
    """Write the provenance of stand-in images into a folder of results."""
    record = {"label": "STAND-IN IMAGES, NOT CIFAR-10", "stand_in": True, "official": False, "reason": "of the test"}
    record |= {"source": "stand-in", "requested": "stand-in", "sha256": "0", "bytes": 1, "attempts": []}
    path = results / "cifar10/provenance.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))
    return path
