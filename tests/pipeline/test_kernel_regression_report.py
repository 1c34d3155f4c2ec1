"""The section of Problem 11: its words follow the data."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from nngplab.kernels.duals import DUALS
from nngplab.report.labels import kernel_label
from tests.helpers.report_page import KERNELS, render, sentences, write_kernels, write_results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results")


class TestWordsOnKernels:
    @pytest.fixture
    def words_for(self, folder) -> Callable[..., str]:
        def render_words(levels: dict[str, float], **arguments: object) -> str:
            write_kernels(folder / "kernel_regression", levels, **arguments)
            return sentences(render(folder), "kernel_regression")

        return render_words

    def test_the_order_of_the_kernels(self, words_for):
        text = words_for(KERNELS)
        assert "the erf NNGP has the smallest test MSE, 1.00 × 10⁻⁵, and the Laplace kernel the largest" in text
        assert "The erf NNGP is better than the sine NNGP: the 95% interval" in text
        assert "The ReLU NNGP is better than the Laplace kernel: the 95% interval" in text
        assert "excludes zero (the ReLU NNGP is the better in all 10 repeats)" in text
        assert "The order on the headline data set is the same." in text

    def test_the_order_turned_round(self, words_for):
        text = words_for(KERNELS | {"relu": 1.0e-5, "erf": 1.3e-5})
        assert "the ReLU NNGP has the smallest test MSE, 1.00 × 10⁻⁵" in text
        assert "The ReLU NNGP is better than the sine NNGP: the 95% interval" in text
        assert "The sine NNGP is better than the erf NNGP: the 95% interval" in text

    def test_kernels_that_cannot_be_distinguished(self, words_for):
        text = words_for(KERNELS | {"sine": 1.0e-5}, spread=0.05)
        assert re.search(
            r"The data do not decide between the (sine|erf) NNGP and the (sine|erf) NNGP: the 95% interval of the mean "
            r"difference, \(−[\d.]+ to [\d.]+\) × 10⁻⁷, includes zero "
            r"\(the (sine|erf) NNGP is the better in [1-9] of 10 repeats\)",
            text,
        )

    def test_another_order_on_the_headline_data(self, words_for, folder):
        words_for(KERNELS)
        table = pd.read_csv(folder / "kernel_regression/summary.csv")
        table.loc[table["kernel"] == "laplace", "headline_test_mse"] = 1e-6
        table.to_csv(folder / "kernel_regression/summary.csv", index=False)
        text = sentences(render(folder), "kernel_regression")
        assert "The headline data set has another order: Laplace kernel, erf NNGP, sine NNGP, ReLU NNGP." in text

    @pytest.mark.parametrize(
        ("laplace", "spread", "expected"),
        [
            (1.6e-5, 0.001, "each NNGP kernel is better."),
            (0.8e-5, 0.001, "each NNGP kernel is worse."),
            (
                1.2e-5,
                0.001,
                "the erf NNGP and sine NNGP are better; the ReLU NNGP is worse.",
            ),
            (1.0e-5, 0.001, "the sine NNGP and ReLU NNGP are worse; the data do not decide for the erf NNGP."),
            (1.2e-5, 0.5, "the data do not decide for any of them."),
        ],
    )
    def test_against_the_laplace_kernel(self, words_for, laplace, spread, expected):
        assert expected in words_for(KERNELS | {"laplace": laplace}, spread=spread)

    @pytest.mark.parametrize(
        ("linear", "spread", "expected"),
        [
            (0.9e-5, 0.001, "each kernel is worse."),
            (1.2e-5, 0.001, "the erf NNGP and sine NNGP are better; the ReLU NNGP and Laplace kernel are worse."),
            (1.0e-5, 0.02, "are worse; the data do not decide for the erf NNGP."),
        ],
    )
    def test_against_the_linear_kernel(self, words_for, linear, spread, expected):
        text = words_for(KERNELS | {"linear": linear}, spread=spread)
        assert expected in text[text.index("Against plain linear regression") :]

    @pytest.mark.parametrize(
        ("zero", "expected"),
        [
            (2.5e-5, "each kernel is better. The erf NNGP has on average 0.400 of the test MSE of predicting zero"),
            (0.5e-5, "each kernel is worse."),
            (1.2e-5, "the erf NNGP and sine NNGP are better; the ReLU NNGP and Laplace kernel are worse."),
        ],
    )
    def test_against_predicting_zero(self, words_for, zero, expected):
        text = words_for(KERNELS | {"zero": zero})
        assert expected in text[text.index("Against predicting zero") :]

    def test_the_order_of_the_configuration_does_not_matter(self, words_for):
        backwards = dict(reversed(KERNELS.items()))
        text = words_for(backwards)
        assert "each NNGP kernel is better." in text
        assert "The erf NNGP is better than the sine NNGP: the 95% interval" in text
        assert "excludes zero (the erf NNGP is the better in all 10 repeats)" in text

    def test_a_single_kernel(self, words_for):
        text = words_for({"relu": 1.3e-5, "linear": 0.9e-5, "zero": 2.5e-5})
        assert "the ReLU NNGP has a test MSE of 1.30 × 10⁻⁵" in text
        assert "Against the Laplace kernel" not in text

    def test_every_kernel_of_the_configuration_has_its_formula(self, folder):
        kernels = [*DUALS, "laplace", "swish"]
        levels = {kernel: (1 + 0.1 * place) * 1e-5 for place, kernel in enumerate([*kernels, "linear", "zero"])}
        write_kernels(folder / "kernel_regression", levels)
        listing = re.search(r'<dl class="kernels">.*?</dl>', render(folder), flags=re.DOTALL)[0]
        assert len(re.findall(r'<dd>\s*(?:<span class="displayed">)?<math', listing)) == len(kernels)
        assert [kernel for kernel in kernels if kernel_label(kernel) not in listing] == []
        assert listing.count("is defined in") == 1

    def test_the_explanation_is_for_fewer_points_than_dimensions(self, words_for):
        assert "on average over draws of the data, the share 1−n/d=0.500" in words_for(KERNELS)
        assert "Why error is left" not in words_for(KERNELS, n=300)
        assert "Why error is left" not in words_for(KERNELS, labels_before_normalising=True)

    def test_the_other_reading_of_the_test_labels(self, words_for):
        text = words_for(KERNELS)
        assert "test MSE, labels before normalising" in text
        assert "Even the target f(x) itself has a test MSE of 1.80 × 10⁻³ by these labels (0.818 of that" in text
        assert "the order of the kernels by their test MSE is the same with both kinds of test labels" in text

    def test_the_text_of_the_problem_set_to_the_letter(self, words_for):
        text = words_for(KERNELS, labels_before_normalising=True)
        assert "The test labels were computed before normalising, as the problem set has it" in text
        assert "all test errors of Problems 11 and 12 follow the text" in text
        assert "test MSE, labels before normalising" not in text
