"""LaTeX and Markdown as HTML and MathML, for the templates."""

import re

import jinja2.ext
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

from nngplab.report.mathml import improve

_FORMULA_BEFORE_PUNCTUATION = re.compile(
    r'<math\b(?![^>]*display="block")[^>]*>(?:[^<]|<(?!/math>))*</math>[.,;:?!)’”]+'
)


class MathematicsExtension(jinja2.ext.Extension):
    """A Jinja2 extension: LaTeX between dollar signs in a template becomes MathML, between doubled ones a block."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Return the source of a template with MathML in place of LaTeX."""

        def mathml(match: re.Match[str]) -> str:
            # Braces of LaTeX, in the annotation, are not those of Jinja.
            return _mathml(match[2], match[1] == "$$").replace("{", "&#123;").replace("}", "&#125;")

        return re.sub(r"(\$\$?)(.+?)\1", mathml, source, flags=re.DOTALL)


def latex(text: str, display: bool = False) -> Markup:
    """Return LaTeX as MathML."""
    return Markup(_mathml(text, display))  # noqa: S704


def markdown_line(text: str) -> Markup:
    """Return a line of Markdown with LaTeX between dollar signs as HTML and MathML."""
    return Markup(_markdown_parser().renderInline(text))  # noqa: S704


def markdown(text: str, deeper: int = 2) -> Markup:
    """Return Markdown with LaTeX between dollar signs as HTML and MathML.

    The level of headings is increased by `deeper`. A link to another page of the same folder, like other.md, becomes a
    link to the element with the id `other`. HTML elements in the text are escaped.
    """
    parser = _markdown_parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + deeper}"
        for child in token.children or []:
            if child.type == "link_open":
                child.attrs["href"] = re.sub(r"^([\w-]+)\.md$", r"#\1", str(child.attrs["href"]))
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def tie_punctuation(page: str) -> str:
    """Return a page in which no line begins with the punctuation after a formula: browsers can break a line there."""
    return _FORMULA_BEFORE_PUNCTUATION.sub(r'<span class="tie">\g<0></span>', page)


def _markdown_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.use(dollarmath_plugin, renderer=lambda content, options: _mathml(content.strip(), options["display_mode"]))
    # The plugin puts a formula of a line into an element of its own.
    parser.add_render_rule(
        "math_inline", lambda _self, tokens, place, *_: _mathml(tokens[place].content.strip(), display=False)
    )
    return parser


def _mathml(text: str, display: bool) -> str:
    source = " ".join(text.split())
    formula = improve(convert(source, display="block" if display else "inline"), source)
    # Not every browser scrolls a formula that is wider than the window: the element around it does.
    return f'<span class="displayed">{formula}</span>' if display else formula
