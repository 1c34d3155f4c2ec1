"""Problem 12: the scripts that train networks with a random first layer, and their tables."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nngplab.datasets.sine_target import sine_target, write_sine_target
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import linear, nngp
from nngplab.kernels.tabulated import dual_by_quadrature
from nngplab.pipeline.metrics import round_numbers
from nngplab.pipeline.seeds import generator, integer_seed
from tests.helpers.checkout import ROOT
from tests.helpers.random_features import DATA, by_hand
from tests.helpers.scripts import run_script


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "sine_target.npz"
    write_sine_target(DATA, path)
    return path


TANH = ROOT / "workflow/activations/tanh.py"


def shard(data: Path, folder: Path, k: int, first=0, last=5, activation="relu") -> Path:
    output = folder / f"{activation}_k{k}_draws{first}-{last}.csv"
    run_script(
        "width_sweep_fit",
        *["--data", data, "--activation", activation, "--width", k, "--first-draw", first, "--last-draw", last],
        *["--seed", 88, "--output", output, *(["--activation-file", TANH] if activation == "tanh" else [])],
    )
    return output


def summarise(data: Path, folder: Path, shards: list[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table of all errors, and that with a row for each width."""
    run_script(
        "width_sweep_summary",
        *["--shards", *shards, "--widths", 1, 5, 40, "--data", data, "--test-mse", folder / "errors.csv"],
        *["--output", folder / "summary.csv", "--metrics", folder / "metrics.json", "--activation-files", TANH],
    )
    return read(folder / "errors.csv"), read(folder / "summary.csv")


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


class TestFit:
    def test_the_table(self, data, tmp_path):
        table = read(shard(data, tmp_path, 5, 2, 9))
        assert list(table.columns) == [
            *["k", "repeat", "train_mse", "test_mse", "condition_number", "activation", "n", "d", "n_test", "seed"]
        ]
        assert table["repeat"].tolist() == list(range(2, 10))
        assert (table[["k", "activation", "n", "d", "n_test", "seed"]] == [5, "relu", 10, 8, 60, 88]).all(axis=None)

    def test_a_row_by_hand(self, data, tmp_path):
        row = read(shard(data, tmp_path, 5)).query("repeat == 3").iloc[0]
        expected = by_hand(generator(88, "width_sweep", 5, 3).standard_normal((5, 8)))
        assert (row["train_mse"], row["test_mse"]) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("k", [5, 10, 40])
    def test_the_condition_number_of_the_gram_matrix(self, data, tmp_path, k):
        row = read(shard(data, tmp_path, k)).query("repeat == 3").iloc[0]
        B = generator(88, "width_sweep", k, 3).standard_normal((k, 8))
        singular_values = np.linalg.svd(np.maximum(B @ DATA.X.T, 0), compute_uv=False)
        assert row["condition_number"] == pytest.approx((singular_values[0] / singular_values[-1]) ** 2, rel=1e-6)

    def test_another_activation_has_the_same_draws(self, data, tmp_path):
        row = read(shard(data, tmp_path, 5, activation="tanh")).query("repeat == 3").iloc[0]
        B = generator(88, "width_sweep", 5, 3).standard_normal((5, 8))
        # The fit is by least squares: the scale of the activation does not matter.
        F, F_test = np.tanh(DATA.X @ B.T), np.tanh(DATA.X_test @ B.T)
        expected = np.mean((F_test @ np.linalg.lstsq(F, DATA.y)[0] - DATA.y_test) ** 2)
        assert row["test_mse"] == pytest.approx(expected, rel=1e-9)

    def test_an_unknown_activation_is_one_line(self, data, tmp_path):
        output = run_script(
            "width_sweep_fit",
            *["--data", data, "--activation", "swisch", "--width", 1, "--first-draw", 0, "--last-draw", 1, "--seed", 1],
            *["--output", tmp_path / "a.csv"],
            status=1,
        )
        assert output.startswith("error: unknown activation 'swisch': choose one of identity, relu")
        assert output.count("\n") == 1

    @pytest.mark.parametrize("k", [5, 40, 300])
    def test_a_draw_does_not_depend_on_the_others_of_its_job(self, data, tmp_path, k):
        whole = read(shard(data, tmp_path, k, 0, 29))
        cut = [read(shard(data, tmp_path, k, *ends)) for ends in ((0, 3), (4, 26), (27, 29))]
        pd.testing.assert_frame_equal(pd.concat(cut, ignore_index=True), whole, check_exact=True)


class TestSummary:
    def test_all_networks_are_put_together_to_the_last_digit(self, data, tmp_path):
        shards = [shard(data, tmp_path, k, *ends) for k in (1, 10) for ends in ((0, 3), (4, 5))]
        shards.append(shard(data, tmp_path, 1, activation="tanh"))
        errors, _ = summarise(data, tmp_path, shards)
        assert list(errors.columns) == [
            *["k", "repeat", "train_mse", "test_mse", "condition_number", "activation", "on_sheet"],
            *["n", "d", "n_test", "seed"],
        ]
        parts = pd.concat([read(path) for path in shards], ignore_index=True)
        pd.testing.assert_frame_equal(errors.drop(columns="on_sheet"), parts, check_exact=True)
        assert errors["on_sheet"].tolist() == (parts["k"] == 1).tolist()

    def test_each_width(self, data, tmp_path):
        table, summary = summarise(data, tmp_path, [shard(data, tmp_path, k) for k in (1, 5, 10, 40)])
        assert list(summary.columns) == [
            *["k", "on_sheet", "repeats", "median_test_mse", "mean_test_mse", "q05", "q25", "q75", "q95"],
            *[
                "median_train_mse",
                "share_better_than_nngp",
                "nngp_test_mse",
                "zero_test_mse",
                "median_low",
                "median_high",
                "joint_low",
                "joint_high",
                "draws_better_than_nngp",
                "draws_worse_than_zero",
                "median_condition_number",
                "n",
                "d",
                "n_test",
                "seed",
                "activation",
            ],
        ]
        assert summary["k"].tolist() == [1, 5, 10, 40]
        assert summary["on_sheet"].tolist() == [True, True, False, True]
        outputs = nngp(DATA.X_test, DATA.X) @ np.linalg.solve(nngp(DATA.X), DATA.y)
        nngp_test_mse, zero_test_mse = np.mean((outputs - DATA.y_test) ** 2), np.mean(DATA.y_test**2)
        for row in summary.itertuples():
            mine = table[table["k"] == row.k]
            quantiles = np.quantile(mine["test_mse"], [0.05, 0.25, 0.5, 0.75, 0.95])
            assert (row.q05, row.q25, row.median_test_mse, row.q75, row.q95) == pytest.approx(tuple(quantiles))
            assert row.mean_test_mse == pytest.approx(np.mean(mine["test_mse"]))
            assert row.median_train_mse == np.median(mine["train_mse"])
            assert row.share_better_than_nngp == np.mean([mse < row.nngp_test_mse for mse in mine["test_mse"]])
            assert (row.nngp_test_mse, row.zero_test_mse) == pytest.approx((nngp_test_mse, zero_test_mse), rel=1e-9)
            assert (row.draws_better_than_nngp, row.draws_worse_than_zero) == (
                sum(mine["test_mse"] < row.nngp_test_mse),
                sum(mine["test_mse"] > row.zero_test_mse),
            )
            assert row.median_condition_number == np.median(mine["condition_number"])
            # Six draws: the smallest and the largest enclose the median with probability 1 - 2 / 2^6 = 0.969. That is
            # enough for one interval, and not for four together.
            assert (row.median_low, row.median_high) == (mine["test_mse"].min(), mine["test_mse"].max())
            assert (row.joint_low, row.joint_high) == (-np.inf, np.inf)
            assert row.repeats == 6
            assert (row.n, row.d, row.n_test, row.seed) == (10, 8, 60, 88)
        medians = table.groupby("k")["test_mse"].median()
        peak, widest = ({"k": k, "median_test_mse": medians[k]} for k in (medians.idxmax(), 40))
        for width in (peak, widest):
            width["ratio_to_nngp"] = pytest.approx(width["median_test_mse"] / nngp_test_mse, rel=1e-5)
            width["median_test_mse"] = round_numbers(width["median_test_mse"], 6)
        baselines = round_numbers({"nngp_test_mse": nngp_test_mse, "zero_test_mse": zero_test_mse}, 6)
        assert json.loads((tmp_path / "metrics.json").read_text()) == {**baselines, "peak": peak, "widest": widest}

    def test_each_activation_has_its_own_limit(self, data, tmp_path):
        shards = [shard(data, tmp_path, 5, activation=activation) for activation in ("relu", "tanh", "sine")]
        _, summary = summarise(data, tmp_path, shards)
        limits = summary.groupby("activation", sort=False)["nngp_test_mse"].unique()
        assert list(limits.index) == ["relu", "tanh", "sine"]
        for activation, dual in (("tanh", partial(dual_by_quadrature, np.tanh)), ("sine", DUALS["sine"])):
            cosines, test_cosines = linear(DATA.X), linear(DATA.X_test, DATA.X)
            outputs = dual(test_cosines) @ np.linalg.solve(dual(np.clip(cosines, -1, 1)), DATA.y)
            assert limits[activation] == pytest.approx([np.mean((outputs - DATA.y_test) ** 2)], rel=1e-8)


REDRAWN = ["--widths", 2, 10, 40, "--ridges", 0.1, 1.0, "--n", 10, "--d", 8, "--n-test", 30, "--seed", 88]


def redrawn(folder: Path, first: int, last: int, activation: str = "relu") -> Path:
    output = folder / f"redrawn_{activation}{first}-{last}.csv"
    file = ["--activation-file", TANH] if activation == "tanh" else []
    draws = ["--first-draw", first, "--last-draw", last]
    run_script("width_sweep_redrawn", "--activation", activation, *file, *REDRAWN, *draws, "--output", output)
    return output


class TestRedrawn:
    def test_rows_by_hand(self, tmp_path):
        table = read(redrawn(tmp_path, 0, 1)).query("repeat == 1").set_index(["k", "ridge"])
        assert list(table.index) == [(2, 0), (10, 0), (10, 0.1), (10, 1), (40, 0)]
        data = sine_target(10, 8, 30, integer_seed(88, "width_sweep_redrawn", 1))
        for k, ridge in table.index:
            B = generator(88, "width_sweep_redrawn", k, 1).standard_normal((k, 8))
            F, F_test = (np.sqrt(2 / k) * np.maximum(X @ B.T, 0) for X in (data.X, data.X_test))
            gram = F @ F.T + ridge * np.eye(10)
            a = F.T @ np.linalg.solve(gram, data.y) if ridge else np.linalg.lstsq(F, data.y)[0]
            expected = np.mean((F_test @ a - data.y_test) ** 2)
            assert table.loc[(k, ridge), "test_mse"] == pytest.approx(expected, rel=1e-6)

    def test_a_draw_does_not_depend_on_the_others_of_its_job(self, tmp_path):
        whole, parts = read(redrawn(tmp_path, 0, 3)), [read(redrawn(tmp_path, *ends)) for ends in ((0, 0), (1, 3))]
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole, check_exact=True)

    def test_predictions_beside_the_means(self, tmp_path):
        shards = [redrawn(tmp_path, 0, 19), redrawn(tmp_path, 0, 19, "tanh")]
        outputs = {name: tmp_path / f"{name}.csv" for name in ("theory", "ridges", "predicted")}
        options = [item for name, path in outputs.items() for item in (f"--{name}", path)]
        run_script("width_sweep_theory", "--shards", *shards, "--widths", 2, 40, "--activation-files", TANH, *options)
        theory, ridges, predicted = (read(path) for path in outputs.values())
        assert list(zip(theory["activation"], theory["k"], strict=True)) == [
            *[("relu", 2), ("relu", 40)],
            *[("tanh", 2), ("tanh", 40)],
        ]
        assert theory.query("k == 40")["distance"].max() < 0.2
        assert theory["draws"].eq(20).all()
        mine = read(shards[0]).query("k == 2")["test_mse"]
        assert theory.loc[0, "measured_mean"] == pytest.approx(mine.mean())
        assert theory.loc[0, "gaussian_excess"] == pytest.approx(2 / (10 * 7))
        assert np.isnan(theory.loc[1, "gaussian_excess"])
        assert ridges["ridge"].tolist() == [0, 0.1, 1] * 2
        assert np.isinf(ridges["predicted_test_mse"]).tolist() == [True, False, False] * 2
        assert ridges.loc[1:2, "distance"].max() < 0.5
        assert np.isfinite(predicted["predicted_test_mse"]).all()
        assert set(predicted[predicted["ridge"] > 0]["k"]) == {10}
