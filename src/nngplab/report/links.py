"""Numbers of figures and tables, permalinks, and links for what the text refers to, like "(6.8)" or "Problem 6".

These functions work on a finished page: the order of its sections decides the numbers.
"""

import re
from collections.abc import Callable

from nngplab.errors import InputError

# The problem set has 13 problems. A page can leave out some of them, and still refer to them.
_PROBLEMS = range(1, 14)
# Tables with more columns get the class `wide`, and are printed on a page that is wider than high.
_COLUMNS_UPRIGHT = 11
_TOKEN = re.compile(
    r"""<!--.*?--> | <(script|style|title)\b.*?</\1> | <(?:[^<>"']|"[^"]*"|'[^']*')*> | [^<]+""",
    flags=re.DOTALL | re.VERBOSE,
)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)([^>]*)", flags=re.DOTALL)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
# No reference is looked for in these, nor in an element with translate="no", whose text is verbatim.
_VERBATIM = frozenset(
    {"a", "button", "cite", "code", "h1", "h2", "h3", "h4", "h5", "h6", "kbd", "math", "nav", "option", "pre", "samp"}
    | {"summary", "svg", "textarea"}
)
_LIST = r"\d+[a-z]?\b(?:(?:,\s+|\s+and\s+|,\s+and\s+|\s+to\s+)\d+[a-z]?\b)*"
_REFERENCE = re.compile(
    rf"\((?P<equation>(?:\d+|[A-Z])\.\d+)\)"
    rf"|\b(?P<kind>Problem|Figure|Table)(?:\s+(?P<one>\d+[a-z]?)\b|s\s+(?P<several>{_LIST}))(?!\.\d)"
)
_PLACE = re.compile(
    r'<section id="(?P<section>[^"]+)"'
    r"|<h(?P<level>[2-4])(?P<attributes>[^>]*)>(?P<heading>.*?)</h(?P=level)>"
    r'|<(?P<element>figure|div class="table")(?P<rest>[^>]*)>'
    r"|<(?P<caption>figcaption|caption)>"
    r'|<div class="equation" id="(?P<equation>equation-[^"]+)"',
    flags=re.DOTALL,
)


def add_links(page: str) -> str:
    """Return a page with numbered figures and tables, permalinks, and links for the references of its text.

    - A heading gets an id and a permalink. A heading in a summary, which opens it, gets an id alone.
    - A figure and a table get an id, and their caption the number, which is a permalink. A table with many columns gets
      the class `wide`.
    - "(6.8)", "(K.2)", "Problem 6" and "Figure 3" become links, and so do the numbers in "Problems 5 to 7". Code,
      links, headings, mathematics and elements with translate="no" stay as they are.
    - An empty link to a figure or a table gets its name, like "Figure 3", as its text.

    Raises:
        InputError: if the text refers to what is not there: an equation of a problem whose equations are on the page, a
            figure, a table, or a problem that the problem set does not have. A text that comes from a file of results
            (an element <data>) is never refused.
    """
    places = _Places(page)
    return _map_text(_fill_empty_links(places.page, places.names), _linker(places.targets))


class _Places:
    """The places of a page that a link can lead to; `page` is the page with their numbers and permalinks."""

    def __init__(self, page: str):
        self.names: dict[str, str] = {}  # "Figure 3", by the id of the figure
        self.targets: dict[str, str] = {}  # the id, by "Figure 3", "Problem 6" or "(6.8)"
        self._used = set(re.findall(r'\sid="([^"]+)"', page))
        self._section, self._last, self._is_first = "", "", False
        before, main, after = re.split(r"(?<=<main)(.*)(?=</main>)", page, maxsplit=1, flags=re.DOTALL)
        self.page = before + _PLACE.sub(self._visit, main) + after

    def _visit(self, found: re.Match[str]) -> str:
        if found["section"]:
            self._section, self._is_first = found["section"], True
            return found[0]
        if found["level"]:
            return self._heading(found)
        if found["element"]:
            return self._numbered(found)
        if found["caption"]:
            identifier, self._last = self._last, ""
            name = self.names.get(identifier)
            return f'{found[0]}<a class="number-of" href="#{identifier}">{name}</a> ' if name else found[0]
        self.targets["({})".format(found["equation"].removeprefix("equation-"))] = found["equation"]
        return found[0]

    def _heading(self, found: re.Match[str]) -> str:
        text = " ".join(_plain(found["heading"]).split())
        given = re.search(r'\sid="([^"]+)"', found["attributes"])
        identifier = given[1] if given else self._section if self._is_first else self._new_id(text)
        attribute = "" if given or self._is_first else f' id="{identifier}"'
        self._is_first = False
        for number in _numbers_of(text):
            self.targets.setdefault(f"Problem {number}", identifier)
            self.targets.setdefault("Problem {}".format(number.rstrip("abcdefgh")), identifier)
        in_summary = re.search(r"<summary[^>]*>\s*$", found.string[: found.start()])
        permalink = f' <a class="permalink" href="#{identifier}" aria-label="Link to this heading"></a>'
        level, heading = found["level"], found["heading"]
        opening = f"<h{level}{found['attributes']}{attribute}>"
        return f"{opening}{heading}{'' if in_summary else permalink}</h{level}>"

    def _numbered(self, found: re.Match[str]) -> str:
        kind = "Figure" if found["element"] == "figure" else "Table"
        number = 1 + sum(name.startswith(kind) for name in self.names.values())
        given = re.search(r'\sid="([^"]+)"', found["rest"])
        self._last = given[1] if given else self._new_id(kind)
        self.names[self._last] = name = f"{kind} {number}"
        self.targets[name] = self._last
        element = found["element"]
        if kind == "Table" and _columns(found.string[found.end() :].split("</table>")[0]) > _COLUMNS_UPRIGHT:
            element = 'div class="table wide"'
        attribute = "" if given else f' id="{self._last}"'
        return f"<{element}{attribute}{found['rest']}>"

    def _new_id(self, text: str) -> str:
        slug = "-".join([self._section, *re.findall(r"[a-z0-9]+", text.lower())[:8]])
        number = 1
        while (identifier := slug if number == 1 else f"{slug}-{number}") in self._used:
            number += 1
        self._used.add(identifier)
        return identifier


def _columns(table: str) -> int:
    return max(len(re.findall(r"<t[hd]\b", row)) for row in table.split("</tr>"))


def _plain(html: str) -> str:
    return re.sub(r"<annotation.*?</annotation>|<[^>]*>", "", html, flags=re.DOTALL)


def _numbers_of(heading: str) -> list[str]:
    """Return the numbers of "Problem 2a: ..." or "Problems 1 and 5 to 10: ...", with those between."""
    found = re.match(rf"Problems? ({_LIST})", heading)
    numbers: list[str] = []
    for separator, number in re.findall(r"(to\s+)?(\d+[a-z]?)", found[1]) if found else []:
        if separator:
            numbers += [str(between) for between in range(int(numbers[-1]) + 1, int(number))]
        numbers.append(number)
    return numbers


def _fill_empty_links(page: str, names: dict[str, str]) -> str:
    def fill(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise InputError(f"the page refers to the figure or table #{found[1]}, which it does not have")
        return f'<a href="#{found[1]}">{names[found[1]]}</a>'

    return re.sub(r'<a href="#([^"]+)"></a>', fill, page)


def _map_text(page: str, change: Callable[[str, bool], str]) -> str:
    """Return the page with each text changed that is not verbatim; `change` learns whether it comes from a file."""
    opened: list[tuple[str, bool]] = []  # the elements around a text, and whether each one is verbatim
    parts = []
    for token in _TOKEN.finditer(page):
        text = token[0]
        tag = None if token[1] else _TAG.match(text)
        if not text.startswith("<") and not any(verbatim for _, verbatim in opened):
            text = change(text, any(name == "data" for name, _ in opened))
        elif tag and tag[1]:
            while opened and opened.pop()[0] != tag[2]:
                pass
        elif tag and tag[2] not in _VOID and not tag[3].endswith("/"):
            opened.append((tag[2], tag[2] in _VERBATIM or 'translate="no"' in tag[3]))
        parts.append(text)
    return "".join(parts)


def _linker(targets: dict[str, str]) -> Callable[[str, bool], str]:
    problems_with_equations = {name[1:].split(".")[0] for name in targets if name.startswith("(")}

    def is_wrong(name: str) -> bool:
        if name.startswith("("):
            return name[1:].split(".")[0] in problems_with_equations
        kind, number = name.split()
        return kind != "Problem" or int(number.rstrip("abcdefgh")) not in _PROBLEMS

    def link(name: str, text: str, from_file: bool) -> str:
        target = targets.get(name) or targets.get(name.rstrip("abcdefgh"))
        if target:
            return f'<a href="#{target}">{text}</a>'
        if not from_file and is_wrong(name):
            raise InputError(f"the page refers to {name}, which it does not have; correct the text")
        return text

    def replace(found: re.Match[str], from_file: bool) -> str:
        if found["equation"]:
            return link(found[0], found[0], from_file)
        if found["one"]:
            return link(f"{found['kind']} {found['one']}", found[0], from_file)
        start = found.start("several") - found.start()
        numbers = re.sub(
            r"\d+[a-z]?", lambda one: link(f"{found['kind']} {one[0]}", one[0], from_file), found["several"]
        )
        return found[0][:start] + numbers

    return lambda text, from_file: _REFERENCE.sub(lambda found: replace(found, from_file), text)
