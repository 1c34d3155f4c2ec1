"""Archives and pickles from anyone, verification, torchvision on top; on the real images where they are at hand."""

import codecs
import gzip
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from nngplab.datasets import cifar10
from nngplab.datasets.cifar10 import FILES, FOLDER, SPLITS, check_images, extract_archive, read_batch, verify_files
from nngplab.datasets.cifar10_torch import VerifiedCIFAR10
from nngplab.errors import InputError
from nngplab.pipeline.files import file_sha256
from tests.helpers.checkout import ROOT

REAL = ROOT.parent / "shared/cifar10/cifar-10-real-subset.tar.gz"
REAL_SHA256 = "ff1e276ce5a83fb90d8957c1cc19a44b81f4dadf4333dd0345d225d3e9192b55"
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


@pytest.fixture
def folder(tmp_path):
    """The files of a small archive, unpacked."""
    result = tmp_path / "data" / FOLDER
    result.mkdir(parents=True)
    for name, payload in contents().items():
        (result / name).write_bytes(payload)
    return result


def test_an_archive_is_unpacked_and_nothing_else_is_left(tmp_path):
    archive = whole(tmp_path / "a.tar.gz")
    extract_archive(archive, tmp_path / "data" / FOLDER, file_sha256(archive))
    assert {path.name: path.read_bytes() for path in (tmp_path / "data" / FOLDER).iterdir()} == contents()
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FOLDER]


def test_a_wrong_checksum_is_reported_before_the_archive_is_opened(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"no archive at all")
    with pytest.raises(InputError, match=f"{hashlib.sha256(path.read_bytes()).hexdigest()} instead of 1234"):
        extract_archive(path, tmp_path / FOLDER, "1234")


def special(name: str, kind: bytes, target: str = "", size: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, size
    return member, bytes(size)


HOSTILE = {
    "parent": plain("../outside", b"x"),
    "parent inside": plain(f"{FOLDER}/../outside", b"x"),
    "absolute": plain("/tmp/outside", b"x"),  # noqa: S108
    "extra": plain(f"{FOLDER}/extra.py", b"x"),
    "no folder": plain("test_batch", b"x"),
    "folder twice": plain(f"{FOLDER}/{FOLDER}/test_batch", b"x"),
    "twice": plain(f"{FOLDER}/test_batch", b"x"),
    "symbolic link": special(f"{FOLDER}/test_batch", tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": special(f"{FOLDER}/test_batch", tarfile.LNKTYPE, "/etc/passwd"),
    "device": special(f"{FOLDER}/test_batch", tarfile.CHRTYPE),
    "pipe": special(f"{FOLDER}/test_batch", tarfile.FIFOTYPE),
    "folder as file": special(f"{FOLDER}/test_batch", tarfile.DIRTYPE),
    "linked folder": special(FOLDER, tarfile.SYMTYPE, ".."),
    "large": special(f"{FOLDER}/test_batch", tarfile.REGTYPE, size=cifar10.MAX_FILE_SIZE + 1),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_a_hostile_member_is_refused_and_nothing_is_unpacked(tmp_path, kind, first):
    archive = archive_of(tmp_path / "a.tar.gz", HOSTILE[kind]) if first else whole(tmp_path / "a.tar.gz", HOSTILE[kind])
    target = tmp_path / "data" / FOLDER
    with pytest.raises(InputError, match=r"a\.tar\.gz"):
        extract_archive(archive, target, file_sha256(archive))
    assert list((tmp_path / "data").rglob("*")) == [target]
    assert not Path("/tmp/outside").exists()  # noqa: S108


def test_a_bomb_in_a_header_is_refused_before_it_fills_the_memory(tmp_path):
    """A long-name header is read whole by tarfile, whatever its size."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1 << 34
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(cifar10.MAX_ARCHIVE_SIZE // (1 << 24) + 1):
            stream.write(bytes(1 << 24))
    with pytest.raises(InputError, match="expands to more than"):
        extract_archive(path, tmp_path / FOLDER, file_sha256(path))


def test_a_missing_member_is_named(tmp_path):
    members = [plain(f"{FOLDER}/{name}", payload) for name, payload in contents().items() if name != "data_batch_3"]
    archive = archive_of(tmp_path / "a.tar.gz", *members)
    with pytest.raises(InputError, match="lacks cifar-10-batches-py/data_batch_3"):
        extract_archive(archive, tmp_path / FOLDER, file_sha256(archive))


@pytest.mark.parametrize("cut", [10, 1000, -100])
def test_a_damaged_archive_is_reported(tmp_path, cut):
    path = whole(tmp_path / "a.tar.gz")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="cannot be extracted"):
        extract_archive(path, tmp_path / FOLDER, file_sha256(path))


def with_crc(payload: bytes, change: int) -> bytes:
    return payload[:-8] + bytes([payload[-8] ^ change]) + payload[-7:]


DAMAGES = {
    "one byte short": lambda payload: payload[:-1],
    "no checksum": lambda payload: payload[:-8],
    "wrong checksum": lambda payload: with_crc(payload, 1),
    "wrong length": lambda payload: payload[:-1] + bytes([payload[-1] ^ 1]),
    "a byte more": lambda payload: payload + b"x",
    "zeros at the end": lambda payload: payload + bytes(1024),
    "two members": lambda payload: payload + gzip.compress(bytes(1024)),
    "the file twice": lambda payload: payload + payload,
    "an empty member first": lambda payload: gzip.compress(b"") + payload,
    "an empty file": lambda _payload: b"",
    "no gzip": gzip.decompress,
    "raw deflate": lambda payload: payload[10:-8],
    "many folders": lambda _payload: gzip.compress(special(FOLDER, tarfile.DIRTYPE)[0].tobuf() * 2 + bytes(1024)),
    "many long names": lambda _payload: gzip.compress(special("././@LongLink", b"L", size=0)[0].tobuf() * 5000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_archive_that_is_not_one_whole_gzip_member_is_refused(tmp_path, damage):
    path = whole(tmp_path / "a.tar.gz")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(InputError, match=r"a\.tar\.gz") as caught:
        extract_archive(path, tmp_path / "data" / FOLDER, file_sha256(path))
    assert "\n" not in str(caught.value)
    assert [*(tmp_path / "data").rglob("*")] == [tmp_path / "data" / FOLDER]


def test_an_archive_that_is_replaced_after_its_verification_changes_nothing(tmp_path, monkeypatch):
    archive = whole(tmp_path / "a.tar.gz")
    checksum, expected = file_sha256(archive), contents()
    verified = hashlib.sha256

    def verify_and_replace(content: bytes):
        archive_of(tmp_path / "a.tar.gz", plain(f"{FOLDER}/test_batch", b"other"))
        return verified(content)

    monkeypatch.setattr(hashlib, "sha256", verify_and_replace)
    extract_archive(archive, tmp_path / "data" / FOLDER, checksum)
    assert {path.name: path.read_bytes() for path in (tmp_path / "data" / FOLDER).iterdir()} == expected


NO_FILES = {
    "missing": (lambda _path: None, "there is no file"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "pipe": (os.mkfifo, "is a device or a pipe"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device or a pipe"),
    "link to itself": (lambda path: path.symlink_to(path), "symbolic links"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "there is no file"),
    "large": (lambda path: path.touch() or os.truncate(path, 1 << 40), "has 1,099,511,627,776 bytes, more than"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_refused(tmp_path, kind):
    make, named = NO_FILES[kind]
    make(tmp_path / "a")
    for read in (read_batch, lambda path: extract_archive(path, tmp_path / FOLDER, "1234")):
        with pytest.raises(InputError, match=named):
            read(tmp_path / "a")


@pytest.mark.parametrize("protocol", range(2, 5))
def test_batches_are_read_in_the_dialects_of_python_3(tmp_path, protocol):
    path = tmp_path / "batch"
    expected = batch(1)
    path.write_bytes(pickle.dumps(expected, protocol))
    found = read_batch(path)
    np.testing.assert_array_equal(found.pop("data"), expected.pop("data"))
    assert found == expected


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch {}",), "system"),
        (eval, ("open('{}', 'w')",), "eval"),
        (getattr, ("text", "upper"), "getattr"),
        (np.load, ("{}",), "load"),
        (codecs.decode, (b"x", "zip"), "decode"),
        (codecs.encode, ("x", "rot13"), "rot13"),
        (np.dtype, ("O",), "O"),
        (np.dtype, ("f8",), "f8"),
    ],
)
def test_a_hostile_pickle_is_refused_by_name_and_not_run(tmp_path, function, arguments, named):
    trace = tmp_path / "trace"
    arguments = [part.format(trace) if isinstance(part, str) else part for part in arguments]
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps(batch(1) | {"more": Call(function, *arguments)}, 2))
    with pytest.raises(InputError, match=rf"data_batch_1.*{named}"):
        read_batch(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "data",
    [
        np.array([{}], object),
        np.zeros((20, 3072), np.float32),
        np.zeros(3, [("a", "u1"), ("b", "O")]),
        np.asfortranarray(np.zeros((20, 3072), np.uint8)),
    ],
    ids=["object", "float", "record", "order"],
)
def test_other_arrays_than_bytes_are_refused(tmp_path, data):
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": data}, 2))
    with pytest.raises(InputError, match=r"data_batch_1.*array"):
        read_batch(path)


@pytest.mark.parametrize(
    "payload", [b"", b"no pickle", pickle.dumps(batch(1))[:-100], pickle.dumps([1]), b"\x80\x02P1\n."]
)
def test_a_file_that_is_no_batch_is_reported(tmp_path, payload):
    path = tmp_path / "data_batch_1"
    path.write_bytes(payload)
    with pytest.raises(InputError, match="data_batch_1"):
        read_batch(path)


def test_a_small_archive_reports_its_true_counts(folder):
    checks, counts = check_images(folder)
    table = checks.set_index(["split", "check"])
    assert table.loc[("train", "images")].tolist() == ["50,000", "100", False]
    assert table.loc[("test", "images per class")].tolist() == ["1,000", "2", False]
    assert table.loc[("test", "range of the labels")].tolist() == ["0 to 9", "0 to 9", True]
    assert counts.groupby("split")["count"].sum().to_dict() == {"train": 100, "test": 20}
    assert counts["class"].tolist() == LABELS * 2


def test_the_numbers_of_images_are_metrics(folder, tmp_path):
    verify_files(folder).to_csv(tmp_path / "files.csv", index=False)
    (tmp_path / "provenance.json").write_text('{"label": "small images"}')
    options = ["--folder", folder, "--files", tmp_path / "files.csv", "--provenance", tmp_path / "provenance.json"]
    options += [word for name in ("counts", "checks", "metrics") for word in (f"--{name}", tmp_path / name)]
    subprocess.run([sys.executable, ROOT / "workflow/scripts/cifar10_check.py", *options], check=True)
    found = json.loads((tmp_path / "metrics").read_text())
    failed = (~check_images(folder)[0]["passed"]).sum()
    assert found == {"images": "small images", "train_images": 100, "test_images": 20, "failed_checks": failed}


def test_full_size_and_balance_pass_every_check(folder, monkeypatch):
    monkeypatch.setattr(cifar10, "SPLITS", {"train": (SPLITS["train"][0], 100), "test": (SPLITS["test"][0], 20)})
    assert check_images(folder)[0]["passed"].all()


def test_unbalanced_classes_are_reported(folder):
    (folder / "test_batch").write_bytes(pickle.dumps(batch(1, labels=[0, 1] * 10), 2))
    table = check_images(folder)[0].set_index(["split", "check"])
    assert table.loc[("test", "images per class"), "found"] == "0 to 10"
    assert not table.loc[("test", "range of the labels"), "passed"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": np.zeros((20, 3071), np.uint8)}, "3072"),
        ({"data": np.zeros((20, 3, 1024), np.uint8)}, "3072"),
        ({"data": np.zeros((0, 3072), np.uint8), "labels": []}, "3072"),
        ({"data": [0]}, "3072"),
        ({"labels": [0] * 19}, "20 images"),
        ({"labels": [0.0] * 20}, "20 images"),
        ({"labels": None}, "20 images"),
        ({"labels": [0] * 19 + [10]}, "label 10 "),
        ({"labels": [-1] * 20}, "label -1 "),
    ],
)
def test_wrong_images_or_labels_are_errors(folder, changes, named):
    (folder / "data_batch_4").write_bytes(pickle.dumps(batch(1, **changes), 3))
    with pytest.raises(InputError, match=f"data_batch_4.*{named}"):
        check_images(folder)


@pytest.mark.parametrize("names", [None, LABELS[:9], [*LABELS[:9], 9]])
def test_class_names_must_be_ten(folder, names):
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}, 2))
    with pytest.raises(InputError, match=r"batches\.meta"):
        check_images(folder)


def test_torchvision_reads_verified_files(folder):
    files = verify_files(folder)
    test = VerifiedCIFAR10(folder, files, train=False)
    assert len(VerifiedCIFAR10(folder, files, train=True)) == 100
    assert test.classes == LABELS
    image, label = test[3]
    expected = batch(5)
    assert label == 3
    np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1).ravel(), expected["data"][3])


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_torchvision_never_opens_a_file_that_was_not_verified(folder, name):
    files = verify_files(folder)
    trace = folder / "trace"
    (folder / name).write_bytes(pickle.dumps(Call(os.system, f"touch {trace}")))
    with pytest.raises(InputError, match="does not hold the files that were verified"):
        VerifiedCIFAR10(folder, files, train=False)
    assert not trace.exists()
    with pytest.raises(InputError, match=name):
        verify_files(folder)


@pytest.mark.skipif(not REAL.exists(), reason="the real images are not beside this checkout (../shared/cifar10)")
def test_the_real_images_are_read_and_counted(tmp_path):
    folder = tmp_path / FOLDER
    extract_archive(REAL, folder, REAL_SHA256)
    checks, counts = check_images(folder)
    assert checks.loc[checks["check"] == "images", "found"].tolist() == ["5,000", "1,000"]
    assert counts.groupby("split")["count"].sum().to_dict() == {"train": 5000, "test": 1000}
    assert counts["class"].tolist()[:2] == ["airplane", "automobile"]
    for name in FILES[:6]:
        trusted = pickle.loads((folder / name).read_bytes(), encoding="latin1")
        found = read_batch(folder / name)
        np.testing.assert_array_equal(found.pop("data"), trusted.pop("data"))
        assert found == trusted
    dataset = VerifiedCIFAR10(folder, verify_files(folder), train=True)
    assert len(dataset) == 5000
