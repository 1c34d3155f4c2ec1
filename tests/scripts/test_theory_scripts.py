"""The scripts of the theory, on the page of Problem 10 alone."""

import dataclasses
import json
import runpy
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy

from nngplab.errors import InputError
from nngplab.theory import misprints, pages
from nngplab.theory.identity import Identity, symbolic
from nngplab.theory.pages import DerivationPage
from tests.helpers.checkout import ROOT, SCRIPTS
from tests.helpers.scripts import run_script

FOLDER = ROOT / "docs/theory"

CHECKS, SUMMARY = (runpy.run_path(str(SCRIPTS / f"theory_{name}.py")) for name in ("checks", "summary"))
PROBLEM_10 = next(page for page in pages.PAGES if page.name == "problem_10")


def with_pages(listed: Sequence[DerivationPage]) -> pytest.MonkeyPatch:
    """Let the scripts find these pages alone, and the misprints of Problem 10, until this is undone."""
    patch = pytest.MonkeyPatch()
    patch.setattr(pages, "PAGES", tuple(listed))
    patch.setattr(misprints, "MISPRINTS", [m for m in misprints.MISPRINTS if m.label in (None, "10.3")])
    return patch


@pytest.fixture(scope="module", autouse=True)
def page_of_problem_10():
    """Its checks take a second, those of all pages many."""
    patch = with_pages([PROBLEM_10])
    yield
    patch.undo()


def check(output: Path, status: int = 0) -> str:
    options = ["--digits", 15, "--samples", 20_000, "--seed", 88, "--output", output]
    return run_script("theory_checks", *options, status=status)


def summarise(folder: Path, *derivations: Path, status: int = 0) -> str:
    outputs = [
        *("--derivations", folder / "derivations.json", "--summary", folder / "summary.csv"),
        *("--misprints", folder / "misprints.csv"),
    ]
    options = ["--checks", folder / "checks.csv", "--pages", *derivations, *outputs]
    return run_script("theory_summary", *options, status=status)


@pytest.fixture(scope="module")
def results(page_of_problem_10, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("theory")
    check(folder / "checks.csv")
    summarise(folder, FOLDER / "problem_10.md")
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

    def test_a_mistake_stops_the_job_with_one_line_and_no_table(self, tmp_path):
        one, two, three = map(sympy.Integer, (1, 2, 3))
        wrong = symbolic(lambda: one, lambda: two, lambda: three)
        identities = [
            dataclasses.replace(identity, check=wrong) if identity.label == "10.4" else identity
            for identity in PROBLEM_10.identities
        ]
        patch = with_pages([dataclasses.replace(PROBLEM_10, identities=identities)])
        errors = check(tmp_path / "checks.csv", status=1)
        patch.undo()
        (line,) = [line for line in errors.splitlines() if line.startswith("error: ")]
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

    def test_a_page_without_checks(self, results, tmp_path):
        shutil.copy(results / "checks.csv", tmp_path)
        errors = summarise(tmp_path, FOLDER / "problem_10.md", FOLDER / "problem_01.md", status=1)
        assert "error: theory: pages and checks do not match: problem_01" in errors
        assert not (tmp_path / "derivations.json").exists()
