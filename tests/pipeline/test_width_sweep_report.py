"""The section of Problem 12: its words follow the data."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.report_page import WIDTHS, render, sentences, write_results, write_widths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results")


class TestWordsOnWidths:
    @pytest.fixture
    def words_for(self, folder) -> Callable[..., str]:
        def render_words(medians: dict[int, float], **arguments: float) -> str:
            write_widths(folder / "width_sweep", medians, **arguments)
            return sentences(render(folder), "width_sweep")

        return render_words

    def test_networks_worse_at_every_width(self, words_for):
        text = words_for(WIDTHS)
        assert "At every width the networks are worse than the NNGP:" in text
        assert "the interval is above its test MSE from k=16 to k=1024." in text
        assert "At the largest width, k=1024, the median is 1.44 to 1.56 times the test MSE of the NNGP" in text
        assert "and 0 of 50 draws are better than it." in text
        assert "None of these draws, at any width, is better than the NNGP." in text
        assert "the networks are worse at k=16, 64, 100 and 128; better at k=1024." in text

    def test_further_activations_have_a_table_of_their_own(self, words_for, folder):
        alone = words_for(WIDTHS)
        assert "Other activations" not in alone
        text = words_for(WIDTHS, activations=["relu", "swish", "gelu"])
        assert text.startswith(alone[: alone.index("Test MSE against width")])
        table = re.search(r"<table>(?:(?!<table>).)*GELU NNGP.*?</table>", render(folder), flags=re.DOTALL)[0]
        rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", table, flags=re.DOTALL)[1:]]
        assert [row[:2] for row in rows] == [["GELU", "NNGP"], ["swish", "NNGP"]]
        gelu = " ".join(rows[0])
        assert gelu == "GELU NNGP 4.00 × 10⁻⁵ 4.00 100 0.0160 1024 6.00 × 10⁻⁵ 1.44 to 1.56 times"

    def test_a_width_that_beats_the_nngp(self, words_for):
        text = words_for(WIDTHS | {128: 0.9e-5})
        assert "The networks are worse than the NNGP at k=16, 64, 100 and 1024." in text
        assert "The networks are better than the NNGP at k=128." in text
        assert "The smallest median of these draws is that at k=128: 0.900 times the test MSE of the NNGP." in text
        assert "some are better than the NNGP at k=128, and none at another width." in text
        assert "Beyond it the median does not fall with every larger width: not at k=1024, from the width" in text

    def test_networks_better_at_every_width(self, words_for):
        text = words_for(WIDTHS, nngp=1.0)
        assert "At every width the networks are better than the NNGP:" in text
        assert "At every width some of these draws are better than the NNGP." in text

    def test_widths_that_the_draws_do_not_decide(self, words_for):
        text = words_for(WIDTHS | {128: 1.02e-5}, zero=3e-5)
        assert "The draws do not decide at k=128." in text
        assert "undecided at k=16. Of the single draws, worse than zero are 13 of 50 at k=16." in text

    @pytest.mark.parametrize(
        ("medians", "expected"),
        [
            (WIDTHS, "The median is largest at the interpolation threshold, k=n=100. Its interval is above those"),
            (WIDTHS, "There the median is hundreds of times as large as the test MSE of the NNGP: 384 to 416 times"),
            (WIDTHS | {16: 1.0}, "There the median is tens of thousands of times as large"),
            (
                WIDTHS | {100: 9e-5 + 1e-9},
                "There the median is 8.64 to 9.36 times as large as the test MSE of the NNGP",
            ),
            (WIDTHS | {100: 9e-5 + 1e-9}, "Its interval overlaps with that at k=128, so these draws do not decide"),
            (WIDTHS | {128: 1.0}, "largest at k=128 (the interpolation threshold is k=n=100). Its interval is above"),
            (WIDTHS | {128: 4e-3}, "largest at k=100 and 128 (the interpolation threshold is k=n=100)."),
            (WIDTHS | {1024: 1.0}, "It is the largest width tried."),
            (WIDTHS, "Beyond it the median falls with every larger width: each interval is below"),
            (WIDTHS | {1024: 8.9e-5}, "but the interval overlaps with that of the width before at k=1024."),
            (WIDTHS, "The mean of the draws, 4.40 × 10⁻³, is above this interval"),
            (WIDTHS, "its median condition number is 1.0 × 10⁶, and 150 at k=1024."),
        ],
    )
    def test_the_peak(self, words_for, medians, expected):
        assert expected in words_for(medians)

    @pytest.mark.parametrize("medians", [WIDTHS | {128: 1.0}, WIDTHS | {100: 9e-5 + 1e-9}, WIDTHS | {16: 1.0}])
    def test_the_reason_is_given_for_a_decided_peak_at_the_threshold_only(self, words_for, medians):
        assert "the features are just enough to fit the data" in words_for(WIDTHS)
        assert "the features are just enough to fit the data" not in words_for(medians)

    @pytest.mark.parametrize("columns", [["joint"], ["joint", "median"]])
    def test_few_draws_decide_nothing(self, words_for, folder, columns):
        words_for(WIDTHS)
        table = pd.read_csv(folder / "width_sweep/summary.csv")
        for column in columns:
            table[[f"{column}_low", f"{column}_high"]] = (-np.inf, np.inf)
        table.to_csv(folder / "width_sweep/summary.csv", index=False)
        text = sentences(render(folder), "width_sweep")
        assert "So few draws have no finite interval of this kind, and decide nothing:" in text
        assert "Beyond it the median of these draws falls with every larger width." in text
        times = "hundreds of times as large as the test MSE of the NNGP: 384 to 416 times (95% interval of the median)"
        times = times if columns == ["joint"] else "400 times as large as the test MSE of the NNGP."
        assert f"The median is largest at the interpolation threshold, k=n=100. There the median is {times}" in text
        for absent in ("Against predicting zero", "the networks are worse", "just enough to fit"):
            assert absent not in text

    def test_none_worse_than_zero(self, words_for):
        assert "Against predicting zero, the networks are better at every width." in words_for(WIDTHS, zero=1.0)
