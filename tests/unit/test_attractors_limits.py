"""Problem 4: the limits of inputs under maps known by construction, and against plain iteration and dense Jacobians."""

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from nngplab.problems import attractors_limits
from nngplab.problems.attractors_limits import (
    ARRIVAL_SHARE,
    MERGED_SHARE,
    Limits,
    classify_outputs,
    describe_limits,
    find_limits,
    is_homogeneous,
    iterate_directions,
)
from tests.helpers.attractors_maps import (
    D,
    in_coordinates,
    network,
    orthonormal,
    slow_passage,
    vectors,
    winner_takes_all,
    with_weights,
)

RIGHT_ANGLE = np.pi / 2
# The arrival angle for two orthonormal images.
ANGLE = ARRIVAL_SHARE * RIGHT_ANGLE
seeds = st.integers(0, 1000)
coordinate = st.integers(-300, 300).map(lambda cents: cents / 100)


pytestmark = pytest.mark.usefixtures("one_thread")


def inputs_at(Z: torch.Tensor, coordinates) -> torch.Tensor:
    """Inputs with these coordinates along the images, and something across them."""
    across = vectors(len(coordinates), 7)
    across -= across @ Z.T @ Z
    return torch.as_tensor(coordinates).double() @ Z + across


def limit_of_each(limits: Limits) -> torch.Tensor:
    """The limit of each input, which is zero for the group 0; all must have arrived."""
    assert (limits.group >= 0).all()
    points = torch.vstack([torch.zeros(1, limits.points.shape[1]), limits.points])
    return points[torch.from_numpy(limits.group)]


class TestLimits:
    @given(
        places=st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=30),
        share=st.floats(0.005, 0.5),
        seed=seeds,
    )
    @example([(1, 0.97), (0.97, 1), (2, 1.95), (1.95, 2)], 0.005, 0)
    def test_the_larger_coordinate_wins(self, places, share, seed):
        """Every input ends at that image, or at zero if no unit is active; merging does not change it."""
        p, q = np.array(places).T
        first, second = p - share * q, q - share * p
        # Inputs closer to each other than the arrival angle times MERGED_SHARE can be merged across the boundary.
        apart = (np.abs(p - q) > 0.1 * ANGLE * np.hypot(p, q)) & (np.minimum(*np.abs([first, second])) > 1e-3)
        assume(apart.any())
        p, q, zero = p[apart], q[apart], np.maximum(first, second)[apart] < 0
        Z = orthonormal(2, seed)
        limits = find_limits(winner_takes_all(Z, share), inputs_at(Z, np.stack([p, q], axis=1)), ANGLE)
        expected = np.where((p > q)[:, None], *Z.numpy()[:, None]) * ~zero[:, None]
        np.testing.assert_allclose(limit_of_each(limits), expected, atol=1e-9)
        np.testing.assert_array_equal(limits.group == 0, zero)
        counts = np.bincount(limits.group)[1:]
        assert (counts[:-1] >= counts[1:]).all(), "sorted by falling number of inputs"
        assert len(limits.points) == len(counts) == len(set(p[~zero] > q[~zero]))

    @given(
        activation=st.sampled_from(["identity", "relu"]),
        rest=st.lists(st.floats(-0.95, 0.95), min_size=3, max_size=3),
        seed=seeds,
    )
    @settings(max_examples=50)
    def test_a_linear_map_leads_to_its_leading_eigenvector(self, activation, rest, seed):
        basis = np.linalg.qr(vectors(4, seed, 4).numpy())[0] @ np.array(
            [[1, 0.5, 0, 0.3], [0, 1, -0.4, 0], [0, 0, 1, 0.2], [0, 0, 0, 1]]
        )
        matrix = basis @ np.diag([1, *rest]) @ np.linalg.inv(basis)
        units = np.eye(4)
        net = with_weights(matrix, units, "identity")
        if activation == "relu":
            net = with_weights(np.hstack([matrix, -matrix]), np.vstack([units, -units]))
        X = vectors(6, seed + 1, 4)
        along = np.linalg.inv(basis)[0] @ X.numpy().T
        assume((np.abs(along) > 0.01).all())
        limits = find_limits(net, X, ANGLE)
        leading = basis[:, 0] / np.linalg.norm(basis[:, 0])
        np.testing.assert_allclose(limit_of_each(limits), np.sign(along)[:, None] * leading, atol=1e-7)
        found = describe_limits(net, limits, torch.eye(4).double(), ANGLE)
        np.testing.assert_allclose(found["rate"], np.abs(rest).max(), atol=1e-6)

    @given(
        gain=st.floats(1.2, 2.2),
        activation=st.sampled_from(["tanh", "sine"]),
        places=st.lists(st.tuples(*[st.floats(0.1, 3), st.sampled_from([-1, 1])] * 2), min_size=1, max_size=10),
        seed=seeds,
    )
    @settings(max_examples=50)
    def test_odd_activations_have_limits_of_both_signs(self, gain, activation, places, seed):
        """Each coordinate p becomes gain phi(p), whose limit is the fixed point m > 0 or its negative."""
        phi, slope = {"tanh": (np.tanh, lambda t: 1 - np.tanh(t) ** 2), "sine": (np.sin, np.cos)}[activation]
        Z = orthonormal(2, seed)
        net = with_weights(gain * Z.T, Z, activation)
        signed = np.array([[p * s, q * t] for p, s, q, t in places])
        m = brentq(lambda t: gain * phi(t) - t, 1e-3, 3, xtol=1e-15)
        limits = find_limits(net, inputs_at(Z, signed), ANGLE)
        np.testing.assert_allclose(limit_of_each(limits), m * np.sign(signed) @ Z.numpy(), atol=1e-7)
        found = describe_limits(net, limits, Z, ANGLE)
        np.testing.assert_allclose(found["rate"], abs(gain * slope(m)), rtol=1e-5, atol=1e-9)
        assert found["attracting"].all()
        assert (found["outcome"] == "mixture").all()

    def test_an_image_and_its_negative(self):
        Z = orthonormal(1)
        net = with_weights(2 * Z.T, Z, "tanh")
        limits = find_limits(net, inputs_at(Z, [[-2], [1], [2], [-0.1], [3]]), ANGLE)
        assert limits.group.tolist() == [2, 1, 1, 2, 1]
        found = describe_limits(net, limits, Z, ANGLE)
        assert found["outcome"].tolist() == ["image", "negative"]
        np.testing.assert_allclose(found["cosine"], [1, -1])
        np.testing.assert_allclose(found["degrees"], 0, atol=1e-5)

    @given(gain=st.floats(0, 0.99), seed=seeds)
    @settings(max_examples=30)
    def test_a_contraction_leads_to_zero(self, gain, seed):
        net = with_weights(gain * orthonormal(4, seed).T, orthonormal(4, seed + 1), "tanh")
        limits = find_limits(net, vectors(5, seed), ANGLE)
        assert limits.group.tolist() == [0] * 5
        assert limits.points.shape == (0, D)
        assert describe_limits(net, limits, orthonormal(2), ANGLE).empty

    @pytest.mark.parametrize(("activation", "sign"), [("relu", 1), ("tanh", -2)])
    def test_a_cycle_never_settles(self, monkeypatch, activation, sign):
        """Two coordinates are exchanged; with tanh, each also changes its sign."""
        monkeypatch.setattr(attractors_limits, "MAX_ITERATIONS", 100)
        Z = orthonormal(2)
        net = with_weights(sign * Z.T, Z[[1, 0]], activation)
        limits = find_limits(net, inputs_at(Z, [[1, 2], [3, 1], [2, 2]]), ANGLE)
        # The mixture stays where it is if nothing changes its sign.
        assert limits.group.tolist() == [-1, -1, 1 if activation == "relu" else -1]
        assert limits.iterations.max() == 100

    @pytest.mark.parametrize("count", [1, 20, 200])
    def test_many_inputs_that_never_settle_take_bounded_work(self, monkeypatch, count):
        """All pairs of coordinates are exchanged at each iteration, and no two inputs come close to each other."""
        monkeypatch.setattr(attractors_limits, "MAX_WORK", 2000)
        Z = orthonormal(2)
        coordinates = [[np.cos(t), np.sin(t)] for t in np.linspace(0.1, 0.7, count)]
        limits = find_limits(with_weights(Z.T, Z[[1, 0]]), inputs_at(Z, coordinates), 1e-4)
        assert (limits.group == -1).all()
        # The last block of iterations has at most twice as many as all before it, and three.
        assert 2000 < limits.iterations.sum() < 3 * 2000 + 4 * count

    def test_zeros_are_at_zero(self):
        limits = find_limits(winner_takes_all(orthonormal(2)), torch.zeros(2, D).double(), ANGLE)
        assert limits.group.tolist() == [0, 0]

    @given(activation=st.sampled_from(["relu", "tanh", "sine"]), seed=seeds, size=st.floats(2, 4))
    @settings(max_examples=20)
    def test_against_each_input_alone_and_plain_iteration(self, activation, seed, size):
        net, X = network(seed=seed, activation=activation), vectors(4, seed)
        with torch.no_grad():
            net.A.mul_(size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(attractors_limits, "MAX_ITERATIONS", 2000)
            together = find_limits(net, X, ANGLE)
            alone = [find_limits(net, x[None], ANGLE) for x in X]
        for i, mine in enumerate(alone):
            # An input that another one led can have arrived a little earlier or later.
            if together.group[i] < 1 or mine.group[0] < 1:
                continue
            point = together.points[together.group[i] - 1]
            assert (point - mine.points[0]).norm() <= MERGED_SHARE * ANGLE * point.norm()
            ((_, end),) = iterate_directions(net, X[i : i + 1], [3000])
            assert torch.cosine_similarity(point, end[0].detach(), dim=0) > np.cos(MERGED_SHARE * ANGLE)


class TestSlowInputs:
    """Limits that few iterations suggest, and that are none."""

    @given(growth=st.floats(3e-3, 0.1), offset=st.floats(1e-6, 0.05), seed=seeds)
    @settings(max_examples=15)
    def test_a_direction_that_repels_slowly(self, growth, offset, seed):
        """The first image is a fixed direction, and the part along the second grows by a small share each time."""
        Z = orthonormal(2, seed)
        net, x = in_coordinates(Z, [[1, 0], [0, 1 + growth]]), inputs_at(Z, [[1, offset]])
        ((_, after),) = iterate_directions(net, x, [20])
        early = classify_outputs(after.detach().numpy(), Z.numpy(), RIGHT_ANGLE / 2)
        assert early["nearest"].tolist() == [1]
        limits = find_limits(net, x, ANGLE)
        assert limits.group.tolist() == [1]
        np.testing.assert_allclose(limits.points, Z[1:], atol=1e-6)

    @given(gap=st.floats(1e-5, 1e-3), seed=seeds)
    @settings(max_examples=30)
    def test_the_ghost_of_a_mixture(self, gap, seed):
        """All inputs pass slowly by the mixture, which is no fixed direction any more, and end at the second image."""
        Z = orthonormal(2, seed)
        net, x = slow_passage(Z, gap), inputs_at(Z, [[1, 0.2]])
        halfway = int(np.pi / np.sqrt(gap) / 2)
        (_, before), (_, after) = iterate_directions(net, x, [halfway, halfway + 1])
        assert torch.cosine_similarity(before, after).item() > 1 - 1e-5
        assert classify_outputs(after.detach().numpy(), Z.numpy(), ANGLE)["outcome"].tolist() == ["mixture"]
        limits = find_limits(net, x, ANGLE)
        np.testing.assert_allclose(limit_of_each(limits), Z[1:], atol=1e-9)

    def test_an_input_that_creeps_is_not_at_zero(self, monkeypatch):
        """The coordinate p becomes tanh(p): it falls like 1 / sqrt(r), slower than any power of a rate below 1."""
        monkeypatch.setattr(attractors_limits, "MAX_ITERATIONS", 2000)
        Z = orthonormal(1)
        limits = find_limits(with_weights(Z.T, Z, "tanh"), Z, ANGLE)
        assert (limits.group.tolist(), limits.iterations.tolist()) == ([-1], [2000])

    def test_an_input_at_a_repelling_direction_stays_there(self):
        Z = torch.eye(2, 4).double()
        net = winner_takes_all(Z)
        (found,) = describe_limits(net, find_limits(net, Z.sum(dim=0)[None], ANGLE), Z, ANGLE).itertuples()
        assert (found.outcome, found.attracting, found.residual) == ("mixture", False, pytest.approx(0, abs=1e-12))
        assert found.rate == pytest.approx(3)
        assert np.isnan(found.tenfold)

    @pytest.mark.parametrize("seed", range(10))
    def test_directions_that_all_stay_attract_nothing(self, seed):
        Z = orthonormal(2, seed)
        X = inputs_at(Z, [[1, 3], [2, 1]])
        net = in_coordinates(Z, np.eye(2))
        limits = find_limits(net, X, ANGLE)
        np.testing.assert_allclose(limits.points, torch.nn.functional.normalize(X @ Z.T @ Z))
        found = describe_limits(net, limits, Z, ANGLE)
        np.testing.assert_allclose(found["rate"], 1)
        assert not found["attracting"].any()
        assert found["tenfold"].isna().all()

    def test_a_small_limit_is_not_zero(self):
        """The coordinate p becomes 1.001 tanh(p), with a fixed point close to sqrt(0.003)."""
        Z = orthonormal(1)
        limits = find_limits(with_weights(1.001 * Z.T, Z, "tanh"), 3 * Z, ANGLE)
        assert limits.group.tolist() == [1]
        assert limits.points.norm() == pytest.approx(np.sqrt(0.003), rel=1e-2)


class TestDescription:
    @given(activation=st.sampled_from(["relu", "tanh", "sine"]), seed=seeds, size=st.floats(2, 4))
    @settings(max_examples=40)
    def test_against_the_dense_jacobian(self, activation, seed, size):
        net, Z = network(seed=seed, activation=activation), vectors(3, seed + 1)
        with torch.no_grad():
            net.A.mul_(size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(attractors_limits, "MAX_ITERATIONS", 1000)
            limits = find_limits(net, vectors(5, seed), ANGLE)
        found = describe_limits(net, limits, Z, ANGLE)
        assert found["limit"].tolist() == list(range(1, len(limits.points) + 1))
        for row, point in zip(found.itertuples(), limits.points, strict=True):
            J = torch.autograd.functional.jacobian(net, point).numpy()
            moved = net(point).detach()
            if is_homogeneous(net):
                # The derivative of f / |f| at a fixed direction.
                u, c = point.numpy(), moved.norm().item()
                J, moved = (np.eye(D) - np.outer(u, u)) @ J / c, moved / c
                assert point.norm() == pytest.approx(1)
            rate = np.abs(np.linalg.eigvals(J)).max()
            assert row.rate == pytest.approx(rate, rel=1e-5, abs=1e-7)
            assert row.attracting == (rate < 1)
            assert row.residual == pytest.approx(((moved - point).norm() / point.norm()).item(), abs=1e-14)
            assert row.residual < 1e-8
            cosines = torch.cosine_similarity(point[None], Z).numpy()
            angles = np.degrees(np.arccos(cosines if is_homogeneous(net) else np.abs(cosines)))
            assert row.nearest == angles.argmin() + 1
            assert row.degrees == pytest.approx(min(angles.min(), 180 - angles.min()), abs=1e-5)
            if row.rate > 1e-12:
                assert row.rate**row.tenfold == pytest.approx(0.1)

    @given(first=st.floats(0.01, 0.99), second=st.floats(0.01, 0.99))
    def test_the_rate_of_images_known_by_construction(self, first, second):
        """At the first image, the parts along the others are multiplied by these shares; the limit itself by 2."""
        Z = torch.eye(3, 5).double()
        net = in_coordinates(Z, 2 * np.diag([1, first, second]))
        limits = Limits(np.array([1]), np.array([1]), Z[:1])
        # All units are active at an input next to the image.
        limits.points[0, 1:3] = 1e-12
        (found,) = describe_limits(net, limits, Z, ANGLE).itertuples()
        assert found.rate == pytest.approx(max(first, second))
        assert found.tenfold == pytest.approx(-1 / np.log10(max(first, second)))
        assert found.attracting

    def test_no_limits_have_the_same_columns(self):
        net, Z = winner_takes_all(orthonormal(2)), orthonormal(2)
        none, some = (
            describe_limits(net, find_limits(net, X, ANGLE), Z, ANGLE) for X in (torch.zeros(1, D).double(), Z)
        )
        assert none.empty
        assert none.columns.tolist() == some.columns.tolist()
