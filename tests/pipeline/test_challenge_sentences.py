"""The sentences on Problem 13 against generated results: each claim stands if and only if the raw results say it.

The results go through the code of the selection and of the summary. What the page should say is computed here from the
raw outputs in another way: the derivative of a score by the weights of the test samples is taken numerically.
"""

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import HealthCheck, Phase, assume, example, given, settings

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.challenge_results import (
    EPOCHS,
    GRIDS,
    Files,
    N,
    Raw,
    arrays_of,
    machine,
    one,
    raw_results,
    validation_score,
    write,
)
from tests.helpers.report_page import TEMPLATES, Reader, answer_of, check_traces, sentences

NAMES = {
    "network": "the network",
    "nngp": "the ReLU NNGP",
    "laplace": "the Laplace kernel",
    "linear": "the linear kernel",
    "rfm": "the recursive feature machine",
    "rfm_direction": "regression on its leading direction alone",
}
# Values that no grid can be extended beyond.
NATURAL = {("weight_decay", 0.0), ("ridge", 0.0), ("depth", 1)}


def render(raw: Raw, files: Files) -> str:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        write(raw, files, results)
        context = {"config": {"seed": 88, "report": {"name": None}}, "provenance": {"code": {"git commit": "0123"}}}
        page = HTMLReport(TEMPLATES, Results(results), student=None, **context).render(["challenge"])
        check_traces(results, page)
        typed = "".join(text for section, text in Reader(page).untraced if section == "challenge")
        # The ten of a power of ten, and the level which the tables are made with.
        assert re.findall(r"\d", re.sub(r"CIFAR-10|95% interval|× 10(?=[⁻⁰¹²³⁴⁵⁶⁷⁸⁹])", "", typed)) == []
        check_answer(raw, answer_of(page, "challenge"))
        return sentences(page, "challenge")


def check_answer(raw: Raw, answer: str) -> None:
    """The answer names the models that the problem set asks for; whether it is conclusive, the verdict says."""
    for model, label in (("network", "network"), ("nngp", "ReLU NNGP")):
        assert (f"no {label}" in answer) == (model not in raw.levels)
        assert bool(re.search(rf"{label} −?[\d.]+", answer)) == (model in raw.levels)


class Oracle:
    """What the raw results say."""

    def __init__(self, raw: Raw, files: Files):
        self.raw, self.files = raw, files
        self.models = list(raw.levels)
        self.y = files[self.models[0]]["y_test"]

    def outputs(self, model: str) -> np.ndarray:
        file = self.files["rfm" if model == "rfm_direction" else model]
        return file["network_seeds"] if model == "network" else file[model][None]

    def scores(self, model: str, weights: np.ndarray) -> np.ndarray:
        """The score of each seed, for each row of weights of the test samples: (rows, seeds)."""
        outputs = self.outputs(model)
        weights = weights / weights.sum(axis=1, keepdims=True)
        if self.raw.score == "accuracy":
            right: np.ndarray = weights @ (outputs.argmax(axis=2) == self.y.argmax(axis=1)).T
            return right
        variance = weights @ self.y**2 - (weights @ self.y) ** 2
        return 1 - weights @ ((outputs - self.y)[:, :, 0] ** 2).T / variance

    def difference(self, model: str, other: str) -> tuple[float, float, float]:
        """The difference of the mean scores, and the ends of its interval."""

        def values(weights: np.ndarray) -> np.ndarray:
            mean: np.ndarray = self.scores(model, weights).mean(axis=1) - self.scores(other, weights).mean(axis=1)
            return mean

        step, ones = 1e-5, np.ones((1, N))
        slopes = (values(ones + step * np.eye(N)) - values(ones - step * np.eye(N))) / (2 * step) * N
        parts = [(np.var(slopes, ddof=1) / N, N - 1)]
        if "network" in (model, other) and self.raw.seeds > 1:
            spread = self.scores("network", ones)[0].var(ddof=1)
            parts.append((spread / self.raw.seeds, self.raw.seeds - 1))
        centre = round(float(values(ones)[0]), 12)
        if sum(variance for variance, _ in parts) < 1e-18:
            return centre, centre, centre
        half = np.linalg.norm([scipy.stats.t.ppf(0.975, freedom) * np.sqrt(variance) for variance, freedom in parts])
        return centre, centre - half, centre + half

    def best_kernel(self) -> str | None:
        """The kernel with the highest validation score."""
        kernels = {"nngp", "laplace", "linear"} & self.raw.levels.keys()
        return max(kernels, key=lambda model: validation_score(self.raw, model), default=None)

    def at_edge(self, model: str) -> bool:
        model = "rfm" if model == "rfm_direction" else model
        grid, chosen = self.raw.grids[model], self.raw.chosen[model]
        if chosen.get("epochs") == EPOCHS or chosen.get("iterations") == GRIDS["rfm"]["iterations"][-1]:
            return True
        for name, values in grid.items():
            if name == "iterations" or len(values) == 1 or values[0] < chosen[name] < values[-1]:
                continue
            if (name, chosen[name]) not in NATURAL:
                return True
        return False

    def conclusive(self, *models: str) -> bool:
        reliable = "network" not in models or (self.raw.failed == 0 and self.raw.seeds > 1)
        return reliable and not any(map(self.at_edge, models))

    def verdict(self, first: str, second: str) -> str:
        _, low, high = self.difference(first, second)
        assume(min(abs(low), abs(high)) > 1e-7 or low == high)
        if low > 0:
            words = f"{NAMES[first]} is better than {NAMES[second]}"
        elif high < 0:
            words = f"{NAMES[second]} is better than {NAMES[first]}"
        else:
            words = f"the data do not decide between {NAMES[first]} and {NAMES[second]}"
        if self.conclusive(first, second):
            return f"{words[0].upper()}{words[1:]}: test"
        return f"Within this grid and budget, {words}; no conclusion about the models: test"


def verdicts(text: str) -> list[str]:
    """All sentences of the answer that compare two models."""
    name = "|".join(NAMES.values())
    pair = rf"(?:({name}) is better than ({name})|the data do not decide between ({name}) and ({name}))"
    pattern = rf"(?:Within this grid and budget, )?{pair}(?:; no conclusion about the models)?: test"
    return [found[0] for found in re.finditer(pattern, text, flags=re.IGNORECASE)]


def check(raw: Raw) -> None:
    files = arrays_of(raw)
    text, oracle = render(raw, files), Oracle(raw, files)
    best = oracle.best_kernel()
    pairs = [("network", "nngp"), *([("network", best)] if best != "nngp" else []), ("rfm", "laplace")]
    pairs = [pair for pair in pairs if set(pair) <= set(raw.levels)]
    expected = [oracle.verdict(*pair) for pair in pairs]
    assert verdicts(text) == expected
    if "network" in raw.levels and best:
        named = f"Of all kernels, {'it' if best == 'nngp' else NAMES[best]} has the highest validation"
        several = len(raw.levels.keys() & {"nngp", "laplace", "linear"}) > 1
        assert text.count("Of all kernels") == text.count(named) == (several or best != "nngp")
    check_mcnemar(text, oracle, pairs if raw.score == "accuracy" else [])
    undecided = ("network", "nngp") in pairs and expected[0].startswith("Within")
    assert ("; no conclusion beyond this budget." in text) == undecided
    assert ("The training budget: a network is trained on" in text) == ("network" in raw.levels)
    assert ("No network could be trained" in text) == ("network" not in raw.levels)
    assert ("It was not fitted" in text) == ("rfm" in raw.levels and "laplace" not in raw.levels)
    if len(raw.levels) > 1:
        check_best(text, oracle)
    if "rfm" in raw.levels:
        check_range(text, oracle)
    for model in raw.levels:
        check_edges(text, oracle, model)


def check_mcnemar(text: str, oracle: Oracle, pairs: list[tuple[str, str]]) -> None:
    """Each comparison of classifiers has the samples that only one of them classifies correctly, and the p value."""
    found = re.findall(r"Of the test samples, (\d+) (?:is|are) .*? and (\d+) by .*?(?= \(p)", text)
    assert len(found) == len(pairs)
    for pair, counts in zip(pairs, found, strict=True):
        right = [oracle.outputs(model)[0].argmax(axis=1) == oracle.y.argmax(axis=1) for model in pair]
        only = [sum(a and not b for a, b in zip(*order, strict=True)) for order in (right, right[::-1])]
        assert sorted(map(int, counts)) == sorted(only)
    p_values = [2 * scipy.stats.binom.cdf(min(map(int, counts)), sum(map(int, counts)), 0.5) for counts in found]
    words = re.findall("McNemar's exact test finds (a|no significant) difference", text)
    assert words == ["a" if p_value < 0.05 else "no significant" for p_value in p_values]


def check_best(text: str, oracle: Oracle) -> None:
    """A best model is named if and only if it is better than each other one."""
    ones = np.ones((1, N))
    values = {model: oracle.scores(model, ones).mean() for model in oracle.models}
    assume(len({round(value, 9) for value in values.values()}) == len(values))
    top = max(values, key=lambda model: values[model])
    others = [model for model in oracle.models if model != top]
    lows = {model: oracle.difference(top, model)[1] for model in others}
    assume(min(map(abs, lows.values())) > 1e-7)
    close = {model for model, low in lows.items() if low < 0}
    within = not all(oracle.conclusive(top, other) for other in others)
    start = "Within this grid and budget, the" if within else "The"
    assert (f"{start} best model on the test samples is {NAMES[top]}, test" in text) == (not close)
    assert ("best model" in text) == (not close)
    assert ("No conclusion about the models follows" in text) == within
    found = re.search(
        rf"{start} highest test score is that of {NAMES[top]}, .*? not distinguishable from (.*?\)\))", text
    )
    assert bool(found) == bool(close)
    part = text.partition("which is not distinguishable from")[2].partition("Trained on")[0]
    assert {model for model in others if f"{NAMES[model]} (lead" in part} == close


def check_range(text: str, oracle: Oracle) -> None:
    """The gap between validation and test is put down to the range only where the errors say so."""
    file = oracle.files["rfm"]
    test, val = ((file[a] - file[b])[:, 0] ** 2 for a, b in (("rfm", "y_test"), ("rfm_val", "y_val")))
    outside = np.abs(file["along_test"]) > 1

    def ends(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
        found = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
        return found.low, found.high

    low, high = ends(test, val) if test.any() or val.any() else (0.0, 0.0)
    assert ("the difference is significant" in text) == (low > 0)
    assert ("which is significantly more" in text) == (high < 0)
    assert ("the data do not decide which error is larger" in text) == (low <= 0 <= high)
    assert f"Of {N} test samples, {outside.sum()} (" in text
    larger = outside.sum() > 1 and test.any() and ends(test[outside], test[~outside])[0] > 0
    assert ("The MSE outside the range is" in text) == larger
    assert ("The samples outside the range explain" in text) == (larger and low > 0)


def check_edges(text: str, oracle: Oracle, model: str) -> None:
    """The table of hyperparameters names a value at an edge if and only if there is one."""
    row = text.partition("hyperparameters selected by the validation samples")[2].partition("Every model was")[0]
    name = NAMES[model].removeprefix("the ")
    others = "|".join(other.removeprefix("the ") for other in NAMES.values() if other != NAMES[model])
    found = re.search(
        rf"{name}(?=width|ridge|bandwidth|rate)(.*?)(?=(?:{others})(?:width|ridge|bandwidth|rate)|$)", row
    )
    assert found, row
    named = " is the lowest of" in found[1] or " is the highest of" in found[1] or "is the last" in found[1]
    assert named == oracle.at_edge(model)
    if model == "network":
        assert f"{oracle.raw.chosen['network']['epochs']} of {EPOCHS} epochs" in found[1]


@example(one())
@example(one(nngp=0.3, network=1.0))
@example(one(nngp=0.3, network=0.3))
@example(one(chosen={"epochs": EPOCHS}))
@example(one(chosen={"learning_rate": 1e-1}))
@example(one(chosen={"weight_decay": 1.0}))
@example(one(chosen={"k": 64}))
@example(one(ridge=0.0))
@example(one(ridge=1.0))
@example(one(seeds=1))
@example(one(failed=1))
@example(one(spread=0.5, network=0.3, nngp=0.4))
@example(one("cifar10", network=0.3, nngp=2.0))
@example(one("cifar10", network=2.0, nngp=0.3))
@example(machine(beyond=20, far=5.0, near=0.1))
@example(machine(beyond=20, far=5.0, near=3.0))
@example(machine(beyond=1, far=5.0, near=0.1))
@example(machine(beyond=0))
@example(machine(rfm=1.0, laplace=0.3))
@given(raw_results())
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink an example takes minutes
)
def test_each_sentence_stands_if_and_only_if_the_results_say_it(raw):
    check(raw)


def test_models_with_the_same_outputs_are_not_distinguishable():
    raw = one()
    files = arrays_of(raw)
    files["network"]["network_seeds"] = np.stack(3 * [files["nngp"]["nngp"]])
    text = render(raw, files)
    assert "The data do not decide between the network and the ReLU NNGP" in text
    assert "is not distinguishable from" in text
    assert "best model" not in text


def test_networks_that_are_all_dead_are_not_better_than_a_constant():
    """Their scores are equal, but the mean over three seeds has a rounding error."""
    raw = one("cifar10")
    files = arrays_of(raw)
    files["nngp"]["nngp"] = np.tile([1.0, 0.0, 0.0], (N, 1))
    files["network"]["network_seeds"] = np.tile([1.0, 0.0, 0.0], (3, N, 1))
    assert verdicts(render(raw, files)) == ["The data do not decide between the network and the ReLU NNGP: test"]


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_the_seeds_widen_the_interval(level):
    """A network better with each of its seeds is not called better if the seeds differ more than the models."""
    raw = one(network=0.2, nngp=1.0)
    files = arrays_of(raw)
    y = files["nngp"]["y_test"]
    noise = (files["network"]["network"] - y) / 0.2
    files["network"]["network_seeds"] = np.stack([y + (0.2 + 0.5 * level * place) * noise for place in range(3)])
    text = render(raw, files)
    assert ("The network is better than the ReLU NNGP" in text) == (level == 0)
