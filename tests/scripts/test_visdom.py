"""Pictures in visdom: in its real server where it is installed, and one warning where anything is amiss."""

import base64
import importlib.util
import io
import json
import logging
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import requests
from PIL import Image

from nngplab.report import visdom
from nngplab.report.visdom import ENVIRONMENT, MAGNIFICATION, show
from tests.helpers.checkout import ROOT

LOCAL = "http://127.0.0.1"
INSTALLED = importlib.util.find_spec("visdom") is not None
needs_visdom = pytest.mark.skipif(not INSTALLED, reason="visdom is not installed: `make visdom`")


def picture(seed: int, rows: int = 2, columns: int = 3) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {f"row {row}": random.integers(0, 256, (columns, 3, 32, 32), np.uint8) for row in range(rows)}


@pytest.fixture
def port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def server(port, tmp_path):
    """The real server. Its own program would first download scripts for the browser."""
    command = [sys.executable, "-c", "from visdom.server.run_server import main; main()"]
    options = ["-port", port, "--hostname", "127.0.0.1", "-bind_local", "-env_path", tmp_path / "visdom"]
    (tmp_path / "visdom").mkdir()
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *map(str, options)], stdout=log, stderr=log, env={**os.environ, "HOME": str(tmp_path)}
        )
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            try:
                requests.get(f"{LOCAL}:{port}", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def window(port: int, name: str) -> dict:
    """What the server holds under a name."""
    reply = requests.post(f"{LOCAL}:{port}/win_data", json={"win": name, "eid": ENVIRONMENT}, timeout=10)
    found: dict = json.loads(reply.text)
    return found


def shown(port: int, name: str) -> np.ndarray:
    """The picture that the server holds under a name, (height, width, 3)."""
    kind, data = window(port, name)["content"]["src"].split(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))))


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def contains(whole: np.ndarray, image: np.ndarray, row: int, column: int) -> bool:
    """Whether an image stands in its place of a grid, magnified."""
    part = image.transpose(1, 2, 0).repeat(MAGNIFICATION, axis=0).repeat(MAGNIFICATION, axis=1)
    pitch = part.shape[0] + 4
    top, left = row * pitch + 3, column * pitch + 3
    return np.array_equal(whole[top : top + len(part), left : left + len(part)], part)


@needs_visdom
class TestRealServer:
    def test_the_server_holds_the_pictures_pixel_by_pixel(self, server, caplog):
        pictures = {"Outputs: a label": picture(1), "Iterates": picture(2, rows=4, columns=2)}
        show(pictures, LOCAL, server)
        assert warnings(caplog) == []
        for name, rows in pictures.items():
            whole = shown(server, name)
            for row, images in enumerate(rows.values()):
                for column, image in enumerate(images):
                    assert contains(whole, image, row, column), (name, row, column)
            assert window(server, name)["title"] == name
            assert window(server, name)["content"]["caption"] == "rows: " + ", ".join(rows)

    def test_a_picture_replaces_the_one_of_its_name(self, server):
        for seed in (1, 2):
            show({"one": picture(seed)}, LOCAL, server)
        assert contains(shown(server, "one"), picture(2)["row 1"][2], 1, 2)

    def test_no_server_costs_one_warning(self, port, caplog):
        show({"one": picture(1)}, LOCAL, port)
        (line,) = warnings(caplog)
        assert line.startswith(f"no images are shown in visdom at {LOCAL}:{port}: ")
        assert line.endswith("(ConnectionError)")
        assert "\n" not in line

    def test_a_server_that_is_silent_costs_one_warning(self, port, caplog, monkeypatch):
        monkeypatch.setattr(visdom, "TIMEOUT", 0.2)
        with socket.create_server(("127.0.0.1", port)):
            show({"one": picture(1)}, LOCAL, port)
        (line,) = warnings(caplog)
        assert line.endswith("(ReadTimeout)")

    def test_a_server_of_something_else_costs_one_warning(self, caplog, tmp_path, port):
        command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                until = time.monotonic() + 30
                while time.monotonic() < until and not listening(port):
                    time.sleep(0.1)
                show({"one": picture(1)}, LOCAL, port)
            finally:
                process.terminate()
        (line,) = warnings(caplog)
        assert line.endswith("(HTTPError)")


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_without_visdom_one_warning_names_what_to_install(caplog, monkeypatch, port):
    monkeypatch.setitem(sys.modules, "visdom", None)
    show({"one": picture(1)}, LOCAL, port)
    assert warnings(caplog) == ["no images are shown in visdom: it is not installed; run `make visdom`"]


class TestPins:
    LOCK = (ROOT / "requirements-visdom.lock").read_text()
    NAMES = [line.split("==")[0] for line in LOCK.splitlines() if "==" in line]

    def test_hashes_and_no_addresses(self):
        assert "://" not in self.LOCK
        assert "visdom" in self.NAMES
        blocks = [
            block for block in self.LOCK.split("\n\n")[0].split("\n") if block and not block.startswith((" ", "#"))
        ]
        assert len(blocks) == len(self.NAMES)
        for name in self.NAMES:
            assert "--hash=sha256:" in self.LOCK.split(f"{name}==")[1].split("==")[0]

    def test_nothing_of_the_main_lock_is_changed(self):
        main = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
        assert set(self.NAMES) & main == set()
        assert "visdom" not in main
