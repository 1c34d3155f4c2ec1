"""The page on adding a problem: the files that it shows are enough, and they make no other result stale."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.helpers.checkout import ROOT, SECTIONS, TINY
from tests.helpers.report_page import sentences

PAGE = (ROOT / "docs/add_a_problem.md").read_text()
BLOCKS = re.findall(r"(Add to|Create)\s`([^`]+)`:\n\n```\w+\n(.*?)```", PAGE, flags=re.DOTALL)
SNAKEMAKE = ("snakemake", "--cores", "2", *TINY)


def add_problem(folder: Path) -> None:
    for verb, name, text in BLOCKS:
        path = folder / name
        assert path.exists() == (verb == "Add to"), name
        before = path.read_text() if path.exists() else ""
        # The report comes last.
        head, report, tail = before.partition("report:\n") if name == "workflow/stages.yaml" else (before, "", "")
        path.write_text(f"{head}{text}{report}{tail}")


@pytest.fixture(scope="module")
def extended(finished, tmp_path_factory, done) -> Path:
    """A checkout with all results of the tiny configuration, to which the problem of the page is added."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("problem") / "checkout", symlinks=True)
    add_problem(folder)
    return folder


def test_the_table_of_the_page_lists_these_files():
    listed = re.findall(r"^\| `([^`]+)` \|", PAGE, flags=re.MULTILINE)
    assert listed == [name for _, name, _ in BLOCKS]


def test_the_new_problem_runs_alone_and_is_in_the_report(extended, done):
    output = done(extended, *SNAKEMAKE)
    rules = {"dice_throws", "report_origins", "report", "all"}
    assert set(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", output)) == rules
    page = (extended / "results/report.html").read_text()
    expected = ["answers", *SECTIONS[:-1], "dice", "theory", "images", "provenance"]
    assert re.findall(r'<section id="(\w+)">', page) == expected
    assert "The mean of 1,000 throws is " in sentences(page, "dice")


def test_the_generated_files_follow(extended, done):
    done(extended, "python", "-m", "snakemake_dvc", "stages")
    done(extended, "python", "workflow/config_page.py")
    stages = yaml.safe_load((extended / "dvc.yaml").read_text())["stages"]
    assert stages["dice"]["metrics"] == [{"results/dice/metrics.json": {"cache": False}}]
    assert stages["dice"]["params"] == [{"config/config.yaml": ["seed", "dice"]}]
    assert "\n## `dice`\n" in (extended / "docs/configuration.md").read_text()
    assert "\n| `dice` | 14 | the mean of throws of a die |\n" in (extended / "README.md").read_text()
    others = {name: stage for name, stage in stages.items() if name not in ("dice", "report")}
    shipped = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert others == {name: stage for name, stage in shipped.items() if name != "report"}


def test_the_files_are_as_the_tools_want_them(extended, done):
    done(extended, "ruff", "check", "--no-cache")
    done(extended, "ruff", "format", "--check", "--no-cache")
    done(extended, "snakefmt", "--check", "workflow/rules/dice.smk")
    done(extended, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/scripts/test_dice.py")
