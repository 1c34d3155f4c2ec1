"""The sentences of Problems 11 and 12 on predictions against what generated predictions and test errors say."""

import itertools
import math
import re
import statistics

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.report.labels import kernel_label
from tests.pipeline import test_kernel_regression_sentences as kernels
from tests.pipeline import test_width_sweep_sentences as sweep
from tests.pipeline.test_kernel_regression_sentences import (
    BASELINES,
    UNIT,
    Errors,
    Theory,
    errors_of_kernels,
    split,
    tables,
)
from tests.pipeline.test_width_sweep_sentences import (
    COIN_TOSS,
    ZERO,
    N,
    Predictions,
    widths_after,
    write_predictions,
)


@pytest.fixture(scope="module")
def kernel_page(tmp_path_factory) -> kernels.Page:
    return kernels.Page(tmp_path_factory.mktemp("kernels"))


@pytest.fixture(scope="module")
def width_page(tmp_path_factory) -> sweep.Page:
    return sweep.Page(tmp_path_factory.mktemp("widths"))


@st.composite
def theories(draw: st.DrawFn) -> tuple[Errors, Theory]:
    errors, _ = draw(errors_of_kernels())
    kernels = [kernel for kernel in errors if kernel != "zero"]
    predicted = {kernel: UNIT * draw(st.integers(1, 60)) for kernel in kernels}
    ridges = {kernel: draw(st.sampled_from([0.0, 0.1, 0.2, 0.5, math.inf])) for kernel in kernels}
    return errors, Theory(predicted, ridges, draw(st.sampled_from([1.0, 1.02, 1.2])))


def mean_and_verdict(mses: list[int], predicted: float) -> tuple[float, str]:
    """The mean over the repeats, and where the prediction is from its interval, by hand."""
    values = [UNIT * mse for mse in mses[1:]]
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * deviation / math.sqrt(len(values))
    if half == 0:
        return mean, "inside" if mean == predicted else "above" if predicted > mean else "below"
    return mean, "above" if predicted > mean + half else "below" if predicted < mean - half else "inside"


@settings(max_examples=20, deadline=None)
@given(theories(), st.booleans())
def test_the_predictions_of_the_kernels_are_where_the_page_says(kernel_page, case, literal):
    errors, theory = case
    text = kernel_page.text(tables(errors, errors, literal), theory)
    # "predicted test errors" is in the text before too.
    part = text.partition("Predicted test errors")[2].partition("The target is linear but for the share")[0]
    single = len(errors["zero"]) == 2
    assert ("its test errors are not compared with them" in part) == literal
    assert ("One repeat has no interval to compare" in part) == (single and not literal)
    found = {} if single else {k: mean_and_verdict(errors[k], p) for k, p in theory.predicted.items()}
    everywhere = "For every kernel, the 95% interval of the measured mean contains the prediction." in part
    assert everywhere == (not literal and bool(found) and all(kind == "inside" for _, kind in found.values()))
    for kind, words in (
        ("inside", r"The 95% interval of the measured mean contains the prediction for the (.*?)\. "),
        ("above", r"The prediction is above the interval for the (.*?)\. "),
        ("below", r"The prediction is below the interval for the (.*?)\. "),
    ):
        said = re.search(words, part)
        names = sorted(kernel_label(k) for k, (_, verdict) in found.items() if verdict == kind)
        expected = [] if literal or (kind == "inside" and everywhere) else names
        assert (sorted(split(said[1])) if said else []) == expected
    if found and not literal:
        distance = max(abs(mean / theory.predicted[k] - 1) for k, (mean, _) in found.items())
        assert f"measured mean and the prediction is {distance:,.1%} of" in part.replace("\u202f", "")
    check_ridges(text, errors, theory, literal)


def check_ridges(text: str, errors: Errors, theory: Theory, literal: bool) -> None:
    """One number explains the order if and only if it has the order of the measured means."""
    asked = [kernel for kernel in errors if kernel not in BASELINES]
    assert ("Why this order:" in text) == (len(asked) > 1 and not literal)
    if len(asked) == 1 or literal:
        return
    pairs = sorted((theory.ridges[kernel], statistics.fmean(errors[kernel][1:])) for kernel in asked)
    ordered = all(first[1] <= second[1] for first, second in itertools.pairwise(pairs))
    assert ("the measured mean test MSE does not decrease" in text) == ordered
    assert ("The order of the measured means is another." in text) == (not ordered)
    close = theory.from_ridge < 1.05
    assert ("so that this number is not enough here" in text) == (not close)
    assert ("a ridge only adds error" in text) == (close and ordered)


@st.composite
def predictions(draw: st.DrawFn) -> Predictions:
    count = draw(st.sampled_from([1, 2, 5]))
    errors = st.lists(st.integers(1, 30), min_size=count, max_size=count)
    widths = sorted({N, *draw(st.lists(st.sampled_from([1, 4, 8, 16, 64]), min_size=1, unique=True))})
    predicted = {k: math.inf if k == N else float(draw(st.integers(1, 30))) for k in widths}
    ridges = {0.0: (math.inf, draw(errors))}
    for ridge in (0.1, 1.0, 10.0)[: draw(st.integers(1, 3))]:
        ridges[ridge] = (float(draw(st.integers(1, 30))), draw(errors))
    return Predictions(predicted, {k: draw(errors) for k in widths}, ridges)


def place(values: list[int], predicted: float) -> str:
    """Where the 95% interval of the mean is from the prediction, by hand."""
    low, high = mean_ends(values)
    return "above" if low > predicted else "below" if high < predicted else "inside"


def mean_ends(values: list[int]) -> tuple[float, float]:
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values) - half, statistics.fmean(values) + half


@settings(max_examples=25, deadline=None)
@given(predictions())
def test_the_predictions_of_the_widths_are_where_the_page_says(width_page, case):
    write_predictions(width_page.results / "width_sweep", case)
    text = width_page.whole(COIN_TOSS).partition("and the predicted mean (line). Not in the problem set.")[2]
    part, _, ridge = text.partition("A ridge at the peak:")
    single = len(case.draws[N]) == 1
    assert ("One draw has no interval" in part) == single
    finite = [k for k in case.widths if k != N]
    kinds = {} if single else {k: place(case.draws[k], case.widths[k]) for k in finite}
    all_inside = "At every width but k=n, the 95% interval of the measured mean contains the prediction." in part
    assert all_inside == (not single and set(kinds.values()) == {"inside"})
    no_inside = "At no width the 95% interval of the measured mean contains the prediction." in part
    assert no_inside == (not single and "inside" not in kinds.values())
    for kind, words in (
        ("inside", "The 95% interval of the measured mean contains the prediction at"),
        ("above", "It is above the prediction at"),
        ("below", "It is below the prediction at"),
    ):
        expected = [] if kind == "inside" and all_inside else [k for k in kinds if kinds[k] == kind]
        assert widths_after(part, words) == expected
    exact = [k for k, kind in kinds.items() if kind == "above" and k < N - 1]
    assert ("For Gaussian features the mean is known exactly" in part) == bool(exact)
    assert ("with corrections of order" in part) == any(kind != "inside" for kind in kinds.values())
    check_ridge(ridge, case, single)


def check_ridge(text: str, case: Predictions, single: bool) -> None:
    ridges = {ridge: values for ridge, values in case.ridges.items() if ridge}
    best = min(ridges, key=lambda ridge: ridges[ridge][0])
    assert f"the prediction at k=n is smallest for {best:g}" in text
    smallest = min(statistics.fmean(values) for _, values in ridges.values())
    same = statistics.fmean(ridges[best][1]) == smallest
    assert ("is that for the same ridge." in text) == same
    low, high = (0, math.inf) if single else mean_ends(ridges[best][1])
    assert ("So the right ridge removes the peak" in text) == (high < ZERO)
    assert ("are worse than predicting zero." in text) == (low > ZERO)
