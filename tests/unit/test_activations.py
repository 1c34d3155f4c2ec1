"""Activations by name."""

import numpy as np
import pytest

from nngplab.errors import InputError
from nngplab.kernels.activations import activation, check_activation, dual_named
from nngplab.kernels.duals import DUALS
from nngplab.kernels.tabulated import dual_by_quadrature


def test_a_name_is_a_closed_form_or_an_added_function():
    assert dual_named("gelu") is DUALS["gelu"]
    tanh = dual_named("tanh")
    assert tanh(0.4) * tanh.second_moment == pytest.approx(float(dual_by_quadrature(np.tanh, 0.4)), rel=1e-13)
    assert dual_named("tanh") is tanh


@pytest.mark.parametrize("use", [check_activation, dual_named])
def test_an_unknown_name_lists_the_known(use):
    with pytest.raises(
        InputError, match=r"^unknown activation 'swisch': choose one of identity, .*, tanh, or add it to"
    ):
        use("swisch")


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_a_name_that_is_taken(name):
    def function(x):
        return x

    function.__name__ = name
    with pytest.raises(InputError, match=f"there is an activation {name} already"):
        activation(function)
