"""Parts that the drawings of a page have in common, such as the glyphs of their texts, defined once for all of them."""

import re
from collections import Counter

_DRAWING = re.compile(r"<svg\b.*?</svg>", flags=re.DOTALL)
_DEFINITIONS = re.compile(r"<defs>(.*?)</defs>", flags=re.DOTALL)
_PATH = re.compile(r'<path\b([^>]*?) id="([^"]+)"([^>]*)/>')
_IMAGE = re.compile(r'<image\b([^>]*? href="data:[^>]*)/>')
# A row of glyphs, which is a label.
_GROUP = re.compile(r"<g\b([^>]*)>((?:<use\b[^>]*/>)+)</g>")
_UPRIGHT = re.compile(r' transform="translate\((\S+) (\S+)\) (scale\([^)]*\))"')
# What differs between two places of one image.
_PLACE = re.compile(r' (?:x|y|transform|clip-path)="[^"]*"')


def share_parts(page: str) -> str:
    """Return a page whose drawings (SVG) refer to parts that are defined once, after the element <main>.

    These are the paths that they define, and the images and labels that occur more than once. What is drawn stays the
    same.
    """
    drawings = _DRAWING.findall(page)
    parts = _Parts()
    drawings = [_DEFINITIONS.sub(parts.take_paths, drawing) for drawing in drawings]
    drawings = [re.sub(r'(?<= href="#)[^"]+', parts.rename, drawing) for drawing in drawings]
    for pattern, take in ((_IMAGE, parts.take_image), (_GROUP, parts.take_group)):
        parts.counts = Counter(_shared(found) for drawing in drawings for found in pattern.finditer(drawing))
        drawings = [pattern.sub(take, drawing) for drawing in drawings]
    left = iter(drawings)
    page = _DRAWING.sub(lambda _: next(left), page)
    # The attribute `hidden` is one of HTML, not of SVG.
    definitions = f"<div hidden><svg><defs>{''.join(parts.elements())}</defs></svg></div>"
    return page.replace("</main>", f"</main>\n{definitions}", 1) if parts.names else page


class _Parts:
    """The parts that are defined once: their identifiers, by the element without its own."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self._renamed: dict[str, str] = {}

    def elements(self) -> list[str]:
        return [re.sub(r"^<\w+", rf'\g<0> id="{name}"', element) for element, name in self.names.items()]

    def take_paths(self, definitions: re.Match[str]) -> str:
        def take(path: re.Match[str]) -> str:
            self._renamed[path[2]] = self._name(f"<path{path[1]}{path[3]}/>")
            return ""

        left = _PATH.sub(take, definitions[1])
        return f"<defs>{left}</defs>" if left else ""

    def rename(self, identifier: re.Match[str]) -> str:
        return self._renamed.get(identifier[0], identifier[0])

    def take_image(self, image: re.Match[str]) -> str:
        return self._use(image, "".join(_PLACE.findall(image[1])))

    def take_group(self, group: re.Match[str]) -> str:
        return self._use(group, _UPRIGHT.sub(r' x="\1" y="\2"', group[1]))

    def _use(self, found: re.Match[str], attributes: str) -> str:
        element = _shared(found)
        return f'<use{attributes} href="#{self._name(element)}"/>' if self.counts[element] > 1 else found[0]

    def _name(self, element: str) -> str:
        return self.names.setdefault(element, f"s{len(self.names)}")


def _shared(found: re.Match[str]) -> str:
    """Return the part of an image or a group that does not depend on its place."""
    if found.re is _IMAGE:
        return f"<image{_PLACE.sub('', found[1])}/>"
    upright = _UPRIGHT.search(found[1])
    scale = f' transform="{upright[3]}"' if upright else ""
    return f"<g{scale}>{found[2]}</g>"
