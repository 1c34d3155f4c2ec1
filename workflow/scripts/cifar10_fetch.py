"""Provide the CIFAR-10 archive from one of four sources, and record which one and why."""

import argparse
import hashlib
import logging
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

from nngplab.datasets.cifar10 import MAX_ARCHIVE_SIZE, OFFICIAL, OFFICIAL_MD5, OFFICIAL_URL
from nngplab.datasets.cifar10_standin import BATCH_SIZE, write_archive
from nngplab.datasets.download import DownloadError, DownloadPolicy, download
from nngplab.datasets.input_file import read_input_file
from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import atomic_write, file_sha256, write_json

log = logging.getLogger("nngplab.cifar10_fetch")

HINT = (
    "(1) use an archive of your own: cifar10.source: archive, with its path in cifar10.archive and its checksum in "
    "cifar10.sha256; (2) use generated images: cifar10.source: stand-in; (3) use a DVC remote that holds the archive: "
    "cifar10.source: auto, and dvc remote add --default NAME URL"
)
STAND_IN = "STAND-IN IMAGES, NOT CIFAR-10"
# The entries of the provenance that depend on the source: source, reason and, after a download, attempts.
Source = dict[str, Any]


def main(arguments: argparse.Namespace) -> None:
    sources = {"auto": auto, "archive": given_archive, "official": official_archive, "stand-in": stand_in}
    source = sources[arguments.source](arguments)
    sha256 = file_sha256(arguments.output)
    is_official = sha256 == OFFICIAL.sha256
    if source["source"] == "stand-in":
        label = STAND_IN
    elif is_official:
        label = "CIFAR-10"
    else:
        label = arguments.label or f"images from the archive {arguments.archive.name}"
    provenance = {
        "source": source["source"],
        "label": label,
        "stand_in": source["source"] == "stand-in",
        "official": is_official,
        "reason": source["reason"],
        "requested": arguments.source,
        "sha256": sha256,
        "bytes": arguments.output.stat().st_size,
        "attempts": source.get("attempts", []),
    }
    write_json(provenance, arguments.provenance)
    log.info("%s: source %s, because %s", label, source["source"], source["reason"])
    if source["source"] == "stand-in":
        log.warning("%s\n%s: all results that use them are marked\n%s", "!" * 80, STAND_IN, "!" * 80)


def auto(arguments: argparse.Namespace) -> Source:
    """Use the given archive, else the DVC cache or remote, else the official host or a mirror, else the stand-in."""
    if arguments.archive:
        return given_archive(arguments)
    cached = find_in_dvc(DownloadPolicy(patience=arguments.patience).longest_wait(OFFICIAL.size))
    if cached and cached.is_file() and file_sha256(cached) == OFFICIAL.sha256:
        copy_archive(cached, arguments.output)
        return {"source": "official", "reason": "the DVC cache or remote holds the official archive"}
    try:
        return official_archive(arguments, patience=arguments.patience)
    except DownloadError as error:
        log.warning("%s", error)
        stand_in(arguments)
        reason = f"no archive is given, DVC holds none, and {error.summary}"
        return {"source": "stand-in", "reason": reason, "attempts": error.attempts}


def given_archive(arguments: argparse.Namespace) -> Source:
    archive = arguments.archive
    if archive is None:
        raise InputError("cifar10.source is archive, but cifar10.archive gives no path; set it to a tar.gz file")
    # The archive is read once, so that another file in its place can change nothing after the verification.
    content = read_input_file(archive, MAX_ARCHIVE_SIZE)
    found = hashlib.sha256(content).hexdigest()
    if arguments.sha256 is None:
        raise InputError(f"cifar10.sha256 is missing; if you trust {archive}, set it to {found}, its present checksum")
    if found != arguments.sha256.lower():
        raise InputError(
            f"{archive} has SHA-256 {found}, but cifar10.sha256 is {arguments.sha256}; correct one of them"
        )
    with atomic_write(arguments.output) as temporary:
        temporary.write_bytes(content)
    return {"source": "archive", "reason": f"cifar10.archive names {archive.name}, and its SHA-256 is as configured"}


def official_archive(arguments: argparse.Namespace, patience: float | None = None) -> Source:
    # The download has a path of its own: workflow engines delete an output before its job runs again.
    path = arguments.output.parent / ".download" / OFFICIAL.name
    policy = DownloadPolicy(
        connect_timeout=arguments.connect_timeout,
        stall_timeout=arguments.stall_timeout,
        slow_rate=arguments.slow_rate,
        slow_time=arguments.slow_time,
        patience=patience,
    )
    attempts = download([OFFICIAL_URL, *arguments.mirrors], OFFICIAL, path, policy, HINT)
    copy_archive(path, arguments.output)
    where = f"it was fetched from {attempts[-1]['from']}" if attempts else "an earlier download was kept"
    return {"source": "official", "reason": f"{where}, and its SHA-256 is the official one", "attempts": attempts}


def stand_in(arguments: argparse.Namespace) -> Source:
    log.info("generating the stand-in images")
    write_archive(arguments.output, arguments.seed, arguments.stand_in_images)
    return {"source": "stand-in", "reason": "cifar10.source asks for it"}


def find_in_dvc(seconds: float) -> Path | None:
    """Return the path of the official archive in the DVC cache, after fetching it from the default remote if needed.

    DVC addresses contents by their MD5, so the archive can be in the cache even if this repository does not track it.
    Return None if DVC, a repository, or the archive is missing, if the remote needs more than so many seconds, or on
    any error; errors are logged.
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
            remote = repo.config["core"].get("remote")
            if not cached.exists() and remote:
                log.info("looking for the official archive in the DVC remote %s", remote)
                # DVC has no time limit of its own, and its threads can only be ended with their process.
                pulling = multiprocessing.get_context("fork").Process(
                    target=pull, args=(repo, HashInfo("md5", OFFICIAL_MD5)), daemon=True
                )
                pulling.start()
                pulling.join(seconds)
                pulling.kill()
                pulling.join()
                log.info("the archive is %s", "there" if cached.exists() else "not there, or the remote is unreachable")
            return cached if cached.exists() else None
    except NotDvcRepoError:
        return None
    except Exception as error:
        warn_of_dvc(error)
        return None


def pull(repo: Any, content: Any) -> None:
    try:
        repo.cloud.pull([content])
    except Exception as error:
        warn_of_dvc(error)


def warn_of_dvc(error: Exception) -> None:
    """Log an error of DVC. Each kind of remote has its own, and none must keep the other sources from being tried."""
    reason = " ".join(str(error).split()) or type(error).__name__
    log.warning("DVC cannot be searched for the archive: %s", reason)


def copy_archive(archive: Path, output: Path) -> None:
    """Copy `archive` to `output`. A hard link would share its write protection and any later change of its content."""
    with atomic_write(output) as temporary:
        shutil.copyfile(archive, temporary)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "--source", choices=("auto", "archive", "official", "stand-in"), required=True, help="where to get it"
    )
    result.add_argument("--archive", type=Path, help="a tar.gz in the official layout")
    result.add_argument("--sha256", help="SHA-256 of --archive")
    result.add_argument("--label", help="name of the images of --archive, for figures")
    result.add_argument(
        "--mirrors", nargs="*", default=[], metavar="URL", help="addresses to try after the official one"
    )
    result.add_argument(
        "--connect-timeout", type=float, default=10, help="seconds to wait for a connection (default: %(default)s)"
    )
    result.add_argument(
        "--stall-timeout",
        type=float,
        default=20,
        help="seconds without a byte after which a host is left (default: %(default)s)",
    )
    result.add_argument(
        "--slow-rate", type=float, default=500, help="rate in kB/s below which a host is slow (default: %(default)s)"
    )
    result.add_argument(
        "--slow-time", type=float, default=10, help="seconds over which the rate is measured (default: %(default)s)"
    )
    result.add_argument(
        "--patience", type=float, help="longest remaining download, in seconds, that auto waits for (default: no limit)"
    )
    result.add_argument(
        "--stand-in-images",
        type=int,
        default=BATCH_SIZE,
        help="number of images in each of the six batches of the stand-in (default: %(default)s)",
    )
    result.add_argument("--seed", type=int, default=88, help="seed of the stand-in (default: %(default)s)")
    result.add_argument("--output", type=Path, required=True, help="the archive, tar.gz")
    result.add_argument("--provenance", type=Path, required=True, help="the source and the reason, JSON")
    return result


if __name__ == "__main__":
    run(parser(), main)
