"""Every dependency is pinned, and requirements, environment and metadata agree."""

import re
from importlib.metadata import requires, version

import pytest
import yaml
from packaging.requirements import Requirement

from tests.helpers.checkout import ROOT


def pins_of(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))


class TestPins:
    PINS = pins_of("requirements.lock")
    CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch", "seaborn-base": "seaborn"}

    @pytest.mark.parametrize(
        "lock",
        [
            "requirements.lock",
            "requirements-visdom.lock",
            "requirements-cluster.lock",
            "requirements-engines.lock",
            "requirements-docs.lock",
        ],
    )
    def test_the_lock_has_hashes_and_no_addresses(self, lock):
        text = (ROOT / lock).read_text().strip()
        assert "://" not in text
        assert "--index-url" not in text
        for requirement in re.split(r"\n(?=[a-z])", text):
            assert "--hash=sha256:" in requirement, requirement.splitlines()[0]

    def test_every_dependency_is_locked_within_its_range(self):
        pins = (
            self.PINS
            | pins_of("requirements-visdom.lock")
            | pins_of("requirements-cluster.lock")
            | pins_of("requirements-docs.lock")
        )
        for text in requires("nngp-lab") or []:
            requirement = Requirement(text)
            if 'extra == "benchmarks"' in text:
                continue  # used only by benchmarks/, and not locked
            assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement

    def test_the_environment_is_the_locked_one(self):
        for name in ("numpy", "scipy", "torch", "torchvision", "snakemake", "dvc", "pandas", "seaborn"):
            assert version(name).split("+")[0] == self.PINS[name]

    def test_the_conda_environment_equals_the_lock(self):
        environment = yaml.safe_load((ROOT / "environment.yml").read_text())
        conda = dict(line.split(" =") for line in environment["dependencies"] if " =" in line)
        del conda["python"]
        names = {self.CONDA_NAMES.get(name, name.removesuffix("-minimal")): pin for name, pin in conda.items()}
        assert names == {name: self.PINS[name] for name in names}

    def test_the_conda_environment_holds_every_dependency(self):
        environment = yaml.safe_load((ROOT / "environment.yml").read_text())
        conda = {line.split(" =")[0] for line in environment["dependencies"]}
        conda = {self.CONDA_NAMES.get(name, name.removesuffix("-minimal")) for name in conda}
        needed = {Requirement(text) for text in requires("nngp-lab") or []}
        assert {need.name.lower() for need in needed if not need.marker} <= conda
