"""MathML with the spaces and fences of LaTeX.

latex2mathml translates each command by itself. Browsers then take bars for infix operators, stretch accents, put the
limits of integrals above and below, and set sans-serif letters in italics. The functions here add what they need to
know. See MathML Core (https://www.w3.org/TR/mathml-core/) for the elements and their attributes.
"""

import itertools
import re
from xml.etree import ElementTree as Tree

_BARS = {"\\lVert": "prefix", "\\rVert": "postfix", "\\lvert": "prefix", "\\rvert": "postfix"}
_ACCENTS = {"~": "˜", "^": "ˆ", "ˇ": "ˇ", "˙": "˙", "¯": "¯"}
_SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
_CLOSING = {")", "]", "}", "!", "|", "‖"}
# These are fences by themselves: a browser stretches them and puts no spaces around them.
_PARENTHESES = {*"()[]{}⟨⟩⌈⌉⌊⌋"}
_SIGNS = {"-", "−", "+", "±"}
# A "+" or "−" after one of these, or after an opening bar, is a sign.
_BEFORE_SIGNS = {"(", "[", "{", ",", "=", "<", ">", "≤", "≥", "≠", "≈", "∼", "≡", "→", "⟹"}
_THIN_SPACE = {"width": "0.167em"}


def improve(mathml: str, latex: str) -> str:
    """Return MathML that browsers show as LaTeX shows its source, with the source as an annotation.

    A formula whose source is what it shows, like $n = 3$, has no annotation.

    Args:
        mathml: an element `<math>`, as latex2mathml makes it.
        latex: its source.
    """
    math = Tree.fromstring(mathml)  # noqa: S314
    for element in math.iter():  # the prefix of the namespace is not for HTML
        element.tag = element.tag.split("}")[-1]
    _set_bars(math, latex)
    for element in math.iter():
        _set_accent(element)
        _set_limits(element)
        _set_letters(element)
        _set_prime(element)
        _set_signs(element)
        _set_function_spaces(element)
        if element.tag in _SCRIPTS:
            for script in list(element)[1:]:
                _remove_spaces(script)
    _unwrap(math)
    for element in math.iter("mo"):
        _remove_defaults(element)
    if math.get("display") == "inline":
        del math.attrib["display"]
    if "".join(math.itertext()) != latex.replace(" ", ""):
        _annotate(math, latex)
    return Tree.tostring(math, encoding="unicode", short_empty_elements=False)


def _set_bars(math: Tree.Element, latex: str) -> None:
    """Say which bars open and which close: after their commands, or in turn if they are `|` and in pairs."""
    commands = re.findall(r"\\(?:left|right)\s*(?:\\[lr]?[vV]ert|\|)|\\[lr][vV]ert|(?<!\\)\|", latex)
    plain = [command for command in commands if not command.startswith(("\\left", "\\right"))]
    bars = [element for element in math.iter("mo") if element.text in ("|", "‖") and "form" not in element.attrib]
    if len(plain) != len(bars) or plain.count("|") % 2:
        return
    forms = iter(("prefix", "postfix") * plain.count("|"))
    for command, bar in zip(plain, bars, strict=True):
        bar.attrib.update(
            form=_BARS.get(command) or next(forms), fence="true", stretchy="false", lspace="0", rspace="0"
        )


def _set_accent(element: Tree.Element) -> None:
    """Mark an accent as one, with its own character, so that it has its own width and is close to its letter."""
    if element.tag == "mover" and element[1].tag == "mo" and element[1].text in _ACCENTS:
        element.set("accent", "true")
        element[1].text = _ACCENTS[element[1].text]
        element[1].set("stretchy", "false")


def _set_limits(element: Tree.Element) -> None:
    """Put the limits of an integral beside it."""
    if element.tag in ("munder", "munderover") and element[0].text == "∫":
        element.tag = {"munder": "msub", "munderover": "msubsup"}[element.tag]


def _set_letters(element: Tree.Element) -> None:
    """Use the characters of sans-serif letters, since not all browsers know the attribute; upright Greek capitals."""
    letter = element.text or ""
    if element.tag == "mi" and element.get("mathvariant") == "sans-serif" and re.fullmatch("[A-Z]", letter):
        element.text = chr(ord(letter) - ord("A") + ord("𝖠"))
        del element.attrib["mathvariant"]
    elif element.tag == "mi" and re.fullmatch("[Α-Ω]", letter):
        element.set("mathvariant", "normal")
    elif element.tag == "mo" and letter == "/":
        element.attrib.update(lspace="0", rspace="0")


def _set_prime(element: Tree.Element) -> None:
    """Put a prime beside its letter: the character is a small and raised one already."""
    if element.tag == "msup" and element[1].text in ("′", "″"):
        element.tag, element[1].tag = "mrow", "mo"
        element[1].attrib.update(lspace="0", rspace="0")


def _set_signs(parent: Tree.Element) -> None:
    """Mark a sign, such as the minus of x = −y, which has no space after it, unlike that of x − y."""
    for before, sign in itertools.pairwise(parent):
        follows = before.text in _BEFORE_SIGNS or before.get("form") == "prefix"
        if sign.tag == before.tag == "mo" and sign.text in _SIGNS and follows:
            sign.set("form", "prefix")


def _set_function_spaces(parent: Tree.Element) -> None:
    """Put a thin space before and after the name of a function, but not beside an operator or before a parenthesis."""
    if parent.tag not in ("mrow", "math", "mstyle", "msqrt", "mtd"):
        return
    children = list(parent)
    for place, child in reversed(list(enumerate(children))):
        if not _is_function(child):
            continue
        if child.tag == "mo":
            child.attrib.update(lspace="0", rspace="0")
        after = children[place + 1] if place + 1 < len(children) else None
        if after is not None and after.tag not in ("mo", "mspace") and not _is_fenced(after):
            parent.insert(place + 1, Tree.Element("mspace", _THIN_SPACE))
        before = children[place - 1] if place else None
        if before is not None and before.tag != "mspace" and (before.tag != "mo" or before.text in _CLOSING):
            parent.insert(place, Tree.Element("mspace", _THIN_SPACE))


def _is_function(element: Tree.Element) -> bool:
    """Return whether an element is the name of a function, such as sin or max, maybe with a subscript."""
    if element.tag in ("msub", "msup", "munder"):
        return _is_function(element[0])
    return element.tag in ("mi", "mo") and re.fullmatch("[a-z]{2,}", element.text or "") is not None


def _is_fenced(element: Tree.Element) -> bool:
    return element.tag == "mrow" and len(element) > 0 and element[0].get("form") == "prefix"


def _remove_spaces(script: Tree.Element) -> None:
    """Remove the spaces around the operators of an index or exponent, which LaTeX does not have."""
    for element in script.iter("mo"):
        element.attrib.update(lspace="0", rspace="0")


def _remove_defaults(operator: Tree.Element) -> None:
    """Remove what the operator dictionary of MathML says of a parenthesis, or of a bar that opens or closes."""
    is_parenthesis = operator.text in _PARENTHESES
    if is_parenthesis or (operator.text in ("|", "‖") and "form" in operator.attrib):
        for name in ("fence", "lspace", "rspace", *(["form"] if is_parenthesis else [])):
            operator.attrib.pop(name, None)
        if operator.get("stretchy") == "true":
            del operator.attrib["stretchy"]


def _unwrap(parent: Tree.Element) -> None:
    """Replace each row of one element by this element, which is the same by the definition of MathML."""
    for place, child in enumerate(parent):
        _unwrap(child)
        if child.tag == "mrow" and not child.attrib and len(child) == 1:
            parent[place] = child[0]


def _annotate(math: Tree.Element, latex: str) -> None:
    semantics = Tree.Element("semantics")
    semantics.extend(list(math))  # latex2mathml makes one element
    Tree.SubElement(semantics, "annotation", {"encoding": "application/x-tex"}).text = latex
    for child in list(math):
        math.remove(child)
    math.append(semantics)
