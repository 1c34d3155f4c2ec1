"""Download of one large gzip archive of known size and SHA-256 from the first host that serves it fast enough.

Hosts are tried in order. A host that fails is not tried again. A slow host is left for the next one; when only slow
hosts are left, the fastest of them is used. The bytes received so far are in `<name>.part` beside the target. Another
host, or another run, continues there with an HTTP range request. The file is not opened, and does not get the name of
the target, before its SHA-256 is verified.
"""

import logging
import math
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3
from tqdm import tqdm

from nngplab.datasets.http_request import HTML, DownloadPolicy, HostError, describe_connection_error, request_range
from nngplab.errors import InputError
from nngplab.pipeline.files import file_sha256

log = logging.getLogger("nngplab.download")

GZIP_MAGIC = b"\x1f\x8b"
CHUNK_SIZE = 1 << 18  # the most bytes that one read returns; it returns what has arrived
LOG_INTERVAL = 30.0  # seconds between two log lines of a running download


@dataclass(frozen=True)
class ExpectedFile:
    """The file to download: its name for messages, its size in bytes, its SHA-256 in lower-case hexadecimal."""

    name: str
    size: int
    sha256: str


class DownloadError(InputError):
    """No host served the file, or not fast enough.

    Attributes:
        summary: the message without the hint.
        attempts: each attempt as {"from": address, "outcome": reason}.
    """

    def __init__(self, summary: str, hint: str, attempts: list[dict[str, str]]):
        super().__init__(f"{summary}. Alternatives: {hint}")
        self.summary = summary
        self.attempts = attempts


class _SlowHostError(HostError):
    """A host is too slow: it sent `rate` bytes per second, and needs `seconds` for the rest."""

    def __init__(self, rate: float, seconds: float):
        super().__init__(f"only {rate / 1000:,.0f} kB/s, about {_duration(seconds)} to go")
        self.rate, self.seconds = rate, seconds


def download(
    urls: list[str], expected: ExpectedFile, path: Path, policy: DownloadPolicy, hint: str
) -> list[dict[str, str]]:
    """Download `expected` to `path` from one of `urls`, unless the file is already there.

    Args:
        urls: addresses, tried in this order.
        expected: the file.
        path: the target.
        policy: how long to wait for a host.
        hint: what the user can do if the download fails or is slow; the end of the messages about this.

    Returns:
        The attempts, the successful one last; none if a correct file is at `path` already.

    Raises:
        DownloadError: if no host served the file within the patience of the policy. The message is one line with the
            reason of each attempt.
        InputError: if the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    attempts, complete = _earlier_download(expected, path, part)
    if complete:
        return attempts
    too_slow = False
    rates = dict.fromkeys(urls, math.inf)  # bytes per second; hosts that were not tried yet come first
    while rates:
        url = max(rates, key=lambda candidate: rates[candidate])  # the first of equals
        rate = rates.pop(url)
        min_rate = policy.slow_rate * 1000
        if rate < math.inf:
            # The fastest of the slow hosts is used until its rate falls below half of that of the second fastest.
            min_rate = max(rates.values(), default=0.0) / 2
            seconds = _duration((expected.size - _size(part)) / rate)
            log.warning("all hosts are slow; using %s, about %s left. Alternatives: %s", _redact(url), seconds, hint)
        error = _try_host(url, expected, path, policy, min_rate)
        attempts.append({"from": _redact(url), "outcome": str(error) if error else "complete"})
        log.info("%s: %s", *attempts[-1].values())
        if not error:
            return attempts
        if isinstance(error, _SlowHostError):
            if policy.patience is None or error.seconds <= policy.patience:
                rates[url] = error.rate
            else:
                too_slow = True
    raise DownloadError(
        _failure_summary(expected, part, attempts, policy.patience if too_slow else None), hint, attempts
    )


def _earlier_download(expected: ExpectedFile, path: Path, part: Path) -> tuple[list[dict[str, str]], bool]:
    """Return attempts, and whether the file is complete from an earlier run; remove a wrong partial file."""
    with _describe_local_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_expected(path, expected):
            return [], True
        if _is_expected(part, expected):
            part.replace(path)
            return [{"from": part.name, "outcome": "complete since an earlier run"}], True
        if _size(part) >= expected.size:
            part.unlink(missing_ok=True)
    return [], False


def _failure_summary(expected: ExpectedFile, part: Path, attempts: list[dict[str, str]], patience: float | None) -> str:
    """Return the reason of a failed download; `patience` is given if a host was too slow for it."""
    reasons = "; ".join(f"{attempt['from']}: {attempt['outcome']}" for attempt in attempts) or "no address is given"
    kept = f"; what has arrived is kept in {part} and resumed by the next run" if _size(part) else ""
    if patience is None:
        return f"no host served {expected.name} ({reasons}){kept}"
    return f"{expected.name} would take longer than the patience of {_duration(patience)} ({reasons}){kept}"


def _try_host(
    url: str, expected: ExpectedFile, path: Path, policy: DownloadPolicy, min_rate: float
) -> HostError | None:
    """Download the file from one host; return None, or why it failed."""
    part = path.with_name(path.name + ".part")
    try:
        with _describe_local_errors(path):
            _fetch(url, expected, part, policy, min_rate)
            part.replace(path)
    except HostError as error:
        return error
    return None


def _fetch(url: str, expected: ExpectedFile, part: Path, policy: DownloadPolicy, min_rate: float) -> None:
    """Bring `part` to its full length from `url` and verify it; raise HostError below `min_rate` bytes per second."""
    while True:
        start = _receive(url, expected, part, policy, min_rate)
        if _is_expected(part, expected):
            return
        part.unlink()
        if start == 0:
            raise HostError("complete, but its SHA-256 is wrong")
        # The wrong bytes may come from another host or an earlier run: one more attempt, from the first byte.
        log.info("%s, resumed, has a wrong SHA-256; downloading it again from the start", expected.name)


def _receive(url: str, expected: ExpectedFile, part: Path, policy: DownloadPolicy, min_rate: float) -> int:
    """Write what `url` sends into `part` until it is complete; return the byte from which it was sent."""
    start, response = request_range(url, _size(part), expected.size, policy)
    part.touch()
    # A host without ranges overwrites `part` from its start; if it breaks off, the rest of `part` is still there.
    with response, part.open("r+b") as file, _progress(expected, start) as advance:
        file.seek(start)
        position = measured_position = start
        measured_time = time.monotonic()
        while position < expected.size:
            try:
                chunk: bytes = response.raw.read1(CHUNK_SIZE, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                reason = describe_connection_error(error, policy)
                raise HostError(f"stopped at {position:,} of {expected.size:,} bytes: {reason}") from error
            if not chunk:
                raise HostError(f"stopped at {position:,} of {expected.size:,} bytes")
            if not chunk.startswith(GZIP_MAGIC[position : position + len(chunk)]):
                html = chunk.lstrip().startswith(b"<")
                raise HostError(HTML if html else "sends something else than a gzip archive")
            if position + len(chunk) > expected.size:
                file.truncate(start)
                raise HostError(f"sends more than the expected {expected.size:,} bytes")
            file.write(chunk)
            position += len(chunk)
            advance(position)
            elapsed = time.monotonic() - measured_time
            if elapsed >= policy.slow_time:
                rate = (position - measured_position) / elapsed
                seconds = (expected.size - position) / rate
                if rate < min_rate or (policy.patience is not None and seconds > policy.patience):
                    raise _SlowHostError(rate, seconds)
                measured_time, measured_position = time.monotonic(), position
    return start


@contextmanager
def _progress(expected: ExpectedFile, start: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal, and log the progress at intervals (only in the log file if there is a bar)."""
    on_terminal = sys.stderr.isatty()
    started = logged = time.monotonic()
    with tqdm(
        total=expected.size, initial=start, unit="B", unit_scale=True, desc=expected.name, disable=not on_terminal
    ) as bar:

        def advance(position: int) -> None:
            nonlocal logged
            bar.update(position - bar.n)
            now = time.monotonic()
            if now - logged >= LOG_INTERVAL:
                logged = now
                rate = (position - start) / (now - started)
                left = _duration((expected.size - position) / rate)
                line = f"{position:,} of {expected.size:,} bytes, {rate / 1000:,.0f} kB/s, about {left} left"
                log.info("%s: %s", expected.name, line, extra={"only_in_file": on_terminal})

        yield advance


@contextmanager
def _describe_local_errors(path: Path) -> Iterator[None]:
    """Turn an error in writing files on this machine (full disk, no permission) into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; free space or correct the permissions, then run again"
        ) from error


def _is_expected(path: Path, expected: ExpectedFile) -> bool:
    return _size(path) == expected.size and file_sha256(path) == expected.sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _redact(url: str) -> str:
    """Return an address without user name, password and query, which may be secret."""
    return re.sub("//[^/]*@", "//", url.partition("?")[0])
