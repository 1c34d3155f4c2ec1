"""The section on Problems 1 and 5 to 10: each equation beside its check, whatever the tables say."""

import itertools
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from nngplab.report.mathematics import latex, markdown, markdown_line
from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from nngplab.theory.derivations import split_at_equations
from nngplab.theory.misprints import MISPRINTS
from nngplab.theory.pages import PAGES
from tests.helpers.checkout import ROOT
from tests.helpers.report_page import (
    PICTURE,
    TEMPLATES,
    Reader,
    alternative_text,
    check_traces,
    sentences,
    write_cifar10,
    write_explorer,
)

PAGE = """
See [the other](arc_cosine.md) and [elsewhere](https://example.org/x.md).

## A heading

| a | b |
|---|---|
| $x$ | <b>not bold</b> |
"""


def write_theory(folder: Path, **changes: object) -> None:
    """Two pages with an equation each; `changes` are columns of the second check."""
    check = {"problem": 1, "statement": "a = b", "method": "sympy", "max_abs_error": 0.0, "tolerance": 0.0}
    check |= {
        "passed": True,
        "label": "(1.1)",
        "false_statement": "a = 2 b",
        "false_error": 0.25,
        "false_refused": True,
    }
    check |= {"scope": "real symbols $a$, $b$", "page": "problem_01", "digits": 30, "samples": 1000, "seed": 88}
    other = {"problem": 8, "method": "mpmath, 30 digits", "max_abs_error": 3.4e-42, "tolerance": 1e-30}
    # 9.10 is not 9.1: a label is no number.
    other |= {
        "label": "(9.10)",
        "page": "arc_cosine",
        "false_statement": "a = -b",
        "false_error": float("inf"),
        "scope": "",
    }
    pd.DataFrame([check, {**check, **other, **changes}]).to_csv(folder / "checks.csv", index=False)
    counts = {"sympy": 1, "mpmath": 1, "float64": 0, "sampling": 0}
    summary = [
        {"page": "all", "identities": 2, **counts, "passed": 1 + changes.get("passed", True)}
        | {"false_refused": 1 + changes.get("false_refused", True)},
        {"page": "problem_01", "identities": 1, **counts, "mpmath": 0, "passed": 1, "false_refused": 1},
        {"page": "arc_cosine", "identities": 1, **counts, "sympy": 0, "passed": 1, "false_refused": 1},
    ]
    pd.DataFrame(summary).to_csv(folder / "summary.csv", index=False)
    misprints = [
        {"where": "Problem 1", "printed": "$B$ is $d$", "right": "it is $k$", "used": "The $k$.", "label": "(1.1)"}
        | {"printed_error": 0.25, "right_error": 0.0},
        {"where": "Problem 9", "printed": "“*ReLU*”", "right": "sine", "used": "The sine.", "label": None},
    ]
    pd.DataFrame(misprints).to_csv(folder / "misprints.csv", index=False)
    end = {"text": "The *end*.", "label": None, "latex": None}
    pages = [
        {
            "name": "problem_01",
            "problem": "1",
            "title": "First, $x$",
            "steps": [{"text": PAGE, "label": "(1.1)", "latex": "a = b"}, end],
        },
        {
            "name": "arc_cosine",
            "problem": "8",
            "title": "Second",
            "steps": [{"text": "", "label": "(9.10)", "latex": "a = b"}, end],
        },
    ]
    (folder / "derivations.json").write_text(json.dumps({"pages": pages}))
    for name in ("duals", "spectra"):
        (folder / f"{name}.svg").write_text(PICTURE)
    write_explorer(folder)
    spectra = "activation,quantity,index,value\nsine,coefficient,1,0.9\nsine,eigenvalue,1,1.5\ncosine,eigenvalue,1,64\n"
    (folder / "spectra.csv").write_text(spectra)
    (folder / "duals.csv").write_text("activation,xi,dual,derivative\ncosine,-0.5,0.7,-0.2\nsine,-0.5,-0.4,0.8\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cifar10", "theory"):
        (tmp_path / "results" / name).mkdir(parents=True)
    write_cifar10(tmp_path / "results/cifar10", stand_in=False, source="archive", label="CIFAR-10, a copy")
    write_theory(tmp_path / "results/theory")
    return tmp_path / "results"


def render(folder: Path) -> str:
    return HTMLReport(TEMPLATES, Results(folder), student=None, config={}, provenance={}).render(
        ["theory", "problem_01"]
    )


def words(fragment: str) -> str:
    return sentences(f'<section id="fragment">{fragment}</section>', "fragment")


def proofs(page: str) -> list[str]:
    return re.findall(r'<details class="proof">.*?</div>\n</details>\n+(?=<)', page, flags=re.DOTALL)


class TestSideBySide:
    def test_each_equation_has_its_own_check(self, folder):
        first, second = proofs(render(folder))
        assert "(1.1) ✓ the sides agree (sympy): error 0 checked for real symbols a, b" in words(first)
        assert "false variant ✓ rejected Wrong: a=2b The sides of this variant differ by 0.25." in words(first)
        assert "✓ the sides agree (mpmath, 30 digits): error 3.4 × 10⁻⁴², tolerance 1.0 × 10⁻³⁰ " in words(second)
        assert "Wrong: a=−b The sides of this variant differ by ∞: it has another shape, or does not" in words(second)
        assert "checked for" not in words(second)

    def test_the_equation_the_false_variant_and_the_text_are_there(self, folder):
        first, second = proofs(render(folder))
        formulas = ["".join(Reader(found).text) for found in re.findall(r"<math.*?</math>", first, flags=re.DOTALL)]
        assert formulas == ["x", "a=b", "a", "b", "a=2b"]
        assert "The <em>end</em>." in second

    def test_a_false_variant_is_folded_away_and_called_wrong_before_its_formula(self, folder):
        variants = re.findall(r'<details class="variant">.*?</details>', render(folder), flags=re.DOTALL)
        assert [words(variant).split(" The sides")[0] for variant in variants] == [
            "false variant ✓ rejected Wrong: a=2b",
            "false variant ✓ rejected Wrong: a=−b",
        ]

    def test_problem_1_comes_first_and_says_both_rules(self, folder):
        page = render(folder)
        assert re.findall(r'<section id="(\w+)">', page) == ["problem_01", "theory", "images", "provenance"]
        section = sentences(page, "problem_01")
        assert section.startswith("Problem 1: gradient descent on a linear network A step of gradient descent adds ")
        assert "The one numbered equation passes its check. " in section

    def test_the_answer_counts(self, folder):
        section = sentences(render(folder), "theory")
        assert "All 2 numbered equations pass their checks." in section
        assert "All 2 were rejected." in section
        assert "1 by sympy, which must reduce the difference to zero; 1 by mpmath, to 30 digits after" in section
        assert "sampling," not in section

    def test_a_failure_would_show(self, folder):
        write_theory(folder / "theory", passed=False, false_refused=False)
        page = render(folder)
        section = sentences(page, "theory")
        assert "1 of the 2 numbered equations passes its check. The two sides differ in (9.10)." in section
        assert "1 of the 2 was rejected: not (9.10)." in section
        assert "✗ the sides differ" in proofs(page)[1]
        assert "✗ not rejected" in proofs(page)[1]
        assert "✗" not in proofs(page)[0]

    def test_misprints(self, folder):
        page = render(folder)
        table = page[page.index("What the problem set prints") :]
        rows = [words(row) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
        assert rows[1] == "Problem 1B is d it is kThe k. (1.1): error 0.25 as printed, 0 as corrected"
        assert rows[2] == "Problem 9“ReLU” sineThe sine. –"


class TestPage:
    def test_every_entry_is_in_the_file_that_it_names(self, folder):
        page = render(folder)
        assert len(Reader(page).data) > 30
        check_traces(folder, page)

    def test_no_number_in_an_answer_or_a_table_is_typed_in(self, folder):
        typed = "".join(text for section, text in Reader(render(folder)).untraced if section == "theory")
        assert re.findall(r"\d+", re.sub(r"Problems?\s\d+(\sand\s\d+)?|float64", "", typed)) == []

    def test_links_lead_to_proofs(self, folder):
        tags = Reader(render(folder)).tags
        identifiers = [attributes["id"] for _, attributes in tags if "id" in attributes]
        assert len(set(identifiers)) == len(identifiers)
        targets = {attributes["href"] for tag, attributes in tags if tag == "a"}
        assert targets >= {"#theory", "#provenance", "#problem_01", "#arc_cosine", "https://example.org/x.md"}
        assert {"problem_01", "arc_cosine"} <= set(identifiers)

    def test_headings_do_not_skip_a_level(self, folder):
        levels = [int(tag[1]) for tag, _ in Reader(render(folder)).tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        assert re.search(r"<h4[^>]*>A heading ", render(folder))

    def test_the_alternative_texts_say_what_the_figures_show(self, folder):
        page = render(folder)
        assert alternative_text(page, "A row for each activation").endswith("goes from 1.50 (sine) to 64.0 (cosine).")
        assert alternative_text(page, "A panel for each activation").endswith("Below 0, cosine decreases somewhere.")

    def test_html_in_a_text_is_text(self, folder):
        page = render(folder)
        assert "&lt;b&gt;not bold&lt;/b&gt;" in page
        assert "<b>not bold" not in page


class TestMathematics:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_every_formula_of_the_pages_becomes_mathml(self, page):
        parts = split_at_equations((ROOT / f"docs/theory/{page.name}.md").read_text())
        rendered = [markdown(step["text"]) for step in parts]
        rendered += [latex(step["latex"], display=True) for step in parts if step["latex"]]
        rendered += [latex(identity.false_statement) for identity in page.identities]
        for text in rendered:
            assert re.findall(r"\\[a-zA-Z]+|[$&]", words(text)) == []
            assert "<merror" not in text

    @pytest.mark.parametrize("misprint", MISPRINTS, ids=lambda misprint: misprint.where)
    def test_every_formula_of_the_misprints_becomes_mathml(self, misprint):
        for text in map(markdown_line, (misprint.printed, misprint.right, misprint.used)):
            assert re.findall(r"\\[a-zA-Z]+|[$&]", words(text)) == []
            assert "<merror" not in text

    def test_a_line(self):
        assert markdown_line("“*ReLU*” & <i>").startswith("“<em>ReLU</em>” &amp; &lt;i&gt;")
        assert markdown_line("the map $x \\mapsto y$").startswith("the map <math>")

    def test_a_formula_on_its_own_line(self):
        assert 'display="block"' in markdown("$$\nx = y\n$$")
        assert "<math>" in markdown("so $x = y$.")
