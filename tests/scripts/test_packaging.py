"""What the packages of the library contain, as `pip install .` and `python -m build` make them."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from tests.helpers.checkout import ROOT, project_files

BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, f'build_{sys.argv[1]}')(sys.argv[2])"


def build(kind: str, source: Path, target: Path) -> Path:
    command = [sys.executable, "-c", BUILD, kind, target]
    subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (package,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return package


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """The source distribution of a checkout that also has data and results."""
    folder = tmp_path_factory.mktemp("sdist")
    for name in [*project_files(), "data/cifar10/images", "results/theory/table.csv"]:
        target = folder / "checkout" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, target)
        else:
            target.write_text("1")
    return build("sdist", folder / "checkout", folder)


@pytest.fixture(scope="module")
def wheel(sdist) -> zipfile.ZipFile:
    """The wheel made from the source distribution."""
    with tarfile.open(sdist) as archive:
        archive.extractall(sdist.parent / "unpacked", filter="data")
    (source,) = (sdist.parent / "unpacked").iterdir()
    return zipfile.ZipFile(build("wheel", source, sdist.parent))


def test_the_source_distribution_holds_the_library_alone(sdist):
    with tarfile.open(sdist) as archive:
        names = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    assert {path.parts[0] for path in names if path.parts} == {
        *("LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg", "src")
    }


def test_the_wheel_holds_every_module_the_stubs_and_the_marker_of_types(wheel):
    sources = {name.removeprefix("src/") for name in project_files() if name.startswith("src/nngplab/")}
    assert {name for name in wheel.namelist() if name.startswith("nngplab/")} == sources
    assert {"nngplab/py.typed", "nngplab/__init__.pyi"} <= sources


def test_the_metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_string(wheel.read(name).decode())
    version = (ROOT / "src/nngplab/_version.py").read_text().split('"')[-2]
    assert metadata["Version"] == version
    needed = [line.split(">=")[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert needed == ["numpy", "scikit-learn", "scipy", "threadpoolctl", "tqdm"]
