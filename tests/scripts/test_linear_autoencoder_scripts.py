"""Problem 3: the scripts on tiny trainings, and their figures."""

import json
import pickle
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from nngplab.datasets.cifar10 import FILES, FOLDER
from nngplab.pipeline.metrics import round_numbers
from nngplab.pipeline.seeds import generator, integer_seed
from nngplab.problems.linear_autoencoder import (
    CONVENTIONS,
    ReducedDynamics,
)
from nngplab.problems.linear_autoencoder_map import predict_behaviour
from nngplab.report.figures.linear_autoencoder import plot_convergence, plot_losses
from tests.helpers.checkout import SCRIPTS
from tests.helpers.linear_autoencoder import (
    EXTRA,
    STEP_SIZES,
    by_update_rules,
    make_results,
    make_runs,
    network_at,
    whole_hessian,
)


@pytest.fixture(scope="module")
def results(make_once) -> Path:
    return make_once("linear_autoencoder", make_results) / "results/linear_autoencoder"


def read(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(results / name)


class TestRuns:
    def test_the_first_columns(self, results):
        columns = ["part", "init", "k", "eta", "seed", "steps", "final_loss", "diverged_at", "norm_a", "norm_b"]
        assert list(read(results, "runs.csv").columns)[:10] == columns

    def test_which_runs_there_are(self, results):
        runs = read(results, "runs.csv")
        made = runs.groupby(["part", "convention", "k"])["eta"].agg(lambda etas: sorted(set(etas))).to_dict()
        assert made == {
            ("a", "half", 4): STEP_SIZES,
            ("b", "half", 4): sorted(STEP_SIZES + EXTRA),
            ("b", "half", 6): STEP_SIZES,
            ("b", "sum", 4): STEP_SIZES,
            ("b", "mean", 4): STEP_SIZES,
        }
        assert (runs.groupby(["part", "convention", "k", "eta"])["seed"].nunique() == 3).all()
        assert runs.groupby("k")["seed"].nunique().sum() == runs["seed"].nunique() == runs["z_squared"].nunique() == 6
        assert runs["on_sheet"].tolist() == ((runs["convention"] == "half") & ~runs["eta"].isin(EXTRA)).tolist()

    def test_no_cell_is_infinite_or_no_number(self, results):
        for name in (
            "runs.csv",
            "losses.csv",
            "summary.csv",
            "behaviours.csv",
            "probability.csv",
            "zero.csv",
            "constants.csv",
        ):
            assert not re.search(r"\b(nan|inf)\b", (results / name).read_text(), flags=re.IGNORECASE), name

    def test_from_zero_every_weight_is_exactly_zero_and_the_run_has_stalled(self, results):
        runs = read(results, "runs.csv").query("part == 'a'")
        assert (runs[["norm_a", "norm_b", "rank_a"]] == 0).all(axis=None)
        assert set(runs["outcome"]) == {"stalled"}
        assert set(runs["steps"]) == {5}
        np.testing.assert_allclose(runs["curvature"], runs["z_squared"])
        np.testing.assert_allclose(runs["lowest_curvature"], -runs["z_squared"])

    def test_a_row_by_hand(self, results):
        row = read(results, "runs.csv").query("part == 'b' and convention == 'sum' and eta == 0.001").iloc[1]
        assert row["seed"] == integer_seed(88, "linear_autoencoder", 4, 1)
        generator = np.random.default_rng(row["seed"])
        of = ReducedDynamics(generator.standard_normal(10), generator.standard_normal((4, 10)) / 2, 1.0)
        A, B = by_update_rules(of, 80, 0.001)
        residual = of.z - A @ B @ of.z
        expected = {"final_loss": residual @ residual, "norm_a": np.linalg.norm(A), "norm_b": np.linalg.norm(B)}
        expected |= {"initial_loss": of.z @ of.z, "z_squared": of.z @ of.z, "rank_a": 1}
        hessian = whole_hessian(network_at(A, B), 1.0, torch.from_numpy(of.z))
        expected["curvature"] = np.linalg.eigvalsh(hessian)[-1]
        expected["edge"] = 2 / expected["curvature"]
        assert row[list(expected)].to_dict() == pytest.approx(expected, rel=1e-9)

    def test_a_diverged_run_is_named_and_has_empty_cells(self, results):
        diverged = read(results, "runs.csv").query("outcome == 'diverged'")
        assert set(diverged["eta"]) >= {1.0}
        assert (diverged["diverged_at"] == diverged["steps"]).all()
        assert diverged[["final_loss", "norm_a", "norm_b", "rank_a", "curvature", "edge"]].isna().all(axis=None)
        others = read(results, "runs.csv").query("outcome != 'diverged'")
        assert others["diverged_at"].isna().all()
        assert others["final_loss"].notna().all()

    def test_the_prediction_is_kept(self, results):
        runs = read(results, "runs.csv").query("part == 'b'")
        assert {"converged", "oscillating", "diverged", "out of steps"} == set(runs["outcome"])
        beyond = runs["eta"] >= runs["largest_stable_step"]
        assert (beyond == (runs["stable_minima"] == "none")).all()
        assert set(runs.loc[beyond, "outcome"]) == {"oscillating", "diverged"}
        assert (runs["behaviour"] == predict_behaviour(runs["rho"], runs["relative_step"])).all()
        np.testing.assert_allclose(runs["relative_step"], runs["eta"] / runs["largest_stable_step"])
        ended = runs["outcome"].where(runs["outcome"].isin(["converged", "diverged"]), "neither")
        assert (runs["predicted_outcome"] == ended).all()
        assert (runs.loc[runs["behaviour"] != "neither", "map_difference"] < 1e-9).all()
        in_time = (runs["behaviour"] == "converges") & (runs["predicted_steps"] <= 80)
        assert (in_time == (runs["outcome"] == "converged")).all()
        converged = runs[runs["outcome"] == "converged"]
        assert (converged["final_loss"] <= 1e-12 * converged["initial_loss"]).all()
        assert (converged["edge"] > converged["eta"]).all()
        assert (converged["curvature_difference"] < 1e-9).all()
        assert (converged["off_direction"] < 1e-12).all()

    def test_the_losses_are_those_of_the_runs(self, results):
        keys = ["part", "convention", "k", "eta", "seed"]
        losses = read(results, "losses.csv")
        runs = read(results, "runs.csv").set_index(keys)
        first = losses[losses["step"] == 0].set_index(keys)["loss"]
        pd.testing.assert_series_equal(first, runs["initial_loss"], check_names=False)
        last = losses.groupby(keys, sort=False).last()
        ended = runs["outcome"] != "diverged"
        pd.testing.assert_series_equal(last.loc[ended, "loss"], runs.loc[ended, "final_loss"], check_names=False)
        assert (last.loc[ended, "step"] == runs.loc[ended, "steps"]).all()

    def test_two_runs_give_the_same_bytes(self, results, tmp_path):
        make_runs(tmp_path, "half")
        for name in ("runs_half.csv", "losses_half.csv"):
            assert (tmp_path / name).read_bytes() == (results / name).read_bytes()


class TestSummary:
    def test_each_step_size(self, results):
        runs = read(results, "runs.csv").query("part == 'b'")
        summary = read(results, "summary.csv")
        assert len(summary) == 5 + 3 + 3 + 3
        for row in summary.itertuples():
            mine = runs[(runs["convention"] == row.convention) & (runs["k"] == row.k) & (runs["eta"] == row.eta)]
            counts = mine["outcome"].value_counts()
            named = {name: getattr(row, name.replace(" ", "_")) for name in counts.index}
            assert named == counts.to_dict()
            assert sum(named.values()) == row.runs == 3
            ranked = sorted(mine["final_loss"].fillna(np.inf))
            assert row.median_loss == ranked[1] or (np.isnan(row.median_loss) and ranked[1] == np.inf)
            if np.isfinite(ranked[0]):
                assert row.smallest_loss == ranked[0]

    def test_the_metrics_use_the_loss_and_the_step_sizes_of_the_problem_set(self, results):
        runs = read(results, "runs.csv").query("part == 'b' and convention == 'half' and on_sheet")
        metrics = json.loads((results / "metrics.json").read_text())
        losses = runs["final_loss"].mask(runs["final_loss"] <= 1e-28, 0.0)
        best = runs.loc[losses.idxmin()]
        assert [metrics["k"], metrics["eta"]] == best[["k", "eta"]].tolist()
        assert metrics["trained"]["smallest_loss"] == round_numbers(losses.min(), 2)
        counts = runs["outcome"].value_counts()
        assert {name: metrics[name.replace(" ", "_")] for name in counts.index} == counts.to_dict()
        assert metrics["runs"] == len(runs) == counts.sum()

    def test_where_all_diverge_no_loss_is_the_smallest(self):
        functions = runpy.run_path(str(SCRIPTS / "linear_autoencoder_summary.py"))
        run = {"convention": "half", "k": 2, "on_sheet": True, "outcome": "diverged", "final_loss": np.nan}
        runs = pd.DataFrame([{**run, "eta": eta, "diverged_at": 3, "edge": np.nan} for eta in (1.0, 2.0)])
        metrics, trained = functions["metrics"](functions["summarise_part_b"](runs))
        assert (metrics["runs"], metrics["diverged"], metrics["converged"]) == (2, 2, 0)
        assert trained == {}

    def test_a_loss_of_rounding_errors_is_zero_in_the_metrics(self):
        """Which setting has the smallest one depends on the machine: the first one counts."""
        functions = runpy.run_path(str(SCRIPTS / "linear_autoencoder_summary.py"))
        run = {"convention": "half", "on_sheet": True, "outcome": "converged", "diverged_at": np.nan, "edge": 1.0}
        losses = [(2, 1e-20), (4, 5e-31), (8, 2e-31)]
        runs = pd.DataFrame([{**run, "k": k, "eta": 0.1, "final_loss": loss} for k, loss in losses])
        metrics, trained = functions["metrics"](functions["summarise_part_b"](runs))
        assert (metrics["k"], trained) == (4, {"smallest_loss": 0.0})

    def test_the_behaviours_count_every_run(self, results):
        runs, behaviours = read(results, "runs.csv").query("part == 'b'"), read(results, "behaviours.csv")
        assert behaviours["behaviour"].tolist()[-1] == "all"
        assert behaviours["runs"].iloc[:-1].sum() == behaviours["runs"].iloc[-1] == len(runs)
        for row in behaviours.itertuples():
            like = runs if row.behaviour == "all" else runs[runs["behaviour"] == row.behaviour]
            observed = [name if name in ("converged", "diverged") else "neither" for name in like["outcome"]]
            assert [observed.count(name) for name in ("converged", "diverged", "neither")] == [
                row.converged,
                row.diverged,
                row.neither,
            ]
            assert row.disagree == (like["predicted_outcome"] != observed).sum() == 0
            assert row.largest_difference == like["map_difference"].max()

    def test_a_run_that_needs_more_steps_and_one_that_disagrees(self):
        functions = runpy.run_path(str(SCRIPTS / "linear_autoencoder_summary.py"))
        run = {
            "behaviour": "converges",
            "outcome": "out of steps",
            "predicted_outcome": "neither",
            "map_difference": 1e-15,
        }
        run |= {"relative_step": 0.5, "predicted_steps": 1200, "map_steps": 10_000}
        unknown, other = {"predicted_steps": np.nan}, {"predicted_outcome": "converged", "map_difference": 0.25}
        row = functions["compare_with_map"](pd.DataFrame([run, run | unknown, run | other])).iloc[0]
        assert (row["runs"], row["neither"], row["disagree"], row["unknown_steps"]) == (3, 3, 1, 1)
        assert (row["fewest_steps"], row["most_steps"], row["smallest_difference_if_disagree"]) == (1200, 1200, 0.25)


class TestProbability:
    def test_each_step_size(self, results):
        table, summary = read(results, "probability.csv"), read(results, "summary.csv")
        assert table[["convention", "k", "eta", "runs", "converged"]].equals(
            summary[["convention", "k", "eta", "runs", "converged"]]
        )
        assert (table["probability"] <= table["stable"]).all()
        assert (table["in_time"] <= table["probability"] + 0.03).all()
        assert (table["contradictions"] == 0).all()
        assert (table["unproved"] < 0.01 * table["draws"]).all()
        assert ((table["low"] <= table["converged"] / table["runs"]) & (table["p_value"] <= 1)).all()

    def test_draws_by_hand(self):
        functions = runpy.run_path(str(SCRIPTS / "linear_autoencoder_probability.py"))
        rho, relative_step = np.array([1.0, 1.0, 1.0, 5.0] * 2), np.array([0.3, 1e-9, 1.2, 0.9] + [0.3] * 4)
        first, second = functions["count_draws"](rho, relative_step, 4, 50)
        assert (first["draws"], first["draws_in_time"], first["in_time"]) == (4, 1, 0.25)
        assert (first["contradictions"], first["unproved"]) == (0, 0)
        assert (second["draws"], second["draws_in_time"], second["in_time"]) == (4, 4, 1)

    def test_an_unlikely_share_is_found(self):
        functions = runpy.run_path(str(SCRIPTS / "linear_autoencoder_probability.py"))
        row = {"draws": 10_000, "draws_in_time": 5000, "runs": 20, "diverged": 0}
        table = functions["compare_with_runs"](pd.DataFrame([row | {"converged": count} for count in (1, 8)]))
        assert table["adjusted_p_value"].iloc[0] < 0.001
        assert table["adjusted_p_value"].iloc[1] > 0.5
        assert table["low"].iloc[0] == pytest.approx(0.00127, abs=1e-5)
        assert table["high"].iloc[0] == pytest.approx(0.2487, abs=1e-4)


class TestFigures:
    def test_the_losses_have_a_panel_for_each_convention_and_a_cross_for_each_divergence(self, results):
        runs = read(results, "runs.csv").query("part == 'b'")
        figure = plot_losses(read(results, "losses.csv").query("part == 'b'"), runs, 4)
        assert len(figure.axes) == 3
        for axes, convention in zip(figure.axes, CONVENTIONS, strict=True):
            shown = runs[(runs["convention"] == convention) & (runs["k"] == 4) & ~runs["eta"].isin(EXTRA)]
            crosses = [line for line in axes.get_lines() if line.get_marker() == "x" and len(line.get_xdata())]
            assert len(crosses) == (shown["outcome"] == "diverged").sum()
            assert len([line for line in axes.get_lines() if line.get_linewidth() > 2]) == len(STEP_SIZES)

    def test_every_run_is_a_mark(self, results):
        runs = read(results, "runs.csv").query("part == 'b'")
        left, right = plot_convergence(runs).axes
        marks = [np.vstack([marks.get_offsets() for marks in axes.collections[1:]]) for axes in (left, right)]
        assert sorted(marks[0][:, 1]) == sorted(runs["relative_step"])
        assert sorted(marks[1][:, 1]) == sorted(runs["relative_step"][runs["relative_step"].between(0, 2.2)])

    def test_the_colours_are_those_of_the_two_conditions(self, results):
        runs = read(results, "runs.csv").query("part == 'b'")
        for axes in plot_convergence(runs).axes:
            colours = axes.collections[0]
            corners = colours.get_coordinates()
            rho, relative_step = (corners[1:, 1:] + corners[:-1, :-1]).transpose(2, 0, 1) / 2
            kinds = sorted(["converges", "neither", "diverges"])
            found = np.array(kinds)[colours.get_array().astype(int)]
            clear = (np.abs(relative_step - 1) > 0.02) & (np.abs(relative_step * (rho + relative_step) - 4) > 0.1)
            assert clear.mean() > 0.8
            assert (found == predict_behaviour(rho, relative_step))[clear].all()


class TestImage:
    def test_every_output_is_the_predicted_constant(self, results):
        table = read(results, "constants.csv")
        assert len(table) == table["image"].nunique() == 15
        assert (table["relative_distance"] < 1e-12).all()
        assert (table["relative_difference"] < 1e-9).all()
        assert table["class"].tolist() == [f"kind {image % 10}" for image in table["image"]]

    def test_a_row_by_hand(self, results):
        random = generator(88, "linear_autoencoder_image")
        index, order = int(random.integers(100)), random.permutation(20)
        train_images = [pickle.loads((results.parents[1] / "data" / FOLDER / name).read_bytes()) for name in FILES[:6]]
        z = np.vstack([batch["data"] for batch in train_images[:5]])[index] / 255
        x = train_images[5]["data"][order[2]] / 255
        of = ReducedDynamics(z, random.standard_normal((6, 3072)) / np.sqrt(6), 0.5)
        A, B = by_update_rules(of, 60, 0.5 * 2 / of.small_step_curvature)
        row, record = read(results, "constants.csv").iloc[2], json.loads((results / "image.json").read_text())
        assert row["image"] == order[2]
        assert record["training_image"] == index
        assert row["constant"] == pytest.approx((A @ (B @ x)) @ z / (z @ z), rel=1e-9)
        assert row["projection"] == pytest.approx(x @ z / (z @ z))

    def test_the_record_sums_up_the_table(self, results):
        table, record = read(results, "constants.csv"), json.loads((results / "image.json").read_text())
        assert record["largest_relative_difference"] == table["relative_difference"].max()
        assert record["largest_relative_distance"] == table["relative_distance"].max()
        assert (record["smallest_constant"], record["largest_constant"]) == (
            table["constant"].min(),
            table["constant"].max(),
        )
        assert record["negative_constants"] == (table["constant"] < 0).sum()
        assert record["final_loss"] < 1e-20 * record["initial_loss"]
        assert record["eta"] == 0.5 * record["small_step_edge"]
