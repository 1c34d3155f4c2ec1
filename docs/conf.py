"""Configuration of Sphinx, which builds the site of the documentation from the pages of this project (`make docs`)."""

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("src", "docs")]

from reference_pages import write_reference_pages  # noqa: E402

from nngplab.report.mathematics import latex  # noqa: E402

project = "nngp-lab"
author = project
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx_copybutton"]
# The sources are at the root, so that a link from one page to another works on GitHub and in the site.
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "*/README.md",
    "data/challenge/README.md",
    "docs/**",
    "packages/*/README.md",
    "packages/*/docs/**",
]
exclude_patterns = [".*", "docs/_build", "results", "tests"]
html_theme = "furo"
html_title = project

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
# Docstrings that scikit-learn's classes pass on refer to its own pages.
suppress_warnings = ["ref.ref"]
copybutton_prompt_text = "$ "


def visit_math(translator: nodes.NodeVisitor, node: nodes.Element) -> None:
    """Write a formula as MathML, which needs no JavaScript and no network."""
    translator.body.append(str(latex(node.astext().strip(), display=isinstance(node, nodes.math_block))))
    raise nodes.SkipNode


def escape_bars(*arguments: Any) -> None:
    """Escape the bars of norms in a docstring, which would mark substitutions."""
    lines: list[str] = arguments[-1]
    lines[:] = [line if line.lstrip().startswith(">>>") else line.replace("|", "\\|") for line in lines]


def setup(app: Sphinx) -> None:
    """Add the renderer of formulas, and write the pages that are made from the code."""
    write_reference_pages()
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    app.connect("autodoc-process-docstring", escape_bars, priority=600)  # after napoleon


html_math_renderer = "mathml"
