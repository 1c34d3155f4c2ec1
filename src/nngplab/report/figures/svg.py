"""The SVG that matplotlib writes, made smaller and independent of the page that includes it."""

import base64
import io
import re
from xml.etree import ElementTree as ET

from PIL import Image

# The identifier of a group that becomes its class, so that a page that says the same in its caption can hide it.
MARK = "mark"
_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
# The largest number of colours of an image in a figure.
_PALETTE = 64
# A glyph is a path in 1/64 of a unit, of which there are 100 in the size of the text.
_GLYPH = "scale(0.015625)"


def tidy(text: str) -> str:
    """Return an SVG of matplotlib without metadata, styles and needless digits.

    Declarations of a style become attributes, which a content security policy does not forbid. The size is in CSS
    pixels, coordinates have two decimals, identifiers are numbered, and images have a palette.
    """
    ET.register_namespace("", _SVG)
    # Texts are paths, each after a comment with its words.
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))  # noqa: S314 - matplotlib wrote the text
    root = ET.fromstring(text, parser)  # noqa: S314
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    # These stand in the style that is removed.
    root.attrib.update({"stroke-linejoin": "round", "stroke-linecap": "butt"})
    root.attrib.pop("version", None)
    for name in ("width", "height"):
        root.set(name, f"{float(root.attrib[name].removesuffix('pt')) * 96 / 72:g}")
    _remove_empty_glyphs(root)
    used = _references(root)
    numbers: dict[str, str] = {}
    for element in root.iter():
        if element.tag is not ET.Comment:
            _tidy_element(element, used, numbers)
    _unwrap(root)
    _share_attributes(root)
    for element in root.iter():
        element.tail = None
        if element.tag is not ET.Comment:
            element.text = None
    return ET.tostring(root, encoding="unicode").replace(" />", "/>") + "\n"


def _remove_empty_glyphs(root: ET.Element) -> None:
    """Remove the spaces of texts, which are paths without a line."""
    empty = {f"#{path.get('id')}" for path in root.iter(f"{{{_SVG}}}path") if not path.get("d", "").strip()}
    for parent in root.iter():
        parent[:] = [child for child in parent if child.get(_HREF) not in empty]


def _references(root: ET.Element) -> set[str]:
    texts = [value for element in root.iter() for value in element.attrib.values()]
    return {name for text in texts for name in re.findall(r"^#(.+)$|url\(#([^)]+)\)", text) for name in name if name}


def _tidy_element(element: ET.Element, used: set[str], numbers: dict[str, str]) -> None:
    def number(name: str) -> str:
        return numbers.setdefault(name, f"i{len(numbers)}")

    attributes = element.attrib
    for declaration in filter(str.strip, attributes.pop("style", "").split(";")):
        name, value = declaration.split(":", 1)
        attributes[name.strip()] = value.strip()
    if "id" in attributes:
        name = attributes.pop("id")
        if name == MARK:
            attributes["class"] = MARK
        elif name in used:
            attributes["id"] = number(name)
    if _HREF in attributes:
        target = attributes.pop(_HREF)
        attributes["href"] = f"#{number(target[1:])}" if target.startswith("#") else _compress_link(target)
    for name, value in attributes.items():
        attributes[name] = re.sub(r"url\(#([^)]+)\)", lambda found: f"url(#{number(found[1])})", value)
    if "d" in attributes:
        is_glyph = attributes.get("transform") == _GLYPH
        attributes["d"] = _relative_path(attributes["d"], step=16 if is_glyph else 0.01, unit=1 if is_glyph else 0.01)
        if is_glyph:
            attributes["transform"] = "scale(0.25)"
    for name in ("x", "y", "transform"):
        if name in attributes:
            attributes[name] = re.sub(r"-?\d+\.\d{3,}", lambda found: _number(float(found[0])), attributes[name])
    moved = re.fullmatch(r"translate\((\S+) (\S+)\)", attributes.get("transform", ""))
    if moved and element.tag == f"{{{_SVG}}}use":
        # The place of a glyph, in hundredths of the size of the text.
        del attributes["transform"]
        places = {name: f"{float(value):.0f}" for name, value in zip("xy", moved.groups(), strict=True)}
        attributes.update({name: place for name, place in places.items() if place not in ("0", "-0")})


def _relative_path(path: str, step: float, unit: float) -> str:
    """Return a path of matplotlib (M, L, Q, C and z, absolute) in relative coordinates, rounded to multiples of a step.

    The multiples are written times `unit`.
    """
    here = start = (0, 0)
    parts = []
    for command, numbers in re.findall(r"([MLQCz])([^MLQCz]*)", path):
        values = [round(float(number) / step) for number in numbers.split()]
        points: list[tuple[int, int]] = list(zip(values[::2], values[1::2], strict=True))
        deltas = [
            _number(unit * (value - origin)) for point in points for value, origin in zip(point, here, strict=True)
        ]
        if command == "L" and "0" in deltas:
            command, deltas = ("H", deltas[:1]) if deltas[1] == "0" else ("V", deltas[1:])
        parts.append(command.lower() + " ".join(deltas).replace(" -", "-"))
        here = points[-1] if points else start
        if command == "M":
            start = here
    return "".join(parts)


def _number(value: float) -> str:
    """Write a number with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _unwrap(parent: ET.Element) -> None:
    """Replace the groups without attributes by their children."""
    children: list[ET.Element] = []
    for child in parent:
        _unwrap(child)
        children += list(child) if child.tag == f"{{{_SVG}}}g" and not child.attrib else [child]
    parent[:] = [child for child in children if child.tag != f"{{{_SVG}}}defs" or len(child)]


def _share_attributes(parent: ET.Element) -> None:
    """Move the inherited properties that all children of a group have in common to the group."""
    for child in parent:
        _share_attributes(child)
    children = [child for child in parent if child.tag is not ET.Comment]
    if parent.tag == f"{{{_SVG}}}g" and len(children) > 1:
        common = set.intersection(*(set(child.items()) for child in children))
        for name, value in sorted(common):
            if name.split("-")[0] in ("fill", "stroke") and name not in parent.attrib:
                parent.set(name, value)
                for child in children:
                    del child.attrib[name]


def _compress_link(link: str) -> str:
    """Return the data URL of a PNG with a palette."""
    start, data = link.split(",", 1)
    return f"{start},{base64.b64encode(compress_png(base64.b64decode(data))).decode()}"


def compress_png(data: bytes) -> bytes:
    """Return a PNG with a palette of at most 64 colours; the same image gives the same bytes."""
    with Image.open(io.BytesIO(data)) as image:
        opaque = image.mode != "RGBA" or image.getchannel("A").getextrema() == (255, 255)
        method = Image.Quantize.MEDIANCUT if opaque else Image.Quantize.FASTOCTREE
        few = image.convert("RGB" if opaque else "RGBA").quantize(_PALETTE, method, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    few.save(buffer, "png", optimize=True)
    return buffer.getvalue()
