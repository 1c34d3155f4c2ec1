"""Archives from anyone: extracted whole, or refused."""

import gzip
import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from nngplab.datasets import cifar10
from nngplab.datasets.cifar10 import FOLDER, extract_archive, read_batch
from nngplab.errors import InputError
from nngplab.pipeline.files import file_sha256
from tests.helpers.cifar10_archives import archive_of, contents, plain, special, whole


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
