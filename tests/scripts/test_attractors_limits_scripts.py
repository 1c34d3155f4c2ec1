"""Problem 4: the scripts that find limits of inputs and count them, and the figures of limits."""

import runpy
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from nngplab.problems.attractors import load_network
from nngplab.problems.attractors_limits import ARRIVAL_SHARE
from nngplab.report.figures.attractors import plot_limit_images, plot_limits
from tests.helpers.attractors import (
    NETWORKS,
    PICTURES,
    RELU_NETWORKS,
    draw,
    find_limits,
    summarise,
    train,
)
from tests.helpers.checkout import SCRIPTS

SUMMARY = runpy.run_path(str(SCRIPTS / "attractors_summary.py"))
KINDS = {"training": 2, "noisy": 2, "test": 10, "unseen": 10, "noise": 10}
# A network that is trained to the error 1e-2.
KEY = {"activation": "relu", "n_images": 2, "target": 1e-2}


def copy_network(trained: Path, folder: Path, network: str) -> None:
    for name in (f"network_{network}.pt", f"attempts_{network}.csv"):
        (folder / name).write_bytes((trained / name).read_bytes())


class TestScript:
    @pytest.mark.parametrize("network", ["1", "2_tanh"])
    def test_training_further_is_training_on(self, trained, image_options, tmp_path, network):
        """A network that is trained to the smaller error at once takes as many steps, and ends at the same error."""
        train(image_options, tmp_path, network, target=1e-3)
        (at_once,) = pd.read_csv(tmp_path / f"attempts_{network}.csv").itertuples()
        first, further = pd.read_csv(trained / f"limit_errors_{network}.csv").itertuples()
        (begun,) = pd.read_csv(trained / f"attempts_{network}.csv").query("purpose == 'fit'").itertuples()
        assert (first.target, first.outcome, first.steps, first.mse) == (
            0.01,
            "converged",
            begun.steps,
            begun.final_mse,
        )
        assert (further.target, further.outcome) == (1e-3, "converged")
        assert (further.steps, further.mse) == (at_once.steps, at_once.final_mse)
        assert further.mse <= 1e-3 < first.mse <= 0.01

    def test_it_ends_with_the_first_target_that_is_not_reached(self, trained, image_options, tmp_path):
        copy_network(trained, tmp_path, "1")
        find_limits(image_options, tmp_path, "1", "--targets", 1e-9, 1e-12, 1e-3, 0.5, "--max-steps", 100)
        errors = pd.read_csv(tmp_path / "limit_errors_1.csv")
        assert errors["target"].tolist() == [1e-2, 1e-3, 1e-9], "from larger to smaller errors, and none that is larger"
        assert errors["outcome"].tolist() == ["converged", "converged", "out of steps"]
        assert np.diff(errors["steps"])[-1] == 100
        assert 1e-9 < errors["mse"].iloc[-1] < errors["mse"].iloc[1]
        inputs, limits = (pd.read_csv(tmp_path / f"{name}_1.csv") for name in ("limit_inputs", "limits"))
        assert inputs["target"].unique().tolist() == limits["target"].unique().tolist() == errors["target"].tolist()

    def test_without_targets_the_network_is_taken_as_it_is(self, trained, image_options, tmp_path):
        copy_network(trained, tmp_path, "1")
        find_limits(image_options, tmp_path, "1", "--targets")
        (row,) = pd.read_csv(tmp_path / "limit_errors_1.csv").itertuples()
        assert row.target == 1e-2

    def test_the_same_seed_gives_the_same_bytes(self, trained, image_options, tmp_path):
        copy_network(trained, tmp_path, "2")
        find_limits(image_options, tmp_path, "2")
        for name in ("limit_inputs_2.csv", "limits_2.csv", "limit_errors_2.csv", "limit_points_2.npz"):
            assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()

    @pytest.mark.parametrize("network", ["2", "2_tanh"])
    def test_the_tables_fit_each_other(self, trained, network):
        inputs, limits, errors = (
            pd.read_csv(trained / f"{name}_{network}.csv") for name in ("limit_inputs", "limits", "limit_errors")
        )
        assert set(inputs["activation"]) == {network.partition("_")[2] or "relu"}
        with np.load(trained / f"limit_points_{network}.npz") as points:
            assert list(points) == ["0.01", "0.001"]
            for error in errors.itertuples():
                of_error, reached = (table[table["target"] == error.target] for table in (limits, inputs))
                assert reached.groupby("input", sort=False).size().to_dict() == KINDS
                assert error.limits == len(of_error) == len(points[f"{error.target:g}"])
                assert error.most_iterations == reached["iterations"].max()
                for row in of_error.itertuples():
                    mine = reached[reached["limit"] == row.limit]
                    assert {kind: getattr(row, kind) for kind in KINDS} == dict.fromkeys(KINDS, 0) | mine[
                        "input"
                    ].value_counts().to_dict()
                assert of_error["residual"].max() < 1e-8

    def test_the_points_are_limits_of_the_network(self, trained):
        net, _ = load_network(trained / "network_2.pt")
        with np.load(trained / "limit_points_2.npz") as points, torch.no_grad():
            found = torch.from_numpy(points["0.01"])
            torch.testing.assert_close(torch.nn.functional.normalize(net(found)), found, atol=1e-6, rtol=0)

    def test_the_arrival_angle_is_a_tenth_of_that_between_the_images(self, trained):
        cosine = pd.read_csv(trained / "results/attractors/images.csv").query("n_images == 2")["closest_cosine"].iloc[0]
        angles = pd.read_csv(trained / "limit_errors_2.csv")["arrival_degrees"]
        np.testing.assert_allclose(angles, ARRIVAL_SHARE * np.degrees(np.arccos(cosine)))

    def test_a_dead_network_has_tables_and_a_summary(self, trained, image_options, tmp_path):
        """All training images reach zero at once; the summary takes tables without limits, also if all are so."""
        for network in RELU_NETWORKS:
            train(image_options, tmp_path, network, step_size=1e-2 if network == "1" else 3e-3)
            assert set(pd.read_csv(tmp_path / f"attempts_{network}.csv")["outcome"]) == {"dead"}
            find_limits(image_options, tmp_path, network, "--test-images", 1)
            inputs = pd.read_csv(tmp_path / f"limit_inputs_{network}.csv")
            assert set(inputs.query("input == 'training'")["limit"]) == {0}
            (row,) = pd.read_csv(tmp_path / f"limit_errors_{network}.csv").itertuples()
            assert (row.target, row.outcome) == (0.01, "dead")
        results = tmp_path / "results/attractors"
        for table in ("attractors/outcomes.csv", "cifar10/provenance.json"):
            (tmp_path / "results" / table).parent.mkdir(parents=True)
            (tmp_path / "results" / table).write_bytes((trained / "results" / table).read_bytes())
        summarise(results, tmp_path, RELU_NETWORKS)
        shares, errors = pd.read_csv(results / "limit_shares.csv"), pd.read_csv(results / "limit_errors.csv")
        assert set(shares.query("input == 'training'")["outcome"]) == {"zero"}
        assert errors[["attractors", "stay"]].to_numpy().tolist() == [[0, 0], [0, 0]]


def table_of(**columns) -> pd.DataFrame:
    return pd.DataFrame({**{name: [value] * len(columns["limit"]) for name, value in KEY.items()}, **columns})


INPUTS = table_of(
    input=["training", "training", "test", "test", "test", "test", "test", "test"],
    number=[1, 2, 1, 2, 3, 4, 5, 6],
    limit=[1, 1, 1, 1, 2, 3, 0, -1],
)
LIMITS = table_of(
    limit=[1, 2, 3], outcome=["image", "image", "mixture"], nearest=[2, 2, 1], attracting=[True, False, True]
)


class TestSummary:
    def test_the_shares_of_limits(self):
        found = SUMMARY["limit_shares"](INPUTS, LIMITS)
        rows = found.set_index(["input", "outcome", "nearest"])[["count", "inputs", "share"]].T.to_dict("list")
        assert rows == {
            ("training", "image", 2): [2, 2, 1],
            ("test", "image", 2): [3, 6, 1 / 2],
            ("test", "mixture", 1): [1, 6, 1 / 6],
            ("test", "zero", 0): [1, 6, 1 / 6],
            ("test", "moving", 0): [1, 6, 1 / 6],
        }

    def test_networks_and_errors_are_apart(self):
        """Limits have the same numbers in each network and at each error."""
        keys = [{"activation": "tanh"}, {"n_images": 5}, {"target": 1e-8}]
        inputs = pd.concat([INPUTS, *(INPUTS.assign(**key) for key in keys)])
        limits = pd.concat([LIMITS, *(LIMITS.assign(outcome="elsewhere", nearest=1, **key) for key in keys)])
        found = SUMMARY["limit_shares"](inputs, limits)
        first = found.query("activation == 'relu' and n_images == 2 and target == 1e-2").reset_index(drop=True)
        pd.testing.assert_frame_equal(first, SUMMARY["limit_shares"](INPUTS, LIMITS))
        assert set(found.drop(index=first.index)["outcome"]) == {"elsewhere", "zero", "moving"}
        sums = found.groupby(["activation", "n_images", "target", "input"])["share"].sum()
        np.testing.assert_allclose(sums, 1)
        assert len(sums) == 8

    @pytest.mark.parametrize(
        ("nearest", "outcomes", "attracting", "own", "attractors", "stay"),
        [
            # Both images flow to the second, at which there is a second limit, which repels.
            ([2, 2, 1], ["image", "image", "mixture"], [True, False, True], [1, 1], 1, 1),
            ([1, 2, 1], ["image", "image", "mixture"], [True, True, True], [1, 2], 2, 2),
            ([1, 2, 1], ["image", "image", "mixture"], [True, True, True], [2, 1], 2, 0),
            ([1, 2, 1], ["image", "negative", "mixture"], [True, True, True], [1, 2], 1, 1),
            ([1, 2, 1], ["image", "image", "image"], [False, False, False], [1, 2], 0, 2),
            ([1, 2, 1], ["elsewhere", "mixture", "negative"], [True, True, True], [1, 2], 0, 0),
            ([1, 2, 1], ["image", "image", "mixture"], [True, True, True], [0, -1], 2, 0),
            ([1, 1, 1], ["image", "image", "image"], [True, True, True], [3, 3], 1, 1),
        ],
    )
    def test_attractors_and_images_that_stay(self, nearest, outcomes, attracting, own, attractors, stay):
        limits = LIMITS.assign(nearest=nearest, outcome=outcomes, attracting=attracting)
        inputs = INPUTS.assign(limit=[*own, *INPUTS["limit"][2:]])
        errors = pd.DataFrame([{**KEY, "mse": 9e-3}, {**KEY, "target": 1e-8, "mse": 9e-9}])
        found = SUMMARY["count_attractors"](errors, limits, inputs)
        assert found.drop(columns=["attractors", "stay"]).equals(errors)
        assert found[["attractors", "stay"]].to_numpy().tolist() == [[attractors, stay], [0, 0]]

    def test_networks_without_limits(self, tmp_path):
        """Their tables are empty, alone or among others."""
        LIMITS.iloc[:0].to_csv(tmp_path / "none.csv", index=False)
        LIMITS.to_csv(tmp_path / "some.csv", index=False)
        inputs = pd.concat([INPUTS, INPUTS.assign(n_images=5, limit=0)])
        errors = pd.DataFrame([KEY, {**KEY, "n_images": 5}])
        limits = SUMMARY["read_limits"]([tmp_path / "none.csv", tmp_path / "some.csv"])
        assert SUMMARY["count_attractors"](errors, limits, inputs)[["attractors", "stay"]].to_numpy().tolist() == [
            *[[1, 1], [0, 0]]
        ]
        shares = SUMMARY["limit_shares"](inputs, limits)
        assert set(shares.query("n_images == 5")["outcome"]) == {"zero"}
        assert len(shares) == 7
        limits = SUMMARY["read_limits"]([tmp_path / "none.csv"])
        assert SUMMARY["count_attractors"](errors, limits, inputs)["stay"].tolist() == [0, 0]
        shares = SUMMARY["limit_shares"](inputs.assign(limit=-1), limits)
        assert shares[["outcome", "nearest", "share"]].to_numpy().tolist() == [["moving", 0, 1]] * 4

    def test_the_tables_of_all_networks(self, trained):
        folder = trained / "results/attractors"
        for name in ("limits", "limit_errors"):
            found, parts = (
                pd.read_csv(folder / f"{name}.csv"),
                [pd.read_csv(trained / f"{name}_{n}.csv") for n in NETWORKS],
            )
            expected = pd.concat(parts, ignore_index=True)
            pd.testing.assert_frame_equal(found[expected.columns], expected)
        shares = pd.read_csv(folder / "limit_shares.csv")
        keys = ["activation", "n_images", "target"]
        assert shares.groupby([*keys, "input"])["share"].sum().round(12).eq(1).all()
        assert len(shares.groupby([*keys, "input"])) == 4 * 2 * len(KINDS)


class TestFigures:
    SHARES = pd.DataFrame(
        [
            ("test", 1e-2, 1, "mixture", 0.25),
            ("test", 1e-2, 2, "image", 0.5),
            ("test", 1e-2, 0, "moving", 0.25),
            ("test", 1e-8, 1, "image", 1.0),
            ("training", 1e-8, 1, "image", 1.0),
        ],
        columns=["input", "target", "nearest", "outcome", "share"],
    ).assign(n_images=2)

    def test_bars_are_shares_from_the_largest_error_to_the_smallest(self):
        figure = plot_limits(self.SHARES)
        test, unseen, noise = figure.axes
        assert [label.get_text() for label in test.get_yticklabels()] == ["$10^{-2}$", "$10^{-8}$"]
        bars = [(round(bar.get_y() + bar.get_height() / 2), bar) for bar in test.patches if bar.get_width() > 0]
        drawn = [(place, bar.get_x(), bar.get_width()) for place, bar in bars]
        assert drawn == [(0, 0, 0.25), (0, 0.25, 0.5), (0, 0.75, 0.25), (1, 0, 1)]
        mixture, second, moving, first = (bar for _, bar in bars)
        assert mixture.get_facecolor()[:3] == first.get_facecolor()[:3] != second.get_facecolor()[:3]
        assert mixture.get_facecolor()[3] < second.get_facecolor()[3] == first.get_facecolor()[3] == 1
        assert moving.get_facecolor()[3] == 0
        assert moving.get_hatch()
        assert not unseen.patches
        assert not noise.patches

    def test_the_legend_names_what_is_drawn(self):
        def words(shares: pd.DataFrame) -> list[list[str]]:
            return [[text.get_text() for text in legend.get_texts()] for legend in plot_limits(shares).legends]

        images = ["$z_{1}$", "$z_{2}$"]
        assert words(self.SHARES) == [images, ["at this image", "mixture of images", "zero, or still moving"]]
        assert words(self.SHARES[self.SHARES["target"] == 1e-8]) == [images, ["at this image"]]

    def test_rows_of_limits_can_have_different_lengths(self):
        images = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.full((3, 4, 4), 100, np.uint8)
        figure = plot_limit_images({"two": (images[:2], ["a", "b"]), "three": (images, ["c", "d", "e"])}, "title")
        shown = [axes for axes in figure.axes if axes.images]
        assert [axes.get_title() for axes in shown] == ["a", "b", "c", "d", "e"]
        assert [int(axes.images[0].get_array().max()) for axes in shown] == [0, 100, 0, 100, 200]
        assert [axes.get_ylabel() for axes in shown if axes.get_ylabel()] == ["two", "three"]
        assert figure.get_suptitle() == "title"

    def test_the_pictures_depend_neither_on_other_activations_but_for_their_own_nor_on_visdom(
        self, trained, image_options, tmp_path
    ):
        """Nothing listens at the address of visdom: that costs a warning."""
        (tmp_path / "cifar10").mkdir()
        (tmp_path / "cifar10/provenance.json").write_bytes((trained / "results/cifar10/provenance.json").read_bytes())
        folder = tmp_path / "attractors"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (line,) = draw(
            image_options, folder, trained, "--visdom", "http://127.0.0.1", port, networks=RELU_NETWORKS
        ).splitlines()
        assert line.startswith("no images are shown in visdom")
        same = {
            name: (folder / name).read_bytes() == (trained / "results/attractors" / name).read_bytes()
            for name in PICTURES
            if not name.startswith("frames.")  # another script draws these
        }
        assert same == {name: name != "activations.svg" for name in same}
