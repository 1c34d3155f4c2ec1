"""Problem 2b: data, training, summary, figures and words, on small images that a network can learn."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from torchvision import transforms

from nngplab.datasets.cifar10 import FOLDER, read_images
from nngplab.datasets.cifar10_torch import channel_statistics, read_tensors, standardise
from nngplab.datasets.cifar10_torchvision import VerifiedCIFAR10
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingOutcome, TrainingRun
from nngplab.pipeline.metrics import round_numbers
from nngplab.problems.fc_net import OPTIMISERS, TrainingSettings, failure, one_cycle
from nngplab.report.figures.confusion import plot_confusion
from nngplab.report.figures.fc_net import plot_learning_curves
from nngplab.report.figures.images import plot_weights
from tests.helpers.checkout import SCRIPTS
from tests.helpers.cifar10_images import CLASSES, LABEL, write_images
from tests.helpers.fc_net import PARAMETERS, results, train, training_options, tuning_options
from tests.helpers.scripts import run_script


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory) -> Path:
    """Two networks trained with each loss."""
    folder = tmp_path_factory.mktemp("runs")
    for loss in ("mse", "cross_entropy"):
        for seed in range(2):
            train(data, folder, loss, seed)
    return folder


class TestData:
    def test_in_memory_is_what_torchvision_hands_out_one_by_one(self, data):
        """Standardised as by ToTensor and Normalize, flattened as the problem set says."""
        files = pd.read_csv(data / "files.csv")
        dataset = VerifiedCIFAR10(data / FOLDER, files, train=True)
        images, labels = read_tensors(data / FOLDER, files, train=True)
        mean, std = channel_statistics(images)
        inputs = standardise(images, mean, std)
        assert (inputs.shape, inputs.dtype) == ((300, 3072), torch.float32)
        dataset.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])
        for index in (0, 1, 150, 299):
            image, label = dataset[index]
            torch.testing.assert_close(inputs[index], image.flatten(), rtol=1e-5, atol=1e-6)
            assert labels[index] == label

    def test_statistics_of_each_channel(self):
        images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (40, 3072), np.uint8))
        images[:, :1024] //= 4
        mean, std = channel_statistics(images)
        values = images.numpy().reshape(40, 3, 1024) / 255
        np.testing.assert_allclose(mean, values.mean(axis=(0, 2)), rtol=1e-6)
        np.testing.assert_allclose(std, values.std(axis=(0, 2)), rtol=1e-6)


class TestTraining:
    def test_the_table(self, runs):
        table = pd.read_csv(runs / "cross_entropy_1.csv")
        columns = ["loss", "seed", "epoch", "split", "mse", "cross_entropy", "accuracy"]
        assert list(table.columns) == columns + list(PARAMETERS)
        assert (table[list(PARAMETERS)] == list(PARAMETERS.values())).all(axis=None)
        assert (table[["loss", "seed"]] == ["cross_entropy", 1]).all(axis=None)
        assert table["epoch"].tolist() == [epoch for epoch in range(5) for _ in range(2)]
        assert table["split"].tolist() == ["train", "test"] * 5

    def test_it_learns(self, runs):
        for path in runs.glob("*.csv"):
            table = pd.read_csv(path).set_index(["split", "epoch"])
            loss = path.stem[:-2]
            assert table.loc[("test", 4), "accuracy"] > 0.5 > 0.3 > table.loc[("test", 0), "accuracy"]
            assert table.loc[("train", 4), loss] < table.loc[("train", 0), loss]

    def test_the_last_row_follows_from_the_outputs(self, runs):
        for path in runs.glob("*.npz"):
            with np.load(path) as file:
                outputs, labels = file["outputs"].astype(float), file["labels"]
                assert (str(file["loss"]), int(file["seed"])) == (path.stem[:-2], int(path.stem[-1]))
            row = pd.read_csv(path.with_suffix(".csv")).query("split == 'test' and epoch == 4").iloc[0]
            wanted = np.eye(10)[labels]
            shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
            assert row["accuracy"] == np.mean(outputs.argmax(axis=1) == labels)
            assert row["mse"] == pytest.approx(np.mean((outputs - wanted) ** 2), rel=1e-6)
            assert row["cross_entropy"] == pytest.approx(-np.log((shares * wanted).sum(axis=1)).mean(), rel=1e-6)

    def test_the_model_gives_the_outputs_again(self, data, runs):
        model = torch.load(runs / "mse_1.pt", weights_only=True)
        assert {name: model[name] for name in PARAMETERS} == PARAMETERS
        net = OneHiddenLayer(3072, 12, 10, "relu", seed=0)
        net.load_state_dict(model["network"])
        images, _ = read_tensors(data / FOLDER, pd.read_csv(data / "files.csv"), train=False)
        with torch.no_grad(), np.load(runs / "mse_1.npz") as file:
            outputs = net(standardise(images, model["mean"], model["std"]))
            torch.testing.assert_close(outputs, torch.from_numpy(file["outputs"]))

    def test_both_losses_start_from_the_same_weights_and_other_seeds_from_others(self, runs):
        start = {path.stem: pd.read_csv(path).query("epoch == 0")["mse"].tolist() for path in runs.glob("*.csv")}
        assert start["mse_0"] == start["cross_entropy_0"]
        assert start["mse_0"] != start["mse_1"]

    def test_the_same_bytes_again(self, data, runs, tmp_path):
        train(data, tmp_path)
        assert results(tmp_path) == {name: content for name, content in results(runs).items() if "mse_0" in name}
        assert not list((tmp_path / "state").iterdir())

    def test_stochastic_gradient_descent_on_plain_pixels(self, data, tmp_path):
        plain = {"optimiser": "sgd", "schedule": "constant", "standardise": "false", "mirror": "false", "n_train": 200}
        train(data, tmp_path, **plain, learning_rate=0.02, batch_size=200, epochs=12)
        table = pd.read_csv(tmp_path / "mse_0.csv")
        assert (table[["optimiser", "schedule", "n_train"]] == ["sgd", "constant", 200]).all(axis=None)
        assert not table[["standardise", "mirror"]].any(axis=None)
        assert table.query("split == 'train'")["mse"].is_monotonic_decreasing
        model = torch.load(tmp_path / "mse_0.pt", weights_only=True)
        assert torch.equal(torch.stack([model["mean"], model["std"]]), torch.tensor([[0.0] * 3, [1.0] * 3]))

    @pytest.mark.parametrize("optimiser", ["adam", "sgd"])
    def test_the_one_cycle_schedule_reaches_its_peak_and_ends_near_zero(self, optimiser):
        names = [name for name in PARAMETERS if not name.startswith("n_")]
        settings = {name: PARAMETERS[name] for name in names} | {"optimiser": optimiser, "learning_rate": 0.5}
        weights = [torch.zeros(1, requires_grad=True)]
        stepped = OPTIMISERS[optimiser](weights, lr=0.5)
        schedule = one_cycle(stepped, TrainingSettings(loss="mse", seed=0, **settings), 300)
        steps = []
        for _ in range(4 * 10 - 1):
            steps.append(stepped.param_groups[0]["lr"])
            stepped.step()
            schedule.step()
        assert max(steps) == pytest.approx(0.5)
        assert steps[0] == pytest.approx(0.5 / 25)
        assert stepped.param_groups[0]["lr"] < 1e-5

    def test_more_images_than_there_are(self, data, tmp_path):
        output = run_script("fc_net_train", *training_options(data, tmp_path, n_train=301), status=1)
        assert output == "error: fc_net.n_train is 301, but there are 300 training images: lower it, or null\n"
        assert results(tmp_path) == {}

    @pytest.mark.parametrize(("outcome", "rate", "standardise"), [("diverged", 1e5, "true"), ("dead", 3.0, "false")])
    def test_a_step_size_that_is_too_large_gives_one_line(self, data, tmp_path, outcome, rate, standardise):
        """Where no pixel is negative, one step can switch every unit off for every image."""
        plain = {"optimiser": "sgd", "schedule": "constant", "standardise": standardise, "learning_rate": rate}
        options = training_options(data, tmp_path, **plain)
        output = run_script("fc_net_train", *options, status=1)
        line = f"error: fc_net: network 0 with mse: {outcome} after epoch "
        assert next(words for words in output.splitlines() if words.startswith("error")).startswith(line), output
        assert output.endswith(f"set fc_net.learning_rate to a number below {rate}\n")
        assert results(tmp_path) == {}
        assert not list((tmp_path / "state").iterdir())


class TestTuning:
    def test_the_last_training_images_are_held_out(self, data, tmp_path):
        """Training on the first 200 alone, with the statistics of these, measured on the last 100."""
        run_script("fc_net_tune", *tuning_options(data, tmp_path))
        row = pd.read_csv(tmp_path / "mse.csv").iloc[0].to_dict()
        files = pd.read_csv(data / "files.csv")
        images, labels = read_tensors(data / FOLDER, files, train=True)
        train(data, tmp_path / "first", n_train=200)
        model = torch.load(tmp_path / "first/mse_0.pt", weights_only=True)
        net = OneHiddenLayer(3072, 12, 10, "relu", seed=0)
        net.load_state_dict(model["network"])
        with torch.no_grad():
            outputs = net(standardise(images[200:], model["mean"], model["std"]))
        accuracy = (outputs.argmax(dim=1) == labels[200:]).double().mean().item()
        sizes = {"epochs": 4, "tuning_images": 200, "validation_images": 100}
        expected = {"loss": "mse", "learning_rate": 0.003, "outcome": "out of steps", "validation_accuracy": accuracy}
        assert row == expected | sizes
        assert not list((tmp_path / "state").iterdir())

    @pytest.mark.parametrize(("outcome", "rate", "standardise"), [("diverged", 1e5, "true"), ("dead", 3.0, "false")])
    def test_a_failure_is_a_result(self, data, tmp_path, outcome, rate, standardise):
        plain = {"optimiser": "sgd", "schedule": "constant", "standardise": standardise, "learning_rate": rate}
        run_script("fc_net_tune", *tuning_options(data, tmp_path, **plain))
        row = pd.read_csv(tmp_path / "mse.csv").iloc[0]
        assert row["outcome"] == outcome
        assert np.isnan(row["validation_accuracy"])

    def test_an_error_that_is_not_finite_is_a_failure(self):
        run = TrainingRun([{"loss": 1.0, "test_mse": 1.0}], TrainingOutcome.OUT_OF_STEPS)
        assert failure(run) is None
        run.history.append({"loss": 1.0, "test_mse": float("nan")})
        assert failure(run) == "diverged"

    def choose(self, folder: Path, accuracy: dict[float, float | None], status: int = 0) -> str:
        paths = []
        for number, (rate, value) in enumerate(accuracy.items()):
            paths.append(folder / f"{number}.csv")
            row = {"loss": "mse", "learning_rate": rate, "outcome": "", "validation_accuracy": value, "epochs": 4}
            pd.DataFrame([row]).to_csv(paths[-1], index=False)
        options = ["--tables", *paths, "--losses", "mse", "--output", folder / "rates.csv"]
        return run_script("fc_net_learning_rates", *options, status=status)

    @pytest.mark.parametrize(
        ("accuracy", "chosen", "at_edge"),
        [
            ({0.1: 0.3, 0.01: 0.5, 0.001: 0.4}, 0.01, False),
            ({0.1: 0.3, 0.01: 0.5, 0.001: 0.6}, 0.001, True),
            ({0.1: 0.7, 0.01: 0.5, 0.001: 0.6}, 0.1, True),
            ({0.1: 0.5, 0.01: 0.5, 0.001: 0.4}, 0.01, False),
            ({0.1: None, 0.01: 0.5, 0.001: 0.4}, 0.01, False),
            ({0.1: 0.5}, 0.1, True),
        ],
    )
    def test_the_best_rate_is_chosen_and_of_equal_ones_the_smallest(self, tmp_path, accuracy, chosen, at_edge):
        self.choose(tmp_path, accuracy)
        table = pd.read_csv(tmp_path / "rates.csv")
        assert table["learning_rate"].tolist() == sorted(accuracy)
        (row,) = (row for row in table.itertuples() if row.chosen)
        assert (row.learning_rate, row.at_edge) == (chosen, at_edge)
        assert table["tuned"].all()

    def test_no_rate_can_train_a_loss(self, tmp_path):
        output = self.choose(tmp_path, {0.1: None, 1.0: None}, status=1)
        line = "error: fc_net: no learning rate can train mse: add smaller ones to fc_net.learning_rates, or raise "
        assert output.startswith(line)

    def test_a_given_rate_is_that_of_all_losses(self, tmp_path):
        options = ["--losses", "mse", "cross_entropy", "--learning-rate", "0.002", "--output", tmp_path / "rates.csv"]
        run_script("fc_net_learning_rates", "--tables", *options)
        table = pd.read_csv(tmp_path / "rates.csv")
        assert table["loss"].tolist() == ["mse", "cross_entropy"]
        assert (table[["learning_rate", "chosen", "tuned"]] == [0.002, True, False]).all(axis=None)


@pytest.fixture(scope="module")
def summarised(data, runs, tmp_path_factory) -> Path:
    names = [f"{loss}_{seed}" for loss in ("mse", "cross_entropy") for seed in range(2)]
    return summarise(data, runs, names, tmp_path_factory.mktemp("summarised"))


def summarise(data: Path, runs: Path, names: list[str], folder: Path) -> Path:
    run_script(
        "fc_net_summary",
        *["--tables", *(runs / f"{name}.csv" for name in names)],
        *["--outputs", *(runs / f"{name}.npz" for name in names), "--counts", data / "counts.csv"],
        *["--provenance", data / "provenance.json"],
        *["--all-tables", folder / "metrics.csv", "--summary", folder / "summary.csv"],
        *["--per-class", folder / "per_class.csv", "--confusion", folder / "confusion.csv"],
        *["--metrics", folder / "metrics.json"],
    )
    return folder


def summary_functions() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPTS / "fc_net_summary.py"))


def loss_table(losses: list[list[float]]) -> pd.DataFrame:
    """The table of networks with these test losses: a list for each epoch. Training losses are a thousandth of them."""
    return pd.DataFrame(
        {"loss": "mse", "seed": seed, "epoch": epoch, "split": split, "mse": mse * (1 if split == "test" else 1e-3)}
        for epoch, networks in enumerate(losses)
        for seed, mse in enumerate(networks)
        for split in ("train", "test")
    )


class TestSummary:
    def test_all_trainings_in_one_table(self, runs, summarised):
        table = pd.read_csv(summarised / "metrics.csv")
        for path in runs.glob("*.csv"):
            some = table[(table["loss"] == path.stem[:-2]) & (table["seed"] == int(path.stem[-1]))]
            assert set(some.pop("images")) == {LABEL}
            pd.testing.assert_frame_equal(some.reset_index(drop=True), pd.read_csv(path), check_exact=True)

    def test_each_loss(self, summarised):
        metrics, summary = pd.read_csv(summarised / "metrics.csv"), pd.read_csv(summarised / "summary.csv")
        assert summary["loss"].tolist() == ["mse", "cross_entropy"]
        assert (summary[list(PARAMETERS)] == list(PARAMETERS.values())).all(axis=None)
        for row in summary.itertuples():
            mine = metrics[(metrics["loss"] == row.loss) & (metrics["epoch"] == 4)]
            accuracy = mine[mine["split"] == "test"]["accuracy"].to_numpy()
            assert row.seeds == 2
            assert (row.mean_accuracy, row.lowest_accuracy, row.highest_accuracy) == pytest.approx(
                (np.mean(accuracy), min(accuracy), max(accuracy))
            )
            gaps = mine[mine["split"] == "train"]["accuracy"].to_numpy() - accuracy
            assert row.gap == pytest.approx(gaps.mean())
            assert row.gap_low <= row.gap <= row.gap_high
            assert row.mean_accuracy_low <= row.mean_accuracy <= row.mean_accuracy_high
            assert row.std_accuracy == pytest.approx(abs(accuracy[0] - accuracy[1]) / np.sqrt(2))
            assert row.mean_train_accuracy == pytest.approx(mine[mine["split"] == "train"]["accuracy"].mean())
            assert row.mean_loss == pytest.approx(mine[mine["split"] == "test"][row.loss].mean())
            assert row.mean_train_loss == pytest.approx(mine[mine["split"] == "train"][row.loss].mean())
        metrics = json.loads((summarised / "metrics.json").read_text())
        columns = ["mean_accuracy", "std_accuracy", "mean_train_accuracy"]
        trained = round_numbers(summary.set_index("loss")[columns].to_dict("index"), 2)
        assert metrics == {"images": LABEL, "trained": trained}

    def test_the_difference_of_the_losses_is_that_of_the_same_images(self, runs, summarised):
        right = {}
        for loss in ("mse", "cross_entropy"):
            files = [np.load(runs / f"{loss}_{seed}.npz") for seed in range(2)]
            right[loss] = np.array([file["outputs"].argmax(axis=1) == file["labels"] for file in files], float)
        difference = right["mse"] - right["cross_entropy"]
        networks = scipy.stats.t(1).ppf(0.975) * np.sqrt(difference.mean(axis=1).var(ddof=1) / 2)
        images = scipy.stats.t(59).ppf(0.975) * np.sqrt(difference.mean(axis=0).var(ddof=1) / 60)
        half = np.sqrt(networks**2 + images**2)
        mse, cross_entropy = (row for row in pd.read_csv(summarised / "summary.csv").itertuples())
        expected = [difference.mean(), difference.mean() - half, difference.mean() + half]
        assert [mse.difference, mse.difference_low, mse.difference_high] == pytest.approx(expected)
        assert cross_entropy.difference == -mse.difference
        assert cross_entropy.difference_low == pytest.approx(-mse.difference_high)

    @pytest.mark.parametrize(("networks", "images", "both"), [(1, 0.3, 1), (0.02, 1, 0.1), (0.3, 1, 3)])
    def test_the_interval_covers_the_expectation(self, networks, images, both):
        """Values of crossed random effects, dominated by the networks, by the images, and by neither."""
        with_interval = summary_functions()["with_interval"]
        random = np.random.default_rng(0)
        covered = []
        for _ in range(600):
            values = networks * random.normal(size=(3, 1)) + images * random.normal(size=(1, 40))
            found = with_interval("x", 0.01 * (values + both * random.normal(size=(3, 40))))
            covered.append(found["x_low"] < 0 < found["x_high"])
        assert np.mean(covered) > 0.93

    def test_the_interval_of_one_network_is_over_the_images(self):
        values = np.array([[0.0, 0.1, 0.1, 0.1, 0.0, 0.1]])
        found = summary_functions()["with_interval"]("x", values)
        low, high = scipy.stats.t.interval(0.95, 5, values.mean(), scipy.stats.sem(values[0]))
        assert found == pytest.approx({"x": 0.2 / 3, "x_low": low, "x_high": high})

    def test_an_interval_of_shares_stays_among_shares(self):
        values = np.array([[0, 0, 1], [1, 1, 1]])
        found = summary_functions()["with_interval"]("x", values, lowest=0.0)
        assert (found["x_low"], found["x_high"]) == (0, 1)

    def test_values_that_do_not_vary_have_an_interval_without_width(self):
        assert summary_functions()["with_interval"]("x", np.ones((3, 5))) == {"x": 1, "x_low": 1, "x_high": 1}

    def test_one_network_of_one_loss(self, data, runs, tmp_path):
        summarise(data, runs, ["mse_1"], tmp_path)
        (row,) = pd.read_csv(tmp_path / "summary.csv").itertuples()
        assert row.seeds == 1
        assert np.isnan(row.std_accuracy)
        assert (row.rise_low, row.rise_high) == (-np.inf, np.inf)
        assert set(json.loads((tmp_path / "metrics.json").read_text())["trained"]["mse"]) == {
            "mean_accuracy",
            "mean_train_accuracy",
        }

    def test_the_rise_of_the_test_loss_after_its_minimum(self):
        row = summary_functions()["rise"](loss_table([[3.0, 3.0], [1.0, 3.0], [1.5, 1.7], [2.0, 2.1]]), "mse")
        rises = np.array([0.5, 0.4])
        half = scipy.stats.t(1).ppf(0.975) * rises.std(ddof=1) / np.sqrt(2)
        assert row == pytest.approx(
            {"lowest_mean_loss_epoch": 2, "lowest_mean_loss": 1.6, "train_loss_at_lowest": 1.6e-3}
            | {"rise": 0.45, "rise_low": 0.45 - half, "rise_high": 0.45 + half}
        )

    def test_the_last_of_equal_test_losses_counts(self):
        row = summary_functions()["rise"](loss_table([[3.0, 3.0], [1.0, 2.0], [1.5, 1.7], [2.0, 1.0]]), "mse")
        assert (row["lowest_mean_loss_epoch"], row["rise"]) == (3, 0)
        assert row["rise_low"] == row["rise_high"] == 0

    def test_classes_and_confusions_by_hand(self, runs, summarised):
        per_class, confusion = pd.read_csv(summarised / "per_class.csv"), pd.read_csv(summarised / "confusion.csv")
        for loss in ("mse", "cross_entropy"):
            counts = np.zeros((2, 10, 10), int)
            for seed in range(2):
                with np.load(runs / f"{loss}_{seed}.npz") as file:
                    for label, outputs in zip(file["labels"], file["outputs"], strict=True):
                        counts[seed, label, outputs.argmax()] += 1
            table = confusion[confusion["loss"] == loss]
            assert table["class"].tolist() == np.repeat(CLASSES, 10).tolist()
            assert table["predicted"].tolist() == CLASSES * 10
            np.testing.assert_array_equal(table["count"].to_numpy().reshape(10, 10), counts.sum(axis=0))
            np.testing.assert_allclose(table["share"].to_numpy().reshape(10, 10), counts.sum(axis=0) / 12)
            right = counts.diagonal(axis1=1, axis2=2) / 6
            mine = per_class[per_class["loss"] == loss]
            assert mine["class"].tolist() == CLASSES
            assert mine["images"].tolist() == [6] * 10
            columns = ["mean_accuracy", "std_accuracy", "lowest_accuracy", "highest_accuracy"]
            expected = [right.mean(axis=0), right.std(axis=0, ddof=1), right.min(axis=0), right.max(axis=0)]
            np.testing.assert_allclose(mine[columns].to_numpy().T, expected, atol=1e-15)

    def test_a_class_without_test_images_is_left_out(self):
        functions = runpy.run_path(str(SCRIPTS / "fc_net_summary.py"))
        predictions = pd.DataFrame({"loss": "mse", "seed": 0, "class": ["a", "a", "c"], "predicted": ["a", "b", "b"]})
        table = functions["confusion"](predictions, np.array(["a", "b", "c"]), "loss")
        assert table["class"].tolist() == ["a"] * 3 + ["c"] * 3
        assert table["share"].tolist() == [0.5, 0.5, 0, 0, 1, 0]
        assert functions["per_class"](predictions)["class"].tolist() == ["a", "c"]


class TestFigures:
    def test_learning_curves(self, summarised):
        metrics = pd.read_csv(summarised / "metrics.csv")
        figure = plot_learning_curves(metrics)
        assert len(figure.axes) == 4
        for axes, (measured, loss) in zip(
            figure.axes,
            [("accuracy", "mse"), ("accuracy", "cross_entropy"), ("mse", "mse"), ("cross_entropy", "cross_entropy")],
            strict=True,
        ):
            drawn = [line.get_ydata().tolist() for line in axes.get_lines()]
            for split in ("train", "test"):
                some = metrics[(metrics["loss"] == loss) & (metrics["split"] == split)]
                curves = [some[some["seed"] == seed][measured].tolist() for seed in range(2)]
                assert all(curve in drawn for curve in curves)
                assert any(np.allclose(np.mean(curves, axis=0), line, rtol=1e-12) for line in drawn)
            assert len(drawn) == 6

    def test_confusion(self, summarised):
        confusion = pd.read_csv(summarised / "confusion.csv")
        figure = plot_confusion(confusion, "loss", {"mse": "first", "cross_entropy": "second"})
        assert [axes.get_title() for axes in figure.axes] == ["first", "second"]
        for axes, loss in zip(figure.axes, ("mse", "cross_entropy"), strict=True):
            shares = confusion[confusion["loss"] == loss]["share"].to_numpy()
            assert [text.get_text() for text in axes.texts] == [f"{100 * share:.0f}" for share in shares]
            assert [label.get_text() for label in axes.get_yticklabels()] == CLASSES
            assert [label.get_text() for label in axes.get_xticklabels()] == CLASSES

    def test_a_mosaic_shows_each_image_on_its_own_scale(self):
        images = np.random.default_rng(0).normal(size=(5, 3, 4, 6)) * [[[[1]]], [[[10]]], [[[0]]], [[[1]]], [[[1]]]]
        drawn = plot_weights(images, columns=2, limit=3).axes[0].images[0].get_array()
        assert drawn.shape == (2 * 6, 2 * 8, 4)
        for index, corner in enumerate([(1, 1), (1, 9), (7, 1)]):
            tile = drawn[corner[0] : corner[0] + 4, corner[1] : corner[1] + 6, :3].transpose(2, 0, 1)
            scale = np.abs(images[index]).max() or 1
            np.testing.assert_allclose(tile, 0.5 + 0.5 * images[index] / scale)
        assert (drawn[6:, 8:, 3] == 0).all()

    def test_the_first_layer_begins_with_what_weighs_most(self, tmp_path):
        net = OneHiddenLayer(3072, 3, 10, "relu", seed=0)
        with torch.no_grad():
            net.A[:, 1] *= 100
            net.B[2] *= 1e-4
        torch.save({"network": net.state_dict()}, tmp_path / "net.pt")
        rows = runpy.run_path(str(SCRIPTS / "fc_net_figures.py"))["first_layer"](tmp_path / "net.pt")
        np.testing.assert_array_equal(rows.reshape(3, -1), net.B.detach().numpy()[[1, 0, 2]])

    def test_the_predictions_shown_are_true(self, data, runs):
        images, _ = read_images(data / FOLDER, pd.read_csv(data / "files.csv"), train=False)
        images = images.reshape(-1, 3, 32, 32)
        script = runpy.run_path(str(SCRIPTS / "fc_net_figures.py"))
        figure = script["predictions"](runs / "mse_0.npz", images, CLASSES, 88)
        with np.load(runs / "mse_0.npz") as file:
            labels, predicted = file["labels"], file["outputs"].argmax(axis=1)
        shown = {}
        for axes in [axes for axes in figure.axes if axes.images]:
            (index,) = np.flatnonzero((images.transpose(0, 2, 3, 1) == axes.images[0].get_array()).all(axis=(1, 2, 3)))
            shown[index] = axes.get_title()
        for index, title in shown.items():
            right = CLASSES[labels[index]]
            assert title == (right if predicted[index] == labels[index] else f"{right}\n→ {CLASSES[predicted[index]]}")
        wrong = (labels != predicted).sum()
        assert len(shown) == script["SHOWN"] + min(script["SHOWN"], wrong)
        assert sum("→" in title for title in shown.values()) == min(script["SHOWN"], wrong)

    def test_the_script_draws_all_with_the_mark_of_the_stand_in(self, data, runs, summarised, tmp_path):
        for folder in (tmp_path / "one", tmp_path / "two"):
            losses = ("mse", "cross_entropy")
            run_script(
                "fc_net_figures",
                *["--folder", data / FOLDER, "--files", data / "files.csv", "--provenance", data / "provenance.json"],
                *["--metrics", summarised / "metrics.csv", "--confusion", summarised / "confusion.csv", "--seed", 88],
                *["--models", *(runs / f"{loss}_0.pt" for loss in losses)],
                *["--outputs", *(runs / f"{loss}_0.npz" for loss in losses)],
                *["--learning-curves", folder / "curves.svg", "--confusion-matrix", folder / "confusion.svg"],
                *["--first-layers", *(folder / f"first_{loss}.svg" for loss in losses)],
                *["--predictions", *(folder / f"predictions_{loss}.svg" for loss in losses)],
            )
        assert len(results(tmp_path / "one")) == 6
        assert results(tmp_path / "one") == results(tmp_path / "two")
