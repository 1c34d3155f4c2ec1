"""Kernels as objects: what each of them promises, whatever its parameters."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel, Product, Scaled, Sum
from nngplab.kernels.duals import DUALS, exponential, leaky_relu
from nngplab.kernels.gram import laplace, linear, nngp, ntk
from nngplab.kernels.group import GroupAverage
from nngplab.kernels.objects import NNGP, NTK, Function, Laplace, Linear, as_kernel
from nngplab.kernels.tabulated import dual_of
from nngplab.regression.estimator import KernelRegression

SMOOTH = sorted(name for name, dual in DUALS.items() if np.isfinite(dual.derivative(1.0)))
depths, flags = st.integers(1, 4), st.booleans()


def not_overflowing(kernel):
    """The outputs of layer after layer of exponentials are beyond all floats."""
    return kernel.normalize or kernel.dual != "exponential" or kernel.depth == 1


duals = st.sampled_from(sorted(DUALS)) | st.builds(leaky_relu, st.floats(-2, 2))
networks = st.builds(NNGP, duals, depths, flags).filter(not_overflowing)
tangents = st.builds(NTK, st.sampled_from(SMOOTH), depths, flags).filter(not_overflowing)
simple = networks | tangents | st.builds(Laplace, st.floats(0.1, 100)) | st.just(Linear())
# The rotations of four features.
rotations = st.just(np.add.outer(np.arange(4), np.arange(4)) % 4)
for_tensors = st.recursive(
    simple | st.builds(GroupAverage, simple, rotations),
    lambda inner: (
        st.builds(Sum, inner, inner) | st.builds(Product, inner, inner) | st.builds(Scaled, inner, st.floats(0.1, 10))
    ),
    max_leaves=3,
)
kernels = for_tensors | st.just(Function(rbf_kernel)) | st.builds(Sum, simple, st.just(Function(rbf_kernel)))


def samples(n, seed=0, d=4):
    return np.random.default_rng(seed).standard_normal((n, d)) / 2


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())


@given(kernels)
def test_the_gram_matrix_is_symmetric_positive_semi_definite_and_has_this_diagonal(kernel):
    X = samples(12)
    K = kernel(X)
    close(K, K.T)
    assert np.linalg.eigvalsh(K)[0] >= -1e-10 * np.abs(K).max()
    close(kernel.diag(X), np.diagonal(K))
    # On the diagonal, where the rows are not known to be the same, a cosine of 1 is off by rounding. The step makes an
    # error of its root of this.
    close(np.tril(kernel(X, X.copy()), -1), np.tril(K, -1))


@given(kernels, st.integers(0, 11), st.integers(1, 12), st.integers(0, 7), st.integers(1, 8))
def test_a_tile_is_that_part_of_the_gram_matrix(kernel, row, height, column, width):
    X, Z = samples(12), samples(8, seed=1)
    A, B = kernel.rows(X)[row : row + height], kernel.rows(Z)[column : column + width]
    out = np.empty((len(A), len(B)))
    assert kernel.tile(A, B, out) is out
    close(out, kernel(X, Z)[row : row + height, column : column + width])
    close(kernel.tile(A, kernel.rows(X), offset=row), kernel(X)[row : row + height])


@given(for_tensors, st.sampled_from([np.float32, np.float64]))
def test_a_tile_of_tensors_is_that_of_arrays(kernel, dtype):
    X = samples(12).astype(dtype)
    rows = kernel.rows(X)
    torch = pytest.importorskip("torch")
    from nngplab.regression.gpu import on_device

    tensors = on_device(rows, torch.device("cpu"))
    found, expected = kernel.tile(tensors, tensors, offset=0), kernel.tile(rows, rows, offset=0)
    assert isinstance(found, torch.Tensor)
    assert found.numpy().dtype == expected.dtype == dtype
    accuracy = 1e-3 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(found.numpy(), expected, rtol=accuracy, atol=accuracy * np.abs(expected).max())


@given(kernels)
def test_equal_kernels_are_equal_in_another_process_too(kernel):
    for same in (clone(kernel), pickle.loads(pickle.dumps(kernel))):
        assert same == kernel
        np.testing.assert_array_equal(same(samples(3)), kernel(samples(3)))
    assert kernel != Laplace(0.05)


@given(kernels)
def test_its_parameters_are_those_it_is_made_from(kernel):
    assert type(kernel)(**kernel.get_params(deep=False)) == kernel
    for name, value in kernel.get_params().items():
        assert clone(kernel).set_params(**{name: value}) == kernel


def test_each_is_the_function_of_its_name():
    X, Z = samples(5), samples(4, seed=1)
    for normalize in (True, False):
        close(NNGP("gelu", 3, normalize)(X, Z), nngp(X, Z, "gelu", normalize, 3))
        close(NTK("gelu", 3, normalize)(X, Z), ntk(X, Z, "gelu", normalize, 3))
    close(Laplace(4.0)(X, Z), laplace(X, Z, L=0.25))
    close(Linear()(X, Z), linear(X, Z))
    close(Function(rbf_kernel)(X, Z), rbf_kernel(X, Z))


def test_sums_products_and_multiples():
    X = samples(5)
    relu, short = NNGP("relu"), Laplace(1.0)
    close((relu + short)(X), relu(X) + short(X))
    close((relu * short)(X), relu(X) * short(X))
    close((2 * relu)(X), 2 * relu(X))
    assert relu * 3.0 == 3.0 * relu == Scaled(relu, 3.0)
    with pytest.raises(TypeError):
        relu + 1


def test_a_search_varies_parameters_inside_kernels():
    X = samples(40)
    kernel = NNGP("relu") + Laplace(1.0)
    grid = {"kernel__k1__depth": [1, 2, 3], "kernel__k2__bandwidth": [0.5, 5.0], "ridge": [0.1]}
    search = GridSearchCV(KernelRegression(kernel), grid, cv=2).fit(X, np.sin(4 * X[:, 0]))
    best = search.best_estimator_.kernel
    assert best == NNGP("relu", depth=best.k1.depth) + Laplace(best.k2.bandwidth)
    assert kernel == NNGP("relu") + Laplace(1.0), "that of the search is left alone"


@pytest.mark.parametrize(
    ("short", "kernel"),
    [
        ("relu", NNGP("relu")),
        ("laplace", Laplace(200.0)),
        ("linear", Linear()),
        (exponential(2.0), NNGP(exponential(2.0))),
        (rbf_kernel, Function(rbf_kernel)),
        (NTK("erf"), NTK("erf")),
    ],
)
def test_short_forms(short, kernel):
    assert as_kernel(short) == kernel


def test_a_dual_from_a_table_equals_itself_after_pickling():
    dual = dual_of(np.tanh, "tanh")
    assert pickle.loads(pickle.dumps(NNGP(dual))) == NNGP(dual) != NNGP(dual_of(np.sin, "tanh"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: as_kernel("laplacian"),
            "unknown kernel 'laplacian': choose one of identity, .*, linear, .*NNGP\\(.relu., depth=3\\)",
        ),
        (lambda: as_kernel(3), "kernel 3 is neither a name, a kernel such as .*, nor a function"),
        (lambda: Laplace(0.0), "the bandwidth is 0.0: it must be a finite number above 0"),
        (lambda: NNGP("relu", depth=0), "the depth is 0: it must be an integer, 1 or above"),
        (lambda: NNGP("swish"), "unknown dual activation 'swish'"),
        (lambda: NNGP(np.tanh), "NNGP: .* is no dual: give a name in DUALS, or make one with dual_of"),
        (lambda: NTK("step"), "the activation step jumps"),
        (lambda: -1.0 * Linear(), "the factor of a kernel is -1.0: it must be a finite number above 0"),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_line(make, message):
    with pytest.raises(InputError, match=message) as caught:
        make().rows(samples(3))
    assert "\n" not in str(caught.value)


def test_the_largest_float_is_a_finite_number():
    Laplace(sys.float_info.max).rows(samples(3))
    with pytest.raises(InputError, match="the bandwidth is inf: it must be a finite number above 0"):
        Laplace(np.inf).rows(samples(3))


def test_a_user_defined_kernel():
    class Constant(Kernel):
        def __call__(self, X, Z=None):
            return np.ones((len(X), len(X if Z is None else Z)))

        def diag(self, X):
            return np.ones(len(X))

    X = samples(30)
    model = KernelRegression(NNGP("relu") + Constant(), ridge=0.1).fit(X, X[:, 0])
    K = nngp(X) + 1
    close(model.dual_coef_, np.linalg.solve(K + 0.1 * np.eye(30), X[:, 0]))


def test_the_library_offers_its_names_without_importing_them_and_a_fit_does_not_start_torch():
    program = (
        "import sys, nngplab, nngplab.kernels, nngplab.regression; assert 'numpy' not in sys.modules\n"
        "from nngplab import NNGP, NTK, KernelRegression, Laplace\n"
        "from nngplab.duals import DUALS, dual_by_quadrature, dual_of\n"
        "from nngplab.kernels import laplace, nngp, ntk\n"
        "from nngplab.regression import KernelRegression as same\n"
        "import numpy as np; X = np.eye(9); KernelRegression('relu').fit(X, X[0]).predict(X)\n"
        "sys.exit(same is not KernelRegression or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
