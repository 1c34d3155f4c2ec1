"""Variances of weights and biases: NNGP and NTK with sigma_w and sigma_b, against formulas of others."""

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV

from nngplab import DUALS, NNGP, NTK, InputError, KernelRegression, dual_of, nngp
from nngplab.kernels import leaky_relu

RADII, RADIAL_WEIGHTS = np.polynomial.legendre.leggauss(120)
ANGLES, ANGULAR_WEIGHTS = np.polynomial.legendre.leggauss(30)

# Activations as they are usually written, and their derivatives.
ACTIVATIONS = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "absolute": (np.abs, np.sign),
    "erf": (scipy.special.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2))),
    "sine": (np.sin, np.cos),
    "gelu": (
        lambda x: x * scipy.special.ndtr(x),
        lambda x: scipy.special.ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "gaussian": (lambda x: np.exp(-(x**2)), lambda x: -2 * x * np.exp(-(x**2))),
    "monomial_2": (np.square, lambda x: 2 * x),
    "hermite_2": (lambda x: (x**2 - 1) / np.sqrt(2), lambda x: np.sqrt(2) * x),
}


def expectation(f, a, b, c):
    """E[f(u) f(v)] for (u, v) ~ N(0, [[a, c], [c, b]]), by quadrature in polar coordinates.

    The panels of the angle end where u or v changes its sign, so that activations with a kink at 0 are smooth on each.
    """
    rest = np.sqrt(max(b - c**2 / a, 0))
    turns = np.array([np.pi / 2, np.arctan2(-c / np.sqrt(a), rest) % np.pi])
    edges = np.sort(np.concatenate([np.linspace(0, 2 * np.pi, 5), turns, turns + np.pi]))
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    angles = (middle[:, None] + half[:, None] * ANGLES).ravel()
    weights = (half[:, None] * ANGULAR_WEIGHTS).ravel()
    r = 6 * (RADII + 1)[:, None]
    u = np.sqrt(a) * r * np.cos(angles)
    v = r * (c / np.sqrt(a) * np.cos(angles) + rest * np.sin(angles))
    of_angles = 6 * RADIAL_WEIGHTS @ (f(u) * f(v) * r * np.exp(-(r**2) / 2))
    return of_angles @ weights / (2 * np.pi)


def reference(name, x, z, depth, sigma_w, sigma_b):
    """The NNGP and the NTK at two samples: Lee et al. 2018, equation 5, and Jacot et al. 2018, theorem 1.

    The activation is scaled to a second moment of 1; inner products of inputs are not divided by their number.
    """
    plain, plain_derivative = ACTIVATIONS[name]
    second_moment = expectation(plain, 1, 1, 1)

    def f(u):
        return plain(u) / np.sqrt(second_moment)

    def slope(u):
        return plain_derivative(u) / np.sqrt(second_moment)

    a, b, c = (sigma_w**2 * (p @ q) + sigma_b**2 for p, q in ((x, x), (z, z), (x, z)))
    tangent = c
    for _ in range(depth):
        tangent *= sigma_w**2 * expectation(slope, a, b, c)
        a, b, c = (sigma_w**2 * expectation(f, *of) + sigma_b**2 for of in ((a, a, a), (b, b, b), (a, b, c)))
        tangent += c
    return c, tangent


def samples(n, seed=0, d=3):
    return np.random.default_rng(seed).standard_normal((n, d)) / np.sqrt(d)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("normalize", [True, False])
def test_against_the_recursions_by_quadrature(name, normalize):
    X = samples(3)
    options = {"depth": 2, "normalize": normalize, "sigma_w": 1.3, "sigma_b": 0.4}
    K, T = NNGP(name, **options)(X), NTK(name, **options)(X)
    X = X / np.linalg.norm(X, axis=1, keepdims=True) if normalize else X
    for i, j in ((0, 1), (2, 1)):
        expected = reference(name, X[i], X[j], 2, 1.3, 0.4)
        np.testing.assert_allclose((K[i, j], T[i, j]), expected, rtol=1e-10)


def of_neural_tangents(name, X, depth, w_std, b_std):
    """The kernels of stax.serial(*[stax.Dense(k, w_std, b_std), activation] * depth, stax.Dense(1, w_std, b_std)).

    Neural Tangents, stax.Dense and the closed forms of stax.Relu and stax.Erf (Novak et al. 2020, "Neural Tangents:
    fast and easy infinite neural networks in Python"): a dense layer takes K to w_std^2 K + b_std^2, and the tangent
    kernel T to that plus w_std^2 T; the first K is x.z / d.
    """
    nngp_kernel, tangent = X @ X.T / X.shape[1], np.zeros((len(X), len(X)))
    for layer in range(depth + 1):
        nngp_kernel = w_std**2 * nngp_kernel + b_std**2
        tangent = nngp_kernel + w_std**2 * tangent
        if layer == depth:
            return nngp_kernel, tangent
        a = np.diag(nngp_kernel)
        if name == "relu":
            lengths = np.sqrt(np.outer(a, a))
            angle = np.arccos(np.clip(nngp_kernel / lengths, -1, 1))
            tangent = tangent * (np.pi - angle) / (2 * np.pi)
            nngp_kernel = (lengths * np.sin(angle) + (np.pi - angle) * nngp_kernel) / (2 * np.pi)
        else:
            product = np.outer(1 + 2 * a, 1 + 2 * a)
            tangent = tangent * 4 / np.pi / np.sqrt(product - 4 * nngp_kernel**2)
            nngp_kernel = 2 / np.pi * np.arcsin(2 * nngp_kernel / np.sqrt(product))
    raise AssertionError


@pytest.mark.parametrize("name", ["relu", "erf"])
@pytest.mark.parametrize(("depth", "w_std", "b_std"), [(1, 1.0, 0.0), (3, 1.5, 0.05), (2, 2**0.5, 0.1)])
def test_the_numbers_of_neural_tangents(name, depth, w_std, b_std):
    """By the mapping in the docstring of `NNGP`."""
    X = samples(6, d=4) * 3
    m = DUALS[name].second_moment
    options = {"depth": depth, "normalize": False, "sigma_w": w_std * m**0.5, "sigma_b": b_std}
    scaled = X / (m * X.shape[1]) ** 0.5
    expected_nngp, expected_ntk = of_neural_tangents(name, X, depth, w_std, b_std)
    np.testing.assert_allclose(NNGP(name, **options)(scaled), expected_nngp, rtol=1e-12)
    # The reference has arccos of a cosine that is 1 but for rounding on the diagonal, which costs half of the digits.
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(NTK(name, **options)(scaled)[off], expected_ntk[off], rtol=1e-12)
    np.testing.assert_allclose(NTK(name, **options)(scaled), expected_ntk, rtol=1e-6)


SMOOTH = sorted(name for name, dual in DUALS.items() if name != "exponential" and np.isfinite(dual.derivative(1.0)))
sigmas = st.floats(0.2, 1.5), st.floats(0, 1.0)
kernels = st.builds(
    lambda kind, *arguments: kind(*arguments),
    st.sampled_from([NNGP, NTK]),
    st.sampled_from(SMOOTH) | st.builds(leaky_relu, st.floats(-2, 2)),
    st.integers(1, 3),
    st.booleans(),
    *sigmas,
)


@settings(max_examples=40)
@given(kernels)
def test_any_such_kernel_is_one(kernel):
    """It is positive semi-definite, has its diagonal, and its tiles are parts of it; zero rows and copies included."""
    X = samples(10)
    X[3], X[5] = 0, X[4]
    K = kernel(X)
    atol = 1e-11 * np.abs(K).max()
    np.testing.assert_allclose(K, K.T, rtol=1e-10, atol=atol)
    np.testing.assert_allclose(kernel.diag(X), np.diagonal(K), rtol=1e-10, atol=atol)
    assert np.linalg.eigvalsh(K)[0] >= -1e-9 * np.abs(K).max()
    rows = kernel.rows(X)
    np.testing.assert_allclose(kernel.tile(rows[2:6], rows, None, 2), K[2:6], rtol=1e-10, atol=atol)
    np.testing.assert_allclose(kernel(X, X.copy()), K, rtol=1e-7, atol=atol)
    assert kernel(X.astype(np.float32)).dtype == np.float32


@settings(max_examples=15)
@given(kernels)
def test_tensors_have_the_kernel_of_arrays(kernel):
    torch = pytest.importorskip("torch")
    from nngplab.regression.gpu import on_device

    rows = kernel.rows(samples(10))
    tensors = on_device(rows, torch.device("cpu"))
    expected = kernel.tile(rows, rows, None, 0)
    found = kernel.tile(tensors, tensors, None, 0).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("kind", [NNGP, NTK])
@pytest.mark.parametrize("normalize", [True, False])
def test_the_defaults_are_the_limit_of_others(kind, normalize):
    X = samples(5)
    X[2] = 0
    near = kind("gelu", 3, normalize, 1 + 1e-9, 1e-9)(X)
    plain = kind("gelu", 3, normalize)(X)
    np.testing.assert_allclose(near, plain, rtol=1e-7, atol=1e-8)
    np.testing.assert_array_equal(kind("gelu", 3, normalize, sigma_w=1, sigma_b=0)(X), plain)


def own(x):
    return scipy.special.erf(x)


def test_an_activation_of_ones_own_is_tabulated_at_each_variance():
    dual = dual_of(own, derivative=ACTIVATIONS["erf"][1])
    X = samples(6)
    options = {"depth": 2, "sigma_w": 1.4, "sigma_b": 0.3}
    for kind in (NNGP, NTK):
        np.testing.assert_allclose(kind(dual, **options)(X), kind("erf", **options)(X), rtol=1e-9)
        with pytest.raises(InputError, match=r"own is tabulated for one variance at a time: normalise the rows"):
            kind(dual, normalize=False, **options)(X)


def test_kinks_move_with_the_variance():
    def shifted(x):
        return np.maximum(x - 0.5, 0)

    kernel = NNGP(dual_of(shifted, kinks=[0.5]), sigma_w=2.0)
    X = np.array([[1.0, 0.0], [0.6, 0.8]])
    scale = expectation_on_line(shifted, 1.0)
    np.testing.assert_allclose(kernel.diag(X), 4 * expectation_on_line(shifted, 4.0) / scale, rtol=1e-9)


def expectation_on_line(f, variance):
    """E[f(u)^2] for u ~ N(0, variance) and an f that is 0 below 0.5."""
    x, weights = np.polynomial.legendre.leggauss(200)
    u = 0.5 + 12 * (x + 1) * np.sqrt(variance) / 2
    density = np.exp(-(u**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return 6 * np.sqrt(variance) * weights @ (f(u) ** 2 * density)


def test_a_search_finds_variances():
    X = samples(40)
    grid = {"kernel__sigma_w": np.array([0.5, 1.5]), "kernel__sigma_b": [0.0, 0.5]}
    search = GridSearchCV(KernelRegression(NNGP("erf"), ridge=0.1), grid, cv=2).fit(X, np.sin(3 * X[:, 0]))
    assert search.best_estimator_.kernel == NNGP("erf", **{k[8:]: v for k, v in search.best_params_.items()})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma_w": 0}, "sigma_w is 0: it must be a finite number above 0"),
        ({"sigma_w": -1.0}, "sigma_w is -1.0: it must be"),
        ({"sigma_w": np.nan}, "sigma_w is nan: it must be"),
        ({"sigma_w": "1"}, "sigma_w is '1': it must be"),
        ({"sigma_b": -0.1}, "sigma_b is -0.1: it must be a finite number, 0 or above"),
        ({"sigma_b": np.inf}, "sigma_b is inf: it must be"),
    ],
)
@pytest.mark.parametrize("kind", [NNGP, NTK])
def test_a_wrong_variance_is_refused_in_one_line(kind, options, message):
    kernel = kind("relu", **options)
    for use in (kernel, kernel.rows):
        with pytest.raises(InputError, match=message) as caught:
            use(samples(3))
        assert "\n" not in str(caught.value)


def test_a_function_of_the_cosine_has_no_variances():
    with pytest.raises(InputError, match="sigma_w and sigma_b need a Dual"):
        nngp(samples(2), dual=np.square, sigma_w=2.0)
