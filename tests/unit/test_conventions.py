"""Files in which hosts, editors and catalogs look for something are consistent with the project."""

import json
import re

import pytest
import yaml

from tests.helpers.checkout import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
STEPS = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("target", sorted({word for step in STEPS for word in re.findall(r"\bmake (\S+)", step)}))
def test_each_target_of_the_ci_workflow_is_one_of_the_makefile(target):
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_each_job_of_the_ci_workflow_ends_and_uses_no_secret():
    assert all("timeout-minutes" in job for job in WORKFLOW["jobs"].values())
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "secrets" not in (ROOT / ".github/workflows/ci.yml").read_text()


def test_the_development_container_is_tested():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["image"] == WORKFLOW["jobs"]["test"]["container"]
    assert container["postCreateCommand"] == "make install"


def test_the_workflow_catalog_finds_what_it_needs():
    """https://snakemake.github.io/snakemake-workflow-catalog: "Adding workflows", standardized usage."""
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert usage["software-stack-deployment"] == {"conda": True, "report": True}
    assert (ROOT / "workflow/Snakefile").is_file()
    assert (ROOT / "config/README.md").is_file()
    words = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in words
    assert "workflow" in words
