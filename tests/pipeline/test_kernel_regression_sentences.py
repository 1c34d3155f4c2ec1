"""The sentences of Problem 11 against what generated test errors say, whatever they are."""

import itertools
import math
import re
import runpy
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nngplab.report.labels import kernel_label
from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from nngplab.report.tracing import significant
from tests.helpers.checkout import SCRIPTS
from tests.helpers.predictions import write_kernel_theory
from tests.helpers.report_page import (
    PICTURE,
    TEMPLATES,
    answer_of,
    sentences,
    typed_digits,
    write_cifar10,
)

SUMMARY = runpy.run_path(str(SCRIPTS / "kernel_regression_summary.py"))
BASELINES = ["linear", "zero"]
# Multiples of this are exact, and so are their sums: equal means are equal to the last digit.
UNIT = 2.0**-20

Errors = dict[str, list[int]]


@st.composite
def errors_of_kernels(draw: st.DrawFn) -> tuple[Errors, Errors]:
    """Test errors of each kernel in multiples of UNIT, the headline first, by both kinds of labels."""
    asked = draw(st.lists(st.sampled_from(["relu", "sine", "erf", "laplace", "step"]), min_size=1, unique=True))
    repeats = draw(st.integers(1, 8))
    after, before = {}, {}
    shared = draw(st.lists(st.integers(0, 40), min_size=repeats + 1, max_size=repeats + 1))
    for kernel in [*asked, *BASELINES]:
        level, spread = draw(st.integers(1, 12)), draw(st.sampled_from([0, 1, 5]))
        noise = draw(st.lists(st.integers(0, spread), min_size=repeats + 1, max_size=repeats + 1))
        after[kernel] = [level + common + extra for common, extra in zip(shared, noise, strict=True)]
        before[kernel] = [draw(st.integers(100, 104)) for _ in range(repeats + 1)]
    return after, before


def tables(after: Errors, before: Errors, literal: bool) -> pd.DataFrame:
    return pd.DataFrame(
        {"kernel": kernel, "seed": 88 + repeat, "test_mse": UNIT * mse, "r2": 0.5, "condition_number": 9.0}
        | {"repeat": repeat, "zero_mse": UNIT * after["zero"][repeat], "residual": 1e-15, "laplace_L": 0.005}
        | {"n": 10, "d": 20, "n_test": 50, "labels_before_normalising": literal}
        | {"test_mse_labels_before": UNIT * before[kernel][repeat]}
        for repeat in range(len(after["zero"]))
        for kernel, mse in ((kernel, mses[repeat]) for kernel, mses in after.items())
    )


class Theory(NamedTuple):
    """What theory predicts for each kernel."""

    predicted: dict[str, float]
    ridges: dict[str, float]
    from_ridge: float


class Page:
    def __init__(self, folder: Path) -> None:
        self.results = folder / "results"
        self.folder = self.results / "kernel_regression"
        for name in ("cifar10", "kernel_regression"):
            (self.results / name).mkdir(parents=True)
        write_cifar10(self.results / "cifar10")
        (self.folder / "repeats.svg").write_text(PICTURE)
        pd.DataFrame(
            {"reading": ["printed", "corrected"], "diagonal": [0.0, 1.0], "smallest_eigenvalue": [-1.7, 0.2], "n": 10}
            | {"largest_eigenvalue": [3.2, 3.7], "negative_eigenvalues": [6, 0], "test_mse": [0.35, 0.1]}
            | {"r2": [-1.5, 0.495]}
        ).to_csv(self.folder / "misprint.csv", index=False)
        pd.DataFrame(
            {"reading": ["after", "before"], "rms_norm": [1.0, 4.1], "rms_label": [0.005, 0.047]}
            | {"zero_test_mse": [0.1, 0.2], "f_test_mse": [0.0, 0.15], "nonlinear_share": [0.1, 0.2]}
        ).to_csv(self.folder / "labels.csv", index=False)

    def text(self, table: pd.DataFrame, theory: "Theory | None" = None) -> str:
        kernels = [kernel for kernel in table["kernel"].unique() if kernel != "zero"]
        theory = theory or Theory(dict.fromkeys(kernels, 3 * UNIT), dict.fromkeys(kernels, 0.5), 1.01)
        write_kernel_theory(self.folder, table, theory.predicted, theory.ridges, theory.from_ridge)
        table.to_csv(self.folder / "test_mse.csv", index=False)
        SUMMARY["summarise"](table).to_csv(self.folder / "summary.csv", index=False)
        SUMMARY["compare_pairs"](table).to_csv(self.folder / "paired.csv", index=False)
        report = HTMLReport(TEMPLATES, Results(self.results), student=None, config={}, provenance={})
        html = report.render(["kernel_regression"])
        assert typed_digits(html, "kernel_regression") == []
        check_answer(answer_of(html, "kernel_regression"), table)
        return sentences(html, "kernel_regression")


def check_answer(answer: str, table: pd.DataFrame) -> None:
    """The answer has the test MSE of each kernel, or of the best and the worst if there are many."""
    headline = table[table["repeat"].eq(0) & ~table["kernel"].isin(["linear", "zero"])]
    for kernel, value in zip(headline["kernel"], headline["test_mse"], strict=True):
        if len(headline) <= 4 or value in (headline["test_mse"].min(), headline["test_mse"].max()):
            assert significant(value) in answer
            assert len(headline) > 4 or f"{kernel_label(kernel)} {significant(value)}" in answer


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return Page(tmp_path_factory.mktemp("page"))


def verdict(mine: list[int], others: list[int]) -> str:
    """What Student's t distribution says of the paired differences, computed by hand."""
    differences = [m - o for m, o in zip(mine[1:], others[1:], strict=True)]
    if not any(differences):
        return "equal"
    count, mean = len(differences), statistics.fmean(differences)
    if count == 1:
        return "undecided"
    half = scipy.stats.t.ppf(0.975, count - 1) * statistics.stdev(differences) / math.sqrt(count)
    return "better" if mean + half < 0 else "worse" if mean - half > 0 else "undecided"


def split(names: str) -> list[str]:
    """The kernels of "the A, B and C"."""
    return re.split(r", | and ", names.strip().removeprefix("the "))


def cut(text: str, start: str, end: str) -> str:
    found = re.search(rf"{start}(.*?){end}", text)
    assert found, (start, end, text)
    return found[1]


def is_order(names: list[str], values: dict[str, float]) -> bool:
    assert sorted(names) == sorted(values)
    return all(values[first] <= values[second] for first, second in itertools.pairwise(names))


def agree(first: dict[str, float], second: dict[str, float]) -> bool:
    """Whether one order is ascending in both."""
    return not any(first[a] < first[b] and second[a] > second[b] for a, b in itertools.permutations(first, 2))


def said_against(words: str, asked: Errors, group: str) -> Iterator[tuple[str, str]]:
    """Each kernel with the verdict that the page gives it."""
    for phrase in words.split("; "):
        found = re.fullmatch(r"(?P<names>.*) (is|are) (?P<kind>better|worse)", phrase)
        found = found or re.fullmatch(r"(?P<names>.*) (has|have) the same test MSE in (?P<kind>every repeat)", phrase)
        found = found or re.fullmatch(r"the data do not (?P<kind>decide) for (?P<names>.*)", phrase)
        assert found, phrase
        kind = {"every repeat": "equal", "decide": "undecided"}.get(found["kind"], found["kind"])
        everyone = found["names"] in (group, "any of them")
        for name in asked if everyone else split(found["names"]):
            yield name, kind


def check_order(text: str, asked: Errors) -> None:
    headline = {name: mses[0] for name, mses in asked.items()}
    mean = {name: statistics.fmean(mses[1:]) for name, mses in asked.items()}
    low, high = min(headline.values()), max(headline.values())
    if len(asked) == 1:
        assert "smallest test MSE" not in text
        return
    if low == high:
        assert "all kernels have the same test MSE" in text
    else:
        for value, said in (
            (low, cut(text, r"test points\), ", " ha(?:s|ve) the smallest test MSE")),
            (high, cut(text, r"the smallest test MSE, [^a-z]*, and ", " the largest, ")),
        ):
            assert sorted(split(said)) == sorted(name for name in asked if headline[name] == value)
    listed = cut(text, "from the smallest mean test MSE to the largest: ", r"\. (?:The|One)")
    names = [re.sub(r" [\d.]+( × 10[⁻⁰-⁹¹²³]+)?$", "", item) for item in listed.split(", ")]
    assert is_order(names, mean)
    if "The order on the headline data set is the same." in text:
        assert is_order(names, headline)
    else:
        assert not agree(mean, headline)
        assert is_order(cut(text, "The headline data set has another order: ", r"\. ").split(", "), headline)
    check_neighbours(text, names, asked)


def check_neighbours(text: str, names: list[str], asked: Errors) -> None:
    repeats = len(next(iter(asked.values()))) - 1
    for first, second in itertools.pairwise(names):
        kind = verdict(asked[first], asked[second]) if repeats > 1 else "none"
        better, undecided, equal = (
            f"The {first} is better than the {second}: the 95% interval",
            f"The data do not decide between the {first} and the {second}: the 95% interval",
            f"The {first} and the {second} have the same test MSE in every repeat.",
        )
        said = [
            kind for kind, words in (("better", better), ("undecided", undecided), ("equal", equal)) if words in text
        ]
        assert said == ([kind] if repeats > 1 else [])
        if kind in ("better", "undecided"):
            wins = sum(a < b for a, b in zip(asked[first][1:], asked[second][1:], strict=True))
            words = {repeats: f"in all {repeats}", 0: f"in none of {repeats}"}.get(wins, f"in {wins} of {repeats}")
            assert f"zero (the {first} is the better {words} repeats)" in text


def check_against(text: str, asked: Errors, baselines: Errors) -> None:
    networks = {name: mses for name, mses in asked.items() if name != "Laplace kernel"}
    groups = [
        (asked, baselines["zero"], r"Against predicting zero everywhere, which [^:]*: ", "each kernel"),
        (asked, baselines["linear"], r"Against plain linear regression, the [^:]*: ", "each kernel"),
    ]
    if "Laplace kernel" in asked and networks:
        start = r"Against the Laplace kernel, [^:]*: "
        groups.append((networks, asked["Laplace kernel"], start, "each NNGP kernel"))
    else:
        assert "Against the Laplace kernel" not in text
    for kernels, other, start, group in groups:
        said = list(said_against(cut(text, start, r"\. "), kernels, group))
        assert sorted(said) == sorted((name, verdict(mses, other)) for name, mses in kernels.items())


def check_labels(text: str, asked: Errors, before: Errors, literal: bool) -> None:
    assert ("the same predictions by the order of the text" in text) == (not literal)
    assert ("The test labels were computed before normalising" in text) == literal
    same = "the order of the kernels by their test MSE is the same with both kinds of test labels"
    if literal or len(asked) == 1:
        assert same not in text
        return
    headline, letter = ({name: mses[0] for name, mses in errors.items()} for errors in (asked, before))
    assert (same in text) == agree(headline, letter)
    if same not in text:
        order = cut(text, "another with labels before normalising, from the smallest to the largest: ", r"\. ")
        assert is_order(order.split(", "), letter)


TIED = {"relu": [3, 5, 5, 5], "sine": [3, 5, 5, 5], "laplace": [3, 5, 5, 5], "linear": [3, 5, 5, 5], "zero": [9] * 4}
SINGLE = {"erf": [1, 2], "laplace": [3, 1], "linear": [2, 2], "zero": [9, 9]}
MIXED = {
    "erf": [1, 2, 3],
    "relu": [8, 8, 9],
    "sine": [4, 4, 9],
    "laplace": [4, 4, 5],
    "linear": [2, 9, 9],
    "zero": [5] * 3,
}


@settings(max_examples=40, deadline=None)
@given(errors_of_kernels(), st.booleans())
@example((TIED, TIED), False)
@example((SINGLE, SINGLE), False)
@example((MIXED, dict(zip(MIXED, reversed(MIXED.values()), strict=True))), False)
@example(({"step": [1, 2, 3], "linear": [2, 2, 4], "zero": [9] * 3},) * 2, True)
def test_each_sentence_holds_for_any_test_errors(page, errors, literal):
    after, before = errors
    text = page.text(tables(after, before, literal))
    named, named_before = (
        {kernel_label(kernel): mses for kernel, mses in some.items() if kernel not in BASELINES} for some in errors
    )
    check_order(text, named)
    check_against(text, named, after)
    check_labels(text, named, named_before, literal)
    single = len(after["zero"]) == 2
    assert ("It gives no intervals" in text) == single
    assert not (single and re.search(r"(is|are) (better|worse)", text))
    assert "nan" not in text


@pytest.mark.parametrize(("n", "stands"), [(10, True), (20, False), (40, False)])
def test_the_reason_is_that_of_fewer_points_than_dimensions(page, n, stands):
    text = page.text(tables(MIXED, MIXED, False).assign(n=n))
    assert ("Why error is left" in text) == stands
    assert ("which cannot fit the data exactly where n > d" in text) == (n == 40)


def test_the_oracle_knows_all_verdicts():
    assert verdict([0, 1, 2, 3], [0, 5, 6, 7]) == "better"
    assert verdict([0, 5, 6, 7], [0, 1, 2, 3]) == "worse"
    assert verdict([0, 1, 9], [0, 9, 1]) == "undecided"
    assert verdict([0, 1], [0, 9]) == "undecided"
    assert verdict([7, 1, 2], [0, 1, 2]) == "equal"
    assert np.isclose(scipy.stats.t.ppf(0.975, 1), 12.706, atol=1e-3)
