"""Problem 4: the training of autoencoders, their files and their inputs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nngplab.networks.training import TrainingOutcome, TrainingRun
from nngplab.problems import attractors
from nngplab.problems.attractors import (
    Attempt,
    curvature_bound,
    fit_autoencoder,
    gaussian_noise,
    half_squared_error,
    initial_network,
    load_network,
    save_network,
    shuffled_indices,
    train_autoencoder,
)
from tests.helpers.attractors_maps import D, images, network, vectors, with_weights

activations = st.sampled_from(["relu", "tanh", "sine"])


pytestmark = pytest.mark.usefixtures("one_thread")


class TestTraining:
    def test_the_loss_is_half_the_square_summed_over_the_images(self):
        assert half_squared_error(torch.tensor([[1.0, 2], [3, 4]]), torch.zeros(2, 2)) == 15

    @given(activation=activations, seed=st.integers(0, 200), n=st.integers(1, 4), width=st.integers(1, 15))
    def test_the_bound_is_one_on_the_curvature_of_gauss_and_newton(self, activation, seed, n, width):
        net, Z = network(width, seed, 5, activation), vectors(n, seed, d=5)
        phi = {"relu": torch.relu, "tanh": torch.tanh, "sine": torch.sin}[activation]

        def outputs(A, B):
            return (A @ phi(B @ Z.T)).flatten()

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

    @pytest.mark.parametrize("activation", ["tanh", "sine"])
    def test_other_activations_start_from_the_same_weights(self, activation):
        start, relu = initial_network(D, 40, 3, activation), initial_network(D, 40, 3)
        assert torch.equal(start.A, relu.A)
        assert torch.equal(start.B, relu.B)
        Z = images(2)
        net, (attempt,) = fit_autoencoder(Z, 40, 3, 1e-4, 5000, None, activation)
        assert net.activation == activation
        assert attempt.run.losses[0] == pytest.approx((start(Z) - Z).square().mean().item())
        assert (net(Z) - Z).square().mean().item() == attempt.final_mse <= 1e-4

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

    def test_after_running_out_of_steps_no_smaller_step_size_is_tried(self):
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

    @pytest.mark.parametrize("activation", ["relu", "tanh", "sine"])
    def test_a_network_in_a_file(self, tmp_path, activation):
        net = initial_network(D, 9, 3, activation)
        save_network(net, np.array([7, 4]), tmp_path / "a.pt")
        save_network(net, [7, 4], tmp_path / "b.pt")
        again, numbers = load_network(tmp_path / "a.pt")
        assert (numbers, again.activation) == ([7, 4], activation)
        assert torch.equal(again(images(3)), net(images(3)))
        assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


class TestInputs:
    def test_all_images_in_an_order_of_its_own(self):
        assert sorted(shuffled_indices(88, "training", 50)) == list(range(50))
        assert list(shuffled_indices(88, "training", 50)) != list(shuffled_indices(88, "test", 50))

    def test_the_first_rows_of_noise_do_not_depend_on_how_many_there_are(self):
        np.testing.assert_array_equal(gaussian_noise(88, "epsilon", 2, 5), gaussian_noise(88, "epsilon", 9, 5)[:2])
