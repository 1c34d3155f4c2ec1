"""Problem 4: where outputs are relative to the training images, and the directions of iterates."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nngplab.problems.attractors_limits import (
    arrival_angle,
    classify_outputs,
    is_homogeneous,
    iterate,
    iterate_directions,
)
from tests.helpers.attractors_maps import D, network, vectors, with_weights

seeds = st.integers(0, 1000)


pytestmark = pytest.mark.usefixtures("one_thread")


class TestHomogeneity:
    @pytest.mark.parametrize("activation", ["relu", "identity"])
    @given(scale=st.floats(0, 1e6), seed=seeds)
    def test_scaling_the_input_scales_the_output(self, activation, scale, seed):
        net, x = network(seed=seed, activation=activation), vectors(3, seed)
        assert is_homogeneous(net)
        torch.testing.assert_close(iterate(net, scale * x, 1), scale * iterate(net, x, 1), rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("activation", ["tanh", "sine"])
    @given(seed=seeds)
    def test_other_activations_are_odd_alone(self, activation, seed):
        net, x = network(seed=seed, activation=activation), vectors(3, seed)
        assert not is_homogeneous(net)
        torch.testing.assert_close(iterate(net, -x, 2), -iterate(net, x, 2), rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("activation", ["relu", "tanh", "sine"])
    def test_zeros_stay_zeros(self, activation):
        assert not iterate(network(activation=activation), torch.zeros(1, D).double(), 3).any()


class TestDirections:
    @pytest.mark.parametrize("activation", ["relu", "tanh", "sine", "identity"])
    def test_they_are_those_of_the_iterates(self, activation):
        net, X = network(activation=activation), vectors(5)
        for r, outputs in iterate_directions(net, X, [3, 0, 7, 1]):
            expected = iterate(net, X, r)
            if is_homogeneous(net):
                outputs, expected = (torch.nn.functional.normalize(rows) for rows in (outputs, expected))
            torch.testing.assert_close(outputs.detach(), expected)

    def test_each_number_of_iterations_comes_once_and_upwards(self):
        assert [r for r, _ in iterate_directions(network(), vectors(2), [20, 0, 2, 1])] == [0, 1, 2, 20]

    def test_zeros_stay_zeros_and_nothing_overflows(self):
        net = with_weights(1e3 * torch.ones(D, 4).double(), torch.ones(4, D).double())
        (_, outputs), *_ = iterate_directions(net, torch.stack([torch.zeros(D), torch.ones(D)]).double(), [2000])
        assert not outputs[0].any()
        assert outputs[1].isfinite().all()
        assert outputs[1].any()


class TestArrival:
    @given(n=st.integers(2, 5), seed=seeds, scale=st.floats(0.1, 10))
    def test_for_several_images_it_is_a_share_of_the_smallest_angle(self, n, seed, scale):
        Z = vectors(n, seed)
        pairs = [np.arccos(torch.cosine_similarity(a, b, dim=0).item()) for a, b in combinations(Z, 2)]
        assert arrival_angle(scale * Z, vectors(3)) == pytest.approx(0.1 * min(pairs))

    @given(m=st.integers(1, 5), seed=seeds)
    def test_for_one_image_it_is_that_to_the_closest_other(self, m, seed):
        z, others = vectors(1, seed), vectors(m, seed + 1)
        angles = np.arccos(torch.cosine_similarity(z, others).numpy())
        assert arrival_angle(z, others) == pytest.approx(0.1 * angles.min())


class TestClasses:
    Z = np.eye(2, 4)
    angle = float(np.radians(8))

    @pytest.mark.parametrize(
        ("output", "nearest", "cosine", "span_cosine", "outcome"),
        [
            ([5, 0, 0, 0], 1, 1, 1, "image"),
            ([1, 9, 0, 0], 2, 9 / np.sqrt(82), 1, "image"),
            ([np.sin(0.13), 0, 0, np.cos(0.13)], 1, np.sin(0.13), np.sin(0.13), "elsewhere"),
            ([np.cos(0.13), 0, np.sin(0.13), 0], 1, np.cos(0.13), np.cos(0.13), "image"),
            ([np.cos(0.15), 0, np.sin(0.15), 0], 1, np.cos(0.15), np.cos(0.15), "elsewhere"),
            ([3, 4, 0, 0], 2, 0.8, 1, "mixture"),
            ([0, -1, 0, 0], 1, 0, 1, "mixture"),
            ([-9, -8, 0, 0], 2, -8 / np.sqrt(145), 1, "mixture"),
            ([3, 0, 4, 0], 1, 0.6, 0.6, "elsewhere"),
            ([0, 0, 0, 0], 0, 0, 0, "zero"),
        ],
    )
    def test_known_places(self, output, nearest, cosine, span_cosine, outcome):
        (found,) = classify_outputs(np.array([output], dtype=float), self.Z, self.angle).itertuples(index=False)
        assert (found.nearest, found.outcome) == (nearest, outcome)
        assert (found.cosine, found.span_cosine) == pytest.approx((cosine, span_cosine))

    @pytest.mark.parametrize(
        ("output", "nearest", "outcome"),
        [
            ([0, -1, 0, 0], 2, "negative"),
            ([1, -9, 0, 0], 2, "negative"),
            ([9, 1, 0, 0], 1, "image"),
            ([-3, 4, 0, 0], 2, "mixture"),
            ([-4, 3, 0, 0], 1, "mixture"),
            ([-1, 0, 4, 0], 1, "elsewhere"),
            ([0, 0, 0, 0], 0, "zero"),
        ],
    )
    def test_lines_through_the_images(self, output, nearest, outcome):
        (found,) = classify_outputs(np.array([output], dtype=float), self.Z, self.angle, lines=True).itertuples()
        assert (found.nearest, found.outcome) == (nearest, outcome)

    def test_the_negative_of_a_single_image(self):
        outputs = np.array([[-2.0, 0, 0.1, 0], [-1, 0, 1, 0]])
        found = classify_outputs(outputs, self.Z[:1], self.angle)
        assert found["outcome"].tolist() == ["negative", "elsewhere"]

    @given(seed=seeds)
    def test_with_lines_an_output_and_its_negative_differ_in_sign_alone(self, seed):
        Z, X = vectors(3, seed, 4).numpy(), vectors(20, seed + 1, 4).numpy()
        one, other = (classify_outputs(sign * X, Z, 0.5, lines=True) for sign in (1, -1))
        names = {"image": "negative", "negative": "image"}
        pd.testing.assert_frame_equal(
            other.assign(cosine=-other["cosine"], outcome=other["outcome"].replace(names)), one
        )

    @given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
    def test_a_factor_changes_nothing(self, scale, seed):
        Z, X = vectors(3, seed).numpy(), vectors(4, seed + 1).numpy()
        one, other = (classify_outputs(outputs, Z, 0.5) for outputs in (X, scale * X))
        pd.testing.assert_frame_equal(one, other)
