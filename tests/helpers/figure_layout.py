"""Where the texts and the legends of a figure are drawn."""

from itertools import combinations
from typing import NamedTuple
from unittest import mock

from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from nngplab.report.figures.style import PIXEL, TEXT_SIZE

# Boxes that share less than this many CSS pixels do not overlap.
TOLERANCE = 0.5


class Drawn(NamedTuple):
    """A text that was drawn, and its box in CSS pixels."""

    artist: Text
    box: Bbox


def drawn_texts(figure: Figure) -> list[Drawn]:
    """Draw a figure, and return its texts: labels of ticks outside of the axes are not drawn, and not among them."""
    figure.set_dpi(1 / PIXEL)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    drawn: list[Drawn] = []
    draw = Text.draw

    def record(text: Text, renderer: object, *args: object, **options: object) -> None:
        if text.get_text().strip() and text.get_visible():
            drawn.append(Drawn(text, text.get_window_extent()))
        draw(text, renderer, *args, **options)

    with mock.patch.object(Text, "draw", record), mock.patch.object(Annotation, "draw", record):
        figure.draw_without_rendering()
    return drawn


def faults(figure: Figure) -> list[str]:
    """Return what is wrong with the layout of a figure.

    All texts have one size and are in the figure, none overlaps another, legends and annotations cover no data, and no
    text is drawn over a legend.
    """
    drawn = drawn_texts(figure)
    whole, panels = figure.bbox, [axes.get_window_extent() for axes in figure.axes]
    legends = [legend for owner in (figure, *figure.axes) for legend in _legends(owner)]
    found = [f"{words(text)} has the size {text.artist.get_fontsize()}" for text in drawn if not _is_of_size(text)]
    found += [f"{words(text)} is cut off" for text in drawn if not _is_within(text.box, whole)]
    found += [f"{words(one)} overlaps {words(two)}" for one, two in combinations(drawn, 2) if overlap(one.box, two.box)]
    for legend in legends:
        box, own = legend.get_window_extent(), {id(text) for text in legend.findobj(Text)}
        found += [
            f"{words(text)} is over a legend" for text in drawn if id(text.artist) not in own and overlap(text.box, box)
        ]
        found += ["a legend is over data" for panel in panels if overlap(box, panel)]
    notes = [text for text in drawn if isinstance(text.artist, Annotation)]
    found += [f"{words(note)} is over data" for note in notes for panel in panels if overlap(note.box, panel)]
    return found


def words(text: Drawn) -> str:
    return repr(text.artist.get_text())


def overlap(one: Bbox, two: Bbox) -> bool:
    shared = Bbox.intersection(one, two)
    return shared is not None and min(shared.width, shared.height) > TOLERANCE


def _legends(owner: object) -> list[object]:
    legends = getattr(owner, "legends", None)
    return list(legends) if legends is not None else [owner.get_legend()] if owner.get_legend() else []


def _is_of_size(text: Drawn) -> bool:
    return text.artist.get_fontsize() == TEXT_SIZE


def _is_within(box: Bbox, whole: Bbox) -> bool:
    return whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1 and whole.y0 - 1 <= box.y0 and box.y1 <= whole.y1 + 1
