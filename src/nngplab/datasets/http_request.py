"""One HTTP request for the rest of a file of known size, bounded in time and memory whatever the host sends.

The body of a response is read in pieces, and only if its headers announce the file. Bodies of redirects and of error
pages are never read, and nothing is decompressed. Lines of headers and of chunk sizes are limited by `http.client`.
"""

import contextlib
import http.client
import queue
import socket
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin

import requests
import urllib3

HTML = "HTML page instead of an archive"
NO_TIME_LEFT = "no time is left for the download"
CHUNK_SIZE = 1 << 18  # the most bytes that one read returns; it returns what has arrived
MAX_REDIRECTS = 10
# The statuses of errors that may pass: time-out, too many requests, and errors of the server.
TRANSIENT = (408, 429, 500, 502, 503, 504)
# The longest download without a patience is that of the whole file at this rate, in bytes per second.
MIN_RATE = 2000


@dataclass(frozen=True)
class DownloadPolicy:
    """How long to wait for a host, and when to leave it for the next one.

    Attributes:
        connect_timeout: seconds until a connection.
        stall_timeout: seconds without a byte of the file.
        slow_rate: a host is slow below this rate, in kB/s (1,000 bytes per second).
        slow_time: seconds over which the rate is measured.
        patience: the longest remaining time of a download, in seconds. A host that needs more is left for good. None
            waits as long as the whole file takes at `MIN_RATE`.
    """

    connect_timeout: float = 10
    stall_timeout: float = 20
    slow_rate: float = 500
    slow_time: float = 10
    patience: float | None = None

    def longest_wait(self, size: int) -> float:
        """Return the longest remaining time of a download of `size` bytes, in seconds."""
        return size / MIN_RATE if self.patience is None else self.patience

    def time_limit(self, size: int, hosts: int) -> float:
        """Return the longest time of a whole download, in seconds.

        It is the longest wait, and for each host the time in which it shows that it is dead or slow.
        """
        return self.longest_wait(size) + hosts * (self.connect_timeout + self.stall_timeout + self.slow_time)


class HostError(Exception):
    """A host does not serve the file; the message is the reason."""


class TransientError(HostError):
    """A host has broken off, and may serve the file later; `wait` is the time in seconds that it asks for, or None."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class OutOfTimeError(HostError):
    """The time for the whole download is over."""


class Response:
    """The response to a request for a file from byte `start` on.

    The time limits of a socket start again with each byte, whether it belongs to the file, a header or the framing.
    They do not cover name resolution or the several addresses of one host. So a thread receives the response. It is
    abandoned if the headers, or the next bytes of the file, take too long.

    Args:
        url: the address.
        start: the first byte to request.
        policy: the time limits of each step.
        deadline: the end of the whole download, a time of `time.monotonic`.

    Raises:
        HostError: if no headers arrive.
    """

    def __init__(self, url: str, start: int, policy: DownloadPolicy, deadline: float):
        if not _is_web_address(url):
            raise HostError("only http and https addresses are fetched")
        self._policy, self._deadline = policy, deadline
        # The headers, the pieces of the body with an empty one at its end, or an exception.
        self._received: queue.Queue[Any] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        self._wake: Callable[[], None] = lambda: None
        threading.Thread(target=self._receive, args=(url, start), daemon=True).start()
        seconds = policy.connect_timeout + policy.stall_timeout
        self._headers: requests.Response = self._next(seconds, f"no answer within {seconds:g} s")
        self.status = self._headers.status_code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def read(self) -> bytes:
        """Return the next bytes of the body, none at its end.

        Raises:
            HostError: if none arrive in time, or the connection fails.
        """
        seconds = self._policy.stall_timeout
        chunk: bytes = self._next(seconds, f"no byte for {seconds:g} s")
        return chunk

    def close(self) -> None:
        """End the thread, or abandon it if it waits for headers."""
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            self._received.get_nowait()
        # It fails if the connection is closed already.
        with contextlib.suppress(Exception):
            self._wake()

    def is_rest(self, start: int, size: int) -> bool:
        """Return whether the body holds exactly the bytes from `start` to the end of a file of `size` bytes."""
        content_range = self._headers.headers.get("Content-Range")
        expected = (f"bytes {start}-{size - 1}/{size}", f"bytes {start}-{size - 1}/*")
        return self.status == 206 and content_range in expected

    def check_headers(self, status: int, size: int) -> None:
        """Raise HostError unless the response has this status and announces `size` bytes or no length."""
        if self.status != status:
            reason = _shorten(f"HTTP {self.status} {self._headers.reason or ''}")
            raise TransientError(reason, self._retry_after()) if self.status in TRANSIENT else HostError(reason)
        if "html" in self._headers.headers.get("Content-Type", "").lower():
            raise HostError(HTML)
        announced = self._headers.headers.get("Content-Length", str(size))
        if announced != str(size):
            raise HostError(f"announces {_shorten(announced)} bytes instead of {size}")

    def _retry_after(self) -> float | None:
        """Return the seconds that the host asks to wait, or None if it gives no usable time."""
        try:
            return urllib3.Retry().get_retry_after(self._headers.raw)
        except (ValueError, OverflowError, urllib3.exceptions.HTTPError):
            return None

    def _next(self, seconds: float, reason: str) -> Any:
        """Return what the thread receives next; raise HostError with a reason if that takes too long."""
        left = self._deadline - time.monotonic()
        try:
            received = self._received.get(timeout=max(0, min(seconds, left)))
        except queue.Empty:
            received = HostError(reason)
        if time.monotonic() >= self._deadline:
            received = OutOfTimeError(NO_TIME_LEFT)
        if isinstance(received, Exception):
            self.close()
            raise _describe(received, self._policy) from received
        return received

    def _receive(self, url: str, start: int) -> None:
        try:
            with _Session() as session, self._follow_redirects(session, url, start) as response:
                self._wake = response.raw.shutdown
                self._received.put(response)
                chunk = b"..."
                while chunk and not self._closed.is_set():
                    chunk = response.raw.read1(CHUNK_SIZE, decode_content=False)
                    self._received.put(chunk)
        except Exception as error:
            self._received.put(error)

    def _follow_redirects(self, session: requests.Session, url: str, start: int) -> requests.Response:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        timeouts = (self._policy.connect_timeout, self._policy.stall_timeout)
        for _ in range(MAX_REDIRECTS + 1):
            response = session.get(url, headers=headers, timeout=timeouts, stream=True)
            if not response.is_redirect or self._closed.is_set():
                return response
            response.close()
            url = urljoin(url, response.headers["Location"])
            if not _is_web_address(url):
                raise HostError("redirects to an address that is not http or https")
        raise HostError("redirects without end")


class _Session(requests.Session):
    """A session that returns redirects: requests reads their bodies into memory, even if it does not follow them."""

    def get_redirect_target(self, _response: requests.Response) -> None:
        return None


def request_rest(url: str, start: int, size: int, policy: DownloadPolicy, deadline: float) -> tuple[int, Response]:
    """Request a file of `size` bytes from byte `start` on.

    Returns:
        The byte at which the response starts (0 if the host does not support ranges), and the response.

    Raises:
        HostError: if there is no response, or it does not announce the rest of the file.
    """
    response = Response(url, start, policy, deadline)
    if start and response.status in (206, 416) and not response.is_rest(start, size):
        start = 0
        response.close()
        response = Response(url, start, policy, deadline)
    if response.status == 200:
        start = 0
    try:
        response.check_headers(206 if start else 200, size - start)
    except HostError:
        response.close()
        raise
    return start, response


def _is_web_address(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _describe(error: Exception, policy: DownloadPolicy) -> HostError:
    """Return why a connection failed in plain words, from the innermost exception of a known type."""
    if isinstance(error, HostError):
        return error
    chain: list[BaseException] = [error]
    for link in chain:
        for inner in (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args):
            if isinstance(inner, BaseException) and inner not in chain:
                chain.append(inner)
    for kind, description in (
        (requests.exceptions.InvalidProxyURL, HostError("the address of the proxy is not usable")),
        (requests.exceptions.InvalidSchema, HostError("the kind of the proxy is not supported")),
        (urllib3.exceptions.ProxySchemeUnknown, HostError("the kind of the proxy is not supported")),
        (requests.exceptions.InvalidHeader, HostError("not a valid HTTP response")),
        (requests.exceptions.InvalidURL, HostError("not a usable address")),
        (requests.exceptions.ProxyError, HostError("the proxy does not connect")),
        (requests.exceptions.SSLError, HostError("no trusted TLS connection")),
        (urllib3.exceptions.SSLError, HostError("no trusted TLS connection")),
        (socket.gaierror, HostError("host name not found")),
        (ConnectionRefusedError, HostError("connection refused")),
        (urllib3.exceptions.ConnectTimeoutError, HostError(f"no connection within {policy.connect_timeout:g} s")),
        (TimeoutError, HostError(f"no byte for {policy.stall_timeout:g} s")),
        (urllib3.exceptions.ReadTimeoutError, HostError(f"no byte for {policy.stall_timeout:g} s")),
        (ConnectionError, TransientError("connection broken by the host")),
        (http.client.IncompleteRead, TransientError("connection closed by the host")),
        (http.client.HTTPException, HostError("not a valid HTTP response")),
        (urllib3.exceptions.ProtocolError, TransientError("connection closed by the host")),
        (ValueError, HostError("not a usable address")),
    ):
        if any(isinstance(link, kind) for link in chain):
            return description
    return HostError(_shorten(f"{type(error).__name__}: {chain[-1]}"))


def _shorten(text: str) -> str:
    """Return a text from a host in one printable line of limited length."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.shorten(printable, 100, placeholder="...")
