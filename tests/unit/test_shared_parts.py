"""Parts of drawings that a page defines once: what is drawn stays the same."""

import re
from typing import Any
from xml.etree import ElementTree as Tree

from hypothesis import example, given
from hypothesis import strategies as st

from nngplab.report.shared_parts import share_parts

PNG = 'href="data:image/png;base64,AAAA"'


def page_of(*drawings: str) -> str:
    return f"<main>{''.join(drawings)}</main><p>end</p>"


def drawn(page: str) -> list[Any]:
    """The elements of each drawing, with parts in the place of references to them."""
    root = Tree.fromstring(f"<body>{page.replace('<div hidden>', '<div>')}</body>")  # noqa: S314
    parts = {element.get("id"): element for element in root.iter() if element.get("id")}

    def content(element: Tree.Element) -> tuple[Any, ...]:
        attributes = {name: value for name, value in element.items() if name != "id"}
        place = re.fullmatch(r"translate\((\S+) (\S+)\) (.+)", attributes.get("transform", ""))
        if place and element.tag == "g":
            attributes.update(x=place[1], y=place[2], transform=place[3])
        if element.tag != "use":
            return (element.tag, attributes, [content(child) for child in element if child.tag != "defs"])
        part = content(parts[attributes.pop("href").removeprefix("#")])
        return ("use", attributes, part) if part[0] == "path" else (part[0], part[1] | attributes, part[2])

    return [content(element) for element in root.iter("svg") if element.get("role") == "img"]


def drawing(name: str, labels: list[tuple[str, str]], images: list[str]) -> str:
    """A drawing as matplotlib writes it: labels of glyphs that it defines, and images."""
    glyphs = sorted({glyph for _, label in labels for glyph in label})
    paths = "".join(f'<path d="{glyph}" transform="scale(0.25)" id="{name}{ord(glyph)}"/>' for glyph in glyphs)
    uses = [[f'<use x="{x}" href="#{name}{ord(glyph)}"/>' for x, glyph in enumerate(label)] for _, label in labels]
    groups = "".join(f'<g transform="{place}">{"".join(use)}</g>' for (place, _), use in zip(labels, uses, strict=True))
    pictures = "".join(f'<image width="3" transform="{place}" {PNG}/>' for place in images)
    return f'<svg role="img"><defs>{paths}</defs>{groups}{pictures}</svg>'


PLACES = st.sampled_from(["a", "translate(1 2) scale(.07 -.07)", "translate(3 4) scale(.07 -.07)"])
DRAWINGS = st.lists(
    st.tuples(
        st.lists(st.tuples(PLACES, st.text("xyz", min_size=1, max_size=3)), max_size=4), st.lists(PLACES, max_size=3)
    ),
    max_size=3,
)


@given(DRAWINGS)
@example([([("a", "xy"), ("b", "xy")], ["a", "b"]), ([("a", "xy")], ["a"])])
@example([([], [])])
def test_what_is_drawn_stays_the_same(drawings):
    page = page_of(*(drawing(f"f{number}", *parts) for number, parts in enumerate(drawings)))
    shared = share_parts(page)
    assert drawn(shared) == drawn(page)
    identifiers = re.findall(r' id="([^"]+)"', shared)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r' href="#([^"]+)"', shared)) <= set(identifiers)
    assert shared.count(PNG) <= 1


def test_each_glyph_label_and_image_is_there_once():
    label = [("translate(1 2)", "xy"), ("translate(3 4)", "xy")]
    page = share_parts(page_of(drawing("one", label, ["a", "b"]), drawing("two", label, [])))
    places = [f'<use transform="translate({place})" href="#s3"/>' for place in ("1 2", "3 4")]
    images = [f'<use transform="{place}" href="#s2"/>' for place in "ab"]
    assert page.startswith(
        f'<main><svg role="img">{"".join(places + images)}</svg><svg role="img">{"".join(places)}</svg>'
    )
    assert page.count('d="x"') == page.count('<use x="0"') == page.count(PNG) == 1


def test_a_label_that_is_upright_has_its_scale_where_it_is_defined():
    places = [("translate(1 2) scale(.07 -.07)", "x"), ("translate(3 4) scale(.07 -.07)", "x")]
    page = share_parts(page_of(drawing("one", places, [])))
    assert '<use x="1" y="2" href="#s1"/><use x="3" y="4" href="#s1"/>' in page
    assert '<g id="s1" transform="scale(.07 -.07)"><use x="0" href="#s0"/></g>' in page


def test_a_page_without_parts_stays_as_it_is():
    page = page_of(
        '<svg><defs><clipPath id="c"><rect x="1"/></clipPath></defs><g clip-path="url(#c)"><path/></g></svg>'
    )
    assert share_parts(page) == page


def test_a_label_and_an_image_that_occur_once_stay_in_their_place():
    page = share_parts(page_of(drawing("one", [("a", "xy")], ["b"])))
    assert (
        f'<g transform="a"><use x="0" href="#s0"/><use x="1" href="#s1"/></g><image width="3" transform="b" {PNG}/>'
        in page
    )
