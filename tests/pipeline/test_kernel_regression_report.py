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
        assert "The erf NNGP is better than the sine NNGP in all 10 repeats" in text
        assert "The ReLU NNGP is better than the Laplace kernel in all 10 repeats" in text
        assert "The order on the headline data set is the same." in text

    def test_the_order_turned_round(self, words_for):
        text = words_for(KERNELS | {"relu": 1.0e-5, "erf": 1.3e-5})
        assert "the ReLU NNGP has the smallest test MSE, 1.00 × 10⁻⁵" in text
        assert "The ReLU NNGP is better than the sine NNGP in all 10 repeats" in text
        assert "The sine NNGP is better than the erf NNGP in all 10 repeats" in text
        assert "excludes zero" in text

    def test_kernels_that_cannot_be_distinguished(self, words_for):
        text = words_for(KERNELS | {"sine": 1.0e-5}, spread=0.05)
        assert re.search(
            r"The (sine|erf) NNGP and the (sine|erf) NNGP cannot be distinguished: the 95% interval of the mean "
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
                "the result depends on the kernel. Better: the erf NNGP and sine NNGP. Worse: the ReLU NNGP.",
            ),
            (1.0e-5, 0.001, "Worse: the sine NNGP and ReLU NNGP. Not distinguishable from it: the erf NNGP."),
            (1.2e-5, 0.5, "no NNGP kernel can be distinguished from it."),
        ],
    )
    def test_against_the_laplace_kernel(self, words_for, laplace, spread, expected):
        assert expected in words_for(KERNELS | {"laplace": laplace}, spread=spread)

    @pytest.mark.parametrize(
        ("linear", "spread", "expected"),
        [
            (0.9e-5, 0.001, "None of these kernels is better than plain linear regression"),
            (1.2e-5, 0.001, "It is also better than plain linear regression"),
            (1.0e-5, 0.02, "It cannot be distinguished from plain linear regression"),
        ],
    )
    def test_against_the_linear_kernel(self, words_for, linear, spread, expected):
        assert expected in words_for(KERNELS | {"linear": linear}, spread=spread)

    @pytest.mark.parametrize(
        ("zero", "expected"),
        [
            (
                2.5e-5,
                "has 0.400 of that on the same data (mean R2 of 0.600), so it has learnt only a part of the target",
            ),
            (1e-3, "has 0.0100 of that on the same data (mean R2 of 0.990), so it has learnt almost the whole target"),
            (0.5e-5, "so it is no better than a model that has learnt nothing"),
        ],
    )
    def test_against_predicting_zero(self, words_for, zero, expected):
        assert expected in words_for(KERNELS | {"zero": zero})

    def test_the_order_of_the_configuration_does_not_matter(self, words_for):
        backwards = dict(reversed(KERNELS.items()))
        assert re.sub(r"[−(][^;.]+", "", words_for(backwards)).count("better in all 10 repeats") == 0
        assert "each NNGP kernel is better." in words_for(backwards)
        assert "The erf NNGP is better than the sine NNGP in all 10 repeats" in words_for(backwards)

    def test_a_single_kernel(self, words_for):
        text = words_for({"relu": 1.3e-5, "linear": 0.9e-5, "zero": 2.5e-5})
        assert "the ReLU NNGP has a test MSE of 1.30 × 10⁻⁵" in text
        assert "Against the Laplace kernel" not in text

    def test_every_kernel_of_the_configuration_has_its_formula(self, folder):
        kernels = [*DUALS, "laplace", "swish"]
        levels = {kernel: (1 + 0.1 * place) * 1e-5 for place, kernel in enumerate([*kernels, "linear", "zero"])}
        write_kernels(folder / "kernel_regression", levels)
        listing = re.search(r'<dl class="kernels">.*?</dl>', render(folder), flags=re.DOTALL)[0]
        assert len(re.findall(r"<dd>\s*<math", listing)) == len(kernels)
        assert [kernel for kernel in kernels if kernel_label(kernel) not in listing] == []
        assert listing.count("by quadrature") == 1

    def test_the_explanation_is_for_fewer_points_than_dimensions(self, words_for):
        assert "misses the share 1−n/d=0.500 of the variance" in words_for(KERNELS)
        assert "misses the share" not in words_for(KERNELS, n=300)
        text = words_for(KERNELS, labels_before_normalising=True)
        assert "misses the share" not in text
        assert "The labels of the test rows were computed before those rows were normalised" in text
