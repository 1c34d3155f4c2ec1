"""A host on loopback that serves one file, correctly or with a fault; the path of the URL selects which."""

import gzip
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from nngplab.datasets.download import ExpectedFile

PAYLOAD = gzip.compress(np.random.default_rng(1).bytes(200_000), mtime=0)
EXPECTED = ExpectedFile("images.tar.gz", len(PAYLOAD), hashlib.sha256(PAYLOAD).hexdigest())
# What a bad host does, as the path of its address, and the outcome of an attempt with it.
BAD_HOSTS = {
    "html": "HTML page instead of an archive",
    "disguised-html": "HTML page instead of an archive",
    "zip": "sends something else than a gzip archive",
    "tampered": "complete, but its SHA-256 is wrong",
    "truncated/1000": f"stopped at 4,000 of {EXPECTED.size:,} bytes: connection closed by the host (4 tries)",
    "stalled/1000": f"stopped at 1,000 of {EXPECTED.size:,} bytes: no byte for 1 s",
    "stalled/0": f"stopped at 0 of {EXPECTED.size:,} bytes: no byte for 1 s",
    "wrong-length": f"announces 12 bytes instead of {EXPECTED.size}",
    "more": f"sends more than the expected {EXPECTED.size:,} bytes",
    "status/404": "HTTP 404 Not Found",
    "status/503": "HTTP 503 Service Unavailable (4 tries)",
    "loop": "redirects without end",
    "away": "redirects to an address that is not http or https",
    "endless-head": "no answer within 1.5 s",
}


class DownloadServer(ThreadingHTTPServer):
    """Serves `payload`; `requests` records each as (path, the Range header or None)."""

    daemon_threads = True

    def __init__(self, payload: bytes):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.payload = payload
        self.requests: list[tuple[str, str | None]] = []
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request, client_address):
        """Ignore clients that close the connection: the tests do so."""


@contextmanager
def serving(payload: bytes) -> Iterator[DownloadServer]:
    server = DownloadServer(payload)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: DownloadServer

    def do_GET(self):
        mode, _, value = self.path.strip("/").partition("/")
        asked = self.headers.get("Range")
        self.server.requests.append((self.path.strip("/"), asked))
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        getattr(self, "serve_" + mode.replace("-", "_"))(start, value)

    def log_message(self, *arguments):
        pass

    def head(self, status, length=None, **headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def head_from(self, start):
        size = len(self.server.payload)
        if start >= size:
            self.head(416, 0, Content_Range=f"bytes */{size}")
        elif start:
            self.head(206, size - start, Content_Range=f"bytes {start}-{size - 1}/{size}")
        else:
            self.head(200, size, Content_Type="application/x-gzip")

    def at_rate(self, data, rate):
        """Send `data` at `rate` bytes a second, in 50 pieces a second."""
        piece = max(1, round(rate / 50))
        for start in range(0, len(data), piece):
            self.wfile.write(data[start : start + piece])
            if self.server.closing.wait(len(data[start : start + piece]) / rate):
                return

    def serve_whole(self, start, value):
        self.head_from(start)
        self.wfile.write(self.server.payload[start:])

    def serve_no_range(self, start, value):
        self.serve_whole(0, value)

    def serve_wrong_range(self, start, value):
        """Sends a wrong range; serves a request without a range correctly."""
        size = len(self.server.payload)
        if not start:
            return self.serve_whole(0, value)
        self.head(206, size - start + 1, Content_Range=f"bytes {start - 1}-{size - 1}/{size}")
        return self.wfile.write(self.server.payload[start - 1 :])

    def serve_shorter(self, start, value):
        """Answers each range with 416, and serves the file from the start."""
        if start:
            return self.head(416, 0)
        return self.serve_whole(0, value)

    def serve_truncated(self, start, value):
        """Promises the rest of the file and closes after `value` bytes of it."""
        self.head_from(start)
        self.wfile.write(self.server.payload[start : start + int(value)])

    def serve_stalled(self, start, value):
        """Sends `value` bytes and keeps the connection."""
        self.serve_truncated(start, value)
        self.server.closing.wait(30)

    def serve_slow(self, start, value):
        """Sends `value` bytes a second."""
        self.head_from(start)
        self.at_rate(self.server.payload[start:], float(value))

    def serve_slow_no_range(self, start, value):
        self.serve_slow(0, value)

    def serve_slow_then_dead(self, start, value):
        """Sends `value` bytes a second to the first request, nothing to later ones."""
        if sum(path == self.path.strip("/") for path, _ in self.server.requests) > 1:
            return self.serve_truncated(start, "0")
        return self.serve_slow(start, value)

    def serve_html(self, start, value):
        page = b"<!DOCTYPE html><p>Please log in"
        self.head(200, len(page), Content_Type="text/html; charset=utf-8")
        self.wfile.write(page)

    def serve_disguised_html(self, start, value):
        """Sends a page of the right length with the content type of an archive."""
        self.head(200, len(self.server.payload), Content_Type="application/gzip")
        self.wfile.write(b"\n<html>".ljust(len(self.server.payload)))

    def serve_zip(self, start, value):
        self.head(200, len(self.server.payload))
        self.wfile.write(b"PK".ljust(len(self.server.payload)))

    def serve_tampered(self, start, value):
        payload = bytearray(self.server.payload)
        payload[len(payload) // 2] ^= 1
        payload[-1] ^= 1
        self.head_from(start)
        self.wfile.write(payload[start:])

    def serve_wrong_length(self, start, value):
        self.head(200, 12)
        self.wfile.write(b"\x1f\x8b" + bytes(10))

    def serve_more(self, start, value):
        """Sends no length, and too many bytes."""
        self.head(200)
        self.wfile.write(self.server.payload + bytes(100_000))

    def serve_chunked(self, start, value):
        self.protocol_version = "HTTP/1.1"
        self.head(200, Transfer_Encoding="chunked")
        for begin in range(0, len(self.server.payload), 5000):
            piece = self.server.payload[begin : begin + 5000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def serve_status(self, start, value):
        self.head(int(value), 0)

    def serve_redirect(self, start, value):
        self.head(302, 0, Location=self.server.url(value))

    def serve_loop(self, start, value):
        self.head(302, 0, Location=self.server.url("loop"))

    def serve_away(self, start, value):
        self.head(302, 0, Location="file:///etc/hostname")

    def serve_endless_head(self, start, value):
        """Sends a byte of the head now and then, so that no socket ever times out."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.server.closing.is_set():
            self.wfile.write(b"x")
            time.sleep(0.05)


def part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")
