"""Figures as a part of the page: the texts and axes of an SVG have the colours of the page in light and dark."""

import base64
import hashlib
import io
import re

from markupsafe import Markup
from PIL import Image

# The colours of `nngplab.report.figures.style` that the page replaces by its own.
_VARIABLES = {"#1b1e23": "--text", "#565d66": "--muted", "#d3d8df": "--line", "#ffffff": "--page"}
# The white rectangles of the figure and of its axes. They would hide the shadow at the edge of a figure that scrolls.
_BACKGROUND = re.compile(r'<path d="m[\d. ]+h[\d.]+v-[\d.]+h-[\d.]+z" fill="#ffffff"/>')


def inline_svg(text: str, file: str, alt: str) -> Markup:
    """Return a figure that `nngplab.report.figures.style.save` wrote as an element <svg> of a page in HTML.

    Args:
        text: the SVG.
        file: its path, from which its identifiers are derived, so that those of two figures differ.
        alt: the alternative text, without markup.
    """
    prefix = f"f{hashlib.sha256(file.encode()).hexdigest()[:5]}"
    text = text[text.index("<svg") :].strip().replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = _BACKGROUND.sub("", text)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}", text)
    text = re.sub(
        r"(?<= href=\")data:image/png;base64,([^\"]+)", lambda found: inline_webp(base64.b64decode(found[1])), text
    )
    for colour, variable in _VARIABLES.items():
        text = text.replace(f'"{colour}"', f'"var({variable})"')
    attributes = Markup('<svg role="img" aria-label="{}" data-file="{}"').format(alt, file)
    return Markup(text.replace("<svg", attributes, 1))  # noqa: S704 - it is markup of matplotlib


def inline_webp(png: bytes) -> str:
    """Return a PNG as the data URL of a lossless WebP, which is smaller and has the same pixels."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.save(buffer, "webp", lossless=True, exact=True, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
