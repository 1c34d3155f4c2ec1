"""What is added to DVC's cache is restored completely or not at all."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake_dvc.cache import UNFINISHED, Cache, content_in_git, git_files, remove_unfinished
from snakemake_dvc.contents import Ledger, md5

NAME = st.sampled_from(["a", "b", "c d", "é"])
TREE = st.dictionaries(
    st.one_of(NAME, st.tuples(NAME, NAME).map(lambda names: f"{names[0]}.d/{names[1]}")),
    st.binary(max_size=3),
    min_size=1,
    max_size=5,
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.chdir(tmp_path)
    return a_cache(tmp_path)


def a_cache(folder: Path) -> Cache:
    return Cache(folder / "cache", Ledger(folder / "ledger.json"))


def write(folder: Path, tree: dict[str, bytes]) -> None:
    for name, content in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def read(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def damage(cache: Cache, digest: str, content: bytes) -> None:
    """Change a content in the cache, as a damaged disk does."""
    cache.path(digest).chmod(0o644)
    cache.path(digest).write_bytes(content)


def nothing_is_left(folder: Path) -> bool:
    """Return whether no incomplete file exists."""
    left = [path for path in folder.rglob("*") if path.name.endswith(UNFINISHED)]
    return not left and not any((folder / "cache/snakemake-dvc/tmp").glob("*"))


def test_the_path_of_a_file_is_that_of_dvc(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "file").write_bytes(b"1")
    digest = cache.add("file")
    assert digest == md5(b"1")
    path = tmp_path / "cache/files/md5" / digest[:2] / digest[2:]
    assert path.read_bytes() == b"1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert cache.has(digest)
    assert nothing_is_left(tmp_path)


def test_a_missing_file_cannot_be_added_or_restored(tmp_path: Path, cache: Cache) -> None:
    assert cache.add("none") is None
    assert not cache.has(md5(b"1"))
    assert not cache.restore("none", md5(b"1"))
    assert not (tmp_path / "none").exists()
    assert cache.missing([md5(b"1")]) == {md5(b"1")}
    assert nothing_is_left(tmp_path)


def test_a_restored_file_is_writable(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "file").write_bytes(b"1")
    digest = cache.add("file")
    assert cache.restore("deep/er/copy", str(digest))
    (tmp_path / "deep/er/copy").write_bytes(b"2")
    assert cache.path(str(digest)).read_bytes() == b"1"


@settings(max_examples=50, deadline=None)
@given(TREE, TREE)
def test_a_folder_is_restored_unchanged(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, bytes], other: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("folder")
    cache = a_cache(folder)
    write(folder / "results", tree)
    digest = str(cache.add(folder / "results"))
    assert digest.endswith(".dir")
    assert cache.has(digest)
    write(folder / "copy", other)
    assert cache.restore(folder / "copy", digest)
    assert read(folder / "copy") == tree
    assert cache.ledger.digest(folder / "copy") == digest
    assert nothing_is_left(folder)


def test_a_damaged_file_is_removed_and_not_restored(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "file").write_bytes(b"1")
    digest = str(cache.add("file"))
    damage(cache, digest, b"2")
    (tmp_path / "file").write_bytes(b"mine")
    assert not cache.restore("file", digest)
    assert not cache.path(digest).exists()
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("how", ["lost", "damaged", "list lost", "list damaged"])
def test_a_damaged_folder_is_not_restored(tmp_path: Path, cache: Cache, how: str) -> None:
    write(tmp_path / "results", {"a": b"1", "b": b"2"})
    digest = str(cache.add("results"))
    hit = digest if "list" in how else md5(b"2")
    if "lost" in how:
        cache.path(hit).unlink()
        assert not cache.has(digest)
    else:
        damage(cache, hit, b"[]")
    write(tmp_path / "copy", {"mine": b"3"})
    assert not cache.restore("copy", digest)
    assert read(tmp_path / "copy") == {"mine": b"3"}
    assert nothing_is_left(tmp_path)
    assert not cache.has(digest)
    assert cache.add("results") == digest
    assert cache.restore("copy", digest)
    assert read(tmp_path / "copy") == {"a": b"1", "b": b"2"}


def test_a_deleted_content_is_added_again(tmp_path: Path, cache: Cache) -> None:
    write(tmp_path / "results", {"a": b"1", "b": b"2"})
    digest = str(cache.add("results"))
    for lost in (md5(b"1"), digest):
        cache.path(lost).unlink()
        assert cache.add("results") == digest
        assert cache.has(digest)


def test_a_file_replaces_a_folder_and_a_folder_a_file(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "file").write_bytes(b"1")
    write(tmp_path / "folder", {"a": b"2"})
    of_file, of_folder = str(cache.add("file")), str(cache.add("folder"))
    assert cache.restore("folder", of_file)
    assert (tmp_path / "folder").read_bytes() == b"1"
    assert cache.restore("folder", of_folder)
    assert read(tmp_path / "folder") == {"a": b"2"}


@pytest.mark.parametrize("content", ["file", "folder"])
def test_a_link_is_replaced_and_not_followed(tmp_path: Path, cache: Cache, content: str) -> None:
    """The target of a link is not an output."""
    write(tmp_path, {"file": b"1", "folder/a": b"1", "elsewhere/a": b"mine"})
    digest = str(cache.add(content))
    (tmp_path / "link").symlink_to("elsewhere/a" if content == "file" else "elsewhere")
    assert cache.restore("link", digest)
    assert read(tmp_path / "elsewhere") == {"a": b"mine"}
    assert cache.ledger.digest("link") == digest


def test_a_failed_copy_leaves_no_file(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "results", {"a": b"1", "b": b"2"})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfile", full)
        with pytest.raises(OSError, match="No space"):
            cache.add("results")
    assert not list((tmp_path / "cache").rglob("files/**/*"))
    digest = str(cache.add("results"))
    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfile", full)
        with pytest.raises(OSError, match="No space"):
            cache.restore("copy", digest)
    assert not (tmp_path / "copy").exists()
    assert nothing_is_left(tmp_path)


def test_a_file_that_changes_while_it_is_added_gets_its_own_digest(tmp_path: Path, cache: Cache) -> None:
    """The name of a content in the cache is always its digest."""
    (tmp_path / "file").write_bytes(b"1")
    before = cache.ledger.digest

    def digest_and_edit(path: str | Path) -> str | None:
        found = before(path)
        (tmp_path / "file").write_bytes(b"2")
        return found

    cache.ledger.digest = digest_and_edit  # type: ignore[method-assign]
    assert cache.add("file") == md5(b"2")
    assert not cache.has(md5(b"1"))
    assert cache.path(md5(b"2")).read_bytes() == b"2"


def test_what_a_killed_process_has_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = {f".file.1{UNFINISHED}": b"1", f".folder.2{UNFINISHED}/a/b": b"1"}
    kept = {"file": b"1", ".hidden": b"1", f"own{UNFINISHED}": b"1", f"deeper/.file.1{UNFINISHED}": b"1"}
    write(tmp_path, {**left, **kept})
    remove_unfinished(tmp_path)
    assert read(tmp_path) == kept
    assert not (tmp_path / f".folder.2{UNFINISHED}").exists()


# Files in git.


@pytest.fixture
def in_a_repository(tmp_path: Path, cache: Cache) -> Cache:
    commit = ["-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "--message=x"]
    folder = tmp_path / "sub"
    write(folder, {"metrics.json": b"committed", "own.json": b"never added"})
    os.chdir(folder)
    for arguments in (["init", "--quiet", ".."], ["add", "metrics.json"], commit):
        subprocess.run(["git", *arguments], check=True)
    write(folder, {"metrics.json": b"staged"})
    subprocess.run(["git", "add", "metrics.json"], check=True)
    write(folder, {"metrics.json": b"edited"})
    git_files.cache_clear()
    return cache


def test_committed_and_staged_contents_are_in_git(in_a_repository: Cache) -> None:
    assert content_in_git("metrics.json", md5(b"committed")) == b"committed"
    assert content_in_git("metrics.json", md5(b"staged")) == b"staged"
    assert content_in_git("metrics.json", md5(b"edited")) is None
    assert content_in_git("own.json", md5(b"never added")) is None
    git_files.cache_clear()


def test_a_file_is_restored_from_git(tmp_path: Path, in_a_repository: Cache) -> None:
    assert in_a_repository.restore("metrics.json", md5(b"committed"))
    assert (tmp_path / "sub/metrics.json").read_bytes() == b"committed"
    assert not in_a_repository.restore("metrics.json", md5(b"edited"))
    assert not in_a_repository.restore("own.json", md5(b"never added"))
    git_files.cache_clear()
