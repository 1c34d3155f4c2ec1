"""Problems 1 and 5 to 10: every numbered equation has a check that holds, and that refuses a false variant."""

import functools
import html
import re
import runpy

import numpy as np
import pytest

from nngplab.report.mathematics import markdown_line
from nngplab.theory.identity import CheckResult, CheckSettings
from nngplab.theory.pages import PAGES
from tests.helpers.checkout import SCRIPTS

IDENTITIES = {identity.label: identity for page in PAGES for identity in page.identities}
METHODS = runpy.run_path(str(SCRIPTS / "theory_summary.py"))["METHODS"]


@functools.cache
def outcome(label: str) -> CheckResult:
    """Check an equation once for all tests; the pipeline checks it with more digits and draws."""
    return IDENTITIES[label].check(CheckSettings(15, 20_000, np.random.default_rng(5)))


@pytest.mark.parametrize("label", IDENTITIES)
def test_an_equation_holds_and_its_false_variant_is_refused(label):
    assert outcome(label).passed, outcome(label)
    assert outcome(label).false_rejected, outcome(label)


@pytest.mark.parametrize("label", IDENTITIES)
def test_its_method_is_one_of_those_that_the_summary_counts(label):
    assert sum(name in outcome(label).method for name in METHODS) == 1


@pytest.mark.parametrize("label", IDENTITIES)
def test_the_formulas_that_name_what_it_was_checked_for_become_mathml(label):
    page = html.unescape(markdown_line(outcome(label).scope))
    assert re.findall(r"\\[a-zA-Z]+|[$&]|<merror", re.sub("<annotation.*?</annotation>", "", page)) == []


@pytest.mark.parametrize("label", ["6.9", "6.10", "6.11", "8.1", "8.5", "8.6", "8.7", "8.8"])
def test_an_equation_for_a_general_activation_names_the_one_of_its_check(label):
    assert "$\\phi(x) = " in outcome(label).scope


@pytest.mark.parametrize(("label", "index"), [("6.8", "n"), ("6.10", "n"), ("8.4", "m"), ("9.5", "n"), ("10.2", "d")])
def test_an_equation_for_all_degrees_or_dimensions_names_those_of_its_check(label, index):
    assert f"${index} = " in outcome(label).scope


@pytest.mark.parametrize("label", ["10.1", "10.3", "10.5", "R.10", "E.9", "M.4", "M.5", "K.3", "F.5"])
def test_a_check_by_sampling_is_right_for_any_seed_with_the_fewest_samples(label):
    """What it draws decides how far the false variant is from the right side."""
    for seed in range(50):
        found = IDENTITIES[label].check(CheckSettings(20, 10_000, np.random.default_rng(seed)))
        assert found.method.startswith("sampling")
        assert found.passed, seed
        assert found.false_rejected, seed
