"""Problems 1 and 5 to 10: every numbered equation has a check that holds, and that refuses a false variant."""

import html
import re
import runpy

import numpy as np
import pandas as pd
import pytest

from nngplab.report.mathematics import markdown_line
from nngplab.theory.identity import CheckSettings
from nngplab.theory.pages import PAGES
from tests.helpers.checkout import SCRIPTS

IDENTITIES = {identity.label: identity for page in PAGES for identity in page.identities}
METHODS = runpy.run_path(str(SCRIPTS / "theory_summary.py"))["METHODS"]


@pytest.fixture(scope="module")
def checks(finished) -> pd.DataFrame:
    """The checks of a run of the pipeline, which stops if one fails."""
    table = pd.read_csv(finished / "results/theory/checks.csv", keep_default_na=False)
    return table.set_index(table["label"].str.strip("()"))


def test_every_equation_holds_and_its_false_variant_is_refused(checks):
    assert list(checks.index) == list(IDENTITIES)
    assert checks["passed"].all()
    assert checks["false_refused"].all()


@pytest.mark.parametrize("label", IDENTITIES)
def test_its_method_is_one_of_those_that_the_summary_counts(checks, label):
    assert sum(name in checks.loc[label, "method"] for name in METHODS) == 1


@pytest.mark.parametrize("label", IDENTITIES)
def test_the_formulas_that_name_what_it_was_checked_for_become_mathml(checks, label):
    page = html.unescape(markdown_line(checks.loc[label, "scope"]))
    assert re.findall(r"\\[a-zA-Z]+|[$&]|<merror", re.sub("<annotation.*?</annotation>", "", page)) == []


@pytest.mark.parametrize("label", ["6.9", "6.10", "6.11", "8.1", "8.5", "8.6", "8.7", "8.8"])
def test_an_equation_for_a_general_activation_names_the_one_of_its_check(checks, label):
    assert "$\\phi(x) = " in checks.loc[label, "scope"]


@pytest.mark.parametrize(("label", "index"), [("6.8", "n"), ("6.10", "n"), ("8.4", "m"), ("9.5", "n"), ("10.2", "d")])
def test_an_equation_for_all_degrees_or_dimensions_names_those_of_its_check(checks, label, index):
    assert f"${index} = " in checks.loc[label, "scope"]


@pytest.mark.parametrize("label", ["10.1", "10.3", "10.5", "R.10", "E.9", "M.4", "M.5", "K.3", "F.5", "S.11"])
def test_a_check_by_sampling_is_right_for_any_seed_with_the_fewest_samples(label):
    """What it draws decides how far the false variant is from the right side."""
    for seed in range(50):
        found = IDENTITIES[label].check(CheckSettings(20, 10_000, np.random.default_rng(seed)))
        assert found.method.startswith("sampling")
        assert found.passed, seed
        assert found.false_rejected, seed
