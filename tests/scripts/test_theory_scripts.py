"""The scripts of the theory, on the page of Problem 10 alone."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy

from nngplab.errors import InputError
from nngplab.theory.identity import (
    CheckSettings,
    Identity,
    symbolic,
)
from nngplab.theory.pages import PAGES, DerivationPage
from tests.helpers.checkout import ROOT, SCRIPTS

FOLDER = ROOT / "docs/theory"

CHECKS, SUMMARY = (runpy.run_path(str(SCRIPTS / f"theory_{name}.py")) for name in ("checks", "summary"))
PROBLEM_10 = next(page for page in PAGES if page.name == "problem_10")
IDENTITIES = {identity.label: identity for page in PAGES for identity in page.identities}
# The pages on the duals have a module of tests of their own.
HERE = [
    identity
    for page in PAGES
    if page.name in ("problem_01", "problem_08", "problem_10", "minimum_norm")
    for identity in page.identities
]


def effort(digits: int = 20, samples: int = 20_000, seed: int = 5) -> CheckSettings:
    return CheckSettings(digits, samples, np.random.default_rng(seed))


def script(name: str, *options: object, library: Path = ROOT / "src") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPTS / f"{name}.py", *options]
    environment = {**os.environ, "PYTHONPATH": str(library)}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """A copy of the library with the page of Problem 10 alone, to run in seconds and to break."""
    folder = tmp_path_factory.mktemp("src")
    shutil.copytree(ROOT / "src/nngplab", folder / "nngplab", ignore=shutil.ignore_patterns("__pycache__"))
    pages = folder / "nngplab/theory/pages.py"
    entries = re.sub(r"^PAGES = .*", "", pages.read_text(), flags=re.MULTILINE | re.DOTALL)
    pages.write_text(f'{entries}PAGES = (DerivationPage("problem_10", "10", problem_10.IDENTITIES),)\n')
    misprints = folder / "nngplab/theory/misprints.py"
    misprints.write_text(f'{misprints.read_text()}\nMISPRINTS = [m for m in MISPRINTS if m.label in (None, "10.3")]\n')
    return folder


def check(library: Path, output: Path) -> subprocess.CompletedProcess[str]:
    options = ["--digits", 15, "--samples", 20_000, "--seed", 88, "--output", output]
    return script("theory_checks", *options, library=library)


def summarise(library: Path, folder: Path, *pages: Path) -> subprocess.CompletedProcess[str]:
    outputs = [
        *("--derivations", folder / "derivations.json", "--summary", folder / "summary.csv"),
        *("--misprints", folder / "misprints.csv"),
    ]
    return script("theory_summary", "--checks", folder / "checks.csv", "--pages", *pages, *outputs, library=library)


@pytest.fixture(scope="module")
def results(library, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("theory")
    ended = check(library, folder / "checks.csv")
    assert ended.returncode == 0, ended.stderr
    ended = summarise(library, folder, FOLDER / "problem_10.md")
    assert ended.returncode == 0, ended.stderr
    return folder


class TestChecks:
    def test_the_table(self, results):
        table = pd.read_csv(results / "checks.csv")
        promised = ["problem", "statement", "method", "max_abs_error", "tolerance", "passed"]
        assert list(table.columns[:10]) == [*promised, "label", "false_statement", "false_error", "false_refused"]
        assert table["label"].tolist() == ["(10.1)", "(10.2)", "(10.3)", "(10.4)", "(10.5)", "(10.6)"]
        assert table["passed"].all()
        assert table["false_refused"].all()
        assert (table["max_abs_error"] <= table["tolerance"]).all()
        assert (table["false_error"] > table["tolerance"]).all()
        assert (table[["problem", "digits", "samples", "seed"]] == [10, 15, 20_000, 88]).all(axis=None)

    def test_the_same_seed_gives_the_same_errors_and_another_one_others(self, results):
        table = pd.read_csv(results / "checks.csv").astype({"problem": str})
        pd.testing.assert_frame_equal(CHECKS["check"](PROBLEM_10, 15, 20_000, 88), table, check_exact=True)
        other = CHECKS["check"](PROBLEM_10, 15, 20_000, 89)
        assert (other["max_abs_error"] != table["max_abs_error"]).sum() == 4, "all but those by sympy"

    def test_a_mistake_stops_the_job_with_one_line_and_no_table(self, library, tmp_path):
        broken = shutil.copytree(library, tmp_path / "src")
        module = broken / "nngplab/theory/problem_10.py"
        assert "_gaussian(cross=2)" in module.read_text()
        module.write_text(module.read_text().replace("_gaussian(cross=2)", "_gaussian(cross=3)"))
        ended = check(broken, tmp_path / "checks.csv")
        assert ended.returncode == 1
        (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
        assert line == (
            "error: theory: the two sides differ in (10.4): correct the equation or its check in src/nngplab/theory"
        )
        assert not (tmp_path / "checks.csv").exists()

    def test_a_false_variant_that_holds_is_reported(self):
        true = lambda: sympy.Integer(1)  # noqa: E731
        identities = [Identity(label, "1", "2", symbolic(true, true, true)) for label in ("x.1", "x.2")]
        checks = CHECKS["check"](DerivationPage("x", "x", identities), 15, 1000, 88)
        with pytest.raises(InputError, match=r"^theory: the false variant is accepted in \(x\.1\), \(x\.2\): correct"):
            CHECKS["raise_on_failures"](checks)


class TestSummary:
    def test_the_counts(self, results):
        summary = pd.read_csv(results / "summary.csv").set_index("page")
        assert summary.loc["problem_10"].to_dict() == summary.loc["all"].to_dict()
        assert summary.loc["all", ["identities", "passed", "false_refused"]].tolist() == [6, 6, 6]
        assert summary.loc["all", ["sympy", "mpmath", "float64", "sampling"]].tolist() == [2, 1, 0, 3]

    def test_every_method_is_counted(self):
        methods = pd.Series([identity.check(effort(15, 2000)).method for identity in HERE])
        counted = sum(methods.str.contains(name).astype(int) for name in SUMMARY["METHODS"])
        assert (counted == 1).all()

    def test_the_derivation(self, results):
        (page,) = json.loads((results / "derivations.json").read_text())["pages"]
        assert page["name"] == "problem_10"
        assert page["title"].startswith("Problem 10")
        labels = [step["label"] for step in page["steps"]]
        assert labels == [*pd.read_csv(results / "checks.csv")["label"], None]

    def test_a_misprint_has_the_errors_of_its_check(self, results):
        checks = pd.read_csv(results / "checks.csv").set_index("label")
        misprints = pd.read_csv(results / "misprints.csv")
        with_check = misprints.dropna(subset="label").set_index("label")
        assert with_check.loc["(10.3)", "printed_error"] == np.inf
        assert with_check.loc["(10.3)", "right_error"] == checks.loc["(10.3)", "max_abs_error"]
        assert misprints.loc[misprints["label"].isna(), ["printed_error", "right_error"]].isna().all(axis=None)

    @pytest.mark.parametrize(
        ("old", "new", "fault"),
        [
            (r"= \Lambda \tag{10.3}", r"= 2 \Lambda \tag{10.3}", r"equation \(10.3\) differs from that in"),
            (r"\tag{10.3}", "", r"equation \(10.3\) differs from that in"),
            (r"\tag{10.3}", r"\tag{10.7}", r"equation \(10.7\) differs from that in"),
            (" \\tag{10.3}\n$$", "\n$$ \\tag{10.3}", "a number is not at the end of an equation"),
        ],
    )
    def test_a_page_that_differs_from_its_checks(self, tmp_path, old, new, fault):
        text = (FOLDER / "problem_10.md").read_text()
        assert old in text
        page = tmp_path / "problem_10.md"
        page.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=f"^{page}: {fault}"):
            SUMMARY["read_derivation"](PROBLEM_10, page)

    def test_a_page_without_checks(self, library, results, tmp_path):
        shutil.copy(results / "checks.csv", tmp_path)
        ended = summarise(library, tmp_path, FOLDER / "problem_10.md", FOLDER / "problem_01.md")
        assert ended.returncode == 1
        assert "error: theory: pages and checks do not match: problem_01" in ended.stderr
        assert not (tmp_path / "derivations.json").exists()
