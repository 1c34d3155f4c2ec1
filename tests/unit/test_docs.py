"""The Python examples in README and docs run, and the headings, files and make targets that the pages name exist.

tests/pipeline/test_sessions.py runs the commands.
"""

import doctest
import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from nngplab.pipeline.config import check_config, load_schema
from tests.helpers.checkout import ROOT
from tests.helpers.doc_pages import NUMBERS, blocks, masked, run_python, shown_after, steps, updated
from tests.helpers.doc_pages import PAGES as WITH_CODE

RUN = {"console", "sh", "diff", "python", "yaml"}
OTHERS = ("CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md", "docs/add_a_problem.md")
PAGES = [*WITH_CODE, *(ROOT / name for name in OTHERS)]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
FILE = re.compile(r"`((?:\.ci|benchmarks|config|data|docs|packages|profiles|src|tests|workflow)/[\w./-]+)`")


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def with_blocks(language: str) -> list[Path]:
    return [page for page in WITH_CODE if any(block.language == language for block in blocks(page))]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", with_blocks("python"), ids=page_id)
def test_the_python_examples_run_and_print_what_is_shown(page, tmp_path, monkeypatch):
    """One after the other in one namespace, as a reader runs them from the top of the page to its end."""
    monkeypatch.chdir(tmp_path)
    shown = shown_after(page)
    for block, printed in run_python(page):
        text = shown.get(block.line, "")
        assert masked(printed) == masked(text), f"line {block.line}: run `make sessions`"
        numbers, expected = (np.array(NUMBERS.findall(part), dtype=float) for part in (printed, text))
        np.testing.assert_allclose(numbers, expected, rtol=0.02)


@pytest.mark.parametrize("page", WITH_CODE, ids=page_id)
def test_a_page_that_shows_what_runs_print_stays_as_it_is(page):
    """`make sessions` then changes nothing, also in a page without code."""
    done, shown = steps(page), shown_after(page)
    for step in done:
        step.output = step.shown
    printed = [(block, shown[block.line]) for block in blocks(page) if block.line in shown]
    assert updated(page, done, printed) == page.read_text()


@pytest.mark.parametrize("page", with_blocks("yaml"), ids=page_id)
def test_the_configurations_are_valid(page, tmp_path):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    schema = load_schema(ROOT / "workflow/schemas", yaml.safe_load((ROOT / "workflow/stages.yaml").read_text()))
    for block in blocks(page):
        for name in re.findall(r"/path/to/(\S+)", block.text):
            (tmp_path / name).touch()
        if block.language == "yaml":
            for key, value in yaml.safe_load(block.text.replace("/path/to", str(tmp_path))).items():
                changed = {**config[key], **value} if isinstance(value, dict) else value
                check_config({**config, key: changed}, schema)


@pytest.mark.parametrize("page", WITH_CODE, ids=page_id)
def test_every_block_of_code_is_of_a_kind_that_a_test_runs(page):
    found = blocks(page)
    assert {block.language for block in found} <= {*RUN, "text", "{toctree}", "{eval-rst}"}
    outputs = [following for block, following in pairwise(found) if block.language == "python"]
    assert [block for block in found if block.language == "text" and block not in outputs] == []
    assert len(found) == len(re.findall("^ *```", page.read_text(), flags=re.MULTILINE)) / 2


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
        written = {block.note.removeprefix("file: ") for block in blocks(page)}
        missing = [name for name in named if not (ROOT / name).exists() and name not in written]
        # The page on adding a problem creates files for a problem `dice`.
        missing = [name for name in missing if not name.startswith("data/") and "dice" not in name]
        assert missing == []

    def test_its_make_targets_exist(self, page):
        targets = re.findall(r"^([a-z./-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        named = re.findall(r"(?:^|`|\$ )make ([a-z][a-z./-]*)", page.read_text(), flags=re.MULTILINE)
        assert set(named) <= set(targets)
