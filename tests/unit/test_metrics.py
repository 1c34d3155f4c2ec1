"""The metrics that git tracks: rounded to what is the same on every machine."""

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nngplab.pipeline.metrics import EXACT_DIGITS, TRAINED_DIGITS, round_numbers, write_metrics

FLOATS = st.floats(min_value=1e-300, max_value=1e300) | st.floats(min_value=-1e300, max_value=-1e-300) | st.just(0.0)
DIGITS = st.integers(1, 15)


def unit(value: float, digits: int) -> Fraction:
    """The distance between two rounded numbers, exactly: a power of ten."""
    return Fraction(10) ** (int(f"{abs(value):.{digits - 1}e}".partition("e")[2]) - digits + 1)


@given(FLOATS, DIGITS)
def test_a_rounded_number_is_the_nearest_with_so_many_digits(value, digits):
    found = round_numbers(value, digits)
    assert found == float(f"{found:.{digits - 1}e}"), "so many digits are enough to write it"
    # Half a unit, and the error of the double that is nearest to the decimal number.
    assert abs(Fraction(found) - Fraction(value)) <= unit(value, digits) / 2 + Fraction(math.ulp(found))
    assert round_numbers(found, digits) == found


@given(FLOATS, st.floats(-1e-11, 1e-11), st.sampled_from([TRAINED_DIGITS, EXACT_DIGITS]))
@example(1.234565, 1e-11, 6)
@example(1.234565, -1e-11, 6)
@example(9.999995, -1e-11, 6)
def test_close_numbers_become_equal_unless_a_middle_is_between_them(value, error, digits):
    """Then they become neighbours."""
    low, high = sorted([value, value * (1 + error)])
    first, second = (Fraction(Decimal(repr(round_numbers(number, digits)))) for number in (low, high))
    if first != second:
        assert Fraction(low) <= (first + second) / 2 <= Fraction(high)
        assert second - first == min(unit(float(first), digits), unit(float(second), digits))


def test_what_is_counted_or_named_is_not_rounded():
    value = {"images": "x", "n": np.int64(1234567890123), "on": True, 3: [1.23456789, (None, 2)], "zero": -0.0}
    found = round_numbers(value, 3)
    assert repr(found) == "{'images': 'x', 'n': 1234567890123, 'on': True, '3': [1.23, [None, 2]], 'zero': 0.0}"


def test_numbers_of_trained_networks_are_apart(tmp_path):
    path = tmp_path / "metrics.json"
    write_metrics(path, {"r2": np.float64(1 / 3)}, trained={"mse": {"accuracy": 2 / 3}})
    assert json.loads(path.read_text()) == {"r2": 0.333333, "trained": {"mse": {"accuracy": 0.67}}}
    write_metrics(path, {"r2": 1.0})
    assert json.loads(path.read_text()) == {"r2": 1.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float64("nan")])
def test_a_number_that_json_cannot_hold_is_refused(value, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_metrics(tmp_path / "metrics.json", {"x": {"y": value}})
    assert not list(tmp_path.iterdir())
