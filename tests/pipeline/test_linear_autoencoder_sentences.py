"""The sentences on Problem 3 against what generated runs say, whatever they are."""

import json
import math
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import example, given, settings

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from nngplab.report.tracing import significant
from tests.helpers.checkout import SCRIPTS
from tests.helpers.linear_autoencoder_runs import WIDTH, Row, cut_off, results
from tests.helpers.report_page import PICTURE, TEMPLATES, Reader, answer_of, check_traces, write_cifar10

SUMMARY, PROBABILITY, IMAGE = (
    runpy.run_path(str(SCRIPTS / f"linear_autoencoder_{name}.py")) for name in ("summary", "probability", "image")
)
VERBS = {
    "converged": ("converges", "converge"),
    "oscillating": ("oscillates", "oscillate"),
    "diverged": ("diverges", "diverge"),
    "out of steps": ("is still falling", "are still falling"),
    "stalled": ("stalls", "stall"),
}


class Page:
    def __init__(self, folder: Path) -> None:
        self.results = folder / "results"
        self.folder = self.results / "linear_autoencoder"
        for name in ("cifar10", "linear_autoencoder"):
            (self.results / name).mkdir(parents=True)
        write_cifar10(self.results / "cifar10")
        for name in ("losses.svg", "convergence.svg", "outcomes.svg", "phase.svg", "outputs.svg"):
            (self.folder / name).write_text(PICTURE)

    def html(self, runs: pd.DataFrame, chances: pd.DataFrame, constants: pd.DataFrame, path: pd.DataFrame) -> str:
        runs = (
            runs.astype({"steps": "Int64", "d": "Int64"})
            .reindex(columns=COLUMNS)
            .assign(on_sheet=runs["convention"] == "half")
        )
        of_a, of_b = runs[runs["part"] == "a"], runs[runs["part"] == "b"]
        summary = SUMMARY["summarise_part_b"](of_b)
        settings_of = summary[["convention", "k", "eta", "on_sheet", "runs", "converged", "diverged"]]
        tables = {
            "runs": runs.astype(dict.fromkeys(("rank_a", "diverged_at"), "Int64")),
            "zero": SUMMARY["summarise_part_a"](of_a),
            "summary": summary,
            "behaviours": SUMMARY["compare_with_map"](of_b),
            "probability": PROBABILITY["compare_with_runs"](settings_of.join(chances)),
            "phase": path,
        }
        for name, table in tables.items():
            table.to_csv(self.folder / f"{name}.csv", index=False)
        image = {"training_image": 3, "class": "cat", "edge_share": 0.5, "eta": 0.1, "steps": 50, "d": 3072, "k": 8}
        image |= {"z_squared": 400.0, "initial_loss": 200.0, "final_loss": 1e-9, "curvature": 900.0, "edge": 0.01}
        image |= {"shown": 4, **SUMMARY_OF_CONSTANTS(constants)}
        (self.folder / "image.json").write_text(json.dumps(image))
        return HTMLReport(TEMPLATES, Results(self.results), student=None, config={}, provenance={}).render(
            ["linear_autoencoder"]
        )


SUMMARY_OF_CONSTANTS = IMAGE["summarise_constants"]
COLUMNS = [
    *["part", "convention", "k", "eta", "seed", "on_sheet", "steps", "d", "outcome", "diverged_at", "norm_a", "norm_b"],
    *[
        "rank_a",
        "off_direction",
        "initial_loss",
        "final_loss",
        "rho",
        "relative_step",
        "behaviour",
        "predicted_outcome",
    ],
    *["predicted_steps", "map_steps", "map_difference", "stable_minima", "small_step_edge", "edge"],
    *["curvature", "lowest_curvature", "curvature_difference"],
]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return Page(tmp_path_factory.mktemp("page"))


def words(html: str) -> str:
    """The text of the section without formulas, with single spaces, none of them before punctuation."""
    section = re.search(r'<section id="linear_autoencoder">.*?</section>', html, re.DOTALL)
    text = " ".join(re.sub(r"<math.*?</math>|<[^>]+>", "", section[0], flags=re.DOTALL).split())
    return re.sub(r" ([.,;:)])", r"\1", text)


def claimed(text: str, *choices: str) -> str:
    """The one of these sentences that the text contains."""
    found = [choice for choice in choices if choice in text]
    assert len(found) == 1, (choices, found, text)
    return found[0]


def check_short_answer(html: str, runs: list[Row]) -> None:
    """The answer of the section says the same as the paragraphs on its parts."""
    answer = answer_of(html, "linear_autoencoder")
    finished = [run for run in runs if run["outcome"] != "diverged"]
    asked = [run for run in finished if run["on_sheet"]]
    assert ("every run with a step size of the problem set diverges" in answer) == (not asked)
    if asked:
        positive = all(run["norm_a"] > 0 for run in finished)
        assert ("becomes nonzero" if positive else "stays zero in some runs") in answer
        smallest = min(run["final_loss"] for run in asked)
        assert f"the smallest training error is {significant(smallest)}, with" in answer


def observed(outcome: str) -> str:
    return outcome if outcome in ("converged", "diverged") else "neither"


def outcomes_in_words(runs: list[Row]) -> str:
    said = []
    for outcome, (singular, plural) in VERBS.items():
        count = sum(run["outcome"] == outcome for run in runs)
        if count:
            who = (
                "the only draw"
                if len(runs) == 1
                else f"all {count}"
                if count == len(runs)
                else f"{count} of {len(runs)}"
            )
            said.append(f"{who} {singular if count == 1 else plural}")
    return " and ".join([", ".join(said[:-1]), said[-1]] if said[1:] else said)


def check_answer(text: str, runs: list[Row]) -> None:
    """Is A nonzero, and what is the smallest training error?"""
    finished = [run for run in runs if run["outcome"] != "diverged"]
    said = claimed(text, "Every run diverged.", "Yes, in every run that did not diverge", "Not in every run:")
    positive = all(run["norm_a"] > 0 for run in finished)
    assert said[:3] == ("Eve" if not finished else "Yes" if positive else "Not")
    one = bool(finished) and all(run["rank_a"] == 1 for run in finished)
    assert ("has rank 1" in text) == one
    exact = one and all(run["off_direction"] < 1e-12 for run in finished)
    assert ("its columns are multiples of up to rounding" in text) == exact
    asked = [run for run in finished if run["on_sheet"]]
    assert ("No run has a smallest training error" in text) == (not asked)
    if asked:
        smallest = min(run["final_loss"] for run in asked)
        named = re.search(r"The smallest training error after .*? is ([^ ]+|.*?⁻³¹), with (.*?)\. (That|It)", text)
        assert named[2].count("seed") == sum(run["final_loss"] == smallest for run in asked)
        assert (named[3] == "That") == (smallest < 8e-24)
    for eta in {run["eta"] for run in runs}:
        here = [run for run in runs if (run["convention"], run["k"], run["eta"]) == ("half", WIDTH, eta)]
        plain = re.sub(r" \(at step [^)]*\)", "", text)
        assert re.search(rf" {eta:g}: {re.escape(outcomes_in_words(here))}( |;|$)", plain), (eta, here, text)


def check_prediction(text: str, runs: list[Row]) -> None:
    wrong = sum(run["predicted_outcome"] != observed(run["outcome"]) for run in runs)
    said = claimed(text, "The theory predicts the outcome", "The theory does not predict the outcome of every run.")
    assert ("does not" in said) == (wrong > 0)
    if wrong:
        assert f"for {wrong} of {len(runs)} run" in text
    rounding = 0
    for behaviour, meaning in {
        "converges": "converge in some number of steps",
        "neither": "stay bounded and never converge",
        "diverges": "diverge (",
    }.items():
        like = [run for run in runs if run["behaviour"] == behaviour]
        assert (f" should {meaning}" in text) == bool(like)
        if not like:
            continue
        rounding += max(run["map_difference"] for run in like) < 1e-9
        item = re.search(rf"{len(like)} runs? should {re.escape(meaning)}.*?(?=runs? should|How likely)", text)[0]
        for outcome, verb in {"converged": "converged", "diverged": "diverged", "neither": "done neither"}.items():
            count = sum(observed(run["outcome"]) == outcome for run in like)
            assert bool(re.search(rf"\b{max(count, 1)} ha(ve|s) {verb}", item)) == (count > 0)
        late = [run for run in like if behaviour == "converges" and observed(run["outcome"]) == "neither"]
        unknown = sum(run["predicted_steps"] is None or math.isnan(run["predicted_steps"]) for run in late)
        assert bool(re.search(rf"\b{max(unknown, 1)} needs? more than 10,000 steps", item)) == (unknown > 0)
        assert bool(re.search(r"of the latter needs? 1,[23]00", item)) == (len(late) > unknown)
    assert text.count("Up to rounding, ") == rounding


def check_probability(text: str, runs: list[Row], chances: list[Row]) -> None:
    keys = list(dict.fromkeys((run["convention"], run["k"], run["eta"]) for run in runs))
    p_values = []
    for key, chance in zip(keys, chances, strict=True):
        here = [run for run in runs if (run["convention"], run["k"], run["eta"]) == key]
        total, good = len(here) + chance["draws"], chance["draws_in_time"]
        converged = sum(run["outcome"] == "converged" for run in here)
        masses = scipy.stats.hypergeom(total, good + converged, len(here)).pmf(np.arange(len(here) + 1))
        p_values.append(masses[masses <= masses[converged] * (1 + 1e-7)].sum())
    said = claimed(
        text, "The observed shares are compatible with the probabilities", "Such an observed share is unlikely"
    )
    assert said.startswith("The") == (min(p_values) * len(p_values) >= 0.05)
    right = all(run["predicted_outcome"] == observed(run["outcome"]) for run in runs)
    assert ("it is the draws that are unusual" in text) == (said.startswith("Such") and right)
    asked = [(key, chance) for key, chance in zip(keys, chances, strict=True) if key[0] == "half"]
    gap = max(chance["stable"] - chance["probability"] for _, chance in asked)
    assert ("alone is not sufficient matters most" in text) == (gap > 0)
    spread = 0.0
    for eta in {key[2] for key, _ in asked}:
        levels = [chance["probability"] for key, chance in asked if key[2] == eta]
        spread = max(spread, max(levels) - min(levels))
    assert ("The width matters only through" in text) == (len({key[1] for key, _ in asked}) > 1)
    assert (" against " in text) == (spread > 0)
    most = max(chance["contradictions"] for chance in chances)
    assert ("it contradicts them for no draw" in text) == (most == 0)


def check_plane(text: str, runs: list[Row], chances: list[Row], path: pd.DataFrame) -> None:
    """The probabilities against the observed shares, and the paths of runs in the plane."""
    keys = list(dict.fromkeys((run["convention"], run["k"], run["eta"]) for run in runs))
    unlikely = []
    for key, chance in zip(keys, chances, strict=True):
        here = [run["outcome"] for run in runs if (run["convention"], run["k"], run["eta"]) == key]
        for outcome, share in (("converged", chance["in_time"]), ("diverged", chance["diverges"])):
            count, number = here.count(outcome), len(here)
            # Clopper and Pearson: a share is in the interval unless so many, or so few, have a probability below 2.5%.
            fewer, more = scipy.stats.binom.cdf(count, number, share), scipy.stats.binom.sf(count - 1, number, share)
            if key[0] == "half" and min(fewer, more) < 0.025:
                unlikely.append(f"width {key[1]}, η = {key[2]:g}")
    assert ("the computed probabilities lie in the 95% intervals" in text) == (not unlikely)
    assert all(setting in text for setting in unlikely)
    crossing = path[(path["relative_step"] < 2) & path["outside"]]["kind"].nunique()
    assert ("None of these runs crosses the ellipse." in text) == (crossing == 0)
    assert ("This run crosses the ellipse" in text) == (crossing == 1)
    exact = path["difference"].max() < 1e-9
    assert ("The networks are where the recursion puts them" in text) == exact
    assert ("Later, they differ by up to" in text) == (not exact)
    settled = set(path[path["difference"] >= 1e-9]["outcome"]) & {"converged"}
    assert ("times this length: rounding errors grow in a run" in text) == (not exact and not settled)


def check_conventions(text: str, runs: list[Row]) -> None:
    counts = {}
    for run in runs:
        if run["k"] == WIDTH:
            counts.setdefault((run["convention"], run["eta"]), []).append(run["outcome"])
    differ = any(sorted(seen) != sorted(counts["half", eta]) for (_, eta), seen in counts.items())
    assert ("The outcomes depend on the convention of the loss." in text) == differ
    assert ("The outcomes are the same in other conventions of the loss." in text) == (not differ)
    flatter = [run for run in runs if run["outcome"] == "converged" and run["stable_minima"] == "flatter"]
    reduced = bool(flatter) and all(run["small_step_edge"] < run["edge"] for run in flatter)
    assert ("so that the minimum ahead becomes flatter" in text) == reduced


def check_zero_and_image(text: str, zero: list[Row], constants: list[Row]) -> None:
    still = all(run["norm_a"] == run["norm_b"] == 0 for run in zero)
    assert ("the weights are still exactly zero" in text) == still
    assert ("the weights are not all zero" in text) == (not still)
    saddle = all(run["lowest_curvature"] < 0 for run in zero)
    assert ("stalled at a saddle" in text) == (still and saddle)
    assert ("do not show a saddle" in text) == (still and not saddle)
    multiple = all(row["relative_distance"] < 1e-12 for row in constants)
    assert ("The output for any image is a multiple of the training image." in text) == multiple
    assert ("The outputs are not exactly the training image." in text) == (not multiple)
    exact = all(row["relative_difference"] < 1e-10 for row in constants)
    assert ("They are the constants that Problem 1 predicts" in text) == exact
    negative = sum(row["constant"] < 0 for row in constants)
    assert ("none is negative" in text) == (negative == 0)
    assert bool(re.search(rf"{max(negative, 1)} of them (is|are) negative", text)) == (negative > 0)


@settings(max_examples=25, deadline=None)
@given(results())
@example(cut_off())
@example(cut_off(off_direction=0.125))
@example(cut_off(norm_a=0.0))
def test_every_sentence_is_what_the_runs_say(page, data):
    html = page.html(**data)
    text = words(html)
    runs = data["runs"].to_dict("records")
    of_b = [run for run in runs if run["part"] == "b"]
    check_answer(text, of_b)
    check_short_answer(html, of_b)
    check_prediction(text, of_b)
    check_probability(text, of_b, data["chances"].to_dict("records"))
    check_plane(text, of_b, data["chances"].to_dict("records"), data["path"])
    check_conventions(text, of_b)
    check_zero_and_image(text, [run for run in runs if run["part"] == "a"], data["constants"].to_dict("records"))


def test_a_run_that_was_cut_off_is_no_disagreement(page):
    text = words(page.html(**cut_off()))
    assert "The theory predicts the outcome of every run." in text
    assert "27 have converged and 3 have done neither. By the recursion, 3 of the latter need 1,200 steps." in text
    assert "The observed shares are compatible" in text


def test_no_number_in_an_answer_or_a_table_is_typed_in(page):
    html = page.html(**cut_off())
    typed = "".join(text for section, text in Reader(html).untraced if section == "linear_autoencoder")
    assert re.findall(r"\d+", re.sub(r"Problem 1|95%", "", typed)) == []
    check_traces(page.results, html)
