"""Filters and functions of the templates: how numbers with an origin, and lists, are written."""

import math
from collections.abc import Iterable
from typing import Any

import yaml
from markupsafe import Markup, escape

from nngplab.report.tracing import PLAIN_POWERS, SUPERSCRIPTS, Number, fixed_point, significant

_MAGNITUDES = ("tens", "hundreds", "thousands", "tens of thousands", "hundreds of thousands", "millions")


def digits(number: Any, count: int) -> Any:
    """Write a number with `count` significant digits. Text stays as it is."""
    return number.written_as(significant(number, count)) if isinstance(number, Number) else number


def fixed(number: Any, decimals: int) -> Any:
    """Write a number with `decimals` digits after the point. Text stays as it is."""
    return number.written_as(fixed_point(number, decimals)) if isinstance(number, Number) else number


def plain(number: Any) -> Any:
    """Write a number with all its digits and no separators, as 10, 0.5 or 2 × 10⁻⁵: for parameters, such as a width.

    Text stays as it is.
    """
    if not isinstance(number, Number):
        return number
    mantissa, _, exponent = repr(int(number) if number.whole else float(number)).partition("e")
    power = f" × 10{str(int(exponent)).translate(SUPERSCRIPTS)}" if exponent else ""
    return number.written_as((mantissa.removesuffix(".0") + power).replace("-", "−"))


def percent(number: Any, decimals: int = 0) -> Any:
    """Write a share in percent, with `decimals` digits after the point. Text stays as it is."""
    if not isinstance(number, Number):
        return number
    return number.written_as(f"{fixed_point(100 * float(number), decimals)}%")


def shares(numbers: Iterable[Number], decimals: int = 0) -> list[Markup]:
    """Write the shares of a whole in percent, with `decimals` digits after the point, so that they add up.

    Each share is rounded down, and those with the largest remainders get the units that are missing in the rounded sum
    (the method of largest remainders).

    Args:
        numbers: shares of the same whole, none below zero; all of them together, or those of a part of it.
        decimals: the number of digits after the point.
    """
    listed = list(numbers)
    exact = [100 * 10**decimals * float(number) for number in listed]
    units = [math.floor(value + 1e-9) for value in exact]
    missing = round(sum(exact)) - sum(units)
    by_remainder = sorted(range(len(exact)), key=lambda place: units[place] - exact[place])
    for place in by_remainder[:missing]:
        units[place] += 1
    return [
        number.written_as(f"{fixed_point(unit / 10**decimals, decimals)}%")
        for number, unit in zip(listed, units, strict=True)
    ]


def interval(low: Number, high: Number) -> Markup:
    """Write an interval as "(1.27 to 1.31) × 10⁻⁵", with two significant digits of its width; "–" if it is infinite."""
    if not math.isfinite(high - low):
        return Markup("–")
    largest = max(abs(low), abs(high))
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    scale = 0 if power in PLAIN_POWERS else power
    width = (high - low) / 10.0**scale
    decimals = max(0, 1 - math.floor(math.log10(width))) if width > 0 else 2
    nearest = min(abs(low), abs(high)) / 10.0**scale
    if nearest > 0 and (low > 0) == (high > 0):  # An interval that excludes zero must not show it as an end.
        decimals = max(decimals, -math.floor(math.log10(nearest)))
    ends = [end.written_as(fixed_point(float(end) / 10.0**scale, decimals)) for end in (low, high)]
    written = Markup("{} to {}").format(*ends)
    if scale:
        written = Markup("({}) × 10{}").format(written, str(scale).translate(SUPERSCRIPTS))
    return Markup('<span class="interval">{}</span>').format(written)


def magnitude(low: Number, high: Number) -> str:
    """Name the order of magnitude of all numbers between two ends, or return "" if they have no common one.

    It is that of the lower end; "hundreds" then go on to below twenty hundred, and so on.
    """
    for power, name in enumerate(_MAGNITUDES, start=1):
        if 10**power <= low < 10 ** (power + 1) and low <= high < 2 * 10 ** (power + 1):
            return name
    return ""


def join_and(items: Iterable[object]) -> Markup:
    """Write a list as "a, b and c"."""
    *first, last = [escape(item) for item in items]
    return Markup(" and ").join([Markup(", ").join(first), last]) if first else last


def as_yaml(value: Any) -> str:
    """Write a configuration as YAML, with keys in their order."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
