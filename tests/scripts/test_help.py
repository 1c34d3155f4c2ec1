"""Each script shows its help without Snakemake, and its rule depends on all that it imports."""

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.helpers.checkout import ALL_STAGES as NAMES
from tests.helpers.checkout import ROOT
from tests.helpers.checkout import SCRIPTS as FOLDER

SCRIPTS = sorted(FOLDER.glob("*.py"))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


@pytest.fixture(scope="module")
def help_of_scripts(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """For each script: the exit status and the output of `--help`, and the library modules that it loaded.

    One process runs all of them, since the other imports, PyTorch among them, take seconds.
    """
    output = tmp_path_factory.mktemp("scripts") / "help.json"
    subprocess.run([sys.executable, "-m", "tests.helpers.script_help", output, *SCRIPTS], check=True, cwd=ROOT)
    return json.loads(output.read_text())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
class TestScript:
    def test_help(self, script, help_of_scripts):
        """A script can be imported and run without Snakemake."""
        result = help_of_scripts[script.stem]
        assert result["status"] == 0, result["output"]
        assert result["output"].startswith("usage:")
        assert "--log" in result["output"]

    def test_its_rule_depends_on_every_library_module_that_it_imports(self, script, help_of_scripts):
        """The dependencies come from a static import graph; compare them with what Python loads."""
        name = next(name for name in NAMES if script.stem == name or script.stem.startswith(f"{name}_"))
        dependencies = set(STAGES[name]["deps"])
        assert set(help_of_scripts[script.stem]["modules"]) <= dependencies
        assert f"workflow/scripts/{script.name}" in dependencies
