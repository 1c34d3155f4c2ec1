"""The section of Problem 4: each question is answered, in words that follow from the data."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.attractors import make_results, render
from tests.helpers.report_page import Reader, sentences


@pytest.fixture(scope="module")
def home(make_once) -> Path:
    return make_once("attractors", make_results)


@pytest.fixture
def results(home, tmp_path) -> Path:
    """A copy of the results, to change."""
    return shutil.copytree(home / "results", tmp_path / "results")


class TestReport:
    def words(self, results: Path) -> str:
        return sentences(render(results), "attractors")

    @staticmethod
    def change(results: Path, name: str, condition: str, **values: object) -> None:
        path = results / f"attractors/{name}.csv"
        table = pd.read_csv(path)
        rows = table.eval(condition)
        assert rows.any(), condition
        for column, value in values.items():
            table.loc[rows, column] = value
        table.to_csv(path, index=False)

    def test_every_question_is_answered(self, results):
        words = self.words(results)
        assert "On 1 image: trained, to a mean squared error of" in words
        assert "On 2 images: trained, to a mean squared error of" in words
        assert "No first attempt failed." in words
        assert "(0.001, tried on 1 image) makes the network dead" in words
        assert "Zeros come out as zeros" in words
        assert "What does the output look like when the input is a test image? The test image comes out as" in words
        assert "Of 10 test images, after 1 iteration:" in words

    def test_no_number_is_typed_in(self, results):
        typed = "".join(text for section, text in Reader(render(results)).untraced if section == "attractors")
        assert re.findall(r"\d+", re.sub(r"× 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", "", typed)) == []

    def test_networks_beyond_the_problem_set_are_added(self, results):
        assert "Added: the outputs" not in self.words(results)
        self.change(results, "attempts", "n_images == 2", on_sheet=False)
        words = self.words(results)
        assert "Added: the outputs of the network trained on 2 images." in words
        assert "(c) Trained on 1 image: the outputs" in words

    @pytest.mark.parametrize(
        ("outcome", "words"),
        [
            ("dead", "On 2 images: dead after"),
            ("diverged", "On 2 images: diverged after"),
            ("stalled", "On 2 images: stalled at"),
            ("out of steps", "On 2 images: not trained: after all"),
        ],
    )
    def test_a_network_that_is_not_trained_is_named(self, results, outcome, words):
        assert "that did not fit" not in self.words(results)
        self.change(results, "attempts", "purpose == 'fit' and n_images == 2", outcome=outcome)
        assert words in self.words(results)
        assert "The results below are those of a network that did not fit its images." in self.words(results)

    def test_failed_attempts_are_reported(self, results):
        path = results / "attractors/attempts.csv"
        table = pd.read_csv(path)
        pd.concat([table.head(1).assign(outcome="dead", step_size=1.0), table]).to_csv(path, index=False)
        assert "No first attempt failed." not in self.words(results)
        assert "The table shows which attempts failed." in self.words(results)
        assert "On 1 image: trained" in self.words(results)

    def test_a_step_size_from_the_configuration(self, results):
        self.change(results, "attempts", "seed == 88", rule="given")
        words = self.words(results)
        assert "The step size. It is set in the configuration." in words
        assert "three quarters" not in words

    def test_what_a_test_image_looks_like(self, results):
        after_one = "n_images == 2 and input == 'test' and iterations == 1"
        for cosine, words in (
            (0.999, "The test image comes out as a training image or a mixture of them."),
            (0.95, "The test image comes out as a training image or a mixture of them with some noise."),
            (0.8, "The test image comes out closer to the training images than the input, but far from them."),
            (0.1, "The test image comes out no closer to the training images than the input."),
        ):
            self.change(results, "summary", after_one, median_span_cosine=cosine)
            self.change(
                results, "summary", "n_images == 2 and input == 'test' and iterations == 0", median_span_cosine=0.5
            )
            assert words in self.words(results)

    @pytest.mark.parametrize(
        ("share", "words"),
        [
            (1.0, "Iterating sends every test image to a training image."),
            (0.0, "Iterating sends no test image to a training image"),
            (0.3, "Iterating sends test images to a training image or to a mixture: after 100 iterations, 30% are at"),
        ],
    )
    def test_where_iterating_leads(self, results, share, words):
        last = "n_images == 2 and input == 'test' and iterations == 100"
        self.change(results, "summary", last, image_share=share, mixture_share=1 - share)
        assert words in self.words(results)

    def test_noise_that_does_not_go_away(self, results):
        self.change(results, "noisy", "n_images == 2", cosine=0.999)
        assert "Every noisy image stays at its training image" in self.words(results)
        self.change(results, "noisy", "n_images == 2 and image == 2", cosine=0.5)
        assert "Not every noisy image stays at its training image" in self.words(results)
        self.change(results, "noisy", "n_images == 2 and iterations == 10", noise_left=3.0)
        assert "300% and 300% after 10 iterations" in self.words(results)
        assert "The part of the noise along the training images" not in self.words(results)

    def test_images_that_do_not_attract(self, results):
        self.change(results, "jacobian", "rank == 1", alignment=0.999)
        assert "All training images are attractors" in self.words(results)
        self.change(results, "jacobian", "rank == 2 and n_images == 2 and image == 1", modulus=1.5)
        assert "1 of 3 training images are not attractors" in self.words(results)
        self.change(results, "jacobian", "rank == 1 and n_images == 1", alignment=0.5)
        assert "2 of 3 training images are not attractors" in self.words(results)
