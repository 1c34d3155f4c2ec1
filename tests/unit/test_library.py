"""The library by itself: its public names, and what it does without PyTorch and the packages of the pipeline."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ["nngplab", *(f"nngplab.{name}" for name in ("kernels", "regression", "networks", "datasets", "duals"))]
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


def test_the_version_is_that_of_the_metadata():
    import nngplab

    assert nngplab.__version__ == importlib.metadata.version("nngp-lab")
