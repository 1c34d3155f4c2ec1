"""Problem 2b: data, training, summary, figures and words, on small images that a network can learn."""

import argparse
import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision import transforms

from nngplab.datasets.cifar10 import FOLDER
from nngplab.datasets.cifar10_torch import VerifiedCIFAR10, channel_statistics, standardise, to_tensors
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.report.figures.fc_net import plot_confusion, plot_learning_curves
from nngplab.report.figures.images import plot_weights
from tests.helpers.checkout import SCRIPTS
from tests.helpers.cifar10_images import CLASSES, LABEL, write_images
from tests.helpers.fc_net import PARAMETERS, results, train, training_options
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
        dataset = VerifiedCIFAR10(data / FOLDER, pd.read_csv(data / "files.csv"), train=True)
        images, labels = to_tensors(dataset)
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
        test = VerifiedCIFAR10(data / FOLDER, pd.read_csv(data / "files.csv"), train=False)
        with torch.no_grad(), np.load(runs / "mse_1.npz") as file:
            outputs = net(standardise(to_tensors(test)[0], model["mean"], model["std"]))
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
        namespace = runpy.run_path(str(SCRIPTS / "fc_net_train.py"))
        arguments = argparse.Namespace(optimiser=optimiser, epochs=4, batch_size=32, learning_rate=0.5)
        weights = [torch.zeros(1, requires_grad=True)]
        stepped = namespace["OPTIMISERS"][optimiser](weights, lr=0.5)
        schedule = namespace["one_cycle"](stepped, arguments, 300)
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
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("outcome", "rate", "standardise"), [("diverged", 1e5, "true"), ("dead", 3.0, "false")])
    def test_a_step_size_that_is_too_large_gives_one_line(self, data, tmp_path, outcome, rate, standardise):
        """Where no pixel is negative, one step can switch every unit off for every image."""
        plain = {"optimiser": "sgd", "schedule": "constant", "standardise": standardise, "learning_rate": rate}
        options = training_options(data, tmp_path, **plain)
        output = run_script("fc_net_train", *options, status=1)
        line = f"error: fc_net: network 0 with mse: {outcome} after epoch "
        assert next(words for words in output.splitlines() if words.startswith("error")).startswith(line), output
        assert output.endswith(f"lower fc_net.learning_rate, which is {rate}\n")
        assert results(tmp_path) == {}
        assert not list((tmp_path / "state").iterdir())


@pytest.fixture(scope="module")
def summarised(data, runs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("summarised")
    names = [f"{loss}_{seed}" for loss in ("mse", "cross_entropy") for seed in range(2)]
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
            assert row.std_accuracy == pytest.approx(abs(accuracy[0] - accuracy[1]) / np.sqrt(2))
            assert row.mean_train_accuracy == pytest.approx(mine[mine["split"] == "train"]["accuracy"].mean())
            assert row.mean_loss == pytest.approx(mine[mine["split"] == "test"][row.loss].mean())
            assert row.mean_train_loss == pytest.approx(mine[mine["split"] == "train"][row.loss].mean())
        metrics = json.loads((summarised / "metrics.json").read_text())
        assert metrics.pop("images") == LABEL
        columns = ["mean_accuracy", "std_accuracy", "mean_train_accuracy"]
        assert metrics == summary.set_index("loss")[columns].to_dict("index")

    def test_the_epoch_with_the_smallest_test_loss(self):
        losses = {0: [3.0, 3.0], 1: [1.0, 3.0], 2: [1.5, 1.7], 3: [2.0, 2.0]}
        table = pd.DataFrame(
            {"loss": "mse", "seed": seed, "epoch": epoch, "split": split, "mse": mse * (1 if split == "test" else 1e-3)}
            | {"cross_entropy": -epoch, "accuracy": 0.5, "width": 12}
            for epoch, both in losses.items()
            for seed, mse in enumerate(both)
            for split in ("train", "test")
        )
        row = runpy.run_path(str(SCRIPTS / "fc_net_summary.py"))["summarise"](table).iloc[0]
        assert (row["lowest_mean_loss_epoch"], row["lowest_mean_loss"], row["mean_loss"]) == (2, 1.6, 2.0)

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
        table = functions["confusion"](predictions, np.array(["a", "b", "c"]))
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
        figure = plot_confusion(confusion)
        for axes, loss in zip(figure.axes, ("mse", "cross_entropy"), strict=True):
            shares = confusion[confusion["loss"] == loss]["share"].to_numpy()
            assert [text.get_text() for text in axes.texts] == [f"{100 * share:.0f}" for share in shares]
            assert [label.get_text() for label in axes.get_yticklabels()] == CLASSES
            assert [label.get_text() for label in axes.get_xticklabels()] == CLASSES

    def test_a_mosaic_shows_each_image_on_its_own_scale(self):
        images = np.random.default_rng(0).normal(size=(5, 3, 4, 6)) * [[[[1]]], [[[10]]], [[[0]]], [[[1]]], [[[1]]]]
        drawn = plot_weights(images, columns=2, limit=3).axes[0].images[0].get_array()
        assert drawn.shape == (2 * 6, 2 * 8, 3)
        for index, corner in enumerate([(1, 1), (1, 9), (7, 1)]):
            tile = drawn[corner[0] : corner[0] + 4, corner[1] : corner[1] + 6].transpose(2, 0, 1)
            scale = np.abs(images[index]).max() or 1
            np.testing.assert_allclose(tile, 0.5 + 0.5 * images[index] / scale)
        assert (drawn[6:, 8:] == 1).all()

    def test_the_first_layer_begins_with_what_weighs_most(self, tmp_path):
        net = OneHiddenLayer(3072, 3, 10, "relu", seed=0)
        with torch.no_grad():
            net.A[:, 1] *= 100
            net.B[2] *= 1e-4
        torch.save({"network": net.state_dict()}, tmp_path / "net.pt")
        rows = runpy.run_path(str(SCRIPTS / "fc_net_figures.py"))["first_layer"](tmp_path / "net.pt")
        np.testing.assert_array_equal(rows.reshape(3, -1), net.B.detach().numpy()[[1, 0, 2]])

    def test_the_predictions_shown_are_true(self, data, runs):
        test = VerifiedCIFAR10(data / FOLDER, pd.read_csv(data / "files.csv"), train=False)
        images = to_tensors(test)[0].view(-1, 3, 32, 32).numpy()
        predictions = runpy.run_path(str(SCRIPTS / "fc_net_figures.py"))["predictions"]
        figure = predictions(runs / "mse_0.npz", images, CLASSES, 88)
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
        assert len(shown) == 10 + min(10, wrong)
        assert sum("→" in title for title in shown.values()) == min(10, wrong)

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
                *["--first-layers", *(folder / f"first_{loss}.png" for loss in losses)],
                *["--predictions", *(folder / f"predictions_{loss}.png" for loss in losses)],
            )
        assert len(results(tmp_path / "one")) == 6
        assert results(tmp_path / "one") == results(tmp_path / "two")
