"""Digests of files and folders, and what is remembered of them."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
import yaml
from helpers import Checkout, Starter
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake_dvc import contents
from snakemake_dvc.contents import Ledger, fingerprint, folder_list, md5

STEPS = ["write", "replace", "keep-times", "wait", "remember"]
# What makes sorting hard: characters before and after the slash, and beyond ASCII.
NAMES = ["a", "a.b", "a-b", "a0", "a/b", "a b/c", "B", "é", "a/é/ü", "z/.hidden"]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state/ledger.json")


def settle() -> None:
    """Wait until a file that was just written counts as settled."""
    time.sleep(contents.SETTLED_NS / 1e9 * 1.3)


def edit_unseen(file: Path, content: bytes) -> None:
    """Replace the content of a file by one of the same size, and set its times to what they were."""
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


def test_only_settled_files_are_remembered(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "file"
    file.write_text("1")
    ledger.digest(file)
    assert ledger.hash_cache == {}
    settle()
    ledger.digest(file)
    assert list(ledger.hash_cache) == [str(file)]


def test_a_settled_file_is_read_once(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
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
    edit_unseen(file, b"two")
    assert ledger.digest(file) == md5(b"two")


def test_an_edit_within_the_step_of_the_clock_is_seen(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "file"
    for number in range(200):
        content = str(number % 10).encode()
        file.write_bytes(content)
        assert ledger.digest(file) == md5(content)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.binary(max_size=2)), max_size=12))
def test_a_digest_is_never_stale(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bytes]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(contents, "SETTLED_NS", 20_000_000)  # a few steps of the clock: the test is quicker
        follow(tmp_path_factory.mktemp("files"), steps)


def follow(folder: Path, steps: list[tuple[str, bytes]]) -> None:
    """Do steps to a file; after each the digest must be right."""
    file, ledger = folder / "file", Ledger(folder / "ledger.json")
    file.write_bytes(b"")
    for step, content in steps:
        if step == "write":
            file.write_bytes(content)
        elif step == "replace":
            (folder / "beside").write_bytes(content)
            (folder / "beside").replace(file)
        elif step == "keep-times":
            edit_unseen(file, (content[:1] or b"x") * file.stat().st_size)
        elif step == "wait":
            settle()
        elif step == "remember":
            ledger.write()
            ledger = Ledger(ledger.path)
        assert ledger.digest(file) == md5(file.read_bytes())


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"hash_cache": 1, "produced": {}, "notes": {}}', "\0"])
def test_a_damaged_memory_counts_as_empty(ledger: Ledger, damage: str) -> None:
    ledger.path.parent.mkdir(parents=True)
    ledger.path.write_text(damage)
    again = Ledger(ledger.path)
    assert (again.hash_cache, again.produced, again.notes) == ({}, {}, {})


def test_the_memory_forgets_files_that_are_gone(tmp_path: Path, ledger: Ledger) -> None:
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


def test_what_follows_from_a_content_is_computed_once(tmp_path: Path, ledger: Ledger) -> None:
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


def test_a_folder_has_the_digest_that_dvc_gives_it(tmp_path: Path) -> None:
    starter = Starter(tmp_path / "home")
    folder = tmp_path / "project"
    folder.mkdir()
    checkout = Checkout(folder, starter)
    for number, name in enumerate(name for name in NAMES if name != "a"):
        (folder / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "results" / name).write_text(f"{number}\n")
    checkout.run("dvc", "init", "--no-scm", "--quiet")
    checkout.run("dvc", "add", "--quiet", "results")
    starter.close()
    (out,) = yaml.safe_load((folder / "results.dvc").read_text())["outs"]
    assert Ledger(tmp_path / "ledger.json").digest(folder / "results") == out["md5"]
    listed = folder / ".dvc/cache/files/md5" / out["md5"][:2] / out["md5"][2:]
    digests = {entry["relpath"]: entry["md5"] for entry in json.loads(listed.read_bytes())}
    assert folder_list(digests) == listed.read_bytes()


def test_the_time_stamp_of_snakemake_is_no_content(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("1")
    before = ledger.digest(tmp_path / "folder")
    (tmp_path / "folder/.snakemake_timestamp").touch()
    assert ledger.digest(tmp_path / "folder") == before
    (tmp_path / "folder/b").touch()
    assert ledger.digest(tmp_path / "folder") != before


def test_a_fingerprint_tells_of_a_new_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert fingerprint(file) is None
    file.write_text("1")
    before = fingerprint(file)
    assert fingerprint(file) == before
    (tmp_path / "kept").hardlink_to(file)  # so that the inode is not used again
    file.unlink()
    file.write_text("1")
    assert fingerprint(file) != before
