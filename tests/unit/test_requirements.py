"""Every dependency is pinned, and requirements, environment and metadata agree."""

import re
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.requirements import Requirement

from tests.helpers.checkout import ROOT
from tests.helpers.library import are_those_of_all_tests


def pins_of(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))


def needed_by(*extras: str) -> list[Requirement]:
    """What the library needs, and what the extras add."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = (project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras))
    return [Requirement(text) for group in groups for text in group]


# Of the pipeline, and of what is installed beside it. "torch" is a part of "pipeline", "benchmarks" has no lock.
LOCKS = {"pipeline": "requirements.lock"} | {
    extra: f"requirements-{extra}.lock" for extra in ("test", "docs", "visdom", "cluster", "mpi")
}


class TestPins:
    PINS = pins_of("requirements.lock")
    CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch", "seaborn-base": "seaborn"}

    @pytest.mark.parametrize(
        "lock",
        [*LOCKS.values(), *(f"requirements-{name}.lock" for name in ("engines", "oldest", "newest"))],
    )
    def test_the_lock_has_hashes_and_no_addresses(self, lock):
        text = (ROOT / lock).read_text().strip()
        assert "://" not in text
        assert "--index-url" not in text
        for requirement in re.split(r"\n(?=[a-z])", text):
            assert "--hash=sha256:" in requirement, requirement.splitlines()[0]

    @pytest.mark.parametrize("extra", [*LOCKS, "torch"])
    def test_every_dependency_is_locked_within_its_range(self, extra):
        pins = self.PINS | pins_of(LOCKS.get(extra, "requirements.lock"))
        for requirement in needed_by(extra):
            assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement

    def test_what_is_installed_beside_the_pipeline_changes_nothing_of_it_nor_of_the_other(self):
        tests = pins_of("requirements-test.lock")
        for extra in ("test", "docs", "visdom", "mpi"):
            pins = pins_of(LOCKS[extra])
            assert pins.keys().isdisjoint(self.PINS)
            assert {name: tests[name] for name in pins.keys() & tests.keys()} == {
                name: pins[name] for name in pins.keys() & tests.keys()
            }

    def test_the_oldest_versions_are_the_lower_bounds(self):
        """Of the oldest Python; later ones need later versions, for which there are wheels."""
        text = (ROOT / "requirements-oldest.lock").read_text()
        for requirement in needed_by():
            (bound,) = requirement.specifier
            lowest = rf"^{requirement.name}=={re.escape(bound.version)}(\.0)? "
            assert re.search(lowest, text, flags=re.MULTILINE), requirement

    def test_the_library_is_tested_again_only_with_other_versions(self):
        here = [f"{need.name}=={version(need.name)}" for need in needed_by()]
        assert are_those_of_all_tests([*here, "packaging==1.0"])
        for need in needed_by():
            other = [line for line in here if not line.startswith(f"{need.name}=")]
            assert not are_those_of_all_tests([*other, f"{need.name}==0.1"])

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
        assert {need.name.lower() for need in needed_by("pipeline")} <= conda
