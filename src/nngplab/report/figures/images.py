"""Figures made of colour images: grids, labelled rows, and the weights of a first layer."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from nngplab.errors import InputError
from nngplab.report.figures.style import GREY, PIXEL, WIDTH, figure_style

# The side of an image in CSS pixels: a multiple of 32, so that each pixel is a square of the same size.
_SIDE = 64
# The smallest distances in CSS pixels: between images across and down, and between a text and an image.
_ACROSS, _DOWN, _NEAR = 8, 8, 4


class Line(NamedTuple):
    """A line of images (n, 3, h, w) with a label at its left, and n titles above the images or none."""

    label: str
    images: npt.NDArray[np.uint8]
    titles: Sequence[str]


def to_images(rows: npt.NDArray[np.floating[Any]], full_contrast: bool = False) -> npt.NDArray[np.uint8]:
    """Return rows of pixel values (n, 3072), channels first, as images (n, 3, 32, 32) of 0 (black) to 255.

    Values outside [0, 1] are clipped; with `full_contrast`, each image is scaled and shifted to span [0, 1] instead.
    """
    if full_contrast:
        low, span = rows.min(axis=1, keepdims=True), np.ptp(rows, axis=1, keepdims=True)
        rows = (rows - low) / np.where(span > 0, span, 1)
    return (rows.clip(0, 1) * 255).round().astype(np.uint8).reshape(-1, 3, 32, 32)


def without_mathematics(text: str) -> str:
    """Return a text in which matplotlib finds no mathematics, whatever its words are."""
    return text.replace("$", r"\$")


def plot_image_grid(images: npt.NDArray[np.uint8], titles: Sequence[str], columns: int = 8, title: str = "") -> Figure:
    """Draw colour images in a grid, each under its title.

    Args:
        images: (n, 3, h, w), channels first as in PyTorch, 0 to 255.
        titles: n titles, one for each image.
        columns: the largest number of images in a line.
        title: the title of the figure.

    Raises:
        InputError: if the images have another shape or dtype, or if the number of titles differs.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != np.uint8 or len(images) == 0:
        raise InputError(f"images are {images.dtype} of shape {images.shape}; give uint8 of shape (n, 3, h, w)")
    if len(titles) != len(images):
        raise InputError(f"{len(titles)} titles for {len(images)} images; give one title for each image")
    titles = [without_mathematics(words) for words in titles]
    count = min(columns, _count_that_fit([""], titles))
    starts = range(0, len(images), count)
    return plot_lines(
        [Line("", images[i : i + count], titles[i : i + count]) for i in starts], without_mathematics(title)
    )


def plot_image_rows(rows: dict[str, npt.NDArray[np.uint8]], columns: Sequence[str], title: str) -> Figure:
    """Draw labelled rows of colour images under column titles. Columns that do not fit continue below.

    Args:
        rows: the label of each row -> its images, (number of columns, 3, h, w), channels first.
        columns: the titles of the columns.
        title: the title of the figure.
    """
    lines = [Line(label, images, [] if i else columns) for i, (label, images) in enumerate(rows.items())]
    return plot_lines(lines, title)


def plot_lines(lines: Sequence[Line], title: str) -> Figure:
    """Draw lines of colour images, each image at its size in the report, below the title of the figure.

    Images that do not fit in the width of a figure continue below, all lines together.
    """
    lines = _wrap(lines)
    labels = [line.label for line in lines]
    pitch = _pitch([words for line in lines for words in line.titles])
    # The first title may be wider than its image.
    overhang = math.ceil((pitch - _ACROSS - _SIDE) / 2) + 1
    left = max(math.ceil(_text_size(labels)[0]) + 2 * _NEAR if any(labels) else 0, overhang)
    tops, height = [], math.ceil(_text_size([title])[1]) + 2 * _NEAR if title else 0
    for line in lines:
        height += math.ceil(_text_size(line.titles)[1]) + _NEAR if line.titles else 1
        tops.append(height)
        height += _SIDE + _DOWN
    columns = max(len(line.images) for line in lines)
    width = max(left + pitch * (columns - 1) + _SIDE + overhang, math.ceil(_text_size([title])[0]))
    with figure_style("white"):
        figure = Figure(figsize=(width * PIXEL, height * PIXEL))
        if title:
            figure.suptitle(title, x=0, y=1 - 2 * PIXEL / figure.get_figheight(), ha="left", va="top")
        for line, top in zip(lines, tops, strict=True):
            _draw_line(figure, line, left, top, pitch)
    return figure


def _wrap(lines: Sequence[Line]) -> list[Line]:
    """Split lines in parts that fit, of about the same number of images, and return all lines of each part in turn."""
    longest = max(len(line.images) for line in lines)
    titles = [words for line in lines for words in line.titles]
    parts = math.ceil(longest / _count_that_fit([line.label for line in lines], titles))
    count = math.ceil(longest / parts)
    slices = [slice(start, start + count) for start in range(0, longest, count)]
    wrapped = [Line(line.label, line.images[part], line.titles[part]) for part in slices for line in lines]
    return [line for line in wrapped if len(line.images)]


def _draw_line(figure: Figure, line: Line, left: float, top: float, pitch: float) -> None:
    width, height = figure.get_size_inches() / PIXEL
    for number, image in enumerate(line.images):
        x = left + number * pitch
        axes = figure.add_axes((x / width, 1 - (top + _SIDE) / height, _SIDE / width, _SIDE / height))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        # A frame, half of it behind the image: a black image would have no edge on a dark page.
        axes.patch.set(edgecolor=GREY, linewidth=1)
        # Without interpolation an SVG has the pixels as they are, and the browser enlarges them without blur.
        # It fills the axes, so that there is nothing to clip.
        axes.imshow(image.transpose(1, 2, 0), interpolation="none", aspect="auto", clip_on=False)
        if line.titles:
            axes.set_title(line.titles[number], pad=_NEAR * PIXEL * 72)
    if line.label:
        figure.axes[-len(line.images)].set_ylabel(line.label, rotation=0, ha="right", va="center", labelpad=3)


def _count_that_fit(labels: Sequence[str], titles: Sequence[str]) -> int:
    """Return the number of images that fit beside the labels in the width of a figure."""
    return max(1, int((WIDTH / PIXEL + _ACROSS - math.ceil(_text_size(labels)[0]) - 3 * _NEAR) // _pitch(titles)))


def _pitch(titles: Sequence[str]) -> int:
    """Return the distance from one image to the next in CSS pixels."""
    return math.ceil(max(_SIDE, _text_size(titles)[0])) + _ACROSS


def _text_size(texts: Iterable[str]) -> tuple[float, float]:
    """Return the largest width and height of texts in CSS pixels."""
    with figure_style("white"):
        figure = Figure(dpi=1 / PIXEL)
        boxes = [figure.text(0, 0, text).get_window_extent() for text in texts if text]
    return max((box.width for box in boxes), default=0), max((box.height for box in boxes), default=0)


def plot_weights(weights: npt.NDArray[np.floating[Any]], columns: int = 10, limit: int = 60) -> Figure:
    """Draw the weights of hidden units as colour images in a grid, each on its own scale, with 0 as grey.

    Args:
        weights: (n, 3, h, w), channels first.
        columns: the number of images in a row.
        limit: the largest number of images drawn; these are the first ones.
    """
    weights = weights[:limit]
    scale = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    rows, (height, width) = math.ceil(len(weights) / columns), weights.shape[2:]
    # Each image has a transparent border of one pixel.
    tiles = np.zeros((rows * columns, 4, height + 2, width + 2))
    tiles[: len(weights), :3, 1:-1, 1:-1] = 0.5 + 0.5 * weights / np.where(scale > 0, scale, 1)
    tiles[: len(weights), 3, 1:-1, 1:-1] = 1
    mosaic = tiles.reshape(rows, columns, *tiles.shape[1:]).transpose(0, 3, 1, 4, 2)
    mosaic = mosaic.reshape(rows * (height + 2), columns * (width + 2), 4)
    with figure_style("white"):
        figure = Figure(figsize=(2 * mosaic.shape[1] * PIXEL, 2 * mosaic.shape[0] * PIXEL))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.imshow(mosaic, interpolation="none", aspect="auto")
    return figure
