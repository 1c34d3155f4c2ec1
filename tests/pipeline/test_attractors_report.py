"""The section of Problem 4: each question is answered, in words that follow from the data."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.attractors import make_results, render
from tests.helpers.report_page import check_traces, sentences, typed_digits


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
        assert "The answers are for ϕ=ReLU, our choice; tanh stands beside it at the end." in words
        assert "No first attempt diverged, died or stalled." in words
        assert "(0.001, tried on 1 image) makes the network dead" in words
        assert "Zeros come out as zeros" in words
        assert (
            "What does the output look like when the input is a test image? Test images come out, by the median"
            in words
        )
        assert "Of 10 test images, after 1 iteration:" in words
        assert "as many iterations as it takes until the direction stops moving" in words
        assert "The noise is one vector ϵ for all images, as set." in words
        assert "On 1 image, trained to the error 1 × 10⁻³: test images:" in words
        assert "Other activations Trained alike" in words

    def test_no_number_is_typed_in(self, results):
        assert typed_digits(render(results), "attractors") == []
        check_traces(results, render(results))

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
        assert "No first attempt diverged, died or stalled." not in self.words(results)
        assert "The table shows which attempts failed." in self.words(results)
        assert "On 1 image: trained" in self.words(results)

    def test_a_step_size_from_the_configuration(self, results):
        self.change(results, "attempts", "seed == 88", rule="given")
        words = self.words(results)
        assert "The step size. It is set in the configuration." in words
        assert "three quarters" not in words

    def test_what_a_test_image_looks_like(self, results):
        before, after = (f"n_images == 2 and input == 'test' and iterations == {r}" for r in (0, 1))
        self.change(results, "summary", before, median_span_degrees=20)
        for nearest, span, words in (
            (1, 0.5, "Test images come out, by the median angle, at a training image: of 10,"),
            (9, 1, "Test images come out, by the median angle, as a mixture of the training images: of 10,"),
            (19, 19, "closer to the span of the training images than the inputs, but not in it: of 10,"),
            (
                30,
                20,
                "Test images come out, by the median angle, no closer to the span of the training images than the",
            ),
        ):
            self.change(
                results, "summary", after, median_degrees=nearest, median_span_degrees=span, arrival_degrees=1.5
            )
            assert words in self.words(results)

    @pytest.mark.parametrize(
        ("outcome", "words"),
        [
            ("image", "Iterating sends every test image to a training image."),
            ("mixture", "Iterating sends no test image to a training image."),
            ("moving", "Iterating sends none of the test images to a training image within"),
        ],
    )
    def test_where_iterating_leads(self, results, outcome, words):
        self.change(results, "limit_shares", "activation == 'relu' and n_images == 2", outcome=outcome)
        assert words in self.words(results)

    def test_noise_that_does_not_go_away(self, results):
        after = "n_images == 2 and iterations == 10"
        self.change(results, "noisy", after, agrees=True, noise_left=0.0324)
        assert "3.2% and 3.2% after 10 iterations" in self.words(results)
        assert "The oblique projection agrees with what is left, to within 10% of it." in self.words(results)
        self.change(results, "noisy", f"{after} and image == 2", agrees=False)
        assert "differs from what is left by more than 10% of it for z2. Possible reasons" in self.words(results)

    def test_images_that_do_not_attract(self, results):
        self.change(results, "limit_errors", "n_images == 1", attractors=1)
        self.change(results, "limit_errors", "n_images == 2", attractors=2)
        assert "All training images are attractors after the training of (a)" in self.words(results)
        assert "on 2 images (error at most 0.01), 2 of the 2 training images." in self.words(results)
        self.change(results, "limit_errors", "n_images == 2", attractors=1)
        assert "Not all training images are attractors after the training of (a)" in self.words(results)
        self.change(results, "limit_errors", "n_images == n_images", attractors=0)
        assert "No training image is an attractor after the training of (a)" in self.words(results)
        assert "on 1 image (error at most 0.01), not the training image;" in self.words(results)
