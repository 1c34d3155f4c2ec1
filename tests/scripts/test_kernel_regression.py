"""Problem 11 as the pipeline runs it: the scripts, from drawing the data to the tables."""

import itertools
import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from nngplab.datasets.sine_target import sine_target
from nngplab.kernels.gram import nngp
from nngplab.kernels.tabulated import dual_by_quadrature
from nngplab.pipeline.metrics import round_numbers
from nngplab.pipeline.seeds import integer_seed
from nngplab.problems.kernel_regression import kernel_named
from tests.helpers.checkout import ROOT, SCRIPTS
from tests.helpers.scripts import options_of, run_script

TINY = {"seed": 5, "n": 12, "d": 20, "n_test": 50, "repeats": 4}
KERNELS = ["relu", "sine", "erf", "laplace"]


def draw(folder: Path, **changes: object) -> Path:
    data = folder / "sine_target.npz"
    options = {name: TINY[name] for name in ("seed", "n", "d", "n_test")} | changes
    run_script("kernel_regression_data", *options_of(**options, output=data))
    return data


def fit(folder: Path, data: Path, status: int = 0, **changes: object) -> str:
    """Fit each kernel in a job of its own, merge the tables, and compare the misprints; return the messages."""
    options = {"kernels": KERNELS, "extra_activations": [], "repeats": TINY["repeats"]} | changes
    shards, output = [], ""
    for kernel in dict.fromkeys([*options["kernels"], *options["extra_activations"], "linear", "zero"]):
        shards.append(fit_kernel(folder, data, kernel, 0, options["repeats"], status if kernel == "gelo" else 0))
        output += shards[-1].with_suffix(".log").read_text()
        if kernel == "gelo":
            return output
    merge(folder, shards)
    outputs = {"misprint": folder / "misprint.csv", "labels": folder / "labels.csv"}
    return output + run_script("kernel_regression_misprints", *options_of(data=data, **outputs))


def fit_kernel(folder: Path, data: Path, kernel: str, first: int, last: int, status: int = 0) -> Path:
    shard = folder / f"{kernel}_{first}-{last}.csv"
    options = {"data": data, "kernel": kernel, "first_repeat": first, "last_repeat": last, "output": shard}
    options |= {"laplace_L": 0.005} if kernel == "laplace" else {}
    options |= {"activation_file": ROOT / "workflow/activations/tanh.py"} if kernel == "tanh" else {}
    messages = run_script("kernel_regression_fit", *options_of(**options), status=status)
    shard.with_suffix(".log").write_text(messages)
    return shard


def merge(folder: Path, shards: list[Path]) -> None:
    options = {"shards": shards, "laplace_L": 0.005, "output": folder / "test_mse.csv"}
    run_script("kernel_regression_merge", *options_of(**options))


def summarise(folder: Path, status: int = 0) -> str:
    outputs = {name: folder / f"{name}.csv" for name in ("test_mse", "summary", "paired")}
    options = options_of(**outputs, metrics=folder / "metrics.json")
    return run_script("kernel_regression_summary", *options, status=status)


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """The data set of the problem set, with four repeats."""
    folder = tmp_path_factory.mktemp("problem_set")
    data = draw(folder, seed=88, n=100, d=200, n_test=5000)
    assert "relu: test MSE 1.283e-05, R² 0.495" in fit(folder, data)
    summarise(folder)
    return folder


class TestFit:
    def test_the_table(self, results):
        table = read(results / "test_mse.csv")
        assert list(table.columns) == [
            *["kernel", "seed", "test_mse", "r2", "condition_number", "repeat", "zero_mse", "residual", "laplace_L"],
            *["n", "d", "n_test", "labels_before_normalising", "test_mse_labels_before"],
        ]
        pairs = itertools.product(range(5), [*KERNELS, "linear", "zero"])
        assert list(zip(table["repeat"], table["kernel"], strict=True)) == list(pairs)
        assert table.loc[table["repeat"] == 0, "seed"].unique().tolist() == [88]
        assert table["seed"].nunique() == 5
        zero = table["kernel"] == "zero"
        assert table.loc[zero, ["condition_number", "residual"]].isna().all(axis=None)
        np.testing.assert_array_equal(table.loc[zero, "test_mse"], table.loc[zero, "zero_mse"])
        assert table.loc[~zero, "residual"].max() < 1e-11

    def test_the_headline_is_the_published_solution(self, results):
        table = read(results / "test_mse.csv").query("repeat == 0").set_index("kernel")
        published = {"relu": 1.28348682e-05, "sine": 1.11237025e-05, "erf": 1.05965526e-05, "laplace": 1.58915509e-05}
        for kernel, mse in published.items():
            assert table.loc[kernel, "test_mse"] == pytest.approx(mse, rel=1e-8)
        assert table.loc[KERNELS, "condition_number"].tolist() == pytest.approx([140, 11, 15, 2.6e4], rel=0.05)

    def test_a_row_can_be_reproduced_from_its_seed_by_hand(self, results):
        row = read(results / "test_mse.csv").query("kernel == 'sine' and repeat == 3").iloc[0]
        np.random.seed(row["seed"])
        X, X_t = np.random.normal(size=(100, 200)), np.random.normal(size=(5000, 200))
        X, X_t = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, X_t))
        y, y_t = np.sin(X).mean(axis=1), np.sin(X_t).mean(axis=1)
        prediction = np.sinh(X_t @ X.T) @ np.linalg.solve(np.sinh(X @ X.T), y)
        assert row["test_mse"] == pytest.approx(np.mean((prediction - y_t) ** 2), rel=1e-12)
        assert row["r2"] == pytest.approx(1 - np.sum((prediction - y_t) ** 2) / np.sum((y_t - y_t.mean()) ** 2))

    def test_the_baselines(self, results):
        """sin(x) is nearly x: the linear kernel misses just the part of w = 1 / d outside the span of the samples."""
        table = read(results / "test_mse.csv").query("repeat == 0").set_index("kernel")["test_mse"]
        with np.load(results / "sine_target.npz") as file:
            basis = np.linalg.qr(file["X"].T)[0]
        missed = 1 - np.sum(basis.sum(axis=0) ** 2) / 200
        assert table["linear"] / table["zero"] == pytest.approx(missed, rel=0.02)

    def test_the_misprint(self, results):
        printed, corrected = read(results / "misprint.csv").itertuples()
        assert (printed.reading, corrected.reading) == ("printed", "corrected")
        assert (printed.diagonal, corrected.diagonal) == (0, 1)
        assert printed.negative_eigenvalues == 64
        assert corrected.negative_eigenvalues == 0
        assert corrected.smallest_eigenvalue > 0 > printed.smallest_eigenvalue
        assert corrected.test_mse == pytest.approx(1.28348682e-05, rel=1e-8)
        assert printed.r2 < 0 < corrected.r2

    def test_the_other_reading_of_the_labels(self, results):
        """With the test labels of the rows as drawn; the numbers were computed without this library."""
        table = read(results / "summary.csv").set_index("kernel")["headline_test_mse_labels_before"]
        expected = {"erf": 1.991, "sine": 2.009, "relu": 2.041, "laplace": 2.093, "linear": 1.961, "zero": 2.208}
        assert table.to_dict() == {kernel: pytest.approx(1e-3 * mse, abs=5e-7) for kernel, mse in expected.items()}

    def test_the_labels_of_both_readings(self, results):
        after, before = read(results / "labels.csv").itertuples()
        assert (after.reading, before.reading) == ("after", "before")
        generator = np.random.RandomState(88)
        raw = generator.normal(size=(5100, 200))[100:]
        rows = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        f = np.sin(rows).mean(axis=1)
        for reading, X in ((after, rows), (before, raw)):
            y = np.sin(X).mean(axis=1)
            assert reading.rms_norm == pytest.approx(np.sqrt(np.mean(np.sum(X**2, axis=1))))
            assert reading.rms_label == pytest.approx(np.sqrt(np.mean(y**2)))
            assert reading.zero_test_mse == pytest.approx(np.mean(y**2))
            assert reading.f_test_mse == pytest.approx(np.mean((y - f) ** 2), abs=1e-30)
            missed = np.linalg.lstsq(rows.mean(axis=1)[:, None], y)[1][0] / np.sum(y**2)
            assert reading.nonlinear_share == pytest.approx(missed)

    def test_the_bytes_do_not_depend_on_the_shards(self, tmp_path):
        data = draw(tmp_path)
        kernels = ["laplace", "linear", "zero"]
        merge(tmp_path, [fit_kernel(tmp_path, data, kernel, 0, 4) for kernel in kernels])
        whole = (tmp_path / "test_mse.csv").read_bytes()
        merge(tmp_path, [fit_kernel(tmp_path, data, kernel, *part) for part in ((0, 1), (2, 4)) for kernel in kernels])
        assert (tmp_path / "test_mse.csv").read_bytes() == whole
        shards = [fit_kernel(tmp_path, data, kernel, 0, 2) for kernel in kernels]
        merge(tmp_path, shards)
        assert whole.startswith((tmp_path / "test_mse.csv").read_bytes()), "fewer repeats are the first of more"

    def test_labels_before_normalising_reach_the_repeats(self, tmp_path):
        zero_mse = {}
        for before in (False, True):
            data = draw(tmp_path, labels_before_normalising=before)
            fit(tmp_path, data)
            table = read(tmp_path / "test_mse.csv")
            assert table["labels_before_normalising"].unique().tolist() == [before]
            zero_mse[before] = table.query("kernel == 'zero'")["test_mse"]
        assert np.all(zero_mse[True] > 5 * zero_mse[False])

    def test_more_samples_than_coordinates(self, tmp_path):
        """The linear kernel is singular then, and the baseline is least squares."""
        data = draw(tmp_path, n=40)
        fit(tmp_path, data, kernels=["laplace"])
        with np.load(data) as file:
            weights = np.linalg.lstsq(file["X"], file["y"])[0]
            mse = np.mean((file["X_test"] @ weights - file["y_test"]) ** 2)
        row = read(tmp_path / "test_mse.csv").query("kernel == 'linear'").iloc[0]
        assert row["test_mse"] == pytest.approx(mse, rel=1e-8)

    def test_further_activations_are_kernels_too(self, tmp_path):
        """Tanh by its table, against quadrature; sine, which is among the kernels already, only once."""
        data = draw(tmp_path)
        fit(tmp_path, data, extra_activations=["tanh", "gelu", "sine"])
        table = read(tmp_path / "test_mse.csv").query("repeat == 0").set_index("kernel")
        assert list(table.index) == [*KERNELS, "tanh", "gelu", "linear", "zero"]
        with np.load(data) as file:
            K, K_test = (
                dual_by_quadrature(np.tanh, np.clip(file[name] @ file["X"].T, -1, 1)) for name in ("X", "X_test")
            )
            mse = np.mean((K_test @ np.linalg.solve(K, file["y"]) - file["y_test"]) ** 2)
        assert table.loc["tanh", "test_mse"] == pytest.approx(mse, rel=1e-8)

    def test_a_mistyped_kernel_is_one_line(self, tmp_path):
        output = fit(tmp_path, draw(tmp_path), status=1, kernels=["relu", "gelo"])
        assert "error: unknown kernel 'gelo': choose one of identity, relu" in output.splitlines()[-1]
        assert not (tmp_path / "test_mse.csv").exists()


class TestSummary:
    def test_each_kernel(self, results):
        table, summary = read(results / "test_mse.csv"), read(results / "summary.csv").set_index("kernel")
        assert list(summary.index) == [*KERNELS, "linear", "zero"]
        for kernel, row in summary.iterrows():
            mine = table[table["kernel"] == kernel]
            headline, repeats = mine[mine["repeat"] == 0].iloc[0], mine[mine["repeat"] > 0]
            assert row["headline_seed"] == 88
            assert row["headline_test_mse"] == headline["test_mse"]
            assert row["headline_r2"] == headline["r2"]
            assert row["repeats"] == 4
            interval = scipy.stats.ttest_1samp(repeats["test_mse"], 0).confidence_interval(0.95)
            assert (row["mean_low"], row["mean_high"]) == pytest.approx(tuple(interval), rel=1e-9)
            assert row["mean_test_mse"] == pytest.approx(np.mean(repeats["test_mse"]))
            assert row["median_test_mse"] == pytest.approx(np.median(repeats["test_mse"]))
            assert row["std_test_mse"] == pytest.approx(np.std(repeats["test_mse"], ddof=1))
            assert row["mean_ratio_to_zero"] == pytest.approx(np.mean(repeats["test_mse"] / repeats["zero_mse"]))
        assert summary.loc["zero", "mean_ratio_to_zero"] == 1
        metrics = json.loads((results / "metrics.json").read_text())
        columns = ["headline_test_mse", "headline_r2", "mean_test_mse", "mean_r2"]
        assert metrics == round_numbers(summary[columns].to_dict("index"), 6)

    def test_each_pair(self, results):
        table, paired = read(results / "test_mse.csv"), read(results / "paired.csv")
        pairs = list(itertools.combinations([*KERNELS, "linear", "zero"], 2))
        assert list(zip(paired["kernel"], paired["other"], strict=True)) == pairs
        repeats = table[table["repeat"] > 0].pivot_table(index="repeat", columns="kernel", values="test_mse")
        for row in paired.itertuples():
            mine, other = repeats[row.kernel], repeats[row.other]
            interval = scipy.stats.ttest_rel(mine, other).confidence_interval(0.95)
            assert (row.low, row.high) == pytest.approx(tuple(interval), rel=1e-9)
            assert row.mean_difference == pytest.approx(np.mean(mine) - np.mean(other))
            assert row.wins == sum(m < o for m, o in zip(mine, other, strict=True))
            assert row.mean_ratio == pytest.approx(np.mean(mine / other))
            assert row.losses == sum(m > o for m, o in zip(mine, other, strict=True))

    def test_two_names_of_one_kernel_have_no_difference(self, tmp_path):
        """Their test errors differ by rounding, which may be in favour of one of them."""
        fit(tmp_path, draw(tmp_path), extra_activations=["identity"])
        table = read(tmp_path / "test_mse.csv")
        table.loc[table["kernel"] == "identity", "test_mse"] *= 1 + 1e-12
        table.to_csv(tmp_path / "test_mse.csv", index=False)
        summarise(tmp_path)
        row = read(tmp_path / "paired.csv").query("kernel == 'identity' and other == 'linear'").iloc[0]
        assert row[["mean_difference", "low", "high", "wins", "losses"]].tolist() == [0, 0, 0, 0, 0]

    def test_one_repeat_has_no_finite_interval(self, tmp_path):
        fit(tmp_path, draw(tmp_path), repeats=1)
        summarise(tmp_path)
        summary, paired = read(tmp_path / "summary.csv"), read(tmp_path / "paired.csv")
        for low, high in ((summary["mean_low"], summary["mean_high"]), (paired["low"], paired["high"])):
            assert (set(low), set(high)) == ({-np.inf}, {np.inf})


CURVE = {"n": [5, 10, 60], "d": 10, "n_test": 100, "repeats": 4, "seed": 5}


@pytest.fixture(scope="module")
def theory(results, tmp_path_factory) -> Path:
    """The predictions for the data set of the problem set, with two kernels that are not in it."""
    folder = tmp_path_factory.mktemp("theory")
    extra = [fit_kernel(results, results / "sine_target.npz", kernel, 0, 4) for kernel in ("ntk", "relu_depth3")]
    curves = []
    for kernel in ("relu", "tanh"):
        curves.append(folder / f"curve_{kernel}.csv")
        file = {"activation_file": ROOT / "workflow/activations/tanh.py"} if kernel == "tanh" else {}
        run_script("kernel_regression_curve", *options_of(kernel=kernel, **CURVE, **file, output=curves[-1]))
    names = {"theory": "theory", "degrees": "degrees", "curve": "curve", "summary": "summary", "predicted": "predicted"}
    options = {"test_mse": results / "test_mse.csv", "extra_shards": extra, "curves": curves, "laplace_L": 0.005}
    options |= {"activation_files": [ROOT / "workflow/activations/tanh.py"]}
    outputs = {option: folder / f"{name}.csv" for option, name in names.items()}
    run_script("kernel_regression_theory", *options_of(**options, **outputs))
    return folder


class TestTheory:
    def test_each_kernel_has_its_prediction_beside_the_mean(self, results, theory):
        table, fits = read(theory / "theory.csv").set_index("kernel"), read(results / "test_mse.csv")
        assert list(table.index) == [*KERNELS, "linear", "ntk", "relu_depth3"]
        # The mean of the 100 repeats of the default configuration: all are within 2.3% of the predictions.
        means = {"relu": 1.483e-5, "sine": 1.3551e-5, "erf": 1.30907e-5, "laplace": 1.71943e-5, "linear": 1.27118e-5}
        means |= {"ntk": 1.61604e-5, "relu_depth3": 1.70923e-5}
        assert table["predicted_test_mse"].to_dict() == pytest.approx(means, rel=0.023)
        mine = fits[fits["kernel"].eq("relu") & fits["repeat"].gt(0)]["test_mse"]
        assert table.loc["relu", "measured_mean"] == pytest.approx(mine.mean())
        interval = scipy.stats.ttest_1samp(mine, 0).confidence_interval(0.95)
        assert tuple(table.loc["relu", ["measured_low", "measured_high"]]) == pytest.approx(tuple(interval), rel=1e-9)
        low, high = interval
        assert table.loc["relu", "inside"] == (low <= table.loc["relu", "predicted_test_mse"] <= high)
        assert table.loc["linear", "predicted_test_mse"] / table.loc["linear", "target_power"] == pytest.approx(
            0.5, 1e-4
        )

    def test_one_number_explains_the_order(self, theory):
        """1 - 2 / pi for ReLU; the linear kernel has no ridge."""
        table = read(theory / "theory.csv").set_index("kernel").sort_values("equivalent_ridge")
        assert list(table.index) == ["linear", "erf", "sine", "relu", "ntk", "relu_depth3", "laplace"]
        assert table["predicted_test_mse"].is_monotonic_increasing
        assert table.loc["relu", "equivalent_ridge"] == pytest.approx(1 - 2 / np.pi)
        assert table["ridge_distance"].max() < 0.02

    def test_the_degrees(self, theory):
        table = read(theory / "degrees.csv")
        for _, group in table.groupby("kernel"):
            assert group["target_share"].sum() == pytest.approx(1, abs=1e-8)
            assert group["kernel_share"].sum() <= 1 + 1e-12
        linear = table.query("kernel == 'linear' and degree == 1").iloc[0]
        assert (linear["harmonics"], linear["learnability"]) == (200, pytest.approx(0.5))

    def test_the_learning_curve(self, theory):
        curve, summary = read(theory / "curve.csv"), read(theory / "summary.csv")
        assert list(zip(curve["kernel"], curve["n"], strict=True)) == list(
            itertools.product(["relu", "tanh"], CURVE["n"])
        )
        assert curve["draws"].eq(4).all()
        assert curve.query("n == 5")["distance"].max() < 0.4
        assert summary["points"].tolist() == [3, 3]
        assert summary["inside"].tolist() == curve.groupby("kernel", sort=False)["inside"].sum().tolist()
        assert summary["largest_distance"].max() == curve["distance"].max()

    def test_the_harmonics_of_two_degrees_where_the_spectrum_ends_before(self):
        d = 15_000
        script = runpy.run_path(str(SCRIPTS / "kernel_regression_theory.py"))
        theory = script["kernel_theory"](kernel_named("linear", None, 0.005), d)
        assert theory.spectrum.degrees == 1
        curves = pd.DataFrame({"kernel": "linear", "n": 5, "d": d, "n_test": 9, "seed": 5, "test_mse": [1.0, 2.0]})
        found = script["learning_curve"](curves, {"linear": theory})
        assert found["harmonics_of_two_degrees"].tolist() == [(d + 1) * (d + 2) // 2 - 1]

    def test_a_point_of_the_curve_by_hand(self, theory):
        row = read(theory / "curve_relu.csv").query("n == 10 and repeat == 2").iloc[0]
        data = sine_target(10, 10, 100, integer_seed(5, "kernel_regression_curve", 10, 2))
        outputs = nngp(data.X_test, data.X) @ np.linalg.solve(nngp(data.X), data.y)
        assert row["test_mse"] == pytest.approx(np.mean((outputs - data.y_test) ** 2), rel=1e-8)
