"""The colours, lines and clips that the drawings of a page have in common, as classes of one style sheet."""

import re
from collections import Counter

_DRAWING = re.compile(r"<svg\b.*?</svg>", flags=re.DOTALL)
# A style sheet has no effect on an element that has these attributes and a class for another purpose.
_ELEMENT = re.compile(r"<(?:g|image|path|rect|use)\b(?![^>]* class=)[^>]*? (?:clip|fill|image|stroke)[^>]*>")
_PROPERTY = re.compile(r' ((?:fill|stroke)(?:-[a-z]+)?|clip-path|image-rendering)="([^"]*)"')


def share_styles(page: str) -> str:
    """Return a page whose drawings (SVG) have classes in place of the properties that elements have in common.

    The classes are in a style sheet after the element <main>. What is drawn stays the same, since each class has all
    properties of an element.
    """
    drawings = _DRAWING.findall(page)
    counts = Counter(_properties(tag) for drawing in drawings for tag in _ELEMENT.findall(drawing))
    shared = [properties for properties, count in counts.most_common() if count > 1]
    names = {properties: f"k{number}" for number, properties in enumerate(shared)}

    def name(element: re.Match[str]) -> str:
        properties = _properties(element[0])
        if properties not in names:
            return element[0]
        return re.sub(r"^<\w+", rf'\g<0> class="{names[properties]}"', _PROPERTY.sub("", element[0]))

    page = _DRAWING.sub(lambda drawing: _ELEMENT.sub(name, drawing[0]), page)
    rules = "\n".join(f".{name}{{{properties}}}" for properties, name in names.items())
    sheet = f"<div hidden><svg><style>\n{rules}\n</style></svg></div>"
    return page.replace("</main>", f"</main>\n{sheet}", 1) if names else page


def _properties(tag: str) -> str:
    """Return the properties of an element as declarations of a style sheet."""
    return ";".join(sorted(f"{name}:{value}" for name, value in _PROPERTY.findall(tag)))
