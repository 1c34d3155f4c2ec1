"""Problem 4: what homogeneity predicts at training images, against automatic differentiation and exact fits."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.problems.attractors_homogeneity import describe_homogeneity, nearest_eigenvalue

pytestmark = pytest.mark.usefixtures("one_thread")


def made(activation: str, d: int, k: int, seed: int) -> tuple[OneHiddenLayer, torch.Tensor]:
    """A network and an input."""
    network = OneHiddenLayer(d, k, d, activation, seed=seed, dtype=torch.float64)
    return network, torch.from_numpy(np.random.default_rng(seed).standard_normal(d))


def fit(network: OneHiddenLayer, z: torch.Tensor, error: torch.Tensor) -> None:
    """Change the last layer so that f(z) = z + error."""
    with torch.no_grad():
        hidden = network.hidden(z[None])[0]
        network.A.add_(torch.outer(z + error - network(z), hidden) / (hidden @ hidden))


@given(st.sampled_from(["relu", "tanh", "sine"]), st.sampled_from([3, 12, 60]), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_the_eigenvalue_is_the_nearest_one_of_the_jacobian(activation, k, seed):
    network, x = made(activation, 10, k, seed)
    jacobian = torch.autograd.functional.jacobian(network, x).numpy()
    found = nearest_eigenvalue(network, x)
    values = np.linalg.eigvals(jacobian)
    assume(found.value != 0)
    # A Jacobian without full rank has the eigenvalue 0 too.
    assert abs(found.value - 1) <= np.abs(values[np.abs(values) > 1e-7] - 1).min() + 1e-7
    np.testing.assert_allclose(jacobian @ found.right, found.value * found.right, atol=1e-7)
    np.testing.assert_allclose(found.left @ jacobian, found.value * found.left, atol=1e-7)


@pytest.mark.parametrize("k", [12, 60])
def test_an_exact_fit_of_a_homogeneous_network_has_the_eigenvalue_1(k):
    network, z = made("relu", 10, k, 0)
    fit(network, z, torch.zeros(10, dtype=torch.float64))
    (row,) = describe_homogeneity(network, z[None]).itertuples()
    assert max(row.relative_error, row.euler, row.scaled, row.distance, row.predicted_distance) < 1e-12
    assert row.degrees < 1e-5


@given(st.sampled_from([12, 60]), st.integers(0, 100), st.floats(-8, -1))
@settings(max_examples=25, deadline=None)
def test_the_error_predicts_the_eigenvalue(k, seed, power):
    network, z = made("relu", 10, k, seed)
    assume(network.hidden(z[None]).any())
    fit(network, z, 10**power * torch.ones(10, dtype=torch.float64))
    (row,) = describe_homogeneity(network, z[None]).itertuples()
    assert row.euler < 1e-12
    assert row.distance == pytest.approx(row.predicted_distance, rel=1e-6, abs=1e-9)


def test_without_homogeneity_nothing_is_predicted():
    network, z = made("tanh", 10, 60, 0)
    fit(network, z, torch.zeros(10, dtype=torch.float64))
    (row,) = describe_homogeneity(network, z[None]).itertuples()
    assert row.relative_error < 1e-12
    assert min(row.euler, row.scaled, row.distance) > 1e-3


def test_a_dead_network_and_weights_that_overflowed():
    network, z = made("relu", 10, 20, 0)
    with torch.no_grad():
        network.B.copy_(-torch.outer(torch.ones(20).double(), z))
    (dead,) = describe_homogeneity(network, z[None]).itertuples()
    assert (dead.distance, dead.predicted_distance, dead.relative_error) == pytest.approx((1, 1, 1))
    with torch.no_grad():
        network.A.fill_(np.nan)
    (row,) = describe_homogeneity(network, z[None]).itertuples()
    assert np.isnan([row.distance, row.degrees, row.predicted_distance]).all()
