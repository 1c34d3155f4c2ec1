"""Problem 3: two numbers against the update rules, and the curvature against the whole Hessian."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import full_batch, train
from nngplab.problems.linear_autoencoder import (
    CONVENTIONS,
    ReducedDynamics,
    hessian_eigenvalue,
    loss_factor,
    network_with_zero_A,
    squared_error,
)
from tests.helpers.linear_autoencoder import by_update_rules, network_at, whole_hessian


def problem(d: int = 7, k: int = 3, seed: int = 0, c: float = 0.5) -> ReducedDynamics:
    generator = np.random.default_rng(seed)
    return ReducedDynamics(generator.standard_normal(d), generator.standard_normal((k, d)) / np.sqrt(k), c)


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

    def test_small_steps_end_in_the_predicted_minimum(self):
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
