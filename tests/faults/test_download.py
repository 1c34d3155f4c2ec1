"""Downloads from hosts on loopback that fail in every way a host can."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from nngplab.datasets import download as module
from nngplab.datasets.download import DownloadError, DownloadPolicy, download
from nngplab.errors import InputError
from tests.helpers.download_server import BAD_HOSTS, EXPECTED, PAYLOAD, DownloadServer, part_of

HINT = "three alternatives"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(module, "RETRY_WAIT", 0.05)


QUICK = DownloadPolicy(connect_timeout=1, stall_timeout=1, slow_rate=100, slow_time=0.5)


def fetch(server: DownloadServer, path: Path, *modes: str, policy: DownloadPolicy = QUICK) -> list[str]:
    """Return the outcomes of the attempts, the file being right."""
    attempts = download([server.url(mode) for mode in modes], EXPECTED, path, policy, HINT)
    assert path.read_bytes() == PAYLOAD
    assert not part_of(path).exists()
    return [attempt["outcome"] for attempt in attempts]


@pytest.mark.parametrize("mode", ["whole", "no-range", "redirect/whole", "chunked"])
def test_a_good_host_serves_the_file(server, tmp_path, mode):
    assert fetch(server, tmp_path / "new" / "file", mode) == ["complete"]


def test_a_correct_file_is_not_downloaded_again(server, tmp_path):
    fetch(server, tmp_path / "file", "whole")
    assert fetch(server, tmp_path / "file", "whole") == []
    assert len(server.requests) == 1


def test_a_wrong_file_is_replaced(server, tmp_path):
    (tmp_path / "file").write_bytes(PAYLOAD[:-1] + b"x")
    assert fetch(server, tmp_path / "file", "whole") == ["complete"]


@pytest.mark.parametrize("mode", BAD_HOSTS)
def test_after_a_bad_host_the_next_serves_the_file(server, tmp_path, mode):
    policy = DownloadPolicy(connect_timeout=0.5, stall_timeout=1, slow_rate=1, slow_time=5)
    assert fetch(server, tmp_path / "file", mode, "whole", policy=policy) == [BAD_HOSTS[mode], "complete"]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_if_all_fail_one_line_lists_each_attempt_and_the_alternatives(server, tmp_path):
    urls = [
        f"http://user:secret@127.0.0.1:{closed_port()}/file?token=secret",
        "http://host.invalid/file",
        "ftp://127.0.0.1/file",
        "http://[half/file",
        server.url("html"),
        server.url("truncated/1000"),
    ]
    with pytest.raises(DownloadError) as caught:
        download(urls, EXPECTED, tmp_path / "file", QUICK, HINT)
    reasons = [
        "connection refused",
        "host name not found",
        "only http and https addresses are fetched",
        "not a usable address",
        "HTML page instead of an archive",
        BAD_HOSTS["truncated/1000"],
    ]
    assert [attempt["outcome"] for attempt in caught.value.attempts] == reasons
    message = str(caught.value)
    assert "\n" not in message
    assert all(reason in message for reason in reasons)
    assert message.endswith(f"Alternatives: {HINT}")
    assert "secret" not in message
    assert part_of(tmp_path / "file").read_bytes() == PAYLOAD[:4000]
    assert not (tmp_path / "file").exists()


def test_no_address_is_an_error_with_the_alternatives(tmp_path):
    with pytest.raises(DownloadError, match=r"no address is given.*three alternatives"):
        download([], EXPECTED, tmp_path / "file", QUICK, HINT)


def test_the_next_host_resumes_where_the_last_one_stopped(server, tmp_path):
    fetch(server, tmp_path / "file", "stalled/150000", "whole")
    assert server.requests[1] == ("whole", "bytes=150000-")


@pytest.mark.parametrize("mode", ["no-range", "wrong-range", "shorter"])
def test_a_host_without_the_requested_range_sends_from_the_start(server, tmp_path, mode):
    part_of(tmp_path / "file").write_bytes(PAYLOAD[:150_000])
    assert fetch(server, tmp_path / "file", mode) == ["complete"]


def test_a_host_without_ranges_that_breaks_off_loses_nothing_of_the_partial_file(server, tmp_path, monkeypatch):
    part_of(tmp_path / "file").write_bytes(PAYLOAD[:150_000])
    monkeypatch.setattr(server.RequestHandlerClass, "serve_early_end", early_end, raising=False)
    fetch(server, tmp_path / "file", "early-end", "whole")
    assert server.requests[-1] == ("whole", "bytes=150000-")


def early_end(handler, start, value):
    handler.serve_truncated(0, "1000")


def test_after_a_bad_partial_file_a_good_host_is_tried_again(server, tmp_path):
    part_of(tmp_path / "file").write_bytes(PAYLOAD[:1000] + bytes(1000))
    assert fetch(server, tmp_path / "file", "whole") == ["complete"]
    assert [asked for _, asked in server.requests] == ["bytes=2000-", None]


def test_a_tampering_host_is_tried_from_the_start_and_then_left(server, tmp_path):
    outcomes = fetch(server, tmp_path / "file", "stalled/1000", "tampered", "whole")
    assert outcomes[1:] == [BAD_HOSTS["tampered"], "complete"]
    assert [asked for _, asked in server.requests] == [None, "bytes=1000-", None, None]


def test_a_partial_file_that_is_complete_needs_no_host(server, tmp_path):
    part_of(tmp_path / "file").write_bytes(PAYLOAD)
    assert fetch(server, tmp_path / "file", "whole") == ["complete since an earlier run"]
    assert server.requests == []


def test_a_partial_file_that_is_too_long_is_discarded(server, tmp_path):
    part_of(tmp_path / "file").write_bytes(PAYLOAD + b"x")
    assert fetch(server, tmp_path / "file", "whole") == ["complete"]
    assert server.requests == [("whole", None)]


def test_a_slow_host_is_left_for_a_fast_one(server, tmp_path):
    outcomes = fetch(server, tmp_path / "file", "slow/20000", "whole")
    assert outcomes[0].startswith("only ")
    assert outcomes[1] == "complete"
    path, asked = server.requests[1]
    assert path == "whole"
    assert asked is not None


def test_a_host_that_sends_single_bytes_is_slow(server, tmp_path):
    outcomes = fetch(server, tmp_path / "file", "slow/10", "whole")
    assert outcomes[0].startswith("only 0 kB/s")


def test_if_all_are_slow_the_fastest_continues_and_the_remaining_time_is_logged(server, tmp_path, caplog):
    policy = DownloadPolicy(stall_timeout=1, slow_rate=10_000, slow_time=0.2)
    with caplog.at_level(logging.INFO, "nngplab"):
        outcomes = fetch(server, tmp_path / "file", "slow/20000", "slow/400000", "slow/30000", policy=policy)
    assert outcomes[-1] == "complete"
    assert server.requests[-1][0] == "slow/400000"
    assert len(server.requests) == 4
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "all hosts are slow" in warnings[0]
    assert " s left. Alternatives: three alternatives" in warnings[0]


def test_if_the_fastest_of_the_slow_fails_the_next_fastest_continues(server, tmp_path):
    policy = DownloadPolicy(stall_timeout=1, slow_rate=10_000, slow_time=0.2)
    outcomes = fetch(server, tmp_path / "file", "slow/30000", "slow-then-dead/300000", "slow/150000", policy=policy)
    assert [path for path, _ in server.requests[3:]] == [*["slow-then-dead/300000"] * 4, "slow/150000"]
    assert outcomes[-2].startswith("stopped at")


def test_without_patience_a_single_slow_host_brings_the_file(server, tmp_path):
    policy = DownloadPolicy(stall_timeout=1, slow_rate=10_000, slow_time=0.1)
    assert fetch(server, tmp_path / "file", "slow/200000", policy=policy)[-1] == "complete"


def test_with_patience_the_partial_file_is_kept_and_resumed_later(server, tmp_path):
    policy = DownloadPolicy(stall_timeout=1, slow_rate=100, slow_time=0.2, patience=1)
    urls = [server.url("slow/20000"), server.url("status/404")]
    with pytest.raises(DownloadError, match=r"longer than the patience of 1 s .*kept in .*Alternatives: three"):
        download(urls, EXPECTED, tmp_path / "file", policy, HINT)
    kept = part_of(tmp_path / "file").stat().st_size
    assert 0 < kept < EXPECTED.size
    fetch(server, tmp_path / "file", "whole")
    assert server.requests[-1] == ("whole", f"bytes={kept}-")


def test_patience_counts_what_a_host_without_ranges_has_to_send_again(server, tmp_path):
    part_of(tmp_path / "file").write_bytes(PAYLOAD[:150_000])
    policy = DownloadPolicy(stall_timeout=1, slow_rate=1, slow_time=0.2, patience=1)
    with pytest.raises(DownloadError):
        download([server.url("slow-no-range/60000")], EXPECTED, tmp_path / "file", policy, HINT)
    assert len(server.requests) == 1
    assert part_of(tmp_path / "file").read_bytes() == PAYLOAD[:150_000]


def test_a_host_within_the_patience_is_waited_for(server, tmp_path):
    policy = DownloadPolicy(stall_timeout=1, slow_rate=10_000, slow_time=0.2, patience=20)
    assert fetch(server, tmp_path / "file", "slow/200000", policy=policy)[-1] == "complete"


def test_without_a_terminal_log_lines_show_rate_and_remaining_time(server, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(module, "LOG_INTERVAL", 0.1)
    with caplog.at_level(logging.INFO, "nngplab"):
        fetch(server, tmp_path / "file", "slow/400000", policy=DownloadPolicy(slow_rate=1))
    assert any("bytes, " in line and "kB/s, about" in line and line.endswith("left") for line in caplog.messages)


def test_a_terminal_shows_a_bar_with_rate_and_remaining_time(server, tmp_path):
    control, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    program = subprocess.Popen(downloader(server.url("slow/400000"), tmp_path / "file"), stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # which is how the other end says that it is closed
        while piece := os.read(control, 4096):
            shown += piece
    assert program.wait() == 0
    os.close(control)
    assert b"images.tar.gz" in shown
    assert b"B/s" in shown
    assert b"<00:0" in shown


def downloader(url: str, path: Path) -> list[str]:
    """A command that downloads the file in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from nngplab.datasets.download import *;"
        "download([sys.argv[1]], ExpectedFile('images.tar.gz', int(sys.argv[3]), sys.argv[4]), Path(sys.argv[2]),"
        " DownloadPolicy(slow_rate=1), '')"
    )
    return [sys.executable, "-c", code, url, str(path), str(EXPECTED.size), EXPECTED.sha256]


def test_a_killed_download_is_resumed(server, tmp_path):
    program = subprocess.Popen(downloader(server.url("slow/100000"), tmp_path / "file"))
    deadline = time.monotonic() + 20
    part = part_of(tmp_path / "file")
    while not (part.exists() and part.stat().st_size > 20_000):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    program.send_signal(signal.SIGKILL)
    program.wait()
    assert not (tmp_path / "file").exists()
    kept = part.stat().st_size
    fetch(server, tmp_path / "file", "whole")
    assert server.requests[-1] == ("whole", f"bytes={kept}-")


def test_a_folder_that_cannot_be_written_is_reported_at_once(server, tmp_path):
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(InputError, match=r"cannot write .*taken"):
        download([server.url("whole")], EXPECTED, tmp_path / "taken" / "file", QUICK, HINT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands for a full disk")
def test_a_full_disk_is_reported_and_is_no_failure_of_the_host(server, tmp_path):
    part_of(tmp_path / "file").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"cannot write .*No space left on device") as caught:
        download([server.url("whole")], EXPECTED, tmp_path / "file", QUICK, HINT)
    assert not isinstance(caught.value, DownloadError)
