"""Runs in an unusual environment: folders, disks, users, languages and clocks. They succeed, or end with one line."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.checkouts import Checkout
from helpers.commands import ENGINES, REPRO, SNAKEMAKE
from helpers.faults import BOTH_ENGINES, FITS, set_constant, set_scale
from snakemake_dvc_startup import home

FOLDERS = pytest.mark.parametrize("folder", ["results", "data", ".snakemake", ".dvc/cache"])
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount file systems and change the user")
YEAR = 365 * 24 * 3600


def as_user(uid: int) -> list[str]:
    """Return the beginning of a command that runs as another user, who may read all files but write only their own.

    So the user can execute the Python of these tests also where it is in the home folder of root.
    """
    capabilities = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *capabilities] if uid else []


def run_in(checkout: Checkout, argv: tuple[str, ...], uid: int = 0, **variables: str | None) -> tuple[int, str]:
    """Run a command with other environment variables (None removes one); return its exit status and output."""
    changed = {name: value for name, value in {**checkout.env, **variables}.items() if value is not None}
    ended = subprocess.run(
        [*as_user(uid), *argv],
        cwd=checkout.folder,
        env=changed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return ended.returncode, ended.stdout


def succeeds(checkout: Checkout, argv: tuple[str, ...], uid: int = 0, **variables: str | None) -> None:
    """Check that a command succeeds with other environment variables."""
    rc, text = run_in(checkout, argv, uid, **variables)
    assert rc == 0, text


def fails_in_one_line(checkout: Checkout) -> str:
    """Check that a run ends before any job, with one line of the package; return the line."""
    run = checkout.run(*SNAKEMAKE, rc=1)
    assert not run.jobs()
    (line,) = run.messages()
    return line


# The home folder.


UNUSABLE_HOMES = ["/dev/null", "/nonexistent/home", "relative"]


@pytest.mark.parametrize("value", UNUSABLE_HOMES)
def test_a_home_folder_that_cannot_be_used_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", value)
    home.provide()
    assert os.environ["HOME"] == str(tmp_path / ".snakemake/home")


def test_a_home_folder_that_can_be_used_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    home.provide()
    assert os.environ["HOME"] == str(tmp_path)
    assert "XDG_CACHE_HOME" not in os.environ


@pytest.mark.parametrize(
    ("engine", "home"), [("snakemake", "/dev/null"), ("snakemake", ""), ("dvc", "/nonexistent/home")]
)
def test_a_home_folder_that_cannot_be_used(checkout: Checkout, engine: str, home: str) -> None:
    set_scale(checkout)
    unset = dict.fromkeys(["XDG_CACHE_HOME", "DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"])
    succeeds(checkout, ENGINES[engine], HOME=home, **unset)
    checkout.is_right()


# Languages.


def test_text_that_is_not_ascii_in_another_locale(checkout: Checkout) -> None:
    copy = checkout.copy("Grün ıİ çalışma")
    copy.edit("config.yaml", "note: 1", "note: Größe ıİ 数")
    set_scale(copy)
    for argv in (SNAKEMAKE, REPRO):
        succeeds(copy, argv, LC_ALL="C", LANG="C")
    copy.is_right()
    copy.has_nothing_to_do()


def test_a_configuration_that_is_not_ascii_without_utf_8_mode(checkout: Checkout) -> None:
    """Python then takes ASCII for all files whose encoding is not given."""
    checkout.edit("config.yaml", "note: 1", "note: Größe ıİ 数")
    set_scale(checkout)
    for argv in (SNAKEMAKE, REPRO, ("snakemake-dvc", "stages")):
        succeeds(checkout, argv, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    checkout.is_right()


# Symbolic links.


@FOLDERS
def test_a_folder_that_is_a_symbolic_link(checkout: Checkout, folder: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(checkout.folder / folder, elsewhere)
    (checkout.folder / folder).symlink_to(elsewhere)
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    set_scale(checkout)
    run = checkout.run(*SNAKEMAKE)
    assert run.jobs() == FITS
    assert (checkout.folder / folder).is_symlink()
    assert "not recorded" not in run.text
    checkout.is_right()
    checkout.has_nothing_to_do()


# Disks.


@contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[None]:
    """Mount a file system at a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", *arguments, folder], check=False, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Mount a small file system that has no space left."""
    with mounted(folder, "-t", "tmpfs", "-o", "size=16k", "none"):
        with (folder / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(4096)) == 4096 and os.statvfs(folder).f_bavail:
                pass
        yield


@NEEDS_ROOT
@pytest.mark.parametrize("folder", [".snakemake", ".dvc/cache", ".dvc/tmp"])
def test_a_full_disk_before_any_job(checkout: Checkout, folder: str) -> None:
    set_scale(checkout)
    with full_disk(checkout.folder / folder):
        assert f"No space left on device ({folder})" in fails_in_one_line(checkout)
    assert checkout.run(*SNAKEMAKE).jobs() == FITS
    checkout.is_right()


@NEEDS_ROOT
def test_a_full_disk_while_jobs_write_results(checkout: Checkout) -> None:
    set_scale(checkout)
    with full_disk(checkout.folder / "results"):
        run = checkout.start(*SNAKEMAKE).wait(60)
        assert run.rc
        assert len(run.messages()) <= 3
    assert checkout.run(*SNAKEMAKE).jobs() == FITS
    checkout.is_right()
    checkout.has_nothing_to_do()


@NEEDS_ROOT
@FOLDERS
def test_a_read_only_folder(checkout: Checkout, folder: str) -> None:
    path = checkout.folder / folder
    set_constant(checkout, "stub")  # so that all jobs must run
    with mounted(path, "--bind", str(path)):
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        run = checkout.start(*SNAKEMAKE).wait(60)
        assert run.rc
        assert "Traceback" not in run.text
        assert any(words in run.text for words in ("Read-only file system", "Write-protected output files"))
    checkout.run(*SNAKEMAKE)
    checkout.is_right()


# Users.


@pytest.fixture
def other_user() -> int:
    """Return the number of a user without an account, or the present user if it is not root."""
    if os.geteuid():
        return 0
    uid = 54321
    if not shutil.which("setpriv") or subprocess.run([*as_user(uid), sys.executable, "-c", ""], check=False).returncode:
        pytest.skip("no other user can execute this Python")
    return uid


@pytest.fixture
def own_checkout(checkout: Checkout, other_user: int) -> Iterator[Checkout]:
    """A checkout that belongs to the other user."""
    with tempfile.TemporaryDirectory() as folder:  # that of pytest belongs to this user
        Path(folder).chmod(0o755)
        subprocess.run(["cp", "-a", checkout.folder, Path(folder, "main")], check=True)
        if other_user:
            subprocess.run(["chown", "-R", str(other_user), folder], check=True)
        yield Checkout(Path(folder, "main"), checkout.server)


@BOTH_ENGINES
def test_a_user_without_account_and_home(own_checkout: Checkout, other_user: int, engine: str) -> None:
    set_scale(own_checkout)
    unset = dict.fromkeys(["HOME", "XDG_CACHE_HOME", "DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "USER", "LOGNAME"])
    succeeds(own_checkout, ENGINES[engine], other_user, **unset)
    own_checkout.is_right()


def test_a_user_who_may_not_write(own_checkout: Checkout, other_user: int) -> None:
    if not other_user:
        pytest.skip("only root can change the owner of the checkout")
    subprocess.run(["chown", "-R", "0", own_checkout.folder], check=True)
    rc, text = run_in(own_checkout, SNAKEMAKE, other_user, HOME=None, XDG_CACHE_HOME=None)
    assert rc
    assert "Permission denied" in text
    assert "Traceback" not in text
    assert sum(line.startswith("error: ") for line in text.splitlines()) == 1, text


# Clocks.


def test_inputs_and_state_from_the_future(checkout: Checkout) -> None:
    """As after the clock was set back: times do not count."""
    later = os.stat(checkout.folder).st_mtime + YEAR  # noqa: PTH116
    for path in checkout.folder.rglob("*"):
        os.utime(path, (later, later), follow_symlinks=False)
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    assert checkout.run(*REPRO).jobs() == set()
    set_scale(checkout)
    os.utime(checkout.folder / "config.yaml", (later, later))
    checkout.computes("snakemake", FITS)
