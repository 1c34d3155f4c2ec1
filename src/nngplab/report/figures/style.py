"""The style that all figures share, and how a figure is saved."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import seaborn
from matplotlib.figure import Figure

from nngplab.errors import InputError
from nngplab.pipeline.files import atomic_write

COLOURS: list[str] = seaborn.color_palette("colorblind").as_hex()
BLACK = "#222222"
DARK_GREY = "#555555"
GREY = "#777777"
_MARK_COLOUR = "#c00000"


@contextmanager
def figure_style(name: str = "whitegrid") -> Iterator[None]:
    """Set the style of the figures that are made in the context, by the name of a style of seaborn."""
    with matplotlib.rc_context({**seaborn.axes_style(name), "axes.titlesize": 11, "font.family": "DejaVu Sans"}):
        yield


def save(figure: Figure, path: str | os.PathLike[str], mark: str | None = None) -> None:
    """Write a figure as .svg or .png. The same figure gives the same bytes. On an error no file is written.

    Args:
        figure: the figure; a mark is added to it.
        path: its suffix, .svg or .png, is the format.
        mark: a warning printed in red below the figure, for a figure of data that are not what they seem.

    Raises:
        InputError: if the suffix is neither .svg nor .png.
    """
    # By default, these hold the time or the version of matplotlib.
    metadata: dict[str, dict[str, str | None]] = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
    suffix = Path(path).suffix
    if suffix not in metadata:
        raise InputError(f"{path}: a figure is written as .svg or .png, not as '{suffix}'; change the suffix")
    if mark:
        figure.supxlabel(mark, color=_MARK_COLOUR, weight="bold", fontsize=13, parse_math=False)
    # Identifiers inside an SVG are random unless salted.
    with matplotlib.rc_context({"svg.hashsalt": "nngplab"}), atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=160, metadata=metadata[suffix])
