"""The sentences of Problem 12 against what generated test errors say, whatever they are."""

import itertools
import math
import re
import runpy
import statistics
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.checkout import SCRIPTS
from tests.helpers.predictions import write_width_theory
from tests.helpers.report_page import (
    PICTURE,
    TEMPLATES,
    answer_of,
    read_shown,
    sentences,
    typed_digits,
    write_cifar10,
)

SUMMARY = runpy.run_path(str(SCRIPTS / "width_sweep_summary.py"))
N = 10
# The test MSE of predicting zero, in the tables of predictions.
ZERO = 15
# Multiples of this are exact: equal errors are equal to the last digit.
UNIT = 2.0**-20


@dataclass
class Sweep:
    """Test errors of the draws of each width, the NNGP and the zero predictor in multiples of UNIT."""

    draws: dict[int, list[int]]
    nngp: int
    zero: int
    condition: dict[int, float]


@st.composite
def sweeps(draw: st.DrawFn) -> Sweep:
    widths = sorted(draw(st.lists(st.sampled_from([1, 4, 8, N, 16, 64]), min_size=1, unique=True)))
    repeats = draw(st.sampled_from([1, 5, 6, 9, 12, 50]))
    errors = {}
    for k in widths:
        level, spread = draw(st.sampled_from([10, 20, 22, 40, 900, 90_000])), draw(st.sampled_from([0, 0.05, 0.5, 3]))
        noise = np.random.default_rng(draw(st.integers(0, 99))).normal(0, spread, repeats)
        errors[k] = [max(1, round(level * math.exp(value))) for value in noise]
    condition = {k: draw(st.sampled_from([3.0, 150.0, math.inf])) for k in widths}
    return Sweep(errors, draw(st.sampled_from([8, 10, 21])), draw(st.sampled_from([12, 20, 39])), condition)


def table(sweep: Sweep) -> pd.DataFrame:
    return pd.DataFrame(
        {"k": k, "repeat": repeat, "train_mse": 1e-33, "test_mse": UNIT * mse, "condition_number": sweep.condition[k]}
        | {"activation": "relu", "on_sheet": k != N, "n": N, "d": 20, "n_test": 50, "seed": 88}
        for k, mses in sweep.draws.items()
        for repeat, mse in enumerate(mses)
    )


@dataclass
class Predictions:
    """Predictions and draws of each width and of each ridge at k = N, besides those without a ridge."""

    widths: dict[int, float]
    draws: dict[int, list[int]]
    ridges: dict[float, tuple[float, list[int]]]


def write_predictions(folder: Path, predictions: Predictions) -> None:
    ridges = {0.0: (math.inf, [9, 7]), 0.5: (1.0, [2, 2])} if not predictions.ridges else predictions.ridges
    write_width_theory(folder, predictions.widths, predictions.draws, ridges, n=N, zero=ZERO)


class Page:
    def __init__(self, folder: Path) -> None:
        self.results = folder / "results"
        for name in ("cifar10", "width_sweep"):
            (self.results / name).mkdir(parents=True)
        write_cifar10(self.results / "cifar10")
        (self.results / "width_sweep/curve.svg").write_text(PICTURE)

    def text(self, sweep: Sweep) -> str:
        """The words from the caption of the figure, which comes first, to the table."""
        write_predictions(self.results / "width_sweep", Predictions({4: 1.0, N: math.inf}, {4: [2], N: [9]}, {}))
        text = self.whole(sweep)
        return text.partition("added to show the peak and the limit.")[2].partition("The test MSE at each width")[0]

    def whole(self, sweep: Sweep) -> str:
        summary = SUMMARY["summarise"](table(sweep), UNIT * sweep.nngp, UNIT * sweep.zero).assign(activation="relu")
        summary.to_csv(self.results / "width_sweep/summary.csv", index=False)
        report = HTMLReport(TEMPLATES, Results(self.results), student=None, config={}, provenance={})
        html = report.render(["width_sweep"])
        assert typed_digits(html, "width_sweep") == []
        check_answer(answer_of(html, "width_sweep"), Facts(sweep), sweep.nngp)
        return sentences(html, "width_sweep")


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return Page(tmp_path_factory.mktemp("page"))


def interval(mses: list[int], miss: Fraction) -> tuple[float, float]:
    """The widest pair of order statistics to be cut off, by counting: each side misses with at most miss / 2."""
    count, rank = len(mses), 0
    while 2 * sum(math.comb(count, below) for below in range(rank + 1)) <= miss * 2**count:
        rank += 1
    return (sorted(mses)[rank - 1], sorted(mses)[-rank]) if rank else (-math.inf, math.inf)


class Facts:
    """What the draws say, computed without the code under test."""

    def __init__(self, sweep: Sweep) -> None:
        self.widths = list(sweep.draws)
        self.median = {k: statistics.median(mses) for k, mses in sweep.draws.items()}
        self.single = {k: interval(mses, Fraction(1, 20)) for k, mses in sweep.draws.items()}
        self.joint = {k: interval(mses, Fraction(1, 20) / len(self.widths)) for k, mses in sweep.draws.items()}
        self.finite, self.decides = (
            all(math.isfinite(high) for _, high in some.values()) for some in (self.single, self.joint)
        )
        self.peaks = [k for k in self.widths if self.median[k] == max(self.median.values())]
        self.peak = self.peaks[-1]
        self.rivals = [k for k in self.widths if k != self.peak and self.joint[k][1] >= self.joint[self.peak][0]]

    def verdicts(self, error: float) -> dict[str, list[int]]:
        kinds: dict[str, list[int]] = {"worse": [], "better": [], "undecided": []}
        for k, (low, high) in self.joint.items():
            kinds["worse" if low > error else "better" if high < error else "undecided"].append(k)
        return kinds


def widths_after(text: str, start: str) -> list[int]:
    """The widths in "START k=1, 2 and 4", or none if the words are not there."""
    found = re.search(rf"{start} k=((?:\d+(?:, | and )?)+)", text)
    return [int(k) for k in re.findall(r"\d+", found[1])] if found else []


def check_answer(answer: str, facts: "Facts", nngp: int) -> None:
    """The answer says whether the networks are better or worse than the NNGP, and where the median is largest."""
    kinds = facts.verdicts(nngp)
    worse, better, undecided = (bool(kinds[kind]) for kind in ("worse", "better", "undecided"))
    if not facts.decides:
        expected = "So few draws do not decide between the networks and the NNGP"
    elif not worse and not better:
        expected = "At no width do the draws decide between the networks and the NNGP"
    elif worse and better:
        expected = "The networks are worse than the NNGP at some widths and better at others"
    else:
        where = "some widths" if undecided else "every width"
        expected = f"The networks are {'worse' if worse else 'better'} than the NNGP at {where}"
    assert re.match(rf"{expected} ?[;.]", answer)
    largest = r"; the median MSE is largest, [^;]* times the NNGP’s, at"
    assert widths_after(answer, largest) == ([facts.peak] if len(facts.widths) > 1 else [])


def check_nngp(text: str, facts: Facts, nngp: int) -> None:
    kinds = facts.verdicts(nngp)
    everywhere = {
        "worse": "At every width the networks are worse than the NNGP:",
        "better": "At every width the networks are better than the NNGP:",
        "undecided": "At no width do the draws decide between the networks and the NNGP:",
    }
    assert ("So few draws have no finite interval of this kind" in text) == (not facts.decides)
    for kind, words in everywhere.items():
        assert (words in text) == (facts.decides and kinds[kind] == facts.widths)
    some = {kind: ks if facts.decides and ks != facts.widths else [] for kind, ks in kinds.items()}
    assert widths_after(text, "The networks are worse than the NNGP at") == some["worse"]
    assert widths_after(text, "The networks are better than the NNGP at") == some["better"]
    assert widths_after(text, "The draws do not decide at") == some["undecided"]


def check_zero(text: str, facts: Facts, sweep: Sweep) -> None:
    assert ("Against predicting zero" in text) == facts.decides
    if not facts.decides:
        return
    kinds, text = facts.verdicts(sweep.zero), text[text.index("Against predicting zero") :]
    everywhere = {
        "worse": "the networks are worse at every width.",
        "better": "the networks are better at every width.",
        "undecided": "the draws decide at no width",
    }
    for kind, words in everywhere.items():
        assert (words in text) == (kinds[kind] == facts.widths)
    some = {kind: [] if facts.widths in kinds.values() else ks for kind, ks in kinds.items()}
    for kind in ("worse", "better", "undecided"):
        assert widths_after(text, f"{kind} at") == some[kind]
    above = {k: sum(mse > sweep.zero for mse in mses) for k, mses in sweep.draws.items() if k not in kinds["better"]}
    counts = [(count, k) for k, count in above.items() if count < len(sweep.draws[k])]
    assert [(int(m[0]), int(m[1])) for m in re.findall(r"(\d+) of \d+ at k=(\d+)", text)] == counts


def check_peak(text: str, facts: Facts, sweep: Sweep) -> None:
    assert ("The median is largest" in text) == (len(facts.widths) > 1)
    if len(facts.widths) == 1:
        return
    alone_at_n = facts.peaks == [N]
    assert ("The median is largest at the interpolation threshold, k=n=10." in text) == alone_at_n
    assert widths_after(text, "The median is largest at") == ([] if alone_at_n else facts.peaks)
    rivals = facts.rivals if facts.decides else []
    assert widths_after(text, "Its interval overlaps with that at") == rivals
    assert ("Its interval is above those of all other widths" in text) == (facts.decides and not facts.rivals)
    low, high = (end / sweep.nngp for end in facts.single[facts.peak])
    names = ["tens", "hundreds", "thousands", "tens of thousands", "hundreds of thousands"]
    fitting = [name for p, name in enumerate(names, 1) if facts.finite and 10**p <= low < 10 ** (p + 1) > high / 2]
    assert re.findall(r"There the median is ([a-z ]+) of times as large", text) == fitting
    found = re.search(r"([^ ]+(?: × \S+)?) to ([^ ]+(?: × \S+)?) times[^:.]*\(95% interval of the median\)", text)
    assert bool(found) == facts.finite
    if found:
        assert [read_shown(end) for end in found.groups()] == pytest.approx([low, high], rel=0.006)
    mean = statistics.fmean(sweep.draws[facts.peak])
    assert ("is above this interval" in text) == (facts.finite and mean > facts.single[facts.peak][1])


def check_fall(text: str, facts: Facts) -> None:
    pairs = list(itertools.pairwise(k for k in facts.widths if k >= facts.peak))
    assert ("It is the largest width tried." in text) == (not pairs and len(facts.widths) > 1)
    rising = [k for before, k in pairs if facts.median[k] >= facts.median[before]]
    overlapping = [k for before, k in pairs if facts.joint[k][1] >= facts.joint[before][0] and k not in rising]
    assert widths_after(text, "does not fall with every larger width: not at") == rising
    falls = bool(pairs) and not rising
    shown = overlapping if falls and facts.decides else []
    assert widths_after(text, "overlaps with that of the width before at") == shown
    assert ("each interval is below that of the width before" in text) == (falls and facts.decides and not overlapping)
    assert ("Beyond it the median of these draws falls" in text) == (falls and bool(overlapping or not facts.decides))


def check_last(text: str, facts: Facts, sweep: Sweep) -> None:
    last, lowest = facts.widths[-1], min(facts.median.values())
    closest = [k for k in facts.widths if facts.median[k] == lowest]
    shown = widths_after(text, "The smallest median of these draws is that at")
    assert shown == ([] if last in closest else closest)
    better = {k: sum(mse < sweep.nngp for mse in mses) for k, mses in sweep.draws.items()}
    assert re.search(rf"and {better[last]} of {len(sweep.draws[last])} draw(s are| is) better than it", text)
    with_better = [k for k in facts.widths if better[k]]
    assert ("None of these draws, at any width, is better" in text) == (not with_better)
    assert ("At every width some of these draws are better" in text) == (with_better == facts.widths)
    some = with_better if 0 < len(with_better) < len(facts.widths) else []
    assert widths_after(text, "some are better than the NNGP at") == some


def check_reason(text: str, facts: Facts, sweep: Sweep) -> None:
    decided_at_n = facts.peaks == [N] and facts.decides and not facts.rivals
    assert ("the features are just enough to fit the data" in text) == decided_at_n
    closer = decided_at_n and sweep.condition[N] > sweep.condition[facts.widths[-1]]
    assert ("Their Gram matrix is closer to singular there" in text) == closer


# At k = 16 the error is as often above that of zero as below it, or nearly so: 31 of 50.
COIN_TOSS = Sweep(
    {4: [26] * 50, N: [900 + 90 * draw for draw in range(50)], 16: [19] * 19 + [21] * 31, 64: [11] * 50},
    10,
    20,
    {4: 3.0, N: 1e6, 16: 900.0, 64: 150.0},
)
# The intervals at k = 16 and 64 overlap where they must hold for all widths together, and not by themselves.
NEAR = Sweep(
    {N: [900] * 50, 16: [20] * 17 + [30] * 33, 64: [25] * 33 + [29] * 17}, 10, 20, {N: 1e6, 16: 900.0, 64: 150.0}
)
TIED = Sweep({N: [40] * 12, 16: [40] * 12}, 40, 40, {N: 9.0, 16: 9.0})
ONE_DRAW = Sweep({4: [30], N: [900], 64: [12]}, 10, 20, {4: 3.0, N: 1e6, 64: 150.0})
FIVE_DRAWS = Sweep({4: [30] * 5, N: [900] * 5, 64: [9] * 5}, 10, 20, {4: 3.0, N: 1e6, 64: 150.0})


@settings(max_examples=60, deadline=None)
@given(sweeps())
@example(COIN_TOSS)
@example(NEAR)
@example(TIED)
@example(ONE_DRAW)
@example(FIVE_DRAWS)
def test_each_sentence_holds_for_any_test_errors(page, sweep):
    text, facts = page.text(sweep), Facts(sweep)
    check_nngp(text, facts, sweep.nngp)
    check_zero(text, facts, sweep)
    check_peak(text, facts, sweep)
    check_fall(text, facts)
    check_last(text, facts, sweep)
    check_reason(text, facts, sweep)
    assert "nan" not in text


def test_a_coin_toss_is_undecided(page):
    text = page.text(COIN_TOSS)
    assert "the networks are worse at k=4 and 10; better at k=64; undecided at k=16." in text
    assert "worse than zero are 31 of 50 at k=16." in text
    assert "The median is largest at the interpolation threshold, k=n=10." in text
    assert "There the median is hundreds of times as large as the test MSE of the NNGP: 243 to 378 times" in text


@pytest.mark.parametrize("sweep", [ONE_DRAW, FIVE_DRAWS])
def test_few_draws_have_no_verdict(page, sweep):
    text = page.text(sweep)
    assert "So few draws have no finite interval of this kind, and decide nothing" in text
    assert re.findall(r"networks are (?:worse|better)|95% interval", text) == []
