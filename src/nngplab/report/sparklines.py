"""Small pictures of results, as SVG within a line of text. The style sheet colours them."""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 96, 30, 2


def sparkline(points: Iterable[Sequence[float]], alt: str, logarithmic: bool = False) -> Markup:
    """Draw a line through points; those that have no finite place are left out.

    Args:
        points: pairs (x, y), in the order of the line.
        alt: what the picture shows, in words.
        logarithmic: whether both axes are logarithmic.
    """
    pairs = [(float(x), float(y)) for x, y in points]
    if logarithmic:
        pairs = [(math.log(x), math.log(y)) for x, y in pairs if x > 0 and y > 0]
    pairs = [pair for pair in pairs if all(map(math.isfinite, pair))]
    across = _scale([x for x, _ in pairs], MARGIN, WIDTH - MARGIN)
    up = _scale([y for _, y in pairs], HEIGHT - MARGIN, MARGIN)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, up, strict=True))
    return _picture(Markup('<polyline points="{}"/>').format(line), alt)


def sparkbars(values: Iterable[float], alt: str) -> Markup:
    """Draw a bar for each number, from zero; those that are not finite or below zero have no bar."""
    heights = [float(value) if 0 < value < math.inf else 0.0 for value in values]
    largest, step = max(heights, default=0.0) or 1.0, (WIDTH - 2 * MARGIN) / max(len(heights), 1)
    bars = Markup("").join(
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            MARGIN + place * step + 0.1 * step, HEIGHT - MARGIN - tall, 0.8 * step, tall
        )
        for place, tall in enumerate((HEIGHT - 2 * MARGIN) * height / largest for height in heights)
    )
    return _picture(bars, alt)


def _scale(values: list[float], low: float, high: float) -> list[float]:
    """Map numbers linearly to an interval; equal numbers to its middle."""
    smallest, largest = min(values, default=0.0), max(values, default=0.0)
    if smallest == largest:
        return [(low + high) / 2] * len(values)
    return [low + (high - low) * (value - smallest) / (largest - smallest) for value in values]


def _picture(content: Markup, alt: str) -> Markup:
    return Markup('<svg class="sparkline" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, alt, content
    )
