"""Problem 3: two numbers against the update rules, the curvature against the whole Hessian, the words of the page."""

import json
import os
import pickle
import re
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.datasets.cifar10 import FILES, FOLDER, verify_files
from nngplab.errors import InputError
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import full_batch, train
from nngplab.pipeline.seeds import generator
from nngplab.problems.linear_autoencoder import (
    CONVENTIONS,
    ReducedDynamics,
    hessian_eigenvalue,
    loss_factor,
    network_with_zero_A,
    squared_error,
)
from nngplab.report.figures.linear_autoencoder import plot_losses, plot_step_sizes
from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.checkout import ROOT, SCRIPTS


def problem(d: int = 7, k: int = 3, seed: int = 0, c: float = 0.5) -> ReducedDynamics:
    generator = np.random.default_rng(seed)
    return ReducedDynamics(generator.standard_normal(d), generator.standard_normal((k, d)) / np.sqrt(k), c)


def by_update_rules(of: ReducedDynamics, steps: int, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """A and B after the update rules of Problem 1, with 2c for the 1 of the problem set."""
    z = of.z[:, None]
    A, B = np.zeros_like(of.B.T), of.B.copy()
    for _ in range(steps):
        residual = z - A @ (B @ z)
        A, B = A + 2 * of.c * eta * residual @ z.T @ B.T, B + 2 * of.c * eta * A.T @ residual @ z.T
    return A, B


def network_at(A: np.ndarray, B: np.ndarray) -> OneHiddenLayer:
    network = network_with_zero_A(B)
    with torch.no_grad():
        network.A.copy_(torch.from_numpy(A))
    return network


def whole_hessian(network: OneHiddenLayer, c: float, z: torch.Tensor) -> np.ndarray:
    """The Hessian of c ||z - A B z||² in all entries of B and A, by autograd."""
    k, d = network.B.shape

    def loss(weights: torch.Tensor) -> torch.Tensor:
        B, A = weights[: k * d].view(k, d), weights[k * d :].view(d, k)
        return c * ((z - A @ (B @ z)) ** 2).sum()

    weights = torch.cat([network.B.detach().flatten(), network.A.detach().flatten()])
    return torch.autograd.functional.hessian(loss, weights).numpy()


class TestTwoNumbers:
    @given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 100), st.integers(0, 30), st.floats(0.01, 0.9))
    def test_they_are_the_update_rules_of_problem_1(self, d, k, seed, steps, share):
        of = problem(d, k, seed)
        eta = share * 2 / of.small_step_curvature
        A, B = by_update_rules(of, steps, eta)
        alpha, gamma = of.after(steps, eta)
        np.testing.assert_allclose(A, alpha * np.outer(of.z, of.h), rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(B, of.B + gamma * np.outer(of.h, of.z), rtol=1e-9, atol=1e-10)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_they_are_what_training_does(self, convention):
        of = problem(c=loss_factor(convention, 7))
        eta = 0.4 * of.largest_stable_step
        network, loss, z = network_with_zero_A(of.B), squared_error(of.c), torch.from_numpy(of.z)[None]
        optimiser = torch.optim.SGD(network.parameters(), lr=eta)
        train(network, loss, full_batch(z, z), optimiser, 17, lambda: {"loss": loss(network(z), z).item()})
        alpha, gamma = of.after(17, eta)
        np.testing.assert_allclose(network.A.detach(), alpha * np.outer(of.z, of.h), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(network.B.detach(), of.B + gamma * np.outer(of.h, of.z), rtol=1e-12, atol=1e-14)

    @given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 100), st.integers(0, 30), st.floats(0.01, 0.9))
    def test_every_output_is_the_constant_times_the_sample(self, d, k, seed, steps, share):
        of = problem(d, k, seed)
        eta = share * 2 / of.small_step_curvature
        A, B = by_update_rules(of, steps, eta)
        X = np.random.default_rng(1).standard_normal((4, d))
        constants = of.constants(X, *of.after(steps, eta))
        np.testing.assert_allclose(X @ B.T @ A.T, np.outer(constants, of.z), rtol=1e-8, atol=1e-9)

    def test_a_wide_network_projects(self):
        of = problem(d=7, k=100_000)
        alpha, gamma = of.after(200, 0.3 * of.largest_stable_step)
        X = np.random.default_rng(1).standard_normal((5, 7))
        np.testing.assert_allclose(of.constants(X, alpha, gamma), X @ of.z / (of.z @ of.z), atol=0.01)
        assert of.constants(of.z[None], alpha, gamma) == pytest.approx(1, abs=1e-12)

    def test_from_zero_nothing_moves(self):
        of = problem()
        A, B = by_update_rules(ReducedDynamics(of.z, np.zeros_like(of.B), 0.5), 10, 0.1)
        assert not A.any()
        assert not B.any()

    def test_a_divergence_ends_without_an_error(self):
        of = problem()
        assert not np.isfinite(of.after(100, 50 * of.largest_stable_step)).all()


class TestConventions:
    def test_the_losses(self):
        outputs, targets = torch.tensor([[1.0, 2.0, 5.0]]), torch.tensor([[1.0, 4.0, 2.0]])
        values = {name: squared_error(loss_factor(name, 3))(outputs, targets).item() for name in CONVENTIONS}
        assert values == pytest.approx({"half": 6.5, "sum": 13, "mean": 13 / 3})
        assert values["mean"] == pytest.approx(torch.nn.functional.mse_loss(outputs, targets).item())

    def test_an_unknown_one_is_an_error(self):
        with pytest.raises(InputError, match="unknown convention 'third' of the loss: choose one of half, sum, mean"):
            loss_factor("third", 3)

    @given(st.floats(0.01, 10), st.floats(0.01, 0.9))
    def test_a_factor_of_the_loss_is_one_of_the_step(self, c, share):
        one, other = problem(c=c), problem(c=0.5)
        eta = share * 2 / one.small_step_curvature
        assert one.after(9, eta) == pytest.approx(other.after(9, 2 * c * eta), rel=1e-9)


class TestCurvature:
    @settings(max_examples=25)
    @given(st.integers(2, 5), st.integers(2, 4), st.integers(0, 100), st.integers(0, 40), st.floats(0.05, 1.5))
    def test_the_closed_form_against_the_whole_hessian(self, d, k, seed, steps, share):
        of = problem(d, k, seed, c=0.7)
        alpha, gamma = of.after(steps, share * of.largest_stable_step)
        if not max(abs(alpha), abs(gamma)) < 1e3:
            return
        network = network_at(alpha * np.outer(of.z, of.h), of.B + gamma * np.outer(of.h, of.z))
        expected = np.linalg.eigvalsh(whole_hessian(network, of.c, torch.from_numpy(of.z)))[-1]
        assert of.curvature(alpha, gamma) == pytest.approx(expected, rel=1e-8)

    @pytest.mark.parametrize("activation", ["identity", "relu"])
    @pytest.mark.parametrize("lowest", [False, True])
    def test_lanczos_against_the_whole_hessian(self, activation, lowest):
        network = OneHiddenLayer(5, 4, 5, activation, seed=3, dtype=torch.float64)
        x, loss = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), squared_error(0.5)
        names, weights = zip(*network.named_parameters(), strict=True)
        blocks = torch.autograd.functional.hessian(
            lambda *values: loss(torch.func.functional_call(network, dict(zip(names, values, strict=True)), (x,)), x),
            tuple(weight.detach() for weight in weights),
        )
        hessian = np.block(
            [
                [block.reshape(weight.numel(), -1).numpy() for block in row]
                for row, weight in zip(blocks, weights, strict=True)
            ]
        )
        expected = np.linalg.eigvalsh(hessian)[0 if lowest else -1]
        assert hessian_eigenvalue(network, loss, x, x, lowest) == pytest.approx(expected, rel=1e-10)

    def test_at_zero_there_is_a_saddle(self):
        of = problem()
        z = torch.from_numpy(of.z)[None]
        network, zz = network_with_zero_A(np.zeros_like(of.B)), of.z @ of.z
        ends = [hessian_eigenvalue(network, squared_error(0.5), z, z, lowest) for lowest in (True, False)]
        assert ends == pytest.approx([-zz, zz])

    def test_small_steps_end_in_the_minimum_foretold(self):
        of = problem(d=20, k=5)
        alpha, gamma = of.after(40_000, 1e-3 * of.largest_stable_step)
        assert of.curvature(alpha, gamma) == pytest.approx(of.small_step_curvature, rel=2e-3)

    @settings(max_examples=25)
    @given(st.integers(2, 5), st.integers(2, 4), st.integers(0, 1000))
    def test_no_minimum_is_flatter_than_the_flattest(self, d, k, seed):
        """Any minimum at all, A B z = z, not only those that training reaches."""
        generator = np.random.default_rng(seed)
        z, B, M = generator.standard_normal(d), generator.standard_normal((k, d)), generator.standard_normal((d, k))
        h = B @ z
        A = M + np.outer(z - M @ h, h) / (h @ h)
        largest = np.linalg.eigvalsh(whole_hessian(network_at(A, B), 0.5, torch.from_numpy(z)))[-1]
        assert largest >= 2 / ReducedDynamics(z, B, 0.5).largest_stable_step * (1 - 1e-9)

    def test_the_flattest_minimum_is_one(self):
        z = np.random.default_rng(0).standard_normal(4)
        B = np.outer([0.6, 0.8], z) / np.linalg.norm(z)
        A = np.outer(z, [0.6, 0.8]) / np.linalg.norm(z)
        largest = np.linalg.eigvalsh(whole_hessian(network_at(A, B), 0.5, torch.from_numpy(z)))[-1]
        assert largest == pytest.approx(2 / ReducedDynamics(z, B, 0.5).largest_stable_step)

    @pytest.mark.parametrize("seed", range(5))
    def test_training_converges_up_to_the_edge_and_not_beyond(self, seed):
        of = problem(d=50, k=20, seed=seed)
        norm = of.h @ of.h

        def missing(share: float) -> float:
            alpha, gamma = of.after(5000, share * of.largest_stable_step)
            return abs(1 - alpha * (1 + gamma * (of.z @ of.z)) * norm)

        assert missing(0.98) < 1e-12
        assert missing(1.02) > 1e-3


def script(name: str, *options: object) -> None:
    command = [sys.executable, SCRIPTS / f"linear_autoencoder_{name}.py", *options]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=os.environ)
    assert ended.returncode == 0, ended.stderr


# With d = 10 the edge is near a step size of 0.1.
STEP_SIZES = [0.001, 0.05, 1.0]
EXTRA = [0.1, 0.2]


def make_runs(folder: Path, convention: str) -> None:
    script(
        "runs",
        *[
            "--convention",
            convention,
            "--d",
            10,
            "--width",
            4,
            "--extra-widths",
            4,
            6,
            "--zero-steps",
            5,
            "--steps",
            80,
        ],
        *["--step-sizes", *STEP_SIZES, "--extra-step-sizes", *EXTRA, "--seeds", 3, "--seed", 88],
        *["--runs", folder / f"runs_{convention}.csv", "--losses", folder / f"losses_{convention}.csv"],
    )


def tables(folder: Path, stem: str) -> list[Path]:
    return [folder / f"{stem}_{convention}.csv" for convention in CONVENTIONS]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A folder of results of Problem 1, from tiny trainings."""
    folder = tmp_path_factory.mktemp("linear_autoencoder") / "results/linear_autoencoder"
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(make_runs, folder, convention) for convention in CONVENTIONS]
        made.append(pool.submit(make_image, folder))
    for job in made:
        job.result()
    script(
        "summary",
        *["--runs", *tables(folder, "runs"), "--losses", *tables(folder, "losses")],
        *["--all-runs", folder / "runs.csv", "--all-losses", folder / "losses.csv", "--zero", folder / "zero.csv"],
        *["--summary", folder / "summary.csv", "--edge", folder / "edge.csv"],
        *["--metrics", folder / "metrics.json"],
    )
    script(
        "figures",
        *["--runs", folder / "runs.csv", "--losses", folder / "losses.csv", "--width", 4],
        *["--losses-figure", folder / "losses.svg", "--step-sizes-figure", folder / "step_sizes.svg"],
    )
    return folder


def make_image(folder: Path) -> None:
    images = write_images(folder.parent.parent / "data")
    provenance = folder.parent / "cifar10/provenance.json"
    provenance.parent.mkdir(parents=True)
    record = {"label": "STAND-IN IMAGES, NOT CIFAR-10", "stand_in": True, "official": False, "reason": "of the test"}
    record |= {"source": "stand-in", "requested": "stand-in", "sha256": "0", "bytes": 1, "attempts": []}
    provenance.write_text(json.dumps(record))
    script(
        "image",
        *["--folder", images, "--files", images.parent / "files.csv", "--provenance", provenance],
        *["--width", 6, "--edge-share", 0.5, "--steps", 60, "--test-images", 15, "--shown-images", 3, "--seed", 88],
        *["--constants", folder / "constants.csv", "--record", folder / "image.json"],
        *["--output", folder / "outputs.png"],
    )


def write_images(data: Path) -> Path:
    """A small archive, unpacked."""
    folder = data / FOLDER
    folder.mkdir(parents=True)
    for seed, name in enumerate(FILES[:6]):
        images = np.random.default_rng(seed).integers(0, 256, (20, 3072), np.uint8)
        (folder / name).write_bytes(pickle.dumps({"labels": [i % 10 for i in range(20)], "data": images}, 3))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"kind {i}" for i in range(10)]}, 3))
    (folder / "readme.html").write_bytes(b"small")
    verify_files(folder).to_csv(data / "files.csv", index=False)
    return folder


def read(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(results / name)


class TestRuns:
    def test_the_columns_begin_with_those_agreed(self, results):
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
        assert runs["on_sheet"].tolist() == ((runs["convention"] == "half") & ~runs["eta"].isin(EXTRA)).tolist()

    def test_no_cell_is_infinite_or_no_number(self, results):
        for name in ("runs.csv", "losses.csv", "summary.csv", "edge.csv", "zero.csv", "constants.csv"):
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
        assert set(runs.loc[~beyond, "outcome"]) == {"converged", "out of steps"}
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
        best = runs.loc[runs["final_loss"].idxmin()]
        assert [metrics[name] for name in ("smallest_loss", "k", "eta")] == best[["final_loss", "k", "eta"]].tolist()
        counts = runs["outcome"].value_counts()
        assert {name: metrics[name.replace(" ", "_")] for name in counts.index} == counts.to_dict()
        assert metrics["runs"] == len(runs) == counts.sum()

    def test_where_all_diverge_no_loss_is_the_smallest(self):
        functions = runpy.run_path(str(SCRIPTS / "linear_autoencoder_summary.py"))
        run = {"convention": "half", "k": 2, "on_sheet": True, "outcome": "diverged", "final_loss": np.nan}
        runs = pd.DataFrame([{**run, "eta": eta, "diverged_at": 3, "edge": np.nan} for eta in (1.0, 2.0)])
        metrics = functions["metrics"](functions["summarise_part_b"](runs))
        assert (metrics["runs"], metrics["diverged"], metrics["converged"]) == (2, 2, 0)
        assert "smallest_loss" not in metrics

    def test_the_edge_counts_every_run(self, results):
        runs, edge = read(results, "runs.csv").query("part == 'b'"), read(results, "edge.csv")
        assert edge["runs"].sum() == len(runs)
        for row in edge.itertuples():
            like = runs[(runs["convention"] == row.convention) & (runs["stable_minima"] == row.stable_minima)]
            shares = (like["eta"] / like["largest_stable_step"])[like["outcome"] == row.outcome]
            assert (row.runs, row.of) == (len(shares), len(like))
            assert (row.smallest_share, row.largest_share) == pytest.approx((shares.min(), shares.max()))


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
        left, right = plot_step_sizes(runs, 4).axes
        assert sum(len(marks.get_offsets()) for marks in left.collections) == 3 * len(STEP_SIZES + EXTRA)
        assert sum(len(marks.get_offsets()) for marks in right.collections) == len(runs)
        beyond = runs["eta"] >= runs["largest_stable_step"]
        drawn = np.vstack([marks.get_offsets() for marks in right.collections])
        assert (drawn[:, 0] >= 1).sum() == beyond.sum()


class TestImage:
    def test_every_output_is_the_constant_foretold(self, results):
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


class TestWords:
    """The section of the page, as its tables are changed."""

    def section(self, results: Path, tmp_path: Path, name: str = "", change=None) -> str:
        folder = tmp_path / "results"
        for path in results.parent.rglob("*"):
            if path.is_file():
                copy = folder / path.relative_to(results.parent)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
        if name:
            path = folder / "linear_autoencoder" / name
            if path.suffix == ".json":
                path.write_text(json.dumps(json.loads(path.read_text()) | change))
            else:
                change(table := pd.read_csv(path))
                table.astype({"rank_a": "Int64"} if "rank_a" in table else {}).to_csv(path, index=False)
        facts = {"code": {"git commit": "0123"}}
        page = HTMLReport(ROOT / "workflow/report", Results(folder), student=None, config="", provenance=facts)
        found = re.search(
            r'<section id="linear_autoencoder">.*?</section>', page.render(["linear_autoencoder"]), re.DOTALL
        )
        return " ".join(re.sub(r"<math.*?</math>|<[^>]+>", "", found[0], flags=re.DOTALL).split())

    def test_as_it_is(self, results, tmp_path):
        text = self.section(results, tmp_path)
        assert "After 5 steps the weights are still exactly zero." in text
        assert "stalled at a saddle" in text
        assert "Yes, in every run that did not diverge" in text
        assert "has rank 1, and its columns are multiples of" in text
        assert "agrees with the outcome of every run" in text
        assert "1.0: all 3 diverge (at step" in text
        assert "The output for any image is the training image, brighter or darker." in text
        assert "They are the constants that Problem 1 predicts" in text

    @pytest.mark.parametrize(
        ("name", "change", "expected"),
        [
            ("zero.csv", lambda table: table.__setitem__("largest_norm_a", 0.5), "the weights are not all zero"),
            ("zero.csv", lambda table: table.__setitem__("largest_lowest_curvature", 0.1), "do not show a saddle"),
            ("runs.csv", lambda table: table.__setitem__("norm_a", 0.0), "Not in every run:"),
            ("runs.csv", lambda table: table.__setitem__("rank_a", 3), "goes from 3 to 3"),
            ("edge.csv", lambda table: table.__setitem__("stable_minima", "none"), "disagrees with the outcome of some runs"),
            ("summary.csv", lambda table: table.__setitem__("smallest_loss", np.nan), "No run has a smallest"),
            ("image.json", {"largest_relative_distance": 0.2}, "The outputs are not exactly the training image."),
            ("image.json", {"largest_relative_difference": 0.3}, "Those that the recursion below predicts differ"),
            ("image.json", {"negative_constants": 7}, "and 7 of them are negative"),
        ],
    )
    def test_the_words_follow_the_data(self, results, tmp_path, name, change, expected):
        assert expected not in self.section(results, tmp_path / "before")
        assert expected in self.section(results, tmp_path / "after", name, change)
