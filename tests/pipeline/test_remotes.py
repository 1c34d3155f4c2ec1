"""Results shared through a DVC remote, a folder or S3: pushed from one checkout, pulled in another, not made again."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from moto.server import ThreadedMotoServer

from tests.helpers.checkout import digests
from tests.helpers.small_checkout import commit

SECRET = "secret-of-the-lab"  # noqa: S105 - the server takes any


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server on this machine, with a bucket `lab`."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    requests.put(f"{address}/lab", timeout=60).raise_for_status()
    yield address
    server.stop()


@dataclass
class Remote:
    """A remote: what everybody may read, in .dvc/config, and what each member keeps, in .dvc/config.local."""

    url: str
    shared: dict[str, str]
    own: dict[str, str]
    done: Callable[..., str]

    def add(self, folder: Path) -> None:
        self.done(folder, "dvc", "remote", "add", "--default", "shared", self.url)
        for option, value in self.shared.items():
            self.done(folder, "dvc", "remote", "modify", "shared", option, value)

    def sign_in(self, folder: Path) -> None:
        for option, value in self.own.items():
            self.done(folder, "dvc", "remote", "modify", "--local", "shared", option, value)


@pytest.fixture(params=["folder", "s3"])
def remote(request, tmp_path, done) -> Remote:
    if request.param == "folder":
        return Remote(str(tmp_path / "remote"), {}, {}, done)
    credentials = {"access_key_id": "lab", "secret_access_key": SECRET}
    return Remote(f"s3://lab/{tmp_path.name}", {"endpointurl": request.getfixturevalue("s3")}, credentials, done)


@pytest.fixture
def mine(finished_small, tmp_path, remote) -> Path:
    """A finished checkout in which the remote is set up and committed, but nothing is pushed to it."""
    folder = shutil.copytree(finished_small, tmp_path / "mine", symlinks=True)
    remote.add(folder)
    remote.sign_in(folder)
    commit(folder)
    return folder


@pytest.fixture
def theirs(mine, tmp_path, done, remote) -> Path:
    """A clone of it, of somebody who may use the remote."""
    done(tmp_path, "git", "clone", "--quiet", mine, "theirs")
    remote.sign_in(tmp_path / "theirs")
    return tmp_path / "theirs"


def test_results_that_are_pulled_are_not_made_again(mine, theirs, done):
    done(mine, "dvc", "push")
    done(theirs, "dvc", "pull")
    assert digests(theirs, "data", "results") == digests(mine, "data", "results")
    assert "up to date" in done(theirs, "dvc", "status")
    assert "Nothing to be done" in done(theirs, "snakemake", "--dry-run", "--cores", "2")


@pytest.mark.parametrize("remote", ["folder"], indirect=True)
def test_metrics_come_with_git_alone(mine, theirs, done):
    (of_clone,) = {done(folder, "dvc", "metrics", "show", "--json") for folder in (mine, theirs)}
    assert "nngp_test_mse" in of_clone


@pytest.mark.parametrize("remote", ["s3"], indirect=True)
def test_what_nobody_pushed_is_named(theirs, run):
    ended = run(theirs, "dvc", "pull")
    assert ended.returncode != 0
    assert "results/width_sweep/summary.csv" in ended.stdout
    assert "Traceback" not in ended.stdout


@pytest.mark.parametrize("remote", ["s3"], indirect=True)
def test_credentials_stay_with_their_owner(mine, theirs, done, run):
    assert run(theirs, "git", "grep", SECRET, "--", ".dvc").returncode == 1
    for folder in (mine, theirs):
        assert "config.local" not in done(folder, "git", "status", "--porcelain", "--untracked-files=all")
        assert SECRET in (folder / ".dvc/config.local").read_text()
