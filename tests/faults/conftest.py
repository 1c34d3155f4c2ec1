"""A server for the tests of downloads."""

from collections.abc import Iterator

import pytest

from tests.helpers.download_server import PAYLOAD, DownloadServer, serving


@pytest.fixture
def server(monkeypatch) -> Iterator[DownloadServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(PAYLOAD) as running:
        yield running
