"""Figures made of colour images: grids, labelled rows, and the weights of a first layer."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from nngplab.errors import InputError
from nngplab.report.figures.style import figure_style


def to_images(rows: npt.NDArray[np.floating[Any]], full_contrast: bool = False) -> npt.NDArray[np.uint8]:
    """Return rows of pixel values (n, 3072), channels first, as images (n, 3, 32, 32) of 0 (black) to 255.

    Values outside [0, 1] are clipped; with `full_contrast`, each image is scaled and shifted to span [0, 1] instead.
    """
    if full_contrast:
        low, span = rows.min(axis=1, keepdims=True), np.ptp(rows, axis=1, keepdims=True)
        rows = (rows - low) / np.where(span > 0, span, 1)
    return (rows.clip(0, 1) * 255).round().astype(np.uint8).reshape(-1, 3, 32, 32)


def plot_image_grid(images: npt.NDArray[np.uint8], titles: Sequence[str], columns: int = 10, title: str = "") -> Figure:
    """Draw colour images in a grid, each under its title.

    Args:
        images: (n, 3, h, w), channels first as in PyTorch, 0 to 255.
        titles: n titles, one for each image.
        columns: the number of images in a row.
        title: the title of the figure.

    Raises:
        InputError: if the images have another shape or dtype, or if the number of titles differs.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != np.uint8 or len(images) == 0:
        raise InputError(f"images are {images.dtype} of shape {images.shape}; give uint8 of shape (n, 3, h, w)")
    if len(titles) != len(images):
        raise InputError(f"{len(titles)} titles for {len(images)} images; give one title for each image")
    rows = math.ceil(len(images) / columns)
    with figure_style("white"):
        figure = Figure(figsize=(columns, 1.22 * rows + (0.4 if title else 0)), layout="constrained")
        for axes in figure.subplots(rows, columns, squeeze=False).flat:
            axes.set_axis_off()
        for axes, image, words in zip(figure.axes, images, titles, strict=False):
            axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
            axes.set_title(words, fontsize=9, pad=3, parse_math=False)
        if title:
            figure.suptitle(title, parse_math=False)
    return figure


def plot_image_rows(rows: dict[str, npt.NDArray[np.uint8]], columns: Sequence[str], title: str) -> Figure:
    """Draw labelled rows of colour images under column titles.

    Args:
        rows: the label of each row -> its images, (number of columns, 3, h, w), channels first.
        columns: the titles of the columns.
        title: the title of the figure.
    """
    with figure_style("white"):
        figure = Figure(figsize=(1.15 * len(columns) + 1.7, 1.12 * len(rows) + 1.0), layout="constrained")
        panels = figure.subplots(len(rows), len(columns), squeeze=False)
        for line, (label, images) in zip(panels, rows.items(), strict=True):
            for axes, image in zip(line, images, strict=True):
                axes.set(xticks=[], yticks=[])
                axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
            line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10)
        for axes, column in zip(panels[0], columns, strict=True):
            axes.set_title(column, fontsize=9, pad=4)
        figure.suptitle(title, parse_math=False, fontsize=11)
    return figure


def plot_weights(weights: npt.NDArray[np.floating[Any]], columns: int = 16, limit: int = 128) -> Figure:
    """Draw the weights of hidden units as colour images in a grid, each on its own scale, with 0 as grey.

    Args:
        weights: (n, 3, h, w), channels first.
        columns: the number of images in a row.
        limit: the largest number of images drawn; these are the first ones.
    """
    weights = weights[:limit]
    scale = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    rows, (height, width) = math.ceil(len(weights) / columns), weights.shape[2:]
    # Each image has a white border of one pixel.
    tiles = np.ones((rows * columns, 3, height + 2, width + 2))
    tiles[: len(weights), :, 1:-1, 1:-1] = 0.5 + 0.5 * weights / np.where(scale > 0, scale, 1)
    mosaic = tiles.reshape(rows, columns, *tiles.shape[1:]).transpose(0, 3, 1, 4, 2)
    with figure_style("white"):
        figure = Figure(figsize=(9.2, 9.2 * rows / columns + 0.3), layout="constrained")
        axes = figure.subplots()
        axes.set_axis_off()
        axes.imshow(mosaic.reshape(rows * (height + 2), columns * (width + 2), 3), interpolation="nearest")
    return figure
