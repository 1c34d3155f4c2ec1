"""Colours that have contrast with a light and with a dark page."""

import colorsys
from typing import Any

import numpy as np
from matplotlib.colors import to_hex, to_rgb

# A relative luminance between these has a contrast of 3:1 with white and with the dark page (WCAG 2.2, 1.4.11).
_LUMINANCES = (0.128, 0.298)


def luminance(colour: Any) -> float:
    """Return the relative luminance of a colour, from 0 to 1 (WCAG 2.2)."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(colour: Any, other: Any) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(colour), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def legible(colour: Any) -> str:
    """Return a colour of the same hue that has contrast with a light and with a dark page.

    A colour that has it already stays as it is.
    """
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(colour))
    step = 0.005 if luminance(colour) < _LUMINANCES[0] else -0.005
    found = to_hex(colour)
    while not _LUMINANCES[0] <= luminance(found) <= _LUMINANCES[1]:
        lightness += step
        found = to_hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return str(found)
