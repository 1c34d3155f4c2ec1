"""Activations by name and from files."""

import numpy as np
import pytest

from nngplab.errors import InputError
from nngplab.kernels.activations import dual_named, read_activation
from nngplab.kernels.duals import DUALS
from nngplab.kernels.objects import NNGP
from nngplab.kernels.tabulated import dual_by_quadrature
from tests.helpers.checkout import ROOT

TANH = ROOT / "workflow/activations/tanh.py"
SQUARE = "def square(x):\n    return x**2\n\n\ndef dual(xi):\n    return 7 + 14 * xi**2\n"


def test_a_closed_form():
    assert dual_named("gelu") is DUALS["gelu"]


def test_an_unknown_name_lists_the_known():
    message = (
        r"^unknown activation 'swisch': choose one of identity, .*, or write it into workflow/activations/swisch.py$"
    )
    with pytest.raises(InputError, match=message):
        dual_named("swisch")


def test_the_activation_in_a_file():
    tanh = dual_named("tanh", TANH)
    assert tanh(0.4) * tanh.second_moment == pytest.approx(float(dual_by_quadrature(np.tanh, 0.4)), rel=1e-13)
    assert tanh.activation(np.ones(2)) == pytest.approx(np.tanh(1) / np.sqrt(tanh.second_moment))


def test_reading_a_file_leaves_nothing_beside_it(tmp_path):
    """The folder of activations is a dependency of stages."""
    (tmp_path / "square.py").write_text(SQUARE)
    read_activation(tmp_path / "square.py")
    assert [path.name for path in tmp_path.iterdir()] == ["square.py"]


def test_a_closed_form_in_a_file_is_that_of_the_library(tmp_path):
    (tmp_path / "square.py").write_text(SQUARE)
    dual, library = dual_named("square", tmp_path / "square.py"), DUALS["monomial_2"]
    X = np.random.default_rng(0).normal(size=(20, 5))
    np.testing.assert_allclose(NNGP(dual)(X), NNGP(library)(X), rtol=1e-12)
    assert dual.second_moment == pytest.approx(library.second_moment)
    assert float(dual(1.0)) == 1
    with pytest.raises(InputError, match="for unit variances only"):
        dual.moment(np.zeros(1), np.full(1, 2.0), np.ones(1))
    with pytest.raises(InputError, match="without that of its derivative"):
        dual.derivative(0.5)


@pytest.mark.parametrize("name", ["relu", "dual", "Größe", "a-b"])
def test_names_that_a_file_cannot_have(tmp_path, name):
    (tmp_path / f"{name}.py").write_text(SQUARE)
    with pytest.raises(InputError, match=f"{name}.py: (there is an activation|the name) {name}"):
        read_activation(tmp_path / f"{name}.py")


def test_a_file_without_its_function(tmp_path):
    (tmp_path / "cube.py").write_text(SQUARE)
    with pytest.raises(InputError, match=r"cube\.py: it must define the function cube"):
        read_activation(tmp_path / "cube.py")
