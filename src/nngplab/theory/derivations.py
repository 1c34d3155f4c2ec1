r"""Parser of the pages of docs/theory.

A numbered equation has lines of its own, between lines `$$`, and ends in its number: `\tag{7.3}`.
"""

import re

from nngplab.errors import InputError

_NUMBERED = re.compile(r"^\$\$\n(?P<latex>(?:(?!\$\$).)*?)\\tag\{(?P<label>[^}]+)\}\n\$\$\n", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"\A# (?P<title>.+)\n")


def page_title(page: str) -> str:
    """Return the first heading of a page in Markdown.

    Raises:
        InputError: if the page does not start with a heading.
    """
    found = _TITLE.match(page)
    if not found:
        raise InputError("the page does not start with a heading: add a first line '# ...'")
    return found["title"]


def split_at_equations(page: str) -> list[dict[str, str | None]]:
    r"""Split a page, without its heading, at its numbered equations.

    Returns:
        The steps of the derivation: each a text in Markdown, and the label and the LaTeX of the equation after it. In
        the last step, the text after the last equation, label and LaTeX are None.

    Raises:
        InputError: if a `\tag` is not at the end of an equation on lines of its own.
    """
    body = _TITLE.sub("", page)
    found: list[dict[str, str | None]] = []
    end = 0
    for equation in _NUMBERED.finditer(body):
        text = body[end : equation.start()].strip()
        found.append({"text": text, "label": equation["label"], "latex": collapse_whitespace(equation["latex"])})
        end = equation.end()
    found.append({"text": body[end:].strip(), "label": None, "latex": None})
    stray = re.search(r".{0,40}\\tag.{0,20}", " ".join(str(step["text"]) for step in found))
    if stray:
        raise InputError(f"a number is not at the end of an equation on lines of its own: {stray[0]}")
    return found


def collapse_whitespace(latex: str) -> str:
    """Return LaTeX with each run of white space replaced by one space."""
    return " ".join(latex.split())
