"""Problem 13: errors, kernels and networks on small data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from nngplab.kernels.objects import NNGP, NTK, Laplace
from nngplab.networks.training import TrainingOutcome
from nngplab.preprocessing import ZCA
from nngplab.problems import challenge_kernels
from nngplab.problems.challenge import Samples, evaluate
from nngplab.problems.challenge_images import fit_whitening, prepare
from nngplab.problems.challenge_kernels import fit_kernel, fit_ridges
from nngplab.problems.challenge_networks import best_epoch, network_predictor, train_network
from nngplab.regression import tiles
from nngplab.regression.estimator import KernelRegression
from nngplab.regression.linear_system import LinearSystem

NETWORK = {"k": 12, "depth": 2, "weight_decay": 0.0, "learning_rate": 0.01, "batch_size": 16, "epochs": 6}


def samples(n: int = 40, d: int = 5, outputs: int = 1, seed: int = 0) -> Samples:
    random = np.random.default_rng(seed)
    X = random.normal(1, 2, (n, d))
    return Samples(X, np.tanh(X @ random.normal(size=(d, outputs))) + 3, classes=False)


def relu_kernel(X, Z):
    """E[relu(w.x) relu(w.z)] for w ~ N(0, 2 I): the arc-cosine kernel (Cho and Saul 2009)."""
    norms = np.linalg.norm(X, axis=1)[:, np.newaxis] * np.linalg.norm(Z, axis=1)
    angle = np.arccos(np.clip(X @ Z.T / norms, -1, 1))
    return norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi


class TestErrors:
    @given(st.integers(0, 2**32 - 1), st.integers(1, 4))
    def test_r2_is_scikit_learns(self, seed, outputs):
        random = np.random.default_rng(seed)
        y, predicted = random.normal(size=(2, 20, outputs))
        measured = evaluate(predicted, Samples(np.zeros((20, 1)), y, classes=False))
        assert measured["r2"] == pytest.approx(r2_score(y, predicted, multioutput="variance_weighted"))
        assert measured["mse"] == pytest.approx(np.mean((y - predicted) ** 2))
        assert np.isnan(measured["accuracy"])

    def test_accuracy_counts_the_largest_outputs(self):
        outputs = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.2]])
        assert evaluate(outputs, Samples(np.zeros((3, 1)), np.eye(2)[[0, 1, 1]], classes=True))["accuracy"] == 2 / 3


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
        storage = tmp_path / "checkpoints/laplace"
        calls = iter(range(100))

        def tile(system, *place, real=LinearSystem.tile):
            if next(calls) == 17:
                raise KeyboardInterrupt
            return real(system, *place)

        with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
            context.setattr(LinearSystem, "tile", tile)
            fit_ridges("laplace", {"L": 0.3}, [0.0, 0.1], train, storage=storage)
        with caplog.at_level("INFO"):
            found = fit_ridges("laplace", {"L": 0.3}, [0.0, 0.1], train, storage=storage)(other)
        assert f"from {storage}_0.1" in caplog.text
        for ridge, outputs in expected.items():
            np.testing.assert_array_equal(found[ridge], outputs)
        assert not list(storage.parent.iterdir())

    def test_without_room_on_the_disk_there_is_no_file_for_the_factor(self, tmp_path, monkeypatch, caplog):
        train = samples()
        monkeypatch.setattr(challenge_kernels.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
        fit_kernel("laplace", {"L": 0.3, "ridge": 0.1}, train, storage=tmp_path / "checkpoints/laplace")
        assert "no file for the factor: " in caplog.text
        assert "if this job is interrupted, it starts again" in caplog.text

    @pytest.mark.parametrize("accurate", [1e-8, 0.0])
    def test_the_outputs_for_the_training_samples(self, accurate, monkeypatch):
        train = samples(outputs=2)
        monkeypatch.setattr(challenge_kernels, "ACCURATE", accurate)
        predict = fit_ridges("laplace", {"L": 0.3}, [0.0, 0.1, 1.0], train)
        expected = predict(train.X.copy())
        for ridge, outputs in predict(train.X).items():
            np.testing.assert_allclose(outputs, expected[ridge], rtol=1e-9)

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


def images(n: int, seed: int = 0) -> Samples:
    random = np.random.default_rng(seed)
    return Samples(random.normal(size=(n, 3072)), np.eye(2)[random.integers(2, size=n)], classes=True)


class TestImages:
    @pytest.mark.parametrize("model", ["nngp", "deep_nngp", "ntk"])
    @pytest.mark.parametrize("bias", [False, True])
    def test_flips_are_training_on_all_images_and_their_flips(self, model, bias):
        train, other = images(20), images(5, seed=1).X
        flipped = train.X.reshape(-1, 3, 32, 32)[..., ::-1].reshape(-1, 3072)
        both = Samples(np.vstack([train.X, flipped]), np.tile(train.y, (2, 1)), classes=True)
        choice = {"bias": bias, "depth": 3}
        found = fit_kernel(model, choice | {"ridge": 0.1, "flips": True}, train)(other)
        np.testing.assert_allclose(found, fit_kernel(model, choice | {"ridge": 0.2}, both)(other), rtol=1e-8)
        assert not np.allclose(found, fit_kernel(model, choice | {"ridge": 0.1, "flips": False}, train)(other))

    def test_deep_kernels_by_hand(self):
        train, other = images(20), images(5, seed=1).X
        mean = train.y.mean(axis=0)
        for model, kernel in (("deep_nngp", NNGP("relu", 3)), ("ntk", NTK("relu", 3))):
            K = kernel(train.X) + 0.1 * np.eye(20)
            expected = kernel(other, train.X) @ np.linalg.solve(K, train.y - mean) + mean
            found = fit_kernel(model, {"ridge": 0.1, "depth": 3}, train)(other)
            np.testing.assert_allclose(found, expected, rtol=1e-8)

    def test_whitening_is_that_of_the_training_images_and_their_flips(self, tmp_path):
        train, other = images(20), images(5, seed=1)
        paths = [tmp_path / "other.npz", tmp_path / "own.npz"]
        np.savez(paths[0], epsilon=0.1)
        np.savez(paths[1], **fit_whitening(train, 2.0))
        flipped = train.X.reshape(-1, 3, 32, 32)[..., ::-1].reshape(-1, 3072)
        expected = ZCA(2.0).fit(np.vstack([train.X, flipped])).transform(other.X)
        np.testing.assert_allclose(prepare(other, {"zca": 2.0}, paths).X, expected, rtol=1e-6, atol=1e-9)
        assert prepare(other, {"zca": None}, paths) is prepare(other, {}) is other
        with pytest.raises(ValueError, match="there is no file with the whitening of strength 3"):
            prepare(other, {"zca": 3.0}, paths)


class TestNetworks:
    def test_a_refit_to_an_epoch_is_the_network_as_it_was_then(self):
        """Bit for bit, whether validation samples are measured or not: what is tested is what was selected."""
        train, val = samples(), samples(seed=1)
        _, training = train_network(NETWORK, train, seed=3, val=val)
        network, again = train_network(NETWORK | {"epochs": 4}, train, seed=3)
        assert again.losses == training.losses[:5]
        predictor = network_predictor(network, train)
        assert evaluate(predictor(val.X), val)["mse"] == training.history[4]["val_mse"]

    @pytest.mark.parametrize("score", ["r2", "accuracy"])
    def test_the_best_epoch_has_the_best_score_on_the_validation_samples(self, score):
        train, val = (samples(), samples(seed=1)) if score == "r2" else (images(20), images(20))
        _, training = train_network(NETWORK, train, seed=3, val=val)
        scores = [epoch[f"val_{score}"] for epoch in training.history[1:]]
        assert scores[best_epoch(training, val) - 1] == max(scores)

    def test_a_training_that_diverged_has_no_best_epoch_but_a_last_one(self):
        train = samples()
        _, training = train_network(NETWORK | {"learning_rate": 1e30}, train, seed=3, val=train)
        assert training.outcome == TrainingOutcome.DIVERGED
        assert best_epoch(training, train) == training.epochs

    def test_flips_mirror_images_at_random_in_the_training_only(self):
        train = images(20)
        flipped = train.X.reshape(-1, 3, 32, 32)[..., ::-1].reshape(-1, 3072)
        symmetric = Samples((train.X + flipped) / 2, train.y, classes=True)
        settings = NETWORK | {"epochs": 1, "batch_size": 20}

        def losses(samples, **changes):
            return train_network(settings | changes, samples, seed=3)[1].losses

        assert losses(train) == losses(train, flips=False) != losses(train, flips=True)
        assert losses(train)[0] == losses(train, flips=True)[0], "what is measured is not mirrored"
        assert losses(symmetric) == losses(symmetric, flips=True)

    def test_it_learns_and_weight_decay_counts(self):
        train = samples()
        losses = {
            decay: train_network(NETWORK | {"epochs": 30, "weight_decay": decay}, train, seed=3)[1].losses
            for decay in (0.0, 10.0)
        }
        assert losses[0.0][-1] < 0.2 * losses[0.0][0]
        assert losses[0.0][-1] < losses[10.0][-1]
