"""Tables sort by each column and copy as CSV; mathematics copies as TeX."""

import csv
import html
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.checkout import ROOT

SCRIPT = (ROOT / "workflow/report/numbers.js").read_text()
CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', {value: {writeText: (text) => { copied = text; }}})"
EMPTY = '<main></main><script type="application/json" id="origins">{}</script>'


@pytest.fixture(scope="module")
def window(live) -> Any:
    live.evaluate(CLIPBOARD)
    return live


@pytest.fixture(scope="module")
def blank(browser) -> Any:
    """A page for tables that are made up."""
    page = browser.new_page()
    page.set_content(EMPTY)
    page.evaluate(CLIPBOARD)
    page.evaluate(f"run = () => {{ {SCRIPT} }}")
    return page


def show(blank: Any, table: str) -> None:
    body = f'<div class="table">{table}</div>'
    blank.evaluate("(text) => { document.querySelector('main').innerHTML = text; run(); }", body)


def copied_rows(blank: Any) -> list[list[str]]:
    text = blank.evaluate("() => { document.querySelector('.copy').click(); return copied; }")
    return list(csv.reader(io.StringIO(text, newline="")))


def data(value: object, text: str) -> str:
    return f'<data value="{html.escape(str(value))}">{html.escape(text)}</data>'


class TestPage:
    def test_every_table_copies_all_its_numbers_as_they_are(self, window):
        tables = window.locator(".table > table").evaluate_all(
            """(all) => all.map((table) => {
                table.parentElement.nextElementSibling.click();
                return [copied, [...table.querySelectorAll("tbody data")].map((number) => number.value)];
            })"""
        )
        assert len(tables) > 10
        for text, values in tables:
            rows = list(csv.reader(io.StringIO(text, newline="")))
            assert len({len(row) for row in rows}) == 1
            assert all(rows[0])
            found = " ".join(cell for row in rows[1:] for cell in row)
            # A text such as "50,000" is a number in CSV.
            assert [value for value in values if value not in found and value.replace(",", "") not in found] == []
            assert "×" not in found

    def test_every_column_sorts_and_the_third_click_restores_the_order(self, window):
        wrong = window.locator(".sort").evaluate_all(
            """(buttons) => buttons.filter((button) => {
                const cell = button.closest("th");
                const order = () => [...cell.closest("table").querySelectorAll("tbody tr")];
                const [before, states] = [order(), []];
                for (let click = 0; click < 3; click += 1) {
                    button.click();
                    states.push(cell.getAttribute("aria-sort"));
                }
                const after = order();
                return states.join() !== "ascending,descending," || before.some((row, place) => row !== after[place]);
            }).length"""
        )
        assert wrong == 0
        assert window.locator(".sort").count() > 50

    def test_a_sort_button_has_a_name_and_a_size(self, window):
        names = window.locator(".sort").evaluate_all("(all) => all.map((button) => button.getAttribute('aria-label'))")
        assert all(name.startswith("Sort by ") and len(name) > len("Sort by ") for name in names)
        box = window.locator(".sort:visible").first.bounding_box()
        assert min(box["width"], box["height"]) >= 24

    def test_a_selection_with_mathematics_copies_as_tex(self, window):
        text = window.evaluate(
            """() => {
                const shown = [...document.querySelectorAll("main p")].filter((p) => p.offsetHeight);
                const text = shown.find((p) => p.querySelector("annotation"));
                getSelection().selectAllChildren(text);
                const data = {clipboardData: new DataTransfer(), bubbles: true, cancelable: true};
                const event = new ClipboardEvent("copy", data);
                text.dispatchEvent(event);
                const source = text.querySelector("annotation").textContent;
                return [event.clipboardData.getData("text/plain"), source, document.querySelector(".copied")];
            }"""
        )
        assert f"${text[1]}$" in text[0]
        assert text[2] is None


def test_the_header_has_the_names_of_groups_and_tex(blank):
    show(
        blank,
        f"""<table><thead><tr><td></td><th colspan="2" scope="colgroup">seed {data(88, "88")}</th></tr>
        <tr><th scope="col">kernel <math><mi>K</mi></math></th><th scope="col">MSE</th>
        <th scope="col"><math><semantics><mi>R</mi>
        <annotation encoding="application/x-tex">R^2</annotation></semantics></math></th></tr></thead>
        <tbody><tr><th scope="rowgroup" colspan="3">a "group", and more</th></tr>
        <tr><th scope="row">relu</th><td>{data("1.06e-05", "1.06 × 10⁻⁵")}</td>
        <td><span class="interval">({data(-0.5, "−5.0")} to {data("inf", "∞")}) × 10⁻¹</span></td></tr>
        <tr><th scope="row">erf</th><td>{data("", "–")}</td><td>−1,234</td></tr></tbody></table>""",
    )
    assert copied_rows(blank) == [
        ["group", "kernel $K$", "seed 88: MSE", "seed 88: $R^2$"],
        ['a "group", and more', "relu", "1.06e-05", "-0.5 to inf"],
        ['a "group", and more', "erf", "", "-1234"],
    ]
    assert blank.locator(".sort").nth(2).get_attribute("aria-label") == "Sort by R"


TEXT = st.text(st.characters(categories=["L", "P", "S"], include_characters=' ,"'), max_size=8).map(
    lambda text: " ".join(text.split())
)
VALUE = st.floats(allow_nan=False) | st.integers(-(10**6), 10**6)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(TEXT, VALUE), min_size=1, max_size=6))
def test_any_table_comes_back_from_its_csv(blank, rows):
    body = "".join(f"<tr><td>{html.escape(text)}</td><td>{data(value, 'x')}</td></tr>" for text, value in rows)
    show(blank, f"<table><thead><tr><th>text</th><th>number</th></tr></thead><tbody>{body}</tbody></table>")
    assert copied_rows(blank) == [["text", "number"], *([text, str(value)] for text, value in rows)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.none() | st.integers(-3, 3) | st.floats(allow_nan=False), min_size=2, max_size=8))
def test_any_column_of_numbers_sorts_by_exact_value_and_is_stable(blank, values):
    cells = [data("" if value is None else value, "–" if value is None else "1.0") for value in values]
    body = "".join(f'<tr id="row{place}"><td>{cell}</td></tr>' for place, cell in enumerate(cells))
    show(blank, f"<table><thead><tr><th>x</th></tr></thead><tbody>{body}</tbody></table>")

    def expected(sign: int) -> list[int]:
        return sorted(range(len(values)), key=lambda place: (values[place] is None, sign * (values[place] or 0)))

    orders = blank.evaluate(
        """() => Array.from({length: 3}, () => {
            document.querySelector(".sort").click();
            return [...document.querySelectorAll("tbody tr")].map((row) => Number(row.id.slice(3)));
        })"""
    )
    assert orders == [expected(1), expected(-1), list(range(len(values)))]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["b", "A", "ä", "10 steps", "9 steps"], ["9 steps", "10 steps", "A", "ä", "b"]),
        (["2", "–", "10"], ["2", "10", "–"]),
    ],
)
def test_words_sort_as_a_reader_does(blank, texts, expected):
    body = "".join(f"<tr><td>{text}</td></tr>" for text in texts)
    show(blank, f"<table><thead><tr><th>x</th></tr></thead><tbody>{body}</tbody></table>")
    blank.locator(".sort").click()
    assert blank.locator("tbody td").all_inner_texts() == expected
