"""Problem 4: the scripts on small images, and their figures."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb

from nngplab.datasets.cifar10 import FILES
from nngplab.pipeline.metrics import round_numbers
from nngplab.problems.attractors import load_network, shuffled_indices
from nngplab.problems.attractors_limits import OUTPUT_CLASSES, iterate
from nngplab.report.figures.attractors import plot_basins
from nngplab.report.figures.images import plot_image_rows, to_images
from nngplab.report.figures.style import COLOURS
from tests.helpers.attractors import PICTURES, RELU_NETWORKS, render, train, write_tables
from tests.helpers.cifar10_images import write_provenance
from tests.helpers.report_page import sentences


class TestScripts:
    def test_the_attempts(self, trained):
        table = pd.read_csv(trained / "results/attractors/attempts.csv")
        assert list(table.columns[:7]) == [
            *["n_images", "on_sheet", "purpose", "step_size", "outcome", "steps", "final_mse"]
        ]
        fits = table[table["purpose"] == "fit"]
        assert fits["n_images"].tolist() == [1, 2, 1, 2]
        assert fits["activation"].tolist() == ["relu", "relu", "tanh", "tanh"]
        assert (fits["outcome"] == "converged").all()
        assert (fits["final_mse"] <= 0.01).all()
        np.testing.assert_allclose(fits["step_size"], 0.75 * fits["step_size_limit"])
        trials = table[table["purpose"] == "trial"]
        assert trials[["n_images", "step_size", "outcome"]].to_numpy().tolist() == [
            [1, 1e-3, "dead"],
            [1, 1.0, "diverged"],
        ]
        assert np.isfinite(table["final_mse"]).all()
        assert trials["final_mse"].iloc[0] == pytest.approx(trials["zero_mse"].iloc[0])

    def test_the_outcomes_follow_from_the_networks(self, trained, image_options):
        table = pd.read_csv(trained / "results/attractors/outcomes.csv")
        assert {"n_images", "input", "iterations", "nearest", "cosine"} <= set(table.columns)
        counts = table.groupby(["n_images", "input", "iterations"]).size()
        assert counts.loc[1, "test"].to_dict() == dict.fromkeys([0, 1, 2, 20, 100], 10)
        assert counts.loc[2, "training"].to_dict() == dict.fromkeys([0, 1, 2, 20, 100], 2)
        assert counts.loc[2, "noise"].sum() == 50
        assert counts.loc[2, "zeros"].sum() == 5
        net, numbers = load_network(trained / "network_2.pt")
        batches = [pickle.loads((Path(str(image_options[1])) / name).read_bytes())["data"] for name in FILES[:6]]
        train_images, test_images = np.concatenate(batches[:5]) / 255, batches[5] / 255
        assert numbers == shuffled_indices(88, "training", 60)[:2].tolist()
        row = table.query("n_images == 2 and input == 'test' and iterations == 20").iloc[3]
        x = torch.from_numpy(test_images[row["index"]])[None]
        y = iterate(net.double(), x, 20).detach().numpy()[0]
        cosines = [y @ z / np.linalg.norm(y) / np.linalg.norm(z) for z in train_images[numbers]]
        assert row["nearest"] == np.argmax(cosines) + 1
        assert row["cosine"] == pytest.approx(max(cosines), abs=1e-5)
        assert row["index"] == shuffled_indices(88, "test", 12)[3]

    def test_the_shares_are_those_of_the_outcomes(self, trained):
        folder = trained / "results/attractors"
        outcomes, summary, basins = (pd.read_csv(folder / f"{name}.csv") for name in ("outcomes", "summary", "basins"))
        for row in summary.itertuples():
            mine = outcomes.query(f"n_images == {row.n_images} and input == '{row.input}'")
            start = mine[mine["iterations"] == 0]["nearest"].to_numpy()
            mine = mine[mine["iterations"] == row.iterations]
            assert row.inputs == len(mine)
            for outcome in OUTPUT_CLASSES:
                assert getattr(row, f"{outcome}_share") == (mine["outcome"] == outcome).mean()
            assert row.nearest_as_at_start == (mine["nearest"].to_numpy() == start).mean()
            assert row.median_cosine == pytest.approx(mine["cosine"].median())
            assert row.smallest_cosine == mine["cosine"].min()
            for image in range(1, row.n_images + 1):
                keys = f"n_images == {row.n_images} and input == '{row.input}' and iterations == {row.iterations}"
                (basin,) = basins.query(f"{keys} and image == {image}").itertuples()
                assert basin.share == (mine["nearest"] == image).mean()
                assert basin.image_share == ((mine["nearest"] == image) & (mine["outcome"] == "image")).mean()
                parts = [getattr(basin, f"{name}_share") for name in OUTPUT_CLASSES[:-1]]
                assert sum(parts) == pytest.approx(basin.share)

    def test_the_metrics_show_where_test_images_end(self, trained):
        folder = trained / "results/attractors"
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["images"] == "STAND-IN IMAGES, NOT CIFAR-10"
        networks = metrics["trained"]["n_images"]
        outcomes, attempts = pd.read_csv(folder / "outcomes.csv"), pd.read_csv(folder / "attempts.csv")
        assert list(networks) == ["1", "2"]
        for n, found in networks.items():
            network = attempts.query(f"n_images == {n} and purpose == 'fit' and activation == 'relu'").iloc[-1]
            assert (found["steps"], found["step_size"]) == (network["steps"], round_numbers(network["step_size"], 2))
            ends = outcomes.query(f"n_images == {n} and input == 'test' and iterations == 100")
            assert found["iterations"] == 100
            assert found["median_cosine"] == round_numbers(ends["cosine"].median(), 2)
            for outcome in OUTPUT_CLASSES:
                assert found[f"{outcome}_share"] == round_numbers((ends["outcome"] == outcome).mean(), 2)

    def test_the_images_the_jacobians_and_the_noise(self, trained):
        folder = trained / "results/attractors"
        images, jacobian, noisy = (pd.read_csv(folder / f"{name}.csv") for name in ("images", "jacobian", "noisy"))
        assert images[["n_images", "image"]].to_numpy().tolist() == [[1, 1], [2, 1], [2, 2]]
        assert (images["homogeneity_error"] < 1e-12).all()
        assert images["closest_cosine"].isna().tolist() == [True, False, False]
        assert (images["units_shared"] <= images["units_on"]).all()
        assert images["index"].iloc[0] == images["index"].iloc[1]
        firsts = jacobian[jacobian["rank"] == 1]
        assert len(firsts) == 3
        assert (np.abs(firsts["modulus"] - 1) < 0.1).all()
        np.testing.assert_allclose(jacobian["modulus"], np.hypot(jacobian["real"], jacobian["imaginary"]))
        start = noisy[noisy["iterations"] == 0]
        np.testing.assert_allclose(start["noise_left"], 1)
        assert noisy["iterations"].unique().tolist() == [0, 1, 10]
        ten = noisy[noisy["iterations"] == 10]
        assert (ten["noise_left"].to_numpy() < start["noise_left"].to_numpy()).all()

    def test_networks_that_died_or_diverged_are_followed_and_named(self, trained, image_options, tmp_path):
        write_provenance(tmp_path / "results")
        train(image_options, tmp_path, "1", step_size=1e-3)
        train(image_options, tmp_path, "2", step_size=1.0)
        folder = tmp_path / "results/attractors"
        write_tables(image_options, folder, tmp_path, RELU_NETWORKS)
        tables = [pd.read_csv(path) for path in folder.glob("*.csv")]
        assert len(tables) == 11
        # These are missing where they mean nothing: on a single image, without iterations, or for a rate of 0 or 1.
        missing = ["closest_cosine", "slow_directions", "oblique_share", "orthogonal_share", "tenfold"]
        numbers = [table.select_dtypes("number").drop(columns=missing, errors="ignore") for table in tables]
        assert all(np.isfinite(table).all(axis=None) for table in numbers)
        outcomes = pd.read_csv(folder / "outcomes.csv").query("n_images == 1 and input == 'training'")
        assert outcomes["outcome"].tolist() == ["image", *["zero"] * 4]
        for name in PICTURES:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(trained / "results/attractors" / name, folder / name)
        words = sentences(render(tmp_path / "results"), "attractors")
        assert "On 1 image: dead after" in words
        assert "On 2 images: diverged after" in words
        assert "The results below are those of networks that did not fit their images." in words
        assert "No training image is an attractor after the training of (a)" in words

    def test_stand_in_figures_carry_the_mark(self, trained):
        for name in ("basins", "frames"):
            assert "STAND-IN IMAGES, NOT CIFAR-10" in (trained / f"results/attractors/{name}.svg").read_text()

    def test_more_images_than_there_are(self, image_options, tmp_path):
        assert train(image_options, tmp_path, "60", status=1).splitlines() == [
            "error: a network on 60 images needs more than the 60 training images: lower attractors.n_images"
        ]


class TestFigures:
    def test_values_outside_the_range_are_clipped(self):
        values = np.full((1, 3072), 0.5)
        values[0, :4] = [-1, 0, 1, 7]
        image = to_images(values)
        assert (image.shape, image.dtype) == ((1, 3, 32, 32), np.uint8)
        assert image.ravel()[:5].tolist() == [0, 0, 255, 255, 128]

    def test_full_contrast_spans_the_range_of_each_image(self):
        ramp = np.linspace(-2, 6, 3072)
        stretched = to_images(np.stack([ramp, 0.01 * ramp + 3, np.zeros(3072)]), full_contrast=True)
        np.testing.assert_array_equal(stretched[0], stretched[1])
        assert (stretched[0].min(), stretched[0].max()) == (0, 255)
        assert not stretched[2].any()

    def test_rows_of_images(self):
        rows = {name: np.full((3, 3, 32, 32), value, np.uint8) for name, value in (("x", 10), ("f(x)", 200))}
        figure = plot_image_rows(rows, ["a", "b", "c"], "title")
        assert len(figure.axes) == 6
        assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c", "", "", ""]
        assert [axes.get_ylabel() for axes in figure.axes] == ["x", "", "", "f(x)", "", ""]
        assert [int(axes.images[0].get_array().max()) for axes in figure.axes] == [10] * 3 + [200] * 3

    def test_bars_are_the_shares_in_the_colour_of_their_image(self, trained):
        basins = pd.read_csv(trained / "results/attractors/basins.csv")
        figure = plot_basins(basins)
        on_two = figure.axes[1]
        assert [axes.get_title() for axes in figure.axes[:2]] == ["trained on 1 image", "trained on 2 images"]
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["0", "1", "2", "20", "100"]
        bars = [bar for bar in on_two.patches if round(bar.get_y() + bar.get_height() / 2) == 3]
        rows = basins.query("n_images == 2 and input == 'test' and iterations == 20").sort_values("image")
        by_image = rows[[f"{name}_share" for name in OUTPUT_CLASSES[:-1]]].to_numpy()
        parts = [*by_image.ravel(), 1 - by_image.sum()]
        np.testing.assert_allclose([bar.get_width() for bar in bars], [part for part in parts if part > 1e-9])
        of_images = bars[: (by_image > 0).sum()]
        colours = [
            to_rgb(COLOURS[image - 1]) for image, shares in zip(rows["image"], by_image, strict=True) if any(shares)
        ]
        assert {bar.get_facecolor()[:3] for bar in of_images} == set(colours)
        assert len({bar.get_facecolor() for bar in of_images}) == len(of_images)
