"""The section of Problem 12: its words follow the data."""

import re
from collections.abc import Callable
from pathlib import Path

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
        assert "At every width the network is worse:" in text
        assert "above that of the NNGP from k=16 to k=1024." in text
        assert "At the largest width, k=1024, the median is 1.50 times that of the NNGP, and 0% of the draws" in text
        assert "No single draw at any width is better than the NNGP." in text
        assert "are worse than predicting zero: k=16, 64, 100 and 128." in text

    def test_further_activations_have_a_table_of_their_own(self, words_for, folder):
        alone = words_for(WIDTHS)
        assert "Other activations" not in alone
        text = words_for(WIDTHS, activations=["relu", "swish", "gelu"])
        assert text.startswith(alone[: alone.index("Test MSE against width")])
        table = re.search(r"<table>(?:(?!<table>).)*GELU NNGP.*?</table>", render(folder), flags=re.DOTALL)[0]
        rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", table, flags=re.DOTALL)[1:]]
        assert [row[:2] for row in rows] == [["GELU", "NNGP"], ["swish", "NNGP"]]
        gelu = " ".join(rows[0])
        assert gelu == "GELU NNGP 4.00 × 10⁻⁵ 4.00 100 0.0160 1024 6.00 × 10⁻⁵ 1.50"

    def test_a_width_that_beats_the_nngp(self, words_for):
        text = words_for(WIDTHS | {128: 0.9e-5})
        assert "The network is better at some widths:" in text
        assert "below that of the NNGP at k=128, and not below it at k=16, 64, 100 and 1024." in text
        assert "The smallest median is that at k=128: 0.900 times that of the NNGP." in text
        assert "Single draws better than the NNGP occur at k=128, and at no other width." in text
        assert "Beyond it the median does not fall with every larger width." in text

    def test_networks_better_at_every_width(self, words_for):
        text = words_for(WIDTHS, nngp=1.0)
        assert "At every width the network is better:" in text
        assert "Single draws better than the NNGP occur at every width." in text

    @pytest.mark.parametrize(
        ("medians", "expected"),
        [
            (WIDTHS, "peaks at the interpolation threshold, k=n=100, where the median is 400 times"),
            (WIDTHS | {128: 1.0}, "peaks at k=128, close to the interpolation threshold k=n=100,"),
            (WIDTHS | {16: 1.0}, "peaks at k=16, away from the interpolation threshold k=n=100,"),
            (WIDTHS | {1024: 1.0}, "It is the largest width tried."),
            (WIDTHS, "Beyond it the median falls with every larger width."),
            (WIDTHS, "the middle nine tenths of the draws lie from 3.20 × 10⁻³ to 4.80 × 10⁻³"),
        ],
    )
    def test_the_peak(self, words_for, medians, expected):
        assert expected in words_for(medians)

    def test_heavy_tails_are_reported(self, words_for, folder):
        words_for(WIDTHS)
        table = pd.read_csv(folder / "width_sweep/summary.csv")
        table.loc[table["k"] == 100, "mean_test_mse"] = 0.119
        table.to_csv(folder / "width_sweep/summary.csv", index=False)
        assert "so heavy-tailed that the mean, 0.119, is not informative" in sentences(render(folder), "width_sweep")

    def test_none_worse_than_zero(self, words_for):
        assert "At every width the median is below that of predicting zero." in words_for(WIDTHS, zero=1.0)
