"""A host on loopback that sends whatever a test says: bytes in any order, too many, too slowly, or without an end."""

import contextlib
import gzip
import itertools
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.helpers.download_server import EXPECTED, PAYLOAD

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HEAD = OK + b"Content-Length: %d\r\n\r\n" % len(PAYLOAD)
PARTIAL = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /whole\r\n"
BOMB = gzip.compress(bytes(1 << 26), compresslevel=9)
FIRST = b"3e8\r\n" + PAYLOAD[:1000] + b"\r\n"  # a chunk of 1,000 bytes
STOPPED = f"stopped at {{}} of {EXPECTED.size:,} bytes: {{}}"
AFTER_FIRST = STOPPED.format("1,000", "no byte for 0.4 s")
NO_BYTE = STOPPED.format("0", "no byte for 0.4 s")
NO_ANSWER = r"no (answer within 0\.8 s|byte for 0\.4 s)"
INVALID = "not a valid HTTP response"
RESET = object()  # in a script: reset the connection


def flood(start: bytes, piece: bytes) -> Iterator[bytes]:
    """`start`, then `piece` without an end and without a pause."""
    return itertools.chain([start], itertools.repeat(piece * (1 + 65536 // len(piece))))


def drip(start: bytes, piece: bytes) -> Iterator[bytes]:
    """`start`, then `piece` without an end, ten times a second."""
    yield start
    while True:
        time.sleep(0.1)
        yield piece


# What a host sends, and the outcome of an attempt with it as a regular expression.
ENDLESS = {
    "status line": (lambda send: send(b"HTTP/1.1 200 ", b"x"), f"{NO_ANSWER}|{INVALID}"),
    "header": (lambda send: send(OK + b"X: ", b"x"), f"{NO_ANSWER}|{INVALID}"),
    "headers": (lambda send: send(OK, b"X: y\r\n"), f"{NO_ANSWER}|{INVALID}"),
    "informational": (lambda send: send(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), NO_ANSWER),
    "blank": (lambda send: send(b"", b"\r\n"), f"{NO_ANSWER}|{INVALID}|connection broken by the host.*"),
    "chunk size": (lambda send: send(CHUNKED, b"0"), f"{NO_BYTE}|stopped at 0 .*: {INVALID}"),
    "chunk size later": (lambda send: send(CHUNKED + FIRST, b"0"), f"{AFTER_FIRST}|stopped at 1,000 .*: {INVALID}"),
    "chunk extension": (lambda send: send(CHUNKED + b"5;", b"x"), f"{NO_BYTE}|stopped at 0 .*: {INVALID}"),
    "trailer": (lambda send: send(CHUNKED + FIRST + b"0\r\n", b"x"), f"{AFTER_FIRST}|stopped at 1,000 .*: {INVALID}"),
    "trailers": (lambda send: send(CHUNKED + FIRST + b"0\r\n", b"X: y\r\n"), AFTER_FIRST),
    "redirects' head": (lambda send: send(REDIRECT, b"X: y\r\n"), f"{NO_ANSWER}|{INVALID}"),
}
# Bodies that must not be read: flooding, compressed, or coming slowly.
BODIES = {
    "redirect": (flood(REDIRECT + b"\r\n", b"x"), "complete"),
    "slow redirect": (drip(REDIRECT + b"\r\n", b"x"), "complete"),
    "redirect in chunks": (flood(REDIRECT + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), "complete"),
    "compressed redirect": ([REDIRECT + b"Content-Encoding: gzip\r\n\r\n" + BOMB], "complete"),
    "huge redirect": (flood(REDIRECT + b"Content-Length: 99999999999999999999\r\n\r\n", b"x"), "complete"),
    "error": (flood(b"HTTP/1.1 404 No\r\n\r\n", b"x"), "HTTP 404 No"),
    "compressed error": ([b"HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\n\r\n" + BOMB], "HTTP 404 No"),
    "page": (flood(OK + b"Content-Type: text/html\r\n\r\n", b"x"), "HTML page instead of an archive"),
    "compressed page": ([OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB], r"stopped at .* \(\d tries\)"),
    "body": (flood(OK + b"\r\n" + PAYLOAD, b"x"), "sends more than the expected .* bytes|complete"),
    "no content": (flood(b"HTTP/1.1 204 No Content\r\n\r\n", b"x"), "HTTP 204 No Content"),
    "not modified": (flood(b"HTTP/1.1 304 Not Modified\r\n\r\n", b"x"), "HTTP 304 Not Modified"),
    "multipart": (
        flood(b"HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x\r\n\r\n", b"x"),
        "HTTP 206 Partial Content",
    ),
}
# Responses that contradict themselves or the protocol.
ODD = {
    "nothing": ([b""], r"connection broken by the host \(4 tries\)"),
    "reset": ([RESET], r"connection broken by the host \(4 tries\)"),
    "reset later": ([HEAD, PAYLOAD[:1000], RESET], r"stopped at .*connection broken by the host \(4 tries\)"),
    "no protocol": ([b"SSH-2.0-OpenSSH_9.9\r\n" * 100], INVALID),
    "protocol 2": ([b"HTTP/2 200 OK\r\n\r\n"], f"{INVALID}|HTTP .*|.*UnknownProtocol.*"),
    "status 999": ([b"HTTP/1.1 999 No\r\n\r\n"], "HTTP 999 No"),
    "status text": ([b"HTTP/1.1 abc No\r\n\r\n"], INVALID),
    "control characters": ([b"HTTP/1.1 404 a\x1b[31m\x07b\r\n\r\n"], r"HTTP 404 a \[31m b"),
    "long reason": ([b"HTTP/1.1 404 " + b"a b " * 10_000 + b"\r\n\r\n"], r"HTTP 404 (a b ?|a)*\.\.\."),
    "negative length": ([OK + b"Content-Length: -5\r\n\r\n" + PAYLOAD], "announces -5 bytes instead of .*"),
    "huge length": (
        [OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"],
        r"announces \.\.\. bytes instead of .*",
    ),
    "length in words": ([OK + b"Content-Length: five\r\n\r\n" + PAYLOAD], "announces five bytes instead of .*"),
    "two lengths": (
        [OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + PAYLOAD],
        INVALID,
    ),
    "negative chunk": ([CHUNKED + b"-5\r\n" + PAYLOAD], "stopped at .*|complete.*"),
    "chunk in words": ([CHUNKED + b"five\r\n" + PAYLOAD], r"stopped at 0 .*connection closed by the host \(4 tries\)"),
    "huge chunk": ([CHUNKED + b"f" * 1000 + b"\r\n" + PAYLOAD], "complete"),
    "slow close": (drip(HEAD + PAYLOAD, b""), "complete"),
    "redirect nowhere": ([b"HTTP/1.1 302 Found\r\n\r\n"], "HTTP 302 Found"),
    "redirect to rubbish": ([b"HTTP/1.1 302 Found\r\nLocation: http://[x/\r\n\r\n"], "not a usable address"),
    "redirect to a long address": (
        [b"HTTP/1.1 302 Found\r\nLocation: http://" + b"a" * 60_000 + b"/\r\n\r\n"],
        "not a usable address|host name not found",
    ),
    "redirect to itself": ([b"HTTP/1.1 307 Again\r\nLocation: #\r\n\r\n"], "redirects without end"),
    "single bytes": (
        itertools.chain([CHUNKED], drip(b"1\r\n\x1f\r\n1\r\n\x8b\r\n1\r\n\x08\r\n", b"1\r\n\0\r\n")),
        "only 0 kB/s, about .*|complete, but .*",
    ),
}


class HostileServer:
    """Plays one script for each connection; the path /whole is answered with the file.

    `asked` counts the requests other than for /whole.
    """

    def __init__(self, *scripts: Iterable[object]):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self._connections: list[socket.socket] = []
        self._scripts = itertools.chain(scripts[:-1], itertools.repeat(scripts[-1]))
        self.asked = 0
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, path: str = "file", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{path}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            request = connection.recv(65536)
            if request.startswith(b"GET /whole"):
                connection.sendall(HEAD + PAYLOAD)
                return
            self.asked += 1
            for piece in next(self._scripts):
                if piece is RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                connection.sendall(piece)


@contextmanager
def playing(*scripts: Iterable[object]) -> Iterator[HostileServer]:
    server = HostileServer(*scripts)
    try:
        yield server
    finally:
        server.close()
