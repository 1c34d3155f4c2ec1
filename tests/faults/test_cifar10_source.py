"""The choice of the source of the images, with a small file in the place of the official archive."""

import hashlib
import importlib.util
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nngplab.datasets.cifar10_standin import SceneGenerator
from nngplab.errors import InputError
from tests.helpers.checkout import ROOT
from tests.helpers.download_server import BAD_HOSTS, EXPECTED, PAYLOAD, part_of
from tests.helpers.hostile_server import drip, playing


@pytest.fixture
def script(server, tmp_path, monkeypatch):
    """The script as a module, in a folder of its own, its official host the server on loopback."""
    specification = importlib.util.spec_from_file_location("fetch", ROOT / "workflow" / "scripts" / "cifar10_fetch.py")
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    monkeypatch.setattr(loaded, "OFFICIAL", EXPECTED)
    monkeypatch.setattr(loaded, "OFFICIAL_MD5", hashlib.md5(PAYLOAD, usedforsecurity=False).hexdigest())
    monkeypatch.setattr(loaded, "OFFICIAL_URL", server.url("whole"))
    monkeypatch.setattr(SceneGenerator.batch, "__defaults__", (10,))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)
    return loaded


def choose(script, *options: str) -> dict[str, object]:
    """Run the script; return the provenance."""
    policy = ("--stall-timeout", "1", "--slow-rate", "100", "--slow-time", "0.2")
    files = ("--output", "data/images.tar.gz", "--provenance", "results/provenance.json")
    script.main(script.parser().parse_args([*policy, *files, *options]))
    provenance = json.loads(Path("results/provenance.json").read_text())
    payload = Path("data/images.tar.gz").read_bytes()
    assert provenance["sha256"] == hashlib.sha256(payload).hexdigest()
    assert provenance["bytes"] == len(payload)
    return provenance


def is_official(provenance: dict[str, object], source: str) -> bool:
    values = [provenance[key] for key in ("source", "label", "official", "stand_in")]
    return values == [source, "CIFAR-10", True, False]


def is_stand_in(provenance: dict[str, object]) -> bool:
    values = [provenance[key] for key in ("source", "label", "official", "stand_in")]
    return values == ["stand-in", "STAND-IN IMAGES, NOT CIFAR-10", False, True]


@pytest.fixture
def repository(script, done) -> Callable[..., None]:
    """Return a function that makes a git and DVC repository in the working folder, and runs DVC commands in it."""

    def make(*commands: str) -> None:
        for command in ("git init --quiet", "dvc init --quiet", *(f"dvc {command}" for command in commands)):
            done(Path.cwd(), *command.split())

    return make


def test_auto_fetches_the_official_archive_and_keeps_the_download(script, server):
    provenance = choose(script, "--source", "auto")
    assert is_official(provenance, "official")
    assert provenance["attempts"] == [{"from": server.url("whole"), "outcome": "complete"}]
    Path("data/images.tar.gz").unlink()
    assert is_official(choose(script, "--source", "official"), "official")
    assert len(server.requests) == 1


def test_auto_takes_the_stand_in_if_no_host_serves(script, server, monkeypatch, caplog):
    monkeypatch.setattr(script, "OFFICIAL_URL", server.url("status/403"))
    provenance = choose(script, "--source", "auto", "--mirrors", server.url("html"))
    assert is_stand_in(provenance)
    assert [attempt["outcome"] for attempt in provenance["attempts"]] == ["HTTP 403 Forbidden", BAD_HOSTS["html"]]
    assert "DVC holds none, and no host served images.tar.gz" in provenance["reason"]
    assert "STAND-IN IMAGES, NOT CIFAR-10" in caplog.text


def test_auto_takes_the_stand_in_if_the_patience_ends_and_resumes_the_partial_file_later(script, server, monkeypatch):
    monkeypatch.setattr(script, "OFFICIAL_URL", server.url("slow/20000"))
    provenance = choose(script, "--source", "auto", "--patience", "1")
    assert is_stand_in(provenance)
    assert "would take longer than the patience of 1 s" in provenance["reason"]
    kept = part_of(Path("data/.download/images.tar.gz")).stat().st_size
    assert is_official(choose(script, "--source", "official", "--mirrors", server.url("whole")), "official")
    assert server.requests[-1][1] is not None
    assert int(server.requests[-1][1].removeprefix("bytes=").rstrip("-")) >= kept > 0


def test_official_gives_no_stand_in_and_names_the_three_alternatives(script, server, monkeypatch):
    monkeypatch.setattr(script, "OFFICIAL_URL", server.url("status/403"))
    with pytest.raises(InputError, match=r"HTTP 403 Forbidden.*cifar10\.archive.*stand-in.*DVC remote"):
        choose(script, "--source", "official")
    assert not Path("data/images.tar.gz").exists()


def test_official_has_more_patience_than_configured(script, server, monkeypatch):
    monkeypatch.setattr(script, "OFFICIAL_URL", server.url("slow/90000"))
    assert is_official(choose(script, "--source", "official", "--patience", "0.5"), "official")


def test_the_stand_in_on_request_contacts_no_host(script, server):
    provenance = choose(script, "--source", "stand-in")
    assert is_stand_in(provenance)
    assert provenance["requested"] == "stand-in"
    assert server.requests == []


@pytest.mark.parametrize("source", ["auto", "archive"])
def test_a_given_archive_goes_before_all_others(script, server, source):
    Path("mine.tar.gz").write_bytes(b"other images")
    Path("mine.tar.gz").chmod(0o400)
    checksum = hashlib.sha256(b"other images").hexdigest()
    options = ("--source", source, "--archive", "mine.tar.gz", "--sha256", checksum.upper())
    provenance = choose(script, *options)
    assert (provenance["source"], provenance["label"]) == ("archive", "images from the archive mine.tar.gz")
    assert os.access("data/images.tar.gz", os.W_OK)
    assert choose(script, *options, "--label", "CIFAR-10, JPEG copy")["label"] == "CIFAR-10, JPEG copy"
    assert server.requests == []


def test_the_official_bytes_are_cifar10_from_wherever_they_come(script):
    Path("mine.tar.gz").write_bytes(PAYLOAD)
    options = ("--archive", "mine.tar.gz", "--sha256", EXPECTED.sha256, "--label", "mine")
    assert is_official(choose(script, "--source", "archive", *options), "archive")


@pytest.mark.parametrize("source", ["auto", "archive"])
def test_a_missing_or_wrong_checksum_is_reported_with_the_computed_one(script, source):
    Path("mine.tar.gz").write_bytes(b"other images")
    found = hashlib.sha256(b"other images").hexdigest()
    with pytest.raises(InputError, match=f"cifar10.sha256 is missing.*{found}"):
        choose(script, "--source", source, "--archive", "mine.tar.gz")
    with pytest.raises(InputError, match=f"{found}, but cifar10.sha256 is 1234"):
        choose(script, "--source", source, "--archive", "mine.tar.gz", "--sha256", "1234")
    with pytest.raises(InputError, match=r"there is no file other\.tar\.gz"):
        choose(script, "--source", source, "--archive", "other.tar.gz", "--sha256", found)


def test_an_archive_that_is_replaced_in_mid_run_changes_nothing(script, monkeypatch):
    Path("mine.tar.gz").write_bytes(b"other images")
    verified = hashlib.sha256

    def verify_and_replace(content: bytes):
        Path("mine.tar.gz").write_bytes(b"replaced")
        return verified(content)

    monkeypatch.setattr(hashlib, "sha256", verify_and_replace)
    choose(script, "--source", "archive", "--archive", "mine.tar.gz", "--sha256", verified(b"other images").hexdigest())
    assert Path("data/images.tar.gz").read_bytes() == b"other images"


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (Path.mkdir, "is a folder: replace it by a file"),
        (os.mkfifo, "is a device or a pipe: replace it by a file"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device or a pipe: replace it by a file"),
        (lambda path: path.symlink_to(path), r"cannot be read \(Too many levels of symbolic links\)"),
        (lambda path: path.touch() or os.truncate(path, 1 << 40), "has 1,099,511,627,776 bytes, more than"),
    ],
    ids=["folder", "pipe", "device", "link to itself", "large"],
)
def test_an_archive_that_is_no_usable_file_is_refused(script, make, named):
    make(Path("mine.tar.gz"))
    with pytest.raises(InputError, match=f"^mine.tar.gz {named}"):
        choose(script, "--source", "archive", "--archive", "mine.tar.gz", "--sha256", "1234")
    assert not Path("data/images.tar.gz").exists()


def test_archive_needs_a_path(script):
    with pytest.raises(InputError, match=r"cifar10\.archive gives no path"):
        choose(script, "--source", "archive")


def test_auto_takes_the_archive_from_the_dvc_cache_and_from_the_remote(script, server, repository):
    Path("tracked").write_bytes(PAYLOAD)
    repository("add tracked", "remote add --default store ./store", "push")
    assert is_official(choose(script, "--source", "auto"), "official")
    shutil.rmtree(".dvc/cache")
    provenance = choose(script, "--source", "auto")
    assert is_official(provenance, "official")
    assert "DVC" in provenance["reason"]
    assert server.requests == []


def test_a_damaged_dvc_cache_is_passed_over(script, server, repository):
    Path("tracked").write_bytes(PAYLOAD)
    repository("add tracked")
    cached = script.find_in_dvc(10)
    cached.chmod(0o600)
    cached.write_bytes(b"damaged")
    assert is_official(choose(script, "--source", "auto"), "official")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "commands",
    [(), ("remote add --default store ./nowhere",), ("remote add --default store http://127.0.0.1:1/store",)],
    ids=["no remote", "no such folder", "no such host"],
)
def test_dvc_without_the_archive_prints_nothing_and_the_hosts_are_tried(script, server, repository, commands, capfd):
    repository(*commands)
    assert is_official(choose(script, "--source", "auto"), "official")
    assert len(server.requests) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_the_program_ends_with_one_line(tmp_path):
    script = ROOT / "workflow" / "scripts" / "cifar10_fetch.py"
    command = [sys.executable, str(script), "--source", "archive", "--output", "a", "--provenance", "b"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: cifar10.source is archive, but cifar10.archive gives no path")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("spelling", "source"), [("same", "archive"), ("same", "stand-in"), ("absolute", "stand-in"), ("link", "archive")]
)
def test_an_archive_at_the_place_of_the_fetched_one_is_refused_and_kept(run, checkout, spelling, source):
    """Snakemake would delete it before the job reads it."""
    archive = checkout / "data/cifar10/cifar-10-python.tar.gz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(PAYLOAD)
    (checkout / "mine.tar.gz").symlink_to(archive)
    given = {"same": archive.relative_to(checkout), "absolute": archive, "link": "mine.tar.gz"}[spelling]
    section = {"source": source, "archive": str(given), "sha256": EXPECTED.sha256}
    (checkout / "own.yaml").write_text(json.dumps({"cifar10": section}))
    command = ["snakemake", "--cores", "1", "--configfile", "config/config.yaml", "own.yaml", "--", "cifar10"]
    ended = run(checkout, *command)
    (message,) = [line for line in ended.stdout.splitlines() if line.startswith("error: ")]
    assert message.startswith("error: rule cifar10_fetch")
    assert "data/cifar10/cifar-10-python.tar.gz" in message
    assert ended.returncode == 1
    assert archive.read_bytes() == PAYLOAD


def test_a_dvc_remote_that_never_answers_is_left_when_the_patience_ends(script, repository):
    with playing(drip(b"HTTP/1.1 200 OK\r\nX: ", b"x")) as remote:
        repository(f"remote add --default store {remote.url('store')}")
        assert is_official(choose(script, "--source", "auto", "--patience", "5"), "official")
    assert remote.asked
    assert multiprocessing.active_children() == []
