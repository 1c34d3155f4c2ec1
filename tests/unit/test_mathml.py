"""The mathematics of the report: MathML that browsers show as LaTeX shows its source."""

from xml.etree import ElementTree as Tree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from latex2mathml.converter import convert

from nngplab.report.mathematics import MathematicsExtension, latex, tie_punctuation


def parsed(mathml: str) -> Tree.Element:
    return Tree.fromstring(mathml)  # noqa: S314


def elements(source: str, tag: str, display: bool = False) -> list[Tree.Element]:
    return list(parsed(latex(source, display)).iter(tag))


def letters(mathml: str) -> list[str]:
    """The texts of the elements that hold one, without the annotation."""
    math = parsed(mathml)
    tags = ("mi", "mn", "mo", "mtext")
    return [(element.text or "") for element in math.iter() if element.tag.split("}")[-1] in tags]


def forms(source: str) -> list[tuple[str, str | None]]:
    return [
        (element.text or "", element.get("form")) for element in elements(source, "mo") if element.text in ("|", "‖")
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"{\lVert x \rVert}^2 + \lVert y \rVert", ["prefix", "postfix"] * 2),
        (r"\left\lVert x \right\rVert \le \lvert a \rvert \, \lvert b \rvert", ["prefix", "postfix"] * 3),
        (r"|s|^m |t|^n", ["prefix", "postfix"] * 2),
        (r"\sum |h_m(u)| \, |h_n(v)|", ["prefix", "postfix"] * 2),
        (r"\lvert a | b \rvert", [None] * 3),
        (r"p(a | b)", [None]),
    ],
)
def test_bars_open_and_close(source, expected):
    assert [form for _, form in forms(source)] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        *((r"[-1, 1]", ["prefix"]), (r"x = -y", ["prefix"]), (r"(a, +b)", ["prefix"]), (r"|-x|", ["prefix"])),
        *((r"x - y", [None]), (r"(x) - y", [None]), (r"|x| - y", [None]), (r"n! + 1", [None]), (r"-x", [None])),
        (r"a + \cdots + b", [None, None]),
    ],
)
def test_a_sign_has_no_spaces_unlike_an_operator(source, expected):
    signs = [element for element in elements(source, "mo") if element.text in ("-", "−", "+")]
    assert [sign.get("form") for sign in signs] == expected


def test_a_row_of_one_element_is_this_element():
    assert all(len(row) > 1 for row in elements(r"a_{1} + {b} + \frac{1}{x} + y^{-z}", "mrow"))
    assert parsed(latex("x")).attrib == {}


def test_a_norm_is_not_stretched_unless_it_is_asked_for():
    assert {bar.get("stretchy") for bar in elements(r"\lVert \frac{a}{b} \rVert", "mo")} == {"false"}
    assert {bar.get("stretchy") for bar in elements(r"\left\lVert \frac{a}{b} \right\rVert", "mo")} == {None}


@pytest.mark.parametrize(
    ("source", "accent"), [(r"\tilde{x}", "˜"), (r"\check{\phi}", "ˇ"), (r"\hat{x}", "ˆ"), (r"\dot{x}", "˙")]
)
def test_an_accent_is_one(source, accent):
    (over,) = elements(source, "mover")
    assert over.get("accent") == "true"
    assert (over[1].text, over[1].get("stretchy")) == (accent, "false")


def test_limits_are_beside_integrals_and_below_sums():
    assert elements(r"\int_0^\infty x \, dx", "munderover", display=True) == []
    assert len(elements(r"\sum_{i=1}^n x_i", "munderover", display=True)) == 1


@pytest.mark.parametrize(
    ("source", "letter", "variant"),
    [(r"A^{\mathsf T}", "𝖳", None), (r"\Lambda", "Λ", "normal"), (r"\lambda", "λ", None)],
)
def test_letters_that_browsers_would_show_in_another_style(source, letter, variant):
    assert (letter, variant) in [(element.text, element.get("mathvariant")) for element in elements(source, "mi")]


@pytest.mark.parametrize(
    ("source", "spaces"),
    [
        *((r"\sin x", 1), (r"\sin(x)", 0), (r"\sin\left(x\right)", 0), (r"\sin\, x", 1), (r"a \sin(x)", 1)),
        *((r"f(u) \sin(v)", 1), (r"1 + \sin(v)", 0), (r"\max(0, u) \max(0, v)", 1), (r"\det \Lambda", 1)),
    ],
)
def test_a_function_has_a_thin_space_where_latex_has_one(source, spaces):
    assert len(elements(source, "mspace")) == spaces


def test_a_prime_is_not_raised_and_made_smaller_twice():
    assert elements(r"\check{\phi}'(\xi) + f''", "msup") == []
    assert [element.text for element in elements("f''", "mo")] == ["″"]


def test_operators_of_an_index_have_no_spaces():
    assert [element.get("lspace") for element in elements(r"a = x_{i + 1}", "mo")] == [None, "0"]


ATOMS = st.sampled_from(
    [
        *(r"\lVert x \rVert", "|u|", r"\tilde{x}", r"\sin x", r"\max(0, u)", r"\Lambda", r"A^{\mathsf T}", r"\phi'(u)"),
        *(r"\int_0^1 x", r"\frac{a}{b}", "a < b", r"\left( c \right)", "n!", r"e^{-u^2 / 2}", r"\text{ and }"),
    ]
)


@given(st.lists(ATOMS, min_size=1, max_size=5).map(" ".join), st.booleans())
def test_nothing_is_added_or_lost_and_the_source_is_there(source, display):
    same = str.maketrans("~^𝖳", "˜ˆT")
    before = convert(source, display="block" if display else "inline")
    after = latex(source, display)
    assert [text.translate(same) for text in letters(after)] == [text.translate(same) for text in letters(before)]
    annotations = elements(source, "annotation", display)
    assert [annotation.text or "" for annotation in annotations] == [source] * len(annotations)
    assert {annotation.get("encoding") for annotation in annotations} <= {"application/x-tex"}
    assert annotations or "".join(letters(after)) == source.replace(" ", "")


@pytest.mark.parametrize(("source", "count"), [("x", 0), ("k = 3", 0), ("x - y", 1), (r"\phi", 1), ("x^2", 1)])
def test_a_formula_whose_source_is_what_it_shows_has_no_annotation(source, count):
    assert len(elements(source, "annotation")) == len(elements(source, "semantics")) == count


@pytest.mark.parametrize(
    ("source", "attributes"),
    [
        (r"\left( x \right)", [{}, {}]),
        ("f(x)", [{"stretchy": "false"}] * 2),
        (r"\lVert x \rVert", [{"form": form, "stretchy": "false"} for form in ("prefix", "postfix")]),
    ],
)
def test_a_fence_has_no_attributes_that_browsers_know(source, attributes):
    assert [element.attrib for element in elements(source, "mo")] == attributes


def test_braces_of_latex_are_not_those_of_a_template():
    import jinja2

    environment = jinja2.Environment(extensions=[MathematicsExtension], autoescape=True)
    text = environment.from_string(r"{{ 1 + 1 }} $\sqrt{{\lVert h \rVert}^4 + {{x}}}$").render()
    assert text.startswith("2 <math")
    (annotation,) = parsed(text[2:]).iter("annotation")
    assert annotation.text == r"\sqrt{{\lVert h \rVert}^4 + {{x}}}"


class TestPunctuation:
    @given(st.lists(st.tuples(st.sampled_from(["", " ", " and ", ".", ", ", "). "]), st.booleans()), max_size=6))
    def test_a_formula_in_a_line_and_the_punctuation_after_it_are_in_one_element(self, parts):
        page, expected = "", ""
        for after, display in parts:
            formula, marks = str(latex("x_1", display)), "" if display else after.rstrip()
            marks = marks if marks in (".", ",", ").") else ""
            page += f"{formula}{after}"
            expected += f'<span class="tie">{formula}{marks}</span>{after[len(marks) :]}' if marks else formula + after
        assert tie_punctuation(page) == expected

    def test_without_a_formula_nothing_changes(self):
        assert tie_punctuation("<p>x</p>. </math>.") == "<p>x</p>. </math>."
