"""Checkouts whose path has characters that are special to a shell, to make, to Snakemake, to PATH or to Python."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.checkout import ROOT, make_small
from tests.helpers.small_checkout import configure

# Each of them has characters of several kinds, in an order in which one of a kind does not hide another.
NAMES = [
    *("-it's a {brace} co:lon;&", 'say "hi" {} $(touch x)|<d>', " back\\slash `tick` {{x}} per%cent "),
    *("#[x]*?!~ $HOME é雪 e\u0301 ta\tb", "new\nline (round) a=b,c@d+e^f", "n" * 200),
]
ENGINES = {"snakemake": ["snakemake", "--cores", "1", "--", "data/sine_target.npz"], "dvc": ["dvc", "repro"]}
# For the slower engine.
ALL_AT_ONCE = 'it\'s "a" {x} $HOME `b` co:lon;&(c)%\\ é'
# The library that a job imports writes its path.
MARKER = '\nimport os\n\nwith open(os.environ["MARKER"], "w") as file:\n    file.write(__file__)\n'


@pytest.fixture(scope="module")
def small(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose jobs tell which library they import: not that of the environment, if all is right."""
    copy = shutil.copytree(template, tmp_path_factory.mktemp("paths") / "checkout", symlinks=True)
    folder = make_small(copy, ["kernel_regression"])
    configure(folder, "kernel_regression", kernels=["relu"], repeats=1)
    module = folder / "src/nngplab/datasets/sine_target.py"
    module.write_text(module.read_text() + MARKER)
    return folder


@pytest.fixture(scope="module")
def expected(small: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file that the job writes in a checkout with a plain path."""
    folder = tmp_path_factory.mktemp("plain") / "checkout"
    return run_in(small, folder, *ENGINES["snakemake"])


def run_in(small: Path, folder: Path, *command: str) -> bytes:
    """Run an engine in a copy of the checkout; check the library that the job imports, and return what it writes."""
    shutil.copytree(small, folder, symlinks=True)
    marker = folder.parent / "marker"
    environment = {**os.environ, "MARKER": str(marker)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert marker.read_text() == str(folder / "src/nngplab/datasets/sine_target.py")
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, "marker"}
    return (folder / "data/sine_target.npz").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_snakemake_runs_with_the_library_of_the_checkout(small, expected, tmp_path, name):
    assert run_in(small, tmp_path / name, *ENGINES["snakemake"]) == expected


def test_dvc_runs_with_the_library_of_the_checkout(small, expected, warm, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{warm}{os.pathsep}{os.environ['PATH']}")
    assert run_in(small, tmp_path / ALL_AT_ONCE, *ENGINES["dvc"]) == expected


def test_snakemake_runs_by_an_environment_that_is_not_active(small, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    command = [str(Path(sys.executable).with_name("snakemake")), *ENGINES["snakemake"][1:]]
    assert run_in(small, tmp_path / ALL_AT_ONCE, *command) == expected


def test_snakemake_runs_by_a_link_to_the_environment_in_the_checkout(small, expected, tmp_path, monkeypatch):
    link = tmp_path / "links/co:lon"
    link.parent.mkdir()
    link.symlink_to(Path(sys.prefix).resolve())
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    command = [str(link / "bin/python"), "-m", *ENGINES["snakemake"]]
    assert run_in(small, tmp_path / "run" / "co:lon", *command) == expected


class TestMake:
    @pytest.fixture
    def make(self, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
        """Run make in a folder with the Makefile and without packages, by a user with a home folder of his own."""
        home = tmp_path / "home"
        home.mkdir()

        def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
            folder = tmp_path / "checkout" / name
            folder.mkdir(parents=True)
            makefile = (ROOT / "Makefile").read_text()
            (folder / "Makefile").write_text(makefile.replace("python -m pip install", "# python -m pip install"))
            (folder / "requirements.lock").touch()
            environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
            command = ["make", f"PYTHON={sys.base_prefix}/bin/python3", *arguments]
            return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

        return run

    @pytest.fixture(autouse=True)
    def apart_from_the_make_of_the_tests(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            monkeypatch.delenv(name, raising=False)

    @pytest.mark.parametrize("name", ["a;b&(c){x}", ALL_AT_ONCE])
    def test_the_environment_works_also_when_it_is_activated(self, make, tmp_path, name):
        ended = make(name, ".venv/.installed")
        assert ended.returncode == 0, ended.stderr
        folder = tmp_path / "checkout" / name
        ask = "python -c 'import sys; print(sys.prefix)'"
        command = f"source .venv/bin/activate && command -v python && pip --version && {ask}"
        ended = subprocess.run(["bash", "-euc", command], cwd=folder, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        environment = (folder / ".venv").resolve()
        found, _, prefix = ended.stdout.splitlines()
        assert Path(found) == environment / "bin/python"
        assert Path(prefix) == environment

    def test_a_link_to_a_shared_environment_is_used(self, make, tmp_path):
        folder = tmp_path / "checkout" / ALL_AT_ONCE
        shared = tmp_path / "shared"
        (shared / "bin").mkdir(parents=True)
        (shared / "bin/python").write_text("#!/bin/sh\necho the shared one: $*\n")
        (shared / "bin/python").chmod(0o755)
        make(ALL_AT_ONCE, "help")
        (folder / ".venv").symlink_to(shared)
        (shared / ".installed").touch()
        ended = subprocess.run(["make", "report"], cwd=folder, capture_output=True, text=True, check=False)
        assert "the shared one: workflow/make_report.py" in ended.stdout, ended.stderr

    def test_a_line_break_is_refused_in_one_line(self, make):
        ended = make("new\nline", ".venv/.installed")
        assert ended.returncode != 0
        assert "pip cannot install into a folder with a line break in its path" in ended.stderr
        assert len(ended.stderr.splitlines()) <= 2
