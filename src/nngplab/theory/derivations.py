r"""The pages of docs/theory, cut at their numbered equations.

A numbered equation stands on lines of its own, `$$` before and after it, and ends in its number: `\tag{7.3}`.
"""

import re

from nngplab.errors import InputError

_NUMBERED = re.compile(r"^\$\$\n(?P<latex>(?:(?!\$\$).)*?)\\tag\{(?P<label>[^}]+)\}\n\$\$\n", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"\A# (?P<title>.+)\n")


def title(page: str) -> str:
    """Return the heading of a page in Markdown.

    Raises:
        InputError: if the page does not start with one.
    """
    found = _TITLE.match(page)
    if not found:
        raise InputError("the page does not start with a heading, a line '# ...': give it one")
    return found["title"]


def steps(page: str) -> list[dict[str, str | None]]:
    r"""Return the page below its heading as steps: a text in Markdown, and the equation after it, by label and LaTeX.

    The text after the last equation is a step too, with None for the label and the LaTeX.

    Raises:
        InputError: if a `\tag` stands anywhere but at the end of an equation on lines of its own.
    """
    body = _TITLE.sub("", page)
    found: list[dict[str, str | None]] = []
    end = 0
    for equation in _NUMBERED.finditer(body):
        text = body[end : equation.start()].strip()
        found.append({"text": text, "label": equation["label"], "latex": one_line(equation["latex"])})
        end = equation.end()
    found.append({"text": body[end:].strip(), "label": None, "latex": None})
    stray = re.search(r".{0,40}\\tag.{0,20}", " ".join(str(step["text"]) for step in found))
    if stray:
        raise InputError(f"a number stands outside of an equation on lines of its own: {stray[0]}")
    return found


def one_line(latex: str) -> str:
    """Return LaTeX with single spaces for any white space."""
    return " ".join(latex.split())
