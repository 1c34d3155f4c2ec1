"""CIFAR-10 (Krizhevsky 2009) in its official layout: extract an untrusted archive, read its batches, verify them.

An archive is opened only if its SHA-256 is the expected one. Only the eight files of the official layout are extracted.
Their pickles may create only dictionaries, lists, numbers, strings and arrays of bytes.
"""

import hashlib
import io
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nngplab.datasets.batch_pickle import load_batch
from nngplab.datasets.input_file import ExpectedFile, read_input_file
from nngplab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

OFFICIAL_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
OFFICIAL = ExpectedFile(
    name="cifar-10-python.tar.gz",
    size=170_498_071,
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
OFFICIAL_MD5 = "c58f30108f718f92721af3b95e74349a"

FOLDER = "cifar-10-batches-py"
TRAIN_BATCHES = [f"data_batch_{number}" for number in range(1, 6)]
TEST_BATCHES = ["test_batch"]
META = "batches.meta"
FILES = [*TRAIN_BATCHES, *TEST_BATCHES, META, "readme.html"]
SPLITS = {"train": (TRAIN_BATCHES, 50_000), "test": (TEST_BATCHES, 10_000)}
N_CLASSES = 10
# Of an image: channels, rows, columns.
SHAPE = (3, 32, 32)
N_FEATURES = 3 * 32 * 32

MAX_FILE_SIZE = 1 << 25  # in bytes; the largest file of the official archive has 31 MB
MAX_ARCHIVE_SIZE = len(FILES) * MAX_FILE_SIZE


def extract_archive(archive: Path, folder: Path, sha256: str) -> None:
    """Extract the eight files of an archive in the official layout into `folder`.

    They are extracted into a temporary folder beside `folder`, and moved when all of them are complete.

    Raises:
        InputError: if the SHA-256 is wrong, the file is not a readable tar.gz archive, or it does not hold exactly the
            eight files as regular files.
    """
    # The archive is read once, so that another file in its place can change nothing after the verification.
    payload = read_input_file(archive, MAX_ARCHIVE_SIZE)
    found = hashlib.sha256(payload).hexdigest()
    if found != sha256:
        raise InputError(f"{archive} has SHA-256 {found} instead of {sha256}: fetch it again")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        try:
            with tarfile.open(fileobj=io.BytesIO(_decompress(payload, archive)), mode="r:") as tar:
                names = _extract_members(tar, archive, Path(temporary))
        except (tarfile.TarError, zlib.error, EOFError, ValueError, RecursionError, OSError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{archive} cannot be extracted as a tar.gz archive: {error}") from error
        missing = [name for name in FILES if name not in names]
        if missing:
            raise InputError(f"{archive} lacks {FOLDER}/{', '.join(missing)}: it is not in the layout of CIFAR-10")
        for name in FILES:
            (Path(temporary) / FOLDER / name).replace(folder / name)


def read_batch(path: Path) -> dict[str, Any]:
    """Read one pickled batch, or `batches.meta`, without executing any code that the file names.

    Returns:
        The dictionary, with str keys; its arrays are uint8.

    Raises:
        InputError: if the file is not a pickled dictionary, or needs any type but arrays of bytes.

    >>> import pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "data_batch_1").write_bytes(pickle.dumps({"labels": [3, 8]}))
    ...     read_batch(Path(folder) / "data_batch_1")
    {'labels': [3, 8]}
    """
    return load_batch(read_input_file(path, MAX_FILE_SIZE), path)


def verify_files(folder: Path) -> "pd.DataFrame":
    """Read each batch as `read_batch` does, and return the table of the eight files: file, bytes, sha256, md5.

    A file with a checksum in this table is safe to load with `pickle`.
    """
    import pandas as pd

    rows = []
    for name in FILES:
        payload = read_input_file(folder / name, MAX_FILE_SIZE)
        if name != "readme.html":
            load_batch(payload, folder / name)
        rows.append(
            {
                "file": name,
                "bytes": len(payload),
                "sha256": hashlib.sha256(payload).hexdigest(),
                "md5": hashlib.md5(payload, usedforsecurity=False).hexdigest(),
            }
        )
    return pd.DataFrame(rows)


def read_images(folder: Path, files: "pd.DataFrame", train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return all images of a split, (n, 3 * 32 * 32) uint8 with the channels first, and all labels, (n,) int64.

    Args:
        folder: the folder with the batches.
        files: the table of `verify_files`. Only files with the SHA-256 in this table are opened.
        train: True for the training images, False for the test images.

    Raises:
        InputError: if a file is missing or has changed since it was verified.
    """
    sha256 = dict(zip(files["file"], files["sha256"], strict=True))
    batches = []
    for name in TRAIN_BATCHES if train else TEST_BATCHES:
        payload = read_input_file(folder / name, MAX_FILE_SIZE)
        if hashlib.sha256(payload).hexdigest() != sha256[name]:
            raise InputError(f"{folder / name} is not the file that was verified: extract the archive again")
        batches.append(load_batch(payload, folder / name))
    return np.concatenate([batch["data"] for batch in batches]), np.concatenate([batch["labels"] for batch in batches])


def check_images(folder: Path) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Compare images and labels with those of CIFAR-10: 50,000 and 10,000 images, balanced classes.

    A wrong number of images, or unbalanced classes, are reported as failed checks; the data can still be used.

    Returns:
        The table of checks (check, split, expected, found, passed), and that of counts (split, class, label, count).

    Raises:
        InputError: if a batch is unreadable, or images or labels have a wrong shape, type or range.
    """
    import pandas as pd

    names = label_names(folder)
    checks: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    for split, (batches, size) in SPLITS.items():
        labels = np.concatenate([_read_labels(folder / batch) for batch in batches])
        per_class = np.bincount(labels, minlength=N_CLASSES)
        fewest, most = per_class.min(), per_class.max()
        balance = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        for check, expected, found in (
            ("images", f"{size:,}", f"{len(labels):,}"),
            ("shape and type of an image", "3 x 32 x 32 uint8", "3 x 32 x 32 uint8"),
            ("range of the labels", f"0 to {N_CLASSES - 1}", f"{labels.min()} to {labels.max()}"),
            ("images per class", f"{size // N_CLASSES:,}", balance),
        ):
            row = {"check": check, "split": split, "expected": expected, "found": found, "passed": found == expected}
            checks.append(row)
        for label, count in enumerate(per_class):
            counts.append({"split": split, "class": names[label], "label": label, "count": int(count)})
    return pd.DataFrame(checks), pd.DataFrame(counts)


def label_names(folder: Path) -> list[str]:
    """Return the ten class names in the order of the labels.

    Raises:
        InputError: if the file does not hold ten names.

    >>> import pickle, tempfile
    >>> meta = {"label_names": ["airplane", *"bcdefghij"]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / META).write_bytes(pickle.dumps(meta))
    ...     label_names(Path(folder))[0]
    'airplane'
    """
    names = read_batch(folder / META).get("label_names")
    if not isinstance(names, list) or len(names) != N_CLASSES or not all(isinstance(name, str) for name in names):
        raise InputError(f"{folder / META} does not hold {N_CLASSES} label names")
    return names


def _read_labels(path: Path) -> np.ndarray:
    """Return the labels (n,) of one batch after checking its images and labels."""
    batch = read_batch(path)
    images, labels = batch.get("data"), batch.get("labels")
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != N_FEATURES or not len(images):
        raise InputError(f"{path}: `data` is not an array of images, n x {N_FEATURES} uint8")
    if not isinstance(labels, list) or len(labels) != len(images) or any(type(label) is not int for label in labels):
        raise InputError(f"{path}: `labels` is not a list of one integer for each of the {len(images):,} images")
    wrong = [label for label in labels if not 0 <= label < N_CLASSES]
    if wrong:
        raise InputError(f"{path}: label {wrong[0]} is not within 0 to {N_CLASSES - 1}")
    return np.array(labels)


def _decompress(payload: bytes, archive: Path) -> bytes:
    """Return the content of a gzip file, which must consist of one complete member."""
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    content = decompressor.decompress(payload, MAX_ARCHIVE_SIZE)
    if decompressor.unconsumed_tail or len(content) == MAX_ARCHIVE_SIZE:
        raise InputError(f"{archive} expands to more than {MAX_ARCHIVE_SIZE:,} bytes: it is not CIFAR-10")
    if not decompressor.eof:
        raise EOFError("it is cut off")
    if decompressor.unused_data:
        raise zlib.error(f"{len(decompressor.unused_data):,} bytes follow its end")
    return content


def _extract_members(tar: tarfile.TarFile, archive: Path, folder: Path) -> set[str]:
    """Write the expected files of an open archive into `folder` and return their names.

    Only contents are taken from the archive: no paths, permissions, owners or links.
    """
    (folder / FOLDER).mkdir()
    names: set[str] = set()
    for member in tar:
        if member.isdir() and member.name.rstrip("/") == FOLDER and FOLDER not in names:
            names.add(FOLDER)
            continue
        name = member.name.removeprefix(f"{FOLDER}/")
        if member.name == name or name not in FILES or name in names:
            raise InputError(f"{archive} has a member {member.name!r}; allowed, once each: {FOLDER}/{', '.join(FILES)}")
        if not member.isreg() or member.issparse() or member.size > MAX_FILE_SIZE:
            raise InputError(
                f"{archive}: its member {member.name!r} is not a regular file of at most {MAX_FILE_SIZE:,} bytes"
            )
        with tar.extractfile(member) as content:  # type: ignore[union-attr]  # a regular file
            (folder / FOLDER / name).write_bytes(content.read())
        names.add(name)
    return names
