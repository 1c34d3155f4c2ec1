"""Problem 4: autoencoders against automatic differentiation and maps known by construction, and the report's words."""

import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nngplab.datasets.cifar10 import FILES, FOLDER, verify_files
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingOutcome, TrainingRun
from nngplab.pipeline.files import write_csv
from nngplab.problems import attractors
from nngplab.problems.attractors import (
    Attempt,
    classify_outputs,
    curvature_bound,
    fit_autoencoder,
    gaussian_noise,
    half_squared_error,
    initial_network,
    iterate,
    iterate_directions,
    jacobian_eigenvalues,
    jacobian_vector_product,
    load_network,
    save_network,
    shuffled_indices,
    train_autoencoder,
)
from nngplab.report.figures.attractors import plot_basins
from nngplab.report.figures.images import plot_image_rows, to_images
from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.checkout import ROOT
from tests.helpers.report_page import Reader, sentences

TEMPLATES = ROOT / "workflow/report"
D = 12


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(width=20, seed=0, d=D) -> OneHiddenLayer:
    return initial_network(d, width, seed).double()


def vectors(n, seed=0, d=D) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, d)))


def images(n, seed=0, d=D) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((n, d))).float()


def with_weights(A, B) -> OneHiddenLayer:
    """The network A relu(B x) with given weights."""
    made = network(width=len(B), d=len(A))
    with torch.no_grad():
        made.A.copy_(torch.as_tensor(A))
        made.B.copy_(torch.as_tensor(B))
    return made


def winner_takes_all(Z: torch.Tensor) -> OneHiddenLayer:
    """A network whose attractors are known: two orthonormal images, and the larger coordinate grows.

    In the coordinates p, q along the images it maps to relu(p - q / 2), relu(q - p / 2), and all else to zero.
    """
    return with_weights(Z.T, torch.stack([Z[0] - Z[1] / 2, Z[1] - Z[0] / 2]))


def orthonormal(n, seed=0) -> torch.Tensor:
    return torch.linalg.qr(vectors(n, seed).T)[0].T


class TestHomogeneity:
    @given(scale=st.floats(0, 1e6), seed=st.integers(0, 1000))
    def test_scaling_the_input_scales_the_output(self, scale, seed):
        net, x = network(seed=seed), vectors(3, seed)
        with torch.no_grad():
            torch.testing.assert_close(net(scale * x), scale * net(x), rtol=1e-9, atol=1e-9)

    def test_zeros_stay_zeros(self):
        assert not iterate(network(), torch.zeros(1, D).double(), 3).any()

    @given(seed=st.integers(0, 1000))
    def test_the_jacobian_times_the_input_is_the_output(self, seed):
        net, x = network(seed=seed), vectors(1, seed)[0]
        torch.testing.assert_close(jacobian_vector_product(net, x, x), net(x).detach(), rtol=1e-10, atol=1e-12)


class TestJacobian:
    @pytest.mark.parametrize("seed", range(3))
    def test_against_automatic_differentiation(self, seed):
        net, (x, direction) = network(seed=seed), vectors(2, seed)
        J = torch.autograd.functional.jacobian(net, x)
        torch.testing.assert_close(jacobian_vector_product(net, x, direction), J @ direction)

    @pytest.mark.parametrize("width", [5, 20, 60])
    def test_eigenvalues_and_eigenvectors_against_the_dense_jacobian(self, width):
        net, x = network(width), vectors(1)[0]
        J = torch.autograd.functional.jacobian(net, x).numpy()
        values, modes = np.linalg.eig(J)
        order = np.argsort(-np.abs(values), kind="stable")[:4]
        found = jacobian_eigenvalues(net, x, 4)
        assert found["rank"].tolist() == [1, 2, 3, 4]
        np.testing.assert_allclose(found["modulus"], np.abs(values[order]), atol=1e-9)
        np.testing.assert_allclose(np.hypot(found["real"], found["imaginary"]), found["modulus"], rtol=1e-12)
        alignment = np.abs(x.numpy() @ modes[:, order]) / np.linalg.norm(x)
        live = found["modulus"] > 1e-9
        np.testing.assert_allclose(found["alignment"][live], alignment[live], atol=1e-6)

    def test_the_eigenvalue_along_a_fitted_image_is_one(self):
        Z = orthonormal(2)
        first, second = jacobian_eigenvalues(winner_takes_all(Z), Z[0], 2).itertuples()
        assert (first.real, first.imaginary, first.alignment) == pytest.approx((1, 0, 1))
        assert second.modulus == pytest.approx(0, abs=1e-12)

    def test_a_mixture_that_repels(self):
        Z = orthonormal(2)
        values = jacobian_eigenvalues(winner_takes_all(Z), Z[0] + Z[1], 3)
        np.testing.assert_allclose(values["real"], [1.5, 0.5, 0], atol=1e-12)
        np.testing.assert_allclose(values["alignment"], [0, 1, 0], atol=1e-7)

    def test_a_dead_network_has_zeros(self):
        dead = with_weights(vectors(3).T, -torch.ones(3, D).double())
        assert not jacobian_eigenvalues(dead, torch.ones(D).double(), 4).drop(columns="rank").to_numpy().any()


class TestDirections:
    def test_they_are_those_of_the_iterates(self):
        net, X = network(), vectors(5)
        for r, outputs in iterate_directions(net, X, [3, 0, 7, 1]):
            expected = iterate(net, X, r)
            cosine = torch.cosine_similarity(outputs, expected).detach()
            torch.testing.assert_close(cosine, torch.ones(5).double())

    def test_each_number_of_iterations_comes_once_and_upwards(self):
        assert [r for r, _ in iterate_directions(network(), vectors(2), [20, 0, 2, 1])] == [0, 1, 2, 20]

    def test_zeros_stay_zeros_and_nothing_overflows(self):
        net = with_weights(1e3 * torch.ones(D, 4).double(), torch.ones(4, D).double())
        (_, outputs), *_ = iterate_directions(net, torch.stack([torch.zeros(D), torch.ones(D)]).double(), [2000])
        assert not outputs[0].any()
        assert outputs[1].isfinite().all()
        assert outputs[1].any()


class TestDestinations:
    Z = np.eye(2, 4)

    @pytest.mark.parametrize(
        ("output", "nearest", "cosine", "span_cosine", "outcome"),
        [
            ([5, 0, 0, 0], 1, 1, 1, "image"),
            ([1, 9, 0, 0], 2, 9 / np.sqrt(82), 1, "image"),
            ([3, 4, 0, 0], 2, 0.8, 1, "mixture"),
            ([0, -1, 0, 0], 1, 0, 1, "mixture"),
            ([3, 0, 4, 0], 1, 0.6, 0.6, "elsewhere"),
            ([0, 0, 0, 0], 0, 0, 0, "zero"),
        ],
    )
    def test_known_places(self, output, nearest, cosine, span_cosine, outcome):
        (found,) = classify_outputs(np.array([output], dtype=float), self.Z).itertuples(index=False)
        assert (found.nearest, found.outcome) == (nearest, outcome)
        assert (found.cosine, found.span_cosine) == pytest.approx((cosine, span_cosine))

    @given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
    def test_a_factor_changes_nothing(self, scale, seed):
        Z, X = vectors(3, seed).numpy(), vectors(4, seed + 1).numpy()
        one, other = classify_outputs(X, Z), classify_outputs(scale * X, Z)
        pd.testing.assert_frame_equal(one, other)

    def test_basins_known_by_construction(self):
        """The larger coordinate wins: every input ends at that image."""
        Z, X = orthonormal(2), vectors(200)
        coordinates = X @ Z.T
        kept = (coordinates > 0).all(dim=1)
        ((_, outputs),) = iterate_directions(winner_takes_all(Z), X[kept], [100])
        found = classify_outputs(outputs.detach().numpy(), Z.numpy())
        assert kept.sum() > 20
        assert (found["outcome"] == "image").all()
        assert found["nearest"].tolist() == (coordinates[kept].argmax(dim=1) + 1).tolist()
        assert found["nearest"].nunique() == 2


class TestTraining:
    def test_the_loss_is_half_the_square_summed_over_the_images(self):
        assert half_squared_error(torch.tensor([[1.0, 2], [3, 4]]), torch.zeros(2, 2)) == 15

    @given(seed=st.integers(0, 200), n=st.integers(1, 4), width=st.integers(1, 15))
    def test_the_bound_is_one_on_the_curvature_of_gauss_and_newton(self, seed, n, width):
        net, Z = network(width, seed, d=5), vectors(n, seed, d=5)

        def outputs(A, B):
            return (A @ torch.relu(B @ Z.T)).flatten()

        parts = torch.autograd.functional.jacobian(outputs, (net.A.detach(), net.B.detach()))
        J = torch.cat([part.flatten(1) for part in parts], dim=1)
        assert float(torch.linalg.matrix_norm(J, 2)) ** 2 <= curvature_bound(net, Z) * (1 + 1e-12)

    def test_the_bound_is_sharp_for_one_unit_on_one_image(self):
        z = torch.ones(1, D).double()
        net = with_weights(2 * torch.ones(D, 1).double(), torch.ones(1, D).double())
        assert curvature_bound(net, z) == pytest.approx(D**2 + 4 * D * D)

    def test_the_rule_trains_and_the_last_attempt_is_the_network(self):
        Z = images(2)
        net, attempts = fit_autoencoder(Z, 40, seed=3, target=1e-4, max_steps=5000, step_size=None)
        assert [attempt.run.outcome for attempt in attempts] == [TrainingOutcome.CONVERGED]
        assert attempts[0].step_size == pytest.approx(1.5 / curvature_bound(initial_network(D, 40, 3), Z))
        assert (net(Z) - Z).square().mean().item() == attempts[0].final_mse <= 1e-4

    def test_the_rule_halves_steps_that_fail(self, monkeypatch):
        monkeypatch.setattr(attractors, "INITIAL_STEP_SHARE", 30.0)
        Z = images(1)
        net, attempts = fit_autoencoder(Z, 40, seed=3, target=1e-4, max_steps=5000, step_size=None)
        *failed, last = attempts
        assert failed
        assert {attempt.run.outcome for attempt in failed} <= {
            TrainingOutcome.DEAD,
            TrainingOutcome.DIVERGED,
            TrainingOutcome.STALLED,
        }
        assert last.run.outcome == TrainingOutcome.CONVERGED
        sizes = [attempt.step_size for attempt in attempts]
        np.testing.assert_allclose(np.divide(sizes[1:], sizes[:-1]), 0.5)
        assert (net(Z) - Z).square().mean().item() == last.final_mse
        assert len({attempt.run.losses[0] for attempt in attempts}) == 1, "each starts anew"

    def test_the_rule_gives_up_at_last(self, monkeypatch):
        monkeypatch.setattr(attractors, "INITIAL_STEP_SHARE", 1e9)
        _, attempts = fit_autoencoder(images(1), 40, seed=3, target=1e-4, max_steps=50, step_size=None)
        assert len(attempts) == attractors.MAX_ATTEMPTS

    def test_running_out_of_steps_is_not_mended_by_smaller_ones(self):
        _, attempts = fit_autoencoder(images(2), 40, seed=3, target=1e-12, max_steps=30, step_size=None)
        assert [attempt.run.outcome for attempt in attempts] == [TrainingOutcome.OUT_OF_STEPS]

    def test_a_given_step_size_is_taken_as_it_is(self):
        Z = images(1)
        net, attempts = fit_autoencoder(Z, 40, seed=3, target=1e-4, max_steps=1000, step_size=1.0)
        (attempt,) = attempts
        assert (attempt.step_size, attempt.run.outcome) == (1.0, TrainingOutcome.DEAD)
        assert net.is_dead(Z)
        assert attempt.run.epochs < 100
        assert attempt.final_mse == pytest.approx(Z.square().mean().item())

    def test_a_training_that_overflows_has_a_finite_error(self):
        attempt = train_autoencoder(initial_network(D, 40, 3), images(3), 1e12, 1e-4, 100)
        assert attempt.run.outcome == TrainingOutcome.DIVERGED
        assert np.isfinite(attempt.final_mse)
        overflown = TrainingRun([{"loss": 1.0}, {"loss": 5.0}, {"loss": float("nan")}], TrainingOutcome.DIVERGED)
        assert Attempt(1.0, overflown).final_mse == 5

    def test_networks_on_more_images_start_from_the_same_weights(self):
        assert torch.equal(initial_network(D, 9, 3).A, initial_network(D, 9, 3).A)
        assert not torch.equal(initial_network(D, 9, 3).A, initial_network(D, 9, 4).A)

    def test_a_network_in_a_file(self, tmp_path):
        net = initial_network(D, 9, 3)
        save_network(net, np.array([7, 4]), tmp_path / "a.pt")
        save_network(net, [7, 4], tmp_path / "b.pt")
        again, numbers = load_network(tmp_path / "a.pt")
        assert numbers == [7, 4]
        assert torch.equal(again(images(3)), net(images(3)))
        assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


class TestInputs:
    def test_all_images_in_an_order_of_its_own(self):
        assert sorted(shuffled_indices(88, "training", 50)) == list(range(50))
        assert list(shuffled_indices(88, "training", 50)) != list(shuffled_indices(88, "test", 50))

    def test_the_first_rows_of_noise_do_not_depend_on_how_many_there_are(self):
        np.testing.assert_array_equal(gaussian_noise(88, "epsilon", 2, 5), gaussian_noise(88, "epsilon", 9, 5)[:2])


def script(name: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / f"workflow/scripts/attractors_{name}.py", *options]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=os.environ)


def done(ended: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert ended.returncode == 0, ended.stderr
    return ended


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> list[object]:
    """The options that name small images: 12 in each batch, in smooth colours."""
    home = tmp_path_factory.mktemp("data")
    folder = home / FOLDER
    folder.mkdir()
    for seed, name in enumerate(FILES[:6]):
        coarse = np.random.default_rng(seed).integers(0, 256, (12, 3, 4, 4), np.uint8)
        pixels = coarse.repeat(8, axis=2).repeat(8, axis=3).reshape(12, 3072)
        batch = {"labels": [i % 10 for i in range(12)], "data": pixels}
        (folder / name).write_bytes(pickle.dumps(batch, 3))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"kind {i}" for i in range(10)]}, 3))
    (folder / "readme.html").write_bytes(b"small")
    write_csv(verify_files(folder), home / "files.csv")
    return ["--folder", folder, "--files", home / "files.csv"]


def train(data, folder: Path, n: int, *more: object, seed=88, step_size="auto") -> subprocess.CompletedProcess[str]:
    return script(
        "train",
        *[*data, "--n-images", n, "--width", 128, "--target", 0.01, "--max-steps", 2000, "--step-size", step_size],
        *["--device", "cpu", "--seed", seed, "--network", folder / f"network_{n}.pt"],
        *["--attempts", folder / f"attempts_{n}.csv", *more],
    )


ITERATED = ["--iterations", 1, 2, 20, "--noise", 1e-3, "--noise-iterations", 1, 10, "--seed", 88]


def follow(data, results: Path, folder: Path) -> None:
    """Run the scripts of Problem 4 after the training, but for the pictures."""
    networks = [folder / f"network_{n}.pt" for n in (1, 2)]
    done(
        script(
            "outcomes",
            *[*data, "--networks", *networks, *ITERATED, "--extra-iterations", 100, "--test-images", 10],
            *["--eigenvalues", 3, "--outcomes", results / "outcomes.csv", "--images", results / "images.csv"],
            *["--jacobian", results / "jacobian.csv", "--noisy", results / "noisy.csv"],
        )
    )
    provenance = ["--provenance", results.parent / "cifar10/provenance.json"]
    done(
        script(
            "summary",
            *["--attempts", *(folder / f"attempts_{n}.csv" for n in (1, 2)), "--n-images", 1, 2],
            *["--outcomes", results / "outcomes.csv", *provenance, "--all-attempts", results / "attempts.csv"],
            *["--summary", results / "summary.csv", "--basins", results / "basins.csv"],
            *["--metrics", results / "metrics.json", "--figure", results / "basins.svg"],
        )
    )


def draw(data, results: Path, folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return script(
        "pictures",
        *[*data, "--provenance", results.parent / "cifar10/provenance.json", "--iterated", 2, *ITERATED],
        *["--networks", *(folder / f"network_{n}.pt" for n in (1, 2))],
        *[
            "--outputs",
            *(results / f"by_n_images/outputs_{n}.png" for n in (1, 2)),
            "--iterates",
            results / "iterates.png",
        ],
        *["--noisy", results / "noisy.png", *more],
    )


def write_provenance(results: Path) -> None:
    record = {"label": "STAND-IN IMAGES, NOT CIFAR-10", "stand_in": True, "official": False, "reason": "of the test"}
    record |= {"source": "stand-in", "requested": "stand-in", "sha256": "0", "bytes": 1, "attempts": []}
    (results / "cifar10").mkdir(parents=True)
    (results / "cifar10/provenance.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def home(data, tmp_path_factory) -> Path:
    """A folder with the networks and the results of all its scripts."""
    made = tmp_path_factory.mktemp("home")
    write_provenance(made / "results")
    done(train(data, made, 1, "--trial-step-sizes", 1e-3, 1.0, "--trial-steps", 20))
    done(train(data, made, 2))
    follow(data, made / "results/attractors", made)
    done(draw(data, made / "results/attractors", made))
    return made


@pytest.fixture
def results(home, tmp_path) -> Path:
    """A copy of the results, to change."""
    return shutil.copytree(home / "results", tmp_path / "results")


class TestScripts:
    def test_the_attempts(self, home):
        table = pd.read_csv(home / "results/attractors/attempts.csv")
        assert list(table.columns[:7]) == [
            *["n_images", "on_sheet", "purpose", "step_size", "outcome", "steps", "final_mse"]
        ]
        fits = table[table["purpose"] == "fit"]
        assert fits["n_images"].tolist() == [1, 2]
        assert fits["outcome"].tolist() == ["converged", "converged"]
        assert (fits["final_mse"] <= 0.01).all()
        np.testing.assert_allclose(fits["step_size"], 0.75 * fits["step_size_limit"])
        trials = table[table["purpose"] == "trial"]
        assert trials[["n_images", "step_size", "outcome"]].to_numpy().tolist() == [
            [1, 1e-3, "dead"],
            [1, 1.0, "diverged"],
        ]
        assert np.isfinite(table["final_mse"]).all()
        assert trials["final_mse"].iloc[0] == pytest.approx(trials["zero_mse"].iloc[0])

    def test_the_outcomes_follow_from_the_networks(self, home, data):
        table = pd.read_csv(home / "results/attractors/outcomes.csv")
        assert {"n_images", "input", "iterations", "nearest", "cosine"} <= set(table.columns)
        counts = table.groupby(["n_images", "input", "iterations"]).size()
        assert counts.loc[1, "test"].to_dict() == dict.fromkeys([0, 1, 2, 20, 100], 10)
        assert counts.loc[2, "training"].to_dict() == dict.fromkeys([0, 1, 2, 20, 100], 2)
        assert counts.loc[2, "noise"].sum() == 50
        assert counts.loc[2, "zeros"].sum() == 5
        net, numbers = load_network(home / "network_2.pt")
        batches = [pickle.loads((Path(str(data[1])) / name).read_bytes())["data"] for name in FILES[:6]]
        train_images, test_images = np.concatenate(batches[:5]) / 255, batches[5] / 255
        assert numbers == shuffled_indices(88, "training", 60)[:2].tolist()
        row = table.query("n_images == 2 and input == 'test' and iterations == 20").iloc[3]
        x = torch.from_numpy(test_images[row["index"]])[None]
        y = iterate(net.double(), x, 20).detach().numpy()[0]
        cosines = [y @ z / np.linalg.norm(y) / np.linalg.norm(z) for z in train_images[numbers]]
        assert row["nearest"] == np.argmax(cosines) + 1
        assert row["cosine"] == pytest.approx(max(cosines), abs=1e-5)
        assert row["index"] == shuffled_indices(88, "test", 12)[3]

    def test_the_shares_are_those_of_the_outcomes(self, home):
        folder = home / "results/attractors"
        outcomes, summary, basins = (pd.read_csv(folder / f"{name}.csv") for name in ("outcomes", "summary", "basins"))
        for row in summary.itertuples():
            mine = outcomes.query(f"n_images == {row.n_images} and input == '{row.input}'")
            start = mine[mine["iterations"] == 0]["nearest"].to_numpy()
            mine = mine[mine["iterations"] == row.iterations]
            assert row.inputs == len(mine)
            for outcome in ("image", "mixture", "elsewhere", "zero"):
                assert getattr(row, f"{outcome}_share") == (mine["outcome"] == outcome).mean()
            assert row.nearest_as_at_start == (mine["nearest"].to_numpy() == start).mean()
            assert row.median_cosine == pytest.approx(mine["cosine"].median())
            assert row.smallest_cosine == mine["cosine"].min()
            for image in range(1, row.n_images + 1):
                keys = f"n_images == {row.n_images} and input == '{row.input}' and iterations == {row.iterations}"
                (basin,) = basins.query(f"{keys} and image == {image}").itertuples()
                assert basin.share == (mine["nearest"] == image).mean()
                assert basin.image_share == ((mine["nearest"] == image) & (mine["outcome"] == "image")).mean()
                parts = basin.image_share + basin.mixture_share + basin.elsewhere_share
                assert parts == pytest.approx(basin.share)

    def test_the_metrics_tell_where_test_images_end(self, home):
        folder = home / "results/attractors"
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["images"] == "STAND-IN IMAGES, NOT CIFAR-10"
        outcomes, attempts = pd.read_csv(folder / "outcomes.csv"), pd.read_csv(folder / "attempts.csv")
        assert list(metrics["n_images"]) == ["1", "2"]
        for n, found in metrics["n_images"].items():
            network = attempts.query(f"n_images == {n} and purpose == 'fit'").iloc[-1]
            assert (found["steps"], found["step_size"]) == (network["steps"], network["step_size"])
            ends = outcomes.query(f"n_images == {n} and input == 'test' and iterations == 100")
            assert found["iterations"] == 100
            assert found["median_cosine"] == pytest.approx(ends["cosine"].median())
            for outcome in ("image", "mixture", "elsewhere", "zero"):
                assert found[f"{outcome}_share"] == (ends["outcome"] == outcome).mean()

    def test_the_images_the_jacobians_and_the_noise(self, home):
        folder = home / "results/attractors"
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

    def test_networks_that_died_or_diverged_are_followed_and_named(self, home, data, tmp_path):
        write_provenance(tmp_path / "results")
        done(train(data, tmp_path, 1, step_size=1e-3))
        done(train(data, tmp_path, 2, step_size=1.0))
        folder = tmp_path / "results/attractors"
        follow(data, folder, tmp_path)
        tables = [pd.read_csv(path) for path in folder.glob("*.csv")]
        assert len(tables) == 7
        assert all(
            np.isfinite(table.select_dtypes("number").drop(columns="closest_cosine", errors="ignore")).all(axis=None)
            for table in tables
        )
        outcomes = pd.read_csv(folder / "outcomes.csv").query("n_images == 1 and input == 'training'")
        assert outcomes["outcome"].tolist() == ["image", *["zero"] * 4]
        for name in ("by_n_images/outputs_1.png", "by_n_images/outputs_2.png", "iterates.png", "noisy.png"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(home / "results/attractors" / name, folder / name)
        words = sentences(TestReport.page(tmp_path / "results"), "attractors")
        assert "On 1 image: dead after" in words
        assert "On 2 images: diverged after" in words
        assert "The results below are those of networks that did not fit their images." in words
        assert "are not attractors" in words

    def test_stand_in_figures_carry_the_mark(self, home):
        assert "STAND-IN IMAGES, NOT CIFAR-10" in (home / "results/attractors/basins.svg").read_text()

    def test_a_visdom_server_that_is_not_there_costs_a_warning_and_no_picture(self, home, data, tmp_path):
        write_provenance(tmp_path / "results")
        folder = tmp_path / "results/attractors"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        ended = done(draw(data, folder, home, "--visdom", "http://127.0.0.1", port))
        (line,) = ended.stderr.splitlines()
        assert line.startswith("no images are shown in visdom")
        for name in ("by_n_images/outputs_1.png", "by_n_images/outputs_2.png", "iterates.png", "noisy.png"):
            assert (folder / name).read_bytes() == (home / "results/attractors" / name).read_bytes()

    def test_more_images_than_there_are(self, data, tmp_path):
        ended = train(data, tmp_path, 60)
        assert ended.returncode == 1
        assert ended.stderr.splitlines() == [
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

    def test_bars_are_the_shares_in_the_colour_of_their_image(self, home):
        basins = pd.read_csv(home / "results/attractors/basins.csv")
        figure = plot_basins(basins)
        on_two = figure.axes[1]
        assert [axes.get_title() for axes in figure.axes[:2]] == ["trained on 1 image", "trained on 2 images"]
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["0", "1", "2", "20", "100"]
        bars = [bar for bar in on_two.patches if round(bar.get_y() + bar.get_height() / 2) == 3]
        rows = basins.query("n_images == 2 and input == 'test' and iterations == 20").sort_values("image")
        shares = rows[["image_share", "mixture_share", "elsewhere_share"]].to_numpy().ravel()
        np.testing.assert_allclose([bar.get_width() for bar in bars], shares)
        assert len({bar.get_facecolor()[:3] for bar in bars}) == 2
        assert len({bar.get_facecolor() for bar in bars}) == 6


class TestReport:
    @staticmethod
    def page(results: Path) -> str:
        provenance = {"code": {}, "versions": {}, "machine": {}}
        page = HTMLReport(TEMPLATES, Results(results), student=None, config="", provenance=provenance)
        return page.render(["attractors"])

    def words(self, results: Path) -> str:
        return sentences(self.page(results), "attractors")

    @staticmethod
    def change(results: Path, name: str, condition: str, **values: object) -> None:
        path = results / f"attractors/{name}.csv"
        table = pd.read_csv(path)
        rows = table.eval(condition)
        assert rows.any(), condition
        for column, value in values.items():
            table.loc[rows, column] = value
        table.to_csv(path, index=False)

    def test_every_question_is_answered(self, results):
        words = self.words(results)
        assert "On 1 image: trained, to a mean squared error of" in words
        assert "On 2 images: trained, to a mean squared error of" in words
        assert "No first attempt failed." in words
        assert "(0.001, tried on 1 image) makes the network dead" in words
        assert "Zeros come out as zeros" in words
        assert "What does the output look like when the input is a test image? The test image comes out as" in words
        assert "Of 10 test images, after 1 iteration:" in words

    def test_no_number_is_typed_in(self, results):
        typed = "".join(text for section, text in Reader(self.page(results)).untraced if section == "attractors")
        assert re.findall(r"\d+", re.sub(r"× 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", "", typed)) == []

    def test_networks_beyond_the_problem_set_are_added(self, results):
        assert "Added: the outputs" not in self.words(results)
        self.change(results, "attempts", "n_images == 2", on_sheet=False)
        words = self.words(results)
        assert "Added: the outputs of the network trained on 2 images." in words
        assert "(c) Trained on 1 image: the outputs" in words

    @pytest.mark.parametrize(
        ("outcome", "words"),
        [
            ("dead", "On 2 images: dead after"),
            ("diverged", "On 2 images: diverged after"),
            ("stalled", "On 2 images: stalled at"),
            ("out of steps", "On 2 images: not trained: after all"),
        ],
    )
    def test_a_network_that_is_not_trained_is_named(self, results, outcome, words):
        assert "that did not fit" not in self.words(results)
        self.change(results, "attempts", "purpose == 'fit' and n_images == 2", outcome=outcome)
        assert words in self.words(results)
        assert "The results below are those of a network that did not fit its images." in self.words(results)

    def test_failed_attempts_are_told(self, results):
        path = results / "attractors/attempts.csv"
        table = pd.read_csv(path)
        pd.concat([table.head(1).assign(outcome="dead", step_size=1.0), table]).to_csv(path, index=False)
        assert "No first attempt failed." not in self.words(results)
        assert "The table shows which attempts failed." in self.words(results)
        assert "On 1 image: trained" in self.words(results)

    def test_a_step_size_of_ones_own(self, results):
        self.change(results, "attempts", "seed == 88", rule="given")
        words = self.words(results)
        assert "The step size. It is set in the configuration." in words
        assert "three quarters" not in words

    def test_what_a_test_image_looks_like(self, results):
        after_one = "n_images == 2 and input == 'test' and iterations == 1"
        for cosine, words in (
            (0.999, "The test image comes out as a training image or a mixture of them."),
            (0.95, "The test image comes out as a training image or a mixture of them with some noise."),
            (0.8, "The test image comes out closer to the training images than the input, but far from them."),
            (0.1, "The test image comes out no closer to the training images than the input."),
        ):
            self.change(results, "summary", after_one, median_span_cosine=cosine)
            self.change(
                results, "summary", "n_images == 2 and input == 'test' and iterations == 0", median_span_cosine=0.5
            )
            assert words in self.words(results)

    @pytest.mark.parametrize(
        ("share", "words"),
        [
            (1.0, "Iterating sends every test image to a training image."),
            (0.0, "Iterating sends no test image to a training image"),
            (0.3, "Iterating sends test images to a training image or to a mixture: after 100 iterations, 30% are at"),
        ],
    )
    def test_where_iterating_leads(self, results, share, words):
        last = "n_images == 2 and input == 'test' and iterations == 100"
        self.change(results, "summary", last, image_share=share, mixture_share=1 - share)
        assert words in self.words(results)

    def test_noise_that_does_not_go_away(self, results):
        self.change(results, "noisy", "n_images == 2", cosine=0.999)
        assert "Every noisy image stays at its training image" in self.words(results)
        self.change(results, "noisy", "n_images == 2 and image == 2", cosine=0.5)
        assert "Not every noisy image stays at its training image" in self.words(results)
        self.change(results, "noisy", "n_images == 2 and iterations == 10", noise_left=3.0)
        assert "300% and 300% after 10 iterations" in self.words(results)
        assert "The part of the noise along the training images" not in self.words(results)

    def test_images_that_do_not_attract(self, results):
        self.change(results, "jacobian", "rank == 1", alignment=0.999)
        assert "All training images are attractors" in self.words(results)
        self.change(results, "jacobian", "rank == 2 and n_images == 2 and image == 1", modulus=1.5)
        assert "1 of 3 training images are not attractors" in self.words(results)
        self.change(results, "jacobian", "rank == 1 and n_images == 1", alignment=0.5)
        assert "2 of 3 training images are not attractors" in self.words(results)
