"""Download of one large gzip archive of known size and SHA-256 from the first host that serves it fast enough.

Hosts are tried in order. A host that breaks off is tried again a few times, and then left like any other that fails. A
slow host is left for the next one; when only slow hosts are left, the fastest of them is used. The whole download has a
time limit. The bytes received so far are in `<name>.part` beside the target. Another host, or another run, continues
there with an HTTP range request. The file is not opened, and does not get the name of the target, before its SHA-256 is
verified.
"""

import logging
import math
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from nngplab.datasets.http_request import (
    HTML,
    DownloadPolicy,
    HostError,
    OutOfTimeError,
    Response,
    TransientError,
    request_rest,
)
from nngplab.datasets.input_file import ExpectedFile
from nngplab.errors import InputError
from nngplab.pipeline.files import file_sha256

log = logging.getLogger("nngplab.download")

GZIP_MAGIC = b"\x1f\x8b"
MAX_RETRIES = 3  # how often a host is tried again after it has broken off without bringing a part of the file
MIN_PROGRESS = 0.01  # the share of the file that counts as a part of it
RETRY_WAIT = 1.0  # seconds before the first of these retries; the second waits twice as long, and so on
MAX_RETRY_WAIT = 60.0  # a host that asks for a longer wait is left, in seconds
LOG_INTERVAL = 30.0  # seconds between two log lines of a running download


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
        DownloadError: if no host served the file within the patience and the time limit of the policy. The message is
            one line with the reason of each attempt.
        InputError: if the file cannot be written.
    """
    time_limit = policy.time_limit(expected.size, len(urls))
    transfer = _Transfer(expected, path, policy, time.monotonic() + time_limit)
    attempts, complete = transfer.earlier_download()
    reason = f"no host served {expected.name}"
    rates = dict.fromkeys(urls, math.inf)  # bytes per second; hosts that were not tried yet come first
    while rates and not complete:
        url = max(rates, key=lambda candidate: rates[candidate])  # the first of equals
        rate = rates.pop(url)
        min_rate = policy.slow_rate * 1000
        if rate < math.inf:
            # The fastest of the slow hosts is used until its rate falls below half of that of the second fastest.
            min_rate = max(rates.values(), default=0.0) / 2
            left = _duration((expected.size - _size(transfer.part)) / rate)
            log.warning("all hosts are slow; using %s, about %s left. Alternatives: %s", _redact(url), left, hint)
        error = transfer.try_host(url, min_rate)
        attempts.append({"from": _redact(url), "outcome": str(error) if error else "complete"})
        log.info("%s: %s", *attempts[-1].values())
        complete = error is None
        if isinstance(error, OutOfTimeError):
            reason = f"{expected.name} was not downloaded within {_duration(time_limit)}"
            break
        if isinstance(error, _SlowHostError):
            if error.seconds <= policy.longest_wait(expected.size):
                rates[url] = error.rate
            else:
                reason = f"{expected.name} would take longer than {_describe_wait(policy, expected.size)}"
    if not complete:
        raise DownloadError(reason + transfer.describe(attempts), hint, attempts)
    return attempts


class _Transfer:
    """The transfer of one file to `path` by way of a partial file beside it, until a deadline of `time.monotonic`."""

    def __init__(self, expected: ExpectedFile, path: Path, policy: DownloadPolicy, deadline: float):
        self.expected, self.path, self.policy, self.deadline = expected, path, policy, deadline
        self.part = path.with_name(path.name + ".part")

    def earlier_download(self) -> tuple[list[dict[str, str]], bool]:
        """Return attempts, and whether the file is complete from an earlier run; remove a wrong partial file."""
        with _describe_local_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if _is_expected(self.path, self.expected):
                return [], True
            if _is_expected(self.part, self.expected):
                self.part.replace(self.path)
                return [{"from": self.part.name, "outcome": "complete since an earlier run"}], True
            if _size(self.part) >= self.expected.size:
                self.part.unlink(missing_ok=True)
        return [], False

    def describe(self, attempts: list[dict[str, str]]) -> str:
        """Return the end of the message of a failed download: the attempts, and what is kept."""
        reasons = "; ".join(f"{attempt['from']}: {attempt['outcome']}" for attempt in attempts) or "no address is given"
        kept = f"; what has arrived is kept in {self.part} and resumed by the next run" if _size(self.part) else ""
        return f" ({reasons}){kept}"

    def try_host(self, url: str, min_rate: float) -> HostError | None:
        """Download the file from one host, again after it has broken off; return None, or why it failed.

        Tries that bring a part of the file are not limited, so that a host which sends it in pieces is used.
        """
        tries = failures = 0
        while True:
            before = _size(self.part)
            tries += 1
            error = self._try_once(url, min_rate)
            if not isinstance(error, TransientError):
                return error
            failures = 0 if _size(self.part) - before >= MIN_PROGRESS * self.expected.size else failures + 1
            wait = max(error.wait or 0, RETRY_WAIT * max(failures, 1))
            left = self.deadline - time.monotonic()
            if failures > MAX_RETRIES or wait >= min(left, MAX_RETRY_WAIT):
                asks = f", asks to wait {_duration(error.wait)}" if error.wait else ""
                return HostError(f"{error}{asks}" + (f" ({tries} tries)" if tries > 1 else ""))
            log.info("%s: %s; next try in %s", _redact(url), error, _duration(wait))
            time.sleep(wait)

    def _try_once(self, url: str, min_rate: float) -> HostError | None:
        try:
            with _describe_local_errors(self.path):
                self._fetch(url, min_rate)
                self.part.replace(self.path)
        except HostError as error:
            return error
        return None

    def _fetch(self, url: str, min_rate: float) -> None:
        """Bring the partial file to its full length and verify it; raise HostError below `min_rate` bytes a second."""
        while True:
            start = self._receive(url, min_rate)
            if _is_expected(self.part, self.expected):
                return
            self.part.unlink()
            if start == 0:
                raise HostError("complete, but its SHA-256 is wrong")
            # The wrong bytes may come from another host or an earlier run: one more attempt, from the first byte.
            log.info("%s, resumed, has a wrong SHA-256; downloading it again from the start", self.expected.name)

    def _receive(self, url: str, min_rate: float) -> int:
        """Write what `url` sends into the partial file until it is complete; return the byte from which it was sent."""
        size = self.expected.size
        start, response = request_rest(url, _size(self.part), size, self.policy, self.deadline)
        self.part.touch()
        # A host without ranges overwrites the file from its start. If it breaks off, the rest of the file is unchanged.
        with response, self.part.open("r+b") as file, _progress(self.expected, start) as advance:
            file.seek(start)
            position = start
            speed = _Speed(start, self.policy, min_rate)
            while position < size:
                chunk = self._read(response, position)
                if position + len(chunk) > size:
                    file.truncate(start)
                    raise HostError(f"sends more than the expected {size:,} bytes")
                file.write(chunk)
                position += len(chunk)
                advance(position)
                speed.check(position, size)
        return start

    def _read(self, response: Response, position: int) -> bytes:
        """Return the next bytes of the file, which stand at a position."""
        where = f"stopped at {position:,} of {self.expected.size:,} bytes"
        try:
            chunk = response.read()
        except HostError as error:
            error.args = (f"{where}: {error}",)
            raise
        if not chunk:
            raise TransientError(where)
        if not chunk.startswith(GZIP_MAGIC[position : position + len(chunk)]):
            html = chunk.lstrip().startswith(b"<")
            raise HostError(HTML if html else "sends something else than a gzip archive")
        return chunk


class _Speed:
    """Measures the rate of a host at intervals."""

    def __init__(self, position: int, policy: DownloadPolicy, min_rate: float):
        self.position, self.time = position, time.monotonic()
        self.policy, self.min_rate = policy, min_rate

    def check(self, position: int, size: int) -> None:
        """Raise _SlowHostError if the rate is below `min_rate` bytes a second, or the rest would take too long."""
        elapsed = time.monotonic() - self.time
        if elapsed < self.policy.slow_time:
            return
        rate = (position - self.position) / elapsed
        seconds = (size - position) / rate
        if rate < self.min_rate or seconds > self.policy.longest_wait(size):
            raise _SlowHostError(rate, seconds)
        self.position, self.time = position, time.monotonic()


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
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 120 * 60 else f"{seconds / 3600:,.0f} h"


def _describe_wait(policy: DownloadPolicy, size: int) -> str:
    longest = _duration(policy.longest_wait(size))
    return longest if policy.patience is None else f"the patience of {longest}"


def _redact(url: str) -> str:
    """Return an address without user name, password and query, which may be secret."""
    return re.sub("//[^/]*@", "//", url.partition("?")[0])
