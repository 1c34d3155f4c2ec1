"""The style that all figures share: sizes, colours, and how a figure is saved."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import seaborn
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike, NDArray

from nngplab.errors import InputError
from nngplab.pipeline.files import atomic_write
from nngplab.report.figures.contrast import legible
from nngplab.report.figures.svg import MARK, compress_png, tidy

# The width of a figure in inches. It is shown at this size, as 720 CSS pixels, so that nothing is scaled.
WIDTH = 7.5
# The size of all texts in points: 10 CSS pixels.
TEXT_SIZE = 7.5
PIXEL = 1 / 96
# The report shows these colours as its own, which differ in light and dark (see `nngplab.report.inline_svg`).
BLACK = "#1b1e23"
DARK_GREY = "#565d66"
LIGHT_GREY = "#d3d8df"
WHITE = "#ffffff"
# All other colours are the same in light and dark, and have contrast with both.
GREY = "#777777"
COLOURS: list[str] = [legible(colour) for colour in seaborn.color_palette("colorblind")]
# The height of the strip for a mark, in inches.
_MARK_HEIGHT = 18 * PIXEL
_TEXTS = (
    "font.size",
    "axes.titlesize",
    "axes.labelsize",
    "xtick.labelsize",
    "ytick.labelsize",
    "legend.fontsize",
    "legend.title_fontsize",
    "figure.titlesize",
    "figure.labelsize",
)
_COLOURS = {
    "text.color": BLACK,
    "axes.labelcolor": BLACK,
    "xtick.labelcolor": BLACK,
    "ytick.labelcolor": BLACK,
    "xtick.color": DARK_GREY,
    "ytick.color": DARK_GREY,
    "axes.edgecolor": LIGHT_GREY,
    "grid.color": LIGHT_GREY,
    "axes.facecolor": WHITE,
    "figure.facecolor": WHITE,
    "hatch.color": GREY,
}
# Texts are paths: DejaVu Sans is not on every machine, and with another font the labels would have other widths.
# A screen reader reads the alternative text.
_SETTINGS: dict[str, Any] = {"font.family": "DejaVu Sans", "svg.fonttype": "path", "legend.frameon": False}


@contextmanager
def figure_style(name: str = "whitegrid") -> Iterator[None]:
    """Set the style of the figures that are made in the context, by the name of a style of seaborn."""
    style = seaborn.axes_style(name) | dict.fromkeys(_TEXTS, TEXT_SIZE) | _COLOURS | _SETTINGS
    with matplotlib.rc_context(style):
        yield


def shade_colours(colour: str = COLOURS[0], strongest: float = 0.8) -> ListedColormap:
    """Return the colours of a heat map, from transparent to opaque, on which texts are legible in light and dark."""
    return ListedColormap([(*to_rgb(colour), strongest * step / 255) for step in range(256)])


def add_legend(figure: Figure, handles: list[Any], place: Any = "outside upper center", **options: Any) -> None:
    """Add a legend in the margin of a figure, where it covers nothing, with as many columns as fit."""
    for columns in range(options.pop("ncols", len(handles)), 0, -1):
        legend = figure.legend(handles=handles, loc=place, ncols=columns, columnspacing=1.6, **options)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()


def interval_bars(mean: ArrayLike, low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """Return the lengths (2, m) of error bars for a logarithmic axis, from the ends of intervals around means (m,).

    An interval that is not finite has no bar (NaN). One with an end that is not positive begins just above 0.
    """
    centre = np.asarray(mean, float)
    bars = np.abs(np.array([low, high], float) - centre)
    bars[0] = np.minimum(bars[0], 0.999 * centre)
    bars[:, ~np.isfinite(np.asarray(high, float))] = np.nan
    return bars


def power_of_ten(value: float) -> str:
    """Return a positive number for a label, as mathematics: 10⁻⁵, or 2 × 10⁻⁵."""
    mantissa, exponent = f"{value:.2e}".split("e")
    factor = "" if float(mantissa) == 1 else rf"{float(mantissa):g} \times "
    return f"${factor}10^{{{int(exponent)}}}$"


def save(figure: Figure, path: str | os.PathLike[str], mark: str | None = None) -> None:
    """Write a figure as .svg or .png. The same figure gives the same bytes. On an error no file is written.

    Args:
        figure: the figure; a mark is added to it.
        path: its suffix, .svg or .png, is the format.
        mark: a note printed in grey in a strip below the figure, for a figure of data that are not what they seem.

    Raises:
        InputError: if the suffix is neither .svg nor .png.
    """
    suffix = Path(path).suffix
    if suffix not in (".svg", ".png"):
        raise InputError(f"{path}: a figure is written as .svg or .png, not as '{suffix}'; change the suffix")
    width, height = figure.get_size_inches()
    strip = _add_mark(figure, mark) if mark else 0
    buffer = io.BytesIO()
    # By default, the metadata hold the time or the version of matplotlib.
    metadata = {"Date": None, "Creator": None} if suffix == ".svg" else {"Software": None}
    # The size of what is rasterised in an SVG: two pixels for each CSS pixel.
    figure.savefig(
        buffer, format=suffix[1:], dpi=2 / PIXEL, metadata=metadata, bbox_inches=Bbox([[0, -strip], [width, height]])
    )
    with atomic_write(path) as temporary:
        temporary.write_bytes(
            tidy(buffer.getvalue().decode()).encode() if suffix == ".svg" else compress_png(buffer.getvalue())
        )


def _add_mark(figure: Figure, mark: str) -> float:
    """Write a mark below the figure, and return the height of its lines in inches."""
    strip = _MARK_HEIGHT * len(mark.splitlines())
    middle = -strip / 2 / figure.get_size_inches()[1]
    figure.draw_without_rendering()
    for legend in figure.legends:
        # A legend stays where the layout put it, in the figure without the strip.
        legend.set_bbox_to_anchor((0, 0, 1, 1), figure.transFigure)
    figure.set_layout_engine("none")
    style: dict[str, Any] = {"color": DARK_GREY, "size": TEXT_SIZE, "parse_math": False}
    figure.text(0.5, middle, mark, ha="center", va="center", gid=MARK, **style)
    return strip
