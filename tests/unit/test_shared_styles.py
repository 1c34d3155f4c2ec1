"""Classes for the properties that elements of drawings have in common: what is drawn stays the same."""

import re
from collections import Counter
from typing import Any
from xml.etree import ElementTree as Tree

from hypothesis import example, given
from hypothesis import strategies as st

from nngplab.report.shared_styles import share_styles


def drawn(page: str) -> list[Any]:
    """The elements of all drawings, in order, with the properties of their classes as attributes."""
    rules = dict(re.findall(r"^\.(k\d+)\{(.*)\}$", page, flags=re.MULTILINE))
    elements = []
    for element in Tree.fromstring("<body>" + page.replace(" hidden", "") + "</body>").iter():  # noqa: S314
        attributes = dict(element.items())
        if attributes.get("class") in rules:
            declarations = rules[attributes.pop("class")].split(";")
            attributes.update(declaration.split(":", 1) for declaration in declarations)
        elements.append((element.tag, attributes))
    return [element for element in elements if element[0] in ("g", "path", "use", "rect")]


PROPERTIES = {
    "clip-path": st.sampled_from(["url(#a)", "url(#b)"]),
    "fill": st.sampled_from(["none", "var(--text)"]),
    "stroke-width": st.just("0.8"),
    "x": st.sampled_from("12"),
}
ELEMENTS = st.builds(
    lambda name, attributes: f"<{name}{''.join(f' {key}={text!r}' for key, text in attributes.items())}/>".replace(
        "'", '"'
    ),
    st.sampled_from(["g", "path", "use", "rect"]),
    st.fixed_dictionaries({}, optional=PROPERTIES),
)


@given(st.lists(st.lists(ELEMENTS, max_size=4), max_size=3))
@example([['<path fill="none" x="1"/>', '<path x="2" fill="none"/>']])
def test_what_is_drawn_stays_the_same(drawings):
    svgs = [f"<svg>{''.join(elements)}</svg>" for elements in drawings]
    page = f"<main>{''.join(svgs)}</main><p fill='none'/>"
    shared = share_styles(page)
    assert drawn(shared) == drawn(page)
    left = [
        tuple(sorted(re.findall(r" (?:clip|fill|stroke)\S*\"", tag))) for tag in re.findall("<[gpru][^>]*>", shared)
    ]
    assert max(Counter(filter(None, left)).values(), default=0) <= 1


def test_the_order_of_the_properties_does_not_matter():
    page = share_styles('<main><svg><g fill="none" stroke="red"/><g stroke="red" fill="none" x="1"/></svg></main>')
    assert page == (
        '<main><svg><g class="k0"/><g class="k0" x="1"/></svg></main>\n'
        "<div hidden><svg><style>\n.k0{fill:none;stroke:red}\n</style></svg></div>"
    )


def test_a_page_without_common_properties_stays_as_it_is():
    page = '<main><svg><g fill="none"/><g class="mark" fill="none"/></svg></main>'
    assert share_styles(page) == page
