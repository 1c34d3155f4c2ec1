"""The Python examples in README and docs run, and the headings, files and make targets that the pages name exist."""

import doctest
import re
import warnings
from importlib import import_module
from pathlib import Path

import pytest

from tests.helpers.checkout import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks/README.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
FILE = re.compile(r"`((?:\.ci|benchmarks|config|data|docs|packages|profiles|src|tests|workflow)/[\w./-]+)`")


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def with_examples() -> list[Path]:
    return [page for page in PAGES if BLOCK.search(page.read_text())]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", with_examples(), ids=page_id)
def test_the_python_examples_run(page, tmp_path, monkeypatch):
    """One after the other in one namespace, as a reader runs them from the top of the page to its end."""
    monkeypatch.chdir(tmp_path)
    text, names = page.read_text(), {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for block in BLOCK.finditer(text):
            if block[1].startswith("@activation"):
                continue  # part of a module of the library; test_activations.py runs it there
            line = text[: block.start(1)].count("\n")
            exec(compile("\n" * line + block[1], page, "exec"), names)  # noqa: S102


def modules_with_examples() -> list[str]:
    sources = (path for path in sorted((ROOT / "src").rglob("*.py")) if ">>> " in path.read_text())
    return [".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in sources]


@pytest.mark.parametrize("module", modules_with_examples())
def test_the_examples_in_docstrings_run(module):
    found = doctest.testmod(import_module(module))
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("page", PAGES, ids=page_id)
class TestPage:
    def test_links_lead_to_files_and_headings(self, page):
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for path, anchor in LINK.findall(prose):
            target = (page.parent / path) if path else page
            assert target.exists(), path
            assert not anchor or anchor in anchors(target), f"{path}#{anchor}"

    def test_the_files_that_it_names_exist(self, page):
        named = [name for name in FILE.findall(page.read_text()) if not re.search("[A-Z]{4}", name)]
        missing = [name for name in named if not (ROOT / name).exists() and not name.startswith("data/")]
        assert missing == []

    def test_its_make_targets_exist(self, page):
        targets = re.findall(r"^([a-z./-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        named = re.findall(r"(?:^|`|\$ )make ([a-z][a-z./-]*)", page.read_text(), flags=re.MULTILINE)
        assert set(named) <= set(targets)
