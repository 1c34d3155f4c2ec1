"""Fetch the CIFAR-10 archive, or take another one, or generate the stand-in, and say which and why."""

import argparse
import logging
import shutil
from pathlib import Path
from typing import Any

from nngplab.datasets.cifar10 import OFFICIAL, OFFICIAL_MD5, OFFICIAL_URL
from nngplab.datasets.cifar10_standin import write_archive
from nngplab.datasets.download import DownloadError, Manners, download, sha256_of
from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_json, written_whole

log = logging.getLogger("nngplab.cifar10_fetch")

WAYS_ON = (
    "(1) the archive from elsewhere: cifar10.source: archive, with its path in cifar10.archive and its checksum in "
    "cifar10.sha256; (2) generated images: cifar10.source: stand-in; (3) cifar10.source: auto with a DVC remote that "
    "holds the archive: dvc remote add --default NAME URL"
)
STAND_IN = "STAND-IN IMAGES, NOT CIFAR-10"
Choice = dict[str, Any]


def main(arguments: argparse.Namespace) -> None:
    choose = {"auto": automatic, "archive": given_archive, "official": official, "stand-in": stand_in}
    choice = choose[arguments.source](arguments)
    sha256 = sha256_of(arguments.output)
    is_official = sha256 == OFFICIAL.sha256
    if choice["source"] == "stand-in":
        label = STAND_IN
    elif is_official:
        label = "CIFAR-10"
    else:
        label = arguments.label or f"images from the archive {arguments.archive.name}"
    provenance = {
        "source": choice["source"],
        "label": label,
        "stand_in": choice["source"] == "stand-in",
        "official": is_official,
        "reason": choice["reason"],
        "requested": arguments.source,
        "sha256": sha256,
        "bytes": arguments.output.stat().st_size,
        "attempts": choice.get("attempts", []),
    }
    write_json(provenance, arguments.provenance)
    log.info("%s: source %s, because %s", label, choice["source"], choice["reason"])
    if choice["source"] == "stand-in":
        log.warning("%s\n%s: everything computed from them is marked so\n%s", "!" * 80, STAND_IN, "!" * 80)


def automatic(arguments: argparse.Namespace) -> Choice:
    """A given archive, else the DVC cache or remote, else the official host and its mirrors, else the stand-in."""
    if arguments.archive:
        return given_archive(arguments)
    cached = from_dvc()
    if cached and cached.is_file() and sha256_of(cached) == OFFICIAL.sha256:
        place(cached, arguments.output)
        return {"source": "official", "reason": "the DVC cache or remote holds the official archive"}
    try:
        return official(arguments, patience=arguments.patience)
    except DownloadError as error:
        log.warning("%s", error)
        stand_in(arguments)
        reason = f"no archive is given, DVC holds none, and {error.summary}"
        return {"source": "stand-in", "reason": reason, "attempts": error.attempts}


def given_archive(arguments: argparse.Namespace) -> Choice:
    archive = arguments.archive
    if archive is None:
        raise InputError("cifar10.source is archive, but cifar10.archive gives no path; name a tar.gz file there")
    if not archive.is_file():
        raise InputError(f"cifar10.archive: there is no file {archive}; correct the path")
    found = sha256_of(archive)
    if arguments.sha256 is None:
        raise InputError(f"cifar10.sha256 is missing; if you trust {archive}, set it to {found}, which it has now")
    if found != arguments.sha256.lower():
        raise InputError(
            f"{archive} has SHA-256 {found}, but cifar10.sha256 is {arguments.sha256}; correct one of them"
        )
    place(archive, arguments.output)
    return {"source": "archive", "reason": f"cifar10.archive names {archive.name}, and its SHA-256 is as configured"}


def official(arguments: argparse.Namespace, patience: float | None = None) -> Choice:
    # The download keeps a place of its own: workflow engines delete an output before its job runs again.
    kept = arguments.output.parent / ".download" / OFFICIAL.name
    manners = Manners(
        connect_timeout=arguments.connect_timeout,
        stall_timeout=arguments.stall_timeout,
        slow_rate=arguments.slow_rate,
        slow_time=arguments.slow_time,
        patience=patience,
    )
    attempts = download([OFFICIAL_URL, *arguments.mirrors], OFFICIAL, kept, manners, WAYS_ON)
    place(kept, arguments.output)
    where = f"it was fetched from {attempts[-1]['from']}" if attempts else "an earlier download was kept"
    return {"source": "official", "reason": f"{where}, and its SHA-256 is the official one", "attempts": attempts}


def stand_in(arguments: argparse.Namespace) -> Choice:
    log.info("generating the stand-in images")
    write_archive(arguments.output, arguments.seed)
    return {"source": "stand-in", "reason": "cifar10.source asks for it"}


def from_dvc() -> Path | None:
    """Return where the DVC cache holds the official archive, fetching it from the default remote if that has it.

    DVC addresses contents by their MD5, so no file of this repository need have tracked the archive. Without DVC, a
    repository, a remote or the archive in it there is nothing to return: whatever fails is said in the log.
    """
    try:
        from dvc.exceptions import NotDvcRepoError
        from dvc.repo import Repo
        from dvc_data.hashfile.hash_info import HashInfo
    except ImportError:
        return None
    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        with Repo(uninitialized=False) as repo:
            cached = Path(repo.cache.local.oid_to_path(OFFICIAL_MD5))
            if not cached.exists() and repo.config["core"].get("remote"):
                log.info("asking the DVC remote %s for the official archive", repo.config["core"]["remote"])
                repo.cloud.pull([HashInfo("md5", OFFICIAL_MD5)])
                log.info("it %s", "holds it" if cached.exists() else "does not hold it, or cannot be reached")
            return cached if cached.exists() else None
    except NotDvcRepoError:
        return None
    except Exception as error:
        # Remotes of every kind raise errors of their own; none of them may stop the other sources.
        log.warning("DVC could not be asked for the archive: %s", " ".join(str(error).split()) or type(error).__name__)
        return None


def place(archive: Path, output: Path) -> None:
    """Copy `archive` to `output`: a second name for the same file would share its write protection and its fate."""
    with written_whole(output) as beside:
        shutil.copyfile(archive, beside)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("--source", choices=("auto", "archive", "official", "stand-in"), required=True)
    result.add_argument("--archive", type=Path, help="a tar.gz in the official layout")
    result.add_argument("--sha256", help="its SHA-256")
    result.add_argument("--label", help="what to call its images in figures")
    result.add_argument("--mirrors", nargs="*", default=[], metavar="URL", help="tried after the official address")
    result.add_argument("--connect-timeout", type=float, default=10, help="seconds until a host accepts")
    result.add_argument("--stall-timeout", type=float, default=20, help="seconds without a byte")
    result.add_argument("--slow-rate", type=float, default=500, help="kB/s below which a host is left for the next")
    result.add_argument("--slow-time", type=float, default=10, help="seconds over which the rate is measured")
    result.add_argument("--patience", type=float, help="seconds that `auto` is ready to wait; without it, no limit")
    result.add_argument("--seed", type=int, default=88, help="of the stand-in")
    result.add_argument("--output", type=Path, required=True, help="the archive")
    result.add_argument("--provenance", type=Path, required=True, help="JSON: the source, and why")
    return result


if __name__ == "__main__":
    run(parser(), main)
