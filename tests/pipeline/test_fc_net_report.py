"""The section on Problem 2b: its words follow from the tables, whatever these say."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.report_page import (
    PICTURE,
    TEMPLATES,
    Reader,
    alternative_texts,
    check_traces,
    sentences,
    write_cifar10,
)

NAMES = ["cat", "dog"]


def compare(mean: float, others: list[float], half: float = 0.015) -> dict[str, float]:
    """The difference to the other loss, with an interval of this half width."""
    return {
        "difference" + end: mean - other + sign * half
        for other in others
        for end, sign in (("", 0), ("_low", -1), ("_high", 1))
    }


def write_rates(folder: Path, losses: Iterable[str], chosen: int = 1, tuned: bool = True) -> None:
    """The table of the learning rates: three candidates for each loss, of which one is chosen, or a given rate."""
    rates = [0.001, 0.003, 0.01] if tuned else [0.003]
    table = pd.DataFrame(
        {
            "loss": loss,
            "learning_rate": rate,
            "outcome": "out of steps",
            "validation_accuracy": 0.4 - abs(n - chosen) / 8,
        }
        | {"epochs": 15, "tuning_images": 40_000, "validation_images": 10_000}
        | {"chosen": n == chosen or not tuned, "at_edge": n in (0, 2), "tuned": tuned}
        for loss in losses
        for n, rate in enumerate(rates)
    )
    table.loc[table["learning_rate"] == 0.01, ["outcome", "validation_accuracy"]] = ["diverged", None]
    if not tuned:
        table = table[["loss", "learning_rate", "chosen", "tuned"]]
    table.to_csv(folder / "learning_rates.csv", index=False)


def write_fc_net(folder: Path, accuracy: dict[str, tuple[float, float]], **changes: object) -> None:
    """Tables in which the networks trained with each loss have this lowest and this highest test accuracy."""
    rows, per_class, confusion = [], [], []
    write_rates(folder, accuracy)
    for loss, (low, high) in accuracy.items():
        mean, std = (low + high) / 2, (high - low) / 2
        rows.append(
            {"loss": loss, "seeds": 3, "mean_accuracy": mean, "std_accuracy": std}
            | {"lowest_accuracy": low, "highest_accuracy": high, "mean_train_accuracy": mean + 0.0625}
            | {"gap": 0.0625, "gap_low": 0.05, "gap_high": 0.075, "level": 0.95}
            | {"mean_accuracy_low": low - 0.001, "mean_accuracy_high": high + 0.001}
            | {"mean_loss": 1.28, "mean_train_loss": 1.07, "lowest_mean_loss": 1.28, "lowest_mean_loss_epoch": 15}
            | {"train_loss_at_lowest": 1.07, "rise": 0.0, "rise_low": 0.0, "rise_high": 0.0}
            | compare(mean, [sum(other) / 2 for name, other in accuracy.items() if name != loss])
            | {"root_seed": 88, "width": 128, "optimiser": "adam", "schedule": "one_cycle", "learning_rate": 0.001}
            | {"epochs": 15, "batch_size": 128, "standardise": True, "mirror": True, "n_train": 50_000, "n_test": 2000}
            | changes
        )
        for name, share in zip(NAMES, (mean - 0.125, mean + 0.125), strict=True):
            per_class.append(
                {"loss": loss, "class": name, "images": 1000, "mean_accuracy": share, "std_accuracy": std}
                | {"lowest_accuracy": share - std, "highest_accuracy": share + std}
            )
            for predicted in NAMES:
                taken = share if predicted == name else 1 - share
                entry = {"loss": loss, "class": name, "predicted": predicted, "count": round(3000 * taken)}
                confusion.append(entry | {"share": taken})
    for name, table in (("summary", rows), ("per_class", per_class), ("confusion", confusion)):
        pd.DataFrame(table).to_csv(folder / f"{name}.csv", index=False)
    for name in ("learning_curves", "confusion"):
        (folder / f"{name}.svg").write_text(PICTURE)
    (folder / "by_loss").mkdir(exist_ok=True)
    for loss in accuracy:
        for name in ("first_layer", "predictions"):
            (folder / f"by_loss/{name}_{loss}.svg").write_text(PICTURE)


APART = {"mse": (0.515, 0.525), "cross_entropy": (0.53, 0.55)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cifar10", "fc_net"):
        (tmp_path / "results" / name).mkdir(parents=True)
    real = {"stand_in": False, "source": "archive", "label": "CIFAR-10, a copy"}
    write_cifar10(tmp_path / "results/cifar10", **real)
    write_fc_net(tmp_path / "results/fc_net", APART)
    return tmp_path / "results"


def render(folder: Path) -> str:
    facts = {"code": {"git commit": "0123"}}
    config = {"seed": 88, "report": {"name": None}}
    return HTMLReport(TEMPLATES, Results(folder), student=None, config=config, provenance=facts).render(["fc_net"])


def words(folder: Path, accuracy: dict[str, tuple[float, float]] = APART, **changes: object) -> str:
    write_fc_net(folder / "fc_net", accuracy, **changes)
    return sentences(render(folder), "fc_net")


class TestTracing:
    def test_every_number_is_in_the_file_that_it_names_or_follows_from_such(self, folder):
        page = render(folder)
        assert len(Reader(page).data) > 60
        check_traces(folder, page)

    def test_no_number_is_typed_in(self, folder):
        typed = "".join(text for section, text in Reader(render(folder)).untraced if section == "fc_net")
        assert re.findall(r"\d+", typed.replace("CIFAR-10", "")) == []

    def test_it_can_be_used_without_seeing_it(self, folder):
        tags = Reader(render(folder)).tags
        assert len(alternative_texts(tags)) == 6
        assert all(len(text) > 30 for text in alternative_texts(tags))
        assert all("scope" in attributes for tag, attributes in tags if tag == "th")


class TestWords:
    def test_accuracy_with_its_interval_the_better_first(self, folder):
        text = words(folder)
        assert (
            "Test accuracy: 54.0% with cross-entropy (95% interval 52.9% to 55.1%; 3 networks, 53.0% to 55.0%)" in text
        )
        assert "and 52.0% with squared error (95% interval 51.4% to 52.6%; 3 networks, 51.5% to 52.5%)" in text
        assert "Predicting the most frequent class for every test image is right for 50.0% of them" in text
        assert "Trained on 50,000 images, tested on 2,000: CIFAR-10, a copy." in text

    def test_a_difference_whose_interval_excludes_zero(self, folder):
        text = words(folder)
        assert (
            "The accuracy with cross-entropy is higher by 2.00 percentage points (95% interval 0.5 to 3.5). "
            "Cross-entropy is better in this setting, with the learning rate chosen by validation for each loss."
        ) in text
        text = words(folder, {"mse": (0.6, 0.62), "cross_entropy": (0.5, 0.52)})
        assert "(95% interval 8.5 to 11.5). Squared error is better in this setting" in text

    def test_a_difference_whose_interval_includes_zero(self, folder):
        text = words(folder, {"mse": (0.51, 0.55), "cross_entropy": (0.52, 0.56)})
        assert "is higher by 1.00 percentage points (95% interval −0.5 to 2.5). The data do not decide" in text
        assert "is better in this setting" not in text

    def test_no_difference(self, folder):
        text = words(folder, {"mse": (0.5, 0.5), "cross_entropy": (0.5, 0.5)})
        assert "Both losses give the same accuracy on the test images (95% interval −1.5 to 1.5)" in text
        assert "The data do not decide which loss is better" in text

    def test_no_verdict_at_the_edge_of_the_grid(self, folder):
        write_fc_net(folder / "fc_net", APART)
        write_rates(folder / "fc_net", APART, chosen=0)
        text = sentences(render(folder), "fc_net")
        assert "No verdict on the loss: with squared error and cross-entropy, the chosen learning rate is at" in text
        assert text.count("chosen, at the edge of the grid") == 2
        assert "is better" not in text

    def test_no_verdict_with_a_given_rate(self, folder):
        write_fc_net(folder / "fc_net", APART)
        write_rates(folder / "fc_net", APART, tuned=False)
        text = sentences(render(folder), "fc_net")
        assert "No verdict on the loss: both losses have the learning rate 0.003, which was given" in text
        assert "held out" not in text
        assert "is better" not in text

    def test_one_network_of_each_loss(self, folder):
        text = words(folder, seeds=1, std_accuracy=None)
        assert "(95% interval over the test images 52.9% to 55.1%; 1 network)" in text
        assert "No verdict on the loss: with one network for each loss, the interval covers the choice of" in text
        assert "Of these two networks, that trained with cross-entropy is better." in text
        assert "do not include the variation between networks" in text

    def test_the_choice_of_the_learning_rate(self, folder):
        text = words(folder)
        assert "squared error0.001 27.50% squared error0.003 40.00% chosen squared error0.01 diverged" in text
        assert (
            "a network is trained on the first 40,000 training images for 15 epochs, and evaluated on the last 10,000 "
            "after the last epoch. The test images are not used."
        ) in text

    def test_one_loss_alone_is_compared_with_nothing(self, folder):
        text = words(folder, {"mse": (0.5, 0.52)})
        assert "Test accuracy: 51.0% with squared error" in text
        assert "cross-entropy" not in text
        assert "verdict" not in text
        assert "is better" not in text

    def test_the_best_and_worst_class_and_the_most_frequent_confusion(self, folder):
        text = words(folder)
        assert (
            "With cross-entropy, the accuracy is highest on dog (66.5% of its test images), and lowest on cat "
            "(41.5% of its test images)."
        ) in text
        assert "58.5% of the images of class cat are classified as dog, and 33.5% the other way round" in text

    def test_a_generalisation_gap_is_not_overfitting(self, folder):
        text = words(folder)
        assert (
            "60.2% of the training images are classified correctly. The generalisation gap to the test accuracy is "
            "6.25 percentage points (95% interval 5.0 to 7.5)."
        ) in text
        assert "No epoch has a smaller mean test loss than the last, so these runs do not show whether" in text
        assert "the networks overfit" not in text

    def test_a_gap_whose_interval_includes_zero(self, folder):
        text = words(folder, gap=0.01, gap_low=-0.01, gap_high=0.03)
        assert "Training less test accuracy is 1.00 percentage points (95% interval −1.0 to 3.0): the data do" in text
        assert "generalisation gap to" not in text

    def test_a_test_accuracy_above_the_training_accuracy(self, folder):
        text = words(folder, gap=-0.03, gap_low=-0.04, gap_high=-0.02)
        assert "The test accuracy is higher, by 3.00 percentage points" in text
        assert "generalisation gap" not in text

    RISE: ClassVar = {"lowest_mean_loss_epoch": 9, "lowest_mean_loss": 1.2, "rise": 0.08, "train_loss_at_lowest": 1.1}

    def test_a_test_loss_that_rose_by_more_than_its_spread(self, folder):
        text = words(folder, **self.RISE, rise_low=0.05, rise_high=0.11)
        assert (
            "The mean test loss is smallest after epoch 9 of 15 (1.200). From there to the end it rises by 0.0800 (95% "
            "interval over the networks 0.050 to 0.110), and the mean training loss falls (1.100 to 1.070): the "
            "networks overfit."
        ) in text

    def test_a_test_loss_that_rose_within_its_spread(self, folder):
        text = words(folder, **self.RISE, rise_low=-0.05, rise_high=0.21)
        assert "the data do not decide whether the networks overfit" in text
        assert "the networks overfit." not in text.replace("whether the networks overfit.", "")

    def test_a_test_loss_that_rose_with_the_training_loss(self, folder):
        changes = self.RISE | {"train_loss_at_lowest": 1.0, "lowest_mean_loss_epoch": 0}
        text = words(folder, **changes, rise_low=0.05, rise_high=0.11)
        assert "The mean test loss is smallest before training (1.200)." in text
        assert "does not fall (1.000 to 1.070): this is not overfitting, but a training that does not converge" in text

    def test_the_rise_of_one_network_decides_nothing(self, folder):
        text = words(folder, **self.RISE, rise_low=0.08, rise_high=0.08, seeds=1, std_accuracy=None)
        assert "rises by 0.0800, and the mean training loss falls" in text
        assert "with one network, the data do not decide whether such networks overfit" in text

    def test_how_they_were_trained(self, folder):
        text = words(folder)
        assert "learning rate 0.001 for squared error and 0.001 for cross-entropy at its peak, over one cycle" in text
        assert "Optimiser: Adam" in text
        assert "15 epochs, batches of 128" in text
        assert (
            "is mirrored at random, in half of the epochs on average; test images are not mirrored. The test images"
            in text
        )
        text = words(folder, schedule="constant", optimiser="sgd", mirror=False, standardise=False)
        assert "stochastic gradient descent without momentum, learning rate 0.001 for squared error" in text
        assert "Pixels are from 0 to 1." in text
        assert "mirrored" not in text

    def test_the_stand_in_is_named(self, folder):
        write_cifar10(folder / "cifar10")
        text = words(folder)
        assert ": stand-in images, which say nothing about CIFAR-10" in text
        assert text.count("stand-in images") == 8
