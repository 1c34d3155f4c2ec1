"""The report in a browser: the page of the tiny run, or that of REPORT_PAGE."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Milliseconds. A machine that is busy with other tests takes long to show the page, and no test asserts speed.
TIMEOUT = 180_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for all tests."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: on Debian, apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root, as in a container, has no sandbox.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def report_file(request) -> Path:
    """The page: REPORT_PAGE=results/report.html tests that of another run."""
    given = os.environ.get("REPORT_PAGE")
    return Path(given).resolve() if given else request.getfixturevalue("finished") / "results/report.html"


@pytest.fixture(scope="session")
def open_report(browser, report_file) -> Iterator[Callable[..., Any]]:
    """Open the report in a window of its own; further options are those of a context of Playwright.

    `messages` of the window are what the browser reports: errors, and breaches of the content security policy.
    """
    contexts = []

    def open_window(width: int = 1280, height: int = 720, scheme: str = "light", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT)
        context.set_default_navigation_timeout(TIMEOUT)
        window = context.new_page()
        window.messages = []
        window.on("console", lambda message: window.messages.append(message.text))
        window.on("pageerror", lambda error: window.messages.append(str(error)))
        window.on(
            "request", lambda request: window.messages.append(request.url) if ":" not in request.url[:5] else None
        )
        window.goto(report_file.as_uri())
        return window

    yield open_window
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def view(open_report) -> Callable[..., Any]:
    """Return the window that tests share, with a size, colours and a medium: look at it and scroll, but change nothing.

    To load the page takes longer than to lay it out anew. The medium "null" is that of the browser.
    """
    window = open_report()

    def shared(width: int = 1280, height: int = 720, scheme: str = "light", media: str = "null") -> Any:
        window.set_viewport_size({"width": width, "height": height})
        window.emulate_media(color_scheme=scheme, media=media)
        return window

    return shared


@pytest.fixture(scope="session")
def live(open_report) -> Any:
    """The window in which tests follow links, press buttons and move pictures; each leaves the size as it was."""
    return open_report()


@pytest.fixture(scope="session")
def still(open_report) -> Any:
    """The page without script."""
    return open_report(java_script_enabled=False)


@pytest.fixture(scope="session")
def calm(open_report) -> Any:
    """The page on a phone whose reader wants nothing to move."""
    return open_report(375, reduced_motion="reduce")
