"""Problem 4: the Jacobian of an autoencoder against automatic differentiation and matrices known by construction."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from nngplab.problems.attractors_jacobian import (
    SLOW,
    jacobian_eigenvalues,
    jacobian_vector_product,
    slopes,
    slow_part,
)
from tests.helpers.attractors_maps import D, network, orthonormal, vectors, winner_takes_all, with_weights

ACTIVATIONS = ["relu", "tanh", "sine"]
activations = st.sampled_from(ACTIVATIONS)
seeds = st.integers(0, 1000)


pytestmark = pytest.mark.usefixtures("one_thread")


def dense_jacobian(net, x) -> np.ndarray:
    return torch.autograd.functional.jacobian(net, x).numpy()


def linear(matrix, activation):
    """A network with x -> matrix x; with ReLU, half of the units are active at each input."""
    matrix, units = torch.as_tensor(matrix), torch.eye(len(matrix)).double()
    if activation == "identity":
        return with_weights(matrix, units, "identity")
    return with_weights(torch.hstack([matrix, -matrix]), torch.vstack([units, -units]), "relu")


def oblique_basis(seed: int) -> np.ndarray:
    """A basis of unit vectors that are not orthogonal, and not close to dependent."""
    Q, R = orthonormal(D, seed).numpy(), np.random.default_rng(seed).uniform(-0.3, 0.3, (D, D))
    basis = Q @ (np.eye(D) + np.triu(R, 1))
    return np.asarray(basis / np.linalg.norm(basis, axis=0))


class TestJacobian:
    @given(seed=seeds)
    def test_times_the_input_it_is_the_output_for_relu(self, seed):
        net, x = network(seed=seed), vectors(1, seed)[0]
        torch.testing.assert_close(jacobian_vector_product(net, x, x), net(x).detach(), rtol=1e-10, atol=1e-12)

    @given(activation=activations, seed=seeds)
    def test_against_automatic_differentiation(self, activation, seed):
        net, (x, direction) = network(seed=seed, activation=activation), vectors(2, seed)
        expected = torch.from_numpy(dense_jacobian(net, x)) @ direction
        torch.testing.assert_close(jacobian_vector_product(net, x, direction), expected)

    @pytest.mark.parametrize(
        ("activation", "derivative"),
        [("relu", lambda t: t > 0), ("tanh", lambda t: 1 - np.tanh(t) ** 2), ("sine", np.cos)],
    )
    def test_the_slopes_of_rows_and_of_one_input(self, activation, derivative):
        net, X = network(activation=activation), vectors(3)
        expected = derivative(X.numpy() @ net.B.detach().numpy().T)
        np.testing.assert_allclose(slopes(net, X), expected, rtol=1e-12)
        np.testing.assert_allclose(slopes(net, X[1]), expected[1], rtol=1e-12)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize("width", [5, 20, 60])
    def test_eigenvalues_and_eigenvectors_against_the_dense_jacobian(self, width, activation):
        net, x = network(width, activation=activation), vectors(1)[0]
        values, modes = np.linalg.eig(dense_jacobian(net, x))
        order = np.argsort(-np.abs(values), kind="stable")[:4]
        found = jacobian_eigenvalues(net, x, 4)
        assert found["rank"].tolist() == [1, 2, 3, 4]
        np.testing.assert_allclose(found["modulus"], np.abs(values[order]), atol=1e-9)
        np.testing.assert_allclose(np.hypot(found["real"], found["imaginary"]), found["modulus"], rtol=1e-12)
        alignment = np.abs(x.numpy() @ modes[:, order]) / np.linalg.norm(x)
        live = found["modulus"] > 1e-9
        np.testing.assert_allclose(found["alignment"][live], alignment[live], atol=1e-6)
        np.testing.assert_allclose(np.cos(np.radians(found["degrees"][live])), found["alignment"][live], atol=1e-9)

    def test_the_eigenvalue_along_a_fitted_image_is_one(self):
        Z = orthonormal(2)
        first, second = jacobian_eigenvalues(winner_takes_all(Z), Z[0], 2).itertuples()
        assert (first.real, first.imaginary, first.alignment) == pytest.approx((1, 0, 1))
        assert first.degrees == pytest.approx(0, abs=1e-5)
        assert second.modulus == pytest.approx(0, abs=1e-12)

    def test_a_mixture_that_repels(self):
        Z = orthonormal(2)
        values = jacobian_eigenvalues(winner_takes_all(Z), Z[0] + Z[1], 3)
        np.testing.assert_allclose(values["real"], [1.5, 0.5, 0], atol=1e-12)
        np.testing.assert_allclose(values["alignment"], [0, 1, 0], atol=1e-7)

    def test_a_dead_network_has_zeros(self):
        dead = with_weights(vectors(3).T, -torch.ones(3, D).double())
        found = jacobian_eigenvalues(dead, torch.ones(D).double(), 4)
        assert not found[["real", "imaginary", "modulus", "alignment"]].to_numpy().any()
        np.testing.assert_allclose(found["degrees"], 90)


class TestSlowPart:
    @given(activation=activations, seed=seeds, times=st.integers(1, 10))
    def test_the_projections_against_the_dense_eigenvectors(self, activation, seed, times):
        net, (x, vector) = network(seed=seed, activation=activation), vectors(2, seed)
        J = dense_jacobian(net, x)
        values, modes = np.linalg.eig(J)
        assume(np.abs(values).max() > 1e-3)
        # So that some directions are slow, and others are not.
        scale = 1.2 / np.abs(values).max()
        with torch.no_grad():
            net.A.mul_(scale)
        values = scale * values
        assume((np.abs(np.abs(values) - SLOW) > 1e-6).all())
        assume(np.linalg.cond(modes) < 1e4)
        slow = np.abs(values) >= SLOW
        left = np.linalg.inv(modes)
        expected = (modes[:, slow] @ np.diag(values[slow] ** times) @ left[slow] @ vector.numpy()).real
        count, oblique, orthogonal = slow_part(net, x, vector, times)
        assert count == slow.sum()
        np.testing.assert_allclose(oblique, expected, atol=1e-8 * max(1, np.abs(expected).max()))
        # The orthogonal projection is that to the closest point of the span.
        parts = np.hstack([modes[:, slow].real, modes[:, slow].imag])
        closest = parts @ np.linalg.lstsq(parts, vector.numpy(), rcond=1e-10)[0] if count else np.zeros(D)
        np.testing.assert_allclose(orthogonal, closest, atol=1e-7)

    @given(
        activation=st.sampled_from(["identity", "relu"]),
        seed=seeds,
        slow=st.lists(st.floats(0.8, 1.1).map(lambda modulus: round(modulus, 3)), min_size=1, max_size=4, unique=True),
        times=st.integers(3, 12),
    )
    def test_it_is_what_the_powers_leave_when_all_else_is_fast(self, activation, seed, slow, times):
        """The eigenvalues are known by construction: some near 1, and the others at most 1e-3 in modulus."""
        basis, (x, vector) = oblique_basis(seed), vectors(2, seed)
        values = np.array([*slow, *np.linspace(-1e-3, 1e-3, D - len(slow))])
        J = basis @ np.diag(values) @ np.linalg.inv(basis)
        count, oblique, orthogonal = slow_part(linear(J, activation), x, vector, times)
        assert count == len(slow)
        np.testing.assert_allclose(oblique, np.linalg.matrix_power(J, times) @ vector.numpy(), atol=1e-6)
        Q = np.linalg.qr(basis[:, : len(slow)])[0]
        np.testing.assert_allclose(orthogonal, Q @ Q.T @ vector.numpy(), atol=1e-8)

    def test_the_oblique_projection_is_not_the_orthogonal_one(self):
        """With eigenvectors (1, 0) and (1, 1), the vector (0, 1) is -(1, 0) + (1, 1): it has a part along (1, 0)."""
        basis = np.array([[1.0, 1], [0, 1]])
        J = basis @ np.diag([0.9, 0]) @ np.linalg.inv(basis)
        count, oblique, orthogonal = slow_part(
            linear(J, "identity"), torch.ones(2).double(), torch.tensor([0.0, 1]).double(), 2
        )
        assert count == 1
        np.testing.assert_allclose(oblique, [-0.81, 0], atol=1e-12)
        np.testing.assert_allclose(orthogonal, [0, 0], atol=1e-12)

    @given(angle=st.floats(0.1, 3), times=st.integers(1, 8))
    def test_a_pair_of_complex_eigenvalues_turns_a_plane(self, angle, times):
        turn = 0.9 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        J = np.block([[turn, np.zeros((2, 1))], [np.zeros((1, 2)), np.array([[0.01]])]])
        vector = torch.tensor([1.0, 2, 3]).double()
        count, oblique, orthogonal = slow_part(linear(J, "identity"), torch.ones(3).double(), vector, times)
        assert count == 2
        np.testing.assert_allclose(oblique[:2], np.linalg.matrix_power(turn, times) @ [1, 2], atol=1e-10)
        np.testing.assert_allclose([oblique[2], *orthogonal], [0, 1, 2, 0], atol=1e-10)

    def test_fast_directions_are_left_out(self):
        count, oblique, orthogonal = slow_part(linear(0.4 * np.eye(3), "relu"), *torch.eye(3).double()[:2], 1)
        assert count == 0
        assert not oblique.any()
        assert not orthogonal.any()

    def test_a_dead_network_keeps_nothing(self):
        dead = with_weights(vectors(3).T, -torch.ones(3, D).double())
        count, oblique, orthogonal = slow_part(dead, torch.ones(D).double(), vectors(1)[0], 10)
        assert (count, oblique.shape, orthogonal.shape) == (0, (D,), (D,))
        assert not oblique.any()
        assert not orthogonal.any()
