"""The section on Problem 2b: its words follow from the tables, whatever these say."""

import re
from pathlib import Path

import pandas as pd
import pytest

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.report_page import PICTURE, TEMPLATES, Reader, check_traces, sentences, write_cifar10

NAMES = ["cat", "dog"]


def write_fc_net(folder: Path, accuracy: dict[str, tuple[float, float]], **changes: object) -> None:
    """Tables in which the networks trained with each loss have this lowest and this highest test accuracy."""
    rows, per_class, confusion = [], [], []
    for loss, (low, high) in accuracy.items():
        mean, std = (low + high) / 2, (high - low) / 2
        rows.append(
            {"loss": loss, "seeds": 3, "mean_accuracy": mean, "std_accuracy": std}
            | {"lowest_accuracy": low, "highest_accuracy": high, "mean_train_accuracy": mean + 0.0625}
            | {"mean_loss": 1.28, "mean_train_loss": 1.07, "lowest_mean_loss": 1.28, "lowest_mean_loss_epoch": 15}
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
            (folder / f"by_loss/{name}_{loss}.png").write_bytes(b"\x89PNG\r\n\x1a\n")


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
        assert sum(tag == "img" for tag, _ in tags) == 6
        assert all(len(attributes["alt"]) > 30 for tag, attributes in tags if tag == "img")
        assert all("scope" in attributes for tag, attributes in tags if tag == "th")


class TestWords:
    def test_accuracy_with_its_spread_the_better_first(self, folder):
        text = words(folder)
        assert "Test accuracy: 54.0% with cross-entropy (53.0% to 55.0% over 3 networks, standard deviation" in text
        assert "and 52.0% with squared error (51.5% to 52.5% over 3 networks" in text
        assert "Predicting the same class for every image is right for 50.0% of them" in text
        assert "Trained on 50,000 images, tested on 2,000: CIFAR-10, a copy." in text

    def test_a_difference_beyond_the_spread(self, folder):
        assert "Cross-entropy is better, by 2.0 percentage points on average. That exceeds the spread" in words(folder)
        text = words(folder, {"mse": (0.6, 0.62), "cross_entropy": (0.5, 0.52)})
        assert "Squared error is better, by 10.0 percentage points on average" in text

    def test_a_difference_within_the_spread(self, folder):
        text = words(folder, {"mse": (0.51, 0.55), "cross_entropy": (0.52, 0.56)})
        assert "1.0 percentage points on average, does not exceed the spread" in text
        assert "is better, by" not in text

    def test_no_difference(self, folder):
        text = words(folder, {"mse": (0.5, 0.5), "cross_entropy": (0.5, 0.5)})
        assert "On average both losses give the same accuracy" in text

    def test_one_loss_alone_is_compared_with_nothing(self, folder):
        text = words(folder, {"mse": (0.5, 0.52)})
        assert "Test accuracy: 51.0% with squared error" in text
        assert "cross-entropy" not in text
        assert "spread" not in text.partition("Networks after")[0].partition("overfit")[0]

    def test_the_best_and_worst_class_and_the_most_frequent_confusion(self, folder):
        text = words(folder)
        assert (
            "the accuracy is highest on the class dog (66% of its test images) and lowest on the class cat (42%)"
            in text
        )
        assert "58% of the images of class cat are classified as dog, and 34% the other way round" in text

    def test_overfitting(self, folder):
        text = words(folder)
        assert (
            "the networks overfit: 60.2% of the training images are classified correctly, 6.2 percentage points more"
            in text
        )
        assert "Still, the loss on the test images is smallest after the last epoch" in text
        assert "do not overfit" not in text

    def test_no_overfitting(self, folder):
        text = words(folder, mean_train_accuracy=0.541)
        assert "do not overfit: 54.1% of the training images are classified correctly" in text
        assert "The loss on the test images is smallest after the last epoch" in text

    def test_a_test_loss_that_rose_again(self, folder):
        text = words(folder, lowest_mean_loss_epoch=9, lowest_mean_loss=1.2)
        assert "The loss on the test images is smallest after epoch 9 of 15 (1.20), and 1.28 at the end" in text

    def test_how_they_were_trained(self, folder):
        text = words(folder)
        assert "Adam, step size 0.001 at its peak, over one cycle, 15 epochs, batches of 128" in text
        assert (
            "is mirrored at random, in half of the epochs on average; test images are not mirrored. The test images"
            in text
        )
        text = words(folder, schedule="constant", optimiser="sgd", mirror=False, standardise=False)
        assert "stochastic gradient descent without momentum, step size 0.001, constant" in text
        assert "Pixels are from 0 to 1." in text
        assert "mirrored" not in text

    def test_the_stand_in_is_named(self, folder):
        write_cifar10(folder / "cifar10")
        text = words(folder)
        assert "STAND-IN IMAGES, NOT CIFAR-10, which say nothing about CIFAR-10" in text
        assert text.count("Images: STAND-IN IMAGES, NOT CIFAR-10.") == 6
