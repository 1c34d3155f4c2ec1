"""Numbers, permalinks and links of the report's page."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.report.links import add_links

EQUATION = (
    '<div class="equation" id="equation-6.8"><math></math><a class="label" href="#equation-6.8">(6.8)</a></div>'
    '<div class="equation" id="equation-K.2"></div>'
)
SECTIONS = (
    '<section id="two"><h2>Problem 2a: images</h2></section><section id="six"><h2>Problems 6 to 8 and 11: duals</h2>'
    f'<h3>A proof of $x$</h3>{EQUATION}<figure><img alt="a"><figcaption>A curve</figcaption></figure>'
    '<div class="table" tabindex="0"><table><caption>Errors</caption></table></div>'
    '<figure id="given"><figcaption>Given</figcaption></figure></section>'
)


def linked(text: str) -> str:
    """The text after the sections, with its links."""
    page = add_links(f"<body><main>{SECTIONS}<p>{text}</p></main></body>")
    return page.rsplit("<p>", 1)[1].split("</p>")[0]


class TestNumbers:
    page = add_links(f"<body><h1>T</h1><main>{SECTIONS}</main></body>")

    def test_a_heading_has_a_permalink_to_its_section_or_to_itself(self):
        assert '<h2>Problem 2a: images <a class="permalink" href="#two"' in self.page
        assert '<h3 id="six-a-proof-of-x">A proof of $x$ <a class="permalink" href="#six-a-proof-of-x"' in self.page

    def test_figures_and_tables_have_numbers_in_their_order(self):
        assert '<figure id="six-figure">' in self.page
        assert '<figcaption><a class="number-of" href="#six-figure">Figure 1</a> A curve' in self.page
        assert '<div class="table" id="six-table" tabindex="0">' in self.page
        assert '<caption><a class="number-of" href="#six-table">Table 1</a> Errors' in self.page
        assert '<figure id="given"><figcaption><a class="number-of" href="#given">Figure 2</a> Given' in self.page

    @given(
        st.lists(
            st.sampled_from(
                ["<h3>One</h3>", "<h3>One 2</h3>", "<figure><figcaption>x</figcaption></figure>", '<p id="s-one"></p>']
            ),
            unique_by=lambda part: part if " id=" in part else object(),
        )
    )
    def test_no_two_elements_share_an_id(self, parts):
        page = add_links(f'<body><main><section id="s"><h2>S</h2>{"".join(parts)}</section></main></body>')
        identifiers = re.findall(r'\sid="([^"]+)"', page)
        assert len(set(identifiers)) == len(identifiers)

    def test_a_heading_in_a_summary_has_an_id_alone(self):
        page = add_links(
            '<main><section id="s"><h2>S</h2><details><summary><h3>T</h3></summary></details></section></main>'
        )
        assert '<summary><h3 id="s-t">T</h3></summary>' in page


class TestReferences:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("by (6.8).", 'by <a href="#equation-6.8">(6.8)</a>.'),
            ("by (K.2), not (K)", 'by <a href="#equation-K.2">(K.2)</a>, not (K)'),
            ("Problem 6", '<a href="#six">Problem 6</a>'),
            ("Problem\n7 (b)", '<a href="#six">Problem\n7</a> (b)'),
            ("Problem 2b and Problem 2", '<a href="#two">Problem 2b</a> and <a href="#two">Problem 2</a>'),
            (
                "Problems 2, 6 and 7 to 8, 11",
                'Problems <a href="#two">2</a>, <a href="#six">6</a> and <a href="#six">7</a> to <a href="#six">8</a>,'
                ' <a href="#six">11</a>',
            ),
            ("Figure 2 and Table 1", '<a href="#given">Figure 2</a> and <a href="#six-table">Table 1</a>'),
            ('see <a href="#given"></a>', 'see <a href="#given">Figure 2</a>'),
            ('<data value="(6.8)">(6.8)</data>', '<data value="(6.8)"><a href="#equation-6.8">(6.8)</a></data>'),
            # Not on this page, but of the problem set; and what comes from a file is never wrong.
            ("Problem 12 and (3.1)", "Problem 12 and (3.1)"),
            ('<data value="x">Problem 77 (6.9)</data>', '<data value="x">Problem 77 (6.9)</data>'),
            ("Problem 6, 12 times", '<a href="#six">Problem 6</a>, 12 times'),
            ("(0.5 to 6.8) and (6.8", "(0.5 to 6.8) and (6.8"),
        ],
    )
    def test_what_the_text_refers_to_is_a_link(self, text, expected):
        assert linked(text) == expected

    @pytest.mark.parametrize("tag", ["a", "code", "pre", "h4", "math", "svg", "summary", "cite", "span translate='no'"])
    @given(before=st.sampled_from(["", "<b>x</b>", "<br>", "<img alt='a > b'>"]))
    def test_verbatim_text_stays(self, tag, before):
        tag = tag.replace("'", '"')
        text = f"<{tag}>{before}Problem 6 (6.8) (6.99)</{tag.split()[0]}>"
        page = add_links(f"<body><main>{SECTIONS}<div>{text}</div></main></body>")
        assert f"{before}Problem 6 (6.8) (6.99)" in page

    def test_text_after_verbatim_text_is_linked(self):
        assert linked("<code>Problem 6</code> Problem 6").count("<a ") == 1

    @pytest.mark.parametrize("text", ["(6.9)", "Problem 14", "Problems 6 and 14", "Figure 3", "Table 2"])
    def test_a_reference_to_what_is_not_there_is_an_error(self, text):
        name = "Problem 14" if text.startswith("Problems") else text
        with pytest.raises(InputError, match=f"^the page refers to {re.escape(name)}, which it does not have"):
            linked(text)

    def test_an_empty_link_to_what_is_not_there_is_an_error(self):
        with pytest.raises(InputError, match=r"^the page refers to the figure or table #none,"):
            linked('<a href="#none"></a>')

    @given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="<>&")))
    def test_text_without_references_is_unchanged(self, text):
        kept = re.sub(r"\d", "", text)
        assert linked(f"{kept}.") == f"{kept}."
