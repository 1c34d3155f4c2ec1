"""The two interactive pictures: whole without script, moved by keyboard with it."""

import json
import re

import pytest

from tests.helpers.report_page import TEMPLATES

PICTURES = ("frames", "explorer")


@pytest.fixture(scope="module")
def window(live):
    live.locator(".is-live").nth(len(PICTURES) - 1).wait_for()
    return live


def picture(page, name):
    return page.locator(f'[data-picture="{name}"]')


@pytest.mark.parametrize("name", PICTURES)
def test_without_script_a_still_figure_is_shown(still, name):
    figure = picture(still, name)
    assert figure.locator(".live").count() == 0
    box = figure.locator(".still").bounding_box()
    assert box["width"] > 300
    assert box["height"] > 150
    assert figure.locator("figcaption").is_visible()


def test_without_script_every_frame_is_shown(still):
    data = json.loads(picture(still, "frames").locator("script").text_content())
    shape = picture(still, "frames").locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert shape == [32 * len(data["iterations"]), 32 * len(data["inputs"])]


@pytest.mark.parametrize("name", PICTURES)
def test_with_script_the_live_picture_takes_its_place(window, name):
    assert picture(window, name).locator(".live").is_visible()
    assert not picture(window, name).locator(".still").is_visible()


def test_the_keyboard_moves_the_frames(window):
    figure = picture(window, "frames")
    data = json.loads(figure.locator("script").text_content())
    slider, canvas = figure.locator("input"), figure.locator("canvas").first
    slider.focus()
    window.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "r = 0: the inputs"
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    assert canvas.get_attribute("aria-label").endswith(read_angles(data, 0))
    window.keyboard.press("End")
    assert slider.get_attribute("aria-valuetext") == f"r = {data['iterations'][-1]}"
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before
    assert canvas.get_attribute("aria-label").endswith(read_angles(data, -1))


def read_angles(data: dict, index: int) -> str:
    """The angles of the first input, as its label has them."""
    shown = [of_image[index] for of_image in data["inputs"][0]["degrees"]]
    return "".join(f"z{'₀₁₂₃₄₅₆₇₈₉'[i]}: {float(f'{value:.3g}'):g}°" for i, value in enumerate(shown, start=1))


def test_play_moves_the_frames_and_can_be_paused(window):
    figure = picture(window, "frames")
    slider, button = figure.locator("input"), figure.locator(".controls button")
    slider.fill("0")
    button.click()
    figure.locator("output", has_text="r = 1").wait_for()
    button.click()
    assert button.text_content() == "Play"


def test_reduced_motion_has_no_button(calm):
    calm.locator(".is-live").nth(len(PICTURES) - 1).wait_for()
    assert not picture(calm, "frames").locator(".controls button").is_visible()


def test_every_activation_is_drawn_with_its_numbers(window):
    figure = picture(window, "explorer")
    data = json.loads(figure.locator("script").text_content())
    shown = figure.evaluate(
        """figure => [...figure.querySelector("select").options].map(({value}) => {
          const [select, slider] = [figure.querySelector("select"), figure.querySelector("input")];
          select.value = value;
          select.dispatchEvent(new Event("change"));
          slider.value = slider.max;
          slider.dispatchEvent(new Event("input"));
          return {
            values: [...figure.querySelectorAll("td")].map((cell) => Number(cell.textContent.replace("−", "-"))),
            lines: [...figure.querySelectorAll("path.line")].map((path) => path.getAttribute("d")),
            formulas: [...figure.querySelectorAll("[data-formula-of]")].filter((formula) => !formula.hidden).length,
          };
        })"""
    )
    assert len(shown) == len(data["activations"])
    for activation in shown:
        assert activation["values"] == pytest.approx([1] * len(data["depths"]), abs=1e-3)
        assert len(activation["lines"]) == 1 + len(data["depths"])
        assert "NaN" not in "".join(activation["lines"])
        assert activation["formulas"] <= 1
    assert "± " in figure.locator("p.estimate").text_content()


def test_nothing_is_wider_than_the_window(window):
    for width in (320, 768):
        window.set_viewport_size({"width": width, "height": 720})
        for name in PICTURES:
            shown = picture(window, name).locator(".live")
            assert shown.evaluate("live => live.scrollWidth - live.clientWidth") <= 1, (name, width)
    window.set_viewport_size({"width": 1280, "height": 720})


def test_the_browser_reports_no_error(window):
    assert window.messages == []


def test_print_shows_the_still_figures(window):
    window.emulate_media(media="print")
    for name in PICTURES:
        assert picture(window, name).locator(".still").is_visible()
        assert not picture(window, name).locator(".live").is_visible()
    window.emulate_media(media="null")


def test_the_script_is_small_and_loads_nothing():
    script = (TEMPLATES / "pictures.js").read_text()
    assert len(script.encode()) <= 12_000
    assert re.findall(r"\beval\b|\bfetch\b|XMLHttpRequest|innerHTML|import\(|\.style\b", script) == []
