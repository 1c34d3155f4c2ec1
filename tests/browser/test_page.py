"""The page in a browser: what fits, what is read first, where links lead, and what axe-core finds."""

import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

WIDTHS = (320, 375, 768, 1280, 1920)
MEASURES = "(" + Path(__file__).with_name("measures.js").read_text().partition("\n(")[2].rstrip(";\n")


def measure(window: Any, name: str, argument: object = None) -> Any:
    """Call a function of measures.js in the page."""
    return window.evaluate(f"(argument) => {MEASURES}.{name}(argument)", argument)


class TestFrame:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_the_page_does_not_scroll_sideways(self, view, width):
        window = view(width)
        assert window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert measure(window, "beyond") == []

    def test_a_displayed_formula_is_in_an_element_that_scrolls(self, view):
        """Firefox does not scroll the formula itself."""
        assert measure(view(375), "fixed") == []

    def test_nor_does_it_at_a_zoom_of_200_percent(self, view):
        # A window of 1280 x 720 has 640 x 360 pixels of the page then.
        window = view(640, 360)
        assert measure(window, "beyond") == []

    def test_the_first_screen_shows_the_title_the_notice_and_four_answers(self, view):
        window = view(1280, 720)
        places = ["h1", "table.answers tbody tr:nth-of-type(4)"]
        places += [".notice"] if window.locator(".notice").count() else []
        for place in places:
            box = window.locator(place).first.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 720, place

    def test_the_notice_has_two_lines_and_scrolls_away(self, view):
        window = view(1280)
        if not window.locator("aside.notice").count():
            pytest.skip("the images are not those of the stand-in")
        assert window.locator("aside.notice").bounding_box()["height"] <= 60
        assert window.locator("aside.notice").evaluate("e => getComputedStyle(e).position") == "static"

    def test_the_contents_are_at_the_side_or_folded(self, view, calm):
        assert view(1280).locator(".contents li a").first.is_visible()
        assert view(1280).locator("main").bounding_box()["x"] > view(1280).locator(".contents").bounding_box()["width"]
        for narrow in (view(375), calm):
            assert not narrow.locator(".contents li a").first.is_visible()

    def test_the_page_is_small(self, report_file):
        assert report_file.stat().st_size <= 3_000_000

    def test_the_browser_reports_nothing(self, view):
        assert view(1280).messages == []


class TestNavigation:
    def test_the_skip_link_is_first_and_leads_to_the_answers(self, calm):
        calm.keyboard.press("Tab")
        assert calm.evaluate("document.activeElement.className") == "skip"
        assert calm.locator(".skip").bounding_box()["x"] >= 0
        calm.keyboard.press("Enter")
        assert calm.evaluate("location.hash") == "#main"

    def test_the_present_section_is_marked(self, live):
        for name in ("kernel_regression", "provenance", "fc_net"):
            live.evaluate(f"location.hash = '{name}'")
            live.wait_for_selector(f'.contents a[href="#{name}"][aria-current="location"]')
            assert live.locator("[aria-current]").count() == 1

    def test_nothing_covers_a_target(self, live):
        number, covered = measure(live, "covered")
        assert number > 50
        assert covered == []

    def test_every_reference_is_a_link(self, view):
        text = measure(view(1280), "texts")
        assert re.findall(r"\(\d+\.\d+\)|(?:Problem|Figure|Table)\s+\d+\w?", text) == []

    def test_a_reference_shows_its_equation_until_escape(self, live):
        link = live.locator('main p a[href^="#equation-"]:visible').first
        link.hover()
        assert live.locator("[role=tooltip] math").is_visible()
        live.keyboard.press("Escape")
        assert live.locator("[role=tooltip]").count() == 0
        live.mouse.move(0, 0)
        link.focus()
        box = live.locator("[role=tooltip]").bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 1280

    def test_without_script_all_links_are_there(self, still):
        assert still.locator(".contents li a").first.is_visible()
        assert still.locator("figure figcaption .number-of").count() == still.locator("figure").count()


class TestFiguresAndTables:
    def test_all_have_a_number_in_their_order(self, view):
        for selector, kind in (("figcaption .number-of", "Figure"), ("caption .number-of", "Table")):
            names = view(1280).locator(selector).all_text_contents()
            assert names == [f"{kind} {number}" for number in range(1, len(names) + 1)]
        assert view(1280).locator("figure").count() == view(1280).locator("figcaption .number-of").count()
        assert view(1280).locator(".table table").count() == view(1280).locator("caption .number-of").count()

    @pytest.mark.parametrize("width", [320, 375])
    def test_a_wide_table_keeps_its_first_column_and_shows_that_it_scrolls(self, view, width):
        window = view(width)
        wide = measure(window, "scrolled")
        assert len(wide) > 3
        for moved, share, shadows, tab_index in wide:
            assert moved < 2
            assert share < 0.6
            assert shadows == 4
            assert tab_index == 0

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_a_wide_figure_or_formula_shows_that_it_scrolls(self, view, scheme):
        window = view(320, scheme=scheme)
        wide = measure(window, "wide")
        assert wide["formulas"] == []
        assert len(wide["figures"]) > 3
        for number in wide["figures"]:
            drawing = Image.open(io.BytesIO(window.locator("main .drawing").nth(number).screenshot())).convert("RGB")
            page, shadow = (drawing.getpixel((x, drawing.height - 2)) for x in (0, drawing.width - 1))
            assert page != shadow, number


@pytest.fixture(scope="module")
def plain(calm) -> Iterator[Any]:
    """A window whose formulas are text and whose drawings are empty: axe-core would take minutes to visit them."""
    measure(calm, "simplify")
    yield calm
    calm.set_viewport_size({"width": 375, "height": 720})
    calm.emulate_media(color_scheme="light")


class TestAccess:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [375, 1280])
    def test_axe_finds_nothing(self, plain, width, scheme):
        from axe_playwright_python.sync_playwright import Axe

        plain.set_viewport_size({"width": width, "height": 720})
        plain.emulate_media(color_scheme=scheme)
        # All other rules find the same in light and dark.
        rules = {"runOnly": ["color-contrast", "link-in-text-block"]} if scheme == "dark" else {}
        found = Axe().run(plain, options={"resultTypes": ["violations"], **rules}).response["violations"]
        assert [(rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in found] == []

    def test_headings_are_in_order(self, view):
        levels = [
            int(name[1])
            for name in view(1280).locator("h1, h2, h3, h4, h5, h6").evaluate_all("all => all.map(e => e.tagName)")
        ]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))

    def test_nothing_moves_by_itself(self, calm):
        assert measure(calm, "moving") == 0
        assert calm.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"

    def test_the_colours_follow_the_scheme(self, view):
        def lightness(window) -> tuple[int, int]:
            style = "getComputedStyle(document.body)"
            return tuple(
                sum(map(int, re.findall(r"\d+", window.evaluate(f"{style}.{name}"))[:3]))
                for name in ("color", "backgroundColor")
            )

        text, page = lightness(view(1280))
        assert text < 200 < 600 < page
        text, page = lightness(view(1280, scheme="dark"))
        assert page < 200 < 600 < text


@pytest.fixture(scope="module", params=["A4", "Letter"])
def printed(request, view, tmp_path_factory) -> Any:
    import pypdf

    path = tmp_path_factory.mktemp("print") / "report.pdf"
    view(1280).pdf(path=path, format=request.param)
    return pypdf.PdfReader(path)


class TestPrint:
    def test_it_has_at_most_50_pages(self, printed):
        assert len(printed.pages) <= 50

    def test_the_text_is_not_shrunk(self, printed):
        """The browser shrinks all pages if anything is wider than the paper."""
        sizes: Counter[float] = Counter()

        def visit(text, matrix, text_matrix, font, size):
            sizes[round(abs(size * text_matrix[3] * matrix[3]), 1)] += len(text.strip())

        for page in printed.pages[:3]:
            page.extract_text(visitor_text=visit)
        (size, _), *_ = sizes.most_common(1)
        assert size >= 9.5

    def test_no_text_is_smaller_than_9_5_points(self, view):
        window = view(media="print")
        assert measure(window, "smaller", 9.5) == []

    @pytest.mark.parametrize("paper_width", [703, 725])
    def test_no_table_or_formula_is_wider_than_the_paper(self, view, paper_width):
        """A4 and letter, less the margins; a wide table has the page on its side."""
        window = view(width=paper_width, media="print")
        assert measure(window, "wider", 960) == []

    def test_no_figure_is_torn_from_its_caption(self, view):
        window = view(media="print")
        figures = window.locator("figure").evaluate_all(
            "all => all.map(e => [getComputedStyle(e).breakInside, e.getBoundingClientRect().height])"
        )
        assert all(inside == "avoid" and height < 950 for inside, height in figures)
