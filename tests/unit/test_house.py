"""One name, one room: the places that speak of the same thing hold together."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake_dvc._dvc import load

from tests.helpers.checkout import ROOT, project_files

NAMES = sorted(path.stem for path in (ROOT / "workflow/rules").glob("*.smk") if path.stem != "common")
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))


def rules(name: str) -> list[str]:
    text = (ROOT / f"workflow/rules/{name}.smk").read_text()
    return re.findall(r"^rule (\w+):", text, flags=re.MULTILINE)


def rule_text(name: str, rule: str) -> str:
    text = (ROOT / f"workflow/rules/{name}.smk").read_text()
    return re.split(r"^(?=rule |localrules:)", text.split(f"rule {rule}:\n")[1], flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", NAMES)
class TestOneNameOneRoom:
    def test_config(self, name):
        assert name in yaml.safe_load((ROOT / "config/config.yaml").read_text())

    def test_schema(self, name):
        assert name in yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())["properties"]

    def test_rules(self, name):
        assert name in rules(name), "each room has a target of its name"
        assert all(rule == name or rule.startswith(f"{name}_") for rule in rules(name))

    def test_scripts(self, name):
        assert [script for script in SCRIPTS if script.stem == name or script.stem.startswith(f"{name}_")]

    def test_dvc_stage(self, name):
        assert name in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

    def test_section_of_the_report(self, name):
        assert name == "report" or (ROOT / f"workflow/report/{name}.html.j2").is_file()

    def test_tests(self, name):
        assert list((ROOT / "tests").glob(f"*/test_{name}*.py"))

    def test_every_rule_that_runs_keeps_the_manners(self, name):
        for rule in rules(name):
            text = rule_text(name, rule)
            assert "message:" in text, rule
            if "shell:" in text:
                wanted = ["log:", "benchmark:", "mem_mb=", "runtime=", "conda:", "script="]
                assert [word for word in wanted if word not in text] == [], rule


@pytest.mark.parametrize("name", NAMES)
def test_the_lock_file_records_the_present_code_and_configuration(name):
    """A commit says what its results are: run `make report` and commit dvc.lock and the metrics with the change."""
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][name]
    recorded = load(str(ROOT / "dvc.lock"))["stages"][name]
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    assert recorded["cmd"] == stage["cmd"]
    assert recorded["params"] == {
        "config/config.yaml": {key: config[key] for key in stage["params"][0]["config/config.yaml"]}
    }
    contents = {dep["path"]: dep["md5"] for dep in recorded["deps"]}
    assert contents.keys() == set(stage["deps"])
    sources = [path for path in contents if path.startswith(("src/", "workflow/", "docs/"))]
    assert {path: hashlib.md5((ROOT / path).read_bytes(), usedforsecurity=False).hexdigest() for path in sources} == {
        path: contents[path] for path in sources
    }


def test_no_script_stands_outside_a_room():
    assert [
        script.name
        for script in SCRIPTS
        if not any(script.stem == name or script.stem.startswith(f"{name}_") for name in NAMES)
    ] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_explains_itself(script):
    """`--help` works, so the script can be imported and run without the engine."""
    ended = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "--log" in ended.stdout
    assert all(len(line) > 0 for line in ended.stdout.splitlines()[:1])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_rule_declares_every_library_module_that_its_script_really_imports(script):
    """The declared list comes from the import graph; here it is compared with what Python itself loads."""
    program = (
        "import runpy, sys\n"
        f"runpy.run_path({str(script)!r}, run_name='imported')\n"
        "print(*[m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'nngplab'], sep='\\n')"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    modules = {str(Path(path).relative_to(ROOT)) for path in loaded.stdout.split()}
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    room = next(name for name in NAMES if script.stem == name or script.stem.startswith(f"{name}_"))
    assert modules <= set(stages[room]["deps"])
    assert f"workflow/scripts/{script.name}" in stages[room]["deps"]


def pins_of(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))


class TestPins:
    PINS = pins_of("requirements.lock")
    CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch", "seaborn-base": "seaborn"}

    @pytest.mark.parametrize(
        "lock",
        ["requirements.lock", "requirements-visdom.lock", "requirements-cluster.lock", "requirements-engines.lock"],
    )
    def test_the_lock_has_hashes_and_no_addresses(self, lock):
        text = (ROOT / lock).read_text().strip()
        assert "://" not in text
        assert "--index-url" not in text
        for requirement in re.split(r"\n(?=[a-z])", text):
            assert "--hash=sha256:" in requirement, requirement.splitlines()[0]

    def test_every_dependency_is_locked_within_its_range(self):
        pins = self.PINS | pins_of("requirements-visdom.lock") | pins_of("requirements-cluster.lock")
        from importlib.metadata import requires

        from packaging.requirements import Requirement

        for text in requires("nngp-lab") or []:
            requirement = Requirement(text)
            if 'extra == "benchmarks"' in text:
                continue  # peers to be compared with, which nothing else needs
            assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement

    def test_the_environment_is_the_locked_one(self):
        from importlib.metadata import version

        for name in ("numpy", "scipy", "torch", "torchvision", "snakemake", "dvc", "pandas", "seaborn"):
            assert version(name).split("+")[0] == self.PINS[name]

    def test_the_conda_environment_equals_the_lock(self):
        environment = yaml.safe_load((ROOT / "environment.yml").read_text())
        conda = dict(line.split(" =") for line in environment["dependencies"] if " =" in line)
        del conda["python"]
        names = {self.CONDA_NAMES.get(name, name.removesuffix("-minimal")): pin for name, pin in conda.items()}
        assert names == {name: self.PINS[name] for name in names}

    def test_the_conda_environment_holds_every_dependency(self):
        from importlib.metadata import requires

        from packaging.requirements import Requirement

        environment = yaml.safe_load((ROOT / "environment.yml").read_text())
        conda = {line.split(" =")[0] for line in environment["dependencies"]}
        conda = {self.CONDA_NAMES.get(name, name.removesuffix("-minimal")) for name in conda}
        needed = {Requirement(text) for text in requires("nngp-lab") or []}
        assert {need.name.lower() for need in needed if not need.marker} <= conda


def test_no_file_names_a_machine():
    for name in project_files():
        text = (ROOT / name).read_text(encoding="utf-8", errors="ignore")
        assert f"{Path.home()}/" not in text, name
        assert f"{ROOT}/" not in text, name


def test_the_example_of_the_readme_runs(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        subprocess.run([sys.executable, "-W", "error", "-c", block], check=True, cwd=tmp_path)


def test_the_readme_names_files_and_targets_that_exist():
    text = (ROOT / "README.md").read_text()
    for path in re.findall(r"\]\((?!http)([^)]+\.md)\)", text):
        assert (ROOT / path).exists(), path
    targets = re.findall(r"^([a-z./]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z.]+)", text, flags=re.MULTILINE)
    assert {"report", "test"} <= set(named) <= set(targets)
