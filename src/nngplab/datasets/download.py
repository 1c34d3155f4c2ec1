"""Fetch one large gzip archive of known size and SHA-256 from the first host that serves it well.

Hosts are tried in order. One that fails is left for good; one that is slow is left for the next and comes back, the
fastest first, when none is better. What has arrived lies beside the target as `<name>.part` and is resumed with an
HTTP range request, by another host or another run. Nothing is opened, or takes the target's name, before its SHA-256
is right.
"""

import hashlib
import logging
import queue
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from nngplab.errors import InputError

log = logging.getLogger("nngplab.download")

GZIP_MAGIC = b"\x1f\x8b"
HTML = "HTML page instead of an archive"
CHUNK = 1 << 18  # bytes per read at most; a read returns what has arrived
REPORT_EVERY = 30.0  # seconds between two log lines of a running download


@dataclass(frozen=True)
class ExpectedFile:
    """The file wanted: its name in messages, its size in bytes, its SHA-256 in lower-case hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manners:
    """How long a host is waited for. Seconds; `slow_rate` in kB/s (1,000 bytes a second).

    A host slower than `slow_rate` over `slow_time` is left for the next. With a `patience`, no host is kept that
    would need longer than this for the rest; None waits however long it takes.
    """

    connect_timeout: float = 10
    stall_timeout: float = 20
    slow_rate: float = 500
    slow_time: float = 10
    patience: float | None = None


class DownloadError(InputError):
    """No host served the file.

    `summary` is the message without the ways on; `attempts` lists each try as {"from": address, "outcome": reason}.
    """

    def __init__(self, summary: str, ways_on: str, attempts: list[dict[str, str]]):
        super().__init__(f"{summary}. Ways on: {ways_on}")
        self.summary = summary
        self.attempts = attempts


class TooSlowError(DownloadError):
    """Hosts serve the file, but none within the patience; what has arrived is kept for a later run."""


class _HostError(Exception):
    """A host is of no use; the message is the reason, in plain words."""


class _SlowHostError(Exception):
    """A host is too slow: it managed `rate` bytes a second and would need `seconds` for what it had still to send."""

    def __init__(self, rate: float, seconds: float):
        super().__init__(f"only {rate / 1000:,.0f} kB/s, about {_duration(seconds)} to go")
        self.rate, self.seconds = rate, seconds


def download(
    urls: list[str], expected: ExpectedFile, path: Path, manners: Manners, ways_on: str
) -> list[dict[str, str]]:
    """Fetch `expected` to `path` from one of `urls` and return the attempts, the successful one last.

    A right file that lies at `path` already is kept, without any attempt. `ways_on` tells the user what else can be
    done; it ends the messages about failure and slowness.

    Raises:
        TooSlowError: only slow hosts are left and `manners.patience` is too short for each of them.
        DownloadError: no host served the file; one line lists each attempt with its reason.
        InputError: the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    attempts: list[dict[str, str]] = []
    too_slow = False
    with _local_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_right(path, expected):
            return attempts
        if part.exists() and part.stat().st_size >= expected.size:
            if _is_right(part, expected):
                part.replace(path)
                return [{"from": part.name, "outcome": "complete since an earlier run"}]
            part.unlink()

    rates = dict.fromkeys(urls, float("inf"))  # bytes a second; a host not tried yet counts as fast
    while rates:
        url = max(rates, key=lambda known: rates[known])  # the first of equals
        rate = rates.pop(url)
        if rate == float("inf"):
            least = manners.slow_rate * 1000
        else:
            # The fastest of slow hosts keeps its turn until it is twice as slow as the runner-up.
            least = max(rates.values(), default=0.0) / 2
            left = _duration((expected.size - _size(part)) / rate)
            log.warning(
                "every host left is slow; going on with %s, about %s left. Ways on: %s", _shown(url), left, ways_on
            )
        try:
            with _local_errors(path):
                _fetch(url, expected, part, manners, least)
                part.replace(path)
        except _SlowHostError as slow:
            outcome = str(slow)
            if manners.patience is not None and slow.seconds > manners.patience:
                too_slow = True
            else:
                rates[url] = slow.rate
        except _HostError as refused:
            outcome = str(refused)
        else:
            outcome = "complete"
        attempts.append({"from": _shown(url), "outcome": outcome})
        log.info("%s: %s", _shown(url), outcome)
        if outcome == "complete":
            return attempts

    told = "; ".join(f"{attempt['from']}: {attempt['outcome']}" for attempt in attempts) or "no address is given"
    kept = f"; what has arrived is kept in {part} and resumed by the next run" if _size(part) else ""
    if too_slow:
        limit = _duration(manners.patience or 0)
        summary = f"{expected.name} would take longer than the patience of {limit} ({told}){kept}"
        raise TooSlowError(summary, ways_on, attempts)
    raise DownloadError(f"no host served {expected.name} ({told}){kept}", ways_on, attempts)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(url: str, expected: ExpectedFile, part: Path, manners: Manners, least: float) -> None:
    """Bring `part` to its full length from `url` and check it; a host below `least` bytes/s is given up."""
    while True:
        start = _receive(url, expected, part, manners, least)
        if _is_right(part, expected):
            return
        part.unlink()
        if start == 0:
            raise _HostError("complete, but its SHA-256 is wrong")
        # The wrong bytes may be those of another host or run, so this host is given one try from nothing.
        log.info("%s, resumed, has a wrong SHA-256; once more from the start", expected.name)


def _receive(url: str, expected: ExpectedFile, part: Path, manners: Manners, least: float) -> int:
    """Write what `url` sends into `part` until it is complete; return the position from which it was sent."""
    start, answer = _ask(url, expected, _size(part), manners)
    part.touch()
    # A host that knows no ranges overwrites `part` from its start: if it breaks off, the rest of `part` is still there.
    with answer, part.open("r+b") as file, _progress(expected, start) as advance:
        file.seek(start)
        position = marked = start
        mark = time.monotonic()
        while position < expected.size:
            try:
                chunk: bytes = answer.raw.read1(CHUNK, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                reason = _reason(error, manners)
                raise _HostError(f"stopped at {position:,} of {expected.size:,} bytes: {reason}") from error
            if not chunk:
                raise _HostError(f"stopped at {position:,} of {expected.size:,} bytes")
            if not chunk.startswith(GZIP_MAGIC[position : position + len(chunk)]):
                html = chunk.lstrip().startswith(b"<")
                raise _HostError(HTML if html else "sends something else than a gzip archive")
            if position + len(chunk) > expected.size:
                file.truncate(start)
                raise _HostError(f"sends more than the expected {expected.size:,} bytes")
            file.write(chunk)
            position += len(chunk)
            advance(position)
            elapsed = time.monotonic() - mark
            if elapsed >= manners.slow_time:
                rate = (position - marked) / elapsed
                seconds = (expected.size - position) / rate
                if rate < least or (manners.patience is not None and seconds > manners.patience):
                    raise _SlowHostError(rate, seconds)
                mark, marked = time.monotonic(), position
    return start


def _ask(url: str, expected: ExpectedFile, start: int, manners: Manners) -> tuple[int, requests.Response]:
    """Request the file from byte `start` on; return where the answer really starts, and the answer."""
    answer = _answer(url, start, manners)
    if start and answer.status_code in (206, 416) and not _continues(answer, start, expected.size):
        start = 0
        answer.close()
        answer = _answer(url, start, manners)
    if answer.status_code == 200:
        start = 0
    fault = _fault(answer, expected.size - start, partial=start > 0)
    if fault:
        answer.close()
        raise _HostError(fault)
    return start, answer


def _answer(url: str, start: int, manners: Manners) -> requests.Response:
    """Send the request and wait for the head of the answer.

    The time-outs of a socket start anew with each byte and know nothing of name resolution or of many addresses of one
    host, so a thread waits, and is left behind when it takes too long in all.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise _HostError("only http and https addresses are fetched")
    results: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()

    def get() -> None:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        timeouts = (manners.connect_timeout, manners.stall_timeout)
        try:
            results.put(requests.get(url, headers=headers, timeout=timeouts, stream=True))
        except Exception as error:
            results.put(error)

    threading.Thread(target=get, daemon=True).start()
    seconds = manners.connect_timeout + manners.stall_timeout
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise _HostError(f"no answer within {seconds:g} s") from None
    if isinstance(result, Exception):
        raise _HostError(_reason(result, manners)) from result
    return result


def _continues(answer: requests.Response, start: int, size: int) -> bool:
    """Tell whether a partial answer holds exactly the bytes from `start` to the end of a file of `size` bytes."""
    told = answer.headers.get("Content-Range", "")
    return answer.status_code == 206 and told in (f"bytes {start}-{size - 1}/{size}", f"bytes {start}-{size - 1}/*")


def _fault(answer: requests.Response, size: int, partial: bool) -> str | None:
    """Return what is wrong with the head of an answer that should bring `size` bytes, None if nothing is."""
    if answer.status_code != (206 if partial else 200):
        return f"HTTP {answer.status_code} {answer.reason or ''}".rstrip()
    if "html" in answer.headers.get("Content-Type", "").lower():
        return HTML
    announced = answer.headers.get("Content-Length", str(size))
    if announced != str(size):
        return f"announces {announced} bytes instead of {size}"
    return None


def _reason(error: BaseException, manners: Manners) -> str:
    """Say in plain words why a connection failed; the innermost error that has a name knows best."""
    chain: list[BaseException] = [error]
    for link in chain:
        for inner in (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args):
            if isinstance(inner, BaseException) and inner not in chain:
                chain.append(inner)
    for kind, words in (
        (requests.TooManyRedirects, "redirects without end"),
        (requests.exceptions.InvalidSchema, "redirects to an address that is not http or https"),
        (requests.exceptions.InvalidURL, "not a usable address"),
        (requests.exceptions.ProxyError, "the proxy does not connect"),
        (requests.exceptions.SSLError, "no trusted TLS connection"),
        (urllib3.exceptions.SSLError, "no trusted TLS connection"),
        (socket.gaierror, "host name not found"),
        (ConnectionRefusedError, "connection refused"),
        (urllib3.exceptions.ConnectTimeoutError, f"no connection within {manners.connect_timeout:g} s"),
        (TimeoutError, f"no byte for {manners.stall_timeout:g} s"),
        (urllib3.exceptions.ReadTimeoutError, f"no byte for {manners.stall_timeout:g} s"),
        (ConnectionError, "connection broken by the host"),
        (urllib3.exceptions.ProtocolError, "connection closed by the host"),
    ):
        if any(isinstance(link, kind) for link in chain):
            return words
    return " ".join(f"{type(error).__name__}: {chain[-1]}".split())


@contextmanager
def _progress(expected: ExpectedFile, start: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, and log a line now and then (only to the log file where the bar is seen)."""
    on_terminal = sys.stderr.isatty()
    began = told = time.monotonic()
    with tqdm(
        total=expected.size, initial=start, unit="B", unit_scale=True, desc=expected.name, disable=not on_terminal
    ) as bar:

        def advance(position: int) -> None:
            nonlocal told
            bar.update(position - bar.n)
            now = time.monotonic()
            if now - told >= REPORT_EVERY:
                told = now
                rate = (position - start) / (now - began)
                left = _duration((expected.size - position) / rate)
                line = f"{position:,} of {expected.size:,} bytes, {rate / 1000:,.0f} kB/s, about {left} left"
                log.info("%s: %s", expected.name, line, extra={"only_in_file": on_terminal})

        yield advance


@contextmanager
def _local_errors(path: Path) -> Iterator[None]:
    """Turn an error of this machine's files (full disk, no permission) into one clear line."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; free space or mend the permissions, then run again"
        ) from error


def _is_right(path: Path, expected: ExpectedFile) -> bool:
    return _size(path) == expected.size and sha256_of(path) == expected.sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _shown(url: str) -> str:
    """Return an address without user name, password and query, which may be secret."""
    return re.sub("//[^/]*@", "//", url.partition("?")[0])
