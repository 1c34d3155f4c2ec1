"""One HTTP request for the rest of a file of known size, with time limits and plain descriptions of errors."""

import queue
import socket
import threading
from dataclasses import dataclass

import requests
import urllib3

HTML = "HTML page instead of an archive"


@dataclass(frozen=True)
class DownloadPolicy:
    """How long to wait for a host, and when to leave it for the next one.

    Attributes:
        connect_timeout: seconds until a connection.
        stall_timeout: seconds without a byte.
        slow_rate: a host is slow below this rate, in kB/s (1,000 bytes per second).
        slow_time: seconds over which the rate is measured.
        patience: the longest remaining time of a download, in seconds. A host that needs more is left for good. None
            sets no limit.
    """

    connect_timeout: float = 10
    stall_timeout: float = 20
    slow_rate: float = 500
    slow_time: float = 10
    patience: float | None = None


class HostError(Exception):
    """A host does not serve the file; the message is the reason."""


def request_range(url: str, start: int, size: int, policy: DownloadPolicy) -> tuple[int, requests.Response]:
    """Request a file of `size` bytes from byte `start` on.

    Returns:
        The byte at which the response starts (0 if the host does not support ranges), and the response.

    Raises:
        HostError: if there is no response, or it does not announce the rest of the file.
    """
    response = _send_request(url, start, policy)
    if start and response.status_code in (206, 416) and not _is_requested_range(response, start, size):
        start = 0
        response.close()
        response = _send_request(url, start, policy)
    if response.status_code == 200:
        start = 0
    error = _header_error(response, size - start, partial=start > 0)
    if error:
        response.close()
        raise HostError(error)
    return start, response


def describe_connection_error(error: BaseException, policy: DownloadPolicy) -> str:
    """Return in plain words why a connection failed, from the innermost exception of a known type."""
    chain: list[BaseException] = [error]
    for link in chain:
        for inner in (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args):
            if isinstance(inner, BaseException) and inner not in chain:
                chain.append(inner)
    for kind, description in (
        (requests.TooManyRedirects, "redirects without end"),
        (requests.exceptions.InvalidSchema, "redirects to an address that is not http or https"),
        (requests.exceptions.InvalidURL, "not a usable address"),
        (requests.exceptions.ProxyError, "the proxy does not connect"),
        (requests.exceptions.SSLError, "no trusted TLS connection"),
        (urllib3.exceptions.SSLError, "no trusted TLS connection"),
        (socket.gaierror, "host name not found"),
        (ConnectionRefusedError, "connection refused"),
        (urllib3.exceptions.ConnectTimeoutError, f"no connection within {policy.connect_timeout:g} s"),
        (TimeoutError, f"no byte for {policy.stall_timeout:g} s"),
        (urllib3.exceptions.ReadTimeoutError, f"no byte for {policy.stall_timeout:g} s"),
        (ConnectionError, "connection broken by the host"),
        (urllib3.exceptions.ProtocolError, "connection closed by the host"),
    ):
        if any(isinstance(link, kind) for link in chain):
            return description
    return " ".join(f"{type(error).__name__}: {chain[-1]}".split())


def _send_request(url: str, start: int, policy: DownloadPolicy) -> requests.Response:
    """Send the request and wait for the headers of the response.

    The time limits of a socket start again with each byte, and do not cover name resolution or the several addresses
    of one host. So the request runs in a thread, which is abandoned if it takes too long in total.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise HostError("only http and https addresses are fetched")
    results: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()

    def get() -> None:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        timeouts = (policy.connect_timeout, policy.stall_timeout)
        try:
            results.put(requests.get(url, headers=headers, timeout=timeouts, stream=True))
        except Exception as error:
            results.put(error)

    threading.Thread(target=get, daemon=True).start()
    seconds = policy.connect_timeout + policy.stall_timeout
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise HostError(f"no answer within {seconds:g} s") from None
    if isinstance(result, Exception):
        raise HostError(describe_connection_error(result, policy)) from result
    return result


def _is_requested_range(response: requests.Response, start: int, size: int) -> bool:
    """Return whether a partial response holds exactly the bytes from `start` to the end of a file of `size` bytes."""
    content_range = response.headers.get("Content-Range", "")
    expected = (f"bytes {start}-{size - 1}/{size}", f"bytes {start}-{size - 1}/*")
    return response.status_code == 206 and content_range in expected


def _header_error(response: requests.Response, size: int, partial: bool) -> str | None:
    """Return the error in the headers of a response that must bring `size` bytes, or None."""
    if response.status_code != (206 if partial else 200):
        return f"HTTP {response.status_code} {response.reason or ''}".rstrip()
    if "html" in response.headers.get("Content-Type", "").lower():
        return HTML
    announced = response.headers.get("Content-Length", str(size))
    if announced != str(size):
        return f"announces {announced} bytes instead of {size}"
    return None
