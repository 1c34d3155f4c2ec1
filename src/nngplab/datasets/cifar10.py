"""CIFAR-10 (Krizhevsky 2009) in its official layout: extract an untrusted archive, read its batches, verify them.

An archive is opened only if its SHA-256 is the expected one. Only the eight files of the official layout are extracted.
Their pickles may create only dictionaries, lists, numbers, strings and arrays of bytes.
"""

import gzip
import hashlib
import io
import pickle
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from nngplab.datasets.download import ExpectedFile
from nngplab.errors import InputError
from nngplab.pipeline.files import file_sha256

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
    found = file_sha256(archive)
    if found != sha256:
        raise InputError(f"{archive} has SHA-256 {found} instead of {sha256}: fetch it again")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        try:
            with _SizeLimitedGzipFile(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
                names = _extract_members(tar, archive, Path(temporary))
        except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
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
    """
    return _load_pickle(path.read_bytes(), path)


def verify_files(folder: Path) -> pd.DataFrame:
    """Read each batch as `read_batch` does, and return the table of the eight files: file, bytes, sha256, md5.

    A file with a checksum in this table is safe to load with `pickle`.
    """
    rows = []
    for name in FILES:
        payload = (folder / name).read_bytes()
        if name != "readme.html":
            _load_pickle(payload, folder / name)
        rows.append(
            {
                "file": name,
                "bytes": len(payload),
                "sha256": hashlib.sha256(payload).hexdigest(),
                "md5": hashlib.md5(payload, usedforsecurity=False).hexdigest(),
            }
        )
    return pd.DataFrame(rows)


def check_images(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare images and labels with those of CIFAR-10: 50,000 and 10,000 images, balanced classes.

    A wrong number of images, or unbalanced classes, are reported as failed checks; the data can still be used.

    Returns:
        The table of checks (check, split, expected, found, passed), and that of counts (split, class, label, count).

    Raises:
        InputError: if a batch is unreadable, or images or labels have a wrong shape, type or range.
    """
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


class _SizeLimitedGzipFile(gzip.GzipFile):
    """A gzip file that raises InputError after `MAX_ARCHIVE_SIZE` bytes: protection from a decompression bomb."""

    remaining = MAX_ARCHIVE_SIZE

    def read(self, size: int | None = -1) -> bytes:
        chunk = super().read(size)
        self.remaining -= len(chunk)
        if self.remaining < 0:
            raise InputError(f"{self.name} expands to more than {MAX_ARCHIVE_SIZE:,} bytes: it is not CIFAR-10")
        return chunk


def _extract_members(tar: tarfile.TarFile, archive: Path, folder: Path) -> set[str]:
    """Extract the expected files of an open archive into `folder` and return their names."""
    names: set[str] = set()
    for member in tar:
        if member.isdir() and member.name.rstrip("/") == FOLDER:
            continue
        name = member.name.removeprefix(f"{FOLDER}/")
        if member.name == name or name not in FILES or name in names:
            raise InputError(f"{archive} has a member {member.name!r}; allowed, once each: {FOLDER}/{', '.join(FILES)}")
        if not member.isreg() or member.issparse() or member.size > MAX_FILE_SIZE:
            raise InputError(
                f"{archive}: its member {member.name!r} is not a regular file of at most {MAX_FILE_SIZE:,} bytes"
            )
        tar.extract(member, folder, filter="data")
        names.add(name)
    return names


def _load_pickle(payload: bytes, path: Path) -> dict[str, Any]:
    try:
        content = _BatchUnpickler(io.BytesIO(payload), encoding="latin1").load()
        if not isinstance(content, dict):
            raise InputError("it does not hold a dictionary, so it is not a batch of images")
        return {key: value.array() if isinstance(value, _ByteArray) else value for key, value in content.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        # A damaged pickle can raise almost any exception: each opcode has its own.
        raise InputError(f"{path} is not a readable batch of images ({type(error).__name__}: {error})") from error


class _ByteArray:
    """The substitute for `numpy.ndarray`, which does not check the state that it is given."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, self.shape, dtype, fortran, raw = state
        if not isinstance(dtype, _ByteType) or not dtype.plain or fortran:
            raise InputError("its array is not an array of bytes in C order")
        self.raw = raw.encode("latin1") if isinstance(raw, str) else raw

    def array(self) -> np.ndarray:
        return np.frombuffer(self.raw, np.uint8).reshape(self.shape)


class _ByteType:
    """The substitute for `numpy.dtype`, for uint8 alone."""

    plain = False

    def __init__(self, name: str, *_flags: object):
        if name != "u1":
            raise InputError(f"it has an array of type {name!r}; only uint8 is allowed")

    def __setstate__(self, state: object) -> None:
        self.plain = state == (3, "|", None, None, None, -1, -1, 0)


class _BatchUnpickler(pickle.Unpickler):
    """Allows only the names in a pickled uint8 array ("Restricting globals" in the docs of pickle)."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            "numpy.core.multiarray._reconstruct": _reconstruct,
            "numpy._core.multiarray._reconstruct": _reconstruct,
            "numpy.ndarray": _ByteArray,
            "numpy.dtype": _ByteType,
            "_codecs.encode": _encode,
        }
        return allowed.get(f"{module}.{name}") or _reject(f"{module}.{name}")

    def persistent_load(self, identifier: object) -> NoReturn:
        _reject(f"persistent object {identifier!r}")


def _reconstruct(kind: object, shape: object, code: object) -> _ByteArray:
    if kind is not _ByteArray or shape != (0,) or code not in ("b", b"b"):
        raise InputError("its array is not in NumPy's pickle format")
    return _ByteArray()


def _encode(text: str, encoding: str) -> bytes:
    """Return the bytes that Python 3, with protocol 2, writes as latin-1 text."""
    if encoding not in ("latin1", "latin-1"):
        raise InputError(f"it uses the encoding {encoding!r}; only latin1 is allowed")
    return text.encode("latin1")


def _reject(name: str) -> NoReturn:
    raise InputError(f"its pickle needs {name}, which is not allowed in a batch of images")
