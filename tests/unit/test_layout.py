"""Each problem has one name everywhere, and the files that describe the project are consistent."""

import functools
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake_dvc._dvc import load

from tests.helpers.checkout import ALL_STAGES as NAMES
from tests.helpers.checkout import ROOT, project_files

SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))


@functools.cache
def read_yaml(path: str) -> Any:
    """The content of a file, which takes longer to read than to check."""
    return yaml.safe_load((ROOT / path).read_text())


def rules(name: str) -> list[str]:
    text = (ROOT / f"workflow/rules/{name}.smk").read_text()
    return re.findall(r"^rule (\w+):", text, flags=re.MULTILINE)


def rule_text(name: str, rule: str) -> str:
    text = (ROOT / f"workflow/rules/{name}.smk").read_text()
    return re.split(r"^(?=rule )", text.split(f"rule {rule}:\n")[1], flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", NAMES)
class TestOneNamePerProblem:
    def test_config(self, name):
        assert name in read_yaml("config/config.yaml")

    def test_schema(self, name):
        assert (ROOT / f"workflow/schemas/{name}.schema.yaml").is_file()

    def test_rules(self, name):
        assert name in rules(name), "each problem has a rule of its name"
        assert all(rule == name or rule.startswith(f"{name}_") for rule in rules(name))

    def test_scripts(self, name):
        assert [script for script in SCRIPTS if script.stem == name or script.stem.startswith(f"{name}_")]

    def test_dvc_stage(self, name):
        assert name in read_yaml("dvc.yaml")["stages"]

    def test_report_section(self, name):
        assert name == "report" or (ROOT / f"workflow/report/{name}.html.j2").is_file()

    def test_tests(self, name):
        assert list((ROOT / "tests").glob(f"*/test_{name}*.py"))

    def test_each_rule_has_a_message_and_each_job_a_log_and_an_environment(self, name):
        for rule in rules(name):
            text = rule_text(name, rule)
            assert "message:" in text, rule
            if "shell:" in text:
                wanted = ["log:", "conda:", "script="]
                assert [word for word in wanted if word not in text] == [], rule


@pytest.mark.parametrize("name", NAMES)
def test_dvc_lock_matches_the_code_and_the_configuration(name):
    """If this fails, run `make report` and commit dvc.lock and the metrics together with the change."""
    stage = read_yaml("dvc.yaml")["stages"][name]
    recorded = load(str(ROOT / "dvc.lock"))["stages"][name]
    config = read_yaml("config/config.yaml")
    assert recorded["cmd"] == stage["cmd"]
    assert recorded["params"] == {
        "config/config.yaml": {key: config[key] for key in stage["params"][0]["config/config.yaml"]}
    }
    contents = {dep["path"]: dep["md5"] for dep in recorded["deps"]}
    assert contents.keys() == set(stage["deps"])
    sources = [path for path in contents if path.startswith(("src/", "workflow/", "docs/")) and (ROOT / path).is_file()]
    assert {path: hashlib.md5((ROOT / path).read_bytes(), usedforsecurity=False).hexdigest() for path in sources} == {
        path: contents[path] for path in sources
    }


@pytest.mark.parametrize(
    ("files", "others"), [("rules/*.smk", ["common"]), ("schemas/*.schema.yaml", ["config"])], ids=["rules", "schemas"]
)
def test_each_file_belongs_to_a_stage(files, others):
    assert {path.name.split(".")[0] for path in (ROOT / "workflow").glob(files)} == {*NAMES, *others}


def test_each_script_belongs_to_a_problem():
    assert [
        script.name
        for script in SCRIPTS
        if not any(script.stem == name or script.stem.startswith(f"{name}_") for name in NAMES)
    ] == []


def test_no_file_contains_a_path_of_this_machine():
    for name in project_files():
        text = (ROOT / name).read_text(encoding="utf-8", errors="ignore")
        assert f"{Path.home()}/" not in text, name
        assert f"{ROOT}/" not in text, name
