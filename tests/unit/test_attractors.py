"""Problem 4: autoencoders against automatic differentiation and maps known by construction, and the report's words."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingOutcome, TrainingRun
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
