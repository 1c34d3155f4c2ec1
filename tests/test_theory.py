"""Problems 1 and 5 to 10: every numbered equation holds, and each check refuses a false variant."""

import os
import subprocess
import sys

import mpmath
import numpy as np
import pandas as pd
import pytest
import sympy
from conftest import ROOT

from nngplab.errors import InputError
from nngplab.theory.derivations import one_line, steps, title
from nngplab.theory.identity import (
    Effort,
    Outcome,
    gaussian_mean,
    in_float64,
    normal_density,
    numerical,
    pair_mean,
    sampled,
    symbolic,
)
from nngplab.theory.pages import PAGES

FOLDER = ROOT / "docs/theory"
SCRIPTS = ROOT / "workflow/scripts"


def effort(digits: int = 20, samples: int = 20_000) -> Effort:
    return Effort(digits, samples, np.random.default_rng(5))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
class TestPages:
    def test_each_number_has_a_check_and_each_check_a_number(self, page):
        printed = [(step["label"], step["latex"]) for step in steps((FOLDER / f"{page.name}.md").read_text())]
        checked = [(identity.label, one_line(identity.statement)) for identity in page.identities]
        assert printed[:-1] == checked

    def test_a_false_variant_is_another_statement(self, page):
        for identity in page.identities:
            assert one_line(identity.false_statement) != one_line(identity.statement)


def test_every_page_is_listed_and_in_the_index():
    names = [page.name for page in PAGES]
    assert sorted(names) == sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
    index = (FOLDER / "README.md").read_text()
    assert [name for name in names if f"]({name}.md)" not in index] == []


def test_no_number_is_given_twice():
    labels = [identity.label for page in PAGES for identity in page.identities]
    assert len(set(labels)) == len(labels)
