"""Small archives in the layout of CIFAR-10."""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

from nngplab.datasets.cifar10 import FILES, FOLDER

LABELS = [f"kind {number}" for number in range(10)]


def batch(seed: int, n: int = 20, **changes: object) -> dict[str, object]:
    images = np.random.default_rng(seed).integers(0, 256, (n, 3072), np.uint8)
    return {"batch_label": "small", "labels": [i % 10 for i in range(n)], "data": images} | changes


def contents(protocol: int = 3) -> dict[str, bytes]:
    """The eight files of a small archive."""
    files = {name: pickle.dumps(batch(seed), protocol) for seed, name in enumerate(FILES[:6])}
    return files | {"batches.meta": pickle.dumps({"label_names": LABELS}, protocol), "readme.html": b"small"}


def plain(name: str, payload: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(payload)
    return member, payload


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for member, payload in members:
            tar.addfile(member, io.BytesIO(payload))
    return path


def whole(path: Path, *more: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A right archive, followed by `more`."""
    return archive_of(path, *(plain(f"{FOLDER}/{name}", payload) for name, payload in contents().items()), *more)


def special(name: str, kind: bytes, target: str = "", size: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, size
    return member, bytes(size)
