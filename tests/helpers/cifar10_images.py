"""Small images in the layout of CIFAR-10, which a network can learn."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.datasets.cifar10 import FILES, FOLDER, verify_files
from nngplab.pipeline.files import write_csv

CLASSES = [f"kind {number}" for number in range(10)]
LABEL = "small images"


def batch(seed: int) -> dict[str, object]:
    """Sixty images: to each class its own bright stripe, under noise."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(60) % 10)
    images = random.normal(110, 40, (60, 3, 32, 32))
    for image, label in zip(images, labels, strict=True):
        image[:, 3 * label : 3 * label + 2] += 60
    return {"labels": labels.tolist(), "data": images.clip(0, 255).astype(np.uint8).reshape(60, -1)}


def write_images(home: Path) -> Path:
    """Fill a folder with the unpacked batches, the table of verified files, provenance and counts."""
    (home / FOLDER).mkdir()
    for seed, name in enumerate(FILES[:6]):
        (home / FOLDER / name).write_bytes(pickle.dumps(batch(seed), 2))
    (home / FOLDER / "batches.meta").write_bytes(pickle.dumps({"label_names": CLASSES}, 2))
    (home / FOLDER / "readme.html").write_text("small")
    write_csv(verify_files(home / FOLDER), home / "files.csv")
    record = {"label": LABEL, "stand_in": True}
    (home / "provenance.json").write_text(json.dumps(record))
    rows = [(split, name, label, 6) for split in ("train", "test") for label, name in enumerate(CLASSES)]
    pd.DataFrame(rows, columns=["split", "class", "label", "count"]).to_csv(home / "counts.csv", index=False)
    return home
