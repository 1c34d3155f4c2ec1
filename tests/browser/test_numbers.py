"""Numbers of the page show their origin to the mouse, to a finger and to the keyboard."""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nngplab.report.tracing import Number, Origin
from tests.helpers.checkout import ROOT
from tests.helpers.report_page import Reader, read_title

SCRIPT = (ROOT / "workflow/report/numbers.js").read_text()
NO_ORIGINS = '<script type="application/json" id="origins">{"files": {}}</script>'
OPENED = "#origin:popover-open"
NUMBER = ".answer data[title*=' in results/']:not(a *, summary *)"


@pytest.fixture(scope="module")
def blank(browser) -> Any:
    """A page for numbers that are made up."""
    return browser.new_page()


@pytest.fixture(scope="module")
def window(open_report) -> Any:
    return open_report(1280, 800, has_touch=True, bypass_csp=True)


@pytest.fixture
def closed(window) -> Any:
    """The window with the popover closed."""
    window.keyboard.press("Escape")
    assert not window.locator(OPENED).count()
    return window


def origins(window: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(window.locator("#origins").text_content())
    return found


def check_shown(window: Any, number: Any) -> None:
    """The popover says what the number and its file are."""
    origin = read_title(number.get_attribute("title"))
    shown = window.locator(OPENED).inner_text()
    for text in (number.get_attribute("value"), *origin.values()):
        assert text in shown
    made = origins(window)
    rule = made["files"][origin["file"]]["rule"]
    assert rule in shown
    assert made["rules"][rule]["script"] in shown
    assert all(f"{name} = {text}" in shown for name, text in made["rules"][rule]["parameters"].items())
    assert f"{made['command']} {origin['file']}" in shown


def test_a_click_opens_it_and_escape_gives_the_focus_back(closed):
    number = closed.locator(NUMBER).nth(2)
    number.click()
    check_shown(closed, number)
    assert closed.evaluate("document.activeElement.id") == "origin"
    closed.keyboard.press("Escape")
    assert not closed.locator(OPENED).count()
    assert number.evaluate("number => number === document.activeElement")


def test_it_is_beside_the_number_and_in_the_window(closed):
    number = closed.locator(NUMBER).nth(2)
    number.click()
    box, place = closed.locator(OPENED).bounding_box(), number.bounding_box()
    assert 0 <= box["x"] <= 1280 - box["width"]
    assert 0 <= box["y"] <= 800 - box["height"]
    assert box["y"] >= place["y"] + place["height"] or box["y"] + box["height"] <= place["y"]


def test_enter_opens_it_and_its_button_closes_it(closed):
    number = closed.locator(f"{NUMBER}[tabindex='0']").first
    number.focus()
    closed.keyboard.press("Enter")
    check_shown(closed, number)
    closed.locator("#origin .close").click()
    assert not closed.locator(OPENED).count()
    assert number.evaluate("number => number === document.activeElement")


def test_a_tap_opens_it_on_a_phone(closed):
    closed.set_viewport_size({"width": 375, "height": 700})
    number = closed.locator(NUMBER).first
    number.tap()
    check_shown(closed, number)
    box = closed.locator(OPENED).bounding_box()
    closed.set_viewport_size({"width": 1280, "height": 800})
    assert (box["x"], box["width"]) == (0, 375)
    assert box["y"] + box["height"] == pytest.approx(700, abs=1)


def test_a_computed_number_has_its_formula_and_the_files_of_it(closed):
    number = closed.locator("main data[title*=' = (']:visible").first
    number.click()
    shown = closed.locator(OPENED).inner_text()
    formula = read_title(number.get_attribute("title"))["formula"]
    files = set(re.findall(r"[\w./]+\.(?:csv|json)(?=\[)", formula))
    assert files
    assert all(file in shown for file in files)
    assert re.sub(r"[\w./]+/(?=[\w.]+\[)", "", formula) in " ".join(shown.split())
    assert number.get_attribute("value") in shown


def test_the_command_and_the_configuration_are_there(closed):
    closed.locator(NUMBER).first.click()
    closed.evaluate("Object.defineProperty(navigator, 'clipboard', {value: {writeText: (text) => { copied = text; }}})")
    closed.locator("#origin .copy").first.click()
    assert closed.evaluate("copied") == closed.locator("#origin .command code").first.inner_text()
    closed.locator("#origin summary").first.click()
    assert ":" in closed.locator("#origin pre").first.inner_text()


class TestKeyboard:
    def test_few_stops_reach_every_number(self, closed):
        """Each group of numbers is one stop; the others are reached from it."""
        numbers = closed.locator("main data:not(a *, button *, summary *):not(:has(a))")
        places = numbers.evaluate_all("all => all.map((number) => [number.tabIndex, number.getAttribute('role')])")
        assert len(places) > 200
        assert set(map(tuple, places)) == {(0, "button"), (-1, None)}
        assert sum(index == 0 for index, _ in places) < 100

    def test_arrow_keys_go_through_a_table(self, closed):
        table = closed.locator(".table > table:has(tbody tr:nth-child(3) data):visible").first
        numbers = table.locator("data:not(a *, button *)")
        reached = table.evaluate(
            """(table) => {
                const press = (key) => document.activeElement.dispatchEvent(
                    new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
                const all = [...table.querySelectorAll("data")];
                table.querySelector("data[tabindex='0']").focus();
                press("Home");
                const found = [all.indexOf(document.activeElement)];
                for (let step = 1; step < all.length; step += 1) {
                    press("ArrowRight");
                    found.push(all.indexOf(document.activeElement));
                }
                return found;
            }"""
        )
        assert reached == list(range(numbers.count()))
        last = closed.locator("data:focus")
        assert (last.get_attribute("role"), last.get_attribute("tabindex")) == ("button", "0")
        assert table.locator("[role='button']").count() == 1
        cell = "(number) => [number.closest('tr').rowIndex, number.closest('td, th').cellIndex]"
        row, column = last.evaluate(cell)
        closed.keyboard.press("ArrowUp")
        above = closed.locator("data:focus").evaluate(cell)
        assert above[1] == column
        assert above[0] < row

    def test_tab_leaves_the_group(self, closed):
        stop = closed.locator(f"{NUMBER}[tabindex='0']").first
        stop.focus()
        closed.keyboard.press("Tab")
        assert closed.evaluate("document.activeElement.closest('.answer data')") is None


def test_axe_finds_nothing_in_the_popover(closed):
    from axe_playwright_python.sync_playwright import Axe

    closed.locator(NUMBER).first.click()
    # axe-core visits the whole page, for minutes, even if it is to judge a part.
    main = "document.querySelector('main')"
    closed.evaluate(f"page = [...{main}.childNodes]; {main}.replaceChildren()")
    try:
        assert closed.locator(OPENED).is_visible()
        found = Axe().run(closed, context="#origin").response["violations"]
    finally:
        closed.evaluate(f"{main}.replaceChildren(...page)")
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []


NAMES = st.from_regex(r"[a-z_][a-z_0-9]*", fullmatch=True)
ROWS = st.dictionaries(NAMES, st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1), max_size=3)


@settings(max_examples=15, deadline=None)
@given(st.floats(allow_nan=False), ROWS, NAMES)
@example(1e-05, {"k": "a, column b", "loss": "0.5 = (x)"}, "column")
def test_the_script_reads_any_title(blank, value, row, column):
    number = Number(value, Origin("results/theory/x.csv", row, column))
    blank.set_content(f"<main>{number.__html__()} {(number / 2).__html__()}</main>{NO_ORIGINS}")
    blank.evaluate(f"() => {{ {SCRIPT} }}")
    shown = []
    for place in (0, 1):
        blank.locator("main data").nth(place).click()
        entries = blank.locator(f"{OPENED} dl > div").all()
        shown.append({entry.locator("dt").text_content(): entry.locator("dd").text_content() for entry in entries})
    named = {"row": ", ".join(f"{name} = {text}" for name, text in row.items())} if row else {}
    assert shown[0] == {"exact value": str(value), "file": "results/theory/x.csv", **named, "column": column}
    assert shown[1] == {"exact value": str(value / 2), "formula": str((number / 2).origin)}


def test_without_script_the_title_has_the_value_and_its_place(report_file):
    numbers = [entry for entry, _ in Reader(report_file.read_text()).data]
    assert len(numbers) > 200
    for entry in numbers:
        origin = read_title(entry["title"])
        assert origin.get("formula") or (origin["file"].startswith("results/") and origin["column"])
        # A text is on the page as it stands in the file.
        assert entry["title"].startswith((f"{entry['value']} in results/", f"{entry['value']} = (", "results/"))
