"""CIFAR-10 (Krizhevsky 2009) in its official layout: unpack an untrusted archive, read its batches, verify them.

An archive is opened only when its SHA-256 is the expected one, gives only the eight files of the official layout, and
its pickles may build nothing but dictionaries, lists, numbers, strings and arrays of bytes.
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

from nngplab.datasets.download import ExpectedFile, sha256_of
from nngplab.errors import InputError

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
CLASSES = 10
PIXELS = 3 * 32 * 32

MEMBER_BYTES = 1 << 25  # no file of the official archive is larger than 31 MB
ARCHIVE_BYTES = len(FILES) * MEMBER_BYTES


def extract(archive: Path, folder: Path, sha256: str) -> None:
    """Unpack the eight files of an archive in the official layout into `folder`.

    The files are written beside `folder` and moved into it when all of them are whole.

    Raises:
        InputError: wrong SHA-256, no readable tar.gz, or a member that is not one of the eight plain files.
    """
    found = sha256_of(archive)
    if found != sha256:
        raise InputError(f"{archive} has SHA-256 {found} instead of {sha256}: fetch it again")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        try:
            with _Bounded(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
                names = _extract_members(tar, archive, Path(beside))
        except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
            raise InputError(f"{archive} cannot be unpacked as a tar.gz archive: {error}") from error
        missing = [name for name in FILES if name not in names]
        if missing:
            raise InputError(f"{archive} lacks {FOLDER}/{', '.join(missing)}: it is not in the layout of CIFAR-10")
        for name in FILES:
            (Path(beside) / FOLDER / name).replace(folder / name)


def read_batch(path: Path) -> dict[str, Any]:
    """Read one pickled batch, or `batches.meta`, without ever calling what the file names.

    Returns the dictionary with str keys; an array in it is uint8.

    Raises:
        InputError: the file is no pickled dictionary, or asks for anything but arrays of bytes.
    """
    return _unpickled(path.read_bytes(), path)


def verified_files(folder: Path) -> pd.DataFrame:
    """Return file, bytes, sha256 and md5 of the eight files, after reading each batch with the allow-list.

    A file whose checksum is in this table may be unpickled by others.
    """
    rows = []
    for name in FILES:
        payload = (folder / name).read_bytes()
        if name != "readme.html":
            _unpickled(payload, folder / name)
        rows.append(
            {
                "file": name,
                "bytes": len(payload),
                "sha256": hashlib.sha256(payload).hexdigest(),
                "md5": hashlib.md5(payload, usedforsecurity=False).hexdigest(),
            }
        )
    return pd.DataFrame(rows)


def verify(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check the unpacked files against 50,000 and 10,000 images; return the tables of checks and of counts.

    Checks: check, split, expected, found, passed. Counts: split, class, label, count. Fewer images, or classes out of
    balance, are reported as checks not passed; the data can still be used.

    Raises:
        InputError: a batch is unreadable, or images or labels have a wrong shape, type or range.
    """
    names = label_names(folder)
    checks: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    for split, (batches, size) in SPLITS.items():
        labels = np.concatenate([_checked_labels(folder / batch) for batch in batches])
        per_class = np.bincount(labels, minlength=CLASSES)
        fewest, most = per_class.min(), per_class.max()
        balance = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        for check, expected, found in (
            ("images", f"{size:,}", f"{len(labels):,}"),
            ("shape and type of an image", "3 x 32 x 32 uint8", "3 x 32 x 32 uint8"),
            ("range of the labels", f"0 to {CLASSES - 1}", f"{labels.min()} to {labels.max()}"),
            ("images per class", f"{size // CLASSES:,}", balance),
        ):
            row = {"check": check, "split": split, "expected": expected, "found": found, "passed": found == expected}
            checks.append(row)
        for label, count in enumerate(per_class):
            counts.append({"split": split, "class": names[label], "label": label, "count": int(count)})
    return pd.DataFrame(checks), pd.DataFrame(counts)


def label_names(folder: Path) -> list[str]:
    """Return the ten class names in the order of the labels; raise InputError if there are not ten."""
    names = read_batch(folder / META).get("label_names")
    if not isinstance(names, list) or len(names) != CLASSES or not all(isinstance(name, str) for name in names):
        raise InputError(f"{folder / META} does not hold {CLASSES} label names")
    return names


def _checked_labels(path: Path) -> np.ndarray:
    """Return the labels (n,) of one batch after checking images and labels."""
    batch = read_batch(path)
    images, labels = batch.get("data"), batch.get("labels")
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != PIXELS or not len(images):
        raise InputError(f"{path}: `data` is not an array of images, n x {PIXELS} uint8")
    if not isinstance(labels, list) or len(labels) != len(images) or any(type(label) is not int for label in labels):
        raise InputError(f"{path}: `labels` is not a list of one integer for each of the {len(images):,} images")
    wrong = [label for label in labels if not 0 <= label < CLASSES]
    if wrong:
        raise InputError(f"{path}: label {wrong[0]} is not within 0 to {CLASSES - 1}")
    return np.array(labels)


class _Bounded(gzip.GzipFile):
    """A gzip file that refuses to yield more than an honest archive holds (a decompression bomb)."""

    left = ARCHIVE_BYTES

    def read(self, size: int | None = -1) -> bytes:
        chunk = super().read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise InputError(f"{self.name} unpacks to more than {ARCHIVE_BYTES:,} bytes: it is not CIFAR-10")
        return chunk


def _extract_members(tar: tarfile.TarFile, archive: Path, folder: Path) -> set[str]:
    """Extract the expected files of an open archive into `folder`; return their names."""
    names: set[str] = set()
    for member in tar:
        if member.isdir() and member.name.rstrip("/") == FOLDER:
            continue
        name = member.name.removeprefix(f"{FOLDER}/")
        if member.name == name or name not in FILES or name in names:
            wanted = f"{FOLDER}/{', '.join(FILES)}"
            raise InputError(f"{archive} has a member {member.name!r}; only one each of {wanted} is unpacked")
        if not member.isreg() or member.issparse() or member.size > MEMBER_BYTES:
            wanted = f"a plain file of at most {MEMBER_BYTES:,} bytes"
            raise InputError(f"{archive}: its member {member.name!r} is not {wanted}")
        tar.extract(member, folder, filter="data")
        names.add(name)
    return names


def _unpickled(payload: bytes, path: Path) -> dict[str, Any]:
    try:
        content = _BatchUnpickler(io.BytesIO(payload), encoding="latin1").load()
        if not isinstance(content, dict):
            raise InputError("it holds no dictionary, so it is not a batch of images")
        return {key: value.array() if isinstance(value, _ByteArray) else value for key, value in content.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        # A damaged pickle can fail in nearly any way: each opcode has errors of its own.
        raise InputError(f"{path} is not a readable batch of images ({type(error).__name__}: {error})") from error


class _ByteArray:
    """What a pickled uint8 array becomes; in place of `numpy.ndarray`, which trusts its state."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, self.shape, dtype, fortran, raw = state
        if not isinstance(dtype, _ByteType) or not dtype.plain or fortran:
            raise InputError("its array is not of plain bytes in C order")
        self.raw = raw.encode("latin1") if isinstance(raw, str) else raw

    def array(self) -> np.ndarray:
        return np.frombuffer(self.raw, np.uint8).reshape(self.shape)


class _ByteType:
    """What the dtype uint8 becomes; any other is refused."""

    plain = False

    def __init__(self, name: str, *_flags: object):
        if name != "u1":
            raise InputError(f"it has an array of type {name!r}; only uint8 is read")

    def __setstate__(self, state: object) -> None:
        self.plain = state == (3, "|", None, None, None, -1, -1, 0)


class _BatchUnpickler(pickle.Unpickler):
    """Answers the few names that a pickled uint8 array needs, and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        answers = {
            "numpy.core.multiarray._reconstruct": _reconstruct,
            "numpy._core.multiarray._reconstruct": _reconstruct,
            "numpy.ndarray": _ByteArray,
            "numpy.dtype": _ByteType,
            "_codecs.encode": _encode,
        }
        return answers.get(f"{module}.{name}") or _refuse(f"{module}.{name}")

    def persistent_load(self, identifier: object) -> NoReturn:
        _refuse(f"persistent object {identifier!r}")


def _reconstruct(kind: object, shape: object, code: object) -> _ByteArray:
    if kind is not _ByteArray or shape != (0,) or code not in ("b", b"b"):
        raise InputError("its array is not pickled as NumPy does it")
    return _ByteArray()


def _encode(text: str, encoding: str) -> bytes:
    """Python 3 writes bytes in protocol 2 as latin-1 text."""
    if encoding not in ("latin1", "latin-1"):
        raise InputError(f"it asks for the encoding {encoding!r}; only latin1 is read")
    return text.encode("latin1")


def _refuse(what: str) -> NoReturn:
    raise InputError(f"its pickle asks for {what}, which a batch of images does not need; refused")
