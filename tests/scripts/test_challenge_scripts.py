"""Problem 13: the scripts on small data, from the candidates to the submission."""

import itertools
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nngplab.pipeline.metrics import round_numbers
from nngplab.regression import memory, singular
from tests.helpers.checkout import ROOT
from tests.helpers.scripts import run_script

NETWORK = {"k": 12, "depth": 2, "weight_decay": 0.0, "learning_rate": 0.01, "batch_size": 16, "epochs": 6}
SIZES = {"train": 80, "val": 40, "test": 50}
MODELS = ("network", "nngp", "rfm")
ALONG = {"direction_L": 1.0, "direction_ridge": 0.01}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """The results of all scripts on small data of one direction."""
    folder = tmp_path_factory.mktemp("results")
    random = np.random.default_rng(0)
    arrays = {f"X_{split}": random.normal(size=(n, 4)) for split, n in SIZES.items()}
    arrays |= {f"y_{split}": np.sin(arrays[f"X_{split}"] @ [0.8, 0.6, 0, 0]) for split in SIZES}
    selection = {name: array for name, array in arrays.items() if "test" not in name}
    np.savez(folder / "selection.npz", **selection, shift=np.zeros(4), scale=np.ones(4), classes=0)
    np.savez(folder / "test.npz", X_test=arrays["X_test"], y_test=arrays["y_test"])
    record = {"label": "small data", "stand_in": True, "direction": [-0.8, -0.6, 0, 0], "score": "r2"}
    (folder / "course.json").write_text(json.dumps(record | {"n_train": 80, "n_val": 40, "n_test": 50, "d": 4}))
    network = {name: NETWORK[name] for name in ("k", "depth", "weight_decay")}
    networks = [network | {"learning_rate": rate} for rate in (0.01, 1e9)]
    common = ["--selection", folder / "selection.npz", "--dataset", "course"]
    fit(folder, "networks", "network", *common, "--networks", json.dumps(networks), *OF_NETWORKS)
    fit(folder, "kernels", "nngp", *common, "--kernel", "nngp", *NNGP)
    machines = [{"bandwidth": 5.0, "iterations": 3, "ridge": 0.001}]
    fit(folder, "rfm", "rfm", *common, "--candidates", json.dumps(machines), "--along", json.dumps([ALONG]))
    select(folder)
    for model in MODELS:
        final(folder, model, folder / "test.npz", folder / "course")
    summarise(folder)
    return folder


OF_NETWORKS = ["--epochs", NETWORK["epochs"], "--batch-size", NETWORK["batch_size"], "--seed", 88]
NNGP = ["--choice", json.dumps({"bias": False, "normalize": False}), "--ridges", 0.0, 0.01, 10.0, "--threads", 2]


def fit(folder: Path, name: str, model: str, *options: object) -> None:
    outputs = ["--output", folder / f"{model}.csv", "--cost", folder / f"cost_{model}.csv"]
    assert run_script(f"challenge_{name}", *options, *outputs) == ""


def select(folder: Path) -> None:
    tables = ["--tables", *(folder / f"{model}.csv" for model in MODELS)]
    options = ["--validation", folder / "validation.csv", "--outcomes", folder / "outcomes.csv"]
    options += ["--records", folder / "course.json", "--selected", folder / "selected.json"]
    options += ["--epochs", json.dumps({"course": NETWORK["epochs"]}), "--edges", folder / "edges.csv"]
    assert run_script("challenge_selection", *tables, *options) == ""


def final(folder: Path, model: str, samples: Path, to: Path, seeds: int = 3) -> None:
    options = ["--selection", folder / "selection.npz", "--test", samples, "--selected", folder / "selected.json"]
    options += ["--dataset", "course", "--model", model, "--seed", 88, "--seeds", seeds, "--threads", 1]
    options += [
        "--table",
        to / f"{model}.csv",
        "--outputs",
        to / f"{model}.npz",
        "--cost",
        folder / f"cost_test_{model}.csv",
    ]
    assert run_script("challenge_test", *options) == ""


def summarise(folder: Path) -> None:
    options = ["--validation", folder / "validation.csv", "--records", folder / "course.json"]
    for flag, suffix in (("--tests", "csv"), ("--outputs", "npz")):
        options += [flag, *(folder / f"course/{model}.{suffix}" for model in MODELS)]
    options += ["--edges", folder / "edges.csv"]
    for name in ("benchmark", "scores", "comparison", "ranges", "directions"):
        options += [f"--{name}", folder / f"{name}.csv"]
    assert run_script("challenge_summary", *options, "--metrics", folder / "metrics.json") == ""


class TestSelection:
    def test_every_candidate_is_in_the_table(self, results):
        validation = pd.read_csv(results / "validation.csv")
        assert list(validation.columns) == [
            *["dataset", "model", "hyperparameters", "n", "split", "mse", "r2", "accuracy", "outcome"]
        ]
        counts = validation.pivot_table(index="model", columns="split", values="outcome", aggfunc="count")
        assert counts["train"].to_dict() == {"network": 2, "nngp": 3, "rfm": 3, "rfm_direction": 1}
        assert (counts["train"] == counts["val"]).all()

    def test_the_best_on_the_validation_samples_is_selected(self, results):
        validation = pd.read_csv(results / "validation.csv").query("split == 'val' and outcome == 'fitted'")
        selected = json.loads((results / "selected.json").read_text())["course"]
        assert set(selected) == {"network", "nngp", "rfm", "rfm_direction"}
        for model, candidates in validation.groupby("model"):
            best = candidates.sort_values("r2").iloc[-1]
            assert selected[model] == json.loads(best["hyperparameters"])
        assert selected["rfm_direction"] == selected["rfm"] | ALONG

    def test_the_places_of_the_selected_values(self, results):
        edges = pd.read_csv(results / "edges.csv").set_index(["model", "hyperparameter"])
        assert edges.loc[("network", "learning_rate"), ["tried", "place", "edge"]].tolist() == [2, "lowest", True]
        assert edges.loc[("network", "k"), ["tried", "place", "edge"]].tolist() == [1, "fixed", False]
        epochs = edges.loc[("network", "epochs")]
        assert int(epochs["highest"]) == NETWORK["epochs"]
        assert (epochs["place"] == "last") == (epochs["value"] == epochs["highest"])
        assert edges.loc[("rfm_direction", "iterations"), "place"] == edges.loc[("rfm", "iterations"), "place"]

    def test_a_network_that_diverged_is_named_and_not_selected(self, results):
        outcomes = pd.read_csv(results / "outcomes.csv").set_index("model")
        assert outcomes.loc["network", ["candidates", "fitted", "diverged"]].tolist() == [2, 1, 1]
        assert outcomes.loc["nngp", ["candidates", "fitted", "diverged"]].tolist() == [3, 3, 0]
        assert json.loads((results / "selected.json").read_text())["course"]["network"]["learning_rate"] == 0.01

    def test_a_singular_kernel_is_named_and_does_not_stop_the_job(self, results, tmp_path, monkeypatch):
        """More samples than features, and too many for the least-squares solution: ridge 0 cannot be had."""
        monkeypatch.setattr(singular, "EIGENVECTORS_UP_TO", 10)
        options = ["--selection", results / "selection.npz", "--dataset", "course", "--kernel", "linear"]
        options += ["--choice", "{}", "--ridges", 0.5, 0.0, 1.0, "--threads", 1, "--output", tmp_path / "a.csv"]
        assert "not positive definite" in run_script("challenge_kernels", *options, "--cost", tmp_path / "c.csv")
        table = pd.read_csv(tmp_path / "a.csv")
        assert table["outcome"].tolist() == ["fitted", "fitted", "singular", "singular", "fitted", "fitted"]
        assert table["r2"].notna().tolist() == [True, True, False, False, True, True]

    def test_a_lack_of_memory_stops_the_job(self, results, tmp_path, monkeypatch):
        monkeypatch.setattr(memory, "available_memory", lambda: 1)
        options = ["--selection", results / "selection.npz", "--dataset", "course", "--kernel", "nngp", *NNGP]
        options += ["--output", tmp_path / "a.csv", "--cost", tmp_path / "c"]
        output = run_script("challenge_kernels", *options, status=1)
        assert output.startswith("error: ")
        assert "memory" in output

    def test_of_several_processes_the_first_one_writes_the_results(self, results, tmp_path, monkeypatch):
        monkeypatch.setenv("PMI_RANK", "1")
        options = ["--selection", results / "selection.npz", "--dataset", "course", "--kernel", "nngp", *NNGP]
        options += ["--output", tmp_path / "a.csv", "--cost", tmp_path / "c.csv", "--log", tmp_path / "log"]
        assert run_script("challenge_kernels", *options) == ""
        assert not list(tmp_path.iterdir())

    def test_the_error_of_several_processes_is_printed_by_the_first_one_before_the_launcher_ends_all(
        self, results, tmp_path, monkeypatch
    ):
        waits, aborts = [], []
        monkeypatch.setattr(time, "sleep", waits.append)
        mpi = SimpleNamespace(COMM_WORLD=SimpleNamespace(size=2, Abort=aborts.append))
        monkeypatch.setitem(sys.modules, "mpi4py.MPI", mpi)
        monkeypatch.setattr(memory, "available_memory", lambda: 1)
        options = ["--selection", results / "selection.npz", "--dataset", "course", "--kernel", "nngp", *NNGP]
        options += ["--output", tmp_path / "a.csv", "--cost", tmp_path / "c"]
        for rank in range(2):
            monkeypatch.setenv("SLURM_PROCID", str(rank))
            assert run_script("challenge_kernels", *options, status=1).startswith("error: ")
            assert waits == [5] * rank
            assert len(aborts) == rank + 1

    def test_a_model_that_never_fitted_is_not_selected(self, results, tmp_path):
        for name in MODELS:
            table = pd.read_csv(results / f"{name}.csv")
            table.assign(outcome="diverged" if name == "network" else "fitted").to_csv(tmp_path / f"{name}.csv")
        (tmp_path / "course.json").write_text((results / "course.json").read_text())
        select(tmp_path)
        assert set(json.loads((tmp_path / "selected.json").read_text())["course"]) == {"nngp", "rfm", "rfm_direction"}

    def test_the_same_bytes_again(self, results, tmp_path):
        networks = [{"k": 5, "depth": 1, "weight_decay": 0.1, "learning_rate": 0.01}]
        options = ["--selection", results / "selection.npz", "--dataset", "course", "--networks", json.dumps(networks)]
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            fit(tmp_path / name, "networks", "network", *options, *OF_NETWORKS)
        assert (tmp_path / "a/network.csv").read_bytes() == (tmp_path / "b/network.csv").read_bytes()


def test_a_kernel_of_prepared_images_is_tested_as_it_was_selected(tmp_path):
    """By each script in turn; with the validation images for the test, the accuracy is that of the selection."""
    random = np.random.default_rng(0)
    arrays = {f"X_{split}": random.integers(256, size=(n, 3072)).astype(np.uint8) for split, n in SIZES.items()}
    arrays |= {f"y_{split}": random.integers(2, size=n) for split, n in SIZES.items()}
    scaling = {"shift": np.full(3072, 127.0), "scale": np.full(3072, 74.0), "classes": 2}
    np.savez(tmp_path / "selection.npz", **{name: arrays[name] for name in arrays if "test" not in name}, **scaling)
    np.savez(tmp_path / "test.npz", X_test=arrays["X_val"], y_test=arrays["y_val"])
    images = ["--selection", tmp_path / "selection.npz"]
    whitening = ["--whitening", tmp_path / "zca10.0.npz"]
    assert run_script("challenge_whitening", *images, "--epsilon", 10.0, "--output", whitening[1]) == ""
    choice = {"bias": True, "depth": 2, "flips": True, "zca": 10.0}
    common = [*images, *whitening, "--dataset", "cifar10", "--threads", 1]
    options = ["--kernel", "ntk", "--choice", json.dumps(choice), "--ridges", 0.1]
    fit(tmp_path, "kernels", "ntk", *common, *options)
    (tmp_path / "record.json").write_text(json.dumps({"score": "accuracy"}))
    options = ["--tables", tmp_path / "ntk.csv", "--record", tmp_path / "record.json", "--dataset", "cifar10"]
    assert run_script("challenge_choice", *options, "--output", tmp_path / "chosen.json") == ""
    options = ["--test", tmp_path / "test.npz", "--selected", tmp_path / "chosen.json", "--model", "ntk", "--seed", 88]
    options += ["--seeds", 1, "--table", tmp_path / "test.csv", "--outputs", tmp_path / "outputs.npz"]
    assert run_script("challenge_test", *common, *options, "--cost", tmp_path / "cost.csv") == ""
    selected = pd.read_csv(tmp_path / "ntk.csv").query("split == 'val'").iloc[0]
    tested = pd.read_csv(tmp_path / "test.csv").iloc[0]
    chosen = {**choice, "ridge": 0.1}
    assert json.loads(tested["hyperparameters"]) == chosen
    assert (tested["accuracy"], tested["mse"]) == pytest.approx((selected["accuracy"], selected["mse"]))
    assert run_script("challenge_test", *common, *options, "--with-validation", "--cost", tmp_path / "cost.csv") == ""
    assert pd.read_csv(tmp_path / "test.csv")["mse"].item() < 0.9 * tested["mse"], "here, the validation images"
    the_learning_curve_ends_at_the_test(tmp_path, chosen, tested["accuracy"])
    the_ridge_and_the_epochs_are_selected_anew(tmp_path, common, chosen)
    the_confusions_are_those_of_the_outputs(tmp_path)
    options = ["--validation", tmp_path / "ntk.csv", "--record", tmp_path / "record.json"]
    options += ["--output", tmp_path / "steps.csv", "--figure", tmp_path / "steps.svg"]
    assert run_script("challenge_steps", *options) == ""
    (step,) = pd.read_csv(tmp_path / "steps.csv").to_dict("records")
    assert (step["step"], step["model"], step["accuracy"]) == ("tangent kernel", "ntk", selected["accuracy"])
    assert "<!-- + tangent kernel -->" in (tmp_path / "steps.svg").read_text()


def the_ridge_and_the_epochs_are_selected_anew(folder: Path, common: list, chosen: dict) -> None:
    """On all images, for the candidate that was selected on the first of them."""
    few = [*common, "--kernel", "ntk", "--choice", json.dumps(chosen), "--n", 50]
    fit(folder, "kernels", "few", *few, "--ridges", 0.1)
    assert not pd.read_csv(folder / "few.csv").equals(pd.read_csv(folder / "ntk.csv").assign(n=50))
    fit(
        folder, "kernels", "all", *common, "--kernel", "ntk", "--selected", folder / "chosen.json", "--ridges", 0.1, 9.0
    )
    again = pd.read_csv(folder / "all.csv")
    assert [json.loads(text) for text in again["hyperparameters"]] == [
        chosen | {"ridge": ridge} for ridge in (0.1, 0.1, 9.0, 9.0)
    ]
    pd.testing.assert_frame_equal(again[:2], pd.read_csv(folder / "ntk.csv"))
    options = ["--tables", folder / "few.csv", folder / "all.csv", "--record", folder / "score.json"]
    (folder / "score.json").write_text(json.dumps({"score": "mse"}))
    output = ["--dataset", "cifar10", "--output", folder / "anew.json"]
    assert run_script("challenge_choice", *options, *output) == ""
    assert again.loc[again["split"] == "val", "mse"].idxmax() == 1
    assert json.loads((folder / "anew.json").read_text())["cifar10"]["ntk"] == chosen
    of_network = ["--epochs", 2, "--batch-size", 16, "--seed", 88, "--selected"]
    fit(folder, "networks", "network", *common[:-2], *of_network, folder / "network.json")
    found = pd.read_csv(folder / "network.csv")
    assert {json.loads(text)["epochs"] for text in found["hyperparameters"]} <= {1, 2}
    assert (found["n"] == SIZES["train"]).all()
    # A model of which no candidate was fitted.
    fit(folder, "networks", "none", *common[:-2], *of_network, folder / "chosen.json")
    assert not len(pd.read_csv(folder / "none.csv"))
    options = ["--tables", folder / "all.csv", folder / "none.csv", "--record", folder / "score.json"]
    assert run_script("challenge_choice", *options, *output) == ""


def the_confusions_are_those_of_the_outputs(folder: Path) -> None:
    with np.load(folder / "outputs.npz") as file:
        labels, predicted = file["y_test"].argmax(axis=1), file["ntk"].argmax(axis=1)
        np.savez(folder / "ntk.npz", **file)
        np.savez(folder / "network.npz", y_test=file["y_test"], network_seeds=np.stack([file["y_test"]] * 2))
    models = {"dataset": "cifar10", "model": ["network", "nngp", "ntk"], "best_kernel": [False, False, True]}
    pd.DataFrame(models).to_csv(folder / "scores.csv", index=False)
    classes = {"split": "test", "label": [1, 0], "class": ["dog", "cat"]}
    pd.DataFrame(classes).to_csv(folder / "counts.csv", index=False)
    options = ["--scores", folder / "scores.csv", "--outputs", folder / "network.npz", folder / "ntk.npz"]
    options += ["--counts", folder / "counts.csv", "--record", folder / "record.json"]
    options += ["--output", folder / "confusion.csv", "--figure", folder / "confusion.svg"]
    assert run_script("challenge_confusion", *options) == ""
    table = pd.read_csv(folder / "confusion.csv").set_index(["model", "class", "predicted"])
    assert table.loc["network", "count"].tolist() == [2 * sum(labels == 0), 0, 0, 2 * sum(labels == 1)]
    both = [(place, other) for place in (0, 1) for other in (0, 1)]
    assert table.loc["ntk", "count"].tolist() == [sum((labels == a) & (predicted == b)) for a, b in both]
    assert "<!-- ReLU NTK -->" in (folder / "confusion.svg").read_text()


def the_learning_curve_ends_at_the_test(folder: Path, chosen: dict, accuracy: float) -> None:
    """A kernel, with the only ridge, and a network, whose epoch is the best on the validation images."""
    network = NETWORK | {"flips": True, "zca": None}
    (folder / "network.json").write_text(json.dumps({"cifar10": {"network": network}}))
    common = ["--selection", folder / "selection.npz", "--test", folder / "test.npz", "--dataset", "cifar10"]
    common += ["--selected", folder / "chosen.json", folder / "network.json", "--ridges", 0.1, "--epochs", 3]
    common += ["--seed", 88, "--seeds", 2, "--threads", 1]
    tables = [folder / f"curve_{n}.csv" for n in (30, SIZES["train"])]
    for n, table in zip((30, SIZES["train"]), tables, strict=True):
        options = ["--n", n, "--output", table, "--cost", folder / "cost.csv"]
        assert run_script("challenge_curve", *common, *options) == ""
    tested = {"dataset": "cifar10", "model": ["ntk", "laplace"], "value": 0.75, "low": 0.7, "high": 0.8}
    pd.DataFrame(tested | {"seeds": 1, "failed": 0}).to_csv(folder / "scores.csv", index=False)
    (folder / "selected.json").write_text(json.dumps({"cifar10": {"ntk": chosen, "laplace": {"ridge": 0.1}}}))
    options = ["--tables", *tables, "--scores", folder / "scores.csv", "--selected", folder / "selected.json"]
    options += ["--output", folder / "curve.csv", "--published", folder / "published.csv"]
    options += ["--figure", folder / "curve.svg", "--record", folder / "record.json"]
    for stand_in in (False, True):
        record = {"stand_in": stand_in, "label": "noise", "n_train": SIZES["train"], "n_val": SIZES["val"]}
        (folder / "record.json").write_text(json.dumps(record))
        assert run_script("challenge_learning_curve", *options) == ""
        assert len(pd.read_csv(folder / "published.csv")) == (0 if stand_in else 6)
        assert ("<!-- deep ReLU NNGP, Lee et al. 2018 -->" in (folder / "curve.svg").read_text()) is not stand_in
    curve = pd.read_csv(folder / "curve.csv").set_index(["n", "model"])
    sizes = [(n, model) for n in (30, SIZES["train"]) for model in ("ntk", "network")]
    assert curve.index.tolist() == [*sizes, (SIZES["train"] + SIZES["val"], "ntk")]
    last = curve.loc[(SIZES["train"], "ntk")]
    assert last["value"] == pytest.approx(accuracy)
    assert last["low"] < last["value"] < last["high"]
    assert json.loads(last["hyperparameters"]) == chosen
    used = json.loads(curve.loc[(30, "network"), "hyperparameters"])
    assert used == network | {"epochs": used["epochs"]}
    assert 1 <= used["epochs"] <= 3
    assert curve.loc[(30, "network"), "seeds"] == 2
    drawn = (folder / "curve.svg").read_text()
    for words in ("network", "ReLU NTK", "50", "test accuracy", "noise"):
        assert f"<!-- {words} -->" in drawn, words


class TestTheTest:
    @pytest.mark.parametrize("model", ["network", "nngp", "rfm"])
    def test_what_is_tested_is_what_was_selected(self, results, tmp_path, model):
        """With the validation samples for the test samples, the errors are those by which it was selected."""
        with np.load(results / "selection.npz") as file:
            np.savez(tmp_path / "test.npz", X_test=file["X_val"], y_test=file["y_val"])
        final(results, model, tmp_path / "test.npz", tmp_path, seeds=1)
        validation = pd.read_csv(results / "validation.csv").query("split == 'val'")
        for row in pd.read_csv(tmp_path / f"{model}.csv").itertuples():
            chosen = validation.query("model == @row.model and hyperparameters == @row.hyperparameters").iloc[0]
            assert (row.mse, row.r2) == pytest.approx((chosen["mse"], chosen["r2"]), rel=1e-12)

    def test_the_benchmark(self, results):
        benchmark = pd.read_csv(results / "benchmark.csv")
        assert benchmark.groupby("model")["split"].apply(list).to_dict() == {
            model: ["train", "val", "test"] for model in ("network", "nngp", "rfm", "rfm_direction")
        }
        with np.load(results / "course/nngp.npz") as file:
            mse = np.mean((file["nngp"] - file["y_test"]) ** 2)
        assert benchmark.query("model == 'nngp' and split == 'test'")["mse"].item() == pytest.approx(mse, rel=1e-12)
        metrics = json.loads((results / "metrics.json").read_text())
        for model, found, digits in (
            ("nngp", metrics["course"], 6),
            ("network", metrics["trained"]["course"], 2),
        ):
            r2 = benchmark.query(f"model == '{model}' and split == 'test'")["r2"].item()
            assert found[model]["test"] == round_numbers(r2, digits)
        assert "network" not in metrics["course"]

    def test_the_comparison_is_that_of_the_scores(self, results):
        comparison = pd.read_csv(results / "comparison.csv").set_index(["model", "other"])
        r2 = pd.read_csv(results / "benchmark.csv").query("split == 'test'").set_index("model")["r2"]
        assert set(comparison.index) == set(itertools.permutations(r2.index, 2))
        for (model, other), row in comparison.iterrows():
            assert row["difference"] == pytest.approx(r2[model] - r2[other])
            assert row["low"] < row["difference"] < row["high"]
            assert row["difference"] == -comparison.loc[(other, model), "difference"]

    def test_the_scores_of_the_seeds(self, results):
        """The first is that of the candidate that was selected."""
        scores = pd.read_csv(results / "scores.csv").set_index("model")
        assert scores["seeds"].to_dict() == {"network": 3, "nngp": 1, "rfm": 1, "rfm_direction": 1}
        with np.load(results / "course/network.npz") as file:
            outputs, first, y = file["network_seeds"], file["network"], file["y_test"]
        np.testing.assert_array_equal(outputs[0], first)
        r2 = 1 - np.mean((outputs - y) ** 2, axis=(1, 2)) / np.var(y)
        assert len(set(r2)) == 3
        row = scores.loc["network"]
        assert (row["value"], row["lowest"], row["highest"]) == pytest.approx((r2.mean(), r2.min(), r2.max()))
        assert row["seed_se"] == pytest.approx(r2.std(ddof=1) / np.sqrt(3))
        assert (scores["seed_se"].drop("network") == 0).all()

    def test_trainings_that_diverge_are_counted_and_left_out(self, results, tmp_path):
        selected = json.loads((results / "selected.json").read_text())
        selected["course"]["network"] |= {"learning_rate": 1e9}
        (tmp_path / "selected.json").write_text(json.dumps(selected))
        (tmp_path / "selection.npz").write_bytes((results / "selection.npz").read_bytes())
        final(tmp_path, "network", results / "test.npz", tmp_path)
        assert pd.read_csv(tmp_path / "network.csv").empty
        with np.load(tmp_path / "network.npz") as file:
            assert file["failed"] == 3
            assert "network" not in file
        assert pd.read_csv(tmp_path / "cost_test_network.csv")["fits"].item() == 3

    def test_the_range_of_the_training_samples(self, results):
        with np.load(results / "test.npz") as test, np.load(results / "selection.npz") as selection:
            X, X_train = test["X_test"], selection["X_train"]
        with np.load(results / "course/rfm.npz") as file:
            u, errors = file["direction"], ((file["rfm"] - file["y_test"]) ** 2)[:, 0]
        outside = (X @ u < (X_train @ u).min()) | (X @ u > (X_train @ u).max())
        row = pd.read_csv(results / "ranges.csv").set_index("model").loc["rfm"]
        assert row["n_outside"] == outside.sum()
        assert row["mse_inside"] == pytest.approx(errors[~outside].mean())
        val = pd.read_csv(results / "benchmark.csv").query("model == 'rfm' and split == 'val'")
        assert row["mse_val"] == pytest.approx(val["mse"].item())

    def test_the_directions(self, results):
        directions = pd.read_csv(results / "directions.csv")
        for model, some in directions.groupby("model"):
            assert sorted(some["feature"]) == [1, 2, 3, 4]
            assert some["component"].abs().is_monotonic_decreasing
            assert np.linalg.norm(some["component"]) == pytest.approx(1)
            assert some["cosine"].iloc[0] == pytest.approx(some["truth"] @ some["component"])
            assert some["cosine"].iloc[0] > 0.9, model
            assert 0.25 < some["share"].iloc[0] <= 1
        machine = directions.query("model == 'rfm'").sort_values("feature")
        np.testing.assert_allclose(machine["truth"], [0.8, 0.6, 0, 0])


@pytest.fixture(scope="module")
def handed_in(results) -> Path:
    costs = [results / f"cost_{step}{model}.csv" for step in ("", "test_") for model in MODELS]
    assert run_script("challenge_cost", "--costs", *costs, "--output", results / "cost.csv") == ""
    options = ["--template", ROOT / "workflow/report/challenge_submission.md.jinja"]
    options += ["--record", results / "course.json", "--predictions", results / "submission/predictions.csv"]
    for name in ("benchmark", "directions", "edges", "cost"):
        options += [f"--{name}", results / f"{name}.csv"]
    outputs = [results / f"course/{model}.npz" for model in MODELS]
    options += ["--outputs", *outputs, "--readme", results / "submission/README.md"]
    assert run_script("challenge_submission", *options) == ""
    return results / "submission"


class TestSubmission:
    def best(self, results) -> pd.DataFrame:
        benchmark = pd.read_csv(results / "benchmark.csv")
        model = benchmark.query("split == 'val'").sort_values("r2")["model"].iloc[-1]
        return benchmark[benchmark["model"] == model].set_index("split")

    def test_the_predictions_are_those_of_the_model_best_on_validation(self, results, handed_in):
        predictions = np.loadtxt(handed_in / "predictions.csv", ndmin=2)
        assert predictions.shape == (50, 1)
        with np.load(results / "test.npz") as file:
            mse = np.mean((predictions[:, 0] - file["y_test"]) ** 2)
        assert mse == pytest.approx(self.best(results).loc["test", "mse"], rel=1e-12)

    def test_the_page_has_what_the_rules_require(self, results, handed_in):
        page = (handed_in / "README.md").read_text()
        best = self.best(results)
        for split, words in (("train", "training"), ("val", "validation"), ("test", "test")):
            assert f"| {words} | {best.loc[split, 'mse']:.6g} | {best.loc[split, 'r2']:.4f} |" in page
        for name, value in json.loads(best["hyperparameters"].iloc[0]).items():
            assert f"- {name}: {value}" in page
        assert "**small data**: there were no files of the course" in page
        assert [words for words in ("| 1 | ", " cores), ", "| selection | ", "| test | ") if words not in page] == []

    def test_the_cost_adds_up(self, results, handed_in):
        cost = pd.read_csv(results / "cost.csv").set_index(["model", "step"])
        fits = {
            ("network", "selection"): 2,
            ("nngp", "selection"): 3,
            ("rfm", "selection"): 4,
            ("rfm", "test"): 2,
        }
        assert {key: cost.loc[key, "fits"] for key in fits} == fits
        assert (cost[["seconds", "cpu_seconds", "peak_memory_mib"]] > 0).all(axis=None)


class TestFigures:
    def draw(self, results: Path, folder: Path) -> dict[str, str]:
        folder.mkdir()
        options = ["--benchmark", results / "benchmark.csv", "--validation", results / "validation.csv"]
        options += ["--scores", results / "scores.csv"]
        options += ["--records", results / "course.json", "--benchmark-figure", folder / "benchmark.svg"]
        assert run_script("challenge_figures", *options, "--ridges", folder / "ridges.svg") == ""
        options = ["--directions", results / "directions.csv", "--outputs", results / "course/rfm.npz"]
        options += ["--record", results / "course.json", "--output", folder / "direction.svg"]
        assert run_script("challenge_direction", *options) == ""
        return {path.name: path.read_text() for path in folder.iterdir()}

    def test_every_model_is_drawn_and_the_stand_in_is_marked(self, results, tmp_path):
        drawn = self.draw(results, tmp_path / "a")
        # Words are drawn as shapes, each after a comment that has them.
        for words in ("network", "ReLU NNGP", "feature machine", "its direction alone", "course challenge: small data"):
            assert f"<!-- {words} -->" in drawn["benchmark.svg"], words
        for words in ("ReLU NNGP", "selected network", "0.01", "validation R²"):
            assert f"<!-- {words} -->" in drawn["ridges.svg"], words
        for words in ("truth", "feature machine", "network", "small data"):
            assert f"<!-- {words} -->" in drawn["direction.svg"], words

    def test_the_same_bytes_again(self, results, tmp_path):
        assert self.draw(results, tmp_path / "a") == self.draw(results, tmp_path / "b")
