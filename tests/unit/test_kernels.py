"""Gram matrices against sampled networks, against SciPy's distances, and against the laws of a kernel."""

import tracemalloc

import numpy as np
import pytest
import scipy.spatial.distance
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.kernels.gram import laplace, linear, nngp, ntk, row_blocks
from nngplab.kernels.objects import NNGP, as_kernel
from nngplab.kernels.tabulated import dual_by_quadrature, dual_of

points = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.floats(-100, 100, width=32)
)
NAMES = [*DUALS, "laplace", "linear"]


def rows(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("name", DUALS)
def test_wide_networks_tend_to_the_nngp(name, normalize):
    """The mean of phi(w.x) phi(w.z) over 100,000 hidden units agrees with the kernel within five standard errors."""
    X, Z = rows(4, 3, seed=1) * 0.7, rows(3, 3, seed=2) * 0.5
    units = np.random.default_rng(3).standard_normal((100_000, 3))
    if normalize:
        sampled_X, sampled_Z = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, Z))
    else:
        sampled_X, sampled_Z = X, Z
    phi = DUALS[name].activation
    products = phi(units @ sampled_X.T)[:, :, np.newaxis] * phi(units @ sampled_Z.T)[:, np.newaxis, :]
    error = products.std(axis=0) / np.sqrt(len(units))
    assert np.all(np.abs(products.mean(axis=0) - nngp(X, Z, name, normalize)) < 5 * error)


class TestNngp:
    def test_against_the_definition_by_quadrature(self):
        X, Z = rows(3, 5), rows(2, 5, seed=1)
        cosines = 1 - scipy.spatial.distance.cdist(X, Z, "cosine")
        exact = dual_by_quadrature(DUALS["relu"].activation, cosines)
        np.testing.assert_allclose(nngp(X, Z), exact, rtol=0, atol=1e-14)

    @given(points, st.sampled_from(list(DUALS)))
    def test_a_kernel_is_symmetric_and_positive_semi_definite(self, X, name):
        K = nngp(X, dual=name)
        assert np.all(np.isfinite(K))
        np.testing.assert_array_equal(K, K.T)
        assert np.linalg.eigvalsh(K)[0] >= -1e-13 * len(X)

    @given(points)
    def test_rows_of_any_length(self, X):
        K = nngp(X, normalize=False)
        lengths = np.linalg.norm(X, axis=1)
        np.testing.assert_allclose(K, np.outer(lengths, lengths) * nngp(X), rtol=1e-9, atol=1e-12)

    @given(points, st.sampled_from([1e-3, 7.0, 1e5]))
    def test_the_scale_of_a_row_does_not_matter(self, X, factor):
        np.testing.assert_allclose(nngp(factor * X), nngp(X), rtol=0, atol=1e-12)

    def test_the_diagonal_is_exact(self):
        np.testing.assert_array_equal(np.diagonal(nngp(rows(50, 7))), 1)

    def test_the_same_rows_given_twice(self):
        X = rows(30, 7)
        np.testing.assert_array_equal(nngp(X, X), nngp(X))
        integers = [[1, 2, 3], [4, 5, 7]]
        np.testing.assert_array_equal(np.diagonal(nngp(integers, integers)), 1)
        np.testing.assert_allclose(nngp(X, X.copy()), nngp(X), rtol=0, atol=1e-15)

    def test_a_zero_row_has_the_cosine_zero_with_every_row(self):
        X = np.array([[0.0, 0.0], [3.0, 4.0]])
        np.testing.assert_allclose(nngp(X), [[1 / np.pi, 1 / np.pi], [1 / np.pi, 1]], rtol=1e-15)
        assert nngp(X, normalize=False)[0].tolist() == [0, 0]

    def test_a_function_of_the_cosine(self):
        X, Z = rows(5, 3), rows(4, 3, seed=1)
        np.testing.assert_array_equal(nngp(X, Z, dual=lambda xi: xi**2), nngp(X, Z, dual="identity") ** 2)

    def test_a_dual_itself(self):
        X = rows(5, 3)
        np.testing.assert_array_equal(nngp(X, dual=DUALS["erf"], normalize=False), nngp(X, None, "erf", False))

    def test_many_blocks_of_rows_are_one_matrix(self):
        X, Z = rows(1500, 3), rows(1400, 3, seed=1)
        assert len(list(row_blocks(1500, 1400))) > 1
        for normalize in (True, False):
            whole = nngp(X, Z, normalize=normalize)
            np.testing.assert_allclose(whole[1499], nngp(X[1499:], Z, normalize=normalize)[0], rtol=1e-13, atol=1e-14)

    def test_single_precision_stays(self):
        X = rows(6, 4).astype(np.float32)
        for normalize in (True, False):
            K = nngp(X, normalize=normalize)
            assert K.dtype == np.float32
            np.testing.assert_allclose(K, nngp(X.astype(float), normalize=normalize), rtol=1e-5, atol=1e-6)

    def test_the_samples_are_left_alone(self):
        X = rows(6, 4)
        before = X.copy()
        nngp(X), laplace(X), linear(X)
        np.testing.assert_array_equal(X, before)

    def test_an_unknown_dual_lists_the_known(self):
        with pytest.raises(
            InputError, match="unknown dual activation 'rellu': choose one of identity, relu, leaky_relu"
        ):
            nngp(rows(2, 2), dual="rellu")

    def test_a_function_has_no_scale(self):
        with pytest.raises(InputError, match="normalize=False, sigma_w and sigma_b need a Dual"):
            nngp(rows(2, 2), dual=np.square, normalize=False)

    def test_one_sample_is_a_row(self):
        with pytest.raises(InputError, match=r"shape \(3,\)"):
            nngp(np.ones(3))


def sampled_network(X, phi, phi_prime, depth, k, seed):
    """The kernels of one network as the docstring of `ntk` has it: the empirical NNGP and tangent matrices, by hand."""
    generator = np.random.default_rng(seed)
    inputs, layers = X.T, []
    for layer in range(depth):
        W = generator.standard_normal((k, len(inputs)))
        h = W @ inputs / (np.sqrt(k) if layer else 1)
        layers.append((inputs, W, h))
        inputs = phi(h)
    tangent = nngp_matrix = inputs.T @ inputs / k
    # d f / d h of the last layer, (k, n), then of the one before it, and so on.
    backward = generator.standard_normal((k, 1)) * phi_prime(layers[-1][2]) / np.sqrt(k)
    for layer in reversed(range(depth)):
        inputs, W, _ = layers[layer]
        scale = k if layer else 1
        tangent = tangent + (backward.T @ backward) * (inputs.T @ inputs) / scale
        if layer:
            backward = (W.T @ backward) * phi_prime(layers[layer - 1][2]) / np.sqrt(k)
    return nngp_matrix, tangent


SMOOTH_OR_KINKED = {
    "relu": lambda x: np.sqrt(2) * (x > 0),
    "absolute": np.sign,
    "sine": lambda x: np.cos(x) / np.sqrt(DUALS["sine"].second_moment),
    "erf": lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2)) / np.sqrt(DUALS["erf"].second_moment),
    "gaussian": lambda x: -2 * x * np.exp(-(x**2)) / np.sqrt(DUALS["gaussian"].second_moment),
}


class TestDepthAndNtk:
    X = rows(4, 3, seed=1) * 0.8

    @pytest.mark.parametrize("normalize", [True, False])
    @pytest.mark.parametrize("depth", [1, 2])
    @pytest.mark.parametrize("name", SMOOTH_OR_KINKED)
    def test_finite_networks_tend_to_both(self, name, depth, normalize):
        """The mean over networks of width 400 agrees within five standard errors, and the bias of that width."""
        X = self.X / np.linalg.norm(self.X, axis=1, keepdims=True) if normalize else self.X
        k, phi = 400, DUALS[name].activation
        drawn = [sampled_network(X, phi, SMOOTH_OR_KINKED[name], depth, k, seed) for seed in range(40)]
        for sampled, kernel in zip(np.swapaxes(drawn, 0, 1), (nngp, ntk), strict=True):
            exact = kernel(self.X, dual=name, normalize=normalize, depth=depth)
            error = sampled.std(axis=0, ddof=1) / np.sqrt(len(sampled))
            # For one layer the mean is exact at any width; beyond it is off by some 1 / k.
            bias = (depth - 1) * 10 / k * np.abs(exact).max()
            assert np.all(np.abs(sampled.mean(axis=0) - exact) < 5 * error + bias)
            assert np.all(5 * error + bias < 0.3 * np.abs(exact).max())

    @pytest.mark.parametrize("name", [name for name in DUALS if name != "step"])
    def test_one_layer_in_closed_form(self, name):
        X, Z = rows(5, 4), rows(6, 4, seed=2)
        xi = 1 - scipy.spatial.distance.cdist(X, Z, "cosine")
        exact = DUALS[name](xi) + xi * DUALS[name].derivative(xi)
        np.testing.assert_allclose(ntk(X, Z, name), exact, rtol=1e-12, atol=1e-13)

    def test_depth_is_composition(self):
        X, Z = rows(5, 4), rows(6, 4, seed=2)
        sine = DUALS["sine"]
        np.testing.assert_array_equal(nngp(X, Z, "sine", depth=3), sine(sine(nngp(X, Z, "sine"))))

    def test_the_tangent_kernel_of_the_identity_counts_the_layers(self):
        X = rows(5, 4)
        np.testing.assert_allclose(ntk(X, dual="identity", normalize=False, depth=4), 5 * X @ X.T, rtol=1e-13)

    @pytest.mark.parametrize("normalize", [True, False])
    def test_the_diagonal_of_relu_is_exact_at_any_depth(self, normalize):
        """Near xi = 1 the derivative's dual changes by the root of a change: one rounding would cost eight digits."""
        X = rows(50, 7) * np.logspace(-5, 5, 50)[:, np.newaxis]
        lengths = np.ones(50) if normalize else np.sum(X**2, axis=1)
        np.testing.assert_allclose(np.diagonal(ntk(X, normalize=normalize, depth=5)), 6 * lengths, rtol=1e-14)
        np.testing.assert_allclose(np.diagonal(nngp(X, normalize=normalize, depth=5)), lengths, rtol=1e-14)

    @given(points, st.sampled_from([name for name in DUALS if name != "step"]), st.integers(1, 4))
    def test_positive_semi_definite_at_any_depth(self, X, name, depth):
        for kernel in (nngp, ntk):
            K = kernel(X, dual=name, depth=depth)
            np.testing.assert_array_equal(K, K.T)
            assert np.linalg.eigvalsh(K)[0] >= -1e-13 * len(X) * np.abs(K).max()

    def test_many_blocks_of_rows_are_one_matrix(self):
        X, Z = rows(1500, 3), rows(1400, 3, seed=1)
        for normalize in (True, False):
            whole = ntk(X, Z, normalize=normalize, depth=2)
            part = ntk(X[1499:], Z, normalize=normalize, depth=2)[0]
            np.testing.assert_allclose(whole[1499], part, rtol=1e-9, atol=1e-9)

    def test_single_precision_stays(self):
        X = rows(6, 4).astype(np.float32)
        for normalize in (True, False):
            K = ntk(X, normalize=normalize, depth=2)
            assert K.dtype == np.float32
            np.testing.assert_allclose(K, ntk(X.astype(float), normalize=normalize, depth=2), rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize("kernel", [nngp, ntk])
    @pytest.mark.parametrize("depth", [0, -1, 1.5])
    def test_no_depth(self, kernel, depth):
        with pytest.raises(InputError, match=f"the depth is {depth}: it must be an integer, 1 or above"):
            kernel(rows(2, 2), depth=depth)

    def test_a_jump_has_no_tangent_kernel(self):
        with pytest.raises(InputError, match="the activation step jumps, so its neural tangent kernel is infinite"):
            ntk(rows(2, 2), dual="step")

    def test_a_function_has_no_gradients(self):
        with pytest.raises(InputError, match="ntk: it needs a Dual"):
            ntk(rows(2, 2), dual=np.square)


class TestTabulatedDual:
    """A dual made from any activation is used as a name is."""

    @pytest.fixture(scope="class")
    def softplus(self):
        return dual_of(lambda x: np.logaddexp(0, x), "softplus", lambda x: 1 / (1 + np.exp(-x)))

    def test_gram_matrices_are_kernels(self, softplus):
        X, Z = rows(30, 4), rows(7, 4, seed=1)
        for kernel in (nngp, ntk):
            K = kernel(X, dual=softplus, depth=2)
            np.testing.assert_array_equal(K, K.T)
            assert np.linalg.eigvalsh(K)[0] >= -1e-12
            np.testing.assert_allclose(kernel(X, X.copy(), softplus, depth=2), K, rtol=1e-12)
        np.testing.assert_array_equal(np.diagonal(nngp(X, dual=softplus, depth=3)), 1)
        np.testing.assert_array_equal(NNGP(softplus)(X, Z), nngp(X, Z, softplus))

    def test_against_sampled_units(self, softplus):
        X = rows(5, 3)
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        features = softplus.activation(np.random.default_rng(3).standard_normal((100_000, 3)) @ X.T)
        products = features[:, :, np.newaxis] * features[:, np.newaxis, :]
        error = products.std(axis=0) / np.sqrt(len(products))
        assert np.all(np.abs(products.mean(axis=0) - nngp(X, dual=softplus)) < 5 * error)

    def test_one_variance_at_a_time(self, softplus):
        with pytest.raises(InputError, match=r"softplus is tabulated for one variance at a time: normalise the rows"):
            nngp(rows(3, 2), dual=softplus, normalize=False)


class TestLaplace:
    @given(points, st.sampled_from([1 / 200, 0.3]))
    def test_against_scipy(self, X, L):
        exact = np.exp(-L * scipy.spatial.distance.cdist(X, X))
        np.testing.assert_allclose(laplace(X, L=L), exact, rtol=1e-10)

    @settings(max_examples=50)
    @given(st.floats(1e-12, 1e-3), st.floats(0, 1e4))
    def test_rows_that_nearly_agree_far_from_the_origin(self, gap, far):
        X = rows(6, 5) * gap + far
        X[3:] += 1
        distances = scipy.spatial.distance.cdist(X, X)
        L = 1 / max(distances.max(), 1e-3)
        np.testing.assert_allclose(-np.log(laplace(X, L=L * 1e-3)), L * 1e-3 * distances, rtol=1e-9, atol=2e-16)

    def test_small_distances_keep_their_digits(self):
        x = np.full((1, 50), 0.3)
        Z = x + np.array([0, 1e-12, 1e-9, 1e-6, 1e-3])[:, np.newaxis]
        distances = scipy.spatial.distance.cdist(x, Z)
        L = 1e9
        K = laplace(x, Z, L=L)
        np.testing.assert_allclose(K, np.exp(-L * distances), rtol=1e-9, atol=1e-300)
        assert K[0, 0] == 1

    def test_a_close_pair_in_a_later_block_of_rows(self):
        X, Z = rows(1500, 3), rows(1400, 3, seed=1)
        X[1499] = Z[7] + 1e-9
        assert list(row_blocks(1500, 1400))[-1].start > 0
        expected = np.exp(-1e6 * np.linalg.norm(X[1499] - Z, axis=1))
        np.testing.assert_allclose(laplace(X, Z, L=1e6)[1499], expected, rtol=1e-6, atol=1e-300)

    def test_the_diagonal_is_exact(self):
        X = rows(40, 3) + 1e5
        np.testing.assert_array_equal(np.diagonal(laplace(X)), 1)
        np.testing.assert_array_equal(np.diagonal(laplace(X, X.copy())), 1)

    @given(points)
    def test_positive_semi_definite(self, X):
        assert np.linalg.eigvalsh(laplace(X))[0] >= -1e-13 * len(X)

    def test_single_precision_stays(self):
        X = rows(6, 4).astype(np.float32)
        assert laplace(X).dtype == np.float32
        np.testing.assert_allclose(laplace(X), laplace(X.astype(float)), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_has_the_size_of_all_pairs_of_coordinates(name):
    n, m, d = 400, 500, 300
    X, Z = rows(n, d), rows(m, d, seed=1)
    kernel = as_kernel(name)
    tracemalloc.start()
    try:
        kernel(X, Z)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 8 * (n * m + n * d + m * d)
