"""The section of Problem 3: its words follow the data."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.checkout import ROOT
from tests.helpers.linear_autoencoder import make_results


@pytest.fixture(scope="module")
def results(make_once) -> Path:
    return make_once("linear_autoencoder", make_results) / "results/linear_autoencoder"


def disagree(table: pd.DataFrame, count: int) -> None:
    table["disagree"] = count
    table["smallest_difference_if_disagree"], table["largest_difference_if_disagree"] = 0.25, 0.5


class TestWords:
    """The section of the page, as its tables are changed."""

    def section(self, results: Path, tmp_path: Path, name: str = "", change=None) -> str:
        folder = tmp_path / "results"
        for path in results.parent.rglob("*"):
            if path.is_file():
                copy = folder / path.relative_to(results.parent)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
        if name:
            path = folder / "linear_autoencoder" / name
            if path.suffix == ".json":
                path.write_text(json.dumps(json.loads(path.read_text()) | change))
            else:
                change(table := pd.read_csv(path))
                table.astype({"rank_a": "Int64"} if "rank_a" in table else {}).to_csv(path, index=False)
        facts = {"code": {"git commit": "0123"}}
        page = HTMLReport(ROOT / "workflow/report", Results(folder), student=None, config={}, provenance=facts)
        found = re.search(
            r'<section id="linear_autoencoder">.*?</section>', page.render(["linear_autoencoder"]), re.DOTALL
        )
        return " ".join(re.sub(r"<math.*?</math>|<[^>]+>", "", found[0], flags=re.DOTALL).split())

    def test_as_it_is(self, results, tmp_path):
        text = self.section(results, tmp_path)
        assert "After 5 steps the weights are still exactly zero." in text
        assert "stalled at a saddle" in text
        assert "Yes, in every run that did not diverge" in text
        assert "has rank 1, and its columns are multiples of" in text
        assert "The theory predicts the outcome of every run." in text
        assert "The observed shares are compatible with the probabilities" in text
        assert "1: all 3 diverge (at step" in text
        assert "The output for any image is a multiple of the training image." in text
        assert "They are the constants that Problem 1 predicts" in text

    @pytest.mark.parametrize(
        ("name", "change", "expected"),
        [
            ("zero.csv", lambda table: table.__setitem__("largest_norm_a", 0.5), "the weights are not all zero"),
            ("zero.csv", lambda table: table.__setitem__("largest_lowest_curvature", 0.1), "do not show a saddle"),
            ("runs.csv", lambda table: table.__setitem__("norm_a", 0.0), "Not in every run:"),
            ("runs.csv", lambda table: table.__setitem__("rank_a", 3), "goes from 3 to 3"),
            ("runs.csv", lambda table: table.__setitem__("off_direction", 0.25), "orthogonal to is up to 0.25 of it."),
            ("behaviours.csv", lambda table: disagree(table, 2), "does not predict the outcome of every run."),
            (
                "behaviours.csv",
                lambda table: table.__setitem__("map_steps", 3),
                "With up to 3 steps, the recursion also",
            ),
            ("probability.csv", lambda table: table.__setitem__("adjusted_p_value", 1e-3), "is unlikely for"),
            (
                "probability.csv",
                lambda table: table.__setitem__("contradictions", 3),
                "contradicts them for up to 3 of",
            ),
            ("probability.csv", lambda table: table.__setitem__("stable", 0.0), "the second condition adds little"),
            ("summary.csv", lambda table: table.__setitem__("smallest_loss", np.nan), "No run has a smallest"),
            ("image.json", {"largest_relative_distance": 0.2}, "The outputs are not exactly the training image."),
            ("image.json", {"largest_relative_difference": 0.3}, "Those that the recursion below predicts differ"),
            ("image.json", {"negative_constants": 7}, "7 of them are negative"),
            ("image.json", {"final_loss": 1e9}, "the loss goes from"),
        ],
    )
    def test_the_words_follow_the_data(self, results, tmp_path, name, change, expected):
        assert expected not in self.section(results, tmp_path / "before")
        assert expected in self.section(results, tmp_path / "after", name, change)
