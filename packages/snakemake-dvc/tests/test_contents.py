"""Digests of files and folders, and the ledger in which they are cached."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
import yaml
from helpers.checkouts import Checkout
from helpers.commands import Server
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake_dvc import contents
from snakemake_dvc.contents import Ledger, fingerprint, folder_list, md5

STEPS = ["write", "replace", "keep-times", "wait", "save"]
# Names that are hard to sort: characters before and after the slash, and beyond ASCII.
NAMES = ["a", "a.b", "a-b", "a0", "a/b", "a b/c", "B", "é", "a/é/ü", "z/.hidden"]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state/ledger.json")


def settle() -> None:
    """Wait until the digest of a file that was just written can be cached."""
    time.sleep(contents.SETTLED_NS / 1e9 * 1.3)


def edit_keeping_times(file: Path, content: bytes) -> None:
    """Replace the content of a file by one of the same size, and restore its times."""
    status = file.stat()
    assert len(content) == status.st_size
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_the_digest_of_a_file_is_its_md5(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 300_000)
    assert ledger.digest(file) == hashlib.md5(b"x" * 300_000, usedforsecurity=False).hexdigest()
    assert ledger.digest(tmp_path / "none") is None
    assert ledger.digest(file / "in a file") is None


def test_the_digest_of_a_file_that_was_just_written_is_not_cached(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "file"
    file.write_text("1")
    ledger.digest(file)
    assert ledger.hash_cache == {}
    settle()
    ledger.digest(file)
    assert list(ledger.hash_cache) == [str(file)]


def test_an_unchanged_file_is_read_once(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("1")
    settle()
    digest = ledger.digest(file)
    ledger.write()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert ledger.digest(file) == digest
    assert Ledger(ledger.path).digest(file) == digest


def test_an_edit_that_keeps_size_and_time_is_seen(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    settle()
    assert ledger.digest(file) == md5(b"one")
    edit_keeping_times(file, b"two")
    assert ledger.digest(file) == md5(b"two")


def test_an_edit_within_the_resolution_of_the_clock_is_seen(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "file"
    for number in range(200):
        content = str(number % 10).encode()
        file.write_bytes(content)
        assert ledger.digest(file) == md5(content)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.binary(max_size=2)), max_size=12))
def test_a_digest_is_never_stale(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bytes]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(contents, "SETTLED_NS", 20_000_000)  # the resolution of the clock is less; the test is faster
        follow(tmp_path_factory.mktemp("files"), steps)


def follow(folder: Path, steps: list[tuple[str, bytes]]) -> None:
    """Change a file in several steps, and check the digest after each."""
    file, ledger = folder / "file", Ledger(folder / "ledger.json")
    file.write_bytes(b"")
    for step, content in steps:
        if step == "write":
            file.write_bytes(content)
        elif step == "replace":
            (folder / "beside").write_bytes(content)
            (folder / "beside").replace(file)
        elif step == "keep-times":
            edit_keeping_times(file, (content[:1] or b"x") * file.stat().st_size)
        elif step == "wait":
            settle()
        elif step == "save":
            ledger.write()
            ledger = Ledger(ledger.path)
        assert ledger.digest(file) == md5(file.read_bytes())


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", '{"hash_cache": 1, "produced": {}, "derived_values": {}}', "\0"]
)
def test_a_damaged_ledger_counts_as_empty(ledger: Ledger, damage: str) -> None:
    ledger.path.parent.mkdir(parents=True)
    ledger.path.write_text(damage)
    again = Ledger(ledger.path)
    assert (again.hash_cache, again.produced, again.derived_values) == ({}, {}, {})


def test_deleted_files_are_removed_from_the_ledger(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "file"
    file.write_text("1")
    settle()
    ledger.digest(file)
    ledger.produced["out"] = "key"
    file.unlink()
    ledger.write()
    again = Ledger(ledger.path)
    assert again.hash_cache == {}
    assert again.produced == {"out": "key"}
    assert [path.name for path in ledger.path.parent.iterdir()] == ["ledger.json"]


def test_a_derived_value_is_computed_once_for_each_content(tmp_path: Path, ledger: Ledger) -> None:
    calls = []

    def length(content: bytes) -> int:
        calls.append(content)
        return len(content)

    for name in ("one", "two"):
        (tmp_path / name).write_text("same")
        assert ledger.derived("length", str(tmp_path / name), length) == 4
    ledger.write()
    assert Ledger(ledger.path).derived("length", str(tmp_path / "two"), length) == 4
    assert calls == [b"same"]
    (tmp_path / "two").write_text("other")
    assert ledger.derived("length", str(tmp_path / "two"), length) == 5
    assert ledger.derived("double", str(tmp_path / "two"), lambda content: 2 * len(content)) == 10


def test_a_folder_has_the_digest_that_dvc_computes(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    checkout = Checkout(folder, server)
    for number, name in enumerate(name for name in NAMES if name != "a"):
        (folder / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "results" / name).write_text(f"{number}\n")
    checkout.run("dvc", "init", "--no-scm", "--quiet")
    checkout.run("dvc", "add", "--quiet", "results")
    (out,) = yaml.safe_load((folder / "results.dvc").read_text())["outs"]
    assert Ledger(tmp_path / "ledger.json").digest(folder / "results") == out["md5"]
    listed = folder / ".dvc/cache/files/md5" / out["md5"][:2] / out["md5"][2:]
    digests = {entry["relpath"]: entry["md5"] for entry in json.loads(listed.read_bytes())}
    assert folder_list(digests) == listed.read_bytes()


def test_the_time_stamp_of_snakemake_does_not_count(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("1")
    before = ledger.digest(tmp_path / "folder")
    (tmp_path / "folder/.snakemake_timestamp").touch()
    assert ledger.digest(tmp_path / "folder") == before
    (tmp_path / "folder/b").touch()
    assert ledger.digest(tmp_path / "folder") != before


def test_a_new_file_has_another_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert fingerprint(file) is None
    file.write_text("1")
    before = fingerprint(file)
    assert fingerprint(file) == before
    (tmp_path / "kept").hardlink_to(file)  # so that the inode is not used again
    file.unlink()
    file.write_text("1")
    assert fingerprint(file) != before
