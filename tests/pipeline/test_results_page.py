"""The page on results names all files of every stage, and columns that its tables have."""

import re

import pandas as pd
import pytest
import yaml

from tests.helpers.checkout import ROOT

PAGE = (ROOT / "docs/results.md").read_text()
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def rows(stage: str) -> list[tuple[list[str], str]]:
    """Return the files and the columns in each row of the table of a stage."""
    (section,) = re.findall(rf"^## `{stage}`.*?$(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    cells = [line.strip("| ").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [(re.findall(r"`([^`]+)`", row[0]), row[2] if len(row) > 2 else "") for row in cells]


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "report"])
class TestStage:
    def test_the_page_names_its_files(self, stage):
        outputs = [name for out in STAGES[stage]["outs"] for name in ([out] if isinstance(out, str) else out)]
        outputs += [name for metrics in STAGES[stage].get("metrics", []) for name in metrics]
        expected = {name for name in outputs if name.startswith("results/")}
        named = {f"results/{stage}/{name.rstrip('/')}" for names, _ in rows(stage) for name in names}
        assert named == expected

    def test_the_tables_have_the_columns(self, stage, finished):
        for (name, *_), columns in rows(stage):
            if name.endswith(".csv"):
                table = pd.read_csv(finished / f"results/{stage}/{name}", nrows=1)
                assert set(re.findall(r"`(\w+)`", columns)) <= {*table}, name
