"""Problem 13: data, models, selection and test, on small data; and who may see the test samples."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from nngplab.datasets.challenge import COURSE_SHAPES, draw_stand_in
from nngplab.datasets.cifar10 import FOLDER
from nngplab.kernels.objects import Laplace
from nngplab.problems import challenge, challenge_kernels
from nngplab.problems.challenge import Samples, errors
from nngplab.problems.challenge_kernels import fit_kernel, fit_ridges
from nngplab.problems.challenge_networks import network_predictor, train_network
from nngplab.regression import memory, singular, tiles
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.linear_system import LinearSystem
from tests.helpers.checkout import ROOT
from tests.helpers.cifar10_images import write_images
from tests.helpers.scripts import run_script

NETWORK = {"k": 12, "depth": 2, "weight_decay": 0.0, "learning_rate": 0.01, "batch_size": 16, "epochs": 6}
SIZES = {"train": 80, "val": 40, "test": 50}
ALONG = {"direction_L": 1.0, "direction_ridge": 0.01}


def samples(n: int = 40, d: int = 5, outputs: int = 1, seed: int = 0) -> Samples:
    random = np.random.default_rng(seed)
    X = random.normal(1, 2, (n, d))
    return Samples(X, np.tanh(X @ random.normal(size=(d, outputs))) + 3, classes=False)


def relu_kernel(X, Z):
    """E[relu(w.x) relu(w.z)] for w ~ N(0, 2 I): the arc-cosine kernel (Cho and Saul 2009)."""
    norms = np.linalg.norm(X, axis=1)[:, np.newaxis] * np.linalg.norm(Z, axis=1)
    angle = np.arccos(np.clip(X @ Z.T / norms, -1, 1))
    return norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("data"))


class TestErrors:
    @given(st.integers(0, 2**32 - 1), st.integers(1, 4))
    def test_r2_is_scikit_learns(self, seed, outputs):
        random = np.random.default_rng(seed)
        y, predicted = random.normal(size=(2, 20, outputs))
        measured = errors(predicted, Samples(np.zeros((20, 1)), y, classes=False))
        assert measured["r2"] == pytest.approx(r2_score(y, predicted, multioutput="variance_weighted"))
        assert measured["mse"] == pytest.approx(np.mean((y - predicted) ** 2))
        assert np.isnan(measured["accuracy"])

    def test_accuracy_counts_the_largest_outputs(self):
        outputs = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.2]])
        assert errors(outputs, Samples(np.zeros((3, 1)), np.eye(2)[[0, 1, 1]], classes=True))["accuracy"] == 2 / 3


class TestKernels:
    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("normalize", [False, True])
    def test_the_relu_nngp_by_hand(self, bias, normalize):
        train, other = samples(), samples(seed=1).X
        scale = np.sqrt(np.mean(np.sum(train.X**2, axis=1)))
        X, Z = (np.column_stack([rows / scale, np.ones((len(rows), int(bias)))]) for rows in (train.X, other))
        if normalize:
            X, Z = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, Z))
        mean = train.y.mean()
        expected = relu_kernel(Z, X) @ np.linalg.solve(relu_kernel(X, X) + 0.1 * np.eye(40), train.y - mean) + mean
        predictor = fit_kernel("nngp", {"ridge": 0.1, "bias": bias, "normalize": normalize}, train)
        np.testing.assert_allclose(predictor(other), expected, rtol=1e-8)

    @pytest.mark.parametrize("kernel", ["laplace", "sine", "erf", "linear"])
    def test_the_others(self, kernel):
        train, other = samples(outputs=3), samples(seed=1).X
        scale = np.sqrt(np.mean(np.sum(train.X**2, axis=1)))
        same = Laplace(1 / 0.3) if kernel == "laplace" else kernel
        model = KernelRegression(same, ridge=0.5).fit(train.X / scale, train.y - train.y.mean(axis=0))
        predictor = fit_kernel(kernel, {"ridge": 0.5, "L": 0.3}, train)
        np.testing.assert_allclose(predictor(other), model.predict(other / scale) + train.y.mean(axis=0), rtol=1e-9)

    def test_an_interrupted_factorisation_resumes(self, tmp_path, monkeypatch, caplog):
        train, other = samples(), samples(seed=1).X
        monkeypatch.setattr(tiles, "tile_size", lambda _: 10)
        expected = fit_ridges("laplace", {"L": 0.3}, [0.0, 0.1], train)(other)
        checkpoint = tmp_path / "checkpoints/laplace"
        calls = iter(range(100))

        def tile(system, *place, real=LinearSystem.tile):
            if next(calls) == 17:
                raise KeyboardInterrupt
            return real(system, *place)

        with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
            context.setattr(LinearSystem, "tile", tile)
            fit_ridges("laplace", {"L": 0.3}, [0.0, 0.1], train, checkpoint=checkpoint)
        with caplog.at_level("INFO"):
            found = fit_ridges("laplace", {"L": 0.3}, [0.0, 0.1], train, checkpoint=checkpoint)(other)
        assert f"from {checkpoint}_0.1" in caplog.text
        for ridge, outputs in expected.items():
            np.testing.assert_array_equal(found[ridge], outputs)
        assert not list(checkpoint.parent.iterdir())

    def test_without_room_on_the_disk_there_is_no_checkpoint(self, tmp_path, monkeypatch, caplog):
        train = samples()
        monkeypatch.setattr(challenge_kernels.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
        fit_kernel("laplace", {"L": 0.3, "ridge": 0.1}, train, checkpoint=tmp_path / "checkpoints/laplace")
        assert "no checkpoint: " in caplog.text
        assert "if this job is interrupted, it starts again" in caplog.text

    def test_each_ridge_of_a_path_is_as_alone(self):
        train, other = samples(outputs=2), samples(seed=1).X
        together = fit_ridges("laplace", {"L": 0.3}, [0.0, 0.1, 1.0], train)(other)
        for ridge, outputs in together.items():
            alone = fit_kernel("laplace", {"L": 0.3, "ridge": ridge}, train)(other)
            np.testing.assert_allclose(outputs, alone, rtol=1e-12)
        assert list(together) == [0.0, 0.1, 1.0]

    @settings(max_examples=20)
    @given(st.floats(0.01, 100), st.floats(-100, 100), st.floats(0.01, 100))
    def test_units_do_not_matter(self, stretch, shift, scale):
        """Other units of the targets give the same predictions in these; those of the inputs change nothing."""
        train, other = samples(), samples(seed=1).X
        hyperparameters = {"ridge": 0.1, "bias": True, "normalize": False}
        changed = Samples(scale * train.X, stretch * train.y + shift, classes=False)
        expected = stretch * fit_kernel("nngp", hyperparameters, train)(other) + shift
        predicted = fit_kernel("nngp", hyperparameters, changed)(scale * other)
        np.testing.assert_allclose(predicted, expected, rtol=1e-6, atol=1e-6 * stretch)


class TestNetworks:
    def test_a_refit_to_an_epoch_is_the_network_as_it_was_then(self):
        """Bit for bit, whether validation samples are measured or not: what is tested is what was selected."""
        train, val = samples(), samples(seed=1)
        _, training = train_network(NETWORK, train, seed=3, val=val)
        network, again = train_network(NETWORK | {"epochs": 4}, train, seed=3)
        assert again.losses == training.losses[:5]
        predictor = network_predictor(network, train)
        assert errors(predictor(val.X), val)["mse"] == training.history[4]["val_mse"]

    def test_it_learns_and_weight_decay_counts(self):
        train = samples()
        losses = {
            decay: train_network(NETWORK | {"epochs": 30, "weight_decay": decay}, train, seed=3)[1].losses
            for decay in (0.0, 10.0)
        }
        assert losses[0.0][-1] < 0.2 * losses[0.0][0]
        assert losses[0.0][-1] < losses[10.0][-1]


def course(folder: Path, n_train: object = None, source: Path | None = None, status: int = 0) -> str:
    options = ["--folder", source or folder / "none", "--seed", 88, *(["--n-train", n_train] if n_train else [])]
    options += ["--selection", folder / "selection.npz", "--test", folder / "test.npz"]
    return run_script("challenge_course_data", *options, "--record", folder / "course.json", status=status)


class TestCourseData:
    def test_the_files_of_the_course(self, tmp_path):
        arrays = {}
        for split, n in SIZES.items():
            arrays[f"X_{split}"] = np.random.default_rng(n).normal(size=(n, 4))
            arrays[f"y_{split}"] = arrays[f"X_{split}"][:, 0]
        for name, array in arrays.items():
            np.savetxt(tmp_path / f"{name}.csv", array, delimiter=",", fmt="%.17g")
        assert course(tmp_path, 70, source=tmp_path) == ""
        selection = challenge.read_selection(tmp_path / "selection.npz")
        np.testing.assert_array_equal(selection.train.X, arrays["X_train"][:70])
        np.testing.assert_array_equal(selection.val.y, arrays["y_val"][:, np.newaxis])
        test = challenge.read_test(tmp_path / "test.npz", tmp_path / "selection.npz")
        np.testing.assert_array_equal(test.X, arrays["X_test"])
        record = json.loads((tmp_path / "course.json").read_text())
        assert (record["stand_in"], record["direction"], record["label"]) == (False, None, "the course's data")
        assert (record["n_train"], record["n_val"], record["n_test"], record["d"]) == (70, 40, 50, 4)
        assert len(record["files"]) == 6

    def test_without_files_the_stand_in_is_named(self, tmp_path):
        assert course(tmp_path) == ""
        record = json.loads((tmp_path / "course.json").read_text())
        assert record["stand_in"]
        assert record["label"] == "STAND-IN DATA, NOT THE COURSE'S"
        drawn, direction = draw_stand_in(88)
        assert record["direction"] == direction.tolist()
        selection = challenge.read_selection(tmp_path / "selection.npz")
        assert selection.train.X.shape == COURSE_SHAPES["train"]
        np.testing.assert_array_equal(selection.train.X, drawn.X_train)

    def test_the_file_for_selection_holds_no_test_samples(self, tmp_path):
        course(tmp_path, 100)
        with np.load(tmp_path / "selection.npz") as file:
            assert not [name for name in file.files if "test" in name]
            rows = {row.tobytes() for name in ("X_train", "X_val") for row in file[name]}
        with np.load(tmp_path / "test.npz") as file:
            assert set(file.files) == {"X_test", "y_test"}
            assert not rows & {row.tobytes() for row in file["X_test"]}

    def test_some_of_the_six_are_one_line(self, tmp_path):
        (tmp_path / "X_train.csv").write_text("1,2\n")
        output = course(tmp_path, source=tmp_path, status=1)
        assert output.startswith("error: ")
        assert "lacks y_train.csv" in output
        assert output.count("\n") == 1

    def test_too_many_rows_asked_for_are_one_line(self, tmp_path):
        line = "error: challenge.course_train is 6,000, but there are 5,000 training rows: lower it, or null\n"
        assert course(tmp_path, 6000, status=1) == line


def cifar10(data: Path, folder: Path, n_train: object, n_val: int, status: int = 0) -> str:
    options = ["--folder", data / FOLDER, "--files", data / "files.csv", "--provenance", data / "provenance.json"]
    options += [*(["--n-train", n_train] if n_train else []), "--n-val", n_val, "--seed", 88]
    options += ["--selection", folder / "selection.npz", "--test", folder / "test.npz"]
    return run_script("challenge_cifar10_data", *options, "--record", folder / "cifar10.json", status=status)


class TestCifar10Data:
    def test_a_split_of_the_training_images_alone(self, data, tmp_path):
        assert cifar10(data, tmp_path, 200, 50) == ""
        with np.load(tmp_path / "selection.npz") as file:
            train, val = ({image.tobytes() for image in file[name]} for name in ("X_train", "X_val"))
        with np.load(tmp_path / "test.npz") as file:
            test = {image.tobytes() for image in file["X_test"]}
        assert (len(train), len(val), len(test)) == (200, 50, 60)
        assert not train & val
        assert not (train | val) & test

    def test_null_takes_all_but_those_for_validation(self, data, tmp_path):
        cifar10(data, tmp_path, None, 50)
        assert len(challenge.read_selection(tmp_path / "selection.npz").train.X) == 250

    def test_each_channel_is_standardised_by_the_training_part(self, data, tmp_path):
        cifar10(data, tmp_path, 200, 50)
        train = challenge.read_selection(tmp_path / "selection.npz").train
        channels = train.X.reshape(200, 3, 1024)
        np.testing.assert_allclose(channels.mean(axis=(0, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(channels.std(axis=(0, 2)), 1, atol=1e-5)
        assert train.classes
        np.testing.assert_array_equal(train.y.sum(axis=1), 1)

    def test_too_many_images_asked_for_are_one_line(self, data, tmp_path):
        output = cifar10(data, tmp_path, 280, 50, status=1)
        assert "ask for 280 + 50 images, but there are 300 training images: lower one of them\n" in output


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """The results of all scripts on small data of one direction: the path of each result is its name."""
    folder = tmp_path_factory.mktemp("results")
    random = np.random.default_rng(0)
    arrays = {f"X_{split}": random.normal(size=(n, 4)) for split, n in SIZES.items()}
    arrays |= {f"y_{split}": np.sin(arrays[f"X_{split}"] @ [0.8, 0.6, 0, 0]) for split in SIZES}
    selection = {name: array for name, array in arrays.items() if "test" not in name}
    np.savez(folder / "selection.npz", **selection, shift=np.zeros(4), scale=np.ones(4), classes=0)
    np.savez(folder / "test.npz", X_test=arrays["X_test"], y_test=arrays["y_test"])
    record = {"label": "small data", "stand_in": True, "direction": [-0.8, -0.6, 0, 0], "score": "r2"}
    (folder / "course.json").write_text(json.dumps(record | {"n_train": 80, "n_val": 40, "n_test": 50, "d": 4}))
    networks = [
        {name: NETWORK[name] for name in ("k", "depth", "weight_decay")} | {"learning_rate": rate}
        for rate in (0.01, 1e9)
    ]
    common = ["--selection", folder / "selection.npz", "--dataset", "course"]
    fit(folder, "networks", "network", *common, "--networks", json.dumps(networks), *OF_NETWORKS)
    fit(folder, "kernels", "nngp", *common, "--kernel", "nngp", *NNGP)
    machines = [{"bandwidth": 5.0, "iterations": 3, "ridge": 0.001}]
    fit(folder, "rfm", "rfm", *common, "--candidates", json.dumps(machines), "--along", json.dumps([ALONG]))
    select(folder)
    for model in ("network", "nngp", "rfm"):
        final(folder, model, folder / "test.npz", folder / "course")
    summarise(folder)
    return folder


OF_NETWORKS = ["--epochs", NETWORK["epochs"], "--batch-size", NETWORK["batch_size"], "--seed", 88]
NNGP = ["--choices", json.dumps([{"bias": False, "normalize": False}]), "--ridges", 0.0, 0.01, 10.0, "--threads", 2]


def fit(folder: Path, name: str, model: str, *options: object) -> None:
    outputs = ["--output", folder / f"{model}.csv", "--cost", folder / f"cost_{model}.csv"]
    assert run_script(f"challenge_{name}", *options, *outputs) == ""


def select(folder: Path) -> None:
    tables = ["--tables", *(folder / f"{model}.csv" for model in ("network", "nngp", "rfm"))]
    options = ["--validation", folder / "validation.csv", "--outcomes", folder / "outcomes.csv"]
    options += ["--records", folder / "course.json", "--selected", folder / "selected.json"]
    assert run_script("challenge_selection", *tables, *options) == ""


def final(folder: Path, model: str, samples: Path, to: Path) -> None:
    options = ["--selection", folder / "selection.npz", "--test", samples, "--selected", folder / "selected.json"]
    options += ["--dataset", "course", "--model", model, "--seed", 88, "--threads", 1, "--table", to / f"{model}.csv"]
    options += ["--outputs", to / f"{model}.npz", "--cost", folder / f"cost_test_{model}.csv"]
    assert run_script("challenge_test", *options) == ""


def summarise(folder: Path) -> None:
    options = ["--validation", folder / "validation.csv", "--records", folder / "course.json"]
    for flag, suffix in (("--tests", "csv"), ("--outputs", "npz")):
        options += [flag, *(folder / f"course/{model}.{suffix}" for model in ("network", "nngp", "rfm"))]
    for name in ("benchmark", "comparison", "directions"):
        options += [f"--{name}", folder / f"{name}.csv"]
    assert run_script("challenge_summary", *options, "--metrics", folder / "metrics.json") == ""


class TestSelection:
    def test_every_candidate_is_in_the_table(self, results):
        validation = pd.read_csv(results / "validation.csv")
        assert list(validation.columns) == [
            *["dataset", "model", "hyperparameters", "split", "mse", "r2", "accuracy", "outcome"]
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

    def test_a_network_that_diverged_is_named_and_not_selected(self, results):
        outcomes = pd.read_csv(results / "outcomes.csv").set_index("model")
        assert outcomes.loc["network", ["candidates", "fitted", "diverged"]].tolist() == [2, 1, 1]
        assert outcomes.loc["nngp", ["candidates", "fitted", "diverged"]].tolist() == [3, 3, 0]
        assert json.loads((results / "selected.json").read_text())["course"]["network"]["learning_rate"] == 0.01

    def test_a_singular_kernel_is_named_and_no_reason_to_stop(self, results, tmp_path, monkeypatch):
        """More samples than features, and too many for the least-squares solution: ridge 0 cannot be had."""
        monkeypatch.setattr(singular, "EIGENVECTORS_UP_TO", 10)
        options = ["--selection", results / "selection.npz", "--dataset", "course", "--kernel", "linear"]
        options += ["--choices", "[{}]", "--ridges", 0.5, 0.0, 1.0, "--threads", 1, "--output", tmp_path / "a.csv"]
        assert "not positive definite" in run_script("challenge_kernels", *options, "--cost", tmp_path / "c.csv")
        table = pd.read_csv(tmp_path / "a.csv")
        assert table["outcome"].tolist() == ["fitted", "fitted", "singular", "singular", "fitted", "fitted"]
        assert table["r2"].notna().tolist() == [True, True, False, False, True, True]

    def test_a_lack_of_memory_is_a_reason_to_stop(self, results, tmp_path, monkeypatch):
        monkeypatch.setattr(memory, "available_memory", lambda: 1)
        options = ["--selection", results / "selection.npz", "--dataset", "course", "--kernel", "nngp", *NNGP]
        options += ["--output", tmp_path / "a.csv", "--cost", tmp_path / "c"]
        output = run_script("challenge_kernels", *options, status=1)
        assert output.startswith("error: ")
        assert "memory" in output

    def test_a_model_that_never_fitted_is_not_selected(self, results, tmp_path):
        for name in ("network", "nngp", "rfm"):
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


class TestTheTest:
    @pytest.mark.parametrize("model", ["network", "nngp", "rfm"])
    def test_what_is_tested_is_what_was_selected(self, results, tmp_path, model):
        """With the validation samples for the test samples, the errors are those by which it was selected."""
        with np.load(results / "selection.npz") as file:
            np.savez(tmp_path / "test.npz", X_test=file["X_val"], y_test=file["y_val"])
        final(results, model, tmp_path / "test.npz", tmp_path)
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
        metrics = json.loads((results / "metrics.json").read_text())["course"]
        assert metrics["nngp"]["test"] == benchmark.query("model == 'nngp' and split == 'test'")["r2"].item()

    def test_the_comparison_is_that_of_the_scores(self, results):
        comparison = pd.read_csv(results / "comparison.csv").set_index("other")
        r2 = pd.read_csv(results / "benchmark.csv").query("split == 'test'").set_index("model")["r2"]
        assert set(comparison.index) == {"nngp", "rfm", "rfm_direction"}
        for other, row in comparison.iterrows():
            assert row["difference"] == pytest.approx(r2["network"] - r2[other])
            assert row["low"] < row["difference"] < row["high"]

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
    costs = [results / f"cost_{name}.csv" for name in ("network", "nngp", "rfm", "test_network", "test_nngp")]
    costs.append(results / "cost_test_rfm.csv")
    assert run_script("challenge_cost", "--costs", *costs, "--output", results / "cost.csv") == ""
    options = ["--template", ROOT / "workflow/report/challenge_submission.md.jinja"]
    options += ["--record", results / "course.json", "--predictions", results / "submission/predictions.csv"]
    for name in ("benchmark", "directions", "cost"):
        options += [f"--{name}", results / f"{name}.csv"]
    outputs = [results / f"course/{model}.npz" for model in ("network", "nngp", "rfm")]
    options += ["--outputs", *outputs, "--readme", results / "submission/README.md"]
    assert run_script("challenge_submission", *options) == ""
    return results / "submission"


class TestSubmission:
    def best(self, results) -> pd.DataFrame:
        benchmark = pd.read_csv(results / "benchmark.csv")
        val = benchmark.query("split == 'val'").sort_values("r2")
        return benchmark[benchmark["model"] == val["model"].iloc[-1]].set_index("split")

    def test_the_predictions_are_those_of_the_model_best_on_validation(self, results, handed_in):
        predictions = np.loadtxt(handed_in / "predictions.csv", ndmin=2)
        assert predictions.shape == (50, 1)
        with np.load(results / "test.npz") as file:
            mse = np.mean((predictions[:, 0] - file["y_test"]) ** 2)
        assert mse == pytest.approx(self.best(results).loc["test", "mse"], rel=1e-12)

    def test_the_page_says_what_the_rules_ask(self, results, handed_in):
        page = (handed_in / "README.md").read_text()
        best = self.best(results)
        for split, words in (("train", "training"), ("val", "validation"), ("test", "test")):
            assert f"| {words} | {best.loc[split, 'mse']:.6g} | {best.loc[split, 'r2']:.4f} |" in page
        for name, value in json.loads(best["hyperparameters"].iloc[0]).items():
            assert f"- {name}: {value}" in page
        assert "**small data**: there were no files of the course" in page
        assert "| 1 | " in page
        assert " cores), " in page
        assert "| selection | " in page
        assert "| test | " in page

    def test_the_cost_adds_up(self, results, handed_in):
        cost = pd.read_csv(results / "cost.csv").set_index(["model", "step"])
        fits = {("network", "selection"): 2, ("nngp", "selection"): 3, ("rfm", "selection"): 4, ("rfm", "test"): 2}
        assert {key: cost.loc[key, "fits"] for key in fits} == fits
        assert (cost[["seconds", "cpu_seconds", "peak_memory_mib"]] > 0).all(axis=None)


class TestFigures:
    def draw(self, results: Path, folder: Path) -> dict[str, str]:
        folder.mkdir()
        options = ["--benchmark", results / "benchmark.csv", "--validation", results / "validation.csv"]
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
        for words in ("ReLU NNGP", "best network", "0.01", "validation R²"):
            assert f"<!-- {words} -->" in drawn["ridges.svg"], words
        for words in ("truth", "feature machine", "network", "small data"):
            assert f"<!-- {words} -->" in drawn["direction.svg"], words

    def test_the_same_bytes_again(self, results, tmp_path):
        assert self.draw(results, tmp_path / "a") == self.draw(results, tmp_path / "b")


JOBS = (
    "import json\n"
    "from snakemake_dvc._snakemake import dag_of_all\n"
    "jobs = [(job.rule.name, [str(path) for path in job.input], [str(path) for path in job.output],"
    " job.params.get('networks')) for job in dag_of_all().jobs]\n"
    "print(json.dumps(jobs))"
)


def jobs(folder: Path, **changes: object) -> list[tuple[str, list[str], list[str], str]]:
    path = folder / "config/config.yaml"
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config["challenge"] |= changes
    path.write_text(yaml.safe_dump(config))
    ended = subprocess.run([sys.executable, "-c", JOBS], cwd=folder, capture_output=True, text=True, check=True)
    found: list[tuple[str, list[str], list[str], str]] = json.loads(ended.stdout.splitlines()[-1])
    return found


class TestTheGraph:
    def test_only_the_test_reads_test_samples(self, checkout):
        """And nothing that is selected by comes from it."""
        graph = jobs(checkout)
        held = {path for _, _, outputs, _ in graph for path in outputs if path.endswith("_test.npz")}
        assert len(held) == 2
        readers = {rule for rule, inputs, _, _ in graph if held & set(inputs)}
        assert readers - {"all"} == {"challenge_test"}
        after = {path for rule, _, outputs, _ in graph if rule == "challenge_test" for path in outputs}
        while True:
            further = {path for _, inputs, outputs, _ in graph if after & set(inputs) for path in outputs} - after
            if not further:
                break
            after |= further
        assert "results/challenge/selected.json" not in after
        assert not [path for path in after if "candidates" in path]

    def test_a_further_value_adds_jobs_and_leaves_the_others(self, checkout):
        def networks(**changes):
            found = [job for job in jobs(checkout, **changes) if job[0] == "challenge_networks"]
            return {(tuple(outputs), params) for _, _, outputs, params in found}

        before = networks(learning_rates=[0.1, 0.2, 0.3], shard_size=3, weight_decays=[0.0])
        assert {len(json.loads(params)) for _, params in before} == {3}
        for changes in (
            {"widths": [7, 64, 256]},
            {"depths": [1, 2, 3]},
            {"weight_decays": [0.5, 0.0]},
            {"learning_rates": [0.1, 0.2, 0.3, 0.4]},
        ):
            after = networks(**{"learning_rates": [0.1, 0.2, 0.3], "shard_size": 3, "weight_decays": [0.0]} | changes)
            assert before < after, changes

    def test_files_that_come_change_and_go_are_seen(self, run, checkout):
        """By Snakemake whatever their time; DVC has the folder as a dependency."""
        target = ("snakemake", "--cores", "1", "--configfile", "config/tiny.yaml", "--")
        ended = run(checkout, *target, "data/challenge_course_test.npz")
        assert ended.returncode == 0, ended.stdout

        def stale() -> bool:
            said = run(checkout, *target[:-1], "--dry-run", "--", "data/challenge_course_test.npz").stdout
            return "challenge_course_data" in said

        assert not stale()
        without_files = (checkout / "data/challenge_course_test.npz").read_bytes()
        folder = checkout / "data/challenge"
        for split in SIZES:
            np.savetxt(folder / f"X_{split}.csv", np.ones((400, 2)), delimiter=",")
            np.savetxt(folder / f"y_{split}.csv", np.arange(400.0))
        assert stale()
        ended = run(checkout, *target, "data/challenge_course_test.npz")
        assert ended.returncode == 0, ended.stdout
        assert not stale()
        content = (folder / "y_val.csv").read_text()
        (folder / "y_val.csv").write_text(content.replace("0", "1", 1))
        assert stale()
        (folder / "y_val.csv").write_text(content)
        assert not stale()
        for path in folder.glob("*.csv"):
            path.unlink()
        # What was made without them is in DVC's cache: it comes back, and no job runs.
        assert not stale()
        assert run(checkout, *target, "data/challenge_course_test.npz").returncode == 0
        assert (checkout / "data/challenge_course_test.npz").read_bytes() == without_files
        stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
        assert "data/challenge" in stages["challenge"]["deps"]
