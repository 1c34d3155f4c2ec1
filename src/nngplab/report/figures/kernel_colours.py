"""The colours of kernels and activations."""

import itertools
from collections.abc import Iterable

import seaborn

from nngplab.kernels.duals import DUALS
from nngplab.report.figures.contrast import legible
from nngplab.report.figures.style import BLACK, COLOURS, GREY

# Those of activations stand at their duals.
KERNEL_COLOURS = {name: legible(dual.colour) for name, dual in DUALS.items() if dual.colour} | {
    "laplace": COLOURS[3],
    "linear": GREY,
    "zero": BLACK,
}
_DARK = [legible(colour) for colour in seaborn.color_palette("dark")]
_FURTHER_COLOURS = [*(_DARK[i] for i in (4, 5, 6, 9, 2, 0, 8, 3, 1)), *COLOURS[6::3], COLOURS[8]]


def kernel_colours(names: Iterable[str]) -> dict[str, str]:
    """Return the colour of each kernel or activation: its own if it has one, else the next of the further colours."""
    further = [name for name in dict.fromkeys(names) if name not in KERNEL_COLOURS]
    return KERNEL_COLOURS | dict(zip(further, itertools.cycle(_FURTHER_COLOURS), strict=False))
