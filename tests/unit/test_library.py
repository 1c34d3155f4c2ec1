"""The library by itself: its public names, and what it does without PyTorch and the packages of the pipeline."""

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nngplab import datasets, kernels, regression
from nngplab.datasets.sine_target import sine_target

PACKAGES = [
    "nngplab",
    *(f"nngplab.{name}" for name in ("kernels", "regression", "networks", "datasets", "theory", "duals")),
]
# What `pip install .` does not bring, and programs of the library must do without.
NOT_INSTALLED = ["dvc", "matplotlib", "pandas", "psutil", "requests", "snakemake", "torch", "torchvision"]
FORBID = f"""
import sys

class Forbidding:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NOT_INSTALLED}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Forbidding())
"""


def run_without_extras(program: str) -> str:
    command = [sys.executable, "-c", FORBID + program]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def offered(package: str) -> list[str]:
    return list(importlib.import_module(package).__all__)


def test_every_public_name_needs_no_extra_but_some_networks_pytorch():
    program = f"""
import importlib
for package in {PACKAGES}:
    for name in importlib.import_module(package).__all__:
        try:
            getattr(importlib.import_module(package), name)
        except ModuleNotFoundError as error:
            print(error)
"""
    asked = run_without_extras(program).splitlines()
    needing = {line.split()[0] for line in asked}
    assert asked == [f"{name} needs PyTorch: run `pip install nngp-lab[torch]`" for name in sorted(needing)]
    assert needing < {f"nngplab.networks.{name}" for name in offered("nngplab.networks")}
    assert "nngplab.networks.hidden_features" not in needing


def test_a_device_without_pytorch():
    program = """
import numpy as np
from nngplab import InputError, KernelRegression
X = np.eye(3)
for device in ("auto", "cuda"):
    try:
        print(np.allclose(KernelRegression(device=device).fit(X, X[0]).predict(X), X[0]))
    except InputError as error:
        print(error)
"""
    assert run_without_extras(program).splitlines() == [
        "True",
        "device is cuda, which needs PyTorch: run `pip install nngp-lab[torch]`, or set device to cpu",
    ]


@pytest.mark.parametrize("package", PACKAGES[:-1])
class TestOffered:
    def test_nothing_is_imported_before_a_name_is_used(self, package):
        program = f"import sys, {package}; print('numpy' in sys.modules)"
        assert run_without_extras(program).strip() == "False"

    def test_dir_lists_the_names(self, package):
        assert set(offered(package)) <= set(dir(importlib.import_module(package)))

    def test_an_unknown_name(self, package):
        with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
            importlib.import_module(package).nothing  # noqa: B018

    def test_no_name_is_that_of_a_module(self, package):
        folder = Path(str(importlib.import_module(package).__file__)).parent
        assert set(offered(package)).isdisjoint(path.stem for path in folder.iterdir())


# Why a public name has no example.
WITHOUT_EXAMPLE = {
    "extract_archive": "it takes the archive of CIFAR-10, of 170 MB",
}


def public_objects() -> dict[str, object]:
    """The public functions and classes, each once, by the path under which it is offered; None without PyTorch."""
    found: dict[str, object] = {}
    for package in PACKAGES:
        for name in offered(package):
            try:
                value = getattr(importlib.import_module(package), name)
            except ModuleNotFoundError:
                value = None
            if value is None or (callable(value) and not any(value is other for other in found.values())):
                found[f"{package}.{name}"] = value
    return found


OBJECTS = public_objects()


@pytest.mark.parametrize("path", OBJECTS)
def test_the_example_runs(path):
    if OBJECTS[path] is None:
        pytest.skip("PyTorch is not installed")
    name = path.rpartition(".")[-1]
    (found,) = doctest.DocTestFinder(recurse=False).find(OBJECTS[path], name)
    assert bool(found.examples) == (name not in WITHOUT_EXAMPLE)
    assert not doctest.DocTestRunner(optionflags=doctest.REPORT_ONLY_FIRST_FAILURE).run(found).failed


@pytest.mark.parametrize("package", PACKAGES[:-1])
def test_the_reference_lists_the_names(package):
    docs = Path(__file__).resolve().parents[2] / "docs"
    if not docs.is_dir():
        pytest.skip("the library is tested without the documentation")
    (page,) = docs.glob("**/api.md")
    text, path = page.read_text(), package.removeprefix("nngplab").removeprefix(".")
    assert [name for name in offered(package) if not re.search(rf"\b{path}\.{name}\b", text)] == []


def test_objects_print_one_short_line():
    assert len(repr(kernels.NNGP(kernels.dual_of(np.tanh), depth=3))) < 60
    assert len(repr(datasets.draw_stand_in(0)[0])) < 100
    assert len(repr(sine_target(n=100, d=20, n_test=100, seed=0))) < 100
    model = regression.KernelRegression(ridge=0.1).fit(np.eye(50), np.ones(50))
    assert repr(model) == "KernelRegression(ridge=0.1)"
    assert len(repr(regression.RecursiveFeatureMachine(bandwidth=3).fit(np.eye(50), np.ones(50)))) < 60


def test_the_version_is_that_of_the_metadata():
    import nngplab

    assert nngplab.__version__ == importlib.metadata.version("nngp-lab")
