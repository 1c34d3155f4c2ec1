"""Downloads from hosts that send anything at all: time and memory are bounded, and the next host serves."""

import email.utils
import re
import time
import tracemalloc

import pytest

from nngplab.datasets import download as module
from nngplab.datasets.download import DownloadError, DownloadPolicy, download
from tests.helpers.download_server import EXPECTED, PAYLOAD
from tests.helpers.hostile_server import BODIES, ENDLESS, HEAD, ODD, PARTIAL, RESET, drip, flood, playing

HASTY = DownloadPolicy(connect_timeout=0.4, stall_timeout=0.4, slow_rate=1, slow_time=0.5)
PATIENT = DownloadPolicy(connect_timeout=5, stall_timeout=5, slow_rate=1, slow_time=0.5)
MAX_MEMORY = 20_000_000


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "RETRY_WAIT", 0.05)


def outcomes(server, path, *, policy=PATIENT):
    """Return the outcomes with the hostile address and then a good one, having checked time, memory and the file."""
    tracemalloc.start()
    started = time.monotonic()
    try:
        attempts = download([server.url(), server.url("whole")], EXPECTED, path, policy, "hint")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 20
    assert peak < MAX_MEMORY
    assert path.read_bytes() == PAYLOAD
    assert all(len(attempt["outcome"]) < 200 for attempt in attempts)
    return [attempt["outcome"] for attempt in attempts]


def expect(found: list[str], pattern: str) -> None:
    assert found in (["complete"], [found[0], "complete"])
    assert re.fullmatch(pattern, found[0]), found[0]


@pytest.mark.parametrize("send", [flood, drip])
@pytest.mark.parametrize("stage", ENDLESS)
def test_what_never_ends_is_left_at_each_stage(tmp_path, stage, send):
    script, pattern = ENDLESS[stage]
    with playing(script(send), script(send)) as server:
        expect(outcomes(server, tmp_path / "file", policy=HASTY), pattern)


@pytest.mark.parametrize("body", BODIES)
def test_only_the_body_of_the_file_is_read(tmp_path, body):
    script, pattern = BODIES[body]
    with playing(script) as server:
        expect(outcomes(server, tmp_path / "file"), pattern)


@pytest.mark.parametrize("response", ODD)
def test_a_response_that_contradicts_itself_has_an_outcome(tmp_path, response):
    script, pattern = ODD[response]
    with playing(script) as server:
        expect(outcomes(server, tmp_path / "file"), pattern)


@pytest.mark.parametrize("send", [flood, drip])
def test_a_tls_handshake_that_never_ends_is_left(tmp_path, send):
    hello = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"  # the start of a long handshake message
    with playing(send(hello, b"x")) as server:
        urls = [server.url(scheme="https"), server.url("whole")]
        attempts = download(urls, EXPECTED, tmp_path / "file", HASTY, "hint")
    assert attempts[0]["outcome"] in ("no answer within 0.8 s", "no byte for 0.4 s", "no trusted TLS connection")
    assert attempts[1]["outcome"] == "complete"


@pytest.mark.parametrize(("start", "piece"), [(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), (b"", b"HTTP/1.1 200 ")])
def test_a_proxy_that_never_ends_is_left(tmp_path, monkeypatch, start, piece):
    with playing(flood(start, piece)) as proxy, playing([HEAD]) as server:
        monkeypatch.setenv("https_proxy", proxy.url())
        urls = ["https://host.invalid/file", server.url("whole")]
        attempts = download(urls, EXPECTED, tmp_path / "file", HASTY, "hint")
    assert attempts[0]["outcome"] in (
        "no answer within 0.8 s",
        "the proxy does not connect",
        "not a valid HTTP response",
    )
    assert attempts[1]["outcome"] == "complete"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "nonsense://x", "http://127.0.0.1:1"])
def test_an_unusable_proxy_is_named(tmp_path, monkeypatch, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(DownloadError, match=r"prox") as caught:
        download(["https://host.invalid/file"], EXPECTED, tmp_path / "file", HASTY, "hint")
    assert "\n" not in str(caught.value)


def test_the_whole_download_has_a_time_limit(tmp_path, monkeypatch):
    policy = DownloadPolicy(connect_timeout=0.3, stall_timeout=0.3, slow_rate=0, slow_time=60, patience=1)

    def script():
        yield HEAD
        for byte in PAYLOAD:
            yield bytes([byte])
            time.sleep(0.1)

    monkeypatch.setattr(DownloadPolicy, "time_limit", lambda *_: 1.0)
    with playing(script()) as server, pytest.raises(DownloadError) as caught:
        download([server.url(), server.url("whole")], EXPECTED, tmp_path / "file", policy, "hint")
    message = str(caught.value)
    assert message.startswith("images.tar.gz was not downloaded within 1 s (")
    assert re.search(r"stopped at \d+ of 200,083 bytes: no time is left for the download", message)
    assert "resumed by the next run" in message
    assert server.asked == 1


@pytest.mark.parametrize(("patience", "seconds"), [(600, 600 + 2 * 40), (None, 85_249 + 2 * 40), (0, 80)])
def test_the_time_limit_follows_from_the_patience(patience, seconds):
    """Without a patience, the official archive may take a day."""
    assert DownloadPolicy(patience=patience).time_limit(170_498_071, 2) == pytest.approx(seconds, abs=1)


def retry_after(value: str) -> bytes:
    return f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode("latin1")


WHOLE = HEAD + PAYLOAD


@pytest.mark.parametrize("status", [b"408 A", b"429 Too Many Requests", b"500 B", b"502 C", b"503 D", b"504 E"])
def test_a_status_that_may_pass_is_tried_again(tmp_path, status):
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    with playing([head], [head], [WHOLE]) as server:
        assert outcomes(server, tmp_path / "file") == ["complete"]
    assert server.asked == 3


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "1",
        "-5",
        "soon",
        "",
        "1.5",
        "9" * 5000,
        "1, 2",
        "\xff",
        "Mon, 99 Foo 2026 99:99:99 GMT",
        "inf",
        "PAST",
        "NEXT",
    ],
)
def test_a_host_is_asked_again_when_it_says_or_at_once_if_that_is_nonsense(tmp_path, value):
    shift = {"PAST": -1e6, "NEXT": 1.0}.get(value)
    text = value if shift is None else email.utils.formatdate(time.time() + shift, usegmt=True)
    with playing([retry_after(text)], [WHOLE]) as server:
        assert outcomes(server, tmp_path / "file") == ["complete"]
    assert server.asked == 2


@pytest.mark.parametrize("value", ["3600", "99999999999", "DATE"])
def test_a_host_that_asks_for_a_long_wait_is_left(tmp_path, value):
    text = email.utils.formatdate(time.time() + 1e5, usegmt=True) if value == "DATE" else value
    with playing([retry_after(text)]) as server:
        found = outcomes(server, tmp_path / "file")
    assert re.fullmatch(r"HTTP 503 Service Unavailable, asks to wait \d+ (min|h)", found[0])
    assert found[1:] == ["complete"]
    assert server.asked == 1


def test_the_wait_fits_the_time_limit(tmp_path):
    policy = DownloadPolicy(connect_timeout=0.3, stall_timeout=0.3, slow_time=0.3, patience=1)
    with playing([retry_after("20")]) as server:
        assert outcomes(server, tmp_path / "file", policy=policy)[0].endswith("asks to wait 20 s")


def test_a_host_that_never_recovers_is_left_after_a_few_tries(tmp_path):
    with playing([retry_after("0")]) as server:
        assert outcomes(server, tmp_path / "file") == ["HTTP 503 Service Unavailable (4 tries)", "complete"]
    assert server.asked == 4


@pytest.mark.parametrize("end", [b"", RESET], ids=["close", "reset"])
def test_a_transfer_that_breaks_off_is_resumed_from_the_same_host(tmp_path, end):
    size = len(PAYLOAD)
    rest = PARTIAL % (150_000, size - 1, size) + PAYLOAD[150_000:]

    def broken():
        yield HEAD + PAYLOAD[:150_000]
        time.sleep(0.2)
        yield end

    with playing(broken(), [rest]) as server:
        assert outcomes(server, tmp_path / "file") == ["complete"]
    assert server.asked == 2


def test_a_host_that_sends_the_file_in_many_parts_is_used(tmp_path, server):
    attempts = download([server.url("truncated/20000")], EXPECTED, tmp_path / "file", HASTY, "hint")
    assert [attempt["outcome"] for attempt in attempts] == ["complete"]
    assert len(server.requests) == 11
